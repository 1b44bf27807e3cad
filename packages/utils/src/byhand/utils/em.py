# SPDX-License-Identifier: BSD-3-Clause
"""Expectation-maximisation: the one loop that every EM model of byhand runs.

Source:  Dempster, Laird & Rubin (1977); Neal & Hinton (1998) for the statistics view.
Differs: one last E-step follows the last M-step, so that the reported objective is that of the
         returned parameters; most libraries report the objective of the parameters before them.
Cost:    n_iter M-steps and n_iter + 1 E-steps.
Checked: a two-coin mixture against a literal loop; a counter of calls; a falling objective.
"""
# E-step: statistics = e_step(params), with .objective, what is being maximised (nats)
# M-step: params = m_step(statistics)

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from .estimator import ConvergenceWarning

__all__ = ["EMResult", "em"]


class _HasObjective(Protocol):
    @property
    def objective(self) -> float: ...


Params = TypeVar("Params")
Stats = TypeVar("Stats", bound=_HasObjective)


class EMResult(NamedTuple, Generic[Params, Stats]):
    """What a run of EM ends with."""

    params: Params  # after the last M-step
    stats: Stats  # of an E-step at params
    history: list[float]  # [i] objective before step i + 1; [-1] that of params
    n_iter: int  # M-steps made
    converged: bool  # the last step gained less than tol


def em(
    params: Params,
    e_step: Callable[[Params], Stats],
    m_step: Callable[[Stats], Params],
    *,
    max_iter: int,
    tol: float,
    on_step: Callable[[int, float, Params], object] | None = None,
) -> EMResult[Params, Stats]:
    """Alternate E- and M-steps until a step gains less than tol.

    Parameters
    ----------
    params : any
        Where to start.
    e_step : callable
        ``e_step(params)`` gives the sufficient statistics, an object with `objective`.
    m_step : callable
        ``m_step(stats)`` gives the parameters that maximise the expected objective.
    max_iter : int
        At most this many M-steps; 0 is allowed and only measures.
    tol : float
        Stop when the objective rose by less than this. With 0, run until it stands still (or
        falls by rounding).
    on_step : callable, optional
        ``on_step(iteration, objective, params)`` after each step, iterations counted from 1,
        with the objective of those parameters; a true return stops.

    Returns
    -------
    EMResult
        Its `params`, `stats` and ``history[-1]`` belong together.

    Warns
    -----
    ConvergenceWarning
        If max_iter steps were made, the last of which gained tol or more (tol > 0 only).

    Examples
    --------
    One coin of known bias .8 and one of unknown bias q, mixed half and half; 60 heads in 100
    throws are best explained by q = .4:

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> class Stats(NamedTuple):
    ...     heads: float
    ...     throws: float
    ...     objective: float
    >>> def e_step(q):
    ...     heads, tails = 60 * q / (q + 0.8), 40 * (1 - q) / (1 - q + 0.2)
    ...     p = (q + 0.8) / 2
    ...     return Stats(heads, heads + tails, 60 * np.log(p) + 40 * np.log(1 - p))
    >>> result = em(0.1, e_step, lambda s: s.heads / s.throws, max_iter=500, tol=1e-12)
    >>> round(result.params, 4), round(result.history[-1], 4), result.converged
    (0.4, -67.3012, True)
    """
    stats = e_step(params)
    history = [float(stats.objective)]
    converged = stopped = False
    for iteration in range(1, max_iter + 1):
        params = m_step(stats)
        stats = e_step(params)
        history.append(float(stats.objective))
        stopped = on_step is not None and bool(on_step(iteration, history[-1], params))
        # "not >=" also ends on NaN; equal infinities (an impossible observation) are no gain
        converged = history[-1] == history[-2] or not history[-1] - history[-2] >= tol
        if converged or stopped:
            break
    if tol > 0 and max_iter > 0 and not converged and not stopped:
        text = (
            f"EM stopped after max_iter={max_iter} steps, the last of which gained"
            f" {history[-1] - history[-2]:.3g} (tol={tol:.3g}): raise max_iter or tol"
        )
        warnings.warn(ConvergenceWarning(text), stacklevel=3)
    return EMResult(params, stats, history, len(history) - 1, converged)
