# SPDX-License-Identifier: BSD-3-Clause
"""Training: EM on one start, on several at once, on labelled states and on a stream.

Source:  Rabiner (1989), eq. 40; Cappe & Moulines (2009) for stepwise EM.
Differs: several starts advance in lockstep, as further lanes of the same passes.
Cost:    O(T K^2) per step and start.
Checked: restarts together equal restarts one by one; labelled states give the ratios of counts.
"""
# K states; statistics: expected counts (e_step.py)

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .best_paths import path_scores
from .checks import exact_log, normalised
from .e_step import Data, Model, Statistics

__all__ = [
    "Run",
    "em_in_lockstep",
    "labelled_statistics",
    "log_dirichlet",
    "posterior_mode",
    "scaled_statistics",
    "stepwise",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP = 0.7  # exponent of the step size: between 1/2 and 1


class Run(NamedTuple):
    """How EM from one start went."""

    params: Model  # after the last step
    stats: Any  # expected under those
    history: list[float]  # [i] objective before step i + 1
    n_iter: int
    converged: bool


def em_in_lockstep(
    starts: Sequence[Model],
    e_step: Callable[[list[Model]], list[Any]],
    m_step: Callable[[Any], Model],
    *,
    max_iter: int,
    tol: float,
    on_step: Callable[[int, float, Model], object] | None = None,
) -> list[Run]:
    """Run EM from several starts; each stops for itself, as `byhand.utils.em.em` would."""
    runs = [
        Run(start, stats, [float(stats.objective)], 0, False)
        for start, stats in zip(starts, e_step(list(starts)), strict=True)
    ]
    for iteration in range(1, max_iter + 1):
        active = [i for i, run in enumerate(runs) if not run.converged]
        if not active:
            break
        models = [m_step(runs[i].stats) for i in active]
        for i, model, stats in zip(active, models, e_step(models), strict=True):
            history = [*runs[i].history, float(stats.objective)]
            converged = history[-1] == history[-2] or not history[-1] - history[-2] >= tol
            runs[i] = Run(model, stats, history, iteration, converged)
        best = max((runs[i] for i in active), key=lambda run: run.history[-1])
        if on_step is not None and on_step(iteration, best.history[-1], best.params):
            break
    return runs


def labelled_statistics(model: Model, data: Data, states: Ints) -> Statistics:
    """Count where the states (N,) are known, in the order of the lanes; the sum is log p(x, z)."""
    K = len(model.startprob)
    lanes = data.lanes
    weight = data.weight[lanes.sequence]  # (C,)
    of_column = np.empty(len(lanes.order))
    moves, end = np.zeros((K, K)), np.empty(lanes.n_lanes, dtype=np.int64)
    for segment in lanes.segments:
        n = segment.alive
        z = states[segment.columns].reshape(-1, n)
        of_column[segment.columns] = np.broadcast_to(weight[:n], z.shape).ravel()
        np.add.at(moves, (z[:-1], z[1:]), np.broadcast_to(weight[:n], z[1:].shape))
        if segment.first:
            np.add.at(moves, (end[:n], z[0]), weight[:n])
        else:
            entry = z[0].copy()
        end[:n] = z[-1]
    np.add.at(moves, (end[lanes.before], entry[lanes.cut]), weight[lanes.cut])
    begins = np.ones(lanes.n_lanes, dtype=bool)
    begins[lanes.cut] = False
    start = np.bincount(entry[begins], weight[begins], K).astype(np.float64)
    gamma = np.zeros((K, len(states)))
    gamma[states, np.arange(len(states))] = of_column
    collector = model.emission.collector(data.observations)
    collector.add(slice(None), gamma)
    scores, _ = path_scores(model, data, states)
    log_p = float(data.weight @ scores)
    return Statistics(log_p, start, moves, collector.total(), float(data.weight.sum()))


def posterior_mode(counts: Floats, prior: ArrayLike, last: Floats) -> Floats:
    """Probabilities from counts and Dirichlet parameters; what was 0 stays 0."""
    raised = np.maximum(np.asarray(prior, dtype=np.float64) - 1 + counts, 0.0)
    return normalised(np.where(last == 0, 0.0, raised), last)  # Rabiner 40


def log_dirichlet(p: Floats, prior: ArrayLike) -> float:
    """Log-density of probabilities under a Dirichlet prior, up to a constant; zeros are fixed."""
    excess = np.asarray(prior, dtype=np.float64) - 1
    if not excess.any():
        return 0.0
    log_p = np.where(p > 0, exact_log(p), 0.0)
    return float((excess * log_p).sum())


def stepwise(
    statistics: Statistics, n_rows: int, running: dict[str, Any] | None, n_before: int
) -> tuple[dict[str, Any], Statistics]:
    """Mix a batch into running statistics per row; those, and as many as all rows seen have.

    Cappe & Moulines (2009), eq. 9: s <- (1 - eta) s + eta s_new, eta = (n_before + 1)^-0.7.
    """
    mixed, seen = scaled_statistics(statistics, 1 / n_rows), n_rows
    if running is not None:
        eta = (n_before + 1.0) ** -STEP
        old = _from_arrays(running, mixed)
        mixed = scaled_statistics(old, 1 - eta) + scaled_statistics(mixed, eta)
        seen += int(running["n_rows"])
    arrays = {
        "n_rows": seen,
        "start": mixed.start,
        "moves": mixed.moves,
        "emission": _to_arrays(mixed.emission),
    }
    return arrays, scaled_statistics(mixed, float(seen))


def _to_arrays(emission: Any) -> list[Floats]:
    """Arrays of an emission's statistics, which a file can hold."""
    if isinstance(emission, np.ndarray):
        return [emission]
    values = [getattr(emission, field.name) for field in dataclasses.fields(emission)]
    return [value for value in values if isinstance(value, np.ndarray)]


def _from_arrays(running: dict[str, Any], like: Statistics) -> Statistics:
    emission = like.emission
    if isinstance(emission, np.ndarray):
        (emission,) = running["emission"]
    else:
        names = [f.name for f in dataclasses.fields(emission)]
        names = [n for n in names if isinstance(getattr(emission, n), np.ndarray)]
        arrays = zip(names, running["emission"], strict=True)
        emission = dataclasses.replace(emission, **dict(arrays))
    return Statistics(0.0, running["start"], running["moves"], emission, 0.0)


def scaled_statistics(statistics: Any, factor: float) -> Any:
    """Statistics of data that count `factor` times as much."""
    if isinstance(statistics, Statistics):
        return Statistics(
            *(
                scaled_statistics(getattr(statistics, field.name), factor)
                for field in dataclasses.fields(statistics)
            )
        )
    if isinstance(statistics, (float, np.ndarray)):
        return statistics * factor
    return statistics.scaled(factor)
