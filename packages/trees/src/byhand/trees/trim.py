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

import numpy as np
from numpy.typing import NDArray

from .limits import Limits
from .tree import Tree

__all__ = ["node_risk", "trim"]


def trim(tree: Tree, limits: Limits) -> Tree:
    """Apply min_decrease, max_leaf_nodes and ccp_alpha to a grown tree."""
    if not limits.trims:
        return tree
    left, right, risk = tree.children_left, tree.children_right, node_risk(tree)
    inner = left >= 0  # nodes that stay cut
    gain = np.where(inner, risk - risk[left] - risk[right], 0.0)
    if limits.min_decrease > 0:
        inner &= gain + np.finfo(np.float64).eps >= limits.min_decrease
    if limits.max_leaf_nodes > 0:
        candidates, inner = inner, np.zeros(len(inner), dtype=np.bool_)
        heap = [(-gain[0], 0)] * int(candidates[0])
        while heap and np.count_nonzero(inner) < limits.max_leaf_nodes - 1:
            i = heapq.heappop(heap)[1]
            inner[i] = True
            for child in (left[i], right[i]):
                if candidates[child]:
                    heapq.heappush(heap, (-gain[child], child))
    if limits.ccp_alpha > 0:
        cost = risk + limits.ccp_alpha  # of the cheapest subtree below each node
        for i in inner.nonzero()[0][::-1]:  # children before their parents
            below = cost[left[i]] + cost[right[i]]
            inner[i] = below < cost[i]
            cost[i] = min(cost[i], below)
    return _only(tree, inner)


def node_risk(tree: Tree) -> NDArray[np.float64]:
    """Share of the weight times impurity of each node, (M,)."""
    share = tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    return np.asarray(tree.impurity * share)


def _only(tree: Tree, inner: NDArray[np.bool_]) -> Tree:
    """Make leaves of all nodes that are not inner ones, and drop what is below."""
    kept = np.zeros(len(inner), dtype=np.bool_)
    kept[0] = True
    for i in inner.nonzero()[0]:  # parents before their children
        kept[tree.children_left[i]] = kept[tree.children_right[i]] = kept[i]
    number, nodes, cut = kept.cumsum() - 1, Tree._make(a[kept] for a in tree), inner[kept]
    return nodes._replace(
        children_left=np.where(cut, number[nodes.children_left], -1),
        children_right=np.where(cut, number[nodes.children_right], -1),
        feature=np.where(cut, nodes.feature, -2),
        threshold=np.where(cut, nodes.threshold, -2.0),
        missing_go_to_left=nodes.missing_go_to_left * cut,
    )
