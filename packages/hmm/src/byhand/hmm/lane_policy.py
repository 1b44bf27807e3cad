# SPDX-License-Identifier: BSD-3-Clause
"""Where best paths enter lanes, for chains whose survivors do not merge: policy iteration.

Source:  Howard (1960), policy iteration, here in (max, +).
Differs: a way through a lane, from the row that it enters in to the row that it ends in, is worth
         a fixed score. First come all ways that change their state at most once, which for a chain
         that is sticky are nearly all that matter; then a pass over the lanes finds, for every
         end, the best way from where it was told to begin, and the ways known so far, joined lane
         by lane, say better where to begin. No way is ever thought better than it is, so a few
         rounds end with the truth.
Cost:    C steps of K^2, and a pass for what has changed. A sticky chain of 8 states and 1e5 steps
         takes one round: the ways cost as much as a pass, where all K starts of each lane took
         ten passes, and ways with 16 steps to change at left two more rounds.
Checked: `viterbi` on chains that do not forget; the number of rounds.
"""
# C lanes, K rows (states): scores are integers
# ways (C, K, K) from entry to end   A (K, K) scores of a step   entry, origin, scores (K, C)

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .lanes import Lanes, Segment

__all__ = ["Which", "Words", "best_entries", "learn_ways", "ways_that_stay"]

Ints = NDArray[np.int64]
Which = slice | Ints  # lanes
Words = Callable[[Segment, int, Which], Iterator[Ints]]

UNKNOWN = -(1 << 58)  # below any score; two of them are still a number
ROUNDING = 1 << 16  # 6e-8 nats: more than sums of doubles can be wrong by


def learn_ways(ways: Ints, origin: Ints, scores: Ints, entry: Ints) -> None:
    """Add the best way to each end, of which `scores` began with what `entry` says."""
    K, C = origin.shape
    at = np.arange(C), origin, np.arange(K)[:, None]
    ways[at] = np.maximum(ways[at], scores - np.take_along_axis(entry, origin, axis=0))


def best_entries(lanes: Lanes, ways: Ints, pi: Ints, A: Ints) -> Ints:
    """Scores (K, C) with which each lane begins: pi, or by the best ways up to it, less the top."""
    into = ways[:, :, 0, None] + A[0]  # (C, K, K) from entry to the entry of the next lane
    for row in range(1, len(A)):
        np.maximum(into, ways[:, :, row, None] + A[row], out=into)
    entry = np.repeat(pi[:, None], lanes.n_lanes, axis=1)
    for c, before in zip(lanes.cut.tolist(), lanes.before.tolist(), strict=True):
        e = np.maximum.reduce(entry[:, before, None] + into[before], axis=0)
        entry[:, c] = e - np.maximum.reduce(e)
    return entry


def ways_that_stay(lanes: Lanes, A: Ints, words: Words, tags: Ints, score_bit: int) -> Ints:
    """All ways as sticky chains go them: in one state, or changing it once, when it is best.

    With Y_i(t) the score of t steps in state i, the best change is where Y_i - Y_j is largest.
    """
    K, C = len(A), lanes.n_lanes
    stay = np.diagonal(A).astype(np.float64)[:, None]
    step = stay + (tags < 0)  # a tag below 0 has borrowed 1 from the score
    Y = np.zeros((K, C))  # whole numbers, and exact up to 2^53: 8192 nats
    lead = np.full((K, K, C), -np.inf)
    lead[range(K), range(K)] = 0.0
    for segment in lanes.segments:
        n = segment.alive
        y, most, gap = Y[:, :n].copy(), lead[..., :n].copy(), np.empty((K, K, n))
        for t, b_t in enumerate(words(segment, segment.first, slice(None)), start=segment.first):
            if t:
                np.subtract(y[:, None], y, out=gap)
                np.maximum(most, gap, out=most)
            y += b_t >> score_bit
            y += step
        Y[:, :n], lead[..., :n] = y, most
    ways = lead + (A - stay)[..., None] + (Y - stay)
    if np.abs(Y).max() >= 2.0**53:
        ways -= ROUNDING
    return np.asarray(np.maximum(ways, UNKNOWN).astype(np.int64).transpose(2, 0, 1))
