# SPDX-License-Identifier: BSD-3-Clause
"""Variance criterion: all cuts of all nodes of a level scored from one cumulative sum.

Source:  Breiman, Friedman, Olshen & Stone (1984), sections 8.3-8.4 (least squares) and 4.3
         (Gini: for two classes coded 0 and 1 it is twice the variance).
Differs: sums are whole numbers (int64) of deviations from the node's mean: ten times cheaper than
         float64 sums, and equal cuts score equal. Class counts and whole weights are exact. A real
         target is scaled anew in each node, to 2^60 for the node's own span and weight, so that
         targets of 1e-300 beside 1e300 lose no digit once a cut has parted them; real weights
         likewise, to 2^52 for the node's weight, and none becomes 0. What rounding does to a sum
         stays below one unit per row. NaN in X needs no sum of its own: see presort.
Cost:    about 2 ns per row and feature: one gather, one cumulative sum and three passes
         (a float64 cumulative sum alone takes 3.4 ns, an integer one 0.4).
Checked: exhaustive search over all cuts in exact fractions, on targets of 1e-300 to 1e300,
         adjacent doubles, ties, NaN, offsets of 1e8, integer and real weights of 1e-12 to 1e3.
"""
# m places: the rows of all open nodes of a level, one node after the other. S nodes
# z deviation of a row from its node's mean, times its weight, so that a node's z sum to 0
# L sum of z, n_left weight of the rows of a node up to a place; n of the whole node
# gain = L^2 / n_left + L^2 / n_right = L^2 n / (n_left n_right); n is the same for all cuts

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Nodes", "Places", "RealTarget", "Scorer", "Target", "fixed_deviations", "places_of"]

Floats = NDArray[np.float64]
Ints = NDArray[Any]
# (rows (b, m), codes (b, m) or None) -> (b, m) gain of a cut behind each place, 0: not allowed
Scorer = Callable[[Ints, Ints | None], Floats]

# A cut that gains nothing may still be made (exclusive or needs one): it scores this much or less.
TINY = 1e-30


class Nodes(NamedTuple):
    """Statistics of S nodes."""

    mixed: NDArray[np.bool_]  # (S,) not all targets are equal
    impurity: Floats  # (S,)
    value: Floats  # (S, K) prediction
    weight: Floats  # (S,)
    mass: Floats  # (S,) weight in the fixed-point units of the node
    sums: Ints  # (S, K) mass of each class; unused for real targets

    def some(self, ids: Ints) -> Nodes:
        """Return what cuts need to know of the nodes with these numbers."""
        mass = self.mass.take(ids)
        weight = mass if self.weight is self.mass else self.weight.take(ids)
        sums = mass if self.sums is self.mass else self.sums.take(ids, axis=0)
        return Nodes(*self[:3], weight, mass, sums)


class Places(NamedTuple):
    """The places of the open nodes of one level."""

    starts: Ints  # (S,) first place of each node
    sizes: Ints  # (S,)
    each: Ints  # (m,) 0, 1, 2, ...
    node: Ints  # (m,) node of each place
    closed: Ints  # places behind which no cut leaves enough rows on both sides


def places_of(sizes: Ints, min_samples_leaf: int) -> Places:
    """Places of nodes of these sizes."""
    ends = sizes.cumsum()
    starts, node = ends - sizes, np.arange(len(sizes)).repeat(sizes)
    each, closed = np.arange(len(node)), ends - 1
    if min_samples_leaf > 1:
        few = ends.take(node) - each <= min_samples_leaf
        few |= each - starts.take(node) < min_samples_leaf - 1
        closed = few.nonzero()[0]
    return Places(starts, sizes, each, node, closed)


class Target:
    """Targets and weights (N,), None for ones, of the rows, as growing sees them."""

    width = 1  # sums per place
    exponent = 0  # values are in units of 2^exponent
    z: Ints  # (N,) weighted deviation of each row from its node's mean, a whole number
    # (rows, starts, sizes) -> statistics of the nodes whose rows stand one after the other
    describe: Callable[[Ints, Ints, Ints], Nodes]

    def __init__(self, weight: Floats | None) -> None:
        self.weight = weight
        self.whole, self.fixed = True, None
        if weight is not None:
            self.fixed = np.minimum(weight, 2.0**30).astype(np.int64)
            self.whole = weight.sum() < 2**30 and bool((weight == self.fixed).all())
            if self.whole:
                self.fixed = self.fixed.astype(np.int32)

    def weigh(self, rows: Ints, starts: Ints, sizes: Ints) -> tuple[Ints | None, Floats, Floats]:
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

    def weight_up_to(self, rows: Ints, nodes: Nodes, places: Places) -> Floats:
        """Weight n_left of a node's rows up to each place, (b, m), or (m,) for weights of one."""
        if self.fixed is None:
            return np.asarray(places.each - (places.starts - 1.0).take(places.node))
        mass = nodes.mass.astype(self.fixed.dtype)
        # sums over all nodes may wrap around, and back in n_left
        before = (mass.cumsum(dtype=mass.dtype) - mass).take(places.node)
        n_left = self.fixed.take(rows).cumsum(axis=1, dtype=mass.dtype) - before
        return np.asarray(n_left, dtype=np.float64)

    def scorer(self, nodes: Nodes, places: Places, min_weight: float) -> Scorer:
        """Make the function that scores a level's cuts by the variance that they remove."""
        z, n = self.z, nodes.mass.take(places.node)
        n[places.closed] = np.inf  # the gain is divided by it

        def product(n_left: Floats) -> Floats:
            """n_left times n_right, infinite where no cut is allowed."""
            out = n - n_left
            if min_weight > 0:
                least = (min_weight * (1 - 1e-12) * nodes.mass / nodes.weight).take(places.node)
                out[np.minimum(n_left, out) < least] = np.inf
            out *= n_left
            return out

        of_all: Any = None
        if self.fixed is None:
            of_all = product(self.weight_up_to(places.each, nodes, places))

        def score(rows: Ints, codes: Ints | None) -> Floats:
            divisor = of_all
            if of_all is None:
                divisor = product(self.weight_up_to(rows, nodes, places))
            gain = z.take(rows).cumsum(axis=1, dtype=z.dtype).astype(np.float64)
            gain *= gain
            gain += TINY
            gain /= divisor  # rounded rightly: equal gains of small whole numbers are equal
            if codes is not None:
                # no cut between equal values (half the time of a product with booleans)
                np.copyto(gain[:, :-1], 0, where=codes[:, 1:] == codes[:, :-1])
            return gain

        return score


class RealTarget(Target):
    """A real target y (N,) under the squared error."""

    def __init__(self, y: Floats, weight: Floats | None = None) -> None:
        super().__init__(weight)
        size = np.abs(y[y != 0])
        self.wide = bool(((size > 2.0**400) | (size < 2.0**-400)).any())
        self.exponent = int(np.abs(y).max() >= 2.0**1023)  # then a difference might overflow
        self.y = np.ldexp(y, -self.exponent)
        self.z = np.zeros(len(y), dtype=np.int64)

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of the nodes whose rows stand one after the other."""
        y = self.y.take(rows)
        w, mass, weight = self.weigh(rows, starts, sizes)
        base = y.take(starts)
        y -= base.repeat(sizes)
        span = np.maximum.reduceat(np.abs(y), starts)
        mixed, half = span > 0, starts
        if self.wide:  # scale to a span of about 1: squares shall neither overflow nor vanish
            half = -(np.frexp(span)[1] >> 1)
            unit = np.ldexp(1.0, half).repeat(sizes)
            y *= unit
            y *= unit
            span = np.ldexp(span, 2 * half)
        mean = np.add.reduceat(y if w is None else y * w, starts)
        mean /= mass
        y -= mean.repeat(sizes)
        wy = y if w is None else y * w
        scale = np.ldexp(1.0, 60 - np.frexp(span * mass)[1])
        self.z[rows] = fixed_deviations(wy, scale, starts, sizes)
        impurity = np.add.reduceat(wy * y, starts)
        impurity /= mass
        if self.wide:
            with np.errstate(over="ignore", under="ignore"):
                mean = np.ldexp(mean, -2 * half)
                impurity = np.ldexp(impurity, 2 * self.exponent - 4 * half)
        base += mean
        return Nodes(mixed, impurity, base[:, None], weight, mass, mass)


def fixed_deviations(wy: Floats, scale: Floats, starts: Ints, sizes: Ints) -> Ints:
    """Deviations times scale as whole numbers that sum to 0 in each node."""
    z = np.rint(wy * scale.repeat(sizes)).astype(np.int64)
    z[starts] -= np.add.reduceat(z, starts)  # what rounding left, below one unit per row
    return z
