# SPDX-License-Identifier: BSD-3-Clause
"""BatchNorm: each channel to mean 0, variance 1 over the batch, scaled and shifted.

Source:  Ioffe & Szegedy (2015), algorithm 1 (training) and 2 (inference).
Differs: running statistics are exponential averages, of the unbiased variance, as in PyTorch; a
         single value has variance 0. A frozen layer uses its running statistics in training too.
Cost:    nine elementwise passes and five sums over x, forward and backward together, in blocks that
         stay in cache; x is kept, not copied.
Checked: central differences against a random cotangent; PyTorch to 1e-10 in float64.
"""
# M values in each of C channels: batch, and time or height and width
# x, y (..., C)   gain, shift, mean, var (C,)   r = 1 / standard deviation   n = (x - mean) r
# Inside, x is one long vector, worked through in blocks that hold whole values of all channels;
# vectors are repeated to the length of a block: a broadcast over few channels costs 10 ns a row,
# and even a wide one half as much again as two arrays of one length.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["BatchNorm1D", "BatchNorm2D", "batch_norm", "batch_norm_grad"]

_CHANNEL_BLOCK = 16384  # numbers: x, y and three vectors of it fit the second-level cache


class BatchNormCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # as given
    mean: NDArray[np.floating]  # (C,) that was subtracted
    var: NDArray[np.floating]  # (C,) biased, that was divided by
    r: NDArray[np.floating]  # (C,) 1 / sqrt(var + eps)
    gain: NDArray[np.floating]  # (C,)
    of_batch: bool  # mean and var are those of x, so they have gradients


def batch_norm(
    x: NDArray[np.floating],
    gain: NDArray[np.floating],
    shift: NDArray[np.floating],
    mean: NDArray[np.floating] | None = None,
    var: NDArray[np.floating] | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[NDArray[np.floating], BatchNormCache]:
    """Normalise each channel over all other axes, then scale and shift.

    Parameters
    ----------
    x : (..., C) array
        Channels last.
    gain, shift : (C,) arrays
        Applied after normalising.
    mean, var : (C,) arrays, default None
        Constants to normalise with; None takes those of x.
    eps : float, default 1e-5
        Added to the variance; keeps a constant channel finite.

    Returns
    -------
    y : array of the shape of x
    cache : BatchNormCache
        For `batch_norm_grad`.

    Raises
    ------
    ValueError
        If a vector is not of shape (C,), or one of mean and var is missing.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = batch_norm(np.array([[1.0], [2.0], [3.0]]), np.ones(1), np.zeros(1), eps=0.0)
    >>> y[:, 0].round(4)
    array([-1.2247,  0.    ,  1.2247])
    """
    for name, v in (("gain", gain), ("shift", shift), ("mean", mean), ("var", var)):
        if v is not None and (x.ndim < 1 or v.shape != x.shape[-1:]):
            raise ValueError(
                f"{name} must have one number a channel of x, {x.shape}, got {v.shape}"
            )
    if (mean is None) != (var is None):
        raise ValueError("mean and var must be given together")
    C, flat = x.shape[-1], x.reshape(-1)
    y = np.empty(flat.shape, np.result_type(x, gain))
    of_batch = mean is None or var is None
    if mean is None or var is None:
        mean, var = _moments(flat, C)
    r = (1 / np.sqrt(var + eps)).astype(y.dtype)
    # x a + b, as in PyTorch; its error, eps |mean| r, is what the rounding of x itself causes
    a, b = (_repeated(v, flat.size) for v in (gain * r, shift - mean * gain * r))
    for here in _channel_blocks(flat.size, a.size):
        out = y[here]
        np.multiply(flat[here], a[: out.size], out=out)
        out += b[: out.size]
    return y.reshape(x.shape), BatchNormCache(x, mean, var, r, gain, of_batch)


def batch_norm_grad(
    dy: NDArray[np.floating], cache: BatchNormCache
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (as x), dgain and dshift (C,) of `batch_norm`, given dy (as x)."""
    x, mean, _, r, gain, of_batch = cache
    C, flat, g = len(gain), x.reshape(-1), dy.reshape(-1)
    a = _repeated(gain * r, g.size)
    scratch = np.empty(min(a.size, g.size), g.dtype)
    with_x, of_g = _ChannelSum(C, a.size, g.dtype), _ChannelSum(C, a.size, g.dtype)
    for here in _channel_blocks(g.size, a.size):
        g_here = g[here]
        with_x.add(np.multiply(flat[here], g_here, out=scratch[: g_here.size]))
        of_g.add(g_here)
    dshift = of_g.result()
    dgain = (with_x.result() - mean * dshift) * r  # sum of g n
    dx = np.empty(g.shape, g.dtype)
    # dx = g a - (what the variance moved: n dgain / M, what the mean moved: dshift / M) gain r
    M = max(g.size // max(C, 1), 1)
    slope = dgain / M * r * gain * r
    by_x, rest = (_repeated(v, g.size) for v in (slope, dshift / M * gain * r - mean * slope))
    for here in _channel_blocks(g.size, a.size):
        out = dx[here]
        n = out.size
        np.multiply(g[here], a[:n], out=out)
        if of_batch:
            moved = np.multiply(flat[here], by_x[:n], out=scratch[:n])
            moved += rest[:n]
            out -= moved
    return dx.reshape(x.shape), dgain, dshift


class BatchNorm1D(Module):
    """Normalisation of each channel over a batch of vectors or sequences; see `batch_norm`.

    Parameters
    ----------
    momentum : float, default 0.1
        Weight of the newest batch in the running statistics.
    eps : float, default 1e-5
        Added to the variance.

    Raises
    ------
    ValueError
        If momentum is not in [0, 1], or eps is negative.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm1D().init(np.zeros((1, 2)), rng=0)
    >>> x = np.array([[0.0, 10.0], [2.0, 30.0]])
    >>> y, cache = layer.forward(x, training=True)
    >>> y.round(2), layer.mean
    (array([[-1., -1.], [ 1.,  1.]]), array([0.1, 2. ]))
    """

    params = ("gain", "shift")
    buffers = ("mean", "var")  # running statistics
    gain: Any = None
    shift: Any = None
    mean: Any = None
    var: Any = None
    _ranks: tuple[int, ...] = (2, 3)

    def __init__(self, momentum: float = 0.1, eps: float = 1e-5) -> None:
        """Store the options; parameters and statistics come with init."""
        if not 0 <= momentum <= 1:
            raise self.error(f"momentum must be in [0, 1], got {momentum}")
        if not eps >= 0:
            raise self.error(f"eps must be at least 0, got {eps}")
        self.momentum, self.eps = momentum, eps

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Gain one, shift zero, running mean 0 and variance 1."""
        C = np.shape(x)[-1]
        self.gain, self.shift = np.ones(C, dtype), np.zeros(C, dtype)
        self.mean, self.var = np.zeros(C, dtype), np.ones(C, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, BatchNormCache]:
        """Output of the shape of x, and the cache; training moves the running statistics."""
        if self.gain is None:
            self.build_now(x)
        x = self.accept(x, ("...", len(self.gain)), self.gain)
        if x.ndim not in self._ranks:
            ranks = " or ".join(map(str, self._ranks))
            raise self.error(f"input must have {ranks} axes, got shape {x.shape}")
        if not training or self.frozen or x.size == 0:
            return batch_norm(x, self.gain, self.shift, self.mean, self.var, eps=self.eps)
        y, cache = batch_norm(x, self.gain, self.shift, eps=self.eps)
        M, w = x.size // len(self.gain), self.momentum
        self.mean = (1 - w) * self.mean + w * cache.mean
        self.var = (1 - w) * self.var + (w * M / max(M - 1, 1)) * cache.var  # unbiased
        return y, cache

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dgain and dshift to grads; return dx."""
        dx, dgain, dshift = batch_norm_grad(dy, self.own(cache, BatchNormCache))
        self.accumulate(dgain, dshift)
        return dx


class BatchNorm2D(BatchNorm1D):
    """Normalisation of each channel over a batch of images (N, H, W, C); see `batch_norm`.

    Parameters
    ----------
    momentum : float, default 0.1
        Weight of the newest batch in the running statistics.
    eps : float, default 1e-5
        Added to the variance.

    Raises
    ------
    ValueError
        If momentum is not in [0, 1], or eps is negative.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm2D().init(np.zeros((1, 4, 4, 3)), rng=0)
    >>> layer.forward(np.ones((2, 4, 4, 3)), training=True)[0].shape, layer.gain.shape
    ((2, 4, 4, 3), (3,))
    """

    _ranks = (4,)


def _sum_width(C: int) -> int:
    """Channels, repeated to about 512: longer rows sum faster."""
    return max(C, 1) * max(1, 512 // max(C, 1))


def _repeated(v: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """Repeat a (C,) vector to the length of a block, or of x where that is less."""
    width = _sum_width(len(v))
    block = np.empty((_block_size(len(v), size) // width, width), v.dtype)
    block[...] = np.tile(v, width // max(len(v), 1))[:width]
    return block.reshape(-1)


def _block_size(C: int, size: int) -> int:
    """Numbers in a block of x: whole values of all channels."""
    width = _sum_width(C)
    return width * min(max(1, _CHANNEL_BLOCK // width), -(-size // width))


def _channel_blocks(size: int, step: int) -> Iterator[slice]:
    for start in range(0, size, max(step, 1)):
        yield slice(start, min(start + step, size))


class _ChannelSum:
    """Sums of the channels over blocks of x: each block a few long rows, times a vector of ones."""

    def __init__(self, C: int, block: int, dtype: Any) -> None:
        self.total = np.zeros(_sum_width(C), dtype)
        self.ones = np.ones(block // self.total.size, dtype)
        self.C = C

    def add(self, x: NDArray[np.floating]) -> None:
        """Add a block; its last row may be short."""
        width = self.total.size
        rows, rest = divmod(x.size, width)
        self.total += np.dot(self.ones[:rows], x[: rows * width].reshape(rows, width))
        if rest:
            self.total[:rest] += x[rows * width :]

    def result(self) -> NDArray[np.floating]:
        """Return the (C,) sums so far."""
        sums: NDArray[np.floating] = self.total.reshape(-1, max(self.C, 1)).sum(axis=0)[: self.C]
        return sums


def _moments(
    flat: NDArray[np.floating], C: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Mean and biased variance of each channel, in one pass.

    Moments about the mean of the first block, a part f of x, lose at most a factor 1 / f to
    cancellation, and none where the blocks are alike; about 0 they would lose (mean / deviation)^2.
    """
    M, block = max(flat.size // max(C, 1), 1), _block_size(C, flat.size)
    first, total, squares = (_ChannelSum(C, block, flat.dtype) for _ in range(3))
    first.add(flat[:block])
    guess = first.result() / max(min(block, flat.size) // max(C, 1), 1)
    center = _repeated(guess, flat.size)
    scratch = np.empty(min(block, flat.size), flat.dtype)
    for here in _channel_blocks(flat.size, block):
        x = flat[here]
        d = np.subtract(x, center[: x.size], out=scratch[: x.size])
        total.add(d)
        d *= d
        squares.add(d)
    off = total.result() / M
    return guess + off, np.maximum(squares.result() / M - off * off, 0)
