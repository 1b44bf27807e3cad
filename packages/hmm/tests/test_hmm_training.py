# SPDX-License-Identifier: BSD-3-Clause
"""Restarts, labelled states, weights, shards, streams, callbacks: all ways to learn."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import byhand.hmm.base
import byhand.hmm.shards
from byhand.hmm import GMMHMM, CategoricalHMM, GaussianHMM, MultinomialHMM, PoissonHMM
from byhand.utils.estimator import clone


@pytest.fixture(scope="module")
def coins() -> tuple[Any, Any, list[int]]:
    model = CategoricalHMM(2)
    model.startprob_ = np.array([0.6, 0.4])
    model.transmat_ = np.array([[0.8, 0.2], [0.3, 0.7]])
    model.emissionprob_ = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    X, Z = model.sample(1200, random_state=0)
    return X, Z, [500, 400, 300]


def made(kind: type[Any], **settings: Any) -> tuple[Any, Any]:
    """A model and data with two obvious states, the second from row 60 on."""
    rng = np.random.default_rng(0)
    late = np.repeat([0, 1], 60)[:, None]
    data: Any = {
        CategoricalHMM: rng.integers(0, 3, (120, 1)) + 3 * late,
        GaussianHMM: rng.normal(size=(120, 2)) + 6 * late,
        GMMHMM: rng.normal(size=(120, 2)) + 6 * late + rng.choice([-2, 2], (120, 1)),
        PoissonHMM: rng.poisson(2 + 10 * late),
        MultinomialHMM: np.stack([rng.binomial(9, 0.2 + 0.6 * late[:, 0])] * 2, axis=1),
    }[kind]
    if kind is MultinomialHMM:
        data[:, 1] = 9 - data[:, 0]
    if kind is GMMHMM:
        settings = {"n_mix": 2} | settings
    return kind(2, random_state=0, **settings), data


EVERY = [CategoricalHMM, GaussianHMM, GMMHMM, MultinomialHMM, PoissonHMM]


@pytest.mark.parametrize("kind", EVERY)
def test_two_obvious_states_are_found(kind: type[Any]) -> None:
    model, X = made(kind, n_init=4, n_iter=300)
    states = model.fit(X).predict(X)
    assert (states[:60] == states[0]).mean() > 0.95
    assert (states[60:] != states[0]).mean() > 0.95
    assert np.diff(model.history_).min() > -1e-9
    assert model.n_features in (1, 2, None)


@pytest.mark.parametrize("kind", EVERY)
def test_known_states_give_the_ratios_of_counts(kind: type[Any]) -> None:
    model, X = made(kind, n_iter=300)
    Z = np.repeat([0, 1], 60)
    model.fit(X, states=Z)
    assert_allclose(model.transmat_, np.array([[59 / 60, 1 / 60], [0, 1]]), rtol=1e-12)
    assert_array_equal(model.startprob_, [1, 0])
    if kind is CategoricalHMM:
        assert_allclose(model.emissionprob_[0], np.bincount(X[:60, 0], minlength=6) / 60)
    if kind is GaussianHMM:
        assert_allclose(model.means_, [X[:60].mean(axis=0), X[60:].mean(axis=0)], rtol=1e-10)
    if kind is PoissonHMM:
        assert_allclose(model.lambdas_, [X[:60].mean(axis=0), X[60:].mean(axis=0)], rtol=1e-12)
    if kind is MultinomialHMM:
        assert_allclose(model.emissionprob_[1], X[60:].sum(axis=0) / (60 * 9), rtol=1e-12)


def test_known_states_of_several_cut_sequences(coins: Any) -> None:
    X, Z, lengths = coins
    model = CategoricalHMM(2).fit(X, lengths, states=Z)
    moves, start = np.zeros((2, 2)), np.zeros(2)
    for z in np.split(Z, np.cumsum(lengths)[:-1]):
        start[z[0]] += 1
        np.add.at(moves, (z[:-1], z[1:]), 1)
    assert_allclose(model.transmat_, moves / moves.sum(axis=1, keepdims=True), rtol=1e-12)
    assert_allclose(model.startprob_, start / 3, rtol=1e-12)
    parts = np.split(X, np.cumsum(lengths)[:-1])
    labels = np.split(Z, np.cumsum(lengths)[:-1])
    again = CategoricalHMM(2).fit(parts, states=labels)
    assert_array_equal(again.transmat_, model.transmat_)


@pytest.mark.parametrize(
    ("states", "error", "message"),
    [
        ([0, 1], ValueError, "states must hold one state for each of 3 rows"),
        ([0, 1, 2], ValueError, "states must be 0 to n_components - 1 = 1"),
        ([0, 1, -1], ValueError, "states must be 0"),
        ([0, 1, 0.5], TypeError, "states must hold whole numbers"),
    ],
)
def test_wrong_states_are_refused(states: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CategoricalHMM(2).fit([[0], [1], [1]], states=states)


@pytest.mark.parametrize("kind", EVERY)
def test_restarts_together_equal_restarts_one_by_one(kind: type[Any], monkeypatch: Any) -> None:
    model, X = made(kind, n_init=3, n_iter=300)
    together = clone(model).fit(X, [70, 50])
    monkeypatch.setattr(byhand.hmm.base, "TOGETHER", 0)
    alone = clone(model).fit(X, [70, 50])
    # several starts may end at the same model, and rounding then decides which is the best
    assert_allclose(together.history_[-1], alone.history_[-1], rtol=1e-6)


def test_more_starts_are_never_worse(coins: Any) -> None:
    X, _, lengths = coins
    best = [
        CategoricalHMM(3, n_init=n, random_state=0, n_iter=300, tol=0.1)
        .fit(X, lengths)
        .history_[-1]
        for n in (1, 4)
    ]
    assert best[1] >= best[0]


def test_a_weight_of_two_is_a_sequence_twice_and_of_zero_one_removed(coins: Any) -> None:
    X, _, lengths = coins
    parts = np.split(X, np.cumsum(lengths)[:-1])
    settings: Any = {"n_iter": 6, "tol": 0, "init_params": ""}
    models = []
    for data, weight in ((parts, [2, 0, 1]), ([parts[0], parts[0], parts[2]], None)):
        model = CategoricalHMM(2, **settings)
        model.startprob_, model.transmat_ = np.array([0.5, 0.5]), np.array([[0.6, 0.4], [0.3, 0.7]])
        model.emissionprob_ = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
        models.append(model.fit(data, sequence_weight=weight))
    a, b = models
    assert_allclose(a.history_, b.history_, rtol=1e-12)
    assert_allclose(a.emissionprob_, b.emissionprob_, rtol=1e-10)


def test_a_sequence_of_weight_zero_may_be_impossible() -> None:
    model = CategoricalHMM(1, init_params="", n_iter=2, tol=0)
    model.startprob_, model.transmat_ = np.ones(1), np.ones((1, 1))
    model.emissionprob_ = np.array([[0.5, 0.5, 0.0]])
    model.fit([np.array([0, 1, 1]), np.array([2])], sequence_weight=[1, 0])
    assert_allclose(model.emissionprob_, np.array([[1 / 3, 2 / 3, 0]]), rtol=1e-12)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 1], "one weight for each of the 3"),
        ([1, -1, 1], ">= 0"),
        ([0, 0, 0], "not all of them 0"),
    ],
)
def test_wrong_weights_are_refused(coins: Any, weight: Any, message: str) -> None:
    X, _, lengths = coins
    with pytest.raises(ValueError, match=message):
        CategoricalHMM(2).fit(X, lengths, sequence_weight=weight)
    with pytest.raises(ValueError, match="sequence_weight"):
        CategoricalHMM(2).fit(X, lengths, sequence_weight=[np.nan, 1, 1])


@pytest.mark.parametrize("kind", EVERY)
def test_executors_give_the_same_bits(kind: type[Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(byhand.hmm.shards, "ROWS", 30)
    model, X = made(kind, n_iter=3, tol=0)
    lengths = [20, 25, 15, 40, 20]
    serial = clone(model).fit(X, lengths)
    with ThreadPoolExecutor(2) as pool:
        threads = clone(model).fit(X, lengths, executor=pool)
    assert serial.history_ == threads.history_
    assert_array_equal(serial.transmat_, threads.transmat_)
    monkeypatch.setattr(byhand.hmm.shards, "ROWS", 10**9)
    whole = clone(model).fit(X, lengths)
    assert_allclose(serial.history_, whole.history_, rtol=1e-10)


def test_files_functions_and_pairs_are_shards(coins: Any, tmp_path: Any) -> None:
    X, _, lengths = coins
    parts = np.split(X, np.cumsum(lengths)[:-1])
    paths = []
    for i, part in enumerate(parts):
        paths.append(tmp_path / f"{i}.npy")
        np.save(paths[-1], part)
    settings: Any = {"n_iter": 4, "tol": 0, "random_state": 0}
    by_path = CategoricalHMM(2, **settings).fit(paths)
    calls: Any = [lambda p=p: p for p in parts]
    by_call = CategoricalHMM(2, **settings).fit(calls)
    by_pair = CategoricalHMM(2, **settings).fit([(X[:900], [500, 400]), (X[900:], [300])])
    with ProcessPoolExecutor(1) as pool:
        elsewhere = CategoricalHMM(2, **settings).fit(paths, executor=pool)
    assert by_path.history_ == by_call.history_ == elsewhere.history_
    assert_allclose(by_pair.history_, by_path.history_, rtol=1e-10)
    assert_array_equal(by_path.emissionprob_, elsewhere.emissionprob_)
    assert_allclose(by_path.score(parts), by_path.history_[-1], rtol=1e-10)
    with pytest.raises(ValueError, match="None for shards"):
        CategoricalHMM(2).fit(paths, sequence_weight=[1, 1, 1])


def test_a_callback_sees_every_step_and_may_stop(coins: Any) -> None:
    X, _, lengths = coins
    seen: list[Any] = []

    def callback(model: Any, info: Any) -> bool:
        seen.append(info)
        return bool(info["iteration"] == 3)

    model = CategoricalHMM(2, random_state=0, n_iter=50, tol=0).fit(X, lengths, callback=callback)
    assert [info["iteration"] for info in seen] == [1, 2, 3]
    assert model.n_iter_ == 3
    assert [info["objective"] for info in seen] == model.history_[1:]
    assert seen[-1]["max_iter"] == 50
    assert_array_equal(seen[-1]["params"].transmat, model.transmat_)
    several = CategoricalHMM(2, random_state=0, n_iter=50, tol=0, n_init=2)
    seen.clear()
    assert several.fit(X, lengths, callback=callback).n_iter_ == 3


def test_an_interrupt_leaves_the_old_model(coins: Any) -> None:
    X, _, lengths = coins
    model = CategoricalHMM(2, random_state=0, n_iter=3, tol=0).fit(X, lengths)
    before = dict(vars(model))

    def interrupt(model: Any, info: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:500], callback=interrupt)
    assert vars(model) == before


@pytest.mark.parametrize("kind", EVERY)
def test_a_stream_of_batches_learns(kind: type[Any]) -> None:
    model, X = made(kind)
    if kind is CategoricalHMM:
        model.set_params(n_features=6)
    model = model.fit(X) if kind is GMMHMM else model
    start = model.partial_fit(X)
    first = start.score(X)
    for _ in range(10):
        model.partial_fit(X)
    assert model.score(X) >= first - 1e-9
    assert len(model.history_) == 11
    assert pickle.loads(pickle.dumps(model)).partial_fit(X).n_iter_ == 12


def test_one_batch_is_one_step_of_em(coins: Any) -> None:
    X, _, lengths = coins
    fitted = CategoricalHMM(2, random_state=0, n_iter=1, tol=0).fit(X, lengths)
    stepped = CategoricalHMM(2, random_state=0).partial_fit(X, lengths)
    assert_allclose(stepped.transmat_, fitted.transmat_, rtol=1e-12)
    assert stepped.history_[0] == fitted.history_[0]


def test_batches_are_mixed_by_the_step_size(coins: Any) -> None:
    X, _, _ = coins
    model = CategoricalHMM(1, n_features=3)
    a, b = X[:600], X[600:1000]
    model.partial_fit(a).partial_fit(b)
    eta = 2.0**-0.7
    share = [np.bincount(part[:, 0], minlength=3) / len(part) for part in (a, b)]
    assert_allclose(model.emissionprob_[0], (1 - eta) * share[0] + eta * share[1], rtol=1e-12)


def test_filter_and_prediction_go_on_from_a_belief(coins: Any) -> None:
    X, Z, lengths = coins
    model = CategoricalHMM(2).fit(X, lengths, states=Z)
    whole = model.filter(X[:30])
    belief, rows = None, []
    for x in X[:30]:
        rows.append(model.filter(x[None], belief=belief)[0])
        belief = rows[-1]
    assert_allclose(rows, whole, rtol=1e-12)
    assert_allclose(model.filter(X[:30])[-1], model.predict_proba(X[:30])[-1], rtol=1e-12)
    assert_allclose(model.predict_next(X[:30]), whole @ model.transmat_, rtol=1e-12)
    changed = X[:30].copy()
    changed[20:] = 2 - changed[20:]
    assert_array_equal(model.filter(changed)[:20], whole[:20])
    with pytest.raises(ValueError, match="belief must sum to 1"):
        model.filter(X[:2], belief=[0.5, 0.6])


def test_predictions_of_the_next_symbol_multiply_to_the_likelihood(coins: Any) -> None:
    X, Z, lengths = coins
    model = CategoricalHMM(2).fit(X, lengths, states=Z)
    x = X[:50, 0]
    p = model.predict_next(X[:50]) @ model.emissionprob_
    first = np.log((model.startprob_ @ model.emissionprob_)[x[0]])
    assert_allclose(first + np.log(p[np.arange(49), x[1:]]).sum(), model.score(X[:50]), rtol=1e-12)


def test_states_of_sequences_have_the_lengths_of_the_sequences() -> None:
    parts = [np.array([[0], [1], [1]]), np.array([[1], [0]])]
    with pytest.raises(ValueError, match=r"one array for each sequence, of lengths \[3, 2\]"):
        CategoricalHMM(2).fit(parts, states=[[0, 1], [1, 0, 1]])
    a = CategoricalHMM(2).fit(parts, states=[[0, 1, 1], [1, 0]])
    b = CategoricalHMM(2).fit(parts, states=np.array([0, 1, 1, 1, 0]))
    assert_array_equal(a.transmat_, b.transmat_)


def test_a_later_batch_with_new_symbols_is_refused() -> None:
    x = np.array([0, 1, 0, 1, 1])[:, None]
    model = CategoricalHMM(2, random_state=0).partial_fit(x)
    with pytest.raises(ValueError, match="X must hold symbols below 2"):
        model.partial_fit(x + 1)
