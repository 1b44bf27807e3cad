# SPDX-License-Identifier: BSD-3-Clause
"""Binning: each feature as at most 255 whole numbers, once per fit.

Source:  Ke et al., LightGBM (2017), section 2; Chen & Guestrin, XGBoost (2016), section 3.2.
Differs: edges lie midway between two values that occur, so that a threshold on the numbers parts
         the rows as a threshold on the bins does; weights count as repeated rows.
Cost:    O(N D log N) once; two bytes per sample and feature are kept.
Checked: few values give one bin each; codes and thresholds send the same rows to the left.
"""
# N samples, D features   code (N, D) bin of each value, MISSING where it is NaN or unknown
# edges[f] (bins - 1,) ascending; a value is in bin b if edges[b - 1] < value <= edges[b]
# categories[f] sorted known values of a categorical feature; the code is the place among them

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "Bins", "Codes", "bin_codes", "find_bins"]

Floats = NDArray[np.float64]
MISSING = 255  # the code of NaN; bins are 0 to 254
CELLS = 100_000  # codes that a histogram sums up at a time: a quarter as many took a tenth longer


class Bins(NamedTuple):
    """How values become codes."""

    edges: list[Floats]  # of each feature; the categories where it is categorical
    categorical: NDArray[np.bool_]  # (D,)


class Codes(NamedTuple):
    """Binned samples, in both memory orders: rows for histograms, columns for partitions."""

    lines: NDArray[np.uint8]  # (N, D) contiguous
    columns: NDArray[np.uint8]  # (D, N) contiguous
    # 256 * feature for each code of as many lines as a histogram sums up at a time. To add them as
    # one long array takes 4 to 14 % of the histogram, D at a time 30 to 50 %; lines that hold them
    # already would take two bytes or four.
    offsets: NDArray[np.unsignedinteger[Any]]
    missing: NDArray[np.bool_]  # (D,) whether the feature has a MISSING code
    n_bins: int  # codes below, but for MISSING


def find_bins(
    X: Floats,
    max_bins: int = 255,
    categorical: NDArray[np.bool_] | None = None,
    weights: Floats | None = None,
) -> Bins:
    """Choose the edges of each feature: midway between values, or at quantiles of many values.

    Parameters
    ----------
    X : (N, D) array
        May hold NaN, which gets a bin of its own.
    max_bins : int, default 255
        At most this many bins for the values that are there, 2 to 255.
    categorical : (D,) array of bool or None, default None
        Features whose values are names, not sizes; negative ones count as NaN.
    weights : (N,) array or None, default None
        Weights > 0; a weight of 2 is a row that stands twice.

    Returns
    -------
    Bins

    Raises
    ------
    ValueError
        If a categorical feature has more than max_bins values.

    Examples
    --------
    >>> import numpy as np
    >>> find_bins(np.array([[1.0], [2.0], [2.0], [4.0]])).edges
    [array([1.5, 3. ])]
    """
    D = X.shape[1]
    names = np.zeros(D, dtype=np.bool_) if categorical is None else categorical
    edges = []
    for f in range(D):
        known = X[:, f] >= 0 if names[f] else ~np.isnan(X[:, f])
        values, w = X[known, f], None if weights is None else weights[known]
        if names[f]:
            distinct = np.unique(values)
            if len(distinct) > max_bins:
                raise ValueError(
                    f"Categorical feature at index {f} is expected to have a cardinality <="
                    f" {max_bins} but actually has a cardinality of {len(distinct)}: see max_bins"
                )
            edges.append(distinct)
        else:
            edges.append(_numeric_edges(values, max_bins, w))
    return Bins(edges, names)


def bin_codes(X: Floats, bins: Bins) -> Codes:
    """Put every value in its bin.

    Parameters
    ----------
    X : (N, D) array
        May hold NaN; a category that was not there at `find_bins` counts as NaN.
    bins : Bins

    Returns
    -------
    Codes

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0], [2.0], [np.nan], [4.0]])
    >>> bin_codes(X, find_bins(X)).columns
    array([[  0,   1, 255,   2]], dtype=uint8)
    """
    N, D = X.shape
    columns = np.empty((D, N), dtype=np.uint8)
    missing = np.zeros(D, dtype=np.bool_)
    for f, edges in enumerate(bins.edges):
        x = np.ascontiguousarray(X[:, f])
        code = edges.searchsorted(x)  # left: edges[b - 1] < x <= edges[b]
        absent = np.isnan(x)
        if bins.categorical[f]:
            absent |= edges.take(code, mode="clip") != x if len(edges) else True
        missing[f] = absent.any()
        columns[f] = code if not missing[f] else np.where(absent, MISSING, code)
    n_bins = max((len(edges) + 1 for edges in bins.edges), default=1)
    kind = np.uint16 if D <= 256 else np.uint32
    offsets = np.tile(np.arange(0, 256 * D, 256, dtype=kind), min(N, max(1, CELLS // D)))
    lines = np.ascontiguousarray(columns.T)
    return Codes(lines, columns, offsets, missing, min(n_bins, MISSING))


def _numeric_edges(values: Floats, max_bins: int, w: Floats | None) -> Floats:
    distinct, count = np.unique(values, return_counts=True)
    if len(distinct) <= max_bins:
        return _middle(distinct[:-1], distinct[1:])
    if w is not None:
        count = np.bincount(distinct.searchsorted(values), weights=w)
    share = np.cumsum(count) / count.sum()
    # the first value that reaches each quantile ends a bin; the last bin needs no edge
    last = share.searchsorted(np.arange(1, max_bins) / max_bins - 1e-12)
    last = np.unique(last[last < len(distinct) - 1])
    return _middle(distinct[last], distinct[last + 1])


def _middle(below: Floats, above: Floats) -> Floats:
    """Points with below <= point < above, midway but for rounding."""
    middle = below + (above / 2 - below / 2)
    middle = np.where(np.isfinite(middle), middle, below)
    return np.where(middle < above, middle, below)
