# SPDX-License-Identifier: BSD-3-Clause
"""Lloyd's algorithm: assign each sample to the nearest centre, move centres to their means, repeat.

Source:  Lloyd (1982); Hamerly (2010) for the bound by which most samples are left alone.
Differs: assignments are exact: where rounding could decide between two centres, the distances are
         computed anew from differences, and equal ones go to the lower number.
Cost:    O(N K D) for the first iteration; later ones look at the samples near a border alone.
         Memory: a label and a bound for each sample.
Checked: a literal loop; ties, duplicates, empty clusters; offsets of 1e8, scales of 1e+-200.
"""
# N samples, D features, K clusters, B rows of a block
# X (N, D)   w (N,) weights or None   centers (K, D)   C (K, D) centres in the frame of the points
# x1 (D + 1, B) a block, centred, transposed, with a row of ones   near (K, B) which centre, 0 or 1
# gap (N,) at most: distance to the second nearest centre minus distance to the nearest

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import row_blocks

__all__ = ["LloydResult", "assign_to_centers", "distances_to_centers", "lloyd"]


class LloydResult(NamedTuple):
    """Where Lloyd's algorithm ended."""

    centers: NDArray[np.float64]  # (K, D)
    labels: NDArray[np.int32]  # (N,) number of the nearest of these centres
    inertia: float  # sum_n w_n |x_n - c|^2
    history: list[float]  # [i] inertia before iteration i + 1; [-1] that of `centers`
    n_iter: int  # times that the centres were moved
    converged: bool  # the last movement was tol or less


class _Points(NamedTuple):
    """The samples, and the frame in which their distances neither cancel nor overflow."""

    X: NDArray[np.floating]  # (N, D)
    w: NDArray[np.float64] | None  # (N,)
    origin: NDArray[np.float64]  # (D,) their weighted mean
    size: float  # largest |x_d - origin_d|
    scale: float  # power of two; 1 unless squares would leave the range of float64

    def for_centers(self, centers: NDArray[np.float64]) -> _Points:
        """Return the frame that fits these centres as well."""
        size = max(self.size, float(np.abs(centers - self.origin).max()))
        fits = size == 0 or 1e-100 < size < 1e100
        return self._replace(scale=1.0 if fits else 2.0 ** -int(np.frexp(size)[1]))

    def block(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return these rows, centred and transposed, and a row of ones below: (D + 1, B)."""
        X = self.X[rows]
        x1 = np.empty((X.shape[1] + 1, len(X)))
        np.subtract(X.T, self.origin[:, None], out=x1[:-1])
        if self.scale != 1.0:
            x1 *= self.scale
        x1[-1] = 1.0
        return x1


@dataclass
class _Cells:
    """Who belongs where, from one iteration to the next."""

    labels: NDArray[np.int64]  # (N,) -1 before the first
    gap: NDArray[np.float64]  # (N,) scaled; as long as it is positive, the label stands
    sums: NDArray[np.float64]  # (K, D + 1) of w x1: scaled sums of the samples, and weights


def lloyd(
    X: NDArray[np.floating],
    centers: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
    *,
    max_iter: int = 300,
    tol: float = 0.0,
    on_step: Callable[[int, float, NDArray[np.float64]], object] | None = None,
) -> LloydResult:
    """Move the centres to the means of their samples until they stand still.

    Parameters
    ----------
    X : (N, D) array
        Samples, finite.
    centers : (K, D) array
        Where to start.
    sample_weight : (N,) array, optional
        How many times each row counts; by default once.
    max_iter : int, default 300
        At most this many movements.
    tol : float, default 0.0
        Stop when the squared movements of all centres sum to at most this times the mean
        variance of the features.
    on_step : callable, optional
        ``on_step(iteration, inertia, centers)``, the inertia being that before the movement; a
        true return stops.

    Returns
    -------
    LloydResult

    Examples
    --------
    >>> import numpy as np
    >>> lloyd(np.array([[0.0], [1.0], [9.0]]), np.array([[0.0], [1.0]])).centers
    array([[0.5],
           [9. ]])
    """
    K = len(centers)
    points = _points_in_frame(X, sample_weight).for_centers(centers)
    cells, total = _empty_cells(points, K), _sum_of_squares(points)
    weight = len(X) if sample_weight is None else float(sample_weight.sum())
    moves, history = np.zeros(K), [np.inf]
    converged = stopped = False
    while len(history) <= max_iter and not converged and not stopped:
        _update_cells(points, cells, centers, moves)
        history.append(min(history[-1], _inertia_of_cells(points, cells, centers, total)))
        previous, centers = centers, _means_of_cells(points, cells, centers)
        moves = np.sqrt(np.square((centers - previous) * points.scale).sum(axis=1))  # (K,)
        converged = bool(moves @ moves <= tol * total / weight / X.shape[1])
        stopped = on_step is not None and bool(on_step(len(history) - 1, history[-1], centers))
        if points.for_centers(centers).scale != points.scale:  # the start was far from the data
            points = points.for_centers(centers)
            cells, total = _empty_cells(points, K), _sum_of_squares(points)
    _update_cells(points, cells, centers, moves)
    inertia = _inertia_of_labels(points, cells.labels, centers)
    history = [max(before, inertia) for before in history[1:]] + [inertia]
    cells.gap = np.empty(0)  # the memory goes to the labels
    labels = cells.labels.astype(np.int32)
    return LloydResult(centers, labels, inertia, history, len(history) - 1, converged)


def assign_to_centers(
    X: NDArray[np.floating],
    centers: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.int32], float]:
    """Return the number of the nearest centre of each row, (N,), and the inertia."""
    points = _points_in_frame(X, sample_weight).for_centers(centers)
    labels = np.empty(len(X), dtype=np.int32)
    for rows in row_blocks(len(X), max(centers.shape)):
        near, _, _ = _nearest(points, rows, points.block(rows), centers)
        labels[rows] = _number_of_near(near)
    return labels, _inertia_of_labels(points, labels, centers)


def distances_to_centers(
    X: NDArray[np.floating], centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the Euclidean distances (N, K), from differences: exact near zero too."""
    points = _points_in_frame(X, None).for_centers(centers)
    out = np.empty((len(X), len(centers)))
    for rows in row_blocks(len(X), centers.size):
        d = (np.subtract(X[rows].T, centers[:, :, None]) * points.scale).astype(np.float64)
        out[rows] = np.sqrt(np.einsum("kdb,kdb->bk", d, d))
    return out / points.scale


def _points_in_frame(X: NDArray[np.floating], w: NDArray[np.float64] | None) -> _Points:
    low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    if w is None:
        mean = X.mean(axis=0, dtype=np.float64)
    else:
        mean = sum(w[rows] @ X[rows] for rows in row_blocks(*X.shape)) / w.sum()
    origin = np.clip(mean, low, high)
    size = float(np.maximum(high - origin, origin - low).max())
    return _Points(X, w, origin, size, 1.0).for_centers(origin)


def _sum_of_squares(points: _Points) -> float:
    """sum_n w_n |x_n - origin|^2, scaled."""
    total = 0.0
    for rows in row_blocks(len(points.X), len(points.origin)):
        x = points.block(rows)[:-1]
        square = np.einsum("db,db->b", x, x)
        total += float(square.sum() if points.w is None else square @ points.w[rows])
    return total


def _empty_cells(points: _Points, n_clusters: int) -> _Cells:
    N, D = points.X.shape
    return _Cells(np.full(N, -1, np.int64), np.full(N, -np.inf), np.zeros((n_clusters, D + 1)))


def _nearest(
    points: _Points,
    rows: slice | NDArray[np.int64],
    x1: NDArray[np.float64],
    centers: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return `near` (K, B), |x - c|^2 - |x|^2 (K, B) rounded, and how far rounding may go."""
    C = (centers - points.origin) * points.scale
    square = np.vecdot(C, C)  # (K,)
    s = np.concatenate([-2.0 * C, square[:, None]], axis=1) @ x1  # (K, B)
    reach = len(x1) * (points.size * points.scale) ** 2 + square.max()  # of any |x|^2 and |c|^2
    doubt = (4 * len(x1) + 16) * np.finfo(float).eps * float(reach)
    near = s <= s.min(axis=0) + doubt
    if np.count_nonzero(near) > near.shape[1]:  # more than one centre within rounding
        doubtful = np.flatnonzero(near.sum(axis=0) > 1)
        # without the frame, so that the same sample always goes to the same centre
        x = points.X[rows][doubtful]
        d = np.stack([np.square((x - c) * points.scale).sum(axis=1) for c in centers])
        near[:, doubtful] = False
        near[d.argmin(axis=0), doubtful] = True
    return near.astype(np.float64), s, doubt


def _number_of_near(near: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return k where near is 1, (B,): by a product, three times as fast as argmax."""
    return (np.arange(len(near), dtype=np.float64) @ near).astype(np.int64)


def _update_cells(
    points: _Points, cells: _Cells, centers: NDArray[np.float64], moves: NDArray[np.float64]
) -> None:
    """Assign the samples whose label may have changed since the centres moved, in place."""
    N, width = len(points.X), max(centers.shape)
    drift = (moves + moves.max()) * (1 + 1e-9)  # (K,) by how much the gap may have shrunk
    for rows in row_blocks(N, 1):
        gap = cells.gap[rows]  # a view
        gap -= drift[cells.labels[rows]]
        stale = np.flatnonzero(gap <= 0) + rows.start
        for part in row_blocks(len(stale), width):
            at = stale[part]
            dense = at[-1] - at[0] + 1 == len(at)  # a slice is read faster
            _assign_rows(points, cells, centers, slice(at[0], at[-1] + 1) if dense else at)


def _assign_rows(
    points: _Points, cells: _Cells, centers: NDArray[np.float64], rows: slice | NDArray[np.int64]
) -> None:
    """Assign these samples, and move what they add to the sums, in place."""
    x1 = points.block(rows)
    near, s, doubt = _nearest(points, rows, x1, centers)
    new, columns = _number_of_near(near), np.arange(x1.shape[1])
    if len(x1) > 8:  # in fewer dimensions the bound costs more than it saves (bench/gmm)
        square = np.einsum("db,db->b", x1[:-1], x1[:-1])
        best = s[new, columns] + (square + doubt)
        s[new, columns] = np.inf
        second = s.min(axis=0) + (square - doubt)
        cells.gap[rows] = np.sqrt(np.maximum(second, 0)) - np.sqrt(np.maximum(best, 0))
    old = cells.labels[rows].copy()
    changed = np.flatnonzero(new != old)
    if len(changed) == 0:
        return
    cells.labels[rows] = new
    w = None if points.w is None else points.w[rows]
    if 2 * len(changed) < len(new):
        near, x1, old, columns = (
            near[:, changed],
            x1[:, changed],
            old[changed],
            columns[: len(changed)],
        )
        w = None if w is None else w[changed]
    if old[0] >= 0:
        near[old, columns] -= 1.0
    if w is not None:
        near *= w
    cells.sums += near @ x1.T  # one product: faster than adding row by row


def _inertia_of_cells(
    points: _Points, cells: _Cells, centers: NDArray[np.float64], total: float
) -> float:
    """sum_n w_n |x_n - c|^2 from its three terms, which are at hand; exact to eps of the total."""
    C = (centers - points.origin) * points.scale
    D = C.shape[1]
    inner = np.vecdot(C, cells.sums[:, :D]).sum()
    square = np.vecdot(C, C) @ cells.sums[:, D]
    return _unscaled(max(total - 2.0 * float(inner) + float(square), 0.0), points.scale)


def _inertia_of_labels(
    points: _Points, labels: NDArray[np.integer], centers: NDArray[np.float64]
) -> float:
    """sum_n w_n |x_n - c|^2 from differences: nothing cancels."""
    inertia = 0.0
    for rows in row_blocks(*points.X.shape):
        d = (points.X[rows] - centers[labels[rows]]) * points.scale
        square = np.vecdot(d, d)
        inertia += float(square.sum() if points.w is None else square @ points.w[rows])
    return _unscaled(inertia, points.scale)


def _means_of_cells(
    points: _Points, cells: _Cells, centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of each cluster's samples; an empty one takes the farthest sample."""
    K, D = centers.shape
    # anew: rounding must not hide an empty cluster
    n = np.bincount(cells.labels, points.w, K).astype(np.float64)
    if not n.all():
        _reseed_empty(points, cells, centers, n)
    n = n[:, None]
    means = points.origin + cells.sums[:, :D] / np.where(n > 0, n, 1.0) / points.scale
    return np.where(n > 0, means, centers)


def _reseed_empty(
    points: _Points, cells: _Cells, centers: NDArray[np.float64], n: NDArray[np.float64]
) -> None:
    """Give each empty cluster the sample farthest from its centre, in place."""
    distance = np.empty(len(cells.labels))
    for rows in row_blocks(*points.X.shape):
        d = (points.X[rows] - centers[cells.labels[rows]]) * points.scale
        distance[rows] = np.vecdot(d, d)
    if points.w is not None:
        distance[points.w == 0] = 0.0
    empty = np.flatnonzero(n == 0)
    farthest = np.argsort(-distance, kind="stable")[: len(empty)]
    for k, row in zip(empty, farthest, strict=True):
        if distance[row] == 0:  # fewer distinct samples than clusters
            return
        w = 1.0 if points.w is None else points.w[row]
        x1 = points.block(slice(row, row + 1))[:, 0] * w
        old = cells.labels[row]
        cells.sums[old] -= x1
        cells.sums[k] = x1
        n[old] -= w
        n[k] = w
        cells.labels[row], cells.gap[row] = k, -np.inf


def _unscaled(inertia: float, scale: float) -> float:
    """Inertia in the units of the data; inf where it is beyond float64."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float64(inertia) / scale / scale)
