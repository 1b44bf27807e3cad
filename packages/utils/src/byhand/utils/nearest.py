# SPDX-License-Identifier: BSD-3-Clause
"""Exact nearest neighbours by looking at every point.

Source:  |x - y|^2 = |x|^2 + |y|^2 - 2 x.y in single precision for a first selection; rounding
         bound of a dot product: Higham, Accuracy and Stability (2nd ed.), section 3.1.
Differs: points are put into G groups, of which only the minima are partly sorted: k groups reach
         the k-th smallest minimum, hence so do k points. Whatever might lie below it, given the
         rounding bound, is measured again in double precision: the result is exact.
Cost:    O(n m d) in a product of single precision; temporaries of 3 MB besides the result.
Checked: sorted exact distances with their ties; scikit-learn.
"""
# n points X (n, d)   m queries Q (m, d)   k neighbours   b queries of a block, c points of a chunk
# S (c, b) scores, smaller is nearer: |y|^2 - 2 x.y, or a distance   u unit roundoff of the scores

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distances import Measure, Metric, metric_measure, to_euclidean
from .euclidean_distances import by_differences, check_pair
from .validation import check_scalar

__all__ = ["nearest_neighbors"]

_Points = NDArray[np.float64]
_Ids = NDArray[np.int64]
CHUNK, _SCORES = 16384, 2**19  # points of a chunk, scores of a block (2 MB)
MARGIN = 1e-9  # relative, for the rounding of bounds


def nearest_neighbors(
    X: ArrayLike, Q: ArrayLike, k: int = 1, metric: Metric = "euclidean", **kw: Any
) -> tuple[_Points, _Ids]:
    """Find the k rows of X that are nearest to each row of Q.

    Parameters
    ----------
    X : (n, d) array
        Points.
    Q : (m, d) array
        Queries.
    k : int, default 1
        Number of neighbours, at most n.
    metric : str or callable, default "euclidean"
        As in `pairwise_distances`.
    **kw : dict
        Parameters of the metric.

    Returns
    -------
    distances : (m, k) array
        Ascending.
    indices : (m, k) array of int64
        Rows of X. Equal distances are in the order of the rows.

    Raises
    ------
    ValueError
        If k > n, the widths differ, or there is NaN or infinity.

    Examples
    --------
    >>> from byhand.utils.nearest import nearest_neighbors
    >>> nearest_neighbors([[0.0], [1.0], [5.0]], [[1.5]], k=2)
    (array([[0.5, 1.5]]), array([[1, 0]]))
    """
    X, Q = check_pair(X, Q, "Q")
    check_k(k, len(X))
    with np.errstate(all="ignore"):
        metric, mapping = to_euclidean(metric, kw, X)
        if mapping:
            X, Q = (X - mapping[0]) @ mapping[1], (Q - mapping[0]) @ mapping[1]
        search = exhaustive_search(X, metric, kw)
        parts = [search.nearest(Q[i : i + search.block], k) for i in range(0, len(Q), search.block)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


class Candidates:
    """The k best scores that a block of queries has seen, and all that might be as good."""

    def __init__(self, n_queries: int, k: int, dtype: Any) -> None:
        self.k, self.n_scans = k, 0
        self.n_groups = max(128, 4 * k)  # the k best fall into k different ones, up to about k / 8
        self.minima = np.full((self.n_groups, n_queries), np.inf, dtype)  # score plus its error
        self.limit = np.full(n_queries, np.inf, dtype)  # upper bound on the k-th true score
        self.found: list[tuple[_Ids, _Ids, NDArray[Any]]] = []

    def scan(self, S: NDArray[Any], error: NDArray[Any], ids: _Ids, most: float = np.inf) -> bool:
        """Take in scores (c, b); False, and nothing is taken, if more than `most` may be good."""
        b, G, dtype = S.shape[1], self.n_groups, self.minima.dtype
        full = len(S) // G * G
        minima = S[:full].reshape(-1, G, b).min(axis=0, initial=np.inf)
        np.minimum(minima[: len(S) - full], S[full:], out=minima[: len(S) - full])
        certain = minima + error
        if certain.dtype != dtype:  # rounded, but not down
            certain = np.nextafter(certain.astype(dtype), dtype.type(np.inf))
        np.minimum(self.minima, certain, out=self.minima)
        self.n_scans += 1
        if self.n_scans & (self.n_scans - 1) == 0:  # 1, 2, 4, ...: an old limit is a limit too
            self._set_limit()
        reach = np.minimum(self.limit + error, np.finfo(S.dtype).max)  # infinite scores: no points
        hit = np.flatnonzero(minima <= reach)  # group b + query
        at = hit + G * b * np.arange(-(-len(S) // G))[:, None]  # (members, hits) flat places in S
        good = S.take(at, mode="clip") <= reach[hit % b]
        at = at[good & (at < S.size)]
        if len(at) > most:
            return False
        row, query = np.divmod(at, b)
        self.found.append((query, ids[row], S.take(at) - error[query]))
        return True

    def rest(self) -> tuple[_Ids, _Ids, NDArray[Any]]:
        """Query, id and least score of all that may be among the k nearest, k or more a query."""
        self._set_limit()
        query, ids, least = (np.concatenate(parts) for parts in zip(*self.found, strict=True))
        left = least <= self.limit[query]
        return query[left], ids[left], least[left]

    def _set_limit(self) -> None:
        self.limit = np.partition(self.minima.T, self.k - 1, axis=1)[:, self.k - 1]


def first_k(
    query: _Ids, ids: _Ids, distance: _Points, n_queries: int, k: int
) -> tuple[_Points, _Ids]:
    """Sort the candidates of each query by distance and id, and keep k."""
    order = np.argsort(query.astype(np.int64) * (ids.max() + 1) + ids)
    query = query[order]
    place = np.arange(len(query)) - np.searchsorted(query, np.arange(n_queries))[query]
    table = np.full((n_queries, place.max() + 1), np.inf)
    table_ids = np.zeros(table.shape, dtype=np.int64)
    table[query, place], table_ids[query, place] = distance[order], ids[order]
    nearest = np.argsort(table, axis=1, kind="stable")[:, :k]
    return (
        np.take_along_axis(table, nearest, axis=1),
        np.take_along_axis(table_ids, nearest, axis=1),
    )


# ---- scores by matrix products


class Product(NamedTuple):
    """Points or queries, centred and scaled, as one side of a matrix product."""

    side: NDArray[Any]  # (c, d + 1): y and |y|^2, or -2 x and 1
    size: _Points  # (c,) squared norms


def product_form(
    X: _Points, centre: _Points, scale: float, dtype: Any, *, query: bool = False
) -> Product:
    """Make one side of a product."""
    centred = (X - centre) * scale
    np.clip(centred, -1e150, 1e150, out=centred)  # else NaN; the bound lets nothing slip there
    size = np.vecdot(centred, centred)
    side = np.empty((len(X), X.shape[1] + 1), dtype=dtype)
    side[:, :-1] = -2 * centred if query else centred
    side[:, -1] = 1 if query else size
    return Product(side, size)


def product_scores(x: Product, y: Product) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scores |y|^2 - 2 x.y (c, b), and a bound on the error for each query.

    With unit roundoff u the inputs bring 2 u 2 |x| |y| + u |y|^2, the product itself, of length
    d + 1, (d + 1) u (2 |x| |y| + |y|^2); and 2 |x| |y| <= |x|^2 + |y|^2.
    """
    terms = x.side.shape[1] + 10  # some for the rounding of what is done with the bound
    info = np.finfo(x.side.dtype)
    error = terms * (info.eps / 2 * (x.size + 2 * y.size.max()) + info.smallest_normal)
    # points by queries: half of the time of queries by points
    return y.side @ x.side.T, error.astype(x.side.dtype)


def power_of_2_over(*arrays: _Points) -> float:
    """Scale that brings the largest number to between 1/2 and 1, exactly."""
    top = max(float(np.abs(a).max()) for a in arrays)
    return float(np.ldexp(1.0, -np.frexp(top)[1])) if 0 < top < np.inf else 1.0


# ---- scores of one block of queries against points that vary (leaves of a tree)


class ProductScores:
    """Scores by products, in single precision around the block; see `product_scores`."""

    dtype = np.float32

    def __init__(self, Q: _Points, near: _Points) -> None:
        self.Q, self.centre = Q, Q.mean(axis=0)
        self.scale = power_of_2_over(Q - self.centre, near - self.centre)
        self.x = product_form(Q, self.centre, self.scale, np.float32, query=True)

    def __call__(self, points: _Points, precise: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        dtype = np.float64 if precise else np.float32
        x = self.x
        if precise:
            x = product_form(self.Q, self.centre, self.scale, dtype, query=True)
        return product_scores(x, product_form(points, self.centre, self.scale, dtype))

    def enough(self, k: int) -> float:
        """Give the number of candidates from which on precision is to blame."""
        return len(self.Q) * (8 * k + 64)

    def reach(self, limit: NDArray[Any]) -> float:
        """Give the largest distance, times scale, at which a candidate can be."""
        return float(np.sqrt(np.max(limit + self.x.size)) * (1 + MARGIN))

    def within(self, r: _Points) -> _Points:
        """Give the score of a point at distance r."""
        return (r * self.scale) ** 2 - self.x.size


class MeasuredScores:
    """Distances by definition."""

    dtype = np.float64

    def __init__(self, Q: _Points, near: _Points, measure: Measure) -> None:
        self.Q, self.measure = Q, measure
        self.scale = power_of_2_over(Q - Q.mean(axis=0), near - Q.mean(axis=0))

    def __call__(self, points: _Points, precise: bool) -> tuple[_Points, _Points]:
        return self.measure(points, self.Q), np.zeros(len(self.Q))

    def enough(self, k: int) -> float:
        """Precision is never to blame."""
        return np.inf

    def reach(self, limit: NDArray[Any]) -> float:
        """Give the largest distance, times scale, at which a candidate can be."""
        return float(np.max(limit) * self.scale * (1 + MARGIN))

    def within(self, r: _Points) -> _Points:
        """Give the score of a point at distance r: r."""
        return r


# ---- the two searches: a few queries (at most `block`) against all points


class ProductSearch:
    """Euclidean distances: points are brought into product form once."""

    def __init__(self, X: _Points) -> None:
        self.X, self.centre = X, X.mean(axis=0)
        self.scale = power_of_2_over(X - self.centre)
        self.block = _block_length(len(X))
        self.chunks = [slice(i, i + CHUNK) for i in range(0, len(X), CHUNK)]
        self.forms = [self._form(X[c], np.float32) for c in self.chunks]

    def nearest(self, Q: _Points, k: int) -> tuple[_Points, _Ids]:
        """Give distances and numbers of the k nearest points."""
        x = self._form(Q, np.float32, query=True)
        in_range = x.size.max() < 1e30  # of single precision
        best = Candidates(len(Q), k, np.float32 if in_range else np.float64)
        for chunk, y in zip(self.chunks, self.forms, strict=True):
            ids = np.arange(chunk.start, chunk.start + len(y.side))
            most = len(Q) * (8 * k + 64)
            if not (in_range and best.scan(*product_scores(x, y), ids, most)):
                # single precision cannot tell these apart
                x64 = self._form(Q, np.float64, query=True)
                y64 = self._form(self.X[chunk], np.float64)
                best.scan(*product_scores(x64, y64), ids)
        query, ids, _ = best.rest()
        return first_k(query, ids, by_differences(Q[query], self.X[ids]), len(Q), k)

    def _form(self, A: _Points, dtype: Any, *, query: bool = False) -> Product:
        return product_form(A, self.centre, self.scale, dtype, query=query)


class MeasuredSearch:
    """Any other metric: the distances are the scores, without error."""

    def __init__(self, X: _Points, metric: Metric, kw: dict[str, Any]) -> None:
        self.X, self.metric, self.kw, self.block = X, metric, kw, _block_length(len(X))

    def nearest(self, Q: _Points, k: int) -> tuple[_Points, _Ids]:
        """Give distances and numbers of the k nearest points."""
        best = Candidates(len(Q), k, np.float64)
        measure = metric_measure(self.metric, self.kw)
        for i in range(0, len(self.X), CHUNK):
            points = self.X[i : i + CHUNK]
            best.scan(measure(points, Q), np.zeros(len(Q)), np.arange(i, i + len(points)))
        query, ids, distance = best.rest()
        return first_k(query, ids, distance, len(Q), k)


def exhaustive_search(
    X: _Points, metric: Metric, kw: dict[str, Any]
) -> ProductSearch | MeasuredSearch:
    """Choose the search for a metric; Mahalanobis distances have been mapped to Euclidean ones."""
    return ProductSearch(X) if metric == "euclidean" else MeasuredSearch(X, metric, kw)


def _block_length(n: int) -> int:
    return min(max(_SCORES // min(n, CHUNK), 16), 128)


def check_k(k: int, n: int) -> None:
    """Refuse a number of neighbours that is not between 1 and the number of points."""
    check_scalar(k, "k", integer=True, low=1)
    if k > n:
        raise ValueError(f"k must be at most the number of points, {n}, got {k}")
