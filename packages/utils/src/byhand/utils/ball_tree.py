# SPDX-License-Identifier: BSD-3-Clause
"""Ball tree: nearest neighbours among points that a tree has put into compact leaves.

Source:  Omohundro (1989) for ball trees; Friedman, Bentley & Finkel (1977) for median splits.
Differs: nothing descends point by point. Queries are sorted into leaves, all in step; a block of
         neighbouring queries then looks at its own leaves, which bounds the distances that it still
         has to care about, and at all leaves within that bound together. A leaf is a box for
         metrics of the Minkowski family, a ball for any other that obeys the triangle inequality.
         From 10 dimensions on no bound spares anything: there every point is looked at.
Cost:    build O(n d log n); per query and neighbour a few hundred scores in 2 dimensions.
Checked: sorted exact distances with their ties, for every metric; scikit-learn.
"""
# n points in 2^h leaves of l places each; the places left over hold copies of points, never found
# places P (2^h l, d)   ids of places, -1 for copies   b queries of a block
# low, high (d, 2^h) boxes   pivot (2^h, d), radius (2^h,) balls

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distances import Metric, metric_measure, to_euclidean
from .euclidean_distances import by_differences
from .nearest import (
    CHUNK,
    MARGIN,
    Candidates,
    MeasuredScores,
    ProductScores,
    check_k,
    exhaustive_search,
    first_k,
)
from .validation import check_array, check_scalar

__all__ = ["BallTree"]

_Points = NDArray[np.float64]
_Ids = NDArray[np.int64]
_TREE_BLOCK = 128  # queries: more share the work of a block, but have less in common


class BallTree:
    """Points prepared for searching neighbours.

    Parameters
    ----------
    X : (n, d) array
        Points; copied.
    leaf_size : int, default 40
        Most points of a leaf.
    metric : str or callable, default "euclidean"
        Of `pairwise_distances`, without "cosine" and "sqeuclidean", which break the triangle
        inequality. A function of two vectors must obey it.
    **kw : dict
        Parameters of the metric.

    Raises
    ------
    ValueError
        If there is NaN or infinity, or an option is unknown or out of range.

    Examples
    --------
    >>> from byhand.utils.ball_tree import BallTree
    >>> tree = BallTree([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> tree.query([[0.0, 1.0]], k=2)
    (array([[1.        , 4.24264069]]), array([[0, 1]]))
    >>> tree.query_radius([[0.0, 0.0]], r=5.0)
    array([array([0, 1])], dtype=object)
    """

    def __init__(
        self, X: ArrayLike, leaf_size: int = 40, metric: Metric = "euclidean", **kw: Any
    ) -> None:
        points = check_array(X, "X")
        check_scalar(leaf_size, "leaf_size", integer=True, low=1)
        if metric in ("cosine", "sqeuclidean"):
            raise ValueError(f"metric {metric!r} breaks the triangle inequality: use brute force")
        self.leaf_size, self.metric = leaf_size, metric
        self.n_points, self.n_features = points.shape
        with np.errstate(all="ignore"):
            self._metric, self._mapping = to_euclidean(metric, kw, points)
            points = self._mapped(points)
            self._kw = kw if self._mapping is None else {}
            self._norm = _norm(self._metric, self._kw)
            # where no bound spares anything, one leaf holds all
            spares = self._norm is None or points.shape[1] < 10
            self._leaves = _grow(points, leaf_size if spares else len(points))
            if self._norm is None:
                self._pivot, self._radius = self._balls()
            self._all = None
            if len(self._leaves.n_points) < 8:
                self._all = exhaustive_search(points.copy(), self._metric, self._kw)

    def query(
        self, X: ArrayLike, k: int = 1, return_distance: bool = True
    ) -> tuple[_Points, _Ids] | _Ids:
        """Find the k nearest points of each query.

        Parameters
        ----------
        X : (m, d) array
            Queries.
        k : int, default 1
            Number of neighbours, at most n.
        return_distance : bool, default True
            Whether to return distances too.

        Returns
        -------
        distances : (m, k) array
            Ascending; only if asked for.
        indices : (m, k) array of int64
            Rows of the points. Equal distances are in the order of the rows.

        Raises
        ------
        ValueError
            If k > n, the width is not that of the points, or there is NaN or infinity.
        """
        Q = self._check_queries(X)
        check_k(k, self.n_points)
        distance, ids = np.empty((len(Q), k)), np.empty((len(Q), k), dtype=np.int64)
        with np.errstate(all="ignore"):
            for block, home in self._blocks(Q):
                if self._all is not None:
                    distance[block], ids[block] = self._all.nearest(Q[block], k)
                else:
                    distance[block], ids[block] = self._nearest(Q[block], home, k)
        return (distance, ids) if return_distance else ids

    def query_radius(
        self,
        X: ArrayLike,
        r: ArrayLike,
        return_distance: bool = False,
        count_only: bool = False,
        sort_results: bool = False,
    ) -> Any:
        """Find all points within a distance of each query.

        Parameters
        ----------
        X : (m, d) array
            Queries.
        r : float or (m,) array
            Largest distance, itself included.
        return_distance : bool, default False
            Whether to return distances too.
        count_only : bool, default False
            Return the number of points only.
        sort_results : bool, default False
            Sort by distance, instead of by row.

        Returns
        -------
        indices : (m,) array of arrays of int64
            Rows of the points.
        distances : (m,) array of arrays
            Only if asked for.
        count : (m,) array of int64
            Instead of these, if `count_only`.

        Raises
        ------
        ValueError
            If r is negative, the width is not that of the points, or there is NaN or infinity.
        """
        Q = self._check_queries(X)
        radius = check_array(np.broadcast_to(r, (len(Q),)) if np.ndim(r) == 0 else r, "r", ndim=1)
        if len(radius) != len(Q):
            raise ValueError(f"r must be a number or have {len(Q)} entries as X, got {len(radius)}")
        if radius.min() < 0:
            raise ValueError(f"r must not be negative, got {radius.min():g}")
        distances, ids = np.empty(len(Q), dtype=object), np.empty(len(Q), dtype=object)
        with np.errstate(all="ignore"):
            for block, _ in self._blocks(Q):
                query, found, distance = self._within(Q[block], radius[block])
                order = np.lexsort((found, distance, query) if sort_results else (found, query))
                cuts = np.searchsorted(query[order], np.arange(1, len(block)))
                for q, a, b in zip(
                    block,
                    np.split(found[order], cuts),
                    np.split(distance[order], cuts),
                    strict=True,
                ):
                    ids[q], distances[q] = a, b
        if count_only:
            return np.array([len(a) for a in ids], dtype=np.int64)
        return (ids, distances) if return_distance else ids

    def __repr__(self) -> str:
        return f"BallTree(n={self.n_points}, leaf_size={self.leaf_size}, metric={self.metric!r})"

    # ---- queries, block by block

    def _check_queries(self, X: ArrayLike) -> _Points:
        Q = check_array(X, "X")
        if Q.shape[1] != self.n_features:
            raise ValueError(f"X has {Q.shape[1]} features, but the tree has {self.n_features}")
        return self._mapped(Q)

    def _mapped(self, A: _Points) -> _Points:
        return A if self._mapping is None else (A - self._mapping[0]) @ self._mapping[1]

    def _blocks(self, Q: _Points) -> list[tuple[_Ids, _Ids]]:
        """Numbers of queries of each block, and the leaves that they fall into."""
        home = self._leaves.home(Q)
        order = np.argsort(home, kind="stable")
        step = _TREE_BLOCK if 8 * len(Q) > self.n_points else min(_TREE_BLOCK, 32)  # few, far apart
        step = step if self._all is None else self._all.block
        return [
            (order[i : i + step], home[order[i : i + step]]) for i in range(0, len(order), step)
        ]

    def _scores(self, Q: _Points, near: _Points) -> ProductScores | MeasuredScores:
        if self._norm == 2:
            return ProductScores(Q, near)
        return MeasuredScores(Q, near, metric_measure(self._metric, self._kw))

    def _scan(self, scores: ProductScores | MeasuredScores, best: Candidates, places: _Ids) -> None:
        ids = self._leaves.ids[places]
        points = self._leaves.places[places]
        most = scores.enough(best.k)
        for precise in (False, True):
            S, error = scores(points, precise)
            S[np.flatnonzero(ids < 0)] = np.inf
            if best.scan(S, error, places, np.inf if precise else most):
                break

    def _nearest(self, Q: _Points, home: _Ids, k: int) -> tuple[_Points, _Ids]:
        leaves = self._leaves
        first = np.unique(home)
        scores = self._scores(Q, leaves.places[leaves.members(first)])
        lower = self._lower_bounds(Q, scores.scale)
        if leaves.n_points[first].sum() < k:
            near = np.argsort(lower)
            enough = int(np.searchsorted(np.cumsum(leaves.n_points[near]), k)) + 1
            first = np.union1d(first, near[:enough])
            scores = self._scores(Q, leaves.places[leaves.members(first)])
            lower = self._lower_bounds(Q, scores.scale)
        best = Candidates(len(Q), k, scores.dtype)
        self._scan(scores, best, leaves.members(first))
        lower[first] = np.inf
        others = leaves.members(np.flatnonzero(lower <= scores.reach(best.limit)))
        for i in range(0, len(others), CHUNK):
            self._scan(scores, best, others[i : i + CHUNK])
        query, place, distance = best.rest()
        if self._norm == 2:
            distance = by_differences(Q[query], leaves.places[place])
        return first_k(query, leaves.ids[place], distance, len(Q), k)

    def _within(self, Q: _Points, r: _Points) -> tuple[_Ids, _Ids, _Points]:
        """Give queries, rows of points and distances of all pairs within r."""
        leaves = self._leaves
        scores = self._scores(Q, Q + r[:, None])
        near = np.flatnonzero(self._lower_bounds(Q, scores.scale) <= r.max() * scores.scale)
        members, found = leaves.members(near), []
        for i in range(0, len(members), CHUNK):
            places = members[i : i + CHUNK]
            S, error = scores(leaves.places[places], False)
            S[np.flatnonzero(leaves.ids[places] < 0)] = np.inf
            row, query = np.nonzero(scores.within(r) + error >= S)
            found.append((query, places[row], S[row, query]))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
        query, place, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if self._norm == 2:
            distance = by_differences(Q[query], leaves.places[place])
        left = distance <= r[query]
        return query[left], leaves.ids[place[left]], distance[left]

    def _lower_bounds(self, Q: _Points, scale: float) -> _Points:
        """Give each leaf a distance, times scale, that no query is nearer to one of its points."""
        leaves = self._leaves
        if self._norm is None:
            measure = metric_measure(self._metric, self._kw)
            nearest = measure(leaves.places[self._pivot], Q).min(axis=1)
            lower: _Points = nearest * (1 - MARGIN) - self._radius * (1 + MARGIN)
            return lower * scale
        gap = np.maximum(leaves.low - Q.max(axis=0)[:, None], Q.min(axis=0)[:, None] - leaves.high)
        gap = np.maximum(gap, 0) * (scale * (1 - MARGIN))  # (d, leaves)
        if self._norm == 2:
            lower = np.sqrt(np.einsum("ij,ij->j", gap, gap))
        elif self._norm == 1:
            lower = gap.sum(axis=0)
        elif self._norm == np.inf:
            lower = gap.max(axis=0)
        else:
            lower = (gap**self._norm).sum(axis=0) ** (1 / self._norm)
        return lower

    def _balls(self) -> tuple[_Ids, _Points]:
        """Give each leaf the place of its most central point, and the largest distance to it."""
        leaves = self._leaves
        measure = metric_measure(self._metric, self._kw)
        members = np.arange(len(leaves.ids)).reshape(-1, leaves.size)
        points = leaves.places.reshape(len(members), leaves.size, -1)
        off = np.abs(points - points.mean(axis=1, keepdims=True)).sum(axis=2)
        pivot = members[np.arange(len(members)), off.argmin(axis=1)]
        radius = [
            measure(p, leaves.places[i : i + 1]).max() for p, i in zip(points, pivot, strict=True)
        ]
        return pivot, np.array(radius)


def _norm(metric: Metric, kw: dict[str, Any]) -> float | None:
    """Order of the Minkowski distance that the metric is, if it is one."""
    if metric == "minkowski":
        return float(kw.get("p", 2))
    return {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": np.inf}.get(str(metric))


# ---- leaves


class _Leaves(NamedTuple):
    """A balanced tree, level by level, and what is in its leaves."""

    axes: list[_Ids]  # [level] (2^level,) feature that a node is cut by
    cuts: list[_Points]  # [level] (2^level,) least value of that feature on the right
    size: int  # l, places of a leaf
    places: _Points  # (2^h l, d)
    ids: _Ids  # (2^h l,)
    n_points: _Ids  # (2^h,) places that are no copies
    low: _Points  # (d, 2^h)
    high: _Points  # (d, 2^h)

    def home(self, Q: _Points) -> _Ids:
        """Leaf that each query falls into; all go down together."""
        node = np.zeros(len(Q), dtype=np.int64)
        for axis, cut in zip(self.axes, self.cuts, strict=True):
            node = 2 * node + (Q[np.arange(len(Q)), axis[node]] >= cut[node])
        return node

    def members(self, leaves: _Ids) -> _Ids:
        """Give the places of some leaves."""
        return (leaves[:, None] * self.size + np.arange(self.size)).ravel()


def _grow(X: _Points, leaf_size: int) -> _Leaves:
    """Cut all nodes of a level at the median of their widest feature, level by level."""
    n = len(X)
    n_levels = max(0, math.ceil(math.log2(n / leaf_size)))
    size = -(-n // 2**n_levels)
    n_copies = size * 2**n_levels - n
    # every node of a level has the same number of places: copies fill up, spread over all points
    source = np.concatenate([np.arange(n), np.arange(n_copies) * n // max(n_copies, 1)])
    order = np.arange(len(source))[None]  # (nodes, places of a node)
    axes, cuts = [], []
    for _ in range(n_levels):
        points = X[source[order]]  # (nodes, places, d)
        axis = np.argmax(points.max(axis=1) - points.min(axis=1), axis=1)
        values = np.take_along_axis(points, axis[:, None, None], axis=2)[:, :, 0]
        half = order.shape[1] // 2
        part = np.argpartition(values, half, axis=1)
        axes.append(axis)
        cuts.append(np.take_along_axis(values, part[:, half : half + 1], axis=1)[:, 0])
        order = np.take_along_axis(order, part, axis=1).reshape(-1, half)
    ids = np.where(order < n, order, -1).astype(np.int64)
    places = X[source[order]]
    low, high = places.min(axis=1).T.copy(), places.max(axis=1).T.copy()
    n_points = np.count_nonzero(ids >= 0, axis=1)
    return _Leaves(
        axes, cuts, size, places.reshape(-1, X.shape[1]), ids.ravel(), n_points, low, high
    )
