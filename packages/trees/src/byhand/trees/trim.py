# SPDX-License-Identifier: BSD-3-Clause
"""Trimming a grown tree: cost-complexity pruning, best-first selection, least decrease.

Source:  Breiman, Friedman, Olshen & Stone (1984), chapter 3 (pruning); Shi (2007) (best-first).
Differs: cuts do not depend on one another, so that the best-first tree of k leaves is a part of
         the full tree and is chosen from it.
Cost:    O(M log M) for M nodes.
Checked: all subtrees enumerated; best-first growth with a plain list.
"""
# M nodes   risk (M,) weight times impurity over the weight of the root; a cut's gain is the risk
# that it removes

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .limits import Limits
from .tree import Tree

__all__ = ["collapse", "node_risk", "trim"]


def trim(tree: Tree, limits: Limits) -> Tree:
    """Apply min_decrease, max_leaf_nodes and ccp_alpha to a grown tree."""
    if limits.min_decrease > 0:
        gain = _gains(tree, node_risk(tree))
        tree = collapse(tree, gain + np.finfo(np.float64).eps < limits.min_decrease)
    if limits.max_leaf_nodes > 0:
        tree = collapse(tree, _worse_cuts(tree, limits.max_leaf_nodes))
    if limits.ccp_alpha > 0:
        tree = collapse(tree, _costly_cuts(tree, limits.ccp_alpha))
    return tree


def node_risk(tree: Tree) -> NDArray[np.float64]:
    """Share of the weight times impurity of each node, (M,)."""
    return np.asarray(
        tree.impurity * (tree.weighted_n_node_samples / tree.weighted_n_node_samples[0])
    )


def collapse(tree: Tree, closed: NDArray[np.bool_]) -> Tree:
    """Make leaves of the closed nodes."""
    M = len(tree.feature)
    end = np.arange(1, M + 1)  # one past the last node below each
    for i in np.flatnonzero(tree.children_left >= 0)[::-1]:
        end[i] = end[tree.children_right[i]]
    closed = closed & (tree.children_left >= 0)
    depth = np.zeros(M + 1, dtype=np.int64)  # closed nodes above each node: preorder is nested
    np.add.at(depth, np.flatnonzero(closed) + 1, 1)
    np.subtract.at(depth, end[closed], 1)
    kept = depth.cumsum()[:M] == 0
    number = kept.cumsum() - 1
    split = kept & ~closed & (tree.children_left >= 0)

    def of_split(values: NDArray[Any], leaf: int) -> NDArray[Any]:
        return np.asarray(np.where(split, values, np.asarray(leaf, values.dtype))[kept])

    return Tree(
        of_split(number[tree.children_left], -1),
        of_split(number[tree.children_right], -1),
        of_split(tree.feature, -2),
        of_split(tree.threshold, -2),
        tree.impurity[kept],
        tree.n_node_samples[kept],
        tree.weighted_n_node_samples[kept],
        tree.value[kept],
        of_split(tree.missing_go_to_left, 0),
    )


def _gains(tree: Tree, risk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Risk that the cut of each node removes, (M,); of leaves 0."""
    left, right = tree.children_left, tree.children_right
    return np.where(left >= 0, risk - risk[left] - risk[right], 0.0)


def _worse_cuts(tree: Tree, max_leaf_nodes: int) -> NDArray[np.bool_]:
    """Nodes that best-first growth has not cut when it reaches max_leaf_nodes."""
    gain, left, right = (
        a.tolist() for a in (_gains(tree, node_risk(tree)), tree.children_left, tree.children_right)
    )
    closed = np.ones(len(gain), dtype=np.bool_)
    heap = [(-gain[0], 0)] if left[0] >= 0 else []
    for _ in range(max_leaf_nodes - 1):
        if not heap:
            break
        _, i = heapq.heappop(heap)
        closed[i] = False
        for child in (left[i], right[i]):
            if left[child] >= 0:
                heapq.heappush(heap, (-gain[child], child))
    return closed


def _costly_cuts(tree: Tree, alpha: float) -> NDArray[np.bool_]:
    """Nodes below which the smallest subtree of least risk + alpha * leaves is a leaf."""
    closed = np.zeros(len(tree.feature), dtype=np.bool_)
    risk = node_risk(tree)
    best = risk + alpha
    for i in np.flatnonzero(tree.children_left >= 0)[::-1]:  # children before their parents
        below = best[tree.children_left[i]] + best[tree.children_right[i]]
        closed[i] = best[i] <= below
        best[i] = min(best[i], below)
    return closed
