# SPDX-License-Identifier: BSD-3-Clause
"""Sides: what nodes gain when they are parted into two given sides.

Source:  the criteria of moments, class_counts and poisson.
Differs: one sum for each side instead of one for each place.
Cost:    a product and a sum by node for each row and feature.
Checked: the scores of the same cuts from cumulative sums.
"""
# m places, S nodes, q ways to part each; L, n_left, T as in moments, class_counts and poisson

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .class_counts import ClassTarget
from .moments import TINY, Floats, Nodes, Places, Target
from .poisson import PoissonTarget, deviance_removed, heavy_sides

__all__ = ["gain_of_sides"]


def gain_of_sides(
    target: Target, left: NDArray[np.bool_], nodes: Nodes, places: Places, min_weight: float
) -> Floats:
    """Gain (q, S) of parting each node into the rows left (q, m) and others; 0: not allowed.

    Row i of the target stands at place i.
    """
    w = left if target.fixed is None else target.fixed * left
    n_left = np.add.reduceat(w, places.starts, axis=1, dtype=np.int64).astype(np.float64)
    allowed = heavy_sides(n_left, nodes, min_weight)
    if isinstance(target, ClassTarget) and not target.one_moment:
        q, (S, K) = len(left), nodes.sums.shape
        cell = np.arange(0, q * S, S)[:, None] + places.node
        cell += target.codes * (q * S)
        L = np.bincount(cell.ravel(), w.ravel(), minlength=K * q * S).reshape(K, q, S)
        T, one = nodes.sums.T[:, None], np.where(allowed, 0, 1)  # nothing is divided by 0
        gain = target.purity(L, n_left + one)
        gain += target.purity(T - L, nodes.mass - n_left + one)
        gain = np.maximum(gain - target.purity(T, nodes.mass), 0)
        return np.asarray((gain + TINY) * allowed)
    L = np.add.reduceat(target.z * left, places.starts, axis=1)
    if isinstance(target, PoissonTarget):
        return deviance_removed(L, n_left, nodes, allowed)
    product = np.where(allowed, n_left * (nodes.mass - n_left), np.inf)
    return np.asarray((L.astype(np.float64) ** 2 + TINY) / product)
