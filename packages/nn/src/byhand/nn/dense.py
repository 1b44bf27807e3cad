# SPDX-License-Identifier: BSD-3-Clause
"""Dense: the affine map x W + b of a fully connected layer.

Source:  Rumelhart, Hinton & Williams (1986).
Differs: any leading axes; the rows of a transposed mini-batch never leave BLAS.
Cost:    2 N I O flops forward, twice that backward; x is kept, not copied.
Checked: central differences against a random cotangent; PyTorch to 1e-10 in float64.
"""
# N examples (any leading axes), I inputs, O outputs
# x (..., I)   W (I, O)   b (O,)   y (..., O)   dy = dL/dy, and so on

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .initialisers import glorot_uniform
from .module import Module

__all__ = ["Dense", "dense", "dense_grad"]


class DenseCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # (..., I)
    W: NDArray[np.floating]  # (I, O)


def dense(
    x: NDArray[np.floating], W: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], DenseCache]:
    """Multiply the last axis by a matrix and add a vector.

    Parameters
    ----------
    x : (..., I) array
        Examples; any leading axes.
    W : (I, O) array
        Weights.
    b : (O,) array
        Bias.

    Returns
    -------
    y : (..., O) array
    cache : DenseCache
        For `dense_grad`.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = dense(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [3.0, 4.0]]), np.ones(2))
    >>> y
    array([[8., 9.]])
    """
    if x.shape[-1:] != W.shape[:1] or b.shape != W.shape[1:]:
        raise ValueError(
            f"x (..., I), W (I, O) and b (O,) disagree: got {x.shape}, {W.shape} and {b.shape}"
        )
    y = np.dot(_as_rows(x), W)  # np.dot has BLAS for two axes, a slow loop for more
    y += b
    return y.reshape(x.shape[:-1] + b.shape), DenseCache(x, W)


def dense_grad(
    dy: NDArray[np.floating], cache: DenseCache, need_dx: bool = True
) -> tuple[Any, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (..., I), dW (I, O) and db (O,) of `dense`; dx is None unless need_dx."""
    x, W = cache
    g = _as_rows(dy)
    dx = np.dot(g, W.T).reshape(x.shape) if need_dx else None
    # np.dot, not @: at N = 1 a stacked matmul of the transposed view costs three times as much
    return dx, np.dot(_as_rows(x).T, g), np.dot(np.ones(len(g), g.dtype), g)


class Dense(Module):
    """Fully connected layer; see `dense`.

    Parameters
    ----------
    units : int
        Width of the output.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dense(3).init(np.zeros((1, 5)), rng=0)
    >>> layer(np.ones((2, 5))).shape, layer.W.shape
    ((2, 3), (5, 3))
    """

    params = ("W", "b")
    W: Any = None
    b: Any = None

    def __init__(self, units: int) -> None:
        """Store the width; W and b come with init."""
        self.units = self.count("units", units)

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Glorot weights, zero bias."""
        self.W = glorot_uniform(rng, (np.shape(x)[-1], self.units), dtype)
        self.b = np.zeros(self.units, dtype)

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, DenseCache]:
        """Output (..., units) for x (..., I), and the cache."""
        if self.W is None:
            self.build_now(x)
        return dense(self.accept(x, ("...", len(self.W)), self.W), self.W, self.b)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dW and db to grads; return dx."""
        dx, dW, db = dense_grad(dy, self.own(cache, DenseCache), need_dx)
        self.accumulate(dW, db)
        return dx


def _as_rows(x: NDArray[np.floating]) -> NDArray[np.floating]:
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
