# SPDX-License-Identifier: BSD-3-Clause
"""Gini and entropy criteria: all cuts of all nodes of a level scored from class counts.

Source:  Breiman, Friedman, Olshen & Stone (1984), section 4.3 (Gini); Quinlan (1986) (entropy).
Differs: counts are whole numbers (real weights in fixed point, see moments), so that equal cuts
         score equal; rows of equal value are counted first and their classes summed afterwards,
         which makes data with few distinct values cheap.
Cost:    two classes under Gini: as moments. Otherwise 6 ns per row and feature and 4 ns per
         class and distinct value.
Checked: exhaustive search in exact fractions; Quinlan's play-tennis gains.
"""
# Letters as in moments. K classes; R runs: places between which values differ, over b lines
# L (K, R) weight of each class up to the end of a run    T (S, K) of the whole node

from __future__ import annotations

from typing import Any

import numpy as np

from .moments import TINY, Floats, Ints, Nodes, Places, Scorer, Target, fixed_deviations

__all__ = ["ClassTarget"]


class ClassTarget(Target):
    """Class codes (N,) from 0 to K - 1 under Gini, or entropy in bits."""

    def __init__(
        self, codes: Ints, n_classes: int, weight: Floats | None = None, entropy: bool = False
    ) -> None:
        super().__init__(weight)
        self.codes, self.n_classes, self.entropy = codes, n_classes, entropy
        self.one_moment = n_classes == 2 and not entropy
        self.width = 1 if self.one_moment else n_classes
        self.z = np.zeros(len(codes), dtype=np.int64)

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of the nodes whose rows stand one after the other."""
        S, K = len(sizes), self.n_classes
        w, mass, weight = self.weigh(rows, starts, sizes)
        cell = np.arange(0, S * K, K).repeat(sizes)
        cell += self.codes.take(rows)
        # bincount sums floats: exact, as whole weights stay below 2^53 in total
        sums = np.bincount(cell, w, minlength=S * K).reshape(S, K)
        if self.one_moment:
            each = np.stack([-sums[:, 1], sums[:, 0]], axis=1)  # n (y - p), whole
            if self.whole:
                if self.z.itemsize == 8 and mass.max() < 2**16:  # sums of z stay below 2^31
                    self.z = np.zeros(len(self.codes), dtype=np.int32)
                z = each.astype(self.z.dtype).take(cell)
                self.z[rows] = z if w is None else z * w
            else:
                share = (each / mass[:, None]).take(cell)
                wy = share if w is None else share * w
                scale = np.ldexp(1.0, 60 - np.frexp(mass)[1])
                self.z[rows] = fixed_deviations(wy, scale, starts, sizes)
        impurity = (0.0 if self.entropy else 1.0) - self.purity(sums.T, mass) / mass
        mixed = np.maximum.reduce(sums, axis=1) < mass
        return Nodes(mixed, np.maximum(impurity, 0), sums / mass[:, None], weight, mass, sums)

    def scorer(self, nodes: Nodes, places: Places, min_weight: float) -> Scorer:
        """Make the function that scores a level's cuts by the impurity that they remove."""
        if self.one_moment:
            return super().scorer(nodes, places, min_weight)
        m, S, K = len(places.node), *nodes.sums.shape
        T = np.ascontiguousarray(nodes.sums.T, dtype=np.int64)  # (K, S)
        own = self.purity(T, nodes.mass)
        least = min_weight * nodes.mass / nodes.weight * (1 - 1e-12)

        def score(rows: Ints, codes: Ints | None) -> Floats:
            b = len(rows)
            cut = np.ones((b, m), dtype=np.bool_)
            if codes is not None:
                np.not_equal(codes[:, 1:], codes[:, :-1], out=cut[:, :-1])
            cut[:, places.closed] = False
            at = cut.ravel().nonzero()[0]  # (R,)
            cell = np.zeros((b, m), dtype=np.int64)  # first the run of each place, ...
            cut.ravel()[:-1].cumsum(out=cell.ravel()[1:])
            cell += self.codes.take(rows) * (len(at) + 1)  # ... then class and run
            w = None if self.fixed is None else self.fixed.take(rows).ravel()
            L = np.bincount(cell.ravel(), w, minlength=K * (len(at) + 1)).reshape(K, -1)
            L = L[:, :-1].astype(np.int64, copy=False).cumsum(axis=1)
            node = (places.node + np.arange(0, b * S, S)[:, None]).ravel().take(at)
            before = np.tile(T, b).cumsum(axis=1)  # the sums run on over all nodes and lines
            before[:, 1:], before[:, 0] = before[:, :-1].copy(), 0
            L -= before.take(node, axis=1)
            node %= S
            n_left = L.sum(axis=0)
            n_right = nodes.mass.take(node) - n_left
            gain = self.purity(L, n_left) + self.purity(T.take(node, axis=1) - L, n_right)
            gain -= own.take(node)
            gain = np.maximum(gain, 0) + TINY
            if min_weight > 0:
                gain *= np.minimum(n_left, n_right) >= least.take(node)
            gains = np.zeros((b, m))
            gains.ravel()[at] = gain
            return gains

        return score

    def purity(self, L: Ints, n: Any) -> Floats:
        """Negated n times the impurity of class weights L (K, ...), sum n, up to a constant n."""
        if self.entropy:
            L, n = (x * np.log2(np.maximum(x, 1)) for x in (L, n))  # whole numbers; 0 log 0 is 0
            return np.asarray(L.sum(axis=0) - n)
        L = L.astype(np.float64)
        return np.asarray(np.einsum("k...,k...->...", L, L) / n)
