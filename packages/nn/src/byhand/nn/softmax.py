# SPDX-License-Identifier: BSD-3-Clause
"""Softmax: exponentials normalised to sum to 1.

Source:  Bridle (1990).
Differs: the largest entry is subtracted first, so nothing overflows; -inf gives an exact 0. A
         layer's function: with a cache for its gradient, along one axis, where
         `byhand.utils.special.softmax` gives the probabilities alone, over any axes.
Cost:    five passes; the output is kept.
Checked: softmax(-1, 0, 1) to 1e-8; central differences; PyTorch to 1e-10 in float64.
"""
# x, y (..., K, ...) along one axis    dy = dL/dy

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Softmax", "softmax", "softmax_grad"]


class SoftmaxCache(NamedTuple):
    """What the backward pass needs."""

    y: NDArray[np.floating]  # the probabilities
    axis: int  # along which they sum to 1


def softmax(x: NDArray[np.floating], axis: int = -1) -> tuple[NDArray[np.floating], SoftmaxCache]:
    """Turn scores into probabilities along an axis.

    Parameters
    ----------
    x : array with at least one axis
        Scores, natural log of unnormalised probabilities.
    axis : int, default -1
        Along which the result sums to 1.

    Returns
    -------
    y : array of the shape of x
    cache : SoftmaxCache
        For `softmax_grad`.

    Raises
    ------
    ValueError
        If x has no such axis (numpy's AxisError).

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([-1.0, 0.0, 1.0]))[0].round(8)
    array([0.09003057, 0.24472847, 0.66524096])
    """
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    y = np.exp(x - np.maximum(top, np.finfo(x.dtype).min))  # all -inf: 0 / 0, as no limit exists
    y /= y.sum(axis=axis, keepdims=True)
    return y, SoftmaxCache(y, axis)


def softmax_grad(dy: NDArray[np.floating], cache: SoftmaxCache) -> NDArray[np.floating]:
    """Gradient dx of `softmax`: y (dy - <dy, y>)."""
    y, axis = cache
    dx: NDArray[np.floating] = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx


class Softmax(Module):
    """Probabilities along an axis; see `softmax`.

    Parameters
    ----------
    axis : int, default -1
        Along which the output sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    def __init__(self, axis: int = -1) -> None:
        """Store the axis."""
        self.axis = axis

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, SoftmaxCache]:
        """Probabilities of the shape of x, and the cache."""
        x = self.accept(x, ("...",))
        if not -x.ndim <= self.axis < x.ndim:
            raise self.error(f"input must have an axis {self.axis}, got shape {x.shape}")
        return softmax(x, self.axis)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return softmax_grad(dy, self.own(cache, SoftmaxCache)) if need_dx else None
