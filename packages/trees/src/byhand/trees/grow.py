# SPDX-License-Identifier: BSD-3-Clause
"""Growing trees level by level on presorted rows.

Source:  Breiman, Friedman, Olshen & Stone (1984); SLIQ (1996) for presorting and growing by level.
Differs: no call of NumPy is made per node, only per level and block of features. The sorted rows
         of a level's open nodes stand node by node, and all left children before all right ones,
         so that two compressions split every line (2 ns per row and feature).
Cost:    O(N D) per level, about 6 ns per row and feature. Memory: the presorted lines twice, 4 to
         16 bytes per row and line (a feature with NaN has two), and some 10 arrays of N numbers.
Checked: a plain recursive CART with exhaustive search; a chain of 5000 levels.
"""
# m places, S nodes of a level, V lines: see presort and moments. M nodes in all

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cuts import Cuts, best_cuts
from .limits import Limits
from .moments import Floats, Ints, Target, places_of
from .presort import BLOCK, Presorted
from .tree import Tree

__all__ = ["CutFinder", "grow", "select_rows"]


# (X, lines, packed, target, nodes, places, limits, rng) -> Cuts, as `best_cuts`
CutFinder = Callable[..., Cuts]


def grow(
    X: NDArray[np.floating],
    lines: Presorted,
    target: Target,
    limits: Limits,
    rng: np.random.Generator,
    find_cuts: CutFinder = best_cuts,
    roots: Ints | None = None,
) -> tuple[Tree, Ints]:
    """Grow a tree, or several at once, up to the limits that `trim` applies afterwards.

    For several trees `roots` holds the number of rows of each, and rows N + i, 2 N + i, ... of
    `lines` and `target` stand for row i of X (N, D) too. Returns all nodes, one tree after the
    other, and the number of each root.
    """
    packed: Ints = lines.packed
    first_line = packed[0]
    rows: Ints = lines.rows(first_line)
    sizes = np.array([len(rows)]) if roots is None else roots
    starts = sizes.cumsum() - sizes
    begin, n_lefts, first = starts, len(sizes), 0
    levels: list[Any] = []
    splits: list[Any] = []
    side = np.zeros(len(target.z), dtype=np.int8)  # of a row: 0 closed, 1 left child, 2 right child
    least = max(limits.min_samples_split, 2 * limits.min_samples_leaf)
    has_nan = bool(lines.nan_first.any())
    while True:
        nodes = target.describe(rows, starts, sizes)
        levels.append((nodes.value, nodes.impurity, sizes, nodes.weight, begin))
        opened, S = nodes.mixed, len(sizes)
        if least > 2:
            opened &= sizes >= least
        if limits.min_weight > 0:
            opened &= nodes.weight >= 2 * limits.min_weight * (1 - 1e-12)
        ids = opened.nonzero()[0]
        if len(levels) > limits.max_depth or not len(ids):
            break
        places = places_of(sizes.take(ids), limits.min_samples_leaf)
        if splits or len(ids) < S:
            if len(packed) == 1:
                packed = first_line.compress(opened.repeat(sizes))[None]
            else:
                go = opened.view(np.int8)
                go[n_lefts:] *= 2
                side.fill(0)
                side[rows] = go = go.repeat(sizes)
                half = int(np.count_nonzero(go == 1))
                packed = select_rows(lines, packed, side, half, len(places.node))
            nodes = nodes.some(ids) if len(ids) < S else nodes
        cuts = find_cuts(X, lines, packed, target, nodes, places, limits, rng)
        goes_left = places.each <= cuts.last.take(places.node)
        goes_right = ~goes_left
        found: Any = slice(None)
        if np.count_nonzero(cuts.found) < len(ids):  # nodes without a cut are leaves
            found = cuts.found.nonzero()[0]
            goes_left &= cuts.found.take(places.node)
            goes_right &= cuts.found.take(places.node)
        ids, line, last, start = (a[found] for a in (ids, cuts.line, cuts.last, places.starts))
        if not len(ids):
            break
        chosen, n_left = cuts.packed, last - start
        n_left += 1
        n_right, before = places.sizes[found] - n_left, chosen.take(last)
        nan = before
        if has_nan:  # the row where NaN stands, if the node has any
            at = np.where(lines.nan_first[line], start, start + n_left + n_right - 1)
            nan = chosen.take(at)
        left = np.arange(first + S, first + S + len(ids))
        around = before, chosen.take(last + 1), nan
        threshold = line if cuts.threshold is None else cuts.threshold[found]
        splits.append((ids + first, left, left + len(ids), line, *around, threshold))
        first_line = np.concatenate([chosen.compress(goes_left), chosen.compress(goes_right)])
        rows = lines.rows(first_line)
        begin = begin.take(ids)
        begin = np.concatenate([begin, begin + n_left])
        sizes = np.concatenate([n_left, n_right])
        starts = sizes.cumsum() - sizes
        n_lefts, first = len(ids), first + S
    return _assemble(X, lines, target.exponent, levels, splits)


def select_rows(lines: Presorted, packed: Ints, side: Ints, half: int, m: int) -> Ints:
    """Lines (V, m) of the rows whose side is 1, `half` of them, and then those of side 2.

    They overwrite `packed`, unless these are the lines of the whole fit.
    """
    V, width = packed.shape
    out = np.empty(V * m, packed.dtype) if packed is lines.packed else packed.ravel()[: V * m]
    out, step = out.reshape(V, m), max(1, BLOCK // width)
    for v in range(0, V, step):
        block = packed[v : v + step].ravel()
        s, k = side.take(lines.rows(block)), len(block) // width
        left, right = block.compress(s == 1), block.compress(s == 2)
        out[v : v + k, :half] = left.reshape(k, half)
        out[v : v + k, half:] = right.reshape(k, m - half)
    return out


def _assemble(
    X: NDArray[np.floating], lines: Presorted, exponent: int, levels: list[Any], splits: list[Any]
) -> tuple[Tree, Ints]:
    """Put the nodes in preorder and find the thresholds."""
    value, impurity, size, weight, begin = map(np.concatenate, zip(*levels, strict=True))
    # begin: place of the first row if leaves stand from left to right, and so do their trees.
    # A node comes before those that begin behind it, and before its part that begins with it.
    order = (begin * (size.max() + 1) - size).argsort()
    M = len(size)
    number = np.empty(M, dtype=np.int64)
    number[order] = np.arange(M)
    left, right, feature = np.full(M, -1), np.full(M, -1), np.full(M, -2)
    threshold, nan_left = np.full(M, -2.0), np.zeros(M, dtype=np.uint8)
    if splits:
        node, *children, line, a, b, edge, drawn = map(np.concatenate, zip(*splits, strict=True))
        at, cut_feature = number.take(node), lines.feature.take(line)
        left[at], right[at] = (number.take(child) for child in children)
        feature[at] = cut_feature
        x, y, z = (
            X[lines.rows(row) % len(X), cut_feature].astype(np.float64) for row in (a, b, edge)
        )
        threshold[at] = drawn if drawn.dtype == np.float64 else _between(x, y)
        # NaN goes where it went in training; if there was none, where most rows went.
        most = size.take(children[0]) > size.take(children[1])
        nan_left[at] = np.where(np.isnan(z), lines.nan_first[line], most)
    value = np.ldexp(value.take(order, axis=0), exponent)[:, None]
    sizes = impurity.take(order), size.take(order), weight.take(order)
    tree = Tree(left, right, feature, threshold, *sizes, value, nan_left)
    return tree, number[: len(levels[0][0])]


def _between(a: Floats, b: Floats) -> Floats:
    """Halfway from a to b, in [a, b): the midpoint of adjacent doubles may round to b.

    Where b is NaN all numbers go left, where a is NaN all go right.
    """
    t = a / 2 + b / 2  # a + b might overflow
    t = np.where((a <= t) & (t < b), t, a)
    return np.where(np.isnan(b), np.inf, np.where(np.isnan(a), -np.inf, t))
