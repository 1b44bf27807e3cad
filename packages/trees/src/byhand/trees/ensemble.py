# SPDX-License-Identifier: BSD-3-Clause
"""Many trees in one set of flat arrays: joining them, taking one out, adding up their values.

Source:  none; the arrays are those of tree.
Differs: children are numbered over all trees, so that all descend together.
Cost:    O(M) for M nodes.
Checked: each tree taken out predicts as it does within.
"""
# T trees, M nodes in all, N rows

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .importances import tree_importances
from .tree import Tree, check_tree, leaf_blocks

__all__ = ["Forest", "forest_importances", "join_forests", "sum_of_leaves", "tree_at"]


class Forest(NamedTuple):
    """Several trees."""

    nodes: Tree  # all nodes, tree after tree; children are numbered over all of them
    roots: NDArray[np.int64]  # (T,) number of each root, ascending from 0


def tree_at(forest: Forest, t: int) -> Tree:
    """Take out the tree with number t, its nodes numbered from 0."""
    roots = [*forest.roots.tolist(), len(forest.nodes.feature)]
    tree = Tree._make(a[roots[t] : roots[t + 1]] for a in forest.nodes)
    return _renumber(tree, -roots[t])


def join_forests(forests: Sequence[Forest]) -> Forest:
    """All trees of several forests as one."""
    starts = np.cumsum([0] + [len(f.nodes.feature) for f in forests]).tolist()
    parts = [_renumber(f.nodes, start) for f, start in zip(forests, starts[:-1], strict=True)]
    nodes = Tree(*(np.concatenate(a) for a in zip(*parts, strict=True)))
    roots = [f.roots + start for f, start in zip(forests, starts[:-1], strict=True)]
    return Forest(nodes, np.concatenate(roots))


def _renumber(tree: Tree, shift: int) -> Tree:
    left, right = tree.children_left, tree.children_right
    return tree._replace(
        children_left=np.where(left < 0, left, left + shift),
        children_right=np.where(right < 0, right, right + shift),
    )


def sum_of_leaves(forest: Forest, X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum over the trees of the value of each row's leaf, (N, K)."""
    value = forest.nodes.value[:, 0]
    out = np.zeros((len(X), value.shape[1]))
    for _, rows, leaf in leaf_blocks(forest.nodes, forest.roots, X):
        out[rows] += value.take(leaf, axis=0).sum(axis=0)
    return out


def forest_importances(forest: Forest, n_features: int) -> NDArray[np.float64]:
    """Mean of the trees' feature importances, scaled to add up to 1."""
    trees = (tree_at(forest, t) for t in range(len(forest.roots)))
    total = sum((tree_importances(tree, n_features) for tree in trees), np.zeros(n_features))
    return total / total.sum() if total.sum() > 0 else total


def check_forest(forest: Any, n_features: int, n_values: int) -> None:
    """Refuse arrays, from a file, that are not trees."""
    if not isinstance(forest, Forest):
        raise TypeError("trees_ must be a Forest")
    roots: Any = forest.roots
    ok = isinstance(roots, np.ndarray) and roots.ndim == 1 and roots.dtype.kind == "i"
    if not ok or not len(roots) or roots[0] != 0 or (np.diff(roots) <= 0).any():
        raise ValueError("roots must ascend from 0")
    if roots[-1] >= np.size(getattr(forest.nodes, "feature", ())):
        raise ValueError("roots must be nodes")
    check_tree(forest.nodes, n_features, n_values, roots)
