# SPDX-License-Identifier: BSD-3-Clause
"""ConvTranspose2D: every pixel paints a kernel onto a larger image; the transpose of Conv2D.

Source:  Zeiler et al., Deconvolutional networks (2010); Dumoulin & Visin (2016), chapter 4.
Differs: computed by gathering, phase by phase of the stride, not by scattering and adding. "same"
         gives H stride x W stride pixels, as TensorFlow does.
Cost:    2 N H W kh kw C F flops forward, twice that backward; x is kept, not copied.
Checked: ONNX's node test; <conv2d(x), y> = <x, conv_transpose2d(y)>; PyTorch to 1e-10.
"""
# N images, H x W pixels, C channels in, F out; kh x kw taps
# x (N, H, W, C)   W (kh, kw, C, F)   b (F,)   y (N, OH, OW, F)   dy = dL/dy, and so on

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .initialisers import glorot_uniform
from .lowering import channel_sums, correlate, correlate_dw, spread
from .module import Module
from .padding import WindowGrid, as_sizes, resolve_padding

__all__ = ["ConvTranspose2D", "conv_transpose2d", "conv_transpose2d_grad", "deconv2d"]


class ConvTranspose2DCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # (N, H, W, C)
    W: NDArray[np.floating]  # (kh, kw, C, F)
    grid: WindowGrid  # of the convolution from y to x that this one transposes


def conv_transpose2d(
    x: NDArray[np.floating],
    W: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    stride: Any = 1,
    padding: Any = 0,
) -> tuple[NDArray[np.floating], ConvTranspose2DCache]:
    """Paint kernels, each weighted by a pixel, and add where they overlap.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images, channels last.
    W : (kh, kw, C, F) array
        For each of C input channels a kernel of kh x kw taps over F output channels.
    b : (F,) array
        Bias.
    stride : int or (int, int), default 1
        Distance at which neighbouring pixels paint.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Cut off the result; "same" cuts it to (H stride, W stride).

    Returns
    -------
    y : (N, OH, OW, F) array
        OH = (H - 1) stride + kh - top - bottom, and OW likewise.
    cache : ConvTranspose2DCache
        For `conv_transpose2d_grad`.

    Raises
    ------
    ValueError
        If shapes disagree, an option is out of range, or padding leaves no pixel.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> y, cache = conv_transpose2d(x, np.ones((2, 2, 1, 1)), np.zeros(1))
    >>> y[0, :, :, 0]
    array([[0., 1., 1.],
           [2., 6., 4.],
           [2., 5., 3.]])
    """
    if x.ndim != 4 or W.ndim != 4 or x.shape[3] != W.shape[2] or b.shape != W.shape[3:]:
        raise ValueError(
            "x (N, H, W, C), W (kernel_h, kernel_w, C, F) and b (F,) disagree: "
            f"got {x.shape}, {W.shape} and {b.shape}"
        )
    grid = _painted_grid(x.shape[1:3], W.shape[:2], stride, padding)
    return spread(x, W.swapaxes(2, 3), grid, b), ConvTranspose2DCache(x, W, grid)


def conv_transpose2d_grad(
    dy: NDArray[np.floating], cache: ConvTranspose2DCache, need_dx: bool = True
) -> tuple[Any, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (as x), dW (as W), db (F,) of `conv_transpose2d`; dx None unless need_dx."""
    x, W, grid = cache
    dx = None
    if need_dx:  # the transpose of the transpose: an ordinary convolution of dy
        dx = np.empty_like(x)
        correlate(dy, W.swapaxes(2, 3), grid, dx)
    return dx, correlate_dw(dy, x, grid).swapaxes(2, 3), channel_sums(dy)


deconv2d = conv_transpose2d


class ConvTranspose2D(Module):
    """Transposed convolution of images; see `conv_transpose2d`.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel_size : int or (int, int)
        Taps, vertical and horizontal.
    stride : int or (int, int), default 1
        Distance at which neighbouring pixels paint.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Cut off the result.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ConvTranspose2D(8, 4, stride=2, padding=1).init(np.zeros((1, 7, 7, 3)), rng=0)
    >>> layer(np.ones((2, 7, 7, 3))).shape, layer.W.shape
    ((2, 14, 14, 8), (4, 4, 3, 8))
    """

    params = ("W", "b")
    W: Any = None
    b: Any = None

    def __init__(self, channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0) -> None:
        """Store the options; W and b come with init."""
        self.channels, self.kernel_size = self.count("channels", channels), kernel_size
        self.stride, self.padding = stride, padding

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Glorot weights, zero bias."""
        kernel = self.call(as_sizes, self.kernel_size, "kernel_size", 2)
        self.W = glorot_uniform(rng, (*kernel, np.shape(x)[-1], self.channels), dtype)
        self.b = np.zeros(self.channels, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, ConvTranspose2DCache]:
        """Output (N, OH, OW, channels) for x (N, H, W, C), and the cache."""
        if self.W is None:
            self.build_now(x)
        x = self.accept(x, ("N", "H", "W", self.W.shape[2]), self.W)
        return self.call(
            conv_transpose2d, x, self.W, self.b, stride=self.stride, padding=self.padding
        )

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dW and db to grads; return dx."""
        dx, dW, db = conv_transpose2d_grad(dy, self.own(cache, ConvTranspose2DCache), need_dx)
        self.accumulate(dW, db)
        return dx


def _painted_grid(size: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any) -> Any:
    """Return the grid of the convolution from the painted image back to one of `size`."""
    stride = as_sizes(stride, "stride", 2)
    if isinstance(padding, str) and padding == "same":  # k - s each way; negative where k < s
        totals = [k - s for k, s in zip(kernel, stride, strict=True)]
        pads = tuple((max(t, 0) // 2, t - max(t, 0) // 2) for t in totals)
    else:
        pads = resolve_padding(padding, size, kernel, stride, (1, 1))
    painted = tuple(
        (n - 1) * s + k - before - after
        for n, k, s, (before, after) in zip(size, kernel, stride, pads, strict=True)
    )
    if min(painted) < 1:
        raise ValueError(
            f"nothing is left: input {size}, kernel_size {kernel}, stride {stride} and padding "
            f"{pads} make an image of {painted}"
        )
    return WindowGrid(painted, kernel, stride, (1, 1), pads, size)
