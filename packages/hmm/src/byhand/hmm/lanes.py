# SPDX-License-Identifier: BSD-3-Clause
"""Lanes: how sequences are cut into pieces that the recursions walk along side by side.

Source:  no paper; the layout is that of a ragged batch, sorted by length, without padding.
Differs: every piece but the last of a sequence has the same length, so whatever lanes need of
         their neighbours is a slice.
Cost:    O(N) to lay out, once per fit; 8 N bytes.
Checked: every row stands in exactly one column; sums by sequence.
"""
# S sequences cut into C lanes of at most L steps, N steps altogether, K states
# Lanes stand side by side, longest first: the columns of step 0 of all lanes, then of step 1 of
# those that are longer than one step, and so on; n lanes are alive at a step

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "WIDTH",
    "Lanes",
    "Scratch",
    "Segment",
    "blocks",
    "lane_sums",
    "lay_lanes",
    "sums_by_sequence",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", bound=np.number[Any])

SHORTEST = 16  # steps of a lane: shorter ones cost more in guessing than they gain
WIDTH = 16384  # lanes times states: 128 kB, as three such blocks share the cache


class Segment(NamedTuple):
    """Steps at which the same lanes are alive."""

    first: int  # step
    stop: int  # step after the last
    alive: int  # n
    column: int  # of lane 0 at step `first`

    @property
    def columns(self) -> slice:
        """All columns of the segment."""
        return slice(self.column, self.column + (self.stop - self.first) * self.alive)


class Lanes(NamedTuple):
    """How sequences are cut and where each step of each lane stands."""

    order: Ints  # (N,) row of X that stands in each column
    segments: tuple[Segment, ...]
    length: Ints  # (C,) steps of each lane, longest first
    sequence: Ints  # (C,) that a lane is part of
    cut: Ints  # lanes that continue another
    before: Ints  # the lanes that those continue; all of them are L steps long
    by_sequence: Ints  # (C,) lanes in the order of the rows
    first_of_sequence: Ints  # (S,) where each sequence begins in `by_sequence`

    @property
    def n_lanes(self) -> int:
        """C."""
        return len(self.length)

    @property
    def n_sequences(self) -> int:
        """S."""
        return len(self.first_of_sequence)

    def columns(self, sequence: int) -> Ints:
        """Columns of one sequence, from its first step to its last."""
        start = np.concatenate(
            [np.arange(s.column, s.columns.stop, s.alive) for s in self.segments]
        )
        first = self.first_of_sequence[sequence]
        past = [*self.first_of_sequence[1:], self.n_lanes][sequence]
        return np.concatenate([start[: self.length[c]] + c for c in self.by_sequence[first:past]])


class Scratch:
    """Arrays kept from one E-step to the next: touching fresh memory costs as much as a pass."""

    def __init__(self) -> None:
        self._arrays: dict[str, Floats] = {}

    def array(self, name: str, size: int) -> Floats:
        """Return an array of this many numbers, any numbers, the same one each time."""
        if name not in self._arrays or self._arrays[name].size != size:
            self._arrays[name] = np.empty(size)
        return self._arrays[name]

    def __reduce__(self) -> tuple[type[Scratch], tuple[()]]:
        return Scratch, ()  # nothing of it is worth sending


def lay_lanes(lengths: Ints, n_states: int, width: int = WIDTH) -> Lanes:
    """Cut sequences of these lengths into lanes, at most `width` numbers side by side."""
    L = _lane_length(lengths, n_states, width)
    pieces = -(-lengths // L)  # (S,) lanes of each sequence
    first = np.cumsum(pieces) - pieces
    C = int(pieces.sum())
    sequence = np.repeat(np.arange(len(lengths)), pieces)
    length = np.full(C, L)
    length[first + pieces - 1] = lengths - (pieces - 1) * L
    start = np.cumsum(length) - length  # row of its first step
    by_length = np.argsort(-length, kind="stable")
    rank = np.empty(C, dtype=np.int64)
    rank[by_length] = np.arange(C)
    continues = np.ones(C, dtype=bool)
    continues[first] = False
    cut = np.flatnonzero(continues)
    start, length = start[by_length], length[by_length]

    order = np.empty(int(lengths.sum()), dtype=np.int64)
    segments = []
    step = column = 0
    for stop in np.unique(length).tolist():
        n = int(np.searchsorted(-length, -step, side="left"))  # lanes longer than `step`
        segment = Segment(step, stop, n, column)
        steps = np.arange(step, stop)[:, None]
        np.add(start[:n], steps, out=order[segment.columns].reshape(stop - step, n))
        segments.append(segment)
        step, column = stop, segment.columns.stop
    return Lanes(
        order,
        tuple(segments),
        length,
        sequence[by_length],
        rank[cut],
        rank[cut - 1],
        rank,
        first,
    )


def _lane_length(lengths: Ints, n_states: int, width: int) -> int:
    """L: short lanes mean few NumPy calls, but each lane has some 50 extra steps of guessing."""
    total, longest = int(lengths.sum()), int(lengths.max())
    size = max(SHORTEST, int((total * n_states / 32) ** 0.5), total * n_states // width)
    if longest <= size + size // 2:
        return longest
    return -(-longest // -(-longest // size))  # the longest sequence falls into equal pieces


def blocks(a: NDArray[Number], segment: Segment, *shape: int) -> NDArray[Number]:
    """View (steps, *shape, n) of the part of a flat array that belongs to a segment.

    Each step is one contiguous block: NumPy takes a third of the time it takes for rows of a
    wider array (measured at 8 x 1000).
    """
    size = math.prod(shape)
    columns = segment.columns
    part = a[columns.start * size : columns.stop * size]
    return part.reshape(segment.stop - segment.first, *shape, segment.alive)


def lane_sums(lanes: Lanes, values: Floats) -> Floats:
    """Sum over the steps of each lane (C,) of one value a column (N,)."""
    total = np.zeros(lanes.n_lanes)
    for segment in lanes.segments:
        total[: segment.alive] += blocks(values, segment).sum(axis=0)
    return total


def sums_by_sequence(lanes: Lanes, values: Floats) -> Floats:
    """Sum over the lanes (..., C) of each sequence: (..., S), pairwise and so without drift."""
    return np.add.reduceat(values[..., lanes.by_sequence], lanes.first_of_sequence, axis=-1)
