# SPDX-License-Identifier: BSD-3-Clause
"""Claims of Gaussian mixtures with missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import GaussianMixture, impute
from byhand.gmm.missing import missing_e_step

F = NDArray[np.float64]


def with_holes(X: F, share: float = 0.3, seed: int = 5) -> F:
    X = X.copy()
    X[np.random.default_rng(seed).random(X.shape) < share] = np.nan
    return X


def marginal_log_density(x: F, pi: F, mu: F, S: list[F]) -> float:
    """Log-density of the observed values of a row, straight from the formula."""
    o = np.flatnonzero(~np.isnan(x))
    p = 0.0
    for k in range(len(pi)):
        d, S_oo = x[o] - mu[k, o], S[k][np.ix_(o, o)]
        root = np.sqrt(np.linalg.det(2 * np.pi * S_oo))
        p += pi[k] * np.exp(-0.5 * d @ np.linalg.solve(S_oo, d)) / root
    return float(np.log(p))


@pytest.fixture
def mixture(kind: str, some_params: Any) -> GaussianMixture:
    p = some_params(kind)
    return GaussianMixture.from_parameters(
        p.weights, p.means, p.covariances, kind, allow_nan=True, random_state=0
    )


def test_score_is_the_marginal_density_of_what_was_observed(
    mixture: GaussianMixture, kind: str, blobs: Any, covariance_matrix: Any
) -> None:
    X = with_holes(blobs(40))
    assert np.isnan(X).all(axis=1).any()  # a row of which nothing is known
    S = [covariance_matrix(kind, mixture.covariances_, k, 3) for k in range(3)]
    expected = [marginal_log_density(x, mixture.weights_, mixture.means_, S) for x in X]
    assert_allclose(mixture.score_samples(X), expected, rtol=1e-11, atol=1e-12)


def test_marginal_density_is_the_integral_of_the_joint_one(
    mixture: GaussianMixture, some_params: Any
) -> None:
    x = np.array([[0.3, np.nan, -0.8]])
    grid = np.linspace(-40, 40, 8001)
    filled = np.repeat(x, len(grid), axis=0)
    filled[:, 1] = grid
    integral = np.exp(mixture.score_samples(filled)).sum() * (grid[1] - grid[0])
    assert_allclose(np.exp(mixture.score_samples(x)), integral, rtol=1e-10)


def test_row_of_which_nothing_is_known_has_the_mixture_weights(mixture: GaussianMixture) -> None:
    nothing = np.full((1, 3), np.nan)
    assert_allclose(mixture.predict_proba(nothing)[0], mixture.weights_, rtol=1e-13)
    assert_allclose(mixture.score_samples(nothing), 0.0, atol=1e-14)
    assert_allclose(impute(mixture, nothing)[0], mixture.weights_ @ mixture.means_, rtol=1e-12)


def test_statistics_of_whole_rows_are_those_of_the_fast_path(
    kind: str, blobs: Any, some_params: Any
) -> None:
    from byhand.gmm import gaussian_mixture_e_step

    X, params = blobs(60), some_params(kind)
    w = np.random.default_rng(0).random(60)
    a, b = missing_e_step(params, X, w), gaussian_mixture_e_step(params, X, w)
    assert_allclose(a.objective, b.objective, rtol=1e-12)
    for name in ("n", "mean", "scatter"):
        assert_allclose(getattr(a.moments, name), getattr(b.moments, name), rtol=1e-10)


def test_expected_statistics_are_means_over_draws_of_what_is_missing(
    blobs: Any, some_params: Any
) -> None:
    """Monte Carlo: fill each row by draws from its conditional distribution, 4 sigma."""
    params = some_params("full")
    X = with_holes(blobs(3), 0.5)
    X[0] = [0.5, np.nan, 1.0]
    draws = 20_000
    rng = np.random.default_rng(0)
    stats = missing_e_step(params, X, None)
    total, square = np.zeros((3, 3)), np.zeros((3, 3))  # sum_n r_nk x_n
    for x in X:
        m = np.isnan(x)
        o = ~m
        joint = np.empty(3)
        for k in range(3):
            S, d = params.covariances[k], (x - params.means[k])[o]
            q = d @ np.linalg.solve(S[np.ix_(o, o)], d) if o.any() else 0.0
            det = np.linalg.det(2 * np.pi * S[np.ix_(o, o)]) if o.any() else 1.0
            joint[k] = params.weights[k] * np.exp(-0.5 * q) / np.sqrt(det)
        r = joint / joint.sum()
        for k in range(3):
            S, mu = params.covariances[k], params.means[k]
            filled = np.tile(x, (draws, 1))
            if m.any():
                gain = (
                    S[np.ix_(m, o)] @ np.linalg.inv(S[np.ix_(o, o)])
                    if o.any()
                    else np.zeros((m.sum(), 0))
                )
                mean = mu[m] + gain @ (x - mu)[o]
                C = S[np.ix_(m, m)] - gain @ S[np.ix_(o, m)]
                filled[:, m] = rng.multivariate_normal(mean, C, size=draws)
            y = r[k] * (filled - mu) ** 2
            total[k] += y.mean(axis=0)
            square[k] += y.var(axis=0) / draws
    step = stats.moments.mean - params.means
    second = np.einsum("kii->ki", stats.moments.scatter) + stats.moments.n[:, None] * step**2
    assert np.all(np.abs(second - total) <= 4 * np.sqrt(square) + 1e-9)


def test_likelihood_of_the_observed_never_falls(kind: str, blobs: Any) -> None:
    X = with_holes(blobs(150))
    g = GaussianMixture(
        3,
        covariance_type=kind,
        allow_nan=True,
        reg_covar=0.0,
        tol=1e-9,
        max_iter=500,
        random_state=0,
    ).fit(X)
    assert np.all(np.diff(g.history_) >= -1e-9)
    assert_allclose(g.score(X), g.lower_bound_, rtol=1e-12)


def test_gradient_of_the_observed_likelihood_is_zero_at_the_optimum(blobs: Any) -> None:
    X = with_holes(blobs(200, 2, 2))
    g = GaussianMixture(
        2, allow_nan=True, reg_covar=0.0, tol=1e-14, max_iter=5000, random_state=0
    ).fit(X)
    for which in range(2):
        for index in np.ndindex((g.means_, g.covariances_)[which].shape):
            values = []
            for h in (1e-5, -1e-5):
                means, S = g.means_.copy(), g.covariances_.copy()
                (means, S)[which][index] += h
                if which == 1 and index[1] != index[2]:
                    S[index[0], index[2], index[1]] += h
                moved = GaussianMixture.from_parameters(g.weights_, means, S, allow_nan=True)
                values.append(moved.score(X))
            assert abs(values[0] - values[1]) / 2e-5 < 1e-6


def test_one_gaussian_with_a_column_missing_at_the_end_is_the_regression_estimate() -> None:
    """Closed form of Anderson (1957) for a monotone pattern."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([1.0, -2.0], [[2.0, 1.2], [1.2, 1.5]], size=300)
    X[200:, 1] = np.nan
    g = GaussianMixture(1, allow_nan=True, reg_covar=0.0, tol=1e-15, max_iter=2000).fit(X)
    whole = X[:200]
    S = np.cov(whole.T, bias=True)
    slope = S[0, 1] / S[0, 0]
    mean = X[:, 0].mean()
    variance = X[:, 0].var()
    assert_allclose(g.means_[0, 0], mean, rtol=1e-7)
    assert_allclose(
        g.means_[0, 1], whole[:, 1].mean() + slope * (mean - whole[:, 0].mean()), rtol=1e-6
    )
    assert_allclose(g.covariances_[0, 0, 1], slope * variance, rtol=1e-6)
    assert_allclose(g.covariances_[0, 1, 1], S[1, 1] + slope**2 * (variance - S[0, 0]), rtol=1e-6)


def test_weight_of_two_is_a_repeated_row_with_holes(kind: str, blobs: Any) -> None:
    X = with_holes(blobs(80))
    w = np.random.default_rng(1).integers(0, 3, 80)
    start: dict[str, Any] = {"means_init": [[0.0] * 3, [2.0] * 3], "weights_init": [0.5, 0.5]}
    ones: dict[str, Any] = {"full": [np.eye(3)] * 2, "tied": np.eye(3), "diag": np.ones((2, 3))}
    g = GaussianMixture(
        2,
        covariance_type=kind,
        allow_nan=True,
        **start,
        precisions_init=ones.get(kind, np.ones(2)),
    )
    a = g.fit(X, sample_weight=w).means_
    assert_allclose(a, g.fit(np.repeat(X, w, axis=0)).means_, rtol=1e-10)


def test_impute_fills_only_what_is_missing(mixture: GaussianMixture, blobs: Any) -> None:
    X = with_holes(blobs(50))
    before = X.copy()
    filled = impute(mixture, X)
    assert_array_equal(X, before)
    assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    assert np.isfinite(filled).all()
    assert_array_equal(impute(mixture, blobs(10)), blobs(10))


def test_nan_without_permission_is_refused_with_its_place(blobs: Any) -> None:
    X = blobs(20)
    g = GaussianMixture(2, random_state=0).fit(X)
    X[3, 1] = np.nan
    for use in (GaussianMixture(2).fit, g.predict, g.score_samples):
        with pytest.raises(ValueError, match=r"X contains NaN.*\(3, 1\)"):
            use(X)
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match=r"X contains inf.*\(3, 1\)"):
        GaussianMixture(2, allow_nan=True).fit(X)


def test_column_of_which_nothing_is_known_is_refused(blobs: Any) -> None:
    X = blobs(20)
    X[:, 2] = np.nan
    with pytest.raises(ValueError, match="X has no observed value of feature 2"):
        GaussianMixture(2, allow_nan=True).fit(X)


def test_permission_changes_nothing_where_nothing_is_missing(kind: str, blobs: Any) -> None:
    X = blobs()
    a = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    b = GaussianMixture(3, covariance_type=kind, random_state=0, allow_nan=True).fit(X)
    assert_array_equal(a.means_, b.means_)
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))
