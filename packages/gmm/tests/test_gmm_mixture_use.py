# SPDX-License-Identifier: BSD-3-Clause
"""Claims of fitted mixtures: predictions, criteria, samples, known parameters, wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import GaussianMixture
from byhand.utils.estimator import NotFittedError

F = NDArray[np.float64]


def test_predictions_belong_together(kind: str, blobs: Any, some_params: Any) -> None:
    X, p = blobs(), some_params(kind)
    g = GaussianMixture.from_parameters(p.weights, p.means, p.covariances, kind)
    proba = g.predict_proba(X)
    assert_array_equal(g.predict(X), proba.argmax(axis=1))
    assert np.all(np.abs(proba.sum(axis=1) - 1) <= 4 * 3 * np.finfo(float).eps)
    joint = np.array(
        [
            GaussianMixture.from_parameters(
                [1.0], p.means[[k]], p.covariances if kind == "tied" else p.covariances[[k]], kind
            ).score_samples(X)
            + np.log(p.weights[k])
            for k in range(3)
        ]
    )
    assert_allclose(g.score_samples(X), np.log(np.exp(joint).sum(axis=0)), rtol=1e-12)
    assert_allclose(proba.T, np.exp(joint - g.score_samples(X)), rtol=1e-10)
    assert_allclose(g.score(X), g.score_samples(X).mean(), rtol=1e-14)
    assert_array_equal(g.fit_predict(X), g.predict(X))


def test_predictions_far_from_all_components_are_no_nan(kind: str, some_params: Any) -> None:
    p = some_params(kind)
    g = GaussianMixture.from_parameters(p.weights, p.means, p.covariances, kind)
    far = np.full((2, 3), 1e200)
    assert_array_equal(g.score_samples(far), -np.inf)
    assert_allclose(g.predict_proba(far).sum(axis=1), 1.0)
    assert_allclose(g.predict_proba(np.full((1, 3), 1e6)).sum(), 1.0)


def test_bic_and_aic_are_their_formulas(kind: str, blobs: Any) -> None:
    X = blobs(200)
    g = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    free = {"full": 18, "tied": 6, "diag": 9, "spherical": 3}[kind] + 9 + 2
    assert g._n_parameters() == free
    log_p = g.score_samples(X).sum()
    assert_allclose(g.bic(X), -2 * log_p + free * np.log(200), rtol=1e-13)
    assert_allclose(g.aic(X), -2 * log_p + 2 * free, rtol=1e-13)


def test_samples_have_the_moments_of_their_components(
    kind: str, some_params: Any, covariance_matrix: Any
) -> None:
    p = some_params(kind)
    g = GaussianMixture.from_parameters(p.weights, p.means, p.covariances, kind, random_state=0)
    n = 60_000
    X, y = g.sample(n)
    assert X.shape == (n, 3)
    for k in range(3):
        n_k = np.count_nonzero(y == k)
        S = covariance_matrix(kind, p.covariances, k, 3)
        assert abs(n_k - n * p.weights[k]) < 5 * np.sqrt(n * p.weights[k])
        assert_allclose(X[y == k].mean(axis=0), p.means[k], atol=5 * np.sqrt(S.max() / n_k))
        spread = np.sqrt((S**2 + np.outer(np.diag(S), np.diag(S))) / n_k)
        assert np.all(np.abs(np.cov(X[y == k].T) - S) < 5 * spread)
    assert_array_equal(g.sample(5)[0], g.sample(5)[0])
    with pytest.raises(ValueError, match="Invalid value for 'n_samples'"):
        g.sample(0)


def test_from_parameters_checks_them() -> None:
    make = GaussianMixture.from_parameters
    with pytest.raises(ValueError, match=r"weights.* sum"):
        make([0.5, 0.6], np.zeros((2, 1)), np.ones(2), "spherical")
    with pytest.raises(ValueError, match=r"covariances.* shape of \(1, 2, 2\)"):
        make([1.0], np.zeros((1, 2)), np.eye(2))
    with pytest.raises(ValueError, match="covariances must be symmetric"):
        make([1.0], np.zeros((1, 2)), [[[1.0, 0.5], [0.0, 1.0]]])
    with pytest.raises(ValueError, match=r"covariances\[0\] must be positive definite"):
        make([1.0], np.zeros((1, 2)), [[[1.0, 2.0], [2.0, 1.0]]])
    g = make([1.0], np.zeros((1, 2)), [np.eye(2)], max_iter=7)
    assert (g.n_components, g.max_iter, g.n_features_in_, g.n_samples_seen_) == (1, 7, 2, 0.0)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"weights_init": [[0.5], [0.5]]}, r"The parameter 'weights' should have the shape of \(2,\)"),
    ({"weights_init": [-0.5, 1.5]}, r"'weights' should be in the range \[0, 1\]"),
    ({"weights_init": [0.5, 0.6]}, "'weights' should be normalized, but got sum.weights. = 1.1"),
    ({"means_init": np.zeros((3, 3))}, r"The parameter 'means' should have the shape of \(2, 3\)"),
    ({"precisions_init": np.eye(3)}, r"The parameter 'full precision' should have the shape of"),
    (
        {"precisions_init": np.zeros((2, 3, 3))},
        "'full precision' should be symmetric, positive-def",
    ),
    ({"precisions_init": [np.eye(3) + np.eye(3, k=1)] * 2}, "'full precision' should be symmetric"),
    ({"covariance_type": "diag", "precisions_init": -np.ones((2, 3))}, "should be positive"),
    ({"covariance_type": "round"}, "covariance_type must be one of 'full'.* got 'round'"),
    ({"init_params": "zeros"}, "init_params must be one of 'kmeans'"),
    ({"n_components": 0}, r"n_components must be an integer in \[1, inf\), got 0"),
    ({"max_iter": -1}, "max_iter"),
    ({"tol": np.nan}, "tol"),
    ({"tol": -1.0}, "tol"),
    ({"reg_covar": -1e-6}, "reg_covar"),
    ({"n_init": 0}, "n_init"),
    (
        {"n_components": 301},
        "Expected n_samples >= n_components but got n_components = 301, n_samples = 300",
    ),
]


@pytest.mark.parametrize(("params", "match"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_wrong_hyper_parameters_are_named(params: dict[str, Any], match: str, blobs: Any) -> None:
    with pytest.raises(ValueError, match=match):
        GaussianMixture(**({"n_components": 2} | params)).fit(blobs())


def test_zero_weights_do_not_count_as_samples(blobs: Any) -> None:
    X = blobs(10)
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        GaussianMixture(3).fit(X, sample_weight=[1, 1] + [0] * 8)


def test_use_before_fit_is_an_error(blobs: Any) -> None:
    g = GaussianMixture()
    for use in (g.predict, g.predict_proba, g.score_samples, g.score, g.bic, g.aic):
        with pytest.raises(NotFittedError, match="This GaussianMixture instance is not fitted yet"):
            use(blobs())
    with pytest.raises(NotFittedError):
        g.sample()
