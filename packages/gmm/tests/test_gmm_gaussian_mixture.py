# SPDX-License-Identifier: BSD-3-Clause
"""Claims of GaussianMixture."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import GaussianMixture
from byhand.utils.estimator import ConvergenceWarning, clone
from byhand_testkit import faithful

F = NDArray[np.float64]
quiet = pytest.mark.filterwarnings("ignore::byhand.utils.estimator.ConvergenceWarning")


def start_of(X: F, kind: str, K: int = 3) -> dict[str, Any]:
    """A start that depends on nothing random."""
    D = X.shape[1]
    p = 1 / X.var()
    P = {
        "full": np.tile(p * np.eye(D), (K, 1, 1)),
        "tied": p * np.eye(D),
        "diag": np.full((K, D), p),
    }
    return {
        "n_components": K,
        "covariance_type": kind,
        "weights_init": np.full(K, 1 / K),
        "means_init": X[:: len(X) // K][:K],
        "precisions_init": P.get(kind, np.full(K, p)),
    }


def test_old_faithful_is_the_fit_of_mclust_and_mixtools() -> None:
    """Oracle G1."""
    X = faithful()
    g = GaussianMixture(2, tol=1e-12, reg_covar=0.0, max_iter=1000, random_state=0).fit(X)
    k = np.argsort(g.means_[:, 0])
    assert_allclose(g.score(X) * len(X), -1130.2639602, atol=1e-6)
    assert_allclose(g.weights_[k], [0.3558729, 0.6441271], atol=1e-5)
    assert_allclose(g.means_[k], [[2.036388, 54.478516], [4.289662, 79.968115]], atol=1e-5)
    assert_allclose(
        g.covariances_[k],
        [
            [[0.0691677, 0.4351676], [0.4351676, 33.6972824]],
            [[0.1699684, 0.9406092], [0.9406092, 36.0462103]],
        ],
        atol=1e-5,
    )
    assert g.lower_bound_ == g.history_[-1] == g.lower_bounds_[-1]
    assert_allclose(g.lower_bound_, g.score(X), rtol=1e-13)


def test_single_component_is_the_sample_mean_and_covariance(kind: str, blobs: Any) -> None:
    X = blobs()
    g = GaussianMixture(1, covariance_type=kind, reg_covar=0.5).fit(X)
    S = np.cov(X.T, bias=True)
    expected: dict[str, Any] = {
        "full": [S + 0.5 * np.eye(3)],
        "tied": S + 0.5 * np.eye(3),
        "diag": [np.diag(S) + 0.5],
    }
    assert_allclose(g.means_, [X.mean(axis=0)], rtol=1e-12)
    assert_allclose(g.covariances_, expected.get(kind, [np.trace(S) / 3 + 0.5]), rtol=1e-11)
    assert_array_equal(g.weights_, [1.0])


@quiet
def test_ten_steps_are_those_of_literal_loops(
    kind: str, blobs: Any, literal_em: Any, covariance_matrix: Any
) -> None:
    X = blobs(60)
    start = start_of(X, kind)
    g = GaussianMixture(**start, tol=0.0, max_iter=10, reg_covar=1e-3).fit(X)
    pi, mu = start["weights_init"], start["means_init"]
    S = [np.linalg.inv(covariance_matrix(kind, start["precisions_init"], k, 3)) for k in range(3)]
    bounds = []
    for _ in range(11):
        old = pi, mu, S
        pi, mu, S, bound, _ = literal_em(X, np.ones(60), pi, mu, S, kind, 1e-3)
        bounds.append(bound)
    assert g.n_iter_ == 10
    assert_allclose(g.history_, bounds, rtol=1e-10)
    assert_allclose(g.weights_, old[0], rtol=1e-8)
    assert_allclose(g.means_, old[1], rtol=1e-8)
    for k in range(3):
        assert_allclose(
            covariance_matrix(kind, g.covariances_, k, 3), old[2][k], rtol=1e-8, atol=1e-9
        )


def test_gradient_of_the_likelihood_is_zero_at_the_optimum(kind: str, blobs: Any) -> None:
    """Central differences of the likelihood in every mean, variance and log-weight."""
    X = blobs(200, 2)
    g = GaussianMixture(**start_of(X, kind, 2), tol=1e-14, reg_covar=0.0, max_iter=3000).fit(X)

    def likelihood(weights: F, means: F, S: F) -> float:
        weights = weights / weights.sum()
        return GaussianMixture.from_parameters(weights, means, S, kind).score(X)

    point = [g.weights_, g.means_, g.covariances_]
    for which in range(3):
        for index in np.ndindex(point[which].shape):
            if which == 2 and kind in ("full", "tied") and index[-1] < index[-2]:
                continue
            h = 1e-5
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in point]
                moved[which][index] += sign * h
                if which == 2 and kind in ("full", "tied") and index[-1] != index[-2]:
                    moved[2][*index[:-2], index[-1], index[-2]] += sign * h
                values.append(likelihood(*moved))
            assert abs(values[0] - values[1]) / (2 * h) < 1e-6, (which, index)


@quiet
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_likelihood_never_falls(kind: str, init_params: str, blobs: Any) -> None:
    for seed in range(3):
        X = blobs(150, 3, 4, spread=1.0, seed=seed)
        g = GaussianMixture(
            4,
            covariance_type=kind,
            init_params=init_params,
            tol=0.0,
            max_iter=40,
            reg_covar=0.0,
            random_state=seed,
        ).fit(X)
        history = np.array(g.history_)
        assert np.all(np.diff(history) >= -1e-9 * np.abs(history[1:]))
        assert_allclose(g.history_[-1], g.score(X), rtol=1e-12)


@pytest.mark.parametrize("offset", [2.0**27, np.array([1e8, -3e8, 12345.0])])
def test_offset_data_give_the_fit_of_the_centred_ones(kind: str, offset: Any, blobs: Any) -> None:
    X = np.round(blobs() * 1024) / 1024
    start = start_of(X, kind)
    near = GaussianMixture(**start).fit(X)
    start["means_init"] = start["means_init"] + offset
    far = GaussianMixture(**start).fit(X + offset)
    assert far.n_iter_ == near.n_iter_
    assert_allclose(far.means_ - offset, near.means_, atol=1e-6)
    assert_allclose(far.covariances_, near.covariances_, rtol=1e-6, atol=1e-7)
    assert_allclose(far.predict_proba(X + offset), near.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scaled_data_give_the_scaled_fit(kind: str, scale: float, blobs: Any) -> None:
    X = blobs()
    near = GaussianMixture(3, covariance_type=kind, reg_covar=0.0, random_state=0).fit(X)
    far = GaussianMixture(3, covariance_type=kind, reg_covar=0.0, random_state=0).fit(X * scale)
    assert_allclose(far.means_ / scale, near.means_, rtol=1e-9)
    assert_allclose(far.covariances_ / scale / scale, near.covariances_, rtol=1e-8, atol=1e-12)
    assert_array_equal(far.predict(X * scale), near.predict(X))


def test_scale_whose_squares_overflow_is_refused_with_a_reason() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2)) * 1e200
    with pytest.raises(ValueError, match="scale the input data"):
        GaussianMixture(2).fit(X)


def test_weight_of_two_is_a_repeated_row(kind: str, blobs: Any) -> None:
    X = blobs(100)
    w = np.random.default_rng(0).integers(0, 4, 100)
    start = start_of(X, kind)
    weighted = GaussianMixture(**start).fit(X, sample_weight=w)
    repeated = GaussianMixture(**start).fit(np.repeat(X, w, axis=0))
    for name in ("weights_", "means_", "covariances_", "lower_bound_", "n_samples_seen_"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
def test_start_is_weighted_draw_for_draw(init_params: str, blobs: Any) -> None:
    X = blobs(100)
    w = np.random.default_rng(0).integers(1, 4, 100)
    g = GaussianMixture(3, init_params=init_params, random_state=3)
    a, b = g.fit(X, sample_weight=w).means_, clone(g).fit(np.repeat(X, w, axis=0)).means_
    assert_allclose(a, b, rtol=1e-10)


def test_collapse_is_floored_and_reported() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(100, 2)), [[50.0, 50.0]] * 3])
    with pytest.warns(ConvergenceWarning, match=r"Components \[1\] collapsed .*reg_covar=0.0001"):
        g = GaussianMixture(2, reg_covar=1e-4, means_init=[[0.0, 0.0], [50.0, 50.0]]).fit(X)
    assert_allclose(g.covariances_[1], 1e-4 * np.eye(2), rtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(1, reg_covar=1e-4).fit(
            np.c_[X, np.ones(len(X))]
        )  # a constant is no collapse


def test_collapse_without_a_floor_stops_before_the_singular_step() -> None:
    X = np.concatenate([np.random.default_rng(0).normal(size=(50, 1)), [[30.0]]])
    with pytest.warns(ConvergenceWarning, match="EM stopped before a singular step"):
        g = GaussianMixture(
            2,
            reg_covar=0.0,
            means_init=[[0.0], [30.0]],
            weights_init=[0.5, 0.5],
            precisions_init=[[[1.0]], [[1.0]]],
        ).fit(X)
    assert not g.converged_
    assert np.isfinite(g.covariances_).all()
    assert_allclose(g.lower_bound_, g.score(X))


def test_singular_start_is_refused(kind: str) -> None:
    X = np.repeat([[0.0, 1.0], [5.0, 5.0]], 5, axis=0)
    with pytest.raises(
        ValueError, match="Fitting the mixture model failed because some components"
    ):
        GaussianMixture(4, covariance_type=kind, reg_covar=0.0).fit(X)


def test_identical_samples_get_the_floor(kind: str, covariance_matrix: Any) -> None:
    g = GaussianMixture(2, covariance_type=kind).fit(np.ones((6, 3)))
    assert_allclose(g.means_, 1.0)
    for k in range(2):
        assert_allclose(covariance_matrix(kind, g.covariances_, k, 3), 1e-6 * np.eye(3))


def test_more_features_than_samples_are_floored(blobs: Any) -> None:
    g = GaussianMixture(1, reg_covar=1e-3).fit(blobs(5, 8, 1))
    assert np.isfinite(g.score_samples(blobs(5, 8, 1))).all()


def test_no_convergence_is_reported_once_for_the_best_start(blobs: Any) -> None:
    g = GaussianMixture(4, max_iter=1, n_init=3, tol=1e-9, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match="Best performing initialization did not converge"
    ) as seen:
        g.fit(blobs(spread=1.0))
    assert len(seen) == 1
    assert not g.converged_
    assert g.n_iter_ == 1


@quiet
def test_more_starts_are_never_worse(blobs: Any) -> None:
    X = blobs(100, 2, 6, spread=1.5)
    bounds = [
        GaussianMixture(6, n_init=n, init_params="random_from_data", random_state=1)
        .fit(X)
        .lower_bound_
        for n in (1, 3, 8)
    ]
    assert bounds == sorted(bounds)


@quiet
def test_max_iter_zero_keeps_the_start(blobs: Any) -> None:
    X = blobs()
    start = start_of(X, "diag")
    g = GaussianMixture(**start, max_iter=0).fit(X)
    assert_array_equal(g.means_, start["means_init"])
    assert_allclose(g.precisions_, start["precisions_init"])
    assert_allclose(g.covariances_, 1 / start["precisions_init"])
    assert g.n_iter_ == 0


def test_given_precisions_are_inverted(kind: str, some_params: Any, blobs: Any) -> None:
    params = some_params(kind)
    S = params.covariances
    P = np.linalg.inv(S) if kind in ("full", "tied") else 1 / S
    g = GaussianMixture(
        3,
        covariance_type=kind,
        precisions_init=P,
        means_init=params.means,
        weights_init=params.weights,
        max_iter=0,
    ).fit(blobs())
    assert_allclose(g.covariances_, S, rtol=1e-10)
    assert_allclose(g.precisions_cholesky_, params.precisions_cholesky, rtol=1e-9, atol=1e-12)
    assert_allclose(g.precisions_, P, rtol=1e-10, atol=1e-12)


@quiet
def test_warm_start_goes_on(kind: str, blobs: Any) -> None:
    X = blobs(spread=1.0)
    five = GaussianMixture(**start_of(X, kind), max_iter=5, tol=0.0).fit(X)
    warm = GaussianMixture(**start_of(X, kind), max_iter=1, tol=0.0, warm_start=True)
    for _ in range(5):
        warm.fit(X)
    assert_allclose(warm.means_, five.means_, rtol=1e-10)
    assert_allclose(warm.covariances_, five.covariances_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("frozen", [[0], [2, 0], np.array([1])])
def test_frozen_components_keep_every_bit(frozen: Any, blobs: Any) -> None:
    X = blobs(spread=2.0)
    for kind in ("full", "diag", "spherical"):
        start = start_of(X, kind)
        g = GaussianMixture(**start, frozen_components=frozen, tol=0.0, max_iter=30).fit(X)
        free = np.setdiff1d(np.arange(3), frozen)
        assert_array_equal(g.means_[frozen], start["means_init"][frozen])
        assert_allclose(g.precisions_[frozen], start["precisions_init"][frozen], rtol=1e-12)
        assert not np.isclose(g.means_[free], start["means_init"][free]).any()
        assert not np.isclose(g.weights_, 1 / 3).any()
        assert np.all(np.diff(g.history_) >= -1e-9)


def test_frozen_components_need_a_start_and_covariances_of_their_own(blobs: Any) -> None:
    X = blobs()
    with pytest.raises(ValueError, match="frozen_components needs means_init and precisions_init"):
        GaussianMixture(3, frozen_components=[0]).fit(X)
    with pytest.raises(ValueError, match="'tied' components share a covariance"):
        GaussianMixture(**start_of(X, "tied"), frozen_components=[0]).fit(X)
    for wrong in ([3], [-1], [0.5], [[0]]):
        with pytest.raises(ValueError, match="frozen_components must hold numbers from 0 to 2"):
            GaussianMixture(**start_of(X, "full"), frozen_components=wrong).fit(X)


@quiet
def test_callback_sees_each_step_and_may_stop(blobs: Any) -> None:
    X = blobs(spread=1.0)
    seen: list[tuple[int, float]] = []

    def callback(model: GaussianMixture, info: dict[str, Any]) -> bool:
        assert info["max_iter"] == 50
        assert info["params"].means.shape == (4, 3)
        seen.append((info["iteration"], info["objective"]))
        return bool(info["iteration"] == 4)

    g = GaussianMixture(4, tol=0.0, max_iter=50, random_state=0).fit(X, callback=callback)
    assert [i for i, _ in seen] == [1, 2, 3, 4]
    assert_array_equal([o for _, o in seen], g.history_[1:])
    assert_allclose(g.score(X), g.lower_bound_, rtol=1e-12)


def test_interrupted_fit_leaves_the_old_model(blobs: Any) -> None:
    X = blobs()
    g = GaussianMixture(3, random_state=0).fit(X)
    before = g.means_

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        g.fit(X[:100, :2], callback=interrupt)
    assert g.means_ is before
    assert g.n_features_in_ == 3


def test_float32_samples_are_fitted_in_float64(blobs: Any) -> None:
    X = blobs().astype(np.float32)
    start = start_of(X.astype(np.float64), "full")
    a, b = GaussianMixture(**start).fit(X), GaussianMixture(**start).fit(X.astype(np.float64))
    assert a.means_.dtype == np.float64
    assert_allclose(a.means_, b.means_, rtol=1e-12)
    assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-12)
