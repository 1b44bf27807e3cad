# SPDX-License-Identifier: BSD-3-Clause
"""CategoricalHMM: what it promises, what it refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.hmm import CategoricalHMM, baum_welch
from byhand.utils.estimator import ConvergenceWarning, NotFittedError


def weather(**settings: Any) -> CategoricalHMM:
    """The friends of Wikipedia's "Viterbi algorithm": rainy, sunny; walk, shop, clean."""
    model = CategoricalHMM(2, **settings)
    model.startprob_ = np.array([0.6, 0.4])
    model.transmat_ = np.array([[0.7, 0.3], [0.4, 0.6]])
    model.emissionprob_ = np.array([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]])
    return model


def test_the_weather_of_wikipedia() -> None:
    model, X = weather(), [[0], [1], [2]]
    log_probability, states = model.decode(X)
    assert round(float(np.exp(log_probability)), 5) == 0.01344
    assert states.tolist() == [1, 0, 0]
    assert model.predict(X).tolist() == [1, 0, 0]
    expected = [[0.23170303, 0.76829697], [0.62406281, 0.37593719], [0.86397706, 0.13602294]]
    assert_allclose(model.predict_proba(X), expected, rtol=0, atol=1e-7)  # as printed


def test_map_decoding_takes_each_row_by_itself() -> None:
    model, X = weather(), [[0], [1], [2], [2], [0]]
    log_probability, states = model.decode(X, algorithm="map")
    assert_array_equal(states, model.predict_proba(X).argmax(axis=1))
    path = [model.startprob_[states[0]]]
    path += [model.transmat_[i, j] for i, j in pairwise(states)]
    path += [model.emissionprob_[z, x[0]] for z, x in zip(states, X, strict=True)]
    assert_allclose(log_probability, np.log(path).sum(), rtol=1e-12)
    assert_array_equal(weather(algorithm="map").predict(X), states)


def test_score_sums_over_all_paths(enumerate_paths: Any) -> None:
    model = weather()
    x = [0, 2, 1, 1, 2]
    exact = enumerate_paths(model.startprob_, model.transmat_, model.emissionprob_[:, x].T)
    assert_allclose(model.score(np.array(x)[:, None]), np.log(exact.likelihood), rtol=1e-12)
    log_likelihood, posterior = model.score_samples(np.array(x)[:, None])
    assert_allclose(log_likelihood, np.log(exact.likelihood), rtol=1e-12)
    assert_allclose(posterior, exact.gamma, rtol=1e-12)


def test_fit_takes_the_steps_of_baum_welch() -> None:
    model = weather(init_params="", n_iter=4, tol=0)
    X, _ = weather(random_state=0).sample(200)
    parts = [X[:120], X[120:]]
    plain = baum_welch(
        model.startprob_, model.transmat_, model.emissionprob_, parts, n_iter=4, tol=0
    )
    model.fit(parts)
    assert_allclose(model.startprob_, plain.startprob, rtol=1e-10)
    assert_allclose(model.transmat_, plain.transmat, rtol=1e-10)
    assert_allclose(model.emissionprob_, plain.emissionprob, rtol=1e-10)
    assert_allclose(model.history_, plain.history, rtol=1e-12)
    assert model.history_[-1] == pytest.approx(model.score(parts), rel=1e-12)


def test_lengths_and_a_list_of_sequences_are_the_same() -> None:
    X, _ = weather(random_state=1).sample(90)
    lengths = [50, 1, 39]
    parts = [X[:50], X[50:51], X[51:]]
    a = CategoricalHMM(2, random_state=0, n_iter=5, tol=0).fit(X, lengths)
    b = CategoricalHMM(2, random_state=0, n_iter=5, tol=0).fit(parts)
    c = CategoricalHMM(2, random_state=0, n_iter=5, tol=0).fit([p[:, 0] for p in parts])
    for other in (b, c):
        assert_array_equal(a.transmat_, other.transmat_)
        assert a.score(X, lengths) == other.score(parts)
    assert_array_equal(a.predict(X, lengths), a.predict(parts))


def test_the_objective_never_falls_and_is_that_of_the_model() -> None:
    X, _ = weather(random_state=2).sample(300)
    model = CategoricalHMM(
        3, random_state=0, n_iter=60, tol=0, transmat_prior=2.0, emissionprob_prior=1.5
    ).fit(X)
    assert np.diff(model.history_).min() > -1e-9
    prior = np.log(model.transmat_).sum() + 0.5 * np.log(model.emissionprob_).sum()
    assert_allclose(model.history_[-1], model.score(X) + prior, rtol=1e-12)


def test_structural_zeros_survive_training() -> None:
    model = CategoricalHMM(3, init_params="e", random_state=0, n_iter=20, tol=0, transmat_prior=3.0)
    model.startprob_ = np.array([1.0, 0, 0])
    model.transmat_ = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]])
    X = np.repeat([0, 1, 2], 30)[:, None]
    model.fit(X)
    assert_array_equal(model.transmat_ == 0, [[0, 0, 1], [1, 0, 0], [1, 1, 0]])
    assert_array_equal(model.startprob_, [1, 0, 0])


@pytest.mark.parametrize(("params", "learned"), [("s", 0), ("t", 1), ("e", 2)])
def test_params_says_what_is_learned(params: str, learned: int) -> None:
    model = weather(init_params="", params=params, n_iter=3, tol=0)
    model.fit(weather(random_state=0).sample(100)[0])
    names = ["startprob_", "transmat_", "emissionprob_"]
    moved = [not np.allclose(getattr(model, n), getattr(weather(), n), atol=1e-6) for n in names]
    assert moved == [i == learned for i in range(3)]


def test_a_missing_symbol_is_summed_over() -> None:
    model = weather()
    each = [np.exp(model.score(np.array([[0], [v], [1], [2]]))) for v in range(3)]
    assert_allclose(model.score(np.array([[0], [np.nan], [1], [2]])), np.log(sum(each)), rtol=1e-12)
    assert model.score([[np.nan]]) == pytest.approx(0.0, abs=1e-15)


def test_missing_symbols_add_nothing_to_the_emissions() -> None:
    X = np.array([0, np.nan, 1, 1, np.nan, 1])[:, None]
    model = CategoricalHMM(1, random_state=0).fit(X)
    assert_allclose(model.emissionprob_, [[0.25, 0.75]], rtol=1e-12)


def test_several_columns_are_several_symbols_of_one_step(enumerate_paths: Any) -> None:
    model = weather()
    X = np.array([[0, 1], [2, 2], [1, 0]])
    b = model.emissionprob_[:, X].prod(axis=2).T
    exact = enumerate_paths(model.startprob_, model.transmat_, b)
    assert_allclose(model.score(X), np.log(exact.likelihood), rtol=1e-12)
    assert_allclose(model.predict_proba(X), exact.gamma, rtol=1e-12)
    assert tuple(model.predict(X)) == exact.best


def test_an_impossible_sequence_scores_minus_infinity_without_nan() -> None:
    model = CategoricalHMM(2)
    model.startprob_, model.transmat_, model.emissionprob_ = np.eye(2)[0], np.eye(2), np.eye(2)
    assert model.score([[1]]) == -np.inf
    assert model.score([[0], [1], [0]], [1, 2]) == -np.inf
    log_probability, states = model.decode([[1]])
    assert log_probability == -np.inf
    assert states.shape == (1,)
    for method in (model.predict_proba, model.filter):
        with pytest.raises(ValueError, match="impossible"):
            method([[0], [1]])
    model.init_params = ""
    with pytest.raises(ValueError, match="impossible"):
        model.fit([[1]])


def test_a_sequence_of_length_one() -> None:
    model = weather()
    assert_allclose(model.score([[2]]), np.log(0.6 * 0.5 + 0.4 * 0.1), rtol=1e-12)
    assert model.predict([[2]]).tolist() == [0]
    CategoricalHMM(2, random_state=0, n_features=3).fit([[2]])


def test_stationary_distribution() -> None:
    assert_allclose(weather().stationary_distribution(), [4 / 7, 3 / 7], rtol=1e-12)
    assert_allclose(weather().get_stationary_distribution(), [4 / 7, 3 / 7], rtol=1e-12)


def test_information_criteria_count_the_free_parameters() -> None:
    model, X = weather(), [[0], [1], [2], [0]]
    n_free = 1 + 2 + 2 * 2
    assert_allclose(model.aic(X), -2 * model.score(X) + 2 * n_free)
    assert_allclose(model.bic(X), -2 * model.score(X) + np.log(4) * n_free)


def test_samples_have_the_frequencies_of_the_model() -> None:
    model = weather()
    X, states = model.sample(20000, random_state=0)
    assert X.shape == (20000, 1)
    assert X.dtype == np.int64
    moves = np.zeros((2, 2))
    np.add.at(moves, (states[:-1], states[1:]), 1)
    # five standard errors of a share of some 8000 draws
    assert_allclose(moves / moves.sum(axis=1, keepdims=True), model.transmat_, atol=0.028)
    shares = [np.bincount(X[states == k, 0], minlength=3) / (states == k).sum() for k in (0, 1)]
    assert_allclose(shares, model.emissionprob_, atol=0.028)


def test_sampling_goes_on_from_a_state() -> None:
    model = weather(random_state=3)
    assert model.sample(5, currstate=1)[1][0] == 1
    assert_array_equal(model.sample(50)[0], model.sample(50)[0])


def test_planted_parameters_are_found_again() -> None:
    true = CategoricalHMM(2)
    true.startprob_ = np.array([0.5, 0.5])
    true.transmat_ = np.array([[0.95, 0.05], [0.1, 0.9]])
    true.emissionprob_ = np.array([[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]])
    X, _ = true.sample(20000, random_state=0)
    model = CategoricalHMM(2, n_init=3, random_state=0, n_iter=200, tol=1e-3).fit(X)
    order = np.argsort(-model.emissionprob_[:, 0])
    assert_allclose(model.transmat_[order][:, order], true.transmat_, atol=0.02)
    assert_allclose(model.emissionprob_[order], true.emissionprob_, atol=0.02)


def test_a_state_that_loses_its_data_is_reported_and_stays_finite() -> None:
    model = CategoricalHMM(2, init_params="", n_iter=3, tol=0)
    model.startprob_, model.transmat_ = np.array([1.0, 0]), np.array([[1.0, 0], [0.5, 0.5]])
    model.emissionprob_ = np.array([[0.5, 0.5], [0.3, 0.7]])
    with pytest.warns(ConvergenceWarning, match=r"states \[1\] lost"):
        model.fit([[0], [1], [1]])
    assert_allclose(model.emissionprob_[1], [0.3, 0.7])
    assert_allclose(model.transmat_[1], [0.5, 0.5])


def test_stopping_at_n_iter_is_reported() -> None:
    X, _ = weather(random_state=0).sample(200)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        CategoricalHMM(3, random_state=0, n_iter=1, tol=1e-9).fit(X)
    with pytest.warns(ConvergenceWarning, match="n_iter=2"):
        CategoricalHMM(3, random_state=0, n_iter=2, tol=1e-9, n_init=2).fit(X)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[0], [-1]], ValueError, r"Negative values in data .*\(X\)"),
        ([[0], [0.5]], TypeError, "X must hold whole numbers"),
        ([0, 1], ValueError, "Reshape your data"),
        (np.zeros((2, 1, 1)), ValueError, "Expected 2D array, got 3D"),
        (np.zeros((0, 1)), ValueError, "X"),
        ([[np.inf]], ValueError, "X contains infinity"),
        ([[1j]], ValueError, "Complex"),
        ([["a"]], TypeError, "X must hold numbers"),
        ([[0], [0, 1]], ValueError, "X"),
        (np.ma.masked_array([[0]]), TypeError, "masked"),
    ],
)
def test_wrong_observations_are_refused(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CategoricalHMM(1).fit(X)
    with pytest.raises(error, match=message):
        weather().score(X)


def test_a_sequence_written_as_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="a sequence is a column"):
        CategoricalHMM(2).fit([[0, 1, 2, 0]])


def test_a_symbol_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="below 3"):
        weather().predict([[3]])
    with pytest.raises(ValueError, match="below 2"):
        CategoricalHMM(1, n_features=2).fit([[2]])


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([2, 2], ValueError, "lengths must sum to 3"),
        ([3, 0], ValueError, "lengths must hold numbers >= 1"),
        ([-1, 4], ValueError, "lengths must hold numbers >= 1"),
        ([1.5, 1.5], TypeError, "lengths must hold whole numbers"),
        ([[3]], ValueError, "lengths"),
    ],
)
def test_wrong_lengths_are_refused(lengths: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CategoricalHMM(1).fit([[0], [1], [0]], lengths)


def test_lengths_beside_a_list_of_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths must be None"):
        CategoricalHMM(1).fit([np.array([0, 1])], [2])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components"),
        ({"n_components": 2.5}, TypeError, "n_components"),
        ({"n_iter": 0}, ValueError, "n_iter"),
        ({"n_iter": -1}, ValueError, "n_iter"),
        ({"tol": float("nan")}, ValueError, "tol"),
        ({"n_init": 0}, ValueError, "n_init"),
        ({"algorithm": "best"}, ValueError, "'viterbi', 'map'"),
        ({"params": "x"}, ValueError, "params must be made of the letters"),
        ({"init_params": 3}, TypeError, "init_params"),
        ({"startprob_prior": -1.0}, ValueError, "startprob_prior must be > 0"),
        ({"transmat_prior": np.ones(3)}, ValueError, "transmat_prior"),
        ({"n_features": 0}, ValueError, "n_features"),
        ({"random_state": "seed"}, TypeError, "random_state"),
    ],
)
def test_wrong_settings_are_refused_in_fit(
    settings: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        CategoricalHMM(**{"n_components": 2} | settings).fit([[0], [1]])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("startprob_", [], "startprob_"),
        ("startprob_", [0.5, 0.6], "startprob_ must sum to 1"),
        ("startprob_", [1.2, -0.2], "startprob_ must hold probabilities >= 0"),
        ("transmat_", np.eye(3), r"transmat_ must have shape \(2, 2\)"),
        ("transmat_", [[0.5, 0.5], [0.5, 0.6]], "row 1 of transmat_ sums to 1.1"),
        ("emissionprob_", [[0.5, 0.5]], "emissionprob_"),
        ("emissionprob_", [[0.5, 0.6], [0.5, 0.5]], "row 0 of emissionprob_"),
        ("emissionprob_", [[np.nan, 0.6], [0.5, 0.5]], "emissionprob_"),
    ],
)
def test_wrong_attributes_are_refused_by_name(name: str, value: Any, message: str) -> None:
    model = weather()
    setattr(model, name, value)
    for method in (model.score, model.predict, model.predict_proba, model.filter):
        with pytest.raises(ValueError, match=message):
            method([[0]])


def test_use_before_fit_is_refused() -> None:
    for name in ("score", "predict", "decode", "filter", "predict_next", "score_samples", "aic"):
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(CategoricalHMM(2), name)([[0]])
    model = CategoricalHMM(1)
    model.startprob_, model.transmat_ = np.ones(1), np.ones((1, 1))
    with pytest.raises(NotFittedError, match="emissionprob_"):
        model.sample(1)


def test_nothing_of_the_caller_is_written() -> None:
    X = np.array([[0], [1], [1], [0]])
    before = X.copy()
    prior = np.full((2, 2), 1.5)
    model = CategoricalHMM(2, random_state=0, n_iter=3, tol=0, transmat_prior=prior).fit(X)
    start = model.startprob_.copy()
    model.score(X), model.predict(X), model.filter(X), model.predict_proba(X)
    assert_array_equal(X, before)
    assert_array_equal(prior, np.full((2, 2), 1.5))
    assert_array_equal(model.startprob_, start)
    X.setflags(write=False)
    model.fit(X)
