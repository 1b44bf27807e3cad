# SPDX-License-Identifier: BSD-3-Clause
"""Gaussian and mixture states against densities and moments written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from byhand.hmm import GMMHMM, GaussianHMM
from byhand.hmm.gaussian_emission import GaussianEmission
from byhand.utils.estimator import ConvergenceWarning

TYPES = ("spherical", "diag", "full", "tied")


def covariances(kind: str, K: int, D: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(K, D, 2 * D))
    full = root @ root.transpose(0, 2, 1) / D
    diagonal = np.einsum("kii->ki", full)
    return {"full": full, "tied": full[0], "diag": diagonal, "spherical": diagonal[:, 0]}[kind]


def as_matrices(S: Any, kind: str, K: int, D: int) -> Any:
    if kind == "tied":
        return np.repeat(S[None], K, axis=0)
    if kind == "full":
        return S
    return np.stack([np.eye(D) * S[k] for k in range(K)])


def normal_density(x: Any, mu: Any, S: Any) -> float:
    d = x - mu
    norm = np.sqrt((2 * np.pi) ** len(d) * np.linalg.det(S))
    return float(np.exp(-0.5 * d @ np.linalg.inv(S) @ d) / norm)


def gaussian(kind: str, K: int = 2, D: int = 3, **settings: Any) -> Any:
    rng = np.random.default_rng(1)
    model = GaussianHMM(K, covariance_type=kind, **settings)
    model.startprob_, model.transmat_ = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), K)
    model.means_, model.covars_ = rng.normal(size=(K, D)), covariances(kind, K, D)
    return model


@pytest.mark.parametrize("kind", TYPES)
def test_gaussian_scores_sum_over_all_paths(kind: str, enumerate_paths: Any) -> None:
    model = gaussian(kind)
    X = np.random.default_rng(2).normal(size=(5, 3))
    S = as_matrices(model.covars_, kind, 2, 3)
    b = [[normal_density(x, model.means_[k], S[k]) for k in range(2)] for x in X]
    exact = enumerate_paths(model.startprob_, model.transmat_, b)
    assert_allclose(model.score(X), np.log(exact.likelihood), rtol=1e-11)
    assert_allclose(model.predict_proba(X), exact.gamma, rtol=1e-10)
    assert tuple(model.predict(X)) == exact.best


@pytest.mark.parametrize("kind", TYPES)
def test_a_missing_feature_is_integrated_out(kind: str) -> None:
    model = gaussian(kind, D=2)
    X = np.array([[0.3, -0.2], [0.1, np.nan], [1.0, 0.4]])
    grid = np.linspace(-40, 40, 8001)  # the trapezoidal rule is exact to rounding for such tails
    each = np.exp([model.score(np.array([X[0], [0.1, g], X[2]])) for g in grid[::20]])
    assert_allclose(model.score(X), np.log(each.sum() * (grid[20] - grid[0])), rtol=1e-8)
    X[1] = np.nan
    assert model.score(X[1:2]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_features_and_differences_give_the_same_moments(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, gamma = rng.normal(size=(3, 50)), rng.random((2, 50))
    emission = GaussianEmission(rng.normal(size=(2, 3)), covariances(kind, 2, 3), kind)
    assert emission.by_features
    totals = []
    for by_features in (True, False):
        emission.by_features = by_features
        sums = emission.collector(x)
        sums.add(slice(0, 20), gamma[:, :20])
        sums.add(slice(20, 50), gamma[:, 20:])
        totals.append(sums.total())
    a, b = totals
    assert_allclose(a.n, gamma.sum(axis=1), rtol=1e-12)
    assert_allclose(a.mean, (gamma @ x.T) / gamma.sum(axis=1)[:, None], rtol=1e-12)
    d = x - a.mean[:, :, None]
    full = np.einsum("kn,kin,kjn->kij", gamma, d, d)
    expected = {
        "full": full,
        "tied": full.sum(axis=0),
        "diag": np.einsum("kii->ki", full),
        "spherical": np.einsum("kii->k", full),
    }[kind]
    for total in (a, b):
        assert_allclose(total.scatter, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_learning_with_missing_values_climbs_to_where_the_gradient_is_zero(kind: str) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    X[rng.random(X.shape) < 0.25] = np.nan
    model = GaussianHMM(
        1, covariance_type=kind, n_iter=3000, tol=1e-13, covars_prior=0.0, random_state=0
    ).fit(X)
    assert np.diff(model.history_).min() > -1e-9
    best = model.score(X)
    for name in ("means_", "covars_"):
        value = getattr(model, name)
        for step in (1e-3, -1e-3):
            for at in np.ndindex(value.shape):
                moved = value.copy()
                moved[at] += step
                if moved.ndim >= 2 and kind in ("full", "tied") and name == "covars_":
                    moved = (moved + np.swapaxes(moved, -1, -2)) / 2
                setattr(model, name, moved)
                assert model.score(X) < best
        setattr(model, name, value)


@pytest.mark.parametrize("kind", TYPES)
def test_priors_are_climbed_to_the_posterior_mode(kind: str) -> None:
    X = np.random.default_rng(3).normal(size=(30, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    model = GaussianHMM(
        1,
        covariance_type=kind,
        random_state=0,
        tol=1e-12,
        n_iter=50,
        means_prior=0.5,
        means_weight=2.0,
        covars_prior=0.3,
        covars_weight=7.0,
    ).fit(X)
    matrices = kind in ("full", "tied")
    nu = 7 - 2 if matrices else 7 - 1

    def log_posterior() -> float:
        S = as_matrices(model.covars_, kind, 1, 2)[0]
        away = model.means_[0] - 0.5
        B = np.full((2, 2), 0.3) if matrices else 0.3 * np.eye(2)
        pulled = np.trace(np.linalg.solve(S, B + 2.0 * np.outer(away, away)))
        return float(model.score(X) - 0.5 * (pulled + nu * np.log(np.linalg.det(S))))

    best = log_posterior()
    assert_allclose(model.history_[-1], best, rtol=1e-12)
    for name in ("means_", "covars_"):
        value = getattr(model, name)
        for step in (1e-3, -1e-3):
            for at in np.ndindex(value.shape):
                moved = value.copy()
                moved[at] += step
                if matrices and name == "covars_":
                    moved = (moved + np.swapaxes(moved, -1, -2)) / 2
                setattr(model, name, moved)
                assert log_posterior() < best
        setattr(model, name, value)


@pytest.mark.parametrize("kind", TYPES)
def test_gaussian_samples_have_the_moments_of_the_model(kind: str) -> None:
    model = gaussian(kind, K=1, D=2)
    X, _ = model.sample(40000, random_state=0)
    S = as_matrices(model.covars_, kind, 1, 2)[0]
    assert_allclose(X.mean(axis=0), model.means_[0], atol=5 * np.sqrt(S.max() / 40000))
    assert_allclose(np.cov(X.T), S, atol=5 * S.max() * np.sqrt(2 / 40000))


def test_full_matrices_stand_for_smaller_shapes() -> None:
    for kind in TYPES:
        model = gaussian(kind)
        X = np.random.default_rng(0).normal(size=(6, 3))
        score = model.score(X)
        model.covars_ = as_matrices(model.covars_, kind, 2, 3)
        assert_allclose(model.score(X), score, rtol=1e-12)


def test_identical_rows_collapse_loudly_and_stay_finite() -> None:
    X = np.ones((20, 2))
    for kind in TYPES:
        with pytest.warns(ConvergenceWarning):
            model = GaussianHMM(
                2, covariance_type=kind, covars_prior=0.0, random_state=0, n_iter=3
            ).fit(X)
        assert np.isfinite(model.covars_).all()
        assert np.isfinite(model.means_).all()
        assert np.isfinite(model.score(X))


def test_offset_data_are_learned_as_well() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1)) + 5 * np.repeat([0, 1], 100)[:, None]
    models = [
        GaussianHMM(2, random_state=0, covars_prior=0.0, tol=1e-6).fit(X + c) for c in (0.0, 1e8)
    ]
    means = [np.sort(m.means_.ravel()) - c for m, c in zip(models, (0.0, 1e8), strict=True)]
    assert_allclose(means[1], means[0], atol=1e-6)  # 1e8 itself is known to 1.5e-8
    assert_allclose(
        np.sort(models[1].covars_.ravel()), np.sort(models[0].covars_.ravel()), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("means_", np.zeros((3, 3)), "means_ must have n_components=2 rows"),
        ("covars_", np.ones((2, 2)), r"covars_ must have shape \(2, 3\)"),
        ("covars_", -np.ones((2, 3)), "covars_ must be symmetric, positive-definite"),
        ("covars_", np.full((2, 3), np.nan), "covars_"),
    ],
)
def test_wrong_gaussians_are_refused(name: str, value: Any, message: str) -> None:
    model = gaussian("diag")
    setattr(model, name, value)
    with pytest.raises(ValueError, match=message):
        model.score(np.zeros((1, 3)))


def test_a_covariance_that_is_not_symmetric_is_refused() -> None:
    model = gaussian("full")
    model.covars_ = np.tile([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]], (2, 1, 1))
    with pytest.raises(ValueError, match="symmetric"):
        model.score(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"covariance_type": "round"}, ValueError, "'full'"),
        ({"min_covar": -1.0}, ValueError, "min_covar"),
        ({"covars_prior": -1.0}, ValueError, "covars_prior must be >= 0"),
        ({"means_weight": np.ones(3)}, ValueError, "means_weight"),
        ({"n_components": 9}, ValueError, "n_components=9"),
    ],
)
def test_wrong_gaussian_settings_are_refused(
    settings: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        GaussianHMM(**{"n_components": 2} | settings).fit(np.arange(10.0).reshape(5, 2))


def test_another_width_is_refused_with_both_widths() -> None:
    for model in (gaussian("diag"), gaussian("diag", init_params="").fit(np.eye(3))):
        with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 3 features"):
            model.predict(np.zeros((2, 2)))


def test_a_mixture_of_one_is_a_gaussian() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    for kind in ("spherical", "diag", "full"):
        plain = gaussian(kind, D=2, init_params="", n_iter=3, tol=0, covars_prior=0.0)
        mixed = GMMHMM(2, 1, covariance_type=kind, init_params="", n_iter=3, tol=0)
        mixed.startprob_, mixed.transmat_ = plain.startprob_, plain.transmat_
        mixed.weights_, mixed.means_ = np.ones((2, 1)), plain.means_[:, None]
        mixed.covars_ = plain.covars_[:, None]
        assert_allclose(mixed.score(X), plain.score(X), rtol=1e-12)
        assert_allclose(mixed.fit(X).means_[:, 0], plain.fit(X).means_, rtol=1e-10)
        assert_allclose(mixed.covars_[:, 0], plain.covars_, rtol=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_mixture_scores_sum_over_components_and_paths(kind: str, enumerate_paths: Any) -> None:
    rng = np.random.default_rng(0)
    model = GMMHMM(2, 3, covariance_type=kind)
    model.startprob_, model.transmat_ = np.array([0.3, 0.7]), rng.dirichlet(np.ones(2), 2)
    model.weights_, model.means_ = rng.dirichlet(np.ones(3), 2), rng.normal(size=(2, 3, 2))
    flat = covariances("full" if kind == "tied" else kind, 2 if kind == "tied" else 6, 2)
    model.covars_ = flat if kind == "tied" else flat.reshape(2, 3, *flat.shape[1:])
    inner = "full" if kind == "tied" else kind
    S = as_matrices(flat, inner, len(flat), 2)
    S = np.repeat(S[:, None], 3, axis=1) if kind == "tied" else S.reshape(2, 3, 2, 2)
    X = rng.normal(size=(4, 2))
    b = [
        [
            sum(
                model.weights_[k, m] * normal_density(x, model.means_[k, m], S[k, m])
                for m in range(3)
            )
            for k in range(2)
        ]
        for x in X
    ]
    exact = enumerate_paths(model.startprob_, model.transmat_, b)
    assert_allclose(model.score(X), np.log(exact.likelihood), rtol=1e-11)
    rows = rng.normal(size=(80, 2))
    fitted = GMMHMM(2, 2, covariance_type=kind, random_state=1, n_iter=40, tol=0).fit(rows)
    assert np.diff(fitted.history_).min() > -1e-9
    assert_allclose(fitted.history_[-1], fitted.score(rows), rtol=1e-12)
    assert (
        fitted.covars_.shape
        == {
            "spherical": (2, 2),
            "diag": (2, 2, 2),
            "full": (2, 2, 2, 2),
            "tied": (2, 2, 2),
        }[kind]
    )


def test_an_unknown_covariance_type_is_refused_at_use() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    model = GMMHMM(2, 1, covariance_type="diag", random_state=0).fit(rows)
    model.covariance_type = "round"
    with pytest.raises(ValueError, match="covariance_type must be one of"):
        model.score(rows)


@pytest.mark.parametrize("model", [GaussianHMM(3, random_state=0), GMMHMM(2, 2, random_state=0)])
def test_the_order_of_sequences_makes_no_difference(model: Any) -> None:
    rng = np.random.default_rng(5)
    sequences = [rng.normal(size=(n, 2)) + 4 * rng.integers(0, 3, (n, 1)) for n in (30, 20, 40)]
    model.set_params(n_iter=15, tol=0)
    means = model.fit(sequences).means_
    assert_allclose(model.fit(sequences[::-1]).means_, means, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::byhand.utils.estimator.ConvergenceWarning")
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(4))
def test_nine_rows_with_a_constant_feature_are_fitted_with_finite_parameters(
    kind: str, seed: int
) -> None:
    """Covariances that are just positive definite; the data of an early report to hmmlearn."""
    rows = np.column_stack([np.full(9, 715.0), 585 - 65 * np.arange(9.0), np.zeros((9, 2))])
    rows[1:, 2] = [1.05, 0.72, -0.46, -6.43, -2.9, 8.46, 4.09, -1.22]
    rows[1:, 3] = [-60.4, -52.7, -78.1, -56.0, -78.0, -70.3, -64.0, -44.8]
    model = GaussianHMM(3, covariance_type=kind, random_state=seed).fit(rows)
    assert np.isfinite(model.history_).all()
    assert np.isfinite(model.means_).all()
    assert np.isfinite(model.covars_).all()
