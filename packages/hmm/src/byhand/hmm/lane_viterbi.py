# SPDX-License-Identifier: BSD-3-Clause
"""Viterbi decoding over many lanes at once, in 64-bit fixed point, with a certificate.

Source:  Viterbi (1967); Forney (1973) on survivors that merge.
Differs: `viterbi.py` in another order. A score is an integer, a multiple of 2^-40 nats, and holds
         the number of its state in its lowest bits, so that one integer maximum gives the best
         score and where it came from. Lanes begin from a guess that is verified, exactly, as
         integers do not round. Logarithms below -1024 and impossible steps (-16384) are cut off,
         which can only raise a score: if the path found really has the score of the recursion, no
         other path is better. Where that fails, the sequence is decoded again by `viterbi`.
Cost:    O(N K^2) time; 9 N K bytes.
Checked: `viterbi` on random, sticky, left-right and periodic chains; hmmlearn.
"""
# N steps, C lanes, n alive, K states; row r of an array is state K - 1 - r, so that of equal scores
# the lower state wins
# word = score * 2^bits + row   A (K, K) words without row   words: blocks (K, n)
# back: blocks (K, n) of bytes whose low bits are the row that a state's best path came from

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .lanes import Lanes, Segment, blocks, sums_by_sequence

__all__ = ["WIDEST", "LanePaths", "Words", "lane_viterbi", "quantised", "row_mask"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Words = Callable[[Segment, int], Iterator[Ints]]

WIDEST = 256  # states: a row has to fit a byte
LOWEST = -1024.0  # nats; no finite logarithm counts less
IMPOSSIBLE = -16384.0  # nats; log 0
VITERBI_GROUP = 8  # steps after which scores are brought back near 0: 8 * 17408 nats fit the range
CELLS = 65536  # ways that a step compares at a time: 512 kB
GUESS = 48  # steps of a lane that its neighbour begins from
Number = TypeVar("Number", bound=np.number[Any])
VITERBI_FEW = 12  # states whose starts are all tried in each lane, where survivors do not merge


class LanePaths(NamedTuple):
    """Decoded paths and the bound that certifies them."""

    states: Ints  # (N,) in the order of the lanes
    bound: Floats  # (S,) no path of the sequence has a higher score, less what b was divided by


def quantised(log_p: Floats, n_states: int) -> Ints:
    """Scores as words without a row: rounded to 2^-40 nats (2^-36 beyond 32 states)."""
    bits = _bits(n_states)
    cut = np.where(log_p > -np.inf, np.maximum(log_p, LOWEST), IMPOSSIBLE)
    return np.rint(np.ldexp(cut, _fraction(bits))).astype(np.int64) << bits


def lane_viterbi(lanes: Lanes, log_pi: Floats, log_A: Floats, words: Words) -> LanePaths | None:
    """Best path of every sequence; None if lanes of many states do not settle: do not cut them.

    ``words(segment, first)`` yields the blocks (K, n) of a segment from step `first` on, states in
    reverse order. Each word is a score plus its row less `row_mask`: a pass sets the mask first.
    """
    K, bits = len(log_pi), _bits(len(log_pi))
    A = quantised(log_A, K)[::-1, ::-1]
    pi = quantised(log_pi, K)[::-1]
    cut, before = lanes.cut, lanes.before
    back = np.empty(K * len(lanes.order), dtype=np.uint8)
    origin = blocks(back, lanes.segments[0], K)[0]  # (K, C) before the first step of each lane
    entry, missed = _guess_best_entries(lanes, pi, A, words), len(cut)
    for _ in range(lanes.n_lanes):
        ends, total = _pass(lanes, A, words, entry, back)
        truth = _step(ends, A)[:, before]
        origin[:, cut] = truth.astype(np.uint8)
        path = _settled_trace(lanes, back, ends)
        # raised by its largest gap, an entry is nowhere below the truth: a path that starts where
        # they meet is the best one, whatever the entry was for the other rows
        gap = (truth >> bits) - (entry[:, cut] >> bits)
        shift = gap.max(axis=0)
        row = blocks(path, lanes.segments[0])[0][cut]
        missed, last_missed = int((gap[row, np.arange(len(cut))] < shift).sum()), missed
        if missed == 0:
            break
        if missed < last_missed // 4:
            entry[:, cut] = truth
        elif K <= VITERBI_FEW:  # survivors do not merge: try every start of each lane
            entry = _entries_by_transfer(lanes, A, words, pi)
        else:
            return None
    score = np.ldexp((total + (ends.max(axis=0) >> bits)).astype(np.float64), -_fraction(bits))
    # a lane counts from its own entry, which counts from what its neighbour ended with
    score[before] += np.ldexp(
        (shift - (ends.max(axis=0) >> bits)[before]).astype(float), -_fraction(bits)
    )
    return LanePaths(K - 1 - path, sums_by_sequence(lanes, score))


def row_mask(n_states: int) -> int:
    """Lowest bits of a word, which hold its row."""
    return (1 << _bits(n_states)) - 1


def _bits(n_states: int) -> int:
    return max(1, (n_states - 1).bit_length())


def _fraction(bits: int) -> int:
    """Binary digits after the point: 2^18 nats of range are left in any case."""
    return 40 if bits <= 5 else 36


def _guess_best_entries(lanes: Lanes, pi: Ints, A: Ints, words: Words) -> Ints:
    """Start of each lane: pi, or what the last steps of the lane before it lead to."""
    entry = np.repeat(pi[:, None], lanes.n_lanes, axis=1)
    if len(lanes.cut):
        L, n = int(lanes.length[0]), int(lanes.before.max()) + 1
        zeros = np.zeros((len(pi), n), dtype=np.int64)
        ends, _ = _pass(lanes, A, words, zeros, begin=max(0, L - GUESS))
        entry[:, lanes.cut] = _step(ends, A)[:, lanes.before]
    return entry


def _entries_by_transfer(lanes: Lanes, A: Ints, words: Words, pi: Ints) -> Ints:
    """Entry of each lane, from what every lane makes of every start."""
    K, bits = len(A), _bits(len(A))
    M = np.empty((lanes.n_lanes, K, K), dtype=np.int64)  # lane, start, next state
    for i in range(K):
        start = np.repeat(quantised(np.full((K, 1), -np.inf), K), lanes.n_lanes, axis=1)
        start[i] = 0
        exits, total = _pass(lanes, A, words, start)
        M[:, i] = ((_step(exits, A) >> bits) + total).T
    rows = lanes.by_sequence
    M -= M.max(axis=(1, 2), keepdims=True)
    upto = running_products(M[rows], lane_positions(lanes), _best_of_both)
    after = ((pi >> bits)[:, None] + upto).max(axis=1)  # (C, K)
    entry = np.repeat(pi[:, None], lanes.n_lanes, axis=1)
    found = np.empty_like(entry)
    found[:, rows] = (after - after.max(axis=1, keepdims=True)).T << bits
    entry[:, lanes.cut] = found[:, lanes.before]
    return entry


def _best_of_both(P: Ints, Q: Ints) -> Ints:
    """Products in (max, +): the best way through P and then Q, the best of all being 0."""
    best = P[:, :, 0, None] + Q[:, 0, None, :]
    for j in range(1, P.shape[2]):
        np.maximum(best, P[:, :, j, None] + Q[:, j, None, :], out=best)
    return np.asarray(best - best.max(axis=(1, 2), keepdims=True))


def _pass(
    lanes: Lanes, A: Ints, words: Words, entry: Ints, back: Bytes | None = None, begin: int = 0
) -> tuple[Ints, Ints]:
    """Scores at the last step of each lane, less its total (C,), counted from its entry."""
    K, bits, mask = len(A), _bits(len(A)), row_mask(len(A))
    total = np.zeros(entry.shape[1], dtype=np.int64)
    exits = np.empty_like(entry)
    s = entry
    for segment in lanes.segments:
        if segment.stop <= begin:
            continue
        n = min(segment.alive, len(total))
        s, p = s[:, :n].copy(), s[:, :n].copy()
        first = max(segment.first, begin)
        step = _Step(A, n, segment.stop - first)
        store = None if back is None else blocks(back, segment, K)
        for t, b_t in enumerate(words(segment, first), start=first):
            if t > begin:
                step.into(s, p)
            if store is not None:
                np.copyto(store[t - segment.first], p, casting="unsafe")  # the lowest byte
            np.bitwise_or(p, mask, out=s)
            np.add(s, b_t[:, :n], out=s)
            if t % VITERBI_GROUP == VITERBI_GROUP - 1:
                top = s.max(axis=0) >> bits
                total[:n] += top
                np.subtract(s, top << bits, out=s)
        exits[:, :n] = s
    return exits, total


class _Step:
    """Best way of all lanes from every row to every row, some lanes at a time."""

    def __init__(self, A: Ints, n: int, n_steps: int) -> None:
        K = len(A)
        self.parts = [
            slice(i, i + max(1, CELLS // K**2)) for i in range(0, n, max(1, CELLS // K**2))
        ]
        width = min(n, max(1, CELLS // K**2))
        # an A that is repeated adds faster than one that is broadcast, but has to be made
        self.A = np.repeat(A[:, :, None], width if n_steps > 4 else 1, axis=2)
        self.ways = np.empty((K, K, width), dtype=np.int64)  # from row, to row, lane

    def into(self, s: Ints, p: Ints) -> None:
        """Fill p (K, n) with the best of s (K, n) plus A."""
        for part in self.parts:
            here = s[:, None, part]
            width = here.shape[2]
            ways = np.add(here, self.A[:, :, :width], out=self.ways[:, :, :width])
            np.maximum.reduce(ways, axis=0, out=p[:, part])


def _step(exits: Ints, A: Ints) -> Ints:
    return np.asarray((exits[:, None, :] + A[:, :, None]).max(axis=0))


def _settled_trace(lanes: Lanes, back: Bytes, ends: Ints) -> Ints:
    """Rows (N,) of the best paths, walked backward in all lanes at once."""
    K = len(ends)
    end = ends.argmax(axis=0)  # (C,) right where a sequence ends
    path = np.empty(len(lanes.order), dtype=np.int64)
    if len(lanes.cut):  # as the first steps of the lane after lead to, from where this one seems
        seems = end.copy()
        seems[lanes.cut] = end[lanes.before]
        guess = _trace(lanes, back, K, seems, None, min(GUESS, int(lanes.length[0])))
        end[lanes.before] = guess[lanes.cut]
    for repeat in range(lanes.n_lanes):
        came = _trace(lanes, back, K, end, path)
        if (came[lanes.cut] == end[lanes.before]).all():
            break
        if repeat == 0:  # paths do not merge: follow all of them
            all_ends = [_trace(lanes, back, K, np.full(lanes.n_lanes, r), None) for r in range(K)]
            for c, before in zip(lanes.cut[::-1], lanes.before[::-1], strict=True):
                end[before] = all_ends[end[c]][c]
        else:
            end[lanes.before] = came[lanes.cut]
    return path


def _trace(
    lanes: Lanes, back: Bytes, K: int, end: Ints, path: Ints | None, begin: int | None = None
) -> Ints:
    """Row that each lane's path came from, before its first step; its rows go to path."""
    mask = np.uint8(row_mask(K))
    row = end[:0]
    for segment in reversed(lanes.segments):
        if begin is not None and segment.first >= begin:
            continue
        n = segment.alive
        row = np.concatenate([row, end[len(row) : n]])
        lane = np.arange(n)
        pointers = blocks(back, segment, K)
        if begin is not None:
            pointers = pointers[: begin - segment.first]
        rows = None if path is None else blocks(path, segment)
        for t in range(len(pointers) - 1, -1, -1):
            if rows is not None:
                rows[t] = row
            np.multiply(row, n, out=row)
            np.add(row, lane, out=row)
            row = np.bitwise_and(pointers[t].ravel().take(row), mask).astype(np.int64)
    return row


def running_products(
    M: NDArray[Number],
    position: Ints,
    combine: Callable[[NDArray[Number], NDArray[Number]], NDArray[Number]],
) -> NDArray[Number]:
    """Products of each element with all before it in its run: (C, ...), in log2 C rounds.

    `position` (C,) counts from 0 in each run; ``combine(P, Q)`` multiplies P by what follows, Q.
    """
    P, reach, longest = M.copy(), 1, int(position.max())
    one_run = longest == len(M) - 1  # slices then do, at half the time
    while reach <= longest:
        if one_run:
            P[reach:] = combine(P[:-reach], P[reach:])  # the right side is new memory
        else:
            at = np.flatnonzero(position >= reach)
            P[at] = combine(P[at - reach], P[at])
        reach *= 2
    return P


def lane_positions(lanes: Lanes) -> Ints:
    """Count the lanes before each in its sequence, in the order of the rows."""
    counts = np.diff(np.r_[lanes.first_of_sequence, lanes.n_lanes])
    return np.arange(lanes.n_lanes) - np.repeat(lanes.first_of_sequence, counts)
