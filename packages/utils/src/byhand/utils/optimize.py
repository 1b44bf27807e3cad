# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS: minimisation of smooth functions of many variables from values and gradients.

Source:  Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 7.4 and 7.5 (two-loop
         recursion, L-BFGS), 3.5 and 3.6 (line search); Hager & Zhang (2005), section 4.
Differs: near a minimum, where values differ by rounding errors only, a step is accepted by the
         slopes alone (after Hager & Zhang); a step to NaN or infinity is too long.
Cost:    O(history n) per step besides one or two evaluations of the function; 2 history n memory.
Checked: quadratics, Rosenbrock's function, logistic regression by Newton's method; SciPy.
"""
# x (n,) point   g (n,) gradient   p (n,) direction   s = x_new - x, y = g_new - g
# phi(a) = f(x + a p), a step; phi'(a) = g(x + a p) . p slope

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validation import check_array, check_scalar

__all__ = ["LBFGSResult", "LineSearchResult", "lbfgs", "line_search"]

_Vector = NDArray[np.float64]
Objective = Callable[[_Vector], tuple[float, _Vector]]
_ROUNDING = 1e-13  # relative errors of a function value that are taken for rounding


class LineSearchResult(NamedTuple):
    """Where a line search ended."""

    step: float  # a; 0 if no step decreases the function
    value: float  # phi(a)
    grad: _Vector  # (n,) gradient at x + a p
    n_evaluations: int
    success: bool  # the strong Wolfe conditions hold, up to rounding of the values


class LBFGSResult(NamedTuple):
    """Where a minimisation ended."""

    x: _Vector  # (n,)
    value: float  # f(x)
    grad: _Vector  # (n,) gradient at x
    values: list[float]  # f before each step, and after the last
    n_iter: int  # steps made
    n_evaluations: int
    converged: bool  # max |grad| <= tol
    message: str  # why it stopped


class _Trial(NamedTuple):
    step: float
    value: float
    slope: float
    grad: _Vector


def lbfgs(
    fun_and_grad: Objective,
    x0: ArrayLike,
    *,
    max_iter: int = 200,
    tol: float = 1e-6,
    history: int = 10,
    on_step: Callable[[int, float, _Vector], object] | None = None,
) -> LBFGSResult:
    """Minimise a smooth function.

    Parameters
    ----------
    fun_and_grad : callable
        ``fun_and_grad(x) -> (value, gradient)``, x and gradient of shape (n,).
    x0 : (n,) array
        Where to start; the function must be finite there.
    max_iter : int, default 200
        At most this many steps.
    tol : float, default 1e-6
        Converged when no component of the gradient is larger in absolute value.
    history : int, default 10
        Number of past steps from which curvature is estimated.
    on_step : callable, optional
        ``on_step(iteration, value, x)`` after each step, counted from 1; a true return stops.

    Returns
    -------
    LBFGSResult
        The best point found; no warning if it did not converge, see `converged` and `message`.

    Raises
    ------
    ValueError
        If the function is not finite at x0, its gradient is not of the shape of x0, or an option
        is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.utils.optimize import lbfgs
    >>> target = np.array([1.0, -2.0])
    >>> result = lbfgs(lambda x: (np.sum((x - target) ** 2), 2 * (x - target)), [0.0, 0.0])
    >>> result.x, result.converged
    (array([ 1., -2.]), True)
    """
    x = check_array(x0, "x0", ndim=1).copy()
    check_scalar(max_iter, "max_iter", integer=True, low=0)
    check_scalar(tol, "tol", low=0)
    check_scalar(history, "history", integer=True, low=1)
    value, grad = _evaluate(fun_and_grad, x)
    if not (math.isfinite(value) and np.isfinite(grad).all()):
        raise ValueError(f"fun_and_grad must be finite at x0, got the value {value}")
    pairs: deque[tuple[_Vector, _Vector]] = deque(maxlen=history)
    values, n_evaluations, n_iter, message = [value], 1, 0, "max_iter steps were made"
    while True:
        if np.abs(grad).max() <= tol:
            message = "the gradient is below tol"
            break
        if n_iter == max_iter:
            break
        p = _two_loops(grad, pairs)
        first = 1.0 if pairs else 1 / float(np.abs(grad).sum())  # no idea of the scale: length 1
        found = line_search(fun_and_grad, x, p, value, grad, step=first)
        n_evaluations += found.n_evaluations
        if found.step == 0:
            if pairs:  # the estimate of the curvature may be at fault: forget it
                pairs.clear()
                continue
            message = "no step decreases the function: rounding errors, or a wrong gradient"
            break
        s, y = found.step * p, found.grad - grad
        if s @ y > 1e-14 * (y @ y) ** 0.5 * (s @ s) ** 0.5:  # keeps the estimate definite
            pairs.append((s, y))
        x, value, grad = x + s, found.value, found.grad
        values.append(value)
        n_iter += 1
        if on_step is not None and on_step(n_iter, value, x):
            message = "on_step asked to stop"
            break
    converged = bool(np.abs(grad).max() <= tol)
    return LBFGSResult(x, value, grad, values, n_iter, n_evaluations, converged, message)


def _two_loops(grad: _Vector, pairs: deque[tuple[_Vector, _Vector]]) -> _Vector:
    """Direction -H grad, H the estimate of the inverse Hessian (algorithm 7.4)."""
    p = -grad
    weights = []
    for s, y in reversed(pairs):
        weights.append(float(s @ p) / float(s @ y))
        p -= weights[-1] * y
    if pairs:
        s, y = pairs[-1]
        p *= float(s @ y) / float(y @ y)  # eq. 7.20
    for (s, y), weight in zip(pairs, reversed(weights), strict=True):
        p += (weight - float(y @ p) / float(s @ y)) * s
    return p


def line_search(
    fun_and_grad: Objective,
    x: _Vector,
    p: _Vector,
    value: float,
    grad: _Vector,
    *,
    step: float = 1.0,
    c1: float = 1e-4,
    c2: float = 0.9,
    max_evaluations: int = 30,
) -> LineSearchResult:
    """Find a step that satisfies the strong Wolfe conditions.

    These are phi(a) <= phi(0) + c1 a phi'(0), a sufficient decrease, and
    |phi'(a)| <= c2 |phi'(0)|, a flatter slope.

    Parameters
    ----------
    fun_and_grad : callable
        ``fun_and_grad(x) -> (value, gradient)``.
    x : (n,) array
        Where the line begins.
    p : (n,) array
        Its direction, downhill.
    value : float
        The function at x.
    grad : (n,) array
        Its gradient at x.
    step : float, default 1.0
        First step to try.
    c1 : float, default 0.0001
        Sufficient decrease.
    c2 : float, default 0.9
        Flatness; c1 < c2 < 1.
    max_evaluations : int, default 30
        Give up after so many.

    Returns
    -------
    LineSearchResult
        Without success, the best step found that decreases the function enough, or step 0.

    Raises
    ------
    ValueError
        If p does not point downhill or an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.utils.optimize import line_search
    >>> x = np.array([2.0])
    >>> line_search(lambda x: (x[0] ** 2, 2 * x), x, -x, 4.0, 2 * x).step  # straight to the minimum
    1.0
    """
    check_scalar(step, "step", low=0, low_open=True)
    check_scalar(c1, "c1", low=0, high=1, low_open=True, high_open=True)
    check_scalar(c2, "c2", low=c1, high=1, low_open=True, high_open=True)
    check_scalar(max_evaluations, "max_evaluations", integer=True, low=1)
    slope = float(grad @ p)
    if not slope < 0:
        raise ValueError(f"p must point downhill, got a slope of {slope} along it")

    def at(a: float) -> _Trial:
        v, g = _evaluate(fun_and_grad, x + a * p)
        return _Trial(a, v, float(g @ p), g)

    def decreases(t: _Trial) -> bool:
        return t.value <= value + c1 * t.step * slope

    def is_level(t: _Trial) -> bool:  # as far as rounding lets us see
        return abs(t.value - value) <= _ROUNDING * abs(value)

    start = low = _Trial(0.0, value, slope, grad)
    high: _Trial | None = None  # once there is one, a good step lies between low and high
    for n in range(1, max_evaluations + 1):
        t = at(step)
        if abs(t.slope) <= -c2 * slope and (decreases(t) or is_level(t)):
            return LineSearchResult(t.step, t.value, t.grad, n, True)
        finite = math.isfinite(t.value) and math.isfinite(t.slope)
        too_short = high is None and t.slope < 0 and is_level(t)
        if finite and (too_short or (decreases(t) and (low is start or t.value < low.value))):
            # the slope at low always points towards high
            if t.slope >= 0 if high is None else t.slope * (high.step - low.step) >= 0:
                high = low
            low = t
        else:
            high = t
        if high is None:
            step = 4 * low.step
        elif abs(high.step - low.step) <= 1e-15 * max(high.step, low.step):
            break
        else:
            step = _between(low, high)
    if low.value >= value:  # a decrease that is all rounding
        low = start
    return LineSearchResult(low.step, low.value, low.grad, n, False)


def _between(low: _Trial, high: _Trial) -> float:
    """Minimum of the cubic through both ends (eq. 3.59), not too near to either."""
    a, b = low.step, high.step
    step = math.nan
    if math.isfinite(high.value) and math.isfinite(high.slope):
        d1 = low.slope + high.slope - 3 * (low.value - high.value) / (a - b)
        square = d1 * d1 - low.slope * high.slope
        if square >= 0:
            d2 = math.copysign(math.sqrt(square), b - a)
            divisor = high.slope - low.slope + 2 * d2
            if divisor != 0:
                step = b - (b - a) * (high.slope + d2 - d1) / divisor
    inner, outer = sorted((a + 0.1 * (b - a), b - 0.1 * (b - a)))
    return min(max(step, inner), outer) if math.isfinite(step) else (a + b) / 2


def _evaluate(fun_and_grad: Objective, x: _Vector) -> tuple[float, _Vector]:
    value, grad = fun_and_grad(x)
    g = np.asarray(grad, dtype=np.float64)
    if g.shape != x.shape:
        raise ValueError(f"fun_and_grad must give a gradient of shape {x.shape}, got {g.shape}")
    return float(value), g
