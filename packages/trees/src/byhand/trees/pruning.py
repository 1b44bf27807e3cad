# SPDX-License-Identifier: BSD-3-Clause
"""Cost-complexity pruning path: the prices of a leaf at which a tree loses branches.

Source:  Breiman, Friedman, Olshen & Stone (1984), section 3.3 (weakest-link cutting).
Differs: a function of a fitted model; scikit-learn's method, which fits one, calls it.
Cost:    O(M log M + M depth) for M nodes.
Checked: all subtrees enumerated; scikit-learn's path.
"""
# M nodes   risk of a node: see trim   link (M,) what a leaf must cost for a branch to go

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .trim import node_risk

__all__ = ["PruningPath", "cost_complexity_path"]


class PruningPath(NamedTuple):
    """A tree's way from full size to its root."""

    ccp_alphas: NDArray[np.float64]  # prices of a leaf at which branches go, ascending from 0
    impurities: NDArray[np.float64]  # sum of the leaves' risks from each price on


def cost_complexity_path(model: Any) -> PruningPath:
    """Prices of a leaf (`ccp_alpha`) at which a fitted tree would lose branches.

    Parameters
    ----------
    model : DecisionTreeClassifier or DecisionTreeRegressor
        Fitted without pruning, ``ccp_alpha=0``.

    Returns
    -------
    PruningPath

    Examples
    --------
    >>> from byhand.trees import DecisionTreeRegressor
    >>> model = DecisionTreeRegressor().fit([[0], [1], [2], [3]], [0.0, 1.0, 8.0, 9.0])
    >>> cost_complexity_path(model)
    PruningPath(ccp_alphas=array([ 0.   ,  0.125, 16.   ]), impurities=array([ 0.  ,  0.25, 16.25]))
    """
    model._check_fitted()
    tree = model.tree_
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    risk, M = node_risk(tree).tolist(), len(left)
    parent, below, leaves = [-1] * M, list(risk), [1] * M
    for i in range(M - 1, -1, -1):  # children before their parents
        if left[i] >= 0:
            parent[left[i]] = parent[right[i]] = i
            below[i] = below[left[i]] + below[right[i]]
            leaves[i] = leaves[left[i]] + leaves[right[i]]

    def link(i: int) -> float:
        return float((risk[i] - below[i]) / (leaves[i] - 1))

    heap = [(link(i), i) for i in range(M) if left[i] >= 0]
    heapq.heapify(heap)
    alphas, impurities = [0.0], [below[0]]
    while heap:
        alpha, i = heapq.heappop(heap)
        if leaves[i] == 1 or alpha != link(i) or _is_cut_off(i, parent, leaves):
            continue  # cut already, or its link has changed since
        saved, fewer = below[i] - risk[i], leaves[i] - 1
        j = i
        while j >= 0:
            below[j] -= saved
            leaves[j] -= fewer
            if j != i and leaves[j] > 1:
                heapq.heappush(heap, (link(j), j))
            j = parent[j]
        if alpha > alphas[-1]:
            alphas.append(alpha)
            impurities.append(below[0])
        else:
            impurities[-1] = below[0]
    return PruningPath(np.array(alphas), np.array(impurities))


def _is_cut_off(i: int, parent: list[int], leaves: list[int]) -> bool:
    """Whether a node above i has become a leaf."""
    while parent[i] >= 0:
        i = parent[i]
        if leaves[i] == 1:
            return True
    return False
