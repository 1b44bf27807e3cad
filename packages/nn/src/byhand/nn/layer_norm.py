# SPDX-License-Identifier: BSD-3-Clause
"""LayerNorm: each example to mean 0, variance 1 over its trailing axes, scaled and shifted.

Source:  Ba, Kiros & Hinton (2016), eq. 3-4.
Differs: any trailing axes (time, height, width, features). eps stands inside the root, as in every
         framework; the paper has none.
Cost:    12 elementwise passes and 6 products over x, forward and backward together, in blocks that
         stay in cache; x is kept, not copied.
Checked: central differences against a random cotangent; PyTorch to 1e-10 in float64.
"""
# R examples (any leading axes), D numbers in each (trailing axes)
# x, y, n (R, D)   gain, shift (D,)   mean, r (R, 1), r = 1 / standard deviation
# n = (x - mean) r   dy = dL/dy, and so on

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["LayerNorm", "layer_norm", "layer_norm_grad"]

_NORM_BLOCK = 1 << 16  # numbers: the arrays of a block fit the second-level cache


class LayerNormCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # as given
    mean: NDArray[np.floating]  # (R, 1)
    r: NDArray[np.floating]  # (R, 1) 1 / sqrt(var + eps)
    gain: NDArray[np.floating]  # the trailing axes


def layer_norm(
    x: NDArray[np.floating],
    gain: NDArray[np.floating],
    shift: NDArray[np.floating],
    *,
    eps: float = 1e-5,
) -> tuple[NDArray[np.floating], LayerNormCache]:
    """Normalise each example over its trailing axes, then scale and shift.

    Parameters
    ----------
    x : (..., *D) array
        Examples; any leading axes.
    gain, shift : (*D) arrays
        Applied after normalising; their shape says which trailing axes count.
    eps : float, default 1e-5
        Added to the variance; keeps a constant example finite.

    Returns
    -------
    y : array of the shape of x
    cache : LayerNormCache
        For `layer_norm_grad`.

    Raises
    ------
    ValueError
        If gain and shift have not the shape of the trailing axes of x.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = layer_norm(np.array([[1.0, 2.0, 3.0]]), np.ones(3), np.zeros(3), eps=0.0)
    >>> y.round(4)
    array([[-1.2247,  0.    ,  1.2247]])
    """
    trailing = x.shape[x.ndim - gain.ndim :]
    if not 0 < gain.ndim <= x.ndim or gain.shape != trailing or shift.shape != trailing:
        raise ValueError(
            f"gain and shift must have the trailing shape of x, {x.shape}, "
            f"got {gain.shape} and {shift.shape}"
        )
    D = gain.size
    rows = x.reshape(math.prod(x.shape[: x.ndim - gain.ndim]), D)
    y = np.empty(rows.shape, np.result_type(x, gain))
    mean, r = np.empty((2, len(rows), 1), y.dtype)
    share = np.full(D, 1 / max(D, 1), y.dtype)
    a, b = (_rows_of(v, *rows.shape) for v in (gain, shift))
    for here in _row_blocks(*rows.shape):
        n = y[here]
        # products with a vector and vecdot: a third of the time of mean and square
        mean[here, 0] = np.dot(rows[here], share)
        np.subtract(rows[here], mean[here], out=n)
        r[here, 0] = 1 / np.sqrt(np.vecdot(n, n) / max(D, 1) + eps)
        n *= r[here]
        n *= a[: len(n)]
        n += b[: len(n)]
    return y.reshape(x.shape), LayerNormCache(x, mean, r, gain)


def layer_norm_grad(
    dy: NDArray[np.floating], cache: LayerNormCache
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (as x), dgain and dshift (as gain) of `layer_norm`, given dy (as x)."""
    x, mean, r, gain = cache
    D = gain.size
    rows, g = x.reshape(len(mean), D), dy.reshape(len(mean), D)
    dx = np.empty(g.shape, g.dtype)
    dgain, dshift, vector = np.zeros(D, g.dtype), np.zeros(D, g.dtype), gain.ravel()
    a = _rows_of(gain, *g.shape)
    ones, scratch = np.ones(len(g), g.dtype), np.empty((min(len(g), _block_rows(D)), D), g.dtype)
    for here in _row_blocks(*g.shape):
        g_here, r_here, dx_here = g[here], r[here], dx[here]
        k = len(g_here)
        centred = np.subtract(rows[here], mean[here], out=scratch[:k])
        np.multiply(g_here, centred, out=dx_here)  # dx is scratch until the end
        dgain += np.dot(r_here[:, 0], dx_here)
        dshift += np.dot(ones[:k], g_here)
        by_variance = r_here[:, 0] ** 3 * np.dot(dx_here, vector) / max(D, 1)
        by_mean = r_here[:, 0] * np.dot(g_here, vector) / max(D, 1)
        centred *= by_variance[:, None]
        centred += by_mean[:, None]
        np.multiply(g_here, a[:k], out=dx_here)
        dx_here *= r_here
        dx_here -= centred
    return dx.reshape(x.shape), dgain.reshape(gain.shape), dshift.reshape(gain.shape)


class LayerNorm(Module):
    """Normalisation of each example; see `layer_norm`.

    Parameters
    ----------
    axes : int, default 1
        How many trailing axes count: 1 the features, 2 a sequence (T, C), 3 an image (H, W, C).
    eps : float, default 1e-5
        Added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LayerNorm(axes=2).init(np.zeros((1, 3, 4)), rng=0)
    >>> layer(np.arange(24.0).reshape(2, 3, 4)).std(axis=(1, 2)).round(4), layer.gain.shape
    (array([1., 1.]), (3, 4))
    """

    params = ("gain", "shift")
    gain: Any = None
    shift: Any = None

    def __init__(self, axes: int = 1, eps: float = 1e-5) -> None:
        """Store the options; gain and shift come with init."""
        if not eps >= 0:
            raise self.error(f"eps must be at least 0, got {eps}")
        self.axes, self.eps = self.count("axes", axes), eps

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Gain one, shift zero."""
        if np.ndim(x) <= self.axes:
            raise self.error(f"input must have more than {self.axes} axes, got shape {np.shape(x)}")
        trailing = np.shape(x)[-self.axes :]
        self.gain, self.shift = np.ones(trailing, dtype), np.zeros(trailing, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, LayerNormCache]:
        """Output of the shape of x, and the cache."""
        if self.gain is None:
            self.build_now(x)
        x = self.accept(x, ("...", *self.gain.shape), self.gain)
        return layer_norm(x, self.gain, self.shift, eps=self.eps)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dgain and dshift to grads; return dx."""
        dx, dgain, dshift = layer_norm_grad(dy, self.own(cache, LayerNormCache))
        self.accumulate(dgain, dshift)
        return dx


def _block_rows(width: int) -> int:
    return max(1, _NORM_BLOCK // max(width, 1))


def _row_blocks(rows: int, width: int) -> Iterator[slice]:
    for start in range(0, rows, _block_rows(width)):
        yield slice(start, start + _block_rows(width))


def _rows_of(v: NDArray[np.floating], rows: int, width: int) -> NDArray[np.floating]:
    """Repeat a vector for all rows of a block: NumPy copies a broadcast operand at every use."""
    step = _block_rows(width)
    return np.tile(v.ravel(), (step, 1)) if rows > step else v.reshape(1, width)
