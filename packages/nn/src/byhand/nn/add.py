# SPDX-License-Identifier: BSD-3-Clause
"""Add: the sum of several inputs of one shape, where branches meet.

Source:  the sum rule; He et al. (2016), residual networks, for its use.
Differs: nothing.
Cost:    one pass an input; nothing is kept.
Checked: central differences; PyTorch to 1e-10 in float64.
"""
# x_1 .. x_n, y of one shape    dy = dL/dy

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Add", "add", "add_grad"]


class AddCache(NamedTuple):
    """What the backward pass needs."""

    inputs: int  # how many


def add(*x: NDArray[np.floating]) -> tuple[NDArray[np.floating], AddCache]:
    """Add inputs of one shape.

    Parameters
    ----------
    *x : arrays of one shape
        At least one.

    Returns
    -------
    y : array of that shape
    cache : AddCache
        For `add_grad`.

    Raises
    ------
    ValueError
        If there is no input or shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> add(np.array([1.0, 2.0]), np.array([10.0, 20.0]), np.array([100.0, 200.0]))[0]
    array([111., 222.])
    """
    shapes = [a.shape for a in x]
    if not shapes or shapes.count(shapes[0]) != len(shapes):
        raise ValueError(f"inputs must have one shape, got {', '.join(map(str, shapes)) or 'none'}")
    y = x[0] + x[1] if len(x) > 1 else x[0].copy()
    for a in x[2:]:
        y = y + a
    return y, AddCache(len(x))


def add_grad(dy: NDArray[np.floating], cache: AddCache) -> tuple[NDArray[np.floating], ...]:
    """Gradients of `add`: dy itself (not a copy) for every input."""
    return (dy,) * cache.inputs


class Add(Module):
    """Sum of several inputs; see `add`. backward returns one dx an input.

    Examples
    --------
    >>> import numpy as np
    >>> Add()(np.ones(2), np.ones(2))
    array([2., 2.])
    """

    def forward(self, *x: Any, training: bool = False, rng: Any = None) -> tuple[Any, AddCache]:
        """Sum of the inputs, and the cache."""
        x = tuple(self.accept(a, ("...",)) for a in x)
        return self.call(add, *x)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return (dx_1, ..., dx_n), or dx where there is one input."""
        dx = add_grad(dy, self.own(cache, AddCache))
        return dx[0] if len(dx) == 1 else dx
