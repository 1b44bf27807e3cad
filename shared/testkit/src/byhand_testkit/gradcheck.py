# SPDX-License-Identifier: BSD-3-Clause
"""Gradients against central differences, along a random cotangent, in float64.

For a random v of the shape of y, the scalar <v, f(x)> has the gradient that f_grad(v) claims; one
entry of x is moved by +-h at a time. The error, about h^2 f'''/6 + eps |f| / h with h = 6e-6, is
near 1e-10 for values near 1, so that 1e-6 leaves no room for a wrong formula.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["compare_gradient", "cotangent", "gradcheck", "inner"]

MOST_ENTRIES = 150  # of one argument; beyond that, a random choice of entries


def gradcheck(
    f: Callable[..., Any],
    f_grad: Callable[..., Any],
    *args: Any,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    seed: int = 0,
    cache: bool | None = None,
) -> None:
    """Compare the gradient of a function with central differences.

    Parameters
    ----------
    f : callable
        ``f(*args)`` returns y, ``(y, cache)``, or a tuple of outputs; y may be a tuple of outputs.
    f_grad : callable
        ``f_grad(dy, cache)`` if f returns a cache, else ``f_grad(dy, *args)``. Returns one gradient
        per argument, or per floating argument, in order; one alone needs no tuple. None is allowed
        where the argument is no float array.
    *args : arrays and others
        Float arrays and floats are moved; everything else is handed on. Converted to float64.
    rtol, atol : float, default 1e-6 and 1e-7
        A gradient is right if it is within ``atol + rtol * |numerical|`` of the differences.
    seed : int, default 0
        Of the cotangent, and of the choice of entries in large arrays.
    cache : bool, optional
        Whether f returns ``(y, cache)``; by default, whether it returns a tuple of two.

    Raises
    ------
    AssertionError
        Naming the argument and the index of the worst entry, or the wrong shape or number.

    Examples
    --------
    >>> import numpy as np
    >>> gradcheck(lambda x: x**3, lambda dy, x: 3 * x**2 * dy, np.array([1.0, -2.0]))
    >>> gradcheck(lambda x: x**3, lambda dy, x: 2 * x**2 * dy, np.array([1.0, -2.0]))
    Traceback (most recent call last):
    AssertionError: gradient of x at [0]: got 0.251..., central differences give 0.377... (2 of 2...
    """
    rng = np.random.default_rng(seed)
    inputs = [_as_float64(a) for a in args]
    names = _argument_names(f, len(inputs))
    result = f(*inputs)
    has_cache = (isinstance(result, tuple) and len(result) == 2) if cache is None else cache
    y = result[0] if has_cache else result
    v = cotangent(rng, y)
    grads = f_grad(v, result[1]) if has_cache else f_grad(v, *inputs)
    floating = [i for i, a in enumerate(inputs) if _is_floating(a)]
    grads = _one_per_argument(grads, len(inputs), floating)

    def value() -> float:
        moved = f(*inputs)
        return inner(v, moved[0] if has_cache else moved)

    for i in floating:

        def set_argument(a: Any, i: int = i) -> None:
            inputs[i] = a

        g = grads[i]
        if g is None:
            raise AssertionError(f"gradient of {names[i]}: got None")
        compare_gradient(value, set_argument, inputs[i], g, names[i], rtol, atol, rng)


def compare_gradient(
    value: Callable[[], float],
    set_argument: Callable[[Any], None],
    x: Any,
    gradient: Any,
    name: str,
    rtol: float,
    atol: float,
    rng: np.random.Generator,
) -> None:
    """Compare dL/dx with differences of value(), moving x through set_argument."""
    x, gradient = np.asarray(x, dtype=np.float64), np.asarray(gradient)
    if gradient.shape != x.shape:
        raise AssertionError(f"gradient of {name}: shape {gradient.shape}, expected {x.shape}")
    if x.size == 0:
        return
    flat = np.arange(x.size)
    if x.size > MOST_ENTRIES:
        flat = np.sort(rng.choice(x.size, MOST_ENTRIES, replace=False))
    numerical = np.empty(len(flat))
    for j, index in enumerate(flat):
        h = 6e-6 * max(1.0, abs(float(x.flat[index])))
        sides = []
        for step in (h, -h):
            moved = x.copy()
            moved.flat[index] += step
            set_argument(moved)
            sides.append(value())
        numerical[j] = (sides[0] - sides[1]) / (2 * h)
    set_argument(x)
    got = gradient.ravel()[flat]
    excess = np.abs(got - numerical) - atol - rtol * np.abs(numerical)
    wrong = ~(excess <= 0)  # NaN is wrong
    if wrong.any():
        j = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
        place = [int(k) for k in np.unravel_index(flat[j], x.shape)]
        raise AssertionError(
            f"gradient of {name} at {place}: got {got[j]:.10g}, central differences give "
            f"{numerical[j]:.10g} ({wrong.sum()} of {len(flat)} entries differ)"
        )


def cotangent(rng: np.random.Generator, y: Any) -> Any:
    """Draw a random array like y, or a tuple of them."""
    if isinstance(y, tuple | list):
        return tuple(cotangent(rng, part) for part in y)
    y = np.asarray(y)
    if y.dtype.kind != "f":
        raise AssertionError(f"f gives {y.dtype}, which has no gradient")
    v = rng.standard_normal(y.shape)
    return v if v.ndim else float(v)


def inner(v: Any, y: Any) -> float:
    """Sum of products over all outputs."""
    if isinstance(y, tuple | list):
        return sum(inner(a, b) for a, b in zip(v, y, strict=True))
    return float(np.sum(np.asarray(v) * np.asarray(y)))


def _as_float64(a: Any) -> Any:
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return a.astype(np.float64)
    return a


def _is_floating(a: Any) -> bool:
    return isinstance(a, float) or (isinstance(a, np.ndarray) and a.dtype.kind == "f")


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    return (names + [f"argument {i}" for i in range(len(names), count)])[:count]


def _one_per_argument(grads: Any, count: int, floating: Sequence[int]) -> list[Any]:
    several = list(grads) if isinstance(grads, tuple | list) else [grads]
    if len(several) == count:
        return several
    if len(several) != len(floating):
        raise AssertionError(
            f"{len(several)} gradients for {count} arguments, {len(floating)} of them floating"
        )
    full: list[Any] = [None] * count
    for i, g in zip(floating, several, strict=True):
        full[i] = g
    return full
