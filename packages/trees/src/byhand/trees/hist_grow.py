# SPDX-License-Identifier: BSD-3-Clause
"""Histogram trees: grown leaf by leaf from counts of binned values.

Source:  Ke et al., LightGBM (2017), algorithm 1 and section 2.1 (leaf-wise growth, the sibling by
         subtraction); Fisher (1958) for categories in the order of their mean.
Differs: slopes and counts (or curvatures) are rounded to whole numbers and packed into one float,
         so that one bincount sums both exactly, and subtraction is exact; leaf values come from
         the unrounded ones. Where the curvature varies and there are many samples, the size of a
         child is estimated from it, as LightGBM does, and checked when the split is made.
Cost:    O(N D) for each level of a balanced tree: 2 ns per sample and feature of the smaller child
         of each split, and 5 ns per cell (256 of a feature) of each child: 50 us a split of 10.
Checked: exhaustive search over all splits of small trees; scikit-learn's held-out scores.
"""
# N samples, D features, 256 bins   g (N,) slope -dL/draw, h (N,) curvature, both times the weight
# packed = round(g * g_scale) + 2^shift * (count, or round(h * h_scale))
# H (D, 256) packed sums of a node by feature and bin   GL, HL sums left of a cut, GR, HR right
# rows (N,) sample numbers; a node owns a slice of it

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .binning import MISSING, Codes
from .hist_gain import CutScore, GrowthLimits, PackedSlopes, pack_slopes

__all__ = ["GrownTree", "grow_histogram_tree"]

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
BINS = 256
CATEGORY_SMOOTH = 10.0  # added to the curvature of a category before they are put in order


class GrownTree(NamedTuple):
    """A tree as arrays by node, and the rows of each leaf."""

    feature: Int64s  # -1 in a leaf
    cut: Int64s  # codes <= cut go left
    missing_left: NDArray[np.bool_]
    left: Int64s  # the right child is the next one
    category_left: dict[int, NDArray[np.bool_]]  # by node: (256,) codes that go left
    gain: Floats
    rows: Int64s
    start: Int64s  # slice of rows of each node
    stop: Int64s


class _Node(NamedTuple):
    """A leaf that may be split."""

    number: int
    start: int
    stop: int
    depth: int
    histogram: Int64s  # (arrays, D, 256)


@dataclass
class _Split:
    gain: float
    feature: int
    cut: int
    missing_left: bool
    category_left: NDArray[np.bool_] | None


def grow_histogram_tree(
    codes: Codes,
    categorical: NDArray[np.bool_],
    g: Floats,
    h: Floats | None,
    limits: GrowthLimits,
    rng: np.random.Generator,
) -> GrownTree:
    """Split the leaf that gains most, until a limit is reached or nothing gains.

    Parameters
    ----------
    codes : Codes
        The binned samples.
    categorical : (D,) array of bool
        Features whose codes have no order.
    g : (N,) array
        Slope of each sample, downhill.
    h : (N,) array or None
        Curvature of each sample; None where it is 1.
    limits : GrowthLimits
    rng : numpy.random.Generator
        Draws features where max_features is below D.

    Returns
    -------
    GrownTree

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.trees.binning import bin_codes, find_bins
    >>> from byhand.trees.hist_gain import GrowthLimits
    >>> X, g = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([-1.0, -1.0, 1.0, 1.0])
    >>> tree = grow_histogram_tree(
    ...     bin_codes(X, find_bins(X)), np.array([False]), g, None,
    ...     GrowthLimits(31, 10, 1, 0.0, 1), np.random.default_rng(0),
    ... )
    >>> tree.feature, tree.cut[:1]
    (array([ 0, -1, -1]), array([1]))
    """
    N = len(g)
    grower = _Grower(codes, categorical, pack_slopes(g, h), limits, rng)
    rows = np.arange(N, dtype=np.int64)
    tree = _NodeTable(limits.max_leaf_nodes)
    tree.add(0, N)
    root = _Node(0, 0, N, 0, np.empty((len(grower.packed.weights), grower.D, BINS), np.int64))
    grower.histogram(rows, root.histogram)
    waiting: list[tuple[float, int, _Node, _Split]] = []
    fresh, n_leaves = [root], 1
    while n_leaves < limits.max_leaf_nodes:
        for node in fresh:
            best = grower.best_split(node)
            if best is not None:
                heapq.heappush(waiting, (-best.gain, node.number, node, best))
        if not waiting:
            break
        if len(waiting) > limits.max_leaf_nodes - n_leaves and grower.packed.counted:
            waiting.sort()  # every split is made, so that the last of them is not: forget it
            del waiting[limits.max_leaf_nodes - n_leaves :]
        _, _, node, split = heapq.heappop(waiting)
        middle = node.start + grower.partition(rows[node.start : node.stop], split)
        if min(middle - node.start, node.stop - middle) < limits.min_samples_leaf:
            fresh = []  # a split whose sizes were estimated, too well
            continue
        if not codes.missing[split.feature]:  # never seen: they follow the larger child
            split.missing_left = middle - node.start > node.stop - middle
        number = tree.split(node.number, split, middle)
        n_leaves += 1
        if n_leaves < limits.max_leaf_nodes:
            fresh = grower.children(rows, node, middle, number)
    return tree.grown(rows)


class _NodeTable:
    """The nodes made so far."""

    def __init__(self, max_leaf_nodes: int) -> None:
        self.feature: list[int] = []
        self.cut: list[int] = []
        self.missing_left: list[bool] = []
        self.left: list[int] = []
        self.gain: list[float] = []
        self.slices: list[tuple[int, int]] = []
        self.category_left: dict[int, NDArray[np.bool_]] = {}

    def add(self, start: int, stop: int) -> None:
        """Append a leaf."""
        self.feature.append(-1)
        self.cut.append(0)
        self.missing_left.append(False)
        self.left.append(-1)
        self.gain.append(0.0)
        self.slices.append((start, stop))

    def split(self, node: int, split: _Split, middle: int) -> int:
        """Make a leaf an inner node; return the number of its left child."""
        number = len(self.feature)
        self.feature[node], self.cut[node] = split.feature, split.cut
        self.missing_left[node] = split.missing_left
        self.left[node], self.gain[node] = number, split.gain
        if split.category_left is not None:
            self.category_left[node] = split.category_left
        start, stop = self.slices[node]
        self.add(start, middle)
        self.add(middle, stop)
        return number

    def grown(self, rows: Int64s) -> GrownTree:
        """Return all of it as arrays."""
        start, stop = np.array(self.slices, dtype=np.int64).T
        return GrownTree(
            np.array(self.feature, dtype=np.int64),
            np.array(self.cut, dtype=np.int64),
            np.array(self.missing_left),
            np.array(self.left, dtype=np.int64),
            self.category_left,
            np.array(self.gain),
            rows,
            start,
            stop,
        )


class _Grower:
    """The work on the data of one tree."""

    def __init__(
        self,
        codes: Codes,
        categorical: NDArray[np.bool_],
        packed: PackedSlopes,
        limits: GrowthLimits,
        rng: np.random.Generator,
    ) -> None:
        self.codes, self.packed, self.limits, self.rng = codes, packed, limits, rng
        self.D, self.splittable = codes.lines.shape[1], 2 * limits.min_samples_leaf
        # few values: the cells above are empty; one complete feature tells the sum over a node
        few = codes.n_bins <= BINS // 2 and not codes.missing.all()
        self.width = codes.n_bins if few else BINS
        self.complete = int(codes.missing.argmin())
        self.categories = np.flatnonzero(categorical)
        self.with_missing = np.flatnonzero(codes.missing & ~categorical)
        # Written over and over: the system would zero fresh memory for each node, which took the
        # gains of 50 features from 60 to 290 us, and a first fit of 25 trees to 100,000 samples of
        # 50 features from 1.5 to 2.4 s.
        self.cells = np.empty(len(codes.offsets), dtype=np.int64)
        self.weights = np.empty(len(codes.offsets))
        self.cuts = np.empty((len(packed.weights), self.D, self.width), dtype=np.int64)
        self.sums = np.empty((len(packed.weights) + 2, self.D * self.width))

    def histogram(self, rows: Int64s, out: Int64s) -> None:
        """Packed sums (arrays, D, 256) of some rows: one bincount over all features at once."""
        D, everything = self.D, len(rows) == len(self.codes.lines)
        step = len(self.codes.offsets) // D
        for first in range(0, len(rows), step):
            block = slice(first, first + step)
            some = rows[block]
            lines = self.codes.lines[block] if everything else self.codes.lines.take(some, 0)
            n = lines.size
            cells = np.add(lines.ravel(), self.codes.offsets[:n], self.cells[:n])
            weights = self.weights[:n]
            for w, total in zip(self.packed.weights, out, strict=True):
                weights.reshape(-1, D)[...] = (w[block] if everything else w.take(some))[:, None]
                part = np.bincount(cells, weights, D * BINS)  # whole numbers below 2^53
                if first:
                    total += part.astype(np.int64).reshape(D, BINS)
                else:
                    total[...] = part.reshape(D, BINS)

    def children(self, rows: Int64s, node: _Node, middle: int, number: int) -> list[_Node]:
        """Return the children that may be split further, with their histograms."""
        slices = ((node.start, middle), (middle, node.stop))
        if node.depth + 1 >= self.limits.max_depth:
            return []
        able = [side for side, (a, b) in enumerate(slices) if b - a >= self.splittable]
        if not able:
            return []
        small = int(node.stop - middle < middle - node.start)
        smaller = np.empty_like(node.histogram)
        self.histogram(rows[slice(*slices[small])], smaller)
        larger = np.subtract(node.histogram, smaller, node.histogram)  # the sibling: what is left
        both = (larger, smaller) if small else (smaller, larger)
        return [_Node(number + side, *slices[side], node.depth + 1, both[side]) for side in able]

    def partition(self, rows: Int64s, split: _Split) -> int:
        """Move the rows that go left before those that go right; return how many go left."""
        code = self.codes.columns[split.feature].take(rows)
        if split.category_left is not None:
            goes_left = split.category_left.take(code)
        else:
            goes_left = code <= split.cut
            if split.missing_left:
                goes_left |= code == MISSING
        left = rows.take(goes_left.nonzero()[0])  # four times faster than a boolean mask
        right = rows.take(np.logical_not(goes_left, goes_left).nonzero()[0])
        rows[: len(left)], rows[len(left) :] = left, right
        return len(left)

    def best_split(self, node: _Node) -> _Split | None:
        """Find the best split of a node; None where nothing gains."""
        # running sums (arrays, D, width); a cut behind the last code parts nothing
        cut = np.add.accumulate(node.histogram[..., : self.width], -1, None, self.cuts)
        total = cut[:, self.complete, -1].tolist()
        score = CutScore(total, node.stop - node.start, self.limits, self.packed)
        rise = self._rise(score, cut)  # (D, width)
        to_left = self._missing_left(node, score, cut, rise) if len(self.with_missing) else None
        if len(self.categories):
            rise[self.categories] = 0.0
        allowed = self._draw_features(rise)
        place = int(rise.argmax())
        feature, code = divmod(place, self.width)
        left = to_left is not None and bool(to_left[feature, code])
        best = _Split(score.gain(float(rise[feature, code])), feature, code, left, None)
        for c in self.categories.tolist():
            if allowed is None or c in allowed:
                split = self._category_split(node.histogram[:, c], score, c)
                best = max(best, split, key=lambda one: one.gain)
        return best if best.gain > score.least else None

    def _rise(self, score: CutScore, cut: Int64s) -> Floats:
        # all cuts in one row: NumPy's loops are long
        arrays, *shape = cut.shape
        room = self.sums[:, : math.prod(shape)]
        packed = room[:arrays]
        packed[...] = cut.reshape(arrays, -1)
        sums = self.packed.unpack(packed, *room[arrays:])
        return score.rise(*sums, room=room[-1]).reshape(shape)

    def _missing_left(
        self, node: _Node, score: CutScore, cut: Int64s, rise: Floats
    ) -> NDArray[np.bool_]:
        """Weigh the same cuts with the missing values on the left: raise `rise`, say where."""
        f = self.with_missing
        kept = rise.copy()  # the next ones take its place
        other = self._rise(score, cut[:, f] + node.histogram[:, f, MISSING:])
        to_left = np.zeros(rise.shape, dtype=np.bool_)
        to_left[f] = other > kept[f]
        kept[f] = np.maximum(other, kept[f])
        rise[...] = kept
        return to_left

    def _draw_features(self, rise: Floats) -> set[int] | None:
        """Rule out all but some features of a node; None where all are allowed."""
        if self.limits.max_features == self.D:
            return None
        order = self.rng.permutation(self.D)
        rise[order[self.limits.max_features :]] = 0.0
        return set(order[: self.limits.max_features].tolist())

    def _category_split(self, H: Int64s, score: CutScore, feature: int) -> _Split:
        """Categories in the order of their mean slope, cut at the best place (Fisher 1958)."""
        G, Hs, _ = self.packed.unpack(H.astype(np.float64))  # (256,)
        there = np.flatnonzero(Hs > 0)
        smooth = CATEGORY_SMOOTH * self.packed.h_scale
        order = there[np.argsort(G[there] / (Hs[there] + smooth), kind="stable")]
        cut = H[:, order].cumsum(axis=-1).astype(np.float64)
        rise = score.rise(*self.packed.unpack(cut))
        b = int(rise.argmax())
        goes_left = np.zeros(BINS, dtype=np.bool_)
        goes_left[order[: b + 1]] = True
        return _Split(score.gain(float(rise[b])), feature, 0, bool(goes_left[MISSING]), goes_left)
