# SPDX-License-Identifier: BSD-3-Clause
"""Variance criterion: all cuts of all nodes of a level scored from one cumulative sum.

Source:  Breiman, Friedman, Olshen & Stone (1984), sections 8.3-8.4 (least squares) and 4.3
         (Gini: for two classes coded 0 and 1 it is twice the variance).
Differs: sums are whole numbers (int64) of deviations from the node's mean. A real target is
         scaled anew in each node, to 2^60 for the node's own spread, so that an outlier elsewhere
         costs no digit, as it would in float64 sums; real weights are scaled likewise, to 2^52 for
         the node's total. Class counts and whole weights are exact.
Cost:    about 2 ns per row and feature: one gather, one cumulative sum and three passes
         (a float64 cumulative sum alone takes 3.4 ns, an integer one 0.4).
Checked: exhaustive search over all cuts in exact fractions, on targets spanning 1e-150..1e150,
         offsets of 1e8, integer and real weights.
"""
# m places: the rows of all open nodes of a level, one node after the other. S nodes
# z deviation of a row from its node's mean, times its weight, so that a node's z sum to 0
# L sum of z, n_left weight of the rows of a node up to a place; n of the whole node
# gain = L^2 / n_left + L^2 / n_right = L^2 n / (n_left n_right); n is the same for all cuts

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FixedWeights",
    "Memory",
    "Nodes",
    "Places",
    "RealTarget",
    "Scorer",
    "Target",
    "fixed_deviations",
    "moment_scorer",
    "places_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[Any]
# (rows (b, m), codes (b, m) or None) -> (b, m) gain of a cut behind each place, 0: not allowed
Scorer = Callable[[Ints, Ints | None], Floats]

# A cut that gains nothing may still be made (exclusive or needs one): it scores this.
TINY = 1e-30


class Nodes(NamedTuple):
    """Statistics of S nodes."""

    mixed: NDArray[np.bool_]  # (S,) not all targets are equal
    impurity: Floats  # (S,)
    value: Floats  # (S, K) prediction
    weight: Floats  # (S,)
    mass: Floats  # (S,) weight in the fixed-point units of the node
    sums: Ints  # (S, K) mass of each class; (S,) and unused for real targets

    def some(self, ids: Ints) -> Nodes:
        """Return what cuts need to know of the nodes with these numbers."""
        return self._replace(mass=self.mass[ids], weight=self.weight[ids], sums=self.sums[ids])


class Places(NamedTuple):
    """The places of the open nodes of one level."""

    starts: Ints  # (S,) first place of each node
    sizes: Ints  # (S,)
    each: Ints  # (m,) 0, 1, 2, ...
    node: Ints  # (m,) node of each place
    legal: NDArray[np.bool_]  # (m,) a cut behind this place leaves enough rows on both sides


class Target(Protocol):
    """What is predicted, as growing sees it."""

    width: int  # sums per place
    z: Ints  # (N,) a number for each row

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of nodes whose rows stand one after the other."""

    def restore(self, value: Floats, impurity: Floats) -> tuple[Floats, Floats]:
        """Values and impurities in the units of the target."""

    def scorer(self, nodes: Nodes, places: Places, min_weight: float, lines: int) -> Scorer:
        """Scores of all cuts of the open nodes of a level, in blocks of up to so many lines."""


def places_of(sizes: Ints, min_samples_leaf: int) -> Places:
    """Places of nodes of these sizes."""
    ends = sizes.cumsum()
    node = np.arange(len(sizes)).repeat(sizes)
    each = np.arange(len(node))
    legal = np.ones(len(node), dtype=np.bool_)
    legal[ends - 1] = False
    if min_samples_leaf > 1:
        legal = ends.take(node) - each > min_samples_leaf
        legal &= each - (ends - sizes).take(node) >= min_samples_leaf - 1
    return Places(ends - sizes, sizes, each, node, legal)


class FixedWeights:
    """Weights in fixed point: whole ones as they are, others scaled to 2^52 in their node."""

    def __init__(self, weight: Floats | None) -> None:
        self.weight = weight
        self.fixed = None if weight is None else np.minimum(weight, 2.0**30).astype(np.int64)
        self.whole = weight is None or (weight.sum() < 2**30 and bool((weight == self.fixed).all()))

    def of(self, rows: Ints, starts: Ints, sizes: Ints) -> tuple[Ints | None, Floats, Floats]:
        """Fixed-point weights of rows (None for ones), mass and weight of the nodes they form."""
        if self.weight is None or self.fixed is None:
            mass = sizes.astype(np.float64)
            return None, mass, mass
        if self.whole:
            fixed = self.fixed.take(rows)
            mass = np.add.reduceat(fixed, starts).astype(np.float64)
            return fixed, mass, mass
        w = self.weight.take(rows)
        weight = np.add.reduceat(w, starts)
        w *= np.ldexp(1.0, np.minimum(52 - np.frexp(weight)[1], 1000)).repeat(sizes)
        # No weight may vanish: a cut behind rows without weight would divide by 0.
        self.fixed[rows] = fixed = np.maximum(np.rint(w), 1).astype(np.int64)
        return fixed, np.add.reduceat(fixed, starts).astype(np.float64), weight


class Memory:
    """Arrays that are used again and again: fresh pages cost as much as the arithmetic on them."""

    def __init__(self) -> None:
        self.pages: dict[int, NDArray[np.uint8]] = {}

    def block(self, shape: tuple[int, int], dtype: Any, i: int) -> NDArray[Any]:
        """Array number i, of any content."""
        size = shape[0] * shape[1] * np.dtype(dtype).itemsize
        if i not in self.pages or self.pages[i].size < size:
            self.pages[i] = np.empty(size, dtype=np.uint8)
        return np.asarray(self.pages[i][:size].view(dtype).reshape(shape))


class RealTarget:
    """A real target y (N,) with weights > 0 (N,) or None, under the squared error."""

    width = 1

    def __init__(self, y: Floats, weight: Floats | None = None) -> None:
        self.exponent = int(np.frexp(np.abs(y).max())[1])
        self.y = np.ldexp(y, -self.exponent)  # exact, and squares neither overflow nor vanish
        self.weights = FixedWeights(weight)
        self.z = np.zeros(len(y), dtype=np.int64)
        self.memory = Memory()

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of nodes whose rows stand one after the other."""
        y = self.y.take(rows)
        w, mass, weight = self.weights.of(rows, starts, sizes)
        low = np.minimum.reduceat(y, starts)
        y -= low.repeat(sizes)
        span = np.maximum.reduceat(y, starts)
        mean = np.add.reduceat(y if w is None else y * w, starts)
        mean /= mass
        y -= mean.repeat(sizes)
        wy = y if w is None else y * w
        scale = np.ldexp(1.0, np.minimum(60 - np.frexp(span * mass)[1], 1000))
        self.z[rows] = fixed_deviations(wy, scale, starts, sizes)
        impurity = np.add.reduceat(wy * y, starts)
        impurity /= mass
        low += mean
        return Nodes(span > 0, impurity, low[:, None], weight, mass, starts)

    def restore(self, value: Floats, impurity: Floats) -> tuple[Floats, Floats]:
        """Values and impurities in the units of y."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(value, self.exponent), np.ldexp(impurity, 2 * self.exponent)

    def scorer(self, nodes: Nodes, places: Places, min_weight: float, lines: int) -> Scorer:
        """Scores of all cuts of the open nodes of a level, in blocks of up to so many lines."""
        w = self.weights.fixed
        return moment_scorer(self.z, w, nodes, places, min_weight, lines, self.memory)


def fixed_deviations(wy: Floats, scale: Floats, starts: Ints, sizes: Ints) -> Ints:
    """Deviations times scale as whole numbers that sum to 0 in each node."""
    z = np.rint(wy * scale.repeat(sizes)).astype(np.int64)
    z[starts] -= np.add.reduceat(z, starts)  # what rounding left, below one unit per row
    return z


def moment_scorer(
    z: Ints,
    w: Ints | None,
    nodes: Nodes,
    places: Places,
    min_weight: float,
    lines: int,
    memory: Memory,
) -> Scorer:
    """Make the function that scores every cut by the variance that it removes.

    z (N,) are the rows' weighted deviations from the mean of their node, w (N,) their weights.
    Every call of the scorer returns the same memory.
    """
    shape = (lines, len(places.node))
    z_block, sum_block = memory.block(shape, z.dtype, 0), memory.block(shape, z.dtype, 1)
    gain_block = memory.block(shape, np.float64, 2)

    def score(rows: Ints, codes: Ints | None) -> Floats:
        b = len(rows)
        gain = gain_block[:b]
        z.take(rows, out=z_block[:b], mode="clip")
        np.multiply(z_block[:b].cumsum(axis=1, out=sum_block[:b]), factor, out=gain)
        gain *= gain
        gain += zero_gain
        return _forbid_ties(gain, codes)

    if w is None:
        n_left = places.each - (places.starts - 1.0).take(places.node)
        product = (places.sizes.take(places.node) - n_left) * n_left
        product[~places.legal] = np.inf
        factor, zero_gain = 1 / np.sqrt(product), TINY * places.legal
        return score

    n, mass = nodes.mass.take(places.node), nodes.mass.astype(np.int64)
    mass_before = (mass.cumsum() - mass).take(places.node)  # may wrap around, and back in n_left
    least = min_weight * nodes.mass / nodes.weight * (1 - 1e-12)
    barrier = np.where(places.legal, 0.0, np.inf)
    left_block, right_block = (memory.block(shape, np.float64, i) for i in (3, 4))

    def weighted_score(rows: Ints, codes: Ints | None) -> Floats:
        b = len(rows)
        gain, n_left, n_right = gain_block[:b], left_block[:b], right_block[:b]
        w.take(rows, out=z_block[:b], mode="clip")
        np.subtract(z_block[:b].cumsum(axis=1, out=sum_block[:b]), mass_before, out=n_left)
        z.take(rows, out=z_block[:b], mode="clip")
        gain[:] = z_block[:b].cumsum(axis=1, out=sum_block[:b])
        gain *= gain
        gain += TINY
        np.subtract(n, n_left, out=n_right)
        if min_weight > 0:
            gain *= np.minimum(n_left, n_right) >= least.take(places.node)
        n_left *= n_right
        n_left += barrier
        gain /= n_left
        return _forbid_ties(gain, codes)

    return weighted_score


def _forbid_ties(gain: Floats, codes: Ints | None) -> Floats:
    if codes is not None:
        gain[:, :-1] *= codes[:, 1:] != codes[:, :-1]  # no cut between equal values
    return gain
