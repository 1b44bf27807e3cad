# SPDX-License-Identifier: BSD-3-Clause
"""Poisson criterion: cuts that lower the half Poisson deviance of counts and rates.

Source:  Breiman et al. (1984), section 8.11, for cutting by a likelihood; McCullagh & Nelder
         (1989), section 2.3 (deviance); scikit-learn's definition of the criterion.
Differs: as there, a side whose targets are all 0 is no side: its deviance has no finite mean.
         Sums of targets are whole numbers in fixed point (see moments), and none that is above 0
         becomes 0, so that such sides are told exactly.
Cost:    about 25 ns per row and feature: two logarithms for each cut.
Checked: exhaustive search with the formula itself; scikit-learn's nodes.
"""
# Letters as in moments, but z weight times y in fixed point   T sum of z in a node, up to a place

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .moments import TINY, Floats, Ints, Nodes, Places, RealTarget, Scorer

__all__ = ["PoissonTarget", "check_counts", "deviance_removed", "heavy_sides"]


class PoissonTarget(RealTarget):
    """A target y (N,) >= 0, not all 0, under half the mean Poisson deviance."""

    def __init__(self, y: Floats, weight: Floats | None = None) -> None:
        power = int(np.frexp(y.max())[1])
        super().__init__(np.ldexp(y, -power), weight)
        self.exponent, self.positive = power, y > 0

    def describe(self, rows: Ints, starts: Ints, sizes: Ints) -> Nodes:
        """Statistics of the nodes whose rows stand one after the other."""
        nodes, y = super().describe(rows, starts, sizes), self.y.take(rows)
        wy = y if self.fixed is None else y * self.fixed.take(rows)
        ratio = np.ones(len(y))  # to the mean of the node; 0 log 0 is 0
        np.divide(y, nodes.value[:, 0].repeat(sizes), out=ratio, where=y > 0)
        impurity = np.add.reduceat(wy * np.log(ratio), starts) / nodes.mass
        power = np.minimum(60 - np.frexp(np.add.reduceat(wy, starts))[1], 1000)
        z = np.rint(wy * np.ldexp(1.0, power).repeat(sizes))
        self.z[rows] = np.maximum(z, self.positive.take(rows))
        total = np.add.reduceat(self.z.take(rows), starts)
        return nodes._replace(impurity=np.ldexp(np.maximum(impurity, 0), self.exponent), sums=total)

    def scorer(self, nodes: Nodes, places: Places, min_weight: float) -> Scorer:
        """Make the function that scores a level's cuts by the deviance that they remove."""
        before = (nodes.sums.cumsum() - nodes.sums).take(places.node)
        here = nodes._replace(
            weight=nodes.weight.take(places.node),
            mass=nodes.mass.take(places.node),
            sums=nodes.sums.take(places.node),
        )

        def score(rows: Ints, codes: Ints | None) -> Floats:
            T_left = self.z.take(rows).cumsum(axis=1) - before
            n_left = np.broadcast_to(self.weight_up_to(rows, nodes, places), T_left.shape)
            allowed = heavy_sides(n_left, here, min_weight)
            allowed[:, places.closed] = False
            if codes is not None:
                allowed[:, :-1] &= codes[:, 1:] != codes[:, :-1]
            return deviance_removed(T_left, n_left, here, allowed)

        return score


def check_counts(y: Floats, weight: Floats | None) -> None:
    """Refuse targets (N,) that have no Poisson deviance."""
    if (y < 0).any():
        raise ValueError(
            "Some value(s) of y are negative which is not allowed for Poisson regression."
        )
    if not y[weight != 0].any():  # None != 0: all
        raise ValueError("Sum of y is not positive which is necessary for Poisson regression.")


def heavy_sides(n_left: Floats, nodes: Nodes, min_weight: float) -> NDArray[np.bool_]:
    """Whether both sides have rows, and weigh enough."""
    least = min_weight * (1 - 1e-12) * nodes.mass / nodes.weight
    lighter = np.minimum(n_left, nodes.mass - n_left)
    return np.asarray((lighter > 0) & (lighter >= least))


def deviance_removed(
    T_left: Ints, n_left: Floats, nodes: Nodes, allowed: NDArray[np.bool_]
) -> Floats:
    """Gain of cuts from sums T_left and weights n_left of their left sides, where allowed."""
    mean, T_right = nodes.sums / nodes.mass, nodes.sums - T_left
    allowed = allowed & (T_left > 0) & (T_right > 0)
    gain = np.zeros(T_left.shape)
    for T, n in ((T_left, n_left), (T_right, nodes.mass - n_left)):
        gain += T * np.log(np.where(allowed, T, 1) / np.where(allowed, n * mean, 1))
    return np.asarray((np.maximum(gain, 0) + TINY) * allowed)
