# SPDX-License-Identifier: BSD-3-Clause
"""Gini and entropy criteria: all cuts of all nodes of a level scored from class counts.

Source:  Breiman, Friedman, Olshen & Stone (1984), section 4.3 (Gini); Quinlan (1986) (entropy).
Differs: counts are whole numbers (real weights in fixed point, see moments), so that equal cuts
         score equal; rows of equal value are counted first and their classes summed afterwards,
         which makes data with few distinct values cheap.
Cost:    two classes under Gini: as moments. Otherwise 6 ns per row and feature and 4 ns per
         class and distinct value (a cumulative sum for each class over all rows: 0.6 ns a class).
Checked: exhaustive search in exact fractions; Quinlan's play-tennis gains.
"""
# Letters as in moments. K classes; R runs: places between which values differ, over b lines
# L (K, R) weight of each class up to the end of a run    T (S, K) of the whole node

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .moments import (
    TINY,
    FixedWeights,
    Floats,
    Ints,
    Memory,
    Nodes,
    Places,
    Scorer,
    fixed_deviations,
    moment_scorer,
)

__all__ = ["ClassTarget", "count_scorer"]


class ClassTarget:
    """Class codes under Gini or entropy.

    Parameters
    ----------
    codes : (N,) integers in 0..K-1
    n_classes : int
        K.
    weight : (N,) array of weights > 0, or None
    entropy : bool, default False
        Entropy in bits instead of Gini.
    """

    def __init__(
        self, codes: Ints, n_classes: int, weight: Floats | None = None, entropy: bool = False
    ) -> None:
        self.codes, self.n_classes, self.entropy = codes, n_classes, entropy
        self.weights = FixedWeights(weight)
        self.one_moment = n_classes == 2 and not entropy
        self.width = 1 if self.one_moment else n_classes
        small = weight is None and len(codes) < 2**16  # then sums of z stay below 2^31
        self.z = np.zeros(len(codes), dtype=np.int32 if small else np.int64)
        self.memory = Memory()

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of nodes whose rows stand one after the other."""
        S, K = len(sizes), self.n_classes
        codes = self.codes.take(rows)
        w, mass, weight = self.weights.of(rows, starts, sizes)
        cell = np.arange(0, S * K, K).repeat(sizes)
        cell += codes
        # bincount sums floats: exact, as whole weights stay below 2^53 in total
        sums = np.bincount(cell, w, minlength=S * K).reshape(S, K)
        p = sums / mass[:, None]
        if self.one_moment:
            self.z[rows] = self._deviations(cell, w, mass, sums, p, starts, sizes)
        if self.entropy:
            impurity = -_x_log2_x(p, np.where(p > 0, p, 1)).sum(axis=1)
        else:
            impurity = 1 - np.einsum("sk,sk->s", p, p)
        mixed = np.maximum.reduce(sums, axis=1) < mass
        return Nodes(mixed, impurity, p, weight, mass, sums)

    def _deviations(
        self,
        cell: Ints,
        w: Ints | None,
        mass: Floats,
        sums: Ints,
        p: Floats,
        starts: Ints,
        sizes: Ints,
    ) -> Ints:
        """Weighted deviations of class 1 from its share in the node, as whole numbers."""
        if self.weights.whole:  # n (y - p) is whole and exact
            of_cell: NDArray[Any] = np.array([-sums[:, 1], sums[:, 0]]).T.ravel().astype(np.int64)
            return of_cell.take(cell) if w is None else of_cell.take(cell) * w
        of_cell = np.array([-p[:, 1], p[:, 0]]).T.ravel()
        scale = np.ldexp(1.0, 60 - np.frexp(mass)[1])
        weighted = of_cell.take(cell) if w is None else of_cell.take(cell) * w
        return fixed_deviations(weighted, scale, starts, sizes)

    def restore(self, value: Floats, impurity: Floats) -> tuple[Floats, Floats]:
        """Class shares and impurities as they are reported."""
        return value, np.maximum(impurity, 0)

    def scorer(self, nodes: Nodes, places: Places, min_weight: float, lines: int) -> Scorer:
        """Scores of the cuts in a level's open nodes."""
        w = self.weights.fixed
        if self.one_moment:
            return moment_scorer(self.z, w, nodes, places, min_weight, lines, self.memory)
        return count_scorer(self.codes, w, self.entropy, nodes, places, min_weight)


def count_scorer(
    y: Ints, w: Ints | None, entropy: bool, nodes: Nodes, places: Places, min_weight: float
) -> Scorer:
    """Make the function that scores every cut by the impurity that it removes.

    Parameters
    ----------
    y : (N,) class codes
    w : (N,) integers or None
        Weight of each row; None for ones.
    entropy : bool
        Entropy instead of Gini.
    nodes, places, min_weight
        As for `moment_scorer`.

    Returns
    -------
    callable
        ``score(rows, codes)``.
    """
    m, S, K = len(places.node), len(places.starts), nodes.sums.shape[1]
    T = np.ascontiguousarray(nodes.sums.T, dtype=np.int64)  # (K, S)
    before = T.cumsum(axis=1) - T  # of all nodes that stand before
    own = _purity(T.astype(np.float64), nodes.mass, entropy)
    least = min_weight * nodes.mass / nodes.weight * (1 - 1e-12)

    def prefixes(rows: NDArray[Any], cut: NDArray[np.bool_]) -> Ints:
        """Class weights up to each cut, (K, R): count between cuts, then add up."""
        run = cut.cumsum()
        run -= cut
        cell = y.take(rows)
        cell *= run[-1] + 2
        cell += run
        w_row = None if w is None else w.take(rows)
        L = np.bincount(cell, w_row, minlength=K * int(run[-1] + 2)).reshape(K, -1)
        return L.astype(np.int64, copy=False).cumsum(axis=1)

    def score(rows: NDArray[Any], codes: NDArray[Any] | None) -> Floats:
        b, scores = len(rows), np.zeros((len(rows), m))
        if codes is None:
            y_row = y.take(rows)
            L = np.empty((K, b, m), dtype=np.int64)
            for k in range(K):
                hit = y_row == k if w is None else (y_row == k) * w.take(rows)
                hit.cumsum(axis=1, out=L[k])
            node, legal = places.node, places.legal
            L -= before.take(node, axis=1)[:, None]
            total = T.take(node, axis=1)[:, None]
        else:
            cut = np.zeros((b, m), dtype=np.bool_)
            np.not_equal(codes[:, 1:], codes[:, :-1], out=cut[:, :-1])
            cut &= places.legal
            line, place = cut.nonzero()  # (R,)
            L = prefixes(rows.ravel(), cut.ravel())[:, : len(line)]
            node, legal = places.node.take(place), None
            L -= _tile_lines(before, T.sum(axis=1), b).take(line * S + node, axis=1)
            total = T.take(node, axis=1)
        left = L.astype(np.float64)
        right = total - left
        n_left = left.sum(axis=0)
        n_right = nodes.mass.take(node) - n_left
        gain = _purity(left, n_left, entropy)
        gain += _purity(right, np.maximum(n_right, 1), entropy)
        gain -= own.take(node)
        np.maximum(gain, 0, out=gain)
        gain += TINY
        if min_weight > 0:
            gain *= np.minimum(n_left, n_right) >= least.take(node)
        if codes is None:
            return gain if legal is None else gain * legal
        scores[line, place] = gain
        return scores

    return score


def _purity(L: Floats, n: Floats, entropy: bool) -> Floats:
    """-n times the impurity of class weights L (K, ...) with sum n, up to a constant times n."""
    if entropy:
        return np.asarray(
            _x_log2_x(L, np.maximum(L, 1)).sum(axis=0) - _x_log2_x(n, np.maximum(n, 1))
        )
    return np.asarray(np.einsum("k...,k...->...", L, L) / n)


def _tile_lines(before: Ints, total: Ints, b: int) -> Ints:
    """Find what sums that run on over b lines hold at each (line, node), (K, b S)."""
    of_lines = np.multiply.outer(total, np.arange(b))  # (K, b)
    return (of_lines[:, :, None] + before[:, None]).reshape(len(total), -1)


def _x_log2_x(x: Floats, positive: Floats) -> Floats:
    """X log2 x, where `positive` is x but 1 at x = 0; 0 log 0 is 0."""
    out = np.log2(positive)
    out *= x
    return out
