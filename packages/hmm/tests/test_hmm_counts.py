# SPDX-License-Identifier: BSD-3-Clause
"""Poisson and multinomial states against densities written out, and the earthquakes of the book."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.hmm import GMMHMM, CategoricalHMM, GaussianHMM, MultinomialHMM, PoissonHMM
from byhand_testkit import earthquakes


def test_poisson_scores_sum_over_all_paths(enumerate_paths: Any) -> None:
    model = PoissonHMM(2)
    model.startprob_, model.transmat_ = np.array([0.3, 0.7]), np.array([[0.6, 0.4], [0.1, 0.9]])
    model.lambdas_ = np.array([[1.0, 3.0], [4.0, 0.0]])
    X = np.array([[0, 2], [3, 0], [1, 1], [5, 0]])
    b = [
        [
            np.prod(
                [lam**x / factorial(int(x)) * np.exp(-lam) for x, lam in zip(row, m, strict=True)]
            )
            for m in model.lambdas_
        ]
        for row in X
    ]
    exact = enumerate_paths(model.startprob_, model.transmat_, b)
    assert_allclose(model.score(X), np.log(exact.likelihood), rtol=1e-12)
    assert_allclose(model.predict_proba(X), exact.gamma, rtol=1e-12, atol=1e-15)


def test_a_missing_count_is_summed_over() -> None:
    model = PoissonHMM(2)
    model.startprob_, model.transmat_ = np.array([0.3, 0.7]), np.array([[0.6, 0.4], [0.1, 0.9]])
    model.lambdas_ = np.array([[1.0, 3.0], [4.0, 2.0]])
    rows = np.array([[1, 2], [0, 1], [2, 2]], dtype=float)
    each = []
    for v in range(60):
        rows[1, 0] = v
        each.append(np.exp(model.score(rows)))
    rows[1, 0] = np.nan
    assert_allclose(model.score(rows), np.log(sum(each)), rtol=1e-12)


def test_a_gamma_prior_is_counts_seen_beforehand() -> None:
    X = np.array([[3], [5], [4]])
    model = PoissonHMM(1, lambdas_prior=8.0, lambdas_weight=1.0, random_state=0).fit(X)
    assert_allclose(model.lambdas_, [[(8 + 12) / (1 + 3)]], rtol=1e-12)


def test_one_trial_is_a_categorical() -> None:
    x = np.random.default_rng(0).integers(0, 3, 40)
    models: list[Any] = [CategoricalHMM(2), MultinomialHMM(2, n_trials=1)]
    for model in models:
        model.startprob_ = np.array([0.3, 0.7])
        model.transmat_ = np.array([[0.6, 0.4], [0.1, 0.9]])
        model.emissionprob_ = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0.0]])
        model.set_params(init_params="", n_iter=3, tol=0)
    categorical, multinomial = models
    assert_allclose(multinomial.score(np.eye(3)[x]), categorical.score(x[:, None]), rtol=1e-12)
    categorical.fit(x[:, None])
    multinomial.fit(np.eye(3)[x])
    assert_allclose(multinomial.emissionprob_, categorical.emissionprob_, rtol=1e-10)


def test_multinomial_coefficients() -> None:
    model = MultinomialHMM(1)
    model.startprob_, model.transmat_ = np.ones(1), np.ones((1, 1))
    model.emissionprob_ = np.array([[0.2, 0.3, 0.5]])
    p = factorial(6) / (2 * 6 * 1) * 0.2**2 * 0.3**3 * 0.5
    assert_allclose(model.score([[2, 3, 1]]), np.log(p), rtol=1e-12)
    assert model.score(np.full((1, 3), np.nan)) == 0.0


@pytest.mark.parametrize(
    ("model", "X", "error", "message"),
    [
        (PoissonHMM(1), [[-1]], ValueError, "Negative values in data"),
        (PoissonHMM(1), [[0.5]], TypeError, "X must hold whole numbers"),
        (PoissonHMM(1, lambdas_prior=-1.0), [[1]], ValueError, "lambdas_prior"),
        (PoissonHMM(2, lambdas_weight=np.ones(3)), [[1]], ValueError, "lambdas_weight"),
        (MultinomialHMM(1, n_trials=3), [[1, 1]], ValueError, "add up to the number of trials"),
        (MultinomialHMM(1), [[1.0, np.nan]], ValueError, "row 0"),
        (MultinomialHMM(1, n_trials=0), [[1, 1]], ValueError, "n_trials"),
        (MultinomialHMM(1, n_trials=1.5), [[1, 1]], TypeError, "n_trials"),
        (GMMHMM(1, n_mix=0), [[1.0]], ValueError, "n_mix"),
        (GMMHMM(1, n_mix=3), [[1.0], [2.0]], ValueError, "n_samples = 2"),
        (GaussianHMM(1), [[np.nan], [np.nan]], ValueError, "not NaN"),
        (CategoricalHMM(1), [[np.nan]], ValueError, "not missing"),
    ],
)
def test_wrong_data_and_settings_are_refused(
    model: Any, X: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model.fit(np.array(X))


def test_samples_of_counts_have_the_right_means() -> None:
    poisson = PoissonHMM(1)
    poisson.startprob_, poisson.transmat_ = np.ones(1), np.ones((1, 1))
    poisson.lambdas_ = np.array([[2.0, 7.0]])
    X, _ = poisson.sample(20000, random_state=0)
    assert_allclose(X.mean(axis=0), [2, 7], atol=5 * np.sqrt(7 / 20000))
    many = MultinomialHMM(1, n_trials=5)
    many.startprob_, many.transmat_ = np.ones(1), np.ones((1, 1))
    many.emissionprob_ = np.array([[0.2, 0.8]])
    X, _ = many.sample(1000, random_state=0)
    assert_array_equal(X.sum(axis=1), 5)
    assert_allclose(X.mean(axis=0), [1, 4], atol=5 * np.sqrt(0.8 / 1000))


@pytest.mark.parametrize(
    ("K", "minus_log_likelihood", "means"),
    [
        (1, 391.9189, [19.364]),
        (2, 341.8787, [15.421, 26.018]),
        (3, 328.5275, [13.134, 19.713, 29.710]),
    ],
)
def test_the_earthquakes_of_zucchini_macdonald_and_langrock(
    K: int, minus_log_likelihood: float, means: list[float]
) -> None:
    """Fits by EM as the book prints them, chapters 3 and 4."""
    counts = earthquakes()[:, None]
    model = PoissonHMM(K, n_init=5, random_state=0, n_iter=500, tol=1e-7).fit(counts)
    assert_allclose(-model.history_[-1], minus_log_likelihood, rtol=0, atol=6e-5)  # as printed
    assert_allclose(np.sort(model.lambdas_.ravel()), means, rtol=0, atol=6e-4)
    if K == 3:
        order = np.argsort(model.lambdas_.ravel())
        printed = [[0.9393, 0.0321, 0.0286], [0.0404, 0.9064, 0.0532], [0, 0.1903, 0.8097]]
        assert_allclose(model.transmat_[order][:, order], printed, rtol=0, atol=6e-5)
