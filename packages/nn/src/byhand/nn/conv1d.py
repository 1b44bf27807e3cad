# SPDX-License-Identifier: BSD-3-Clause
"""Conv1D: slide a small kernel along sequences; causal where it may not look ahead.

Source:  Waibel et al. (1989), time-delay networks; van den Oord et al. (2016), causal and dilated.
Differs: computed as a convolution of images of one column, for which lowering is a plain im2col
         by blocks. Causal padding stands before the first step only.
Cost:    2 N OT k C F flops forward, twice that backward; x is kept, not copied.
Checked: a loop over time; central differences against a random cotangent; PyTorch to 1e-10.
"""
# N sequences, T steps, C channels in, F out; k taps, OT positions
# x (N, T, C)   W (k, C, F)   b (F,)   y (N, OT, F)   dy = dL/dy, and so on

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .initialisers import glorot_uniform
from .lowering import channel_sums, correlate, correlate_dw, spread
from .module import Module
from .padding import WindowGrid, as_sizes, window_grid

__all__ = ["Conv1D", "conv1d", "conv1d_grad"]


class Conv1DCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # (N, T, C)
    W: NDArray[np.floating]  # (k, C, F)
    grid: WindowGrid  # positions of the kernel on images T x 1


def conv1d(
    x: NDArray[np.floating],
    W: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
) -> tuple[NDArray[np.floating], Conv1DCache]:
    """Correlate sequences with a bank of kernels.

    Parameters
    ----------
    x : (N, T, C) array
        Sequences, channels last.
    W : (k, C, F) array
        F kernels of k taps over C channels.
    b : (F,) array
        Bias.
    stride : int, default 1
        Step between positions.
    padding : "valid", "same", "causal", int or (before, after), default 0
        Zeros around the sequence. "causal" puts (k - 1) dilation before it: output t depends on
        inputs up to t, and at stride 1 there are T outputs.
    dilation : int, default 1
        Step between taps.

    Returns
    -------
    y : (N, OT, F) array
        OT = (T + before + after - (k - 1) dilation - 1) // stride + 1.
    cache : Conv1DCache
        For `conv1d_grad`.

    Raises
    ------
    ValueError
        If shapes disagree, an option is out of range, or the kernel does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(1.0, 5.0).reshape(1, 4, 1)
    >>> y, cache = conv1d(x, np.array([1.0, 10.0]).reshape(2, 1, 1), np.zeros(1), padding="causal")
    >>> y[0, :, 0]
    array([10., 21., 32., 43.])
    """
    if x.ndim != 3 or W.ndim != 3 or x.shape[2] != W.shape[1] or b.shape != W.shape[2:]:
        raise ValueError(
            "x (N, T, C), W (kernel, C, F) and b (F,) disagree: "
            f"got {x.shape}, {W.shape} and {b.shape}"
        )
    grid = _sequence_grid(x.shape[1], len(W), stride, padding, dilation)
    y = np.empty((len(x), grid.steps[0], 1, len(b)), np.result_type(x, W))
    correlate(x[:, :, None], W[:, None], grid, y, b)
    return y[:, :, 0], Conv1DCache(x, W, grid)


def conv1d_grad(
    dy: NDArray[np.floating], cache: Conv1DCache, need_dx: bool = True
) -> tuple[Any, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx (as x), dW (as W) and db (F,) of `conv1d`; dx is None unless need_dx."""
    x, W, grid = cache
    g = dy[:, :, None]  # (N, OT, 1, F)
    dx = spread(g, W[:, None], grid)[:, :, 0] if need_dx else None
    return dx, correlate_dw(x[:, :, None], g, grid)[:, 0], channel_sums(dy)


class Conv1D(Module):
    """Convolution of sequences; see `conv1d`.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel_size : int
        Taps.
    stride : int, default 1
        Step between positions.
    padding : "valid", "same", "causal", int or (before, after), default 0
        Zeros around the sequence.
    dilation : int, default 1
        Step between taps.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv1D(8, 3, padding="causal", dilation=4).init(np.zeros((1, 20, 2)), rng=0)
    >>> layer(np.ones((5, 20, 2))).shape, layer.W.shape
    ((5, 20, 8), (3, 2, 8))
    """

    params = ("W", "b")
    W: Any = None
    b: Any = None

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
    ) -> None:
        """Store the options; W and b come with init."""
        self.channels, self.kernel_size = self.count("channels", channels), kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Glorot weights, zero bias."""
        (k,) = self.call(as_sizes, self.kernel_size, "kernel_size", 1)
        self.W = glorot_uniform(rng, (k, np.shape(x)[-1], self.channels), dtype)
        self.b = np.zeros(self.channels, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, Conv1DCache]:
        """Output (N, OT, channels) for x (N, T, C), and the cache."""
        if self.W is None:
            self.build_now(x)
        x = self.accept(x, ("N", "T", self.W.shape[1]), self.W)
        return self.call(
            conv1d,
            x,
            self.W,
            self.b,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dW and db to grads; return dx."""
        dx, dW, db = conv1d_grad(dy, self.own(cache, Conv1DCache), need_dx)
        self.accumulate(dW, db)
        return dx


def _sequence_grid(T: int, k: int, stride: Any, padding: Any, dilation: Any) -> WindowGrid:
    """Positions of a k x 1 kernel on T x 1 images."""
    (s,), (d,) = as_sizes(stride, "stride", 1), as_sizes(dilation, "dilation", 1)
    if isinstance(padding, str):
        if padding not in ("valid", "same", "causal"):
            raise ValueError(
                'padding must be "valid", "same", "causal", an int >= 0 or (before, after), '
                f"got {padding!r}"
            )
        sides: Any = (((k - 1) * d, 0), 0) if padding == "causal" else padding
    else:
        sides = (padding, 0)
    return window_grid((T, 1), (k, 1), (s, 1), sides, (d, 1))
