# SPDX-License-Identifier: BSD-3-Clause
"""Gradient boosting: trees fitted one after the other to the downhill slopes of a loss.

Source:  Friedman (2001), algorithms 1-6; Friedman (2002) for subsampling.
Differs: the rows are sorted by every feature once for all trees (scikit-learn sorts in each node).
Cost:    O(N D) per level of each tree, about 6 ns per row and feature.
Checked: least squares with stumps by hand; scikit-learn's predictions to 1e-10.
"""
# N rows, K scores per row, T rounds of K trees   raw (N,) or (N, K) scores, as the loss wants them
# slope = -dL/draw: what a round's trees are fitted to; every leaf then takes its best step

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.execute import Executor, map_reduce

from .cuts import best_cuts
from .drawn_cuts import drawn_search
from .ensemble import Forest
from .forest_grow import lines_of_trees
from .grow import grow
from .limits import Limits
from .losses import Loss, SquaredLoss
from .moments import Floats, RealTarget
from .presort import Presorted
from .tree import Tree, leaf_blocks
from .trim import trim

__all__ = ["BoostData", "Round", "boosting_rounds", "staged_sums"]


class BoostData(NamedTuple):
    """The rows that boosting learns from, and how."""

    X: NDArray[np.floating]  # (N, D)
    lines: Presorted
    y: NDArray[Any]  # (N,) targets or class codes
    weight: Floats | None  # (N,) > 0
    loss: Loss
    limits: Limits


class Round(NamedTuple):
    """One round of boosting."""

    trees: list[Tree]  # K
    raw: Floats  # scores after it
    in_bag: NDArray[np.bool_] | None  # (N,) rows that it was fitted to; None: all


def boosting_rounds(
    data: BoostData,
    raw: Floats,
    learning_rate: float,
    subsample: float,
    rng: np.random.Generator,
    executor: Executor | None = None,
) -> Iterator[Round]:
    """Make rounds without end, from the scores `raw` on; an executor may grow their trees."""
    n, K = len(data.X), data.loss.n_scores
    in_bag, bag = None, data.lines
    w: Any = data.weight
    while True:
        if subsample < 1:
            in_bag = np.zeros(n, dtype=np.bool_)
            in_bag[rng.permutation(n)[: max(1, int(subsample * n))]] = True
            bag = lines_of_trees(data.lines, in_bag[None])
            w = in_bag * (1.0 if data.weight is None else data.weight)
        slope = data.loss.negative_gradient(data.y, raw, w).reshape(n, K)
        tasks = [(slope[:, k], k, int(rng.integers(2**62))) for k in range(K)]
        fit = partial(_fit_slope, data._replace(lines=bag), raw, in_bag)
        steps = map_reduce(fit, tasks, operator.add, executor if K > 1 else None)
        step = np.stack([tree.value[leaf, 0, 0] for tree, leaf in steps], axis=1)
        raw = raw + learning_rate * step.reshape(raw.shape)
        yield Round([tree for tree, _ in steps], raw, in_bag)


def _fit_slope(
    data: BoostData,
    raw: Floats,
    in_bag: NDArray[np.bool_] | None,
    task: tuple[Floats, int, int],
) -> list[tuple[Tree, NDArray[np.int64]]]:
    """Tree for one score, the best steps in its leaves, and each row's leaf."""
    slope, k, seed = task
    target, rng = RealTarget(slope, data.weight), np.random.default_rng(seed)
    lines, find = data.lines, best_cuts
    if data.limits.n_candidates:
        lines, find = drawn_search(lines, len(data.X), lines.rows(lines.packed[0]))
    tree = trim(grow(data.X, lines, target, data.limits, rng, find)[0], data.limits)
    leaf = tree.apply(data.X)
    if not isinstance(data.loss, SquaredLoss):  # whose best step is the mean slope
        rows = slice(None) if in_bag is None else in_bag
        weight = None if data.weight is None else data.weight[rows]
        M = len(tree.feature)
        step = data.loss.leaf_values(data.y[rows], raw[rows], leaf[rows], M, weight, k)
        inner = tree.children_left >= 0
        tree = tree._replace(value=np.where(inner, tree.value[:, 0, 0], step)[:, None, None])
    return [(tree, leaf)]


def staged_sums(forest: Forest, X: NDArray[np.floating], n_scores: int) -> Floats:
    """Leaf values of each row by round and score, (T, N, K), added up over the rounds."""
    value = forest.nodes.value[:, 0, 0]
    steps = np.empty((len(forest.roots), len(X)))
    for trees, rows, leaf in leaf_blocks(forest.nodes, forest.roots, X):
        steps[trees, rows] = value.take(leaf)
    return steps.reshape(-1, n_scores, len(X)).cumsum(axis=0).transpose(0, 2, 1)
