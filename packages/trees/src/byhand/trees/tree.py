# SPDX-License-Identifier: BSD-3-Clause
"""A fitted tree as flat arrays, and the descent of many rows through many trees at once.

Source:  the array names and the meaning of each are those of scikit-learn's ``tree_``.
Differs: nodes stand in preorder, with best-first growth too; one output.
Cost:    5 ns per row, tree and level: all pairs of a block go down together, and pairs that have
         reached a leaf are dropped every third level (if not: 3-6 times slower on deep trees).
Checked: one row at a time in plain Python; scikit-learn's apply on the same arrays.
"""
# M nodes, N rows, D features, T trees (roots)   a pair is one row in one tree

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tree", "check_tree", "leaf_blocks", "tree_leaves"]

PAIRS = 32000  # pairs that descend together: their arrays stay in the second-level cache


class Tree(NamedTuple):
    """A binary tree in flat arrays; node 0 is the root and children have larger numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.trees import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[0.0], [1.0], [3.0]], [5.0, 5.0, 8.0]).tree_
    >>> tree.feature, tree.threshold, tree.value.ravel()
    (array([ 0, -2, -2]), array([ 2., -2., -2.]), array([6., 5., 8.]))
    >>> tree.apply(np.array([[2.5], [-1.0]]))
    array([2, 1])
    """

    children_left: NDArray[np.int64]  # (M,) number of the left child; -1 in leaves
    children_right: NDArray[np.int64]  # (M,)
    feature: NDArray[np.int64]  # (M,) rows with x[feature] <= threshold go left; -2 in leaves
    threshold: NDArray[np.float64]  # (M,) -2 in leaves
    impurity: NDArray[np.float64]  # (M,)
    n_node_samples: NDArray[np.int64]  # (M,) rows
    weighted_n_node_samples: NDArray[np.float64]  # (M,) their weight
    value: NDArray[np.float64]  # (M, 1, K) class shares, or (M, 1, 1) mean
    missing_go_to_left: NDArray[np.uint8]  # (M,) 1 where NaN goes left

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return len(self.feature)

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int(np.count_nonzero(self.children_left < 0))

    @property
    def max_depth(self) -> int:
        """Number of cuts on the longest way from the root to a leaf."""
        depth, nodes = -1, np.zeros(1, dtype=np.int64)
        while len(nodes):
            nodes = np.concatenate([self.children_left[nodes], self.children_right[nodes]])
            nodes, depth = nodes[nodes >= 0], depth + 1
        return depth

    def apply(self, X: NDArray[np.floating]) -> NDArray[np.int64]:
        """Leaf that each row of X (N, D) falls into, (N,)."""
        return np.asarray(tree_leaves(self, np.zeros(1, dtype=np.int64), X)[0])

    def predict(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Value of the leaf of each row, (N, K)."""
        return np.asarray(self.value[self.apply(X), 0])

    def decision_path(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each row passes each node, (N, M); its leaf is the last one that it passes."""
        passed = np.zeros((len(X), len(self.feature)), dtype=np.bool_)
        passed[np.arange(len(X)), self.apply(X)] = True
        for i in range(len(self.feature) - 1, -1, -1):  # children have larger numbers
            if self.children_left[i] >= 0:
                passed[:, i] = passed[:, self.children_left[i]] | passed[:, self.children_right[i]]
        return passed


def tree_leaves(tree: Tree, roots: NDArray[np.int64], X: NDArray[np.floating]) -> NDArray[np.int64]:
    """Leaf of each row of X (N, D) in each of the T trees with these roots, (T, N)."""
    out = np.empty((len(roots), len(X)), dtype=np.int64)
    for trees, rows, leaf in leaf_blocks(tree, roots, X):
        out[trees, rows] = leaf
    return out


def leaf_blocks(
    tree: Tree, roots: NDArray[np.int64], X: NDArray[np.floating]
) -> Iterator[tuple[slice, slice, NDArray[np.int64]]]:
    """Trees, rows and leaves (trees, rows) of one block of pairs after the other."""
    n, d = X.shape
    steps = _steps_of(tree, roots)
    depth, nan_right = _depth_of_small(tree, roots), None
    if np.isnan(X).any():  # but not in leaves, which lead to themselves
        nan_right = ~tree.missing_go_to_left[steps.number].astype(np.bool_)
        nan_right &= tree.children_left[steps.number] >= 0
    x, some_trees, some_rows = X.ravel(), max(1, PAIRS // n), min(n, PAIRS)
    for t in range(0, len(roots), some_trees):
        trees = slice(t, min(t + some_trees, len(roots)))  # a root's number is its tree's
        feature, threshold = steps.feature[trees], steps.threshold[trees]
        for i in range(0, n, some_rows):
            at = np.arange(i, min(i + some_rows, n)) * d
            # the first level: one feature for all rows of a tree, a fifth of the time of others
            value = X[i : i + some_rows].T[feature]  # (trees, rows)
            right = value > threshold[:, None]
            if nan_right is not None:
                right |= np.isnan(value) & nan_right[trees, None]
            node = (steps.left[trees, None] + right).ravel()
            at = at[None].repeat(len(feature), axis=0).ravel()
            leaf = _descend(steps, nan_right, x, node, at, depth - 1)
            leaf = steps.number.take(leaf).reshape(len(feature), -1)
            yield trees, slice(i, i + some_rows), leaf


def _depth_of_small(tree: Tree, roots: NDArray[np.int64]) -> int:
    """Most levels of trees of few nodes; others are asked on the way down whether it ends."""
    if len(tree.feature) > 63 * len(roots):
        return len(tree.feature)
    depth, nodes = 0, roots
    while len(nodes):
        nodes = np.concatenate([tree.children_left[nodes], tree.children_right[nodes]])
        nodes, depth = nodes[nodes >= 0], depth + 1
    return depth - 1


class _Steps(NamedTuple):
    """Nodes renumbered: the roots first, siblings side by side."""

    number: NDArray[np.int64]  # (M,) of each in the tree
    feature: NDArray[np.int64]  # (M,) 0 in leaves
    threshold: NDArray[np.float64]  # (M,) infinite in leaves
    left: NDArray[np.int64]  # (M,) left child, the right one is the next; a leaf leads to itself


def _steps_of(tree: Tree, roots: NDArray[np.int64]) -> _Steps:
    """Nodes of the trees with these roots as steps of a descent."""
    is_inner, T = tree.children_left >= 0, len(roots)
    inner, number = is_inner.nonzero()[0], np.empty(len(tree.feature), dtype=np.int64)
    number[:T] = roots
    number[T::2] = tree.children_left.take(inner)
    number[T + 1 :: 2] = tree.children_right.take(inner)
    is_leaf = ~is_inner.take(number)
    left = is_inner.cumsum().take(number)  # children stand in the order of their parents
    left += left + (T - 2)
    np.copyto(left, np.arange(len(left)), where=is_leaf)
    feature, threshold = tree.feature.take(number), tree.threshold.take(number)
    feature[is_leaf], threshold[is_leaf] = 0, np.inf
    return _Steps(number, feature, threshold, left)


def _descend(
    steps: _Steps,
    nan_right: NDArray[np.bool_] | None,
    x: NDArray[np.floating],
    node: NDArray[np.int64],
    at: NDArray[np.int64],
    depth: int,
) -> NDArray[np.int64]:
    """Leaf of each pair, at most so many levels below a node; its row begins at a place of x."""
    leaf = pair = None
    for level in range(0, depth, 3):  # a look for leaves costs a third of a level
        for _ in range(min(3, depth - level)):
            place = steps.feature.take(node)
            place += at
            value = x.take(place)
            right = value > steps.threshold.take(node)
            if nan_right is not None:
                right |= np.isnan(value) & nan_right.take(node)
            node = steps.left.take(node)
            node += right
        if level + 3 >= depth:
            break
        arrived = steps.left.take(node) == node
        n_arrived = np.count_nonzero(arrived)
        if n_arrived == len(node) and leaf is None:
            return node
        if 4 * n_arrived > len(node):  # drop the pairs that have arrived
            live = (~arrived).nonzero()[0]
            if leaf is None or pair is None:
                leaf, pair = node, live
            else:
                leaf[pair] = node  # those that go on are written again later
                pair = pair.take(live)
            if not len(live):
                return leaf
            node, at = node.take(live), at.take(live)
    if leaf is None or pair is None:
        return node
    leaf[pair] = node
    return leaf


def check_tree(tree: Any, n_features: int, n_values: int, roots: Any = (0,)) -> None:
    """Refuse arrays of a file that are not the nodes of trees: children behind their one parent."""
    if not isinstance(tree, Tree) or not all(isinstance(a, np.ndarray) for a in tree):
        raise TypeError("tree_ must be a Tree of arrays")
    M, children = len(tree.feature), (tree.children_left, tree.children_right)
    lines: list[Any] = [*tree[:7], tree.missing_go_to_left]
    ok = M > 0 and all(a.shape == (M,) for a in lines)
    ok = ok and tree.value.shape == (M, 1, n_values) and tree.value.dtype == np.float64
    ok = ok and all(a.dtype.kind == "i" for a in (*children, tree.feature))
    if not ok or not _leads_down(tree, n_features, roots):
        raise ValueError("tree_ holds arrays that are not the nodes of a tree")


def _leads_down(tree: Tree, n_features: int, roots: Any) -> bool:
    """Whether each node but the roots has one parent, which stands before it."""
    inner = (tree.children_left >= 0).nonzero()[0]
    children = np.concatenate([tree.children_left[inner], tree.children_right[inner]])
    feature, n_parents = tree.feature[inner], np.zeros(len(tree.feature), dtype=np.int64)
    if (children <= np.tile(inner, 2)).any() or (children >= len(tree.feature)).any():
        return False
    np.add.at(n_parents, np.concatenate([children, np.asarray(roots)]), 1)
    return bool((n_parents == 1).all() and (feature >= 0).all() and (feature < n_features).all())
