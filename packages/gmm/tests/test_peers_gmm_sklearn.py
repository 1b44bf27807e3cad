# SPDX-License-Identifier: BSD-3-Clause
"""Agreement of mixtures and k-means with scikit-learn, from the same start."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import GaussianMixture, KMeans
from byhand_testkit import agreement, faithful

pytest.importorskip("sklearn")

from sklearn.cluster import KMeans as TheirKMeans
from sklearn.mixture import GaussianMixture as TheirMixture

F = NDArray[np.float64]
pytestmark = pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")


def deviation(ours: Any, theirs: Any) -> float:
    """Largest difference of a parameter, relative to the largest of its kind."""
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
    pairs = [(getattr(ours, n), getattr(theirs, n)) for n in names]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def same_start(X: F, kind: str, K: int) -> dict[str, Any]:
    p = 1 / X.var(axis=0)
    P = {"full": np.tile(np.diag(p), (K, 1, 1)), "tied": np.diag(p), "diag": np.tile(p, (K, 1))}
    return {
        "n_components": K,
        "covariance_type": kind,
        "weights_init": np.full(K, 1 / K),
        "means_init": X[:: len(X) // K][:K],
        "precisions_init": P.get(kind, np.full(K, 1 / X.var())),
        "max_iter": 20,
        "tol": 0.0,
    }


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize(("N", "D", "K"), [(400, 2, 3), (600, 8, 5), (500, 20, 7)])
def test_twenty_steps_are_those_of_scikit_learn(
    kind: str, scale: float, N: int, D: int, K: int, blobs: Any
) -> None:
    X = blobs(N, D, K, spread=1.5) * scale
    start = same_start(X, kind, K)
    ours, theirs = GaussianMixture(**start).fit(X), TheirMixture(**start).fit(X)
    assert theirs.n_iter_ == 20
    agreement(
        "GaussianMixture",
        "scikit-learn",
        f"{kind}, {N} x {D}, K={K}, scale {scale:g}, 20 steps",
        deviation(ours, theirs),
        1e-8,
    )
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-8, atol=1e-8)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    assert_allclose(ours.bic(X), theirs.bic(X), rtol=1e-9)
    assert_allclose(ours.aic(X), theirs.aic(X), rtol=1e-9)


def test_old_faithful_from_one_start(kind: str) -> None:
    X = faithful()
    start = same_start(X, kind, 3)
    ours, theirs = GaussianMixture(**start).fit(X), TheirMixture(**start).fit(X)
    work = f"Old Faithful, {kind}, K=3, 20 steps"
    agreement("GaussianMixture", "scikit-learn", work, deviation(ours, theirs), 1e-8)


def test_start_by_kmeans_ends_where_that_of_scikit_learn_ends(kind: str, blobs: Any) -> None:
    X = blobs(500, 3, 3, spread=6.0)
    settings: dict[str, Any] = {
        "n_components": 3,
        "covariance_type": kind,
        "tol": 1e-8,
        "max_iter": 500,
    }
    ours = GaussianMixture(**settings, n_init=3, random_state=0).fit(X)
    theirs = TheirMixture(**settings, n_init=3, random_state=0).fit(X)
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-8)


def test_convergence_takes_as_many_steps_give_or_take_one(kind: str, blobs: Any) -> None:
    X = blobs(400, 3, 3, spread=2.0)
    start = same_start(X, kind, 3) | {"tol": 1e-3, "max_iter": 200}
    ours, theirs = GaussianMixture(**start).fit(X), TheirMixture(**start).fit(X)
    assert ours.n_iter_ in (theirs.n_iter_ - 1, theirs.n_iter_)
    assert ours.converged_
    assert theirs.converged_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("N", "D", "K"), [(500, 2, 3), (1000, 12, 8), (800, 30, 20)])
def test_lloyd_is_that_of_scikit_learn(weighted: bool, N: int, D: int, K: int, blobs: Any) -> None:
    X = blobs(N, D, K, spread=1.0)
    w = np.random.default_rng(0).random(N) if weighted else None
    settings: dict[str, Any] = {"n_clusters": K, "init": X[:K], "n_init": 1, "max_iter": 300}
    ours = KMeans(**settings, tol=1e-12).fit(X, sample_weight=w)
    theirs = TheirKMeans(**settings, tol=1e-12).fit(X, sample_weight=w)
    work = f"Lloyd, {N} x {D}, K={K}{', weighted' if weighted else ''}"
    difference = np.abs(ours.cluster_centers_ - theirs.cluster_centers_).max()
    agreement("KMeans", "scikit-learn", work, float(difference), 1e-9)
    assert_array_equal(ours.labels_, theirs.labels_)
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)
    assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-7)
    assert ours.n_iter_ == theirs.n_iter_


def test_scikit_learn_loses_offset_data_and_byhand_does_not(blobs: Any) -> None:
    """Why the moments are kept about their means."""
    X = np.round(blobs(300, 2, 2) * 1024) / 1024
    start = same_start(X, "diag", 2)
    near = GaussianMixture(**start).fit(X)
    start["means_init"] = start["means_init"] + 2.0**27
    ours = GaussianMixture(**start).fit(X + 2.0**27)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = TheirMixture(**start)
        try:
            wrong = float(
                np.abs(theirs.fit(X + 2.0**27).covariances_ / near.covariances_ - 1).max()
            )
        except ValueError:
            wrong = np.inf
    assert wrong > 0.1
    assert_allclose(ours.covariances_, near.covariances_, rtol=1e-6)
