# SPDX-License-Identifier: BSD-3-Clause
"""Shards: sequences in parts, each read and laid out where its E-step runs.

Source:  the E-step's statistics add, so parts can be anywhere.
Differs: a shard is the path of an .npy file (memory-mapped), a pair (X, lengths), a function that
         returns X or such a pair, or a future of the executor's own. Arrays in memory are grouped
         into shards of at least 131072 rows, whatever the executor, so that the result is the same.
Cost:    one task a shard and iteration; parameters go out, statistics come back.
Checked: equal bits on serial, threads and processes; equal to one array to 1e-10.
"""
# N rows, D features, S sequences of a shard

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .e_step import Data, Model, Statistics, expected_statistics, expected_statistics_of, lay_out
from .sequences import check_lengths, check_rows

__all__ = [
    "Survey",
    "add_statistics",
    "are_shards",
    "data_shards",
    "shard_statistics",
    "survey_shard",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS = 131072  # of a shard: fewer would not pay for a task of its own
SAMPLE = 10000  # rows from which EM starts


class Survey(NamedTuple):
    """What must be known of the data before the first E-step."""

    rows: Floats  # a sample, with the largest value of each column in it
    n_sequences: int

    def join(self, other: Survey) -> Survey:
        """Return the survey of both shards together."""
        if self.rows.shape[1] != other.rows.shape[1]:
            raise ValueError(
                f"X: all shards must have the same number of features, got {self.rows.shape[1]} and"
                f" {other.rows.shape[1]}"
            )
        rows = np.concatenate([self.rows, other.rows])
        return Survey(rows, self.n_sequences + other.n_sequences)


def are_shards(X: object) -> bool:
    """Whether X is a list of shards, rather than an array or a list of arrays."""
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    return all(
        callable(part)
        or isinstance(part, (str, PathLike))
        or (isinstance(part, tuple) and len(part) == 2 and np.ndim(part[0]) == 2)
        or hasattr(part, "done")  # futures, of whatever executor
        for part in X
    )


def data_shards(
    Z: Floats, sizes: Ints, weight: Floats, model: Model, n_models: int = 1
) -> list[Data]:
    """Lay out whole sequences in shards of at least ROWS rows; weightless ones are left out."""
    ends = np.cumsum(sizes)
    shards, first = [], 0
    for s, end in enumerate(ends):
        begin = int(ends[first] - sizes[first])
        last = s == len(ends) - 1
        if not last and (end - begin < ROWS or ends[-1] - end < ROWS):
            continue
        keep = weight[first : s + 1] > 0
        rows = np.repeat(keep, sizes[first : s + 1])
        if keep.any():
            part = Z[begin:end] if keep.all() else Z[begin:end][rows]
            n_cells = n_models * len(model.startprob)
            shards.append(
                lay_out(
                    part,
                    sizes[first : s + 1][keep],
                    weight[first : s + 1][keep],
                    model.emission,
                    n_cells,
                )
            )
        first = s + 1
    return shards


def shard_statistics(models: Sequence[Model], shard: Any) -> list[Statistics]:
    """E-step of one shard."""
    if not isinstance(shard, Data):
        Z, sizes = _open_shard(shard)
        model = models[0]
        shard = lay_out(Z, sizes, None, model.emission, len(model.startprob))
    if len(models) == 1:
        return [expected_statistics(models[0], shard)]
    return expected_statistics_of(models, shard)


def add_statistics(a: list[Statistics], b: list[Statistics]) -> list[Statistics]:
    """Sum of two shards, model by model."""
    return [x + y for x, y in zip(a, b, strict=True)]


def survey_shard(check: Callable[[Floats], Floats], shard: Any) -> Survey:
    """Check the rows of a shard and take a sample of them, evenly spread."""
    Z, sizes = _open_shard(shard)
    check(Z)
    kept = np.linspace(0, len(Z) - 1, min(len(Z), SAMPLE)).astype(np.int64)
    seen = np.where(np.isnan(Z), -np.inf, Z)
    return Survey(Z[np.union1d(kept, seen.argmax(axis=0))], len(sizes))


def _open_shard(shard: Any) -> tuple[Floats, Ints]:
    if isinstance(shard, (str, PathLike)):
        shard = np.load(shard, mmap_mode="r", allow_pickle=False)
    elif callable(shard):
        shard = shard()
    X, lengths = shard if isinstance(shard, tuple) else (shard, None)
    Z = check_rows(X, "X")
    return Z, check_lengths(lengths, len(Z))
