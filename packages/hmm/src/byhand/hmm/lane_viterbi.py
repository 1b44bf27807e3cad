# SPDX-License-Identifier: BSD-3-Clause
"""Viterbi decoding over many lanes at once, in 64-bit fixed point, with a certificate.

Source:  Viterbi (1967); Forney (1973) on survivors that merge.
Differs: `viterbi.py` in another order. A score is an integer, a multiple of 2^-40 nats, and holds
         the number of its state in its lowest bits, so that one integer maximum gives the best
         score and where it came from. Lanes begin from a guess that is verified, exactly, as
         integers do not round; where survivors do not merge, `lane_policy.py` has better guesses.
         Logarithms below -1024 and impossible steps (-16384) are cut off, which can only raise a
         score: if the path found really has the score of the recursion, no other path is better.
         Where that fails, the sequence is decoded again by `viterbi`.
Cost:    O(N K^2) time; 9 N K bytes.
Checked: `viterbi` on random, sticky, left-right and periodic chains; hmmlearn.
"""
# N steps, C lanes, n alive, K states; row r of an array is state K - 1 - r, so that of equal scores
# the lower state wins
# word = score, then row, then (up to 8 states) the row in which the path entered the lane
# A (K, K) words of bare scores   words: blocks (K, n)   entry, ends (K, C)
# back: blocks (K, n) of bytes, the lowest of a word: the row that a state's best path came from

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .lane_policy import Which, Words, best_entries, learn_ways, ways_that_stay
from .lanes import Lanes, blocks, sums_by_sequence

__all__ = ["WIDEST", "LanePaths", "lane_viterbi", "quantised", "row_tags"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

WIDEST = 256  # states: a row has to fit a byte
LOWEST = -1024.0  # nats; no finite logarithm counts less
IMPOSSIBLE = -16384.0  # nats; log 0
# Steps after which scores are brought back near 0. The best path loses at most 8 * 2048 nats, and
# others are at most 32768 behind; where all paths are impossible, numbers may wrap: none is taken
VITERBI_GROUP = 8
CELLS = 65536  # ways that a step compares at a time: 512 kB
GUESS = 48  # steps of a lane that its neighbour begins from
NEAR = 16  # nats: what is farther behind seldom comes back
MERGED = 0.75  # of lanes in which all survivors merge: with fewer, guessing steps is not worth it
ROUNDS = 16  # of better guesses; two or three do


class LanePaths(NamedTuple):
    """Decoded paths and the bound that certifies them."""

    states: Ints  # (N,) in the order of the lanes
    bound: Floats  # (S,) no path of the sequence has a higher score, less what b was divided by


def quantised(log_p: Floats, n_states: int) -> Ints:
    """Scores as bare words: rounded to 2^-40 nats (2^-36 beyond 32 states)."""
    cut = np.where(log_p > -np.inf, np.maximum(log_p, LOWEST), IMPOSSIBLE)
    fixed = np.rint(np.ldexp(cut, _fraction(n_states))).astype(np.int64)
    return fixed << _score_bit(n_states)


def row_tags(n_states: int) -> Ints:
    """Return what each row (K, 1) adds to bare words, for a sum in which all row bits are set."""
    every = (1 << _row_bits(n_states)) - 1
    return (np.arange(n_states)[:, None] - every) << _origin_bits(n_states)


def lane_viterbi(lanes: Lanes, log_pi: Floats, log_A: Floats, words: Words) -> LanePaths:
    """Best path of every sequence.

    ``words(segment, first, which)`` yields the blocks (K, n) of those lanes of a segment, from step
    `first` on, states in reverse order. Each word is a score plus the tag of its row (`row_tags`).
    """
    K, bit = len(log_pi), _score_bit(len(log_pi))
    A, pi = quantised(log_A, K)[::-1, ::-1], quantised(log_pi, K)[::-1]
    cut, before, every = lanes.cut, lanes.before, np.arange(lanes.n_lanes)
    back = np.empty(K * len(lanes.order), dtype=np.uint8)
    ends, total = np.empty((K, len(every)), dtype=np.int64), np.empty(len(every), dtype=np.int64)
    entry, ways = _guess_best_entries(lanes, pi, A, words)
    changed, last = every, len(cut)
    for _ in range(ROUNDS):
        few = 2 * len(changed) < len(every)  # else picking lanes costs more than the others do
        which = changed if few else slice(0, len(every))
        ends[:, which], total[which] = _pass(lanes, A, words, entry[:, which], which, back)
        truth = _step(ends, A)[:, before]
        origin = _origins(lanes, back, ends)
        row, end = _rows_between(lanes, origin, ends, _row_of(truth, K))
        # raised by its largest gap, an entry is nowhere below the truth: a path that starts where
        # they meet is the best one, whatever the entry was for the other rows
        gap = (truth >> bit) - (entry[:, cut] >> bit)
        shift = gap.max(axis=0)
        missed = gap[row[cut], np.arange(len(cut))] < shift
        if not missed.any():
            break
        if ways is None and 4 * missed.sum() < last:  # how a lane ends hardly depends on its start
            entry[:, cut], changed, last = truth >> bit << bit, cut, int(missed.sum())
            continue
        if ways is None:
            ways = ways_that_stay(lanes, A >> bit, words, row_tags(K), bit)
        learn_ways(ways, origin, (ends >> bit) + total, entry >> bit)
        better = best_entries(lanes, ways, pi >> bit, A >> bit) << bit
        differs, near = better != entry, better > -(NEAR << _fraction(K) << bit)
        changed = np.flatnonzero((differs & near).any(axis=0))
        if len(changed) == 0:
            changed = np.flatnonzero(differs.any(axis=0))
        entry[:, changed] = better[:, changed]
    path = np.empty(len(lanes.order), dtype=np.int64)
    _trace(lanes, back, K, end[None], path)
    score = np.ldexp((total + (ends.max(axis=0) >> bit)).astype(np.float64), -_fraction(K))
    # a lane counts from its own entry, which counts from what its neighbour ended with
    score[before] += np.ldexp(
        (shift - (ends.max(axis=0) >> bit)[before]).astype(float), -_fraction(K)
    )
    score[cut[missed]] = np.inf  # no bound
    return LanePaths(K - 1 - path, sums_by_sequence(lanes, score))


def _row_bits(n_states: int) -> int:
    return max(1, (n_states - 1).bit_length())


def _origin_bits(n_states: int) -> int:
    return _row_bits(n_states) if n_states <= 8 else 0


def _score_bit(n_states: int) -> int:
    """Lowest bit of a score."""
    return _row_bits(n_states) + _origin_bits(n_states)


def _fraction(n_states: int) -> int:
    """Binary digits after the point: 2^17 nats of range are left in any case."""
    return 40 if n_states <= 32 else 36


def _row_of(words: Ints, n_states: int) -> Ints:
    """Row that is tagged in words."""
    return (words >> _origin_bits(n_states)) & ((1 << _row_bits(n_states)) - 1)


def _guess_best_entries(lanes: Lanes, pi: Ints, A: Ints, words: Words) -> tuple[Ints, Ints | None]:
    """Start of each lane: pi, or what the last steps of the lane before it lead to.

    If survivors do not merge in these steps, the guess follows ways that are returned as well.
    """
    K, bit = len(pi), _score_bit(len(pi))
    entry = np.repeat(pi[:, None], lanes.n_lanes, axis=1)
    if len(lanes.cut) == 0:
        return entry, None
    L, n = int(lanes.length[0]), int(lanes.before.max()) + 1
    begin = max(0, L - GUESS)
    ends, _ = _pass(lanes, A, words, np.zeros((K, n), np.int64), slice(0, n), begin=begin)
    if _origin_bits(K) and begin:
        origin, top = _origins(lanes, None, ends), ends.argmax(axis=0)
        near = ends >= ends.max(axis=0) - (NEAR << _fraction(K) << bit)
        apart = near & (origin != origin[top, np.arange(n)])
        if (~apart.any(axis=0)).mean() < MERGED:
            ways = ways_that_stay(lanes, A >> bit, words, row_tags(K), bit)
            return best_entries(lanes, ways, pi >> bit, A >> bit) << bit, ways
    entry[:, lanes.cut] = (_step(ends, A) >> bit << bit)[:, lanes.before]
    return entry, None


def _pass(
    lanes: Lanes,
    A: Ints,
    words: Words,
    entry: Ints,
    which: Which,
    back: Bytes | None = None,
    begin: int = 0,
) -> tuple[Ints, Ints]:
    """Scores at the last step of some lanes, less their totals, counted from their entries."""
    K, bit, low = len(A), _score_bit(len(A)), _origin_bits(len(A))
    mask = ((1 << _row_bits(K)) - 1) << low
    total = np.zeros(entry.shape[1], dtype=np.int64)
    exits = np.empty_like(entry)
    s = entry | np.arange(K)[:, None] if low else entry
    for segment in lanes.segments:
        if segment.stop <= begin:
            continue
        here = _of_those(which, segment.alive)
        n = here.stop if isinstance(here, slice) else len(here)
        if n == 0:
            break
        s, p = s[:, :n].copy(), s[:, :n].copy()
        first = max(segment.first, begin)
        step = _Step(A, s, p, segment.stop - first)
        store = None if back is None else blocks(back, segment, K)
        kept = store if store is None or isinstance(here, slice) else store[:, :, :n].copy()
        for t, b_t in enumerate(words(segment, first, here), start=first):
            if t > begin:
                step.take()
            if kept is not None:
                kept[t - segment.first][:, :n] = p  # the lowest byte
            np.bitwise_or(p, mask, out=s)
            np.add(s, b_t, out=s)
            if t % VITERBI_GROUP == VITERBI_GROUP - 1:
                top = np.maximum.reduce(s, axis=0) >> bit
                total[:n] += top
                np.subtract(s, top << bit, out=s)
        if store is not None and kept is not None and kept is not store:
            store[:, :, here] = kept
        exits[:, :n] = s
    return exits, total


def _of_those(which: Which, alive: int) -> Which:
    """Return the lanes that are alive."""
    if isinstance(which, slice):
        return slice(0, min(alive, which.stop))
    return which[which < alive]


class _Step:
    """Best way from every row to every row: fills p (K, n) with the best of s (K, n) plus A."""

    def __init__(self, A: Ints, s: Ints, p: Ints, n_steps: int) -> None:
        K, n = s.shape
        width = min(n, max(1, CELLS // K**2))  # lanes at a time
        # an A that is repeated adds faster than one that is broadcast, but has to be made
        every = np.repeat(A[:, :, None], width if n_steps > 4 else 1, axis=2)
        ways = np.empty((K, K, width), dtype=np.int64)  # from row, to row, lane
        self.parts = []  # views, made once: a tenth of the time of a step at 8 x 224
        for i in range(0, n, width):
            m = min(width, n - i)
            part = s[:, None, i : i + m], every[:, :, :m], ways[:, :, :m], p[:, i : i + m]
            self.parts.append(part)

    def take(self) -> None:
        """Take the step."""
        for s, A, ways, p in self.parts:
            np.add(s, A, out=ways)
            np.maximum.reduce(ways, axis=0, out=p)


def _step(exits: Ints, A: Ints) -> Ints:
    return np.asarray((exits[:, None, :] + A[:, :, None]).max(axis=0))


def _origins(lanes: Lanes, back: Bytes | None, ends: Ints) -> Ints:
    """Row (K, C) in which the best path to each row of a lane's end entered that lane."""
    K = len(ends)
    if back is None or _origin_bits(K):
        return ends & ((1 << _origin_bits(K)) - 1)
    rows = np.repeat(np.arange(K)[:, None], lanes.n_lanes, axis=1)
    return _trace(lanes, back, K, rows, None) if len(lanes.cut) else rows


def _rows_between(lanes: Lanes, origin: Ints, ends: Ints, came: Ints) -> tuple[Ints, Ints]:
    """Rows (C,) of the best paths at the first step of lanes that are cut, and at the last."""
    end = ends.argmax(axis=0)  # right where a sequence ends
    row = np.zeros_like(end)
    for i in range(len(lanes.cut) - 1, -1, -1):  # from the last lane to the first
        lane, before = lanes.cut[i], lanes.before[i]
        row[lane] = origin[end[lane], lane]
        end[before] = came[row[lane], i]
    return row, end


def _trace(lanes: Lanes, back: Bytes, K: int, end: Ints, path: Ints | None) -> Ints:
    """Row at each lane's first step, from rows (R, C) at its last; R = 1 writes them to path."""
    row_in = _row_of(np.arange(256), K)  # of each byte
    row = end[:, :0]
    for segment in reversed(lanes.segments):
        n = segment.alive
        row = np.concatenate([row, end[:, row.shape[1] : n]], axis=1)
        lane, begin = np.arange(n), row_in * n
        at = row * n + lane  # where a row stands in its block
        pointers = blocks(back, segment, K)
        rows = None if path is None else blocks(path, segment)
        for t in range(len(pointers) - 1, -1, -1):
            if rows is not None:
                rows[t] = at[0]
            if segment.first + t:
                np.add(begin.take(pointers[t].ravel().take(at)), lane, out=at)
        row = at // n
        if rows is not None:
            rows //= n
    return row
