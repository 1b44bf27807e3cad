# SPDX-License-Identifier: BSD-3-Clause
"""Weighted quantiles: of all values, and of the values in each leaf of a tree.

Source:  Hyndman & Fan (1996), definitions 1 (lower) and 7 (interpolated).
Differs: whole weights count as repeated values in both definitions.
Cost:    one sort.
Checked: np.quantile of repeated values.
"""
# N values, w (N,) their weights

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["leaf_quantiles", "weighted_quantile"]

Floats = NDArray[np.float64]


def weighted_quantile(
    values: Floats, q: float, w: Floats | None = None, *, lower: bool = False
) -> float:
    """Quantile of weighted values.

    Parameters
    ----------
    values : (N,) array
    q : float
        Level in [0, 1].
    w : (N,) array or None, default None
        Weights >= 0, not all 0; None for ones.
    lower : bool, default False
        True for the smallest value whose cumulated share of the weight reaches q. Otherwise
        whole weights count as repeated rows and the quantile interpolates between two rows,
        as `np.quantile` does; for weights that are not whole the lower one is taken.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([1.0, 2.0, 10.0])
    >>> weighted_quantile(y, 0.5), weighted_quantile(y, 0.5, np.array([1.0, 1.0, 2.0]))
    (2.0, 6.0)
    """
    if w is None:
        w = np.ones(len(values))
    rank = np.argsort(values, kind="stable")
    rank = rank[w[rank] > 0]
    v, cum = values[rank], np.cumsum(w[rank])
    if lower or not np.array_equal(w, np.rint(w)):
        return float(v[_first_reaching(cum, q * cum[-1])])
    position = q * (cum[-1] - 1)  # among the rows counted with repetition, from 0
    below = np.floor(position)
    a, b = v[np.searchsorted(cum, [below, min(below + 1, cum[-1] - 1)], side="right")]
    return float(a + (b - a) * (position - below))


def _first_reaching(cum: Floats, target: float) -> int:
    # A sum of weights carries rounding: a share of 0.3 is reached by 0.3 * (1 - 1e-15) too.
    slack = 1 - 8 * float(np.finfo(np.float64).eps)
    return min(int(np.searchsorted(cum, target * slack)), len(cum) - 1)


def leaf_quantiles(
    r: Floats, q: float, leaf: NDArray[np.integer], n_leaves: int, w: Floats | None
) -> Floats:
    """Lower weighted quantile of r in each leaf, (n_leaves,); 0 for a leaf without weight."""
    order = np.lexsort((r, leaf))
    ends = np.cumsum(np.bincount(leaf, minlength=n_leaves))
    out = np.zeros(n_leaves)
    start = 0
    for i, end in enumerate(ends):  # leaves of one tree: few
        rows = order[start:end]
        start = end
        weight = None if w is None else w[rows]
        if len(rows) and (weight is None or weight.any()):
            out[i] = _sorted_quantile(r[rows], q, weight)
    return out


def _sorted_quantile(v: Floats, q: float, w: Floats | None) -> float:
    cum = np.arange(1.0, len(v) + 1) if w is None else np.cumsum(w)
    return float(v[_first_reaching(cum, q * cum[-1])])
