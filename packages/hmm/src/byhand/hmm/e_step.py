# SPDX-License-Identifier: BSD-3-Clause
"""E-step, likelihoods and posteriors of all models: lanes first, logarithms where they must be.

Source:  Rabiner (1989), sections III-A, III-C and V-B (several sequences).
Differs: the fast scaled recursions of `lanes.py` say which sequences left the range of doubles;
         those alone are done again by the plain recursions, in logarithms.
Cost:    O(T K^2) time; about two arrays of T K numbers.
Checked: the plain recursions on every kind of chain; 1e-150 emissions in left-right models.
"""
# N steps of S sequences, K states
# b (K, N) likelihoods, largest of each column 1   log_scale (N,) what was divided out
# columns are steps in the order of the lanes

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .checks import exact_log
from .forward import forward, forward_rows
from .forward_backward import forward_backward
from .lane_posterior import lane_filter, lane_log_likelihoods, lane_posterior
from .lanes import WIDTH, Lanes, Scratch, blocks, lay_lanes, sums_by_sequence
from .short_posterior import short_posterior

__all__ = [
    "CHUNK",
    "Collector",
    "Data",
    "Emission",
    "Model",
    "Statistics",
    "expected_statistics",
    "expected_statistics_of",
    "fill_blocks",
    "filtered",
    "lay_out",
    "log_likelihoods",
    "log_model",
    "posteriors",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_IMPOSSIBLE = (
    "X holds a sequence that is impossible under the model (log-likelihood -inf): number {}, {}"
    " steps long. Its states have no probabilities"
)
CHUNK = 32768  # likelihoods computed at a time: 256 kB stay in cache
SHORTEST_LONG = 4096  # steps; with fewer, NumPy calls take longer than the numbers in them
FEW_PRODUCTS = 100_000  # models * N * K^2: with more, guessing costs less than a tree


class Collector(Protocol):
    """Sums an emission's sufficient statistics over pieces of the posterior."""

    def add(self, columns: Any, gamma: Floats) -> None:
        """Take in the state probabilities gamma (K, n) of some columns."""

    def total(self) -> Any:
        """Return the statistics, an object that adds."""


class Emission(Protocol):
    """What each state emits."""

    has_table: bool  # whether log_table is the same for all observations of one row

    def prepare(self, X: Floats) -> NDArray[Any]:
        """Turn rows (N, D) into observations (..., N), one column each."""

    def log_likelihood(self, observations: NDArray[Any]) -> Floats:
        """Return log p(x_t | z_t = k), (K, N)."""

    def log_table(self, observations: NDArray[Any]) -> tuple[Floats, Ints | None]:
        """Return log p of distinct observations (K, U) and which one each column is.

        None in place of the latter: each is its own, as in `log_likelihood`.
        """

    def fill(self, observations: NDArray[Any], out: Floats) -> Floats:
        """Write b into the blocks out (steps, K, n), and return log_scale (steps * n)."""

    def collector(self, observations: NDArray[Any]) -> Collector:
        """Begin to sum statistics."""


class Model(NamedTuple):
    """A hidden Markov model."""

    startprob: Floats  # (K,)
    transmat: Floats  # (K, K) from row to column
    emission: Any  # an Emission


@dataclass(frozen=True)
class Statistics:
    """Expected counts: all that learning needs to know of the data."""

    log_likelihood: float  # weighted sum over the sequences, nats
    start: Floats  # (K,) sum of gamma at the first steps
    moves: Floats  # (K, K) sum of xi
    emission: Any  # of the states' emissions
    weight: float  # number of sequences, or sum of their weights

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of both sets of sequences together."""
        return Statistics(
            self.log_likelihood + other.log_likelihood,
            self.start + other.start,
            self.moves + other.moves,
            self.emission + other.emission,
            self.weight + other.weight,
        )


class Data(NamedTuple):
    """Sequences laid out in lanes."""

    lanes: Lanes
    observations: NDArray[Any]  # (..., N) in the order of the lanes
    weight: Floats  # (S,) how often each sequence counts
    scratch: Scratch
    rows: NDArray[Any] | None  # (..., N) in the order of time, of one short sequence

    def only(self, keep: NDArray[np.bool_], n_cells: int, width: int = WIDTH) -> Data:
        """Only the sequences where keep (S,) is true."""
        columns = [self.lanes.columns(int(s)) for s in np.flatnonzero(keep)]
        lanes = lay_lanes(np.array([len(c) for c in columns]), n_cells, width)
        order = np.concatenate(columns)[lanes.order]
        return Data(lanes, self.observations[..., order], self.weight[keep], Scratch(), None)


def lay_out(
    X: Floats,
    lengths: Ints,
    weight: Floats | None,
    emission: Emission,
    n_cells: int,
    width: int = WIDTH,
) -> Data:
    """Lay sequences out in lanes, as observations of an emission.

    A lane has n_cells numbers in hand: K to sum, K for each of several models, K^2 to decode.
    """
    lanes = lay_lanes(lengths, n_cells, width)
    weight = np.ones(len(lengths)) if weight is None else weight
    if len(lengths) > 1 or len(X) > SHORTEST_LONG:
        return Data(lanes, emission.prepare(X[lanes.order]), weight, Scratch(), None)
    rows = emission.prepare(X)
    return Data(lanes, rows[..., lanes.order], weight, Scratch(), rows)


def fill_blocks(log_b: Floats, out: Floats) -> Floats:
    """Write exp(log_b) (K, N) into blocks (steps, K, n), scaled; log of the scale is returned."""
    top: Floats = log_b.max(axis=0)  # (N,)
    log_b -= np.where(top > -np.inf, top, 0.0)
    with np.errstate(under="ignore"):
        np.exp(log_b.reshape(len(log_b), len(out), -1), out=np.moveaxis(out, 1, 0))
    return top


@np.errstate(under="ignore")  # shares that vanish are 0
def log_likelihoods(model: Model, data: Data) -> Floats:
    """Log-likelihood of each sequence (S,), nats; -inf where it is impossible."""
    b, log_scale = _likelihoods([model], data)
    total, unsafe = lane_log_likelihoods(data.lanes, model.startprob, model.transmat, b)
    total = np.asarray(total + log_scale[0])
    for s in np.flatnonzero(unsafe | (log_scale[0] == -np.inf)):
        total[s] = forward(*log_model(model, data, int(s))).log_likelihood
    return total


def expected_statistics(model: Model, data: Data) -> Statistics:
    """E-step: expected counts under the posterior of the paths."""
    return expected_statistics_of([model], data)[0]


@np.errstate(under="ignore")  # shares that vanish are 0
def expected_statistics_of(models: Sequence[Model], data: Data) -> list[Statistics]:
    """E-step of several models of the same data, whose lanes advance together."""
    short = _short_statistics(models, data)
    if short is not None:
        return short
    collectors: list[Collector] = []

    def begin() -> Callable[[slice, Floats], None]:
        collectors[:] = [m.emission.collector(data.observations) for m in models]

        def consume(columns: slice, gamma: Floats) -> None:
            pieces = gamma if len(models) > 1 else gamma[None]
            for collector, piece in zip(collectors, pieces, strict=True):
                collector.add(columns, piece)

        return consume

    b, log_scale = _likelihoods(models, data)
    pi, A = _stacked([m.startprob for m in models]), _stacked([m.transmat for m in models])
    run = lane_posterior(data.lanes, pi, A, b, data.weight, begin, data.scratch)
    unsafe = run.unsafe.reshape(len(models), -1) | (log_scale == -np.inf)
    if unsafe.any():
        if len(models) == 1:
            return [_statistics_partly_inlog_model(models[0], data, unsafe[0])]
        return [expected_statistics(m, data) for m in models]
    log_likelihood = run.log_likelihood.reshape(len(models), -1) + log_scale  # (M, S)
    K = len(models[0].startprob)
    return [
        Statistics(
            float(data.weight @ log_likelihood[m]),
            run.start.reshape(-1, K)[m],
            run.xi.reshape(-1, K, K)[m],
            collectors[m].total(),
            float(data.weight.sum()),
        )
        for m in range(len(models))
    ]


def _short_statistics(models: Sequence[Model], data: Data) -> list[Statistics] | None:
    """E-step on one short sequence; None if it is none, or leaves the range of doubles."""
    M, K = len(models), len(models[0].startprob)
    if data.rows is None or M * data.rows.shape[-1] * K**2 > FEW_PRODUCTS:
        return None
    b = np.empty((M, K, data.rows.shape[-1]))
    tops = [m.emission.fill(data.rows, b[i, None]).sum() for i, m in enumerate(models)]
    pi, A = _stacked([m.startprob for m in models]), _stacked([m.transmat for m in models])
    run = short_posterior(pi, A, b if M > 1 else b[0]) if min(tops) > -np.inf else None
    if run is None:
        return None
    weight = float(data.weight[0])
    log_likelihood = weight * (run.log_likelihood + tops)
    xi, gamma = weight * run.xi.reshape(M, K, K), run.gamma.reshape(M, K, -1)
    if weight != 1:
        gamma = weight * gamma
    statistics = []
    for i, model in enumerate(models):
        collector = model.emission.collector(data.rows)
        collector.add(slice(None), gamma[i])
        total = collector.total()
        statistics.append(
            Statistics(float(log_likelihood[i]), gamma[i, :, 0], xi[i], total, weight)
        )
    return statistics


def _stacked(arrays: list[Floats]) -> Floats:
    return np.stack(arrays) if len(arrays) > 1 else arrays[0]


def _statistics_partly_inlog_model(
    model: Model, data: Data, unsafe: NDArray[np.bool_]
) -> Statistics:
    parts = [_statistics_inlog_model(model, data, int(s)) for s in np.flatnonzero(unsafe)]
    if not unsafe.all():
        parts.insert(0, expected_statistics(model, data.only(~unsafe, len(model.startprob))))
    return functools.reduce(operator.add, parts)


@np.errstate(under="ignore")  # shares that vanish are 0
def posteriors(model: Model, data: Data) -> tuple[Floats, Floats]:
    """Log-likelihoods (S,) and state probabilities gamma (K, N), columns as in the data."""
    b, log_scale = _likelihoods([model], data)
    gamma = np.empty((len(model.startprob), len(data.lanes.order)))

    def consume(columns: slice, piece: Floats) -> None:
        gamma[:, columns] = piece

    ones = np.ones(len(data.weight))
    run = lane_posterior(
        data.lanes, model.startprob, model.transmat, b, ones, lambda: consume, data.scratch
    )
    log_likelihood = run.log_likelihood + log_scale[0]
    unsafe = run.unsafe | (log_scale[0] == -np.inf)
    for s in np.flatnonzero(unsafe):
        plain = _posterior_inlog_model(model, data, int(s))
        log_likelihood[s] = plain.log_likelihood
        gamma[:, data.lanes.columns(int(s))] = plain.gamma.T
    if unsafe.any() and not unsafe.all():
        rest = data.only(~unsafe, len(model.startprob))
        log_likelihood[~unsafe], safe_gamma = posteriors(model, rest)
        for i, s in enumerate(np.flatnonzero(~unsafe)):
            gamma[:, data.lanes.columns(int(s))] = safe_gamma[:, rest.lanes.columns(i)]
    gamma /= gamma.sum(axis=0)
    return log_likelihood, gamma


@np.errstate(under="ignore")  # shares that vanish are 0
def filtered(model: Model, data: Data) -> Floats:
    """State probabilities (K, N) given the observations so far, columns as in the data."""
    b, log_scale = _likelihoods([model], data)
    lanes, K = data.lanes, len(model.startprob)
    alpha = data.scratch.array("alpha", b.size)
    unsafe = lane_filter(lanes, model.startprob, model.transmat, b, alpha)
    belief = np.empty((K, len(lanes.order)))
    for segment in lanes.segments:
        steps = blocks(alpha, segment, K)
        out = belief[:, segment.columns].reshape(K, len(steps), -1)
        total = np.maximum(steps.sum(axis=1, keepdims=True), 1e-290)  # 0: impossible, see below
        np.divide(steps, total, out=np.moveaxis(out, 0, 1))
    for s in np.flatnonzero(unsafe | (log_scale[0] == -np.inf)):
        rows, _ = forward_rows(*log_model(model, data, int(s)))
        if (rows.max(axis=1) == -np.inf).any():
            raise ValueError(_IMPOSSIBLE.format(int(s), len(rows)))
        with np.errstate(under="ignore"):
            p = np.exp(rows)  # rows are at most 0, and 0 somewhere
        belief[:, data.lanes.columns(int(s))] = (p / p.sum(axis=1, keepdims=True)).T
    return belief


def _likelihoods(models: Sequence[Model], data: Data) -> tuple[Floats, Floats]:
    """Fill blocks b (flat) with likelihoods; log of what they were divided by, (M, S)."""
    lanes, M, K = data.lanes, len(models), len(models[0].startprob)
    b = data.scratch.array("b", M * K * len(lanes.order))
    log_scale = np.zeros((M, lanes.n_lanes))
    for segment in lanes.segments:
        n = segment.alive
        out = blocks(b, segment, M, K)  # (steps, M, K, n)
        stride = max(1, CHUNK // (n * K))
        for first in range(0, len(out), stride):
            part = out[first : first + stride]
            column = segment.column + first * n
            here = data.observations[..., column : column + len(part) * n]
            for m, model in enumerate(models):
                top = model.emission.fill(here, part[:, m])
                log_scale[m, :n] += top.reshape(len(part), n).sum(axis=0)
    return b, sums_by_sequence(lanes, log_scale)


def _statistics_inlog_model(model: Model, data: Data, sequence: int) -> Statistics:
    posterior = _posterior_inlog_model(model, data, sequence)
    weight = float(data.weight[sequence])
    collector = model.emission.collector(data.observations)
    collector.add(data.lanes.columns(sequence), weight * posterior.gamma.T)
    return Statistics(
        weight * posterior.log_likelihood,
        weight * posterior.gamma[0],
        weight * posterior.xi,
        collector.total(),
        weight,
    )


def _posterior_inlog_model(model: Model, data: Data, sequence: int) -> Any:
    try:
        return forward_backward(*log_model(model, data, sequence))
    except ValueError:
        steps = len(data.lanes.columns(sequence))
        raise ValueError(_IMPOSSIBLE.format(sequence, steps)) from None


def log_model(model: Model, data: Data, sequence: int) -> tuple[Floats, Floats, Floats]:
    """Logarithms of the model for one sequence, as the plain recursions want them."""
    observations = data.observations[..., data.lanes.columns(sequence)]
    log_b: Floats = model.emission.log_likelihood(observations).T  # (T, K)
    return exact_log(model.startprob), exact_log(model.transmat), log_b
