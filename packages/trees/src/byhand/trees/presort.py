# SPDX-License-Identifier: BSD-3-Clause
"""Presorting: the rows of X in ascending order of every feature, once per fit.

Source:  SLIQ (Mehta, Agrawal & Rissanen, 1996), which sorts each feature once; Knuth, TAOCP 3,
         5.2.5 for sorting by digits.
Differs: a feature with NaN stands twice, with its NaN last and with its NaN first, so that a
         grower weighs both routes of missing values without knowing of them.
Cost:    O(N D); four stable radix passes over 16 bits of float64, two where X holds float32
         numbers; 2 to 8 bytes per row and line are kept. np.sort of packed keys took 26-37 ns
         per element where a pass takes 5.
Checked: np.argsort(kind="stable") on adjacent doubles, infinities, signed zeros, NaN, ties.
"""
# N rows of X, D features, V lines: one per feature, a second one where the feature has NaN
# packed[v, i] = code << id_bits | row: the row that is i-th in line v. Rows of equal value share
# a code, and codes ascend with the value; the code of NaN is the largest, or -1 where NaN is first.
# Where no two rows share a value, no codes are needed and all are 0.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Presorted", "presort", "sorted_rows"]

# Arrays of 2^14 numbers stay in the second-level cache, and below the size from which the C
# library takes fresh pages for each (page faults cost as much as the arithmetic).
BLOCK = 16000


class Presorted(NamedTuple):
    """The rows of X, sorted by every feature."""

    packed: NDArray[Any]  # (V, N) code << id_bits | row, in the smallest type that holds them
    id_bits: int  # bits of a row number
    feature: NDArray[np.int64]  # (V,) feature of each line, ascending
    nan_first: NDArray[np.bool_]  # (V,) True in the second line of a feature with NaN
    tied: NDArray[np.bool_]  # (V,) True where some rows share a value

    def rows(self, packed: NDArray[Any]) -> NDArray[np.int64]:
        """Row numbers of packed ones (indices of other types would be converted by NumPy)."""
        return packed.astype(np.int64) & ((1 << self.id_bits) - 1)

    def codes(self, packed: NDArray[Any]) -> NDArray[Any] | None:
        """Codes of packed rows; None if no two rows share a value."""
        return packed >> self.id_bits if np.count_nonzero(self.tied) else None


def presort(X: NDArray[np.floating]) -> Presorted:
    """Sort the rows of X (N, D) by every feature.

    >>> import numpy as np
    >>> lines = presort(np.array([[3.0], [1.0], [np.nan], [1.0]]))
    >>> lines.rows(lines.packed)  # in order, NaN last; then NaN first
    array([[1, 3, 0, 2],
           [2, 1, 3, 0]])
    >>> lines.codes(lines.packed)  # equal values share one
    array([[ 0,  0,  1,  2],
           [-1,  0,  0,  1]], dtype=int32)
    """
    n, d = X.shape
    id_bits = max(1, (n - 1).bit_length())
    packed = np.empty((d, n), dtype=np.int64)
    n_nan = np.empty(d, dtype=np.int64)
    step = max(1, BLOCK // n)
    for f in range(0, d, step):
        x = np.array(X[:, f : f + step].T, dtype=np.float64, order="C")  # (b, N)
        order = sorted_rows(x)
        x = _pick_in_rows(x, order)
        missing = np.isnan(x)
        n_nan[f : f + step] = missing.sum(axis=1)
        new = (x[:, 1:] != x[:, :-1]) & ~missing[:, :-1]  # NaN is one value
        packed[f : f + step] = order
        packed[f : f + step, 1:] |= new.cumsum(axis=1) << id_bits
    tied = (packed[:, -1] >> id_bits < n - 1) | (n_nan > 0)
    if not tied.any():
        packed &= (1 << id_bits) - 1
    feature = np.arange(d).repeat(1 + (n_nan > 0))
    nan_first = np.zeros(len(feature), dtype=np.bool_)
    if len(feature) > d:
        nan_first[1:] = feature[1:] == feature[:-1]
        packed = packed[feature]
    for v in nan_first.nonzero()[0]:
        k = int(n_nan[feature[v]])
        packed[v] = np.roll(packed[v], k)
        packed[v, :k] |= -1 << id_bits
    top, smallest = int(packed.max()), "i8"  # type that holds them: less memory to move
    if top < 2**31:
        smallest = "u2" if top < 2**16 and packed.min() >= 0 else "i4"
    return Presorted(
        packed.astype(smallest, copy=False), id_bits, feature, nan_first, tied[feature]
    )


def sorted_rows(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Stable ascending order of each line of x (b, N), NaN last, by four digits of 16 bits."""
    if x.shape[1] < 1000:  # short lines: a third of the time
        return x.argsort(axis=1, kind="stable").astype(np.int64, copy=False)
    bits = (x + 0.0).view(np.int64)  # + 0.0: -0.0 and 0.0 are one number
    bits = bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))  # ordered like the numbers, signed
    if np.isnan(x).any():
        bits[np.isnan(x)] = np.iinfo(np.int64).max  # whatever its sign and payload
    order: NDArray[np.int64] | None = None
    for shift in (0, 16, 32, 48):
        digit = ((bits >> shift) ^ (0x8000 if shift == 48 else 0)).astype(np.uint16)
        if (digit == digit[:, :1]).all():
            continue  # float32 and small whole numbers: the low digits are zero
        if order is None:
            order = digit.argsort(axis=1, kind="stable")
        else:
            digit = _pick_in_rows(digit, order)
            order = _pick_in_rows(order, digit.argsort(axis=1, kind="stable"))
    if order is None:
        order = np.broadcast_to(np.arange(x.shape[1]), x.shape)
    return order.astype(np.int64, copy=False)


def _pick_in_rows(a: NDArray[Any], index: NDArray[Any]) -> NDArray[Any]:
    """Elements a[i, index[i, j]]: a fifth of the time of np.take_along_axis."""
    start = np.arange(0, a.size, a.shape[1])[:, None]
    return a.ravel().take(index + start)
