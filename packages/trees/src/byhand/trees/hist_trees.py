# SPDX-License-Identifier: BSD-3-Clause
"""Histogram trees for prediction: all trees as flat arrays, all rows walk down together.

Source:  the flat layout of scikit-learn's and LightGBM's predictors.
Differs: the pairs of a block of rows and all trees descend in lockstep and leave when they reach a
         leaf; thresholds are numbers, so nothing is binned to predict.
Cost:    about 10 ns for each row, tree and level.
Checked: the same leaf as the rows had in training; a walk by hand.
"""
# T trees, M nodes of all of them, N samples, D features, K scores per sample
# root (T,) number of each tree's root
# child (M,) left child, the right one is the next node; a leaf is its own child

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .binning import MISSING, Bins
from .freed_memory import keep_freed_memory
from .hist_grow import GrownTree

__all__ = ["HistTrees", "join_trees", "sum_of_trees"]

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
WALKING_PAIRS = 32_768  # of rows and trees that walk together: their state stays in cache


class HistTrees(NamedTuple):
    """Trees of a histogram-boosting model, all nodes one after the other."""

    root: Int64s  # (T,)
    child: Int64s  # (M,)
    feature: Int64s  # (M,) 0 in a leaf
    threshold: Floats  # (M,) values <= threshold go left; infinity in a leaf
    missing_left: NDArray[np.bool_]  # (M,)
    category: Int64s  # (M,) row of category_left, -1 where the feature is a number
    category_left: NDArray[np.bool_]  # (., 256) codes that go left
    value: Floats  # (M,) what a leaf adds to the score
    gain: Floats  # (M,) what a split gained
    n_samples: Int64s  # (M,) of training


def join_trees(trees: list[GrownTree], values: list[Floats], bins: Bins) -> HistTrees:
    """Put trees as grown, with the value of each node, into flat arrays.

    Parameters
    ----------
    trees : list of GrownTree
    values : list of (nodes,) arrays
        What each node's leaf adds; ignored in inner nodes.
    bins : Bins
        Turns cuts into thresholds.

    Returns
    -------
    HistTrees

    Examples
    --------
    >>> import numpy as np
    >>> join_trees([], [], Bins([], np.zeros(0, dtype=bool))).root
    array([], dtype=int64)
    """
    sizes = [len(tree.feature) for tree in trees]
    root = np.cumsum(sizes, dtype=np.int64) - np.array(sizes, dtype=np.int64)
    M = int(sum(sizes))
    made = HistTrees(
        root,
        np.arange(M, dtype=np.int64),
        np.zeros(M, dtype=np.int64),
        np.full(M, np.inf),
        np.ones(M, dtype=np.bool_),
        np.full(M, -1, dtype=np.int64),
        np.array(
            [m for tree in trees for m in tree.category_left.values()], dtype=np.bool_
        ).reshape(-1, MISSING + 1),
        np.zeros(M),
        np.zeros(M),
        np.zeros(M, dtype=np.int64),
    )
    n_sets = 0
    for tree, value, first in zip(trees, values, root.tolist(), strict=True):
        inner = np.flatnonzero(tree.feature >= 0)
        made.child[first + inner] = first + tree.left[inner]
        made.feature[first + inner] = tree.feature[inner]
        made.missing_left[first + inner] = tree.missing_left[inner]
        for node in tree.category_left:
            made.category[first + node] = n_sets
            n_sets += 1
        for node in inner[made.category[first + inner] < 0].tolist():
            edges, cut = bins.edges[tree.feature[node]], tree.cut[node]
            if cut < len(edges):  # else all but the missing values go left
                made.threshold[first + node] = edges[cut]
        here = slice(first, first + len(value))
        made.value[here] = np.where(tree.feature < 0, value, 0.0)
        made.gain[here], made.n_samples[here] = tree.gain, tree.stop - tree.start
    return made


def sum_of_trees(trees: HistTrees, X: Floats, bins: Bins, n_scores: int) -> Floats:
    """Add up the leaf values that each row reaches, for each of K interleaved series of trees.

    Parameters
    ----------
    trees : HistTrees
        Tree t belongs to score t modulo n_scores.
    X : (N, D) array
        May hold NaN.
    bins : Bins
        Knows the categories.
    n_scores : int
        K.

    Returns
    -------
    (N, K) array

    Examples
    --------
    >>> import numpy as np
    >>> none = join_trees([], [], Bins([], np.zeros(0, dtype=bool)))
    >>> sum_of_trees(none, np.zeros((2, 0)), Bins([], np.zeros(0, dtype=bool)), 1)
    array([[0.],
           [0.]])
    """
    N, T = len(X), len(trees.root)
    keep_freed_memory()
    out = np.zeros((N, n_scores))
    if bins.categorical.any():
        X = _with_category_codes(X, bins)
    X = np.ascontiguousarray(X)
    step = max(1, WALKING_PAIRS // max(T, 1))
    for first in range(0, N if T else 0, step):
        rows = X[first : first + step]
        leaf = _walk_down(trees, rows).reshape(T // n_scores, n_scores, len(rows))
        out[first : first + step] = trees.value.take(leaf).sum(axis=0).T
    return out


def _walk_down(trees: HistTrees, X: Floats) -> Int64s:
    """Find the leaf that each pair of a tree and a row reaches, (T N,), tree by tree."""
    N, D = X.shape
    node = trees.root.repeat(N)
    values = X.ravel()
    missing = bool(np.isnan(X).any())
    begin = np.tile(np.arange(0, N * D, D, dtype=np.int64), len(trees.root))
    walking, here, level = np.arange(len(node), dtype=np.int64), node, 0
    while len(walking):
        x = values.take(begin + trees.feature.take(here))
        right = x > trees.threshold.take(here)  # in a leaf: not above infinity, so it stays
        if missing:
            right |= np.isnan(x) & ~trees.missing_left.take(here)
        if len(trees.category_left):
            group = trees.category.take(here)
            named = np.flatnonzero(group >= 0)
            right[named] = ~trees.category_left[group[named], x[named].astype(np.int64)]
        here = trees.child.take(here) + right
        level += 1
        if level % 2 == 0:  # every level would cost more than it saves
            node[walking] = here
            on = np.flatnonzero(trees.child.take(here) != here)
            walking, here, begin = walking.take(on), here.take(on), begin.take(on)
    return node


def _with_category_codes(X: Floats, bins: Bins) -> Floats:
    """Replace categories by their codes; an unknown one and NaN by MISSING."""
    X = X.copy()
    for f in np.flatnonzero(bins.categorical):
        known, x = bins.edges[f], X[:, f]
        code = known.searchsorted(x)
        there = known.take(code, mode="clip") == x if len(known) else np.zeros(len(x), dtype=bool)
        X[:, f] = np.where(there, code, MISSING)
    return X
