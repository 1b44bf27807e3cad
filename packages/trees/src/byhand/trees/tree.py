# SPDX-License-Identifier: BSD-3-Clause
"""A fitted tree as flat arrays, and the descent of many rows through many trees at once.

Source:  the array names and the meaning of each are those of scikit-learn's ``tree_``.
Differs: nodes stand in preorder, with best-first growth too; one output.
Cost:    5 ns per row, tree and level: all pairs of a block go down together, and pairs that have
         reached a leaf are dropped every second level (if not: 3-6 times slower on deep trees).
Checked: one row at a time in plain Python; scikit-learn's apply on the same arrays.
"""
# M nodes, N rows, D features, T trees (roots)   a pair is one row in one tree

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tree", "check_tree", "leaf_blocks", "tree_leaves"]

PAIRS = 16000  # pairs that descend together: their arrays stay in the second-level cache


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
    way = _way_of(tree, roots)
    x, has_nan = X.ravel(), bool(np.isnan(X).any())
    some_trees, some_rows = max(1, PAIRS // n), min(n, PAIRS)
    for t in range(0, len(roots), some_trees):
        root = np.arange(t, min(t + some_trees, len(roots)))
        for i in range(0, n, some_rows):
            at = np.arange(i, min(i + some_rows, n)) * d
            leaf = _descend(way, x, has_nan, root.repeat(len(at)), np.tile(at, len(root)))
            yield slice(t, t + len(root)), slice(i, i + len(at)), leaf.reshape(len(root), -1)


class _Way(NamedTuple):
    """The nodes renumbered: roots first, each right child behind its left sibling."""

    left: NDArray[np.int64]  # (M,) left child; of a leaf the leaf itself
    feature: NDArray[np.int64]  # (M,) 0 in leaves
    threshold: NDArray[np.float64]  # (M,) infinite in leaves, where all numbers go left
    nan_left: NDArray[np.bool_]  # (M,)
    is_leaf: NDArray[np.bool_]  # (M,)
    node: NDArray[np.int64]  # (M,) number in the tree
    stride: int  # levels from one look for leaves to the next


def _way_of(tree: Tree, roots: NDArray[np.int64]) -> _Way:
    inner = (tree.children_left >= 0).nonzero()[0]
    M, left = len(tree.feature), len(roots) + 2 * np.arange(len(inner))
    node = np.empty(M, dtype=np.int64)
    node[: len(roots)] = roots
    node[left], node[left + 1] = tree.children_left[inner], tree.children_right[inner]
    left_of = np.empty(M, dtype=np.int64)
    left_of[inner] = left
    is_leaf = tree.children_left[node] < 0
    return _Way(
        np.where(is_leaf, np.arange(M), left_of[node]),
        np.where(is_leaf, 0, tree.feature[node]),
        np.where(is_leaf, np.inf, tree.threshold[node]),
        tree.missing_go_to_left[node].astype(np.bool_) | is_leaf,
        is_leaf,
        node,
        2 if 31 * len(roots) < M else 1,
    )


def _descend(
    way: _Way,
    x: NDArray[np.floating],
    has_nan: bool,
    node: NDArray[np.int64],
    at: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Leaf of each pair, given its root and the place in x (N D,) where its row begins."""
    leaf, pair = np.empty(0, dtype=np.int64), np.arange(0)
    while True:
        for _ in range(way.stride):
            index = way.feature.take(node)
            index += at
            value = x.take(index)
            if has_nan:
                right = ~(value <= way.threshold.take(node))
                right &= ~(np.isnan(value) & way.nan_left.take(node))
            else:
                right = value > way.threshold.take(node)
            node = way.left.take(node)
            node += right
        arrived = way.is_leaf.take(node)
        n_arrived = np.count_nonzero(arrived)
        if n_arrived == len(node):
            if len(leaf):
                leaf[pair] = node
            return way.node.take(leaf if len(leaf) else node)
        if 4 * n_arrived > len(node):  # drop the pairs that have arrived
            if not len(leaf):
                leaf, pair = np.empty(len(node), dtype=np.int64), np.arange(len(node))
            leaf[pair] = node  # those that go on are written again later
            live = (~arrived).nonzero()[0]
            node, at, pair = node.take(live), at.take(live), pair.take(live)


def check_tree(tree: Any, n_features: int, n_values: int) -> None:
    """Refuse arrays of a file that are not the nodes of trees: children behind parents."""
    if not isinstance(tree, Tree) or not all(isinstance(a, np.ndarray) for a in tree):
        raise TypeError("tree_ must be a Tree of arrays")
    M = len(tree.feature)
    inner = tree.children_left >= 0
    lines: list[Any] = [*tree[:7], tree.missing_go_to_left]
    ok = M > 0 and all(a.shape == (M,) for a in lines)
    ok = ok and tree.value.shape == (M, 1, n_values) and tree.value.dtype == np.float64
    for a in (tree.children_left, tree.children_right, tree.feature):
        ok = ok and a.dtype.kind == "i"
    for a in (tree.children_left[inner], tree.children_right[inner]):
        ok = ok and bool(((a > inner.nonzero()[0]) & (a < M)).all())
    ok = ok and bool(((tree.feature[inner] >= 0) & (tree.feature[inner] < n_features)).all())
    if not ok:
        raise ValueError("tree_ holds arrays that are not the nodes of a tree")
