# SPDX-License-Identifier: BSD-3-Clause
"""Alias method: draws from any discrete distribution at a constant cost per draw.

Source:  Walker (1977); Vose (1991) for a table in O(n); Hübschle-Schneider & Sanders (2019),
         section 4, for filling it by prefix sums.
Differs: the table is filled by cumulative sums and binary searches instead of a loop over items.
         Without replacement no table is used: the k smallest of Exp(1) / p are k successive draws
         (Efraimidis & Spirakis 2006), and nothing is drawn again until it differs.
Cost:    O(n log n) to build; O(1) per draw with replacement, O(n) per sample without.
Checked: probabilities recovered from the table; chi-square tests; enumeration of ordered pairs.
"""
# n items, each with a box of height 1 of which item i itself fills keep[i] <= 1 and item alias[i]
# the rest: a draw picks a box, then one of its two. q = n p, mean 1; light: q <= 1, heavy: q > 1

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .random import check_random_state
from .validation import check_array, check_scalar

__all__ = ["AliasSampler", "alias_table"]


def alias_table(probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Table of the alias method.

    Parameters
    ----------
    probabilities : (n,) array
        Not negative, sum 1 (to 1e-6; what is missing is made up by scaling).

    Returns
    -------
    keep : (n,) array
        Share of box i that item i fills.
    alias : (n,) array of int64
        Item that fills the rest.

    Raises
    ------
    ValueError
        If a probability is negative or NaN, or their sum is not 1.

    Examples
    --------
    Of three boxes the first is filled up by item 1, the last by item 1 too:

    >>> from byhand.utils.alias_sampler import alias_table
    >>> keep, alias = alias_table([0.25, 0.5, 0.25])
    >>> keep, alias
    (array([0.75, 1.  , 0.75]), array([1, 1, 1]))
    """
    q = _check_probabilities(probabilities)
    n = len(q)
    q *= n
    # heights in whole units, their sum exactly n: integer cumulative sums have no rounding errors
    unit = 2 ** (61 - n.bit_length())
    height = np.rint(q * unit).astype(np.int64)
    height[height.argmax()] += n * unit - height.sum()
    light, heavy = np.flatnonzero(height <= unit), np.flatnonzero(height > unit)
    keep, alias = np.minimum(q, 1.0), np.arange(n, dtype=np.int64)
    if not len(heavy):
        return np.ones(n), alias
    # heavy items in a row fill up the light boxes in a row; when a heavy one falls below 1 itself,
    # the next heavy one fills up its box too
    missing = np.cumsum(unit - height[light])  # up to and including each light box
    spare = np.cumsum(height[heavy] - unit)  # up to and including each heavy item
    before = missing - (unit - height[light])
    server = np.searchsorted(spare, before)  # the first heavy item not used up before this box
    alias[light] = heavy[np.minimum(server, len(heavy) - 1)]
    ends = np.searchsorted(missing, spare[:-1], side="right")  # the box that uses up each but the
    keep[heavy[:-1]] = (unit + spare[:-1] - missing[ends]) / unit  # last, which ends at 1
    alias[heavy[:-1]] = heavy[1:]
    return keep, alias


class AliasSampler:
    """Sampler of item numbers 0..n-1 with given probabilities.

    Parameters
    ----------
    probabilities : (n,) array
        Not negative, sum 1 (to 1e-6).
    random_state : None, int, SeedSequence or Generator, default None
        Where randomness comes from, unless `sample` is given a generator.

    Attributes
    ----------
    probabilities : (n,) array
        As given, scaled to sum 1.
    keep, alias : (n,) arrays
        The table, see `alias_table`.

    Raises
    ------
    ValueError
        If a probability is negative or NaN, or their sum is not 1.

    Examples
    --------
    >>> from byhand.utils.alias_sampler import AliasSampler
    >>> sampler = AliasSampler([0.5, 0.0, 0.5], random_state=0)
    >>> set(sampler.sample(100).tolist()), sorted(sampler.sample(2, replace=False).tolist())
    ({0, 2}, [0, 2])
    """

    def __init__(self, probabilities: ArrayLike, random_state: object = None) -> None:
        self.probabilities = _check_probabilities(probabilities)
        self.keep, self.alias = alias_table(self.probabilities)
        self._rng = check_random_state(random_state)

    def sample(
        self,
        size: int | Sequence[int],
        replace: bool = True,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.int64]:
        """Draw items.

        Parameters
        ----------
        size : int or sequence of ints
            Shape of the result.
        replace : bool, default True
            Whether an item can be drawn again. Without, the probabilities of the remaining items
            are scaled to sum 1 after each draw, and results are in the order of drawing.
        rng : Generator or None, default None
            Use this instead of the sampler's own generator.

        Returns
        -------
        array of int64
            Item numbers.

        Raises
        ------
        ValueError
            If without replacement more items are asked for than have a positive probability.
        """
        shape = tuple(size) if isinstance(size, Sequence) else (size,)
        for length in shape:
            check_scalar(length, "size", integer=True, low=0)
        rng = self._rng if rng is None else check_random_state(rng)
        if replace:
            box = rng.integers(len(self.keep), size=shape, dtype=np.int64)
            own = rng.random(shape) < self.keep[box]  # < : a box kept to 0 never gives its own
            return np.where(own, box, self.alias[box])
        support = np.flatnonzero(self.probabilities)
        k = math.prod(shape)
        if k > len(support):
            raise ValueError(
                f"size must be at most {len(support)} without replacement, as many items have a"
                f" positive probability, got {k}"
            )
        with np.errstate(over="ignore"):  # a subnormal probability comes last: so it should
            arrival = rng.standard_exponential(len(support)) / self.probabilities[support]
        first = np.argpartition(arrival, k - 1)[:k] if k else np.empty(0, dtype=np.int64)
        return support[first[np.argsort(arrival[first])]].reshape(shape).astype(np.int64)

    def __repr__(self) -> str:
        return f"AliasSampler(n={len(self.keep)})"


def _check_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    p = check_array(probabilities, "probabilities", ndim=1)
    if p.min() < 0:
        i = int(p.argmin())
        raise ValueError(f"probabilities must not be negative, got {p[i]} at index {i}")
    total = p.sum()
    if abs(total - 1) > 1e-6:
        raise ValueError(f"probabilities must sum to 1, got a sum of {total}")
    scaled: NDArray[np.float64] = p / total
    return scaled
