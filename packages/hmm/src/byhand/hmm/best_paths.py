# SPDX-License-Identifier: BSD-3-Clause
"""Best paths of all models: in fixed point by lanes, certified, else by the plain recursion.

Source:  Viterbi (1967); Rabiner (1989), section III-B.
Differs: the score of the path found is computed from the logarithms themselves; only if it reaches
         the bound of `lane_viterbi` is the path accepted.
Cost:    O(N K^2) time; 17 N bytes and K bytes for each step.
Checked: `viterbi` on every kind of chain; impossible sequences.
"""
# N steps of S sequences, K states; columns are steps in the order of the lanes

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .checks import exact_log
from .e_step import CHUNK, Data, Model, log_model
from .lane_policy import Which, Words
from .lane_viterbi import WIDEST, lane_viterbi, quantised, row_tags
from .lanes import Segment, blocks, sums_by_sequence
from .viterbi import viterbi

__all__ = ["best_paths", "path_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def best_paths(model: Model, data: Data) -> tuple[Floats, Ints]:
    """Log-probability (S,) of the best path of each sequence, and its states (N,) as columns."""
    lanes, K = data.lanes, len(model.startprob)
    log_pi, log_A = exact_log(model.startprob), exact_log(model.transmat)
    doubtful = np.ones(lanes.n_sequences, dtype=bool)
    score, states = np.empty(lanes.n_sequences), np.empty(len(lanes.order), dtype=np.int64)
    if K <= WIDEST:
        found = lane_viterbi(lanes, log_pi, log_A, _words(model, data))
        states = found.states
        score, log_scale = path_scores(model, data, states)
        # 2^-40 of rounding in two terms a step, and that of the sum itself
        room = 1e-10 * np.bincount(lanes.sequence, lanes.length)
        possible = np.isfinite(score) & np.isfinite(log_scale)
        gap = found.bound[possible] + log_scale[possible] - score[possible]
        doubtful[possible] = np.abs(gap) > room[possible]
    for s in np.flatnonzero(doubtful):
        path = viterbi(*log_model(model, data, int(s)))
        score[s], states[lanes.columns(int(s))] = path.log_probability, path.states
    return score, states


def _words(model: Model, data: Data) -> Words:
    """Log-likelihoods in fixed point, less the largest of each column, made as they are used."""
    K = len(model.startprob)
    tags = row_tags(K)

    def words(segment: Segment, first: int, which: Which) -> Iterator[Ints]:
        every = segment.alive
        n = len(np.arange(every)[which])
        stride = _steps_at_a_time(model, data, n)
        block = np.empty((K, n), dtype=np.int64)
        for begin in range(first, segment.stop, stride):
            column = segment.column + (begin - segment.first) * every
            stop = column + min(stride, segment.stop - begin) * every
            x = data.observations[..., column:stop]
            if n < every:
                x = x.reshape(*x.shape[:-1], -1, every)[..., which].reshape(*x.shape[:-1], -1)
            log_b, codes = model.emission.log_table(x)
            top = log_b.max(axis=0)
            table = quantised(log_b - np.where(top > -np.inf, top, 0.0), K)[::-1] + tags
            if codes is None:
                yield from np.moveaxis(table.reshape(K, -1, n), 1, 0)
            else:
                for x_t in codes.reshape(-1, n):
                    yield table.take(x_t, 1, block, "clip")  # a third less than np.take

    return words


def path_scores(model: Model, data: Data, states: Ints) -> tuple[Floats, Floats]:
    """Log-probability (S,) of given paths, and the largest log_b of each step, summed (S,)."""
    lanes = data.lanes
    log_A = exact_log(model.transmat)
    score, scale = np.zeros(lanes.n_lanes), np.zeros(lanes.n_lanes)
    end = np.empty(lanes.n_lanes, dtype=np.int64)
    for segment in lanes.segments:
        n = segment.alive
        path = blocks(states, segment)  # (steps, n)
        stride = _steps_at_a_time(model, data, n)
        for first in range(0, len(path), stride):
            z = path[first : first + stride]
            column = segment.column + first * n
            log_b, codes = model.emission.log_table(
                data.observations[..., column : column + z.size]
            )
            at = np.arange(z.size) if codes is None else codes
            # taken from flat tables: half the time of indexing by two arrays
            best = log_b.ravel().take(z.ravel() * log_b.shape[1] + at)
            score[:n] += best.reshape(z.shape).sum(axis=0)
            scale[:n] += log_b.max(axis=0).take(at).reshape(z.shape).sum(axis=0)
            score[:n] += log_A.ravel().take(z[:-1] * len(log_A) + z[1:]).sum(axis=0)
            if column:
                score[:n] += log_A[end[:n], z[0]]
            end[:n] = z[-1]
    begins = np.ones(lanes.n_lanes, dtype=bool)
    begins[lanes.cut] = False
    entry = blocks(states, lanes.segments[0])[0]  # (C,)
    score[begins] += exact_log(model.startprob)[entry[begins]]
    score[lanes.cut] += log_A[end[lanes.before], entry[lanes.cut]]
    return sums_by_sequence(lanes, score), sums_by_sequence(lanes, scale)


def _steps_at_a_time(model: Model, data: Data, n_lanes: int) -> int:
    """Count the steps whose log-likelihoods stay in cache: all where they are one small table."""
    if model.emission.has_table and len(data.observations) == 1:
        return len(data.lanes.order)
    return max(1, CHUNK // (n_lanes * len(model.startprob)))
