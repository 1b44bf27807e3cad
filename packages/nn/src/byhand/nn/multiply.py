# SPDX-License-Identifier: BSD-3-Clause
"""Multiply: the elementwise product of several inputs of one shape, a gate.

Source:  the product rule.
Differs: gradients are products of the other inputs, never y / x: zeros are right.
Cost:    three passes an input; the inputs are kept, not copied.
Checked: central differences, with zeros among the inputs; PyTorch to 1e-10 in float64.
"""
# x_1 .. x_n, y of one shape    dy = dL/dy

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Multiply", "multiply", "multiply_grad"]


class MultiplyCache(NamedTuple):
    """What the backward pass needs."""

    x: tuple[NDArray[np.floating], ...]  # the inputs


def multiply(*x: NDArray[np.floating]) -> tuple[NDArray[np.floating], MultiplyCache]:
    """Multiply inputs of one shape, element by element.

    Parameters
    ----------
    *x : arrays of one shape
        At least one.

    Returns
    -------
    y : array of that shape
    cache : MultiplyCache
        For `multiply_grad`.

    Raises
    ------
    ValueError
        If there is no input or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> multiply(np.array([1.0, 2.0]), np.array([3.0, 4.0]))[0]
    array([3., 8.])
    """
    shapes = [a.shape for a in x]
    if not shapes or shapes.count(shapes[0]) != len(shapes):
        raise ValueError(f"inputs must have one shape, got {', '.join(map(str, shapes)) or 'none'}")
    y = x[0] * x[1] if len(x) > 1 else x[0].copy()
    for a in x[2:]:
        y = y * a
    return y, MultiplyCache(x)


def multiply_grad(
    dy: NDArray[np.floating], cache: MultiplyCache
) -> tuple[NDArray[np.floating], ...]:
    """Gradients of `multiply`: dy times all the other inputs, for every input."""
    before, dx = [dy], []
    for a in cache.x[:-1]:
        before.append(before[-1] * a)  # dy x_1 .. x_i
    after: Any = None  # x_i+1 .. x_n
    for a, b in zip(reversed(cache.x), reversed(before), strict=True):
        dx.append(b if after is None else b * after)
        after = a if after is None else a * after
    return tuple(reversed(dx))


class Multiply(Module):
    """Product of several inputs; see `multiply`. backward returns one dx an input.

    Examples
    --------
    >>> import numpy as np
    >>> Multiply()(np.full(2, 3.0), np.full(2, 4.0))
    array([12., 12.])
    """

    def forward(
        self, *x: Any, training: bool = False, rng: Any = None
    ) -> tuple[Any, MultiplyCache]:
        """Product of the inputs, and the cache."""
        x = tuple(self.accept(a, ("...",)) for a in x)
        return self.call(multiply, *x)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return (dx_1, ..., dx_n), or dx where there is one input."""
        dx = multiply_grad(dy, self.own(cache, MultiplyCache))
        return dx[0] if len(dx) == 1 else dx
