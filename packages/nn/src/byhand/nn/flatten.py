# SPDX-License-Identifier: BSD-3-Clause
"""Flatten: each example as one vector, between convolutions and dense layers.

Source:  none needed; the gradient of a permutation is its inverse.
Differs: the last index runs fastest: height, width, channel.
Cost:    none: views where the input is contiguous.
Checked: central differences; batch 0.
"""
# N examples    x (N, ...)   y (N, D)   dy = dL/dy

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Flatten", "flatten", "flatten_grad"]


class FlattenCache(NamedTuple):
    """What the backward pass needs."""

    shape: tuple[int, ...]  # of x


def flatten(x: NDArray[np.floating]) -> tuple[NDArray[np.floating], FlattenCache]:
    """Make each example a vector.

    Parameters
    ----------
    x : (N, ...) array
        Examples along the first axis.

    Returns
    -------
    y : (N, D) array
        A view of x where possible.
    cache : FlattenCache
        For `flatten_grad`.

    Raises
    ------
    ValueError
        If x has no axis.

    Examples
    --------
    >>> import numpy as np
    >>> flatten(np.zeros((5, 2, 3)))[0].shape
    (5, 6)
    """
    if x.ndim == 0:
        raise ValueError("x must have a batch axis, got shape ()")
    return x.reshape(len(x), math.prod(x.shape[1:])), FlattenCache(x.shape)


def flatten_grad(dy: NDArray[np.floating], cache: FlattenCache) -> NDArray[np.floating]:
    """Gradient dx of `flatten`: dy in the shape of x."""
    return dy.reshape(cache.shape)


class Flatten(Module):
    """Each example as one vector; see `flatten`.

    Examples
    --------
    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 4, 4, 3))).shape
    (2, 48)
    """

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, FlattenCache]:
        """Output (N, D), and the cache."""
        x = self.accept(x, ("...",))
        return self.call(flatten, x)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return flatten_grad(dy, self.own(cache, FlattenCache))
