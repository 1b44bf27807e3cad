# SPDX-License-Identifier: BSD-3-Clause
"""Euclidean distances between all pairs, by one matrix product with a certificate.

Source:  |x - y|^2 = |x|^2 + |y|^2 - 2 x.y; rounding bound of a dot product: Higham, Accuracy and
         Stability of Numerical Algorithms (2nd ed.), section 3.1.
Differs: that identity cancels for neighbours, so libraries return noise there. Here points are
         centred first, a bound on the rounding error of each pair is compared with its result, and
         the few pairs that fail are computed again from differences.
Cost:    O(n m d), most of it in the matrix product; temporaries of 0.5 MB besides the result.
Checked: 50-digit sums on near duplicates, 1e8 from the origin, and scales 1e-300 to 1e300.
"""
# n points X (n, d), m points Y (m, d)   s scale, a power of 2   c centre   u unit roundoff 2^-53
# G = -2 (X - c) L   H = (Y - c) L   g, h squared norms   D2 (n, m) squared distances, over s^2
# L (d, r) makes the metric: |(x - y) L|; the identity for the Euclidean distance

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validation import check_array

__all__ = [
    "absolute_difference",
    "by_blocks",
    "by_differences",
    "check_pair",
    "euclidean_distances",
    "fold_features",
]

_Matrix = NDArray[np.float64]
_BLOCK_ROWS = 256  # blocks of 256 x 256 float64: product and its mask stay in the 2nd-level cache
_DOT_LENGTH = 256  # features per product, which keeps the error bound small in many dimensions
_RTOL = 1e-12  # of a distance
_TINY = 1e-280  # squares below, relative to the largest number, may have lost digits by underflow


class _Side(NamedTuple):
    """One set of points, as the matrix product needs it."""

    points: _Matrix  # (n, d) as given
    product: _Matrix  # (n, r + 2) G or H
    norm: _Matrix  # (n,) g or h


def euclidean_distances(
    X: ArrayLike, Y: ArrayLike | None = None, *, squared: bool = False, L: ArrayLike | None = None
) -> _Matrix:
    """Distances |x - y| between the rows of X and those of Y, to 1e-12 relative each.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself: the result is then exactly symmetric with an exact 0 on its diagonal.
    squared : bool, default False
        Return the squares.
    L : (d, r) array, optional
        Measure |(x - y) L| instead (any Mahalanobis distance is of this form). Its condition
        number multiplies the error.

    Returns
    -------
    (n, m) array
        float64.

    Raises
    ------
    ValueError
        If the widths of X and Y differ, or there is NaN or infinity.

    Examples
    --------
    >>> from byhand.utils.euclidean_distances import euclidean_distances
    >>> euclidean_distances([[1e8, 0.0]], [[1e8 + 3, 4.0], [1e8, 1e-8]])
    array([[5.e+00, 1.e-08]])
    """
    X, Y = check_pair(X, Y)
    mapping = None if L is None else check_array(L, "L")
    with np.errstate(all="ignore"):  # squares underflow to 0; overflow is inf
        s = _power_of_2(max(np.abs(X).max(), np.abs(Y).max()))
        c = (X / s).mean(axis=0)
        y = _prepare(Y, s, c, mapping)
        x = y if Y is X else _prepare(X, s, c, mapping)
        # [-2 x, 1, g] . [y, h, 1]: adding the norms costs 2 more features instead of two passes
        turned = np.hstack([-2 * x.product[:, :-2], x.product[:, :-3:-1]])
        x = x._replace(product=turned)

        def block(i: slice, j: slice) -> _Matrix:
            return _block(_Side(*(a[i] for a in x)), _Side(*(a[j] for a in y)), s, mapping, squared)

        return by_blocks(len(X), len(Y), block, symmetric=Y is X)


def _prepare(X: _Matrix, s: float, c: _Matrix, L: _Matrix | None) -> _Side:
    centred = X / s - c
    mapped = centred if L is None else centred @ L
    norm = np.vecdot(mapped, mapped)
    return _Side(X, np.column_stack([mapped, norm, np.ones(len(X))]), norm)


def _block(x: _Side, y: _Side, s: float, L: _Matrix | None, squared: bool) -> _Matrix:
    """Distances of a block: by products, then by differences where these are not certain."""
    r = x.product.shape[1]
    D = x.product[:, :_DOT_LENGTH] @ y.product[:, :_DOT_LENGTH].T  # (n, m)
    for k in range(_DOT_LENGTH, r, _DOT_LENGTH):
        D += x.product[:, k : k + _DOT_LENGTH] @ y.product[:, k : k + _DOT_LENGTH].T
    # |error of D| <= 2 terms u (|x|^2 + |y|^2), and the square root halves relative errors
    terms = min(r, _DOT_LENGTH) + r // _DOT_LENGTH + (0 if L is None else len(L)) + 6
    limit = terms * 2.0**-53 / _RTOL
    # whole rows are compared with the largest y first: one pass, and hardly any pair is left
    row_limit = limit * (x.norm + y.norm.max()) + _TINY
    doubt = np.flatnonzero(row_limit[:, None] >= D)
    i, j = np.divmod(doubt, len(y.norm))
    doubtful = limit * (x.norm[i] + y.norm[j]) + _TINY >= D[i, j]
    i, j = i[doubtful], j[doubtful]
    if len(i) > D.size // 16 and L is None:  # cheaper for all pairs, by columns, than for some
        D = fold_features(x.points / s, y.points / s, _squared_difference, np.add)
        i, j = np.nonzero(_TINY >= D)
    if not squared:
        np.sqrt(D, out=D)  # NaN if negative: doubtful, hence replaced
    if s != 1:
        D *= s * s if squared else s
    for k in range(0, len(i), 4096):
        a, b = i[k : k + 4096], j[k : k + 4096]
        distance = by_differences(x.points[a], y.points[b], L)
        D[a, b] = distance**2 if squared else distance
    return D


def by_differences(x: _Matrix, y: _Matrix, L: _Matrix | None = None) -> _Matrix:
    """Distances |(x - y) L| row by row, safe from overflow and underflow."""
    difference = x - y
    if L is not None:
        difference = difference @ L
    square = np.vecdot(difference, difference)
    distance: _Matrix = np.sqrt(square)
    extreme = np.flatnonzero(~((square > _TINY) & (square < 1 / _TINY)))
    if len(extreme):
        rows = difference[extreme]
        _, exponent = np.frexp(np.abs(rows).max(axis=1))
        rows = np.ldexp(rows, -exponent[:, None])  # exact
        distance[extreme] = np.ldexp(np.sqrt(np.vecdot(rows, rows)), exponent)
    return distance


# ---- what all metrics share


def check_pair(X: ArrayLike, Y: ArrayLike | None, other: str = "Y") -> tuple[_Matrix, _Matrix]:
    """Both arguments as float64 arrays of one width; the other one is X where there is none."""
    x = check_array(X, "X")
    if Y is None or Y is X:
        return x, x
    y = check_array(Y, other)
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"X has {x.shape[1]} features, but {other} has {y.shape[1]}")
    return x, y


def by_blocks(
    n: int, m: int, block: Callable[[slice, slice], _Matrix], *, symmetric: bool
) -> _Matrix:
    """Fill an (n, m) matrix by square blocks; a symmetric one from its upper half, diagonal 0."""
    out = np.empty((n, m))
    step = _BLOCK_ROWS
    for i in range(0, n, step):
        rows = slice(i, i + step)
        for j in range(i if symmetric else 0, m, step):
            columns = slice(j, j + step)
            values = block(rows, columns)
            if symmetric and i == j:
                values = np.triu(values, 1)
                values += values.T
            elif symmetric:
                out[columns, rows] = values.T
            out[rows, columns] = values
    return out


def fold_features(X: _Matrix, Y: _Matrix, term: Callable[..., _Matrix], fold: np.ufunc) -> _Matrix:
    """Fold term(x_f, y_f) over the features f for all pairs; term(a, b, out) may write to out."""
    if X.shape[1] > len(X) * len(Y):  # few long vectors
        result: _Matrix = fold.reduce(term(X[:, None, :], Y, None), axis=2)
        return result
    total = np.empty((len(X), len(Y)))
    y = np.ascontiguousarray(Y.T)
    for i in range(0, len(X), 64):  # accumulator and one temporary stay in the 2nd-level cache
        x = np.ascontiguousarray(X[i : i + 64].T)[:, :, None]
        rows = total[i : i + 64]
        rows[...] = term(x[0], y[0], None)
        temporary = np.empty_like(rows)
        for x_f, y_f in zip(x[1:], y[1:], strict=True):
            fold(rows, term(x_f, y_f, temporary), out=rows)
    return total


def absolute_difference(a: _Matrix, b: _Matrix, out: _Matrix | None) -> _Matrix:
    """Give |a - b| without a second temporary."""
    out = np.subtract(a, b, out=out)
    return np.abs(out, out=out)


def _squared_difference(a: _Matrix, b: _Matrix, out: _Matrix | None) -> _Matrix:
    out = np.subtract(a, b, out=out)
    return np.multiply(out, out, out=out)


def _power_of_2(size: float) -> float:
    """Return 1 for moderate sizes, else a power of 2 near it: dividing by it is exact."""
    return 1.0 if 1e-100 < size < 1e100 or size == 0 else math.ldexp(0.5, math.frexp(size)[1])
