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
WIDEST_JOINED = 8  # states: with more, joining lanes costs as much as taking them one by one
ROUNDING = 1 << 16  # 6e-8 nats: more than sums of doubles can be wrong by


def learn_ways(ways: Ints, origin: Ints, scores: Ints, entry: Ints) -> None:
    """Add the best way to each end, of which `scores` began with what `entry` says."""
    K, C = origin.shape
    at = np.arange(C), origin, np.arange(K)[:, None]
    ways[at] = np.maximum(ways[at], scores - np.take_along_axis(entry, origin, axis=0))


def best_entries(lanes: Lanes, ways: Ints, pi: Ints, A: Ints) -> Ints:
    """Scores (K, C) with which each lane begins: pi, or by the best ways up to it, less the top.

    Lanes are joined R at a time, all such groups side by side, and the groups one by one: for two
    states and 1,266 lanes a fifth of the time of taking all of them one by one.
    """
    (C, K, _), first = ways.shape, lanes.first_of_sequence
    R = max(1, int(C**0.5)) if K <= WIDEST_JOINED else 1
    ways = ways[lanes.by_sequence]  # (C, K, K)
    link = ways[:, :, 0, None] + A[0]  # from the entry of a lane to that of the next
    for row in range(1, K):
        np.maximum(link, ways[:, :, row, None] + A[row], out=link)
    link[first[1:] - 1] = pi  # a sequence forgets those before it
    link = np.concatenate([link, np.zeros((-C % R, K, K), np.int64)]).reshape(-1, R, K, K)
    through = link[:, 0]  # (C / R, K, K) of each group
    for r in range(1, R):
        through = _best_sums(through, link[:, r])
        through = np.maximum(through - through.max(axis=(1, 2), keepdims=True), UNKNOWN)
    begin = np.repeat(pi[None], len(link), axis=0)  # (C / R, K)
    for g in range(1, len(link)):
        e = np.maximum.reduce(begin[g - 1, :, None] + through[g - 1], axis=0)
        begin[g] = e - np.maximum.reduce(e)
    entry = np.empty((len(link), R, K), dtype=np.int64)
    entry[:, 0] = begin
    for r in range(1, R):
        begin = _best_sums(begin[:, None], link[:, r - 1])[:, 0]
        begin -= begin.max(axis=1, keepdims=True)
        entry[:, r] = begin
    out = np.empty((K, C), dtype=np.int64)
    out[:, lanes.by_sequence] = entry.reshape(-1, K)[:C].T
    out[:, lanes.by_sequence[first]] = pi[:, None]
    return out


def _best_sums(a: Ints, b: Ints) -> Ints:
    """Products (G, I, J) in (max, +) of a (G, I, K) and b (G, K, J)."""
    out = a[:, :, 0, None] + b[:, None, 0]
    for k in range(1, a.shape[2]):
        np.maximum(out, a[:, :, k, None] + b[:, None, k], out=out)
    return np.asarray(out)


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
