# SPDX-License-Identifier: BSD-3-Clause
"""One run of EM for a Gaussian mixture from one start, over shards of rows.

Source:  Bishop, PRML (2006), section 9.2.2; Neal & Hinton (1998) for statistics that add.
Differs: components may be frozen; a component that collapses ends on its floor `reg_covar` and is
         reported; where there is no floor, EM stops before the singular step.
Cost:    n_iter + 1 E-steps over all shards.
Checked: literal loops; a falling likelihood fails; frozen components keep their bits.
"""
# K components, D features   T (D, D) covariance of all the data   V (D, m) directions on the floor

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.em import em
from byhand.utils.estimator import ConvergenceWarning
from byhand.utils.execute import map_reduce
from byhand.utils.gaussian import Moments, full_covariances

from .em_gaussian import MixtureParams, MixtureStatistics, gaussian_mixture_m_step
from .shards import shard_e_step

__all__ = ["MixtureFit", "fit_mixture", "moments_of_params", "warn_of_fit", "with_frozen"]


class MixtureFit(NamedTuple):
    """Where one run of EM ended."""

    params: MixtureParams
    history: list[float]  # mean log-likelihood before the first step and after each
    weight: float  # total weight of the samples
    converged: bool  # the last step changed it by less than tol
    stopped: bool  # by the callback
    collapsed: list[int]  # components of which reg_covar alone holds up a variance
    singular: str  # why the last M-step was refused, or ""


def fit_mixture(
    shards: Sequence[Any],
    start: MixtureParams,
    *,
    frozen: NDArray[np.int64],
    reg_covar: float,
    max_iter: int,
    tol: float,
    allow_nan: bool,
    executor: Any = None,
    on_step: Callable[[int, float, MixtureParams], object] | None = None,
) -> MixtureFit:
    """Alternate E-steps over the shards and M-steps until a step gains less than tol."""
    task = partial(shard_e_step, allow_nan)
    run = _Run(start, None, [], "", False)

    def e_step(params: MixtureParams) -> MixtureStatistics:
        if run.stats is None or params is not run.params:
            run.stats = map_reduce(partial(task, params), shards, operator.add, executor)
            run.params = params
            run.history.append(run.stats.objective)
        return run.stats

    def m_step(stats: MixtureStatistics) -> MixtureParams:
        try:
            return with_frozen(gaussian_mixture_m_step(stats, reg_covar), start, frozen)
        except ValueError as error:
            run.singular = str(error)
            return run.params

    def after_step(_: int, objective: float, params: MixtureParams) -> bool:
        if run.singular:
            return True
        steps = len(run.history) - 1
        run.stopped = on_step is not None and bool(on_step(steps, objective, params))
        return run.stopped or abs(run.history[-1] - run.history[-2]) < tol

    while True:
        # tol: after_step stops EM, and the caller reports whether the best of its starts converged;
        # the first steps may lose likelihood where the start lies below the floor reg_covar
        before, left = run.params, max_iter + 1 - max(len(run.history), 1)
        result = em(before, e_step, m_step, max_iter=left, tol=-np.inf, on_step=after_step)
        # em ends where the likelihood repeats; with tol=0 go on while the parameters still move
        done = len(run.history) > max_iter or run.singular or run.stopped or tol > 0
        if done or _are_equal(result.params, before):
            break
    gain = abs(run.history[-1] - run.history[-2]) if len(run.history) > 1 else np.inf
    return MixtureFit(
        params=run.params,
        history=run.history,
        weight=result.stats.weight,
        converged=not run.singular and (gain < tol or gain == 0),
        stopped=run.stopped,
        collapsed=_collapsed_components(run.params, result.stats.moments, reg_covar),
        singular=run.singular,
    )


@dataclass
class _Run:
    """How far a run of EM has come."""

    params: MixtureParams  # the last whose covariances could be factorised
    stats: MixtureStatistics | None  # of an E-step at these
    history: list[float]
    singular: str
    stopped: bool


def _are_equal(a: MixtureParams, b: MixtureParams) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a[:3], b[:3], strict=True))


def with_frozen(
    params: MixtureParams, fixed: MixtureParams, frozen: NDArray[np.int64]
) -> MixtureParams:
    """Put the means and covariances of the frozen components back."""
    if len(frozen) == 0:
        return params
    means, S, U = params.means.copy(), params.covariances.copy(), params.precisions_cholesky.copy()
    for new, old in ((means, fixed.means), (S, fixed.covariances), (U, fixed.precisions_cholesky)):
        new[frozen] = old[frozen]
    return params._replace(means=means, covariances=S, precisions_cholesky=U)


def warn_of_fit(fit: MixtureFit, max_iter: int, tol: float, reg_covar: float) -> None:
    """Warn, where `fit` was called, of what the caller of a fit should know."""
    texts = []
    if fit.singular:
        texts.append(f"EM stopped before a singular step. {fit.singular}")
    elif not fit.converged and not fit.stopped and max_iter > 0 and tol > 0:
        texts.append(
            "Best performing initialization did not converge. Try different init parameters, or"
            " increase max_iter, tol, or check for degenerate data."
        )
    if fit.collapsed:
        texts.append(
            f"Components {fit.collapsed} collapsed onto fewer samples than span the features:"
            f" reg_covar={reg_covar:g} alone keeps their covariance positive definite."
        )
    for text in texts:
        warnings.warn(ConvergenceWarning(text), stacklevel=3)


def moments_of_params(params: MixtureParams, weight: float, reg_covar: float) -> Moments:
    """Moments of `weight` samples of which an M-step would give these parameters."""
    kind, n = params.covariance_type, params.weights * weight
    D = params.means.shape[1]
    S = params.covariances
    if kind == "full":
        scatter = (S - reg_covar * np.eye(D)) * n[:, None, None]
    elif kind == "tied":
        scatter = (S - reg_covar * np.eye(D)) * weight
    else:
        scatter = (S - reg_covar) * (n[:, None] if kind == "diag" else n * D)
    return Moments(n, params.means, scatter, kind)


def _collapsed_components(params: MixtureParams, moments: Moments, reg_covar: float) -> list[int]:
    """Components with a variance of at most twice the floor where the data have much more."""
    K, D = params.means.shape
    S = full_covariances(params.covariances, params.covariance_type, K, D)
    centre = params.weights @ params.means
    d = params.means - centre
    T = np.einsum("k,kij->ij", params.weights, S) + (params.weights[:, None] * d).T @ d
    collapsed = []
    for k in np.flatnonzero(moments.n > 0):
        values, vectors = np.linalg.eigh(S[k])
        V = vectors[:, values <= 2 * reg_covar]  # (D, m)
        if V.shape[1] and np.einsum("im,ij,jm->m", V, T, V).max() > 100 * reg_covar:
            collapsed.append(int(k))
    return collapsed
