# SPDX-License-Identifier: BSD-3-Clause
"""Conv2D: slide a small kernel over images, one weighted sum a position and output channel.

Source:  LeCun et al. (1989); Dumoulin & Visin (2016) for padding, stride and dilation.
Differs: a correlation, as in every framework: the kernel is not flipped. Channels last.
Cost:    2 N OH OW kh kw C F flops forward, twice that backward; x is kept, not copied.
Checked: ONNX's node test; central differences against a random cotangent; PyTorch to 1e-10.
"""
# N images, H x W pixels, C channels in, F out; kh x kw taps, OH x OW positions
# x (N, H, W, C)   W (kh, kw, C, F)   b (F,)   y (N, OH, OW, F)   dy = dL/dy, and so on

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .initialisers import glorot_uniform
from .lowering import channel_sums, correlate, correlate_dw, spread
from .module import Module
from .padding import WindowGrid, as_sizes, window_grid

__all__ = ["Conv2D", "conv2d", "conv2d_grad"]


class Conv2DCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # (N, H, W, C)
    W: NDArray[np.floating]  # (kh, kw, C, F)
    grid: WindowGrid  # positions of the kernel


def conv2d(
    x: NDArray[np.floating],
    W: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> tuple[NDArray[np.floating], Conv2DCache]:
    """Correlate images with a bank of kernels.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images, channels last.
    W : (kh, kw, C, F) array
        F kernels of kh x kw taps over C channels.
    b : (F,) array
        Bias.
    stride : int or (int, int), default 1
        Step between positions.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Zeros around the image.
    dilation : int or (int, int), default 1
        Step between taps.

    Returns
    -------
    y : (N, OH, OW, F) array
        OH = (H + top + bottom - (kh - 1) dilation - 1) // stride + 1, and OW likewise.
    cache : Conv2DCache
        For `conv2d_grad`.

    Raises
    ------
    ValueError
        If shapes disagree, an option is out of range, or the kernel does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(25.0).reshape(1, 5, 5, 1)
    >>> y, cache = conv2d(x, np.ones((3, 3, 1, 1)), np.zeros(1))
    >>> y[0, :, :, 0]
    array([[ 54.,  63.,  72.],
           [ 99., 108., 117.],
           [144., 153., 162.]])
    """
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[2] or b.shape != W.shape[3:]:
        raise ValueError(
            "x (N, H, W, C), W (kernel_h, kernel_w, C, F) and b (F,) disagree: "
            f"got {x.shape}, {W.shape} and {b.shape}"
        )
    grid = window_grid(x.shape[1:3], W.shape[:2], stride, padding, dilation)
    y = np.empty((len(x), *grid.steps, len(b)), np.result_type(x, W))
    correlate(x, W, grid, y, b)
    return y, Conv2DCache(x, W, grid)


def conv2d_grad(
    dy: NDArray[np.floating], cache: Conv2DCache, need_dx: bool = True
) -> tuple[Any, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (as x), dW (as W) and db (F,) of `conv2d`; dx is None unless need_dx."""
    x, W, grid = cache
    dx = spread(dy, W, grid) if need_dx else None
    return dx, correlate_dw(x, dy, grid), channel_sums(dy)


class Conv2D(Module):
    """Convolution of images; see `conv2d`.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel_size : int or (int, int)
        Taps, vertical and horizontal.
    stride : int or (int, int), default 1
        Step between positions.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Zeros around the image.
    dilation : int or (int, int), default 1
        Step between taps.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2D(8, 3, padding="same", stride=2).init(np.zeros((1, 7, 7, 3)), rng=0)
    >>> layer(np.ones((2, 7, 7, 3))).shape, layer.W.shape
    ((2, 4, 4, 8), (3, 3, 3, 8))
    """

    params = ("W", "b")
    W: Any = None
    b: Any = None

    def __init__(
        self,
        channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
    ) -> None:
        """Store the options; W and b come with init."""
        self.channels, self.kernel_size = self.count("channels", channels), kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Glorot weights, zero bias."""
        kernel = self.call(as_sizes, self.kernel_size, "kernel_size", 2)
        self.W = glorot_uniform(rng, (*kernel, np.shape(x)[-1], self.channels), dtype)
        self.b = np.zeros(self.channels, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, Conv2DCache]:
        """Output (N, OH, OW, channels) for x (N, H, W, C), and the cache."""
        if self.W is None:
            self.build_now(x)
        x = self.accept(x, ("N", "H", "W", self.W.shape[2]), self.W)
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        return self.call(conv2d, x, self.W, self.b, **options)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dW and db to grads; return dx."""
        dx, dW, db = conv2d_grad(dy, self.own(cache, Conv2DCache), need_dx)
        self.accumulate(dW, db)
        return dx
