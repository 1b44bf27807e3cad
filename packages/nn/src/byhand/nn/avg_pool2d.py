# SPDX-License-Identifier: BSD-3-Clause
"""AvgPool2D: the mean under each position of a window, channel by channel.

Source:  LeCun et al. (1989); Dumoulin & Visin (2016), relationship 14.
Differs: a sum over rows, then over columns. Padding counts as zeros, as in PyTorch;
         count_padding=False divides by the number of real pixels, as TensorFlow does.
Cost:    kw + kh - 2 additions a pixel; nothing of the size of x is kept.
Checked: the loop over windows; central differences; PyTorch to 1e-10 in float64.
"""
# N images, H x W pixels, C channels; kh x kw window, OH x OW positions
# x (N, H, W, C)   y (N, OH, OW, C)   share (OH, OW, 1) = 1 / pixels counted   dy = dL/dy

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module
from .padding import WindowGrid, pooling_grid

__all__ = ["AvgPool2D", "avg_pool2d", "avg_pool2d_grad"]


_AVERAGE_BLOCK = 32768  # numbers of x: with its partial sums it stays in the second-level cache


class AvgPool2DCache(NamedTuple):
    """What the backward pass needs."""

    share: Any  # 1 / (kh kw), or (OH, OW, 1) where padding is not counted
    grid: WindowGrid  # positions of the window


def avg_pool2d(
    x: NDArray[np.floating],
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    count_padding: bool = True,
) -> tuple[NDArray[np.floating], AvgPool2DCache]:
    """Average each window.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images, channels last.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default None
        Step between windows; None means kernel_size.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Zeros around the image; smaller than the window.
    count_padding : bool, default True
        Divide by kh * kw everywhere; if False, by the number of pixels of the image in the window.

    Returns
    -------
    y : (N, OH, OW, C) array
        OH = (H + top + bottom - kh) // stride + 1, and OW likewise.
    cache : AvgPool2DCache
        For `avg_pool2d_grad`.

    Raises
    ------
    ValueError
        If x has not four axes, an option is out of range, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)
    >>> y[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    grid = pooling_grid(x.shape, kernel_size, stride, padding)
    share: Any = 1 / (grid.kernel[0] * grid.kernel[1])
    if not count_padding:
        ones = np.ones((1, *grid.size, 1), x.dtype)
        share = 1 / _window_sums(_window_sums(ones, 2, grid), 1, grid)[0]
    y = np.empty((len(x), *grid.steps, x.shape[3]), x.dtype)
    for here in _average_blocks(*x.shape):
        np.multiply(_window_sums(_window_sums(x[here], 1, grid), 2, grid), share, out=y[here])
    return y, AvgPool2DCache(share, grid)


def avg_pool2d_grad(dy: NDArray[np.floating], cache: AvgPool2DCache) -> NDArray[np.floating]:
    """Gradient dx (N, H, W, C) of `avg_pool2d`: each pixel of a window gets its share of dy."""
    share, grid = cache
    dx = np.empty((len(dy), *grid.size, dy.shape[3]), dy.dtype)
    for here in _average_blocks(*dx.shape):
        wide = np.empty((*dy[here].shape[:2], grid.size[1], dy.shape[3]), dy.dtype)
        _window_spread(dy[here] * share, wide, 2, grid)
        _window_spread(wide, dx[here], 1, grid)
    return dx


class AvgPool2D(Module):
    """Mean over windows of images; see `avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default None
        Step between windows; None means kernel_size.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Zeros around the image.
    count_padding : bool, default True
        Whether these zeros count in the mean.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool2D(3, stride=2, padding=1)(np.ones((2, 8, 8, 4))).shape
    (2, 4, 4, 4)
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, count_padding: bool = True
    ) -> None:
        """Store the options."""
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.count_padding = padding, count_padding

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, AvgPool2DCache]:
        """Output (N, OH, OW, C) for x (N, H, W, C), and the cache."""
        x = self.accept(x, ("N", "H", "W", "C"))
        return self.call(
            avg_pool2d,
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_padding=self.count_padding,
        )

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return avg_pool2d_grad(dy, self.own(cache, AvgPool2DCache)) if need_dx else None


def _average_blocks(N: int, H: int, W: int, C: int) -> Iterator[slice]:
    step = max(1, _AVERAGE_BLOCK // max(H * W * C, 1))
    for start in range(0, N, step):
        yield slice(start, start + step)


def _window_sums(x: NDArray[np.floating], axis: int, grid: WindowGrid) -> NDArray[np.floating]:
    """Sum over the taps of one axis."""
    k, s, n = grid.kernel[axis - 1], grid.stride[axis - 1], grid.steps[axis - 1]
    before, after = grid.pads[axis - 1]
    lead = (slice(None),) * axis
    if before or after:
        room = list(x.shape)
        room[axis] += before + after
        padded = np.zeros(room, x.dtype)
        padded[(*lead, slice(before, before + x.shape[axis]))] = x
        x = padded
    taps = [x[(*lead, slice(t, t + (n - 1) * s + 1, s))] for t in range(k)]
    total = taps[0] + taps[1] if k > 1 else taps[0]
    for tap in taps[2:]:
        total += tap
    return total


def _window_spread(
    g: NDArray[np.floating], dx: NDArray[np.floating], axis: int, grid: WindowGrid
) -> None:
    """Transpose of `_window_sums`: every tap gets g."""
    k, s, n = grid.kernel[axis - 1], grid.stride[axis - 1], grid.steps[axis - 1]
    before, after = grid.pads[axis - 1]
    lead, target = (slice(None),) * axis, dx
    if before or after:
        room = list(dx.shape)
        room[axis] += before + after
        target = np.empty(room, dx.dtype)
    if not (k == s and n * s == target.shape[axis]):  # else every pixel is written, once
        target.fill(0)
    for t in range(k):
        tap = target[(*lead, slice(t, t + (n - 1) * s + 1, s))]
        if s >= k:
            tap[...] = g
        else:
            tap += g
    if target is not dx:
        dx[...] = target[(*lead, slice(before, before + dx.shape[axis]))]
