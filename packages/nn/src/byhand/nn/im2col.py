# SPDX-License-Identifier: BSD-3-Clause
"""im2col and col2im: the patches under a sliding kernel as a matrix, and the adjoint.

Source:  MATLAB, Image Processing Toolbox, im2col (documentation, 'sliding' and 'distinct').
Differs: any stride, padding and dilation, images with channels, batches. MATLAB's 'sliding' is
         stride 1, its 'distinct' is stride = kernel_size. col2im adds where patches overlap, which
         makes it the transpose of im2col; MATLAB's col2im rearranges and never adds. They agree
         for 'distinct'.
Cost:    kernel_h * kernel_w copies of the image.
Checked: MATLAB's example of local means; <im2col(x), c> = <x, col2im(c)> over every option.
"""
# N images, H x W pixels, C channels, kh x kw kernel, OH x OW positions of it
# layout "matlab": (C kw kh, N OW OH): a column is a patch. Everything is counted as MATLAB does,
#   the row index fastest: inside a patch (row, column, channel), along the patches (row, column,
#   image). For one image with one channel these are MATLAB's numbers in MATLAB's order.
# layout "rows": (N OH OW, kh kw C): a row is a patch, the last index fastest, as NumPy counts.
#   The patches times W.reshape(kh kw C, F) are a convolution; byhand's own layers think in it.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .padding import WindowGrid, window_grid

__all__ = ["col2im", "im2col"]


def im2col(
    x: NDArray[Any],
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    layout: str = "matlab",
) -> NDArray[Any]:
    """Copy every patch under a sliding kernel into a column (or row) of a matrix.

    Parameters
    ----------
    x : (H, W) or (N, H, W, C) array
        One plain image, or images with channels.
    kernel_size : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), default 1
        Step between patches; the kernel size for MATLAB's 'distinct'.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        Zeros around the image.
    dilation : int or (int, int), default 1
        Step between the pixels of a patch.
    layout : {"matlab", "rows"}, default "matlab"
        "matlab": (C kw kh, N OW OH), patches are columns, row index fastest everywhere.
        "rows": (N OH OW, kh kw C), patches are rows, last index fastest.

    Returns
    -------
    (C * kw * kh, N * OW * OH) or (N * OH * OW, kh * kw * C) array

    Raises
    ------
    ValueError
        If x has neither 2 nor 4 axes, an option is out of range, or the kernel does not fit.

    Examples
    --------
    Local means, the example of MATLAB's documentation:

    >>> import numpy as np
    >>> A = np.linspace(0, 1, 16).reshape(4, 4)
    >>> im2col(A, (2, 2)).mean(axis=0).reshape(3, 3, order="F")
    array([[0.1667, 0.2333, 0.3   ],
           [0.4333, 0.5   , 0.5667],
           [0.7   , 0.7667, 0.8333]])
    """
    images = _as_images(x)
    grid = window_grid(images.shape[1:3], kernel_size, stride, padding, dilation)
    _check_layout(layout)
    N, H, W, C = images.shape
    (kh, kw), (OH, OW), ((top, bottom), (left, right)) = grid.kernel, grid.steps, grid.pads
    padded = np.zeros((N, H + top + bottom, W + left + right, C), images.dtype)
    padded[:, top : top + H, left : left + W] = images
    cols = np.empty((N, OH, OW, kh, kw, C), images.dtype)
    for i in range(kh):
        for j in range(kw):
            cols[:, :, :, i, j] = padded[(slice(None), *_tap(grid, i, j))]
    if layout == "rows":
        return cols.reshape(N * OH * OW, kh * kw * C)
    return cols.transpose(5, 4, 3, 0, 2, 1).reshape(C * kw * kh, N * OW * OH)


def col2im(
    cols: NDArray[Any],
    shape: Sequence[int],
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    layout: str = "matlab",
) -> NDArray[Any]:
    """Add patches back to where `im2col` took them from: its transpose.

    Parameters
    ----------
    cols : (C * kw * kh, N * OW * OH) or (N * OH * OW, kh * kw * C) array
        Patches, as `im2col` with the same options gives them.
    shape : (H, W) or (N, H, W, C)
        Of the result.
    kernel_size : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), default 1
        Step between patches.
    padding : "valid", "same", int, pair or ((top, bottom), (left, right)), default 0
        What falls on the padding is dropped.
    dilation : int or (int, int), default 1
        Step between the pixels of a patch.
    layout : {"matlab", "rows"}, default "matlab"
        See `im2col`.

    Returns
    -------
    array of that shape
        Where patches overlap, their values are added.

    Raises
    ------
    ValueError
        If the shape of cols is not what `im2col` gives for an image of that shape.

    Examples
    --------
    Each pixel comes back as often as a patch covered it:

    >>> import numpy as np
    >>> col2im(im2col(np.ones((3, 3)), 2), (3, 3), 2)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    if len(shape) not in (2, 4):
        raise ValueError(f"shape must be (H, W) or (N, H, W, C), got {tuple(shape)}")
    N, H, W, C = (1, *shape, 1) if len(shape) == 2 else shape
    grid = window_grid((H, W), kernel_size, stride, padding, dilation)
    _check_layout(layout)
    (kh, kw), (OH, OW), ((top, bottom), (left, right)) = grid.kernel, grid.steps, grid.pads
    cols, rows = np.asarray(cols), layout == "rows"
    if cols.dtype.kind in "biu":  # sums of small integers would wrap
        cols = cols.astype(np.float64)
    expected = (N * OH * OW, kh * kw * C) if rows else (C * kw * kh, N * OW * OH)
    if cols.shape != expected:
        raise ValueError(f"cols must have shape {expected}, got {cols.shape}")
    if rows:
        cols = cols.reshape(N, OH, OW, kh, kw, C)
    else:
        cols = cols.reshape(C, kw, kh, N, OW, OH).transpose(3, 5, 4, 2, 1, 0)
    padded = np.zeros((N, H + top + bottom, W + left + right, C), cols.dtype)
    for i in range(kh):
        for j in range(kw):
            padded[(slice(None), *_tap(grid, i, j))] += cols[:, :, :, i, j]
    return padded[:, top : top + H, left : left + W].reshape(tuple(shape))


def _tap(grid: WindowGrid, i: int, j: int) -> tuple[slice, slice]:
    """Where tap (i, j) of the kernel lies in the padded image, over all positions."""
    first, second = (
        slice(t * d, t * d + (n - 1) * s + 1, s)
        for t, d, s, n in zip((i, j), grid.dilation, grid.stride, grid.steps, strict=True)
    )
    return first, second


def _as_images(x: NDArray[Any]) -> NDArray[Any]:
    x = np.asarray(x)
    if x.ndim not in (2, 4):
        raise ValueError(f"x must have shape (H, W) or (N, H, W, C), got {x.shape}")
    return x[None, :, :, None] if x.ndim == 2 else x


def _check_layout(layout: str) -> None:
    if layout not in ("matlab", "rows"):
        raise ValueError(f'layout must be "matlab" or "rows", got {layout!r}')
