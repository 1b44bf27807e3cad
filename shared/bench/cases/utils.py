# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of byhand.utils: distances, ball trees, special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case


def points(n: int, d: int, queries: int = 1000) -> tuple[Any, ...]:
    """Gaussian points and queries."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)), rng.standard_normal((queries, d))


def distances(metric: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """All distances between queries and points, by ours and by scikit-learn."""

    def ours(X: Any, Y: Any) -> Callable[[], Any]:
        from byhand.utils.distances import pairwise_distances

        return lambda: pairwise_distances(Y, X, metric=metric)

    def theirs(X: Any, Y: Any) -> Callable[[], Any]:
        from sklearn.metrics import pairwise_distances

        return lambda: pairwise_distances(Y, X, metric=metric)

    return ours, theirs


def our_scan(X: Any, Y: Any) -> Callable[[], Any]:
    """Look at every point, five neighbours."""
    from byhand.utils.nearest import nearest_neighbors

    return lambda: nearest_neighbors(X, Y, k=5)[0]


def their_scan(X: Any, Y: Any) -> Callable[[], Any]:
    """Look at every point, five neighbours."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(X)
    return lambda: model.kneighbors(Y)[0]


def our_tree(X: Any, Y: Any) -> Callable[[], Any]:
    """Query a tree that stands."""
    from byhand.utils.ball_tree import BallTree

    tree = BallTree(X)
    return lambda: tree.query(Y, k=5)[0]


def their_tree(X: Any, Y: Any) -> Callable[[], Any]:
    """Query a tree that stands."""
    from sklearn.neighbors import BallTree

    tree = BallTree(X)
    return lambda: tree.query(Y, k=5)[0]


def our_new_tree(X: Any, Y: Any) -> Callable[[], Any]:
    """Build a tree, and query it once so that results can be compared."""
    from byhand.utils.ball_tree import BallTree

    return lambda: BallTree(X).query(Y, k=1)[0]


def their_new_tree(X: Any, Y: Any) -> Callable[[], Any]:
    """Build a tree, and query it once so that results can be compared."""
    from sklearn.neighbors import BallTree

    return lambda: BallTree(X).query(Y, k=1)[0]


def numbers(n: int, low: float, high: float) -> tuple[Any, ...]:
    """Uniform numbers."""
    return (np.random.default_rng(0).uniform(low, high, n),)


def table(n: int, k: int) -> tuple[Any, ...]:
    """A table of logarithms."""
    return (10 * np.random.default_rng(0).standard_normal((n, k)),)


def special(name: str, peer: str = "", **kwargs: Any) -> tuple[Callable[..., Any], ...]:
    """A function of byhand.utils.special and its namesake in SciPy."""

    def ours(x: Any) -> Callable[[], Any]:
        import byhand.utils.special as module

        function = getattr(module, name)
        return lambda: function(x, **kwargs)

    def theirs(x: Any) -> Callable[[], Any]:
        import scipy.special

        if name == "trigamma":
            return lambda: scipy.special.polygamma(1, x)
        function = getattr(scipy.special, peer or name)
        return lambda: function(x, **kwargs)

    return ours, theirs


def special_case(name: str, low: float, high: float, tolerance: float = 1e-12) -> Case:
    """One function over an interval."""
    ours, theirs = special(name)
    sizes = ({"n": 100_000, "low": low, "high": high}, {"n": 1000, "low": low, "high": high})
    return Case(
        f"special.{name}", "scipy", sizes, numbers, ours, theirs, bar=(3, None), tolerance=tolerance
    )


CASES = [
    Case(
        f"pairwise_distances, {metric}",
        "scikit-learn",
        ({"n": 10_000, "d": 10}, {"n": 10_000, "d": 50}, {"n": 1000, "d": 3, "queries": 1000}),
        points,
        *distances(metric),
        bar=None,  # a target: the matrix itself is most of the work
        tolerance=1e-6,  # scikit-learn's own euclidean error
    )
    for metric in ("euclidean", "manhattan", "chebyshev", "cosine")
]
CASES += [
    Case(
        "nearest_neighbors, k=5, 1000 queries",
        "scikit-learn",
        ({"n": 10_000, "d": 10}, {"n": 100_000, "d": 50}, {"n": 1000, "d": 10}),
        points,
        our_scan,
        their_scan,
        bar=(0.9, 0.9, None),
        tolerance=1e-6,  # scikit-learn's own error
    ),
    Case(
        "BallTree.query, k=5",
        "scikit-learn",
        tuple({"n": 20_000, "d": d, "queries": 20_000} for d in (2, 3, 5)),
        points,
        our_tree,
        their_tree,
        bar=1.0,
        tolerance=1e-9,
    ),
    Case(
        "BallTree, build and 1000 queries",
        "scikit-learn",
        ({"n": 20_000, "d": 3}, {"n": 100_000, "d": 5}),
        points,
        our_new_tree,
        their_new_tree,
        tolerance=1e-9,
    ),
    special_case("gammaln", 0.1, 50.0),
    special_case("digamma", 0.1, 50.0, 1e-11),
    special_case("trigamma", 0.1, 50.0, 1e-11),
    special_case("erf", -4.0, 4.0),
    special_case("ndtr", -8.0, 8.0),
    special_case("ndtri", 1e-6, 1 - 1e-6),
]
for name in ("logsumexp", "softmax"):
    OURS, THEIRS = special(name, axis=1)
    CASES.append(
        Case(
            f"special.{name}, axis=1",
            "scipy",
            ({"n": 10_000, "k": 10}, {"n": 100, "k": 10}, {"n": 1000, "k": 1000}),
            table,
            OURS,
            THEIRS,
            bar=(3, None, 3),
            tolerance=1e-12,
        )
    )
