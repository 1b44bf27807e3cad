# SPDX-License-Identifier: BSD-3-Clause
"""Shards: data in parts, each read where its E-step runs, in this process or on an executor.

Source:  the E-step's statistics add (em_gaussian.py), so parts can be anywhere.
Differs: a shard is an array, a pair (array, weights), the path of an .npy file (memory-mapped), a
         function that returns one of these, or a future of the executor's own.
Cost:    one task a shard and iteration; parameters go out, sums come back.
Checked: equal bits on serial, threads and processes; equal to one array to 1e-10.
"""
# X (N, D) rows of a shard   w (N,) their weights or None

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.execute import map_reduce
from byhand.utils.validation import check_array, check_sample_weight

from .em_gaussian import MixtureParams, MixtureStatistics, gaussian_mixture_e_step
from .missing import missing_e_step

__all__ = ["ShardSurvey", "gather_rows", "is_list_of_shards", "shard_e_step", "survey_shard"]

SHARDS_OF_AN_ARRAY = 8  # on any executor as many, so that its size changes no bits
ROWS_TO_START = 50_000  # of all shards together

ShardRows = tuple[NDArray[np.floating], NDArray[np.float64] | None]


@dataclass(frozen=True)
class ShardSurvey:
    """What must be known of the data before the first E-step."""

    n_rows: int  # with positive weight
    X: NDArray[np.floating]  # a sample of the rows, from which EM starts
    w: NDArray[np.float64] | None  # its weights

    def __add__(self, other: ShardSurvey) -> ShardSurvey:
        """Return the survey of both shards together."""
        if self.X.shape[1] != other.X.shape[1]:
            raise ValueError(
                f"X: all shards must have the same number of features, got {self.X.shape[1]}"
                f" and {other.X.shape[1]}"
            )
        parts = [(s.X, np.ones(len(s.X)) if s.w is None else s.w) for s in (self, other)]
        w = None if self.w is None and other.w is None else np.concatenate([p[1] for p in parts])
        return ShardSurvey(self.n_rows + other.n_rows, np.concatenate([p[0] for p in parts]), w)


def gather_rows(
    X: Any,
    sample_weight: object,
    check: Callable[[Any], NDArray[np.floating]],
    *,
    n_components: int,
    allow_nan: bool,
    executor: Any,
) -> tuple[list[Any], NDArray[np.floating], NDArray[np.float64] | None]:
    """Return the shards, and checked rows with their weights from which EM may start.

    These are all rows of an array, or a sample of those of shards.
    """
    shards: list[Any]
    if is_list_of_shards(X):
        if sample_weight is not None:
            raise ValueError("sample_weight must be None with shards: pass (array, weights)")
        shards = list(X)
        task = partial(survey_shard, allow_nan, -(-ROWS_TO_START // len(shards)))
        survey: ShardSurvey = map_reduce(task, shards, operator.add, executor)
        n_rows, Z, w = survey.n_rows, survey.X, survey.w
    else:
        Z = check(X)
        w = check_sample_weight(sample_weight, len(Z))
        shards = [(Z, w)] if executor is None else split_rows(Z, w, SHARDS_OF_AN_ARRAY)
        n_rows = len(Z) if w is None else int(np.count_nonzero(w))
    if n_rows < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components},"
            f" n_samples = {n_rows}"
        )
    return shards, Z, w


def is_list_of_shards(X: object) -> bool:
    """Whether X is a list of parts rather than one array-like."""
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    return all(
        callable(part)
        or isinstance(part, (str, PathLike))
        or (isinstance(part, np.ndarray) and part.ndim == 2)
        or (isinstance(part, tuple) and len(part) == 2 and np.ndim(part[0]) == 2)
        or hasattr(part, "done")  # futures, of whatever executor
        for part in X
    )


def split_rows(
    X: NDArray[np.floating], w: NDArray[np.float64] | None, n_shards: int
) -> list[ShardRows]:
    """Cut an array into parts of nearly equal length."""
    edges = np.linspace(0, len(X), min(n_shards, len(X)) + 1).astype(np.int64)
    return [(X[a:b], None if w is None else w[a:b]) for a, b in pairwise(edges)]


def shard_e_step(allow_nan: bool, params: MixtureParams, shard: Any) -> MixtureStatistics:
    """E-step of one shard; rows without NaN take the fast path."""
    X, w = _open_shard(shard)
    if not allow_nan or not (absent := np.isnan(X).any(axis=1)).any():
        return gaussian_mixture_e_step(params, X, w)
    stats = missing_e_step(params, X[absent], None if w is None else w[absent])
    if not absent.all():
        whole = None if w is None else w[~absent]
        stats = gaussian_mixture_e_step(params, X[~absent], whole) + stats
    return stats


def survey_shard(allow_nan: bool, most_rows: int, shard: Any) -> ShardSurvey:
    """Check the rows of a shard and take a sample of at most `most_rows`, evenly spread."""
    X, w = _open_shard(shard)
    X = check_array(X, "X", dtype="float", allow_nan=allow_nan, min_rows=0)
    if w is None or np.any(w) or len(w) != len(X):  # a shard may be one of zero weights
        w = check_sample_weight(w, len(X))
    kept = np.arange(len(X)) if w is None else np.flatnonzero(w)  # row numbers
    n_rows = len(kept)
    if n_rows > most_rows:
        kept = kept[np.linspace(0, n_rows - 1, most_rows).astype(np.int64)]
    return ShardSurvey(n_rows, np.array(X[kept]), None if w is None else w[kept])


def _open_shard(shard: Any) -> ShardRows:
    if isinstance(shard, (str, PathLike)):
        shard = np.load(shard, mmap_mode="r", allow_pickle=False)
    elif callable(shard):
        shard = shard()
    if isinstance(shard, tuple):
        X, w = shard
        return np.asarray(X), None if w is None else np.asarray(w, dtype=np.float64)
    return np.asarray(shard), None
