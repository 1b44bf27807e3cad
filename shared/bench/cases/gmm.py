# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of byhand.gmm: EM and Lloyd from one start, k-means++, predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case


def blobs(n: int, d: int, k: int, steps: int = 4) -> tuple[Any, ...]:
    """Overlapping groups of samples, where to start, and how many steps to take."""
    rng = np.random.default_rng(0)
    centers = 2 * rng.standard_normal((k, d))
    X = centers[rng.integers(k, size=n)] + rng.standard_normal((n, d))
    return X, centers + 0.1 * rng.standard_normal((k, d)), steps


def start(kind: str, means: Any, steps: int) -> dict[str, Any]:
    """Parameters of a mixture to start from; all given, so that neither side spends time on it."""
    k, d = means.shape
    ones = {"full": np.tile(np.eye(d), (k, 1, 1)), "tied": np.eye(d), "diag": np.ones((k, d))}
    return {
        "n_components": k,
        "covariance_type": kind,
        "weights_init": np.full(k, 1 / k),
        "means_init": means,
        "precisions_init": ones.get(kind, np.ones(k)),
        "max_iter": steps,
        "tol": 0.0,
    }


def mixtures(kind: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """EM steps of both sides."""

    def ours(X: Any, means: Any, steps: int) -> Callable[[], Any]:
        from byhand.gmm import GaussianMixture

        return lambda: GaussianMixture(**start(kind, means, steps)).fit(X)

    def theirs(X: Any, means: Any, steps: int) -> Callable[[], Any]:
        from sklearn.mixture import GaussianMixture

        warnings.simplefilter("ignore")  # no convergence in so few steps
        return lambda: GaussianMixture(**start(kind, means, steps)).fit(X)

    return ours, theirs


def mixtures_differ(a: Any, b: Any) -> float:
    """Largest relative difference of means and covariances."""
    pairs = ((a.means_, b.means_), (a.covariances_, b.covariances_))
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs)


def our_proba(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """Responsibilities under a mixture that stands."""
    from byhand.gmm import GaussianMixture

    model = GaussianMixture(**start("full", means, steps)).fit(X)
    return lambda: model.predict_proba(X)


def their_proba(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """Responsibilities under a mixture that stands."""
    from sklearn.mixture import GaussianMixture

    warnings.simplefilter("ignore")
    model = GaussianMixture(**start("full", means, steps)).fit(X)
    return lambda: model.predict_proba(X)


def our_lloyd(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """Lloyd from given centres."""
    from byhand.gmm import KMeans

    warnings.simplefilter("ignore")
    return lambda: KMeans(len(means), init=X[: len(means)], max_iter=20, tol=0.0).fit(X)


def their_lloyd(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """Lloyd from given centres."""
    from sklearn.cluster import KMeans

    warnings.simplefilter("ignore")
    settings: dict[str, Any] = {"n_init": 1, "max_iter": 20, "tol": 0.0, "algorithm": "lloyd"}
    return lambda: KMeans(len(means), init=X[: len(means)], **settings).fit(X)


def centers_differ(a: Any, b: Any) -> float:
    """Largest relative difference of centres."""
    x, y = a.cluster_centers_, b.cluster_centers_
    return float(np.abs(x - y).max() / np.abs(y).max())


def our_fit(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """A whole fit with its start, as users call it."""
    from byhand.gmm import GaussianMixture

    warnings.simplefilter("ignore")
    return lambda: GaussianMixture(len(means), random_state=0).fit(X).score(X)


def their_fit(X: Any, means: Any, steps: int) -> Callable[[], Any]:
    """A whole fit with its start, as users call it."""
    from sklearn.mixture import GaussianMixture

    warnings.simplefilter("ignore")
    return lambda: GaussianMixture(len(means), random_state=0).fit(X).score(X)


def sizes(d: int, k: int, *most: int) -> tuple[dict[str, int], ...]:
    """Ten thousand samples and more; one step of a million is long enough."""
    short = {"n": 1_000_000, "d": d, "k": k, "steps": 1}
    return tuple(short if n == 1_000_000 else {"n": n, "d": d, "k": k} for n in (10_000, *most))


SIZES = {
    "full, d=2": ("full", sizes(2, 3, 100_000, 1_000_000)),
    "full, d=20": ("full", sizes(20, 3, 100_000, 1_000_000)),
    "full, K=20": ("full", sizes(20, 20, 100_000)),
    "tied": ("tied", (*sizes(2, 3), *sizes(20, 20, 100_000, 1_000_000))),
    "diag": ("diag", (*sizes(2, 3), *sizes(20, 20, 100_000, 1_000_000))),
    "spherical": ("spherical", sizes(20, 20, 100_000)),
}

CASES = [
    *(
        Case(
            f"GMM EM, {name}",
            "scikit-learn",
            shapes,
            blobs,
            *mixtures(kind),
            bar=None if kind == "spherical" else 0.6,
            tolerance=1e-8,
            deviation=mixtures_differ,
        )
        for name, (kind, shapes) in SIZES.items()
    ),
    Case(
        "GMM predict_proba, full",
        "scikit-learn",
        (*sizes(2, 3), *sizes(20, 20, 100_000)),
        blobs,
        our_proba,
        their_proba,
        tolerance=1e-7,
    ),
    Case(
        "GMM whole fit with its start",
        "scikit-learn",
        ({"n": 10_000, "d": 2, "k": 3}, {"n": 100_000, "d": 20, "k": 5}),
        blobs,
        our_fit,
        their_fit,
        tolerance=1e-2,  # of the mean log-likelihood: two random starts
        deviation=lambda a, b: abs(a - b),
    ),
    Case(
        "KMeans, Lloyd, 20 iterations",
        "scikit-learn",
        (*sizes(2, 3), *sizes(20, 8, 100_000), {"n": 20_000, "d": 20, "k": 100}),
        blobs,
        our_lloyd,
        their_lloyd,
        tolerance=1e-9,
        deviation=centers_differ,
    ),
]
