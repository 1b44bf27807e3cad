# SPDX-License-Identifier: BSD-3-Clause
"""The EM loop, on a mixture whose maximum is known in closed form."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import NamedTuple

import pytest

from byhand.utils.em import em
from byhand.utils.estimator import ConvergenceWarning

HEADS, TAILS, KNOWN = 60, 40, 0.8  # throws of a coin that is one of two, half and half


class Coins(NamedTuple):
    heads: float
    throws: float
    objective: float


def likelihood(q: float) -> float:
    p = (q + KNOWN) / 2
    return HEADS * math.log(p) + TAILS * math.log(1 - p)


class EStep:
    """Counts its calls and keeps the parameters it saw."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def __call__(self, q: float) -> Coins:
        self.seen.append(q)
        heads = HEADS * q / (q + KNOWN)
        tails = TAILS * (1 - q) / (1 - q + 1 - KNOWN)
        return Coins(heads, heads + tails, likelihood(q))


def m_step(stats: Coins) -> float:
    return stats.heads / stats.throws


def test_em_finds_the_maximum_that_algebra_gives() -> None:
    result = em(0.1, EStep(), m_step, max_iter=1000, tol=1e-15)
    assert result.params == pytest.approx(0.4, rel=1e-6)  # (q + .8) / 2 = .6; flat top: sqrt(eps)
    assert result.converged


def test_history_and_stats_are_those_of_the_parameters_returned() -> None:
    step = EStep()
    result = em(0.1, step, m_step, max_iter=7, tol=0.0)
    assert result.n_iter == 7
    assert step.seen[0] == 0.1
    assert step.seen[-1] == result.params
    assert result.history == [likelihood(q) for q in step.seen]
    assert result.stats.objective == result.history[-1] == likelihood(result.params)


def test_the_objective_never_falls() -> None:
    history = em(0.9, EStep(), m_step, max_iter=50, tol=0.0).history
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(history))


def test_no_step_is_made_with_max_iter_zero_and_nothing_is_warned() -> None:
    result = em(0.1, EStep(), m_step, max_iter=0, tol=1e-3)
    assert (result.params, result.n_iter, result.converged) == (0.1, 0, False)


def test_a_stop_before_convergence_is_warned_with_the_last_gain() -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=2 steps, the last of which gained"):
        result = em(0.1, EStep(), m_step, max_iter=2, tol=1e-9)
    assert not result.converged


def test_tol_zero_runs_to_max_iter_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert em(0.1, EStep(), m_step, max_iter=3, tol=0.0).n_iter == 3


def test_a_callback_sees_the_current_state_and_stops() -> None:
    seen: list[tuple[int, float, float]] = []

    def on_step(iteration: int, objective: float, q: float) -> bool:
        seen.append((iteration, objective, q))
        return iteration == 2

    result = em(0.1, EStep(), m_step, max_iter=50, tol=1e-9, on_step=on_step)
    assert [iteration for iteration, _, _ in seen] == [1, 2]
    assert all(objective == likelihood(q) for _, objective, q in seen)
    assert (result.n_iter, result.params) == (2, seen[-1][2])


@pytest.mark.parametrize("value", [-math.inf, math.nan])
def test_an_objective_that_is_no_number_ends_the_loop(value: float) -> None:
    result = em(0.1, lambda q: Coins(1, 2, value), m_step, max_iter=50, tol=1e-9)
    assert result.n_iter == 1
