# SPDX-License-Identifier: BSD-3-Clause
"""Claims of conditional distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from byhand.gmm import GaussianMixture, conditional


def mixture_of(p: Any) -> GaussianMixture:
    return GaussianMixture.from_parameters(p.weights, p.means, p.covariances, p.covariance_type)


@pytest.mark.parametrize("given", [[0], [2, 0], [1, 3]])
def test_conditional_density_is_joint_over_marginal(
    kind: str, given: list[int], some_params: Any, covariance_matrix: Any
) -> None:
    """p(x_m | x_o) p(x_o) = p(x), at random points."""
    p = some_params(kind, 4)
    g = mixture_of(p)
    rng = np.random.default_rng(0)
    X = 2 * rng.normal(size=(10, 4))
    rest = [i for i in range(4) if i not in given]
    full = np.array([covariance_matrix(kind, p.covariances, k, 4) for k in range(3)])
    marginal = GaussianMixture.from_parameters(
        p.weights, p.means[:, given], full[np.ix_(range(3), given, given)]
    )
    answer = conditional(g, X[:, given], given)
    for i in range(10):
        slice_ = GaussianMixture.from_parameters(
            answer.weights[i], answer.means[i], answer.covariances
        )
        got = slice_.score(X[[i]][:, rest]) + marginal.score(X[[i]][:, given])
        assert_allclose(got, g.score(X[[i]]), rtol=1e-10)


def test_mean_and_covariance_are_those_of_draws_near_the_given_value(some_params: Any) -> None:
    """Rejection: of many samples, those whose given feature lies close to the value."""
    p = some_params("full", 2)
    g = mixture_of(p).set_params(random_state=0)
    X, _ = g.sample(400_000)
    at = float(np.median(X[:, 0]))
    near = X[np.abs(X[:, 0] - at) < 0.02, 1]
    answer = conditional(g, [[at]], [0])
    variance = answer.covariance()[0, 0, 0]
    assert abs(near.mean() - answer.mean()[0, 0]) < 4 * np.sqrt(variance / len(near)) + 0.01
    assert_allclose(near.var(), variance, rtol=0.06)  # 4 sigma of about 4000 draws


def test_one_gaussian_fitted_by_em_is_linear_regression() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = X @ [1.0, -2.0] + 0.5 + 0.1 * rng.normal(size=200)
    g = GaussianMixture(1, reg_covar=0.0).fit(np.c_[X, y])
    beta, residual, *_ = np.linalg.lstsq(np.c_[X, np.ones(200)], y)
    answer = conditional(g, X, [0, 1])
    assert_allclose(answer.mean()[:, 0], np.c_[X, np.ones(200)] @ beta, rtol=1e-8)
    assert_allclose(answer.covariance()[:, 0, 0], residual[0] / 200, rtol=1e-8)


def test_order_of_the_given_features_is_that_of_the_columns(some_params: Any) -> None:
    g = mixture_of(some_params("full", 4))
    a, b = conditional(g, [[0.5, -1.0]], [2, 0]), conditional(g, [[-1.0, 0.5]], [0, 2])
    assert_allclose(a.means, b.means, rtol=1e-12)
    assert_allclose(a.weights, b.weights, rtol=1e-12)


def test_conditional_weights_far_away_are_no_nan(some_params: Any) -> None:
    answer = conditional(mixture_of(some_params("full")), [[1e200, 0.0]], [0, 1])
    assert_allclose(answer.weights.sum(), 1.0)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([0, 0], "distinct numbers of features from 0 to 2"),
        ([3], "distinct numbers of features from 0 to 2"),
        ([-1], "distinct numbers"),
        ([0, 1, 2], "leave out at least one of the 3 features"),
        ([], "list of feature numbers"),
        ([0.5], "list of feature numbers"),
        (0, "list of feature numbers"),
    ],
)
def test_wrong_given_features_are_named(given: Any, match: str, some_params: Any) -> None:
    with pytest.raises(ValueError, match=match):
        conditional(mixture_of(some_params("full")), [[0.0]], given)


def test_wrong_width_names_both(some_params: Any) -> None:
    with pytest.raises(ValueError, match=r"X must have 2 columns, one for each .* got 1"):
        conditional(mixture_of(some_params("full")), [[0.0]], [0, 1])
