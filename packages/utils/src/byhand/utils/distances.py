# SPDX-License-Identifier: BSD-3-Clause
"""Distances between vectors, and between all pairs of rows of two matrices.

Source:  the definitions, as in scikit-learn and SciPy; Deza & Deza, Encyclopedia of Distances.
Differs: the cosine distance is |x/|x| - y/|y||^2 / 2, which keeps its digits for nearly parallel
         vectors where 1 - cos cancels. A zero vector is at cosine distance 1 from all others.
Cost:    O(n m d) in blocks; Euclidean, cosine, Mahalanobis and Jaccard by a matrix product.
Checked: the definitions in exact rational and 50-digit arithmetic; SciPy and scikit-learn.
"""
# x, y vectors (d,)   X (n, d), Y (m, d)   VI (d, d) inverse covariance = L L^T

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .euclidean_distances import (
    absolute_difference,
    by_blocks,
    check_pair,
    euclidean_distances,
    fold_features,
)
from .validation import check_array, check_choice, check_scalar

__all__ = [
    "chebyshev", "cosine", "euclidean", "hamming", "jaccard", "mahalanobis", "manhattan",
    "minkowski", "pairwise_distances",
]  # fmt: skip

METRICS = (
    "chebyshev", "cosine", "euclidean", "hamming", "jaccard", "mahalanobis", "manhattan",
    "minkowski", "sqeuclidean",
)  # fmt: skip
_DistanceMatrix = NDArray[np.float64]
Metric = str | Callable[..., float]
Measure = Callable[[_DistanceMatrix, _DistanceMatrix], _DistanceMatrix]


def pairwise_distances(
    X: ArrayLike, Y: ArrayLike | None = None, metric: Metric = "euclidean", **kw: Any
) -> _DistanceMatrix:
    """Distances between the rows of X and those of Y.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself: the result is then exactly symmetric with an exact 0 on its diagonal,
        where a function may give something else.
    metric : str or callable, default "euclidean"
        "euclidean", "manhattan", "chebyshev", "minkowski", "hamming", "cosine", "jaccard",
        "mahalanobis", "sqeuclidean" (squared), or a function of two vectors (called for every
        pair, taken to be symmetric).
    **kw : dict
        Parameters of the metric: `p` (a number >= 1, default 2) for "minkowski"; `VI` (d, d), the
        inverse of a covariance matrix, for "mahalanobis".

    Returns
    -------
    (n, m) array
        float64. Euclidean distances have a relative error below 1e-12 each, wherever the origin is.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN or infinity, or the metric is unknown.
    TypeError
        If a parameter of the metric is missing or is not one of its own.

    Examples
    --------
    >>> from byhand.utils.distances import pairwise_distances
    >>> pairwise_distances([[0, 0], [3, 4]], metric="manhattan")
    array([[0., 7.],
           [7., 0.]])
    """
    check_metric(metric, kw)
    X, Y = check_pair(X, Y)
    if metric in ("euclidean", "sqeuclidean"):
        return euclidean_distances(X, Y, squared=metric == "sqeuclidean")
    if metric == "mahalanobis":
        return euclidean_distances(X, Y, L=metric_factor(kw["VI"], X.shape[1]))
    measure = metric_measure(metric, kw)
    with np.errstate(all="ignore"):  # underflow to 0
        out = by_blocks(len(X), len(Y), lambda i, j: measure(X[i], Y[j]), symmetric=Y is X)
    if callable(metric) and Y is X:  # which need not be 0 from x to x
        np.fill_diagonal(out, [metric(x, x, **kw) for x in X])
    return out


def euclidean(x: ArrayLike, y: ArrayLike) -> float:
    """Square root of the sum of squared differences of two vectors.

    Examples
    --------
    >>> from byhand.utils.distances import euclidean
    >>> euclidean((0, 0), (3, 4))
    5.0
    """
    return _distance(x, y, "euclidean")


def manhattan(x: ArrayLike, y: ArrayLike) -> float:
    """Sum of the absolute differences of two vectors.

    Examples
    --------
    >>> from byhand.utils.distances import manhattan
    >>> manhattan((0, 0), (3, -4))
    7.0
    """
    return _distance(x, y, "manhattan")


def chebyshev(x: ArrayLike, y: ArrayLike) -> float:
    """Largest absolute difference of two vectors.

    Examples
    --------
    >>> from byhand.utils.distances import chebyshev
    >>> chebyshev((0, 0), (3, -4))
    4.0
    """
    return _distance(x, y, "chebyshev")


def minkowski(x: ArrayLike, y: ArrayLike, p: float = 2) -> float:
    """Distance (sum_f |x_f - y_f|^p)^(1/p) of two vectors, p >= 1 (infinity included).

    Examples
    --------
    >>> from byhand.utils.distances import minkowski
    >>> minkowski((0, 0), (3, 4), p=1), minkowski((0, 0), (3, 4), p=2)
    (7.0, 5.0)
    """
    return _distance(x, y, "minkowski", p=p)


def hamming(x: ArrayLike, y: ArrayLike) -> float:
    """Share of the components in which two vectors differ, 0 to 1.

    Examples
    --------
    >>> from byhand.utils.distances import hamming
    >>> hamming((1, 0, 1, 1), (1, 1, 1, 0))
    0.5
    """
    return _distance(x, y, "hamming")


def cosine(x: ArrayLike, y: ArrayLike) -> float:
    """One minus the cosine of the angle between two vectors, 0 to 2.

    It is 1 if one of them is 0, and 0 if both are.

    Examples
    --------
    >>> from byhand.utils.distances import cosine
    >>> cosine((1, 0), (1, 1))  # 1 - 1 / sqrt(2)
    0.2928932188
    """
    return _distance(x, y, "cosine")


def jaccard(x: ArrayLike, y: ArrayLike) -> float:
    """Share of the components in which just one is 0 among those in which not both are 0.

    Vectors without any such component are at distance 0.

    Examples
    --------
    >>> from byhand.utils.distances import jaccard
    >>> jaccard((1, 0, 1, 1), (1, 1, 0, 0))
    0.75
    """
    return _distance(x, y, "jaccard")


def mahalanobis(x: ArrayLike, y: ArrayLike, VI: ArrayLike) -> float:
    """Distance sqrt((x - y)^T VI (x - y)) of two vectors, VI the inverse of a covariance matrix.

    Examples
    --------
    >>> from byhand.utils.distances import mahalanobis
    >>> mahalanobis((0, 0), (3, 4), VI=[[1, 0], [0, 0.25]]) ** 2  # 9 + 16 / 4
    13.0
    """
    return _distance(x, y, "mahalanobis", VI=VI)


def _distance(x: ArrayLike, y: ArrayLike, metric: str, **kw: Any) -> float:
    x, y = check_array(x, "x", ndim=1), check_array(y, "y", ndim=1)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} components, but y has {len(y)}")
    return float(pairwise_distances(x[None], y[None], metric, **kw)[0, 0])


# ---- the metrics that are sums over features


def _manhattan(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
    return fold_features(X, Y, absolute_difference, np.add)


def _chebyshev(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
    return fold_features(X, Y, absolute_difference, np.maximum)


def _hamming(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
    total = np.zeros((len(X), len(Y)))
    differ = np.empty(total.shape, dtype=bool)
    for f in range(0, X.shape[1], 255):  # counted in bytes: a third of the time of floats
        count = np.zeros(total.shape, dtype=np.uint8)
        for x, y in zip(X.T[f : f + 255, :, None], Y.T[f : f + 255], strict=True):
            np.not_equal(x, y, out=differ)
            count += differ.view(np.uint8)
        total += count
    total /= X.shape[1]
    return total


def metric_measure(metric: Metric, kw: dict[str, Any]) -> Measure:
    """Give the function (X, Y) -> distances of all pairs, for all but Mahalanobis distances."""
    if callable(metric):
        f: Callable[..., float] = metric
        return lambda X, Y: np.array([[f(x, y, **kw) for y in Y] for x in X], dtype=np.float64)
    if metric == "minkowski":
        return _minkowski(float(kw.get("p", 2)))
    return {
        "chebyshev": _chebyshev,
        "cosine": _cosine_distances,
        "euclidean": euclidean_distances,
        "hamming": _hamming,
        "jaccard": _jaccard_distances,
        "manhattan": _manhattan,
        "sqeuclidean": lambda X, Y: euclidean_distances(X, Y, squared=True),
    }[metric]


def _minkowski(p: float) -> Measure:
    if p in (1, np.inf):
        return _manhattan if p == 1 else _chebyshev

    def measure(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
        top = _chebyshev(X, Y)  # over it, no power overflows and the largest is 1
        divisor = np.where(top > 0, top, 1.0)
        total = np.zeros_like(top)
        for x, y in zip(X.T[:, :, None], Y.T, strict=True):
            total += (np.abs(x - y) / divisor) ** p
        distance: _DistanceMatrix = top * total ** (1 / p)
        return distance

    return measure


# ---- the metrics by a matrix product


def _cosine_distances(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
    x = unit_rows(X)
    y = x if Y is X else unit_rows(Y)
    out = euclidean_distances(x, y, squared=True)
    out *= 0.5
    # |0 - y|^2 / 2 is 1/2, where 0 has no direction: made 1, as 1 - 0 . y is
    x_is_0, y_is_0 = ~np.any(x != 0, axis=1, keepdims=True), ~np.any(y != 0, axis=1)
    out[x_is_0 != y_is_0] = 1
    return out


def unit_rows(X: _DistanceMatrix) -> _DistanceMatrix:
    top = np.abs(X).max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        x = X / np.where(top > 0, top, 1.0)
        norm = np.sqrt(np.vecdot(x, x))[:, None]
        unit: _DistanceMatrix = x / np.where(norm > 0, norm, 1.0)
    return unit


def _jaccard_distances(X: _DistanceMatrix, Y: _DistanceMatrix) -> _DistanceMatrix:
    x, y = (X != 0).astype(np.float64), (Y != 0).astype(np.float64)
    both = x @ y.T  # counts: exact
    either = x.sum(axis=1)[:, None] + y.sum(axis=1) - both
    result: _DistanceMatrix = (either - both) / np.maximum(either, 1)
    return result


# ---- checks


def check_metric(metric: Metric, kw: dict[str, Any]) -> None:
    """Raise for an unknown metric, and for a parameter that it has not or that is out of range."""
    if callable(metric):
        return
    check_choice(metric, "metric", METRICS)
    known = {"minkowski": ("p",), "mahalanobis": ("VI",)}.get(metric, ())
    for name in kw:
        if name not in known:
            raise TypeError(
                f"metric {metric!r} has no parameter {name!r}, only {list(known)}"
                if known
                else f"metric {metric!r} has no parameters, got {name!r}"
            )
    if "p" in kw:
        check_scalar(kw["p"], "p", low=1)
    if metric == "mahalanobis" and "VI" not in kw:
        raise TypeError("metric 'mahalanobis' needs VI, the inverse of a covariance matrix")


def to_euclidean(
    metric: Metric, kw: dict[str, Any], X: _DistanceMatrix
) -> tuple[Metric, tuple[_DistanceMatrix, _DistanceMatrix] | None]:
    """Give "euclidean" and (c, L) if (x - c) L turns the metric into that one; or the metric."""
    check_metric(metric, kw)
    if metric == "mahalanobis":
        return "euclidean", (X.mean(axis=0), metric_factor(kw["VI"], X.shape[1]))
    return "euclidean" if metric == "minkowski" and kw.get("p", 2) == 2 else metric, None


def metric_factor(VI: ArrayLike, d: int) -> _DistanceMatrix:
    """L with L L^T = VI, by eigenvectors: a singular VI is as good as any other."""
    V = check_array(VI, "VI")
    if V.shape != (d, d):
        raise ValueError(f"VI must have shape ({d}, {d}) as X has {d} features, got {V.shape}")
    size = np.abs(V).max()
    if np.abs(V - V.T).max() > 1e-10 * size:
        raise ValueError("VI must be symmetric")
    values, vectors = np.linalg.eigh((V + V.T) / 2)
    if values.min() < -1e-10 * size:
        raise ValueError(f"VI must be positive semidefinite, it has an eigenvalue {values.min():g}")
    factor: _DistanceMatrix = vectors * np.sqrt(np.maximum(values, 0))
    return factor
