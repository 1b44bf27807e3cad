# SPDX-License-Identifier: BSD-3-Clause
"""MaxPool2D: the largest value under each position of a window, channel by channel.

Source:  Zhou & Chellappa (1988); Dumoulin & Visin (2016), relationship 14.
Differs: a maximum over columns, then over rows: kw + kh - 2 comparisons a pixel for kw kh - 1.
         Padding never wins. Equal values: the first in reading order gets the gradient, as in
         PyTorch.
Cost:    one comparison and one maximum a step; one byte a comparison is kept, no index.
Checked: the loop over windows; ONNX's node test; negative images with padding; PyTorch.
"""
# N images, H x W pixels, C channels; kh x kw window, OH x OW positions
# x (N, H, W, C)   y (N, OH, OW, C)   widest (N, H, OW, C) maxima of columns   dy = dL/dy

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module
from .padding import WindowGrid, pooling_grid

__all__ = ["MaxPool2D", "max_pool2d", "max_pool2d_grad"]


_POOL_BLOCK = 32768  # numbers of x: with its halves and masks it stays in the second-level cache


class MaxPool2DCache(NamedTuple):
    """What the backward pass needs."""

    columns: NDArray[np.bool_]  # (kw - 1, N, H, OW, C) does tap t + 1 beat all before it?
    rows: NDArray[np.bool_]  # (kh - 1, N, OH, OW, C)
    grid: WindowGrid  # positions of the window


def max_pool2d(
    x: NDArray[np.floating], kernel_size: Any, *, stride: Any = None, padding: Any = 0
) -> tuple[NDArray[np.floating], MaxPool2DCache]:
    """Keep the largest value of each window.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images, channels last.
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default None
        Step between windows; None means kernel_size.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Pixels around the image that never win; smaller than the window.

    Returns
    -------
    y : (N, OH, OW, C) array
        OH = (H + top + bottom - kh) // stride + 1, and OW likewise.
    cache : MaxPool2DCache
        For `max_pool2d_grad`.

    Raises
    ------
    ValueError
        If x has not four axes, an option is out of range, or the window does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)
    >>> y[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    grid = pooling_grid(x.shape, kernel_size, stride, padding)
    (N, H, W, C), (kh, kw), (OH, OW) = x.shape, grid.kernel, grid.steps
    columns, rows = np.empty((kw - 1, N, H, OW, C), bool), np.empty((kh - 1, N, OH, OW, C), bool)
    y = np.empty((N, OH, OW, C), x.dtype)
    for here in _image_blocks(N, H * W * C):
        widest = np.empty((len(y[here]), H, OW, C), x.dtype)
        _running_max(x[here], widest, columns[:, here], 2, grid)
        _running_max(widest, y[here], rows[:, here], 1, grid)
    return y, MaxPool2DCache(columns, rows, grid)


def max_pool2d_grad(dy: NDArray[np.floating], cache: MaxPool2DCache) -> NDArray[np.floating]:
    """Gradient dx (N, H, W, C) of `max_pool2d`: each dy goes to the pixel that won."""
    columns, rows, grid = cache
    (N, _, OW, C), (H, W) = dy.shape, grid.size
    dx = np.empty((N, H, W, C), dy.dtype)
    for here in _image_blocks(N, H * W * C):
        widest = np.empty((len(dx[here]), H, OW, C), dy.dtype)
        _return_to_winners(dy[here], widest, rows[:, here], 1, grid)
        _return_to_winners(widest, dx[here], columns[:, here], 2, grid)
    return dx


class MaxPool2D(Module):
    """Maximum over windows of images; see `max_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default None
        Step between windows; None means kernel_size.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Pixels around the image that never win.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool2D(3, stride=2, padding=1)(np.ones((2, 8, 8, 4))).shape
    (2, 4, 4, 4)
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        """Store the options."""
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, MaxPool2DCache]:
        """Output (N, OH, OW, C) for x (N, H, W, C), and the cache."""
        x = self.accept(x, ("N", "H", "W", "C"))
        return self.call(max_pool2d, x, self.kernel_size, stride=self.stride, padding=self.padding)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return max_pool2d_grad(dy, self.own(cache, MaxPool2DCache)) if need_dx else None


def _image_blocks(N: int, size: int) -> Iterator[slice]:
    step = max(1, _POOL_BLOCK // max(size, 1))
    for start in range(0, N, step):
        yield slice(start, start + step)


def _running_max(
    x: NDArray[np.floating],
    best: NDArray[np.floating],
    later: NDArray[np.bool_],
    axis: int,
    grid: WindowGrid,
) -> None:
    """Maximum over the taps of one axis, and which of them beat all before."""
    k, s, n = grid.kernel[axis - 1], grid.stride[axis - 1], grid.steps[axis - 1]
    before, after = grid.pads[axis - 1]
    if before or after:
        room = list(x.shape)
        room[axis] += before + after
        padded = np.full(room, -np.inf, x.dtype)
        padded[_along(axis, before, before + x.shape[axis])] = x
        x = padded
    taps = [x[_along(axis, t, t + (n - 1) * s + 1, s)] for t in range(k)]
    if k == 1:
        best[...] = taps[0]
    for t in range(1, k):
        so_far = taps[0] if t == 1 else best
        np.greater(taps[t], so_far, out=later[t - 1])
        np.maximum(so_far, taps[t], out=best)


def _return_to_winners(
    g: NDArray[np.floating],
    dx: NDArray[np.floating],
    later: NDArray[np.bool_],
    axis: int,
    grid: WindowGrid,
) -> None:
    """Give g to the last tap that won, going backwards, and leave the rest for those before."""
    k, s, n = grid.kernel[axis - 1], grid.stride[axis - 1], grid.steps[axis - 1]
    before, after = grid.pads[axis - 1]
    target = dx
    if before or after:
        room = list(dx.shape)
        room[axis] += before + after
        target = np.empty(room, dx.dtype)
    if not (k == s and n * s == target.shape[axis]):  # else every pixel is written, once
        target.fill(0)
    for t in range(k - 1, -1, -1):
        tap = target[_along(axis, t, t + (n - 1) * s + 1, s)]
        won = g * later[t - 1] if t else g
        if s >= k:
            tap[...] = won
        else:
            tap += won
        if t:
            g = np.subtract(g, won, out=won)
    if target is not dx:
        dx[...] = target[_along(axis, before, before + dx.shape[axis])]


def _along(axis: int, start: int, stop: int, step: int = 1) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(start, stop, step),)
