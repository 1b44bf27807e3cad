# SPDX-License-Identifier: BSD-3-Clause
"""Reshape: the same numbers of each example in another shape.

Source:  none needed; the gradient of a permutation is its inverse.
Differs: the batch axis stays; one entry may be -1.
Cost:    none: views where the input is contiguous.
Checked: central differences; batch 0.
"""
# N examples    x (N, ...)   y (N, *shape)   dy = dL/dy

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Reshape", "reshape", "reshape_grad"]


class ReshapeCache(NamedTuple):
    """What the backward pass needs."""

    shape: tuple[int, ...]  # of x


def reshape(
    x: NDArray[np.floating], shape: tuple[int, ...]
) -> tuple[NDArray[np.floating], ReshapeCache]:
    """Give each example another shape.

    Parameters
    ----------
    x : (N, ...) array
        Examples along the first axis.
    shape : tuple of int
        Of one example; one entry may be -1.

    Returns
    -------
    y : (N, *shape) array
        A view of x where possible.
    cache : ReshapeCache
        For `reshape_grad`.

    Raises
    ------
    ValueError
        If x has no axis or the numbers of elements differ.

    Examples
    --------
    >>> import numpy as np
    >>> reshape(np.zeros((5, 12)), (2, -1))[0].shape
    (5, 2, 6)
    """
    if x.ndim == 0:
        raise ValueError("x must have a batch axis, got shape ()")
    size, known = math.prod(x.shape[1:]), math.prod(n for n in shape if n != -1)
    # -1 by hand: numpy cannot infer it where the batch is empty
    full = tuple(size // max(known, 1) if n == -1 else n for n in shape)
    if shape.count(-1) > 1 or min(full, default=0) < 0 or math.prod(full) != size:
        raise ValueError(f"cannot give examples of shape {x.shape[1:]} the shape {shape}")
    return x.reshape(len(x), *full), ReshapeCache(x.shape)


def reshape_grad(dy: NDArray[np.floating], cache: ReshapeCache) -> NDArray[np.floating]:
    """Gradient dx of `reshape`: dy in the shape of x."""
    return dy.reshape(cache.shape)


class Reshape(Module):
    """Another shape for each example; see `reshape`.

    Parameters
    ----------
    *shape : int
        Of one example; one may be -1.

    Examples
    --------
    >>> import numpy as np
    >>> Reshape(4, 4, -1)(np.zeros((2, 32))).shape
    (2, 4, 4, 2)
    """

    def __init__(self, *shape: int) -> None:
        """Store the shape."""
        self.shape = shape

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, ReshapeCache]:
        """Output (N, *shape), and the cache."""
        x = self.accept(x, ("...",))
        return self.call(reshape, x, self.shape)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return reshape_grad(dy, self.own(cache, ReshapeCache))
