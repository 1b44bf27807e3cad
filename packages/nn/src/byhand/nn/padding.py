# SPDX-License-Identifier: BSD-3-Clause
"""Padding and dilation of images, and the arithmetic of window positions.

Source:  Dumoulin & Visin, A guide to convolution arithmetic (2016), relationships 5 and 6.
Differs: "same" keeps ceil(size / stride) positions and puts an odd zero last, as TensorFlow does;
         at stride 1 that is PyTorch's "same" too.
Cost:    one copy.
Checked: np.pad; enumeration of window positions; adjoint identities in the tests of im2col.
"""
# N images, H x W pixels, C channels
# k kernel size, s stride, d dilation    (before, after): padding of one axis

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["dilate", "pad"]


class WindowGrid(NamedTuple):
    """Where the windows of a kernel lie along each axis of an image; one entry an axis."""

    size: tuple[int, ...]  # of the input
    kernel: tuple[int, ...]  # taps
    stride: tuple[int, ...]  # step between windows
    dilation: tuple[int, ...]  # step between taps
    pads: tuple[tuple[int, int], ...]  # (before, after)
    steps: tuple[int, ...]  # number of windows


def pad(
    x: NDArray[Any],
    padding: Any,
    kernel_size: Any = 1,
    *,
    stride: Any = 1,
    dilation: Any = 1,
    value: float = 0.0,
) -> NDArray[Any]:
    """Pad the two middle axes of images.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images.
    padding : "valid", "same", int, (vertical, horizontal) or ((top, bottom), (left, right))
        "same" adds what a kernel needs to visit ceil(H / stride) x ceil(W / stride) positions.
    kernel_size, stride, dilation : int or (int, int), default 1
        Read by "same" only.
    value : float, default 0.0
        What to fill in.

    Returns
    -------
    (N, H + top + bottom, W + left + right, C) array

    Raises
    ------
    ValueError
        If x has not four axes or padding is none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> pad(np.ones((1, 1, 1, 1)), ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 1.],
           [0., 0.]])
    """
    if np.ndim(x) != 4:
        raise ValueError(f"x must have shape (N, H, W, C), got {np.shape(x)}")
    x = np.asarray(x)
    kernel = as_sizes(kernel_size, "kernel_size", 2)
    steps, gaps = as_sizes(stride, "stride", 2), as_sizes(dilation, "dilation", 2)
    (top, bottom), (left, right) = resolve_padding(padding, x.shape[1:3], kernel, steps, gaps)
    y = np.full(
        (len(x), x.shape[1] + top + bottom, x.shape[2] + left + right, x.shape[3]), value, x.dtype
    )
    y[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    return y


def dilate(x: NDArray[Any], dilation: Any, *, axes: Sequence[int] = (1, 2)) -> NDArray[Any]:
    """Put dilation - 1 zeros between neighbours along some axes.

    Parameters
    ----------
    x : array
        Images (axes 1 and 2) or kernels (kernel_h, kernel_w, in, out) (axes 0 and 1).
    dilation : int or one int per axis
        1 leaves the axis as it is.
    axes : sequence of int, default (1, 2)
        Which axes to stretch.

    Returns
    -------
    array
        An axis of size n becomes (n - 1) * dilation + 1 long.

    Raises
    ------
    ValueError
        If a dilation is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> dilate(np.array([[1, 2, 3]]), 2, axes=(1,))
    array([[1, 0, 2, 0, 3]])
    """
    x = np.asarray(x)
    shape, here = list(x.shape), [slice(None)] * x.ndim
    for axis, d in zip(axes, as_sizes(dilation, "dilation", len(axes)), strict=True):
        shape[axis], here[axis] = max((shape[axis] - 1) * d + 1, 0), slice(None, None, d)
    y = np.zeros(shape, x.dtype)
    y[tuple(here)] = x
    return y


def window_grid(
    size: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> WindowGrid:
    """Check the options of a sliding kernel, and count its positions; used by every such layer."""
    try:  # a layer asks the same each time: a quarter of a small convolution's time
        return _counted_grid(tuple(size), kernel, stride, padding, dilation)
    except TypeError:  # lists cannot be looked up
        return _counted_grid.__wrapped__(tuple(size), kernel, stride, padding, dilation)


@lru_cache(maxsize=256, typed=True)
def _counted_grid(
    size: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> WindowGrid:
    axes = len(size)
    kernel = as_sizes(kernel, "kernel_size", axes)
    stride, dilation = as_sizes(stride, "stride", axes), as_sizes(dilation, "dilation", axes)
    pads = resolve_padding(padding, size, kernel, stride, dilation)
    steps = []
    for n, k, s, d, (before, after) in zip(size, kernel, stride, dilation, pads, strict=True):
        room, reach = n + before + after, (k - 1) * d + 1
        if reach > room:
            raise ValueError(
                f"the kernel spans {reach} (kernel_size {k}, dilation {d}), more than the padded "
                f"input of {room} (size {n}, padding {before} + {after})"
            )
        steps.append((room - reach) // s + 1)
    return WindowGrid(size, kernel, stride, dilation, pads, tuple(steps))


def pooling_grid(shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any) -> WindowGrid:
    """Positions of a window on images of that shape; no window may lie in the padding alone."""
    if len(shape) != 4:
        raise ValueError(f"x must have shape (N, H, W, C), got {shape}")
    stride = kernel_size if stride is None else stride
    grid = window_grid(shape[1:3], kernel_size, stride, padding, 1)
    for name, k, pads in zip(("vertical", "horizontal"), grid.kernel, grid.pads, strict=True):
        if max(pads) >= k:
            raise ValueError(
                f"{name} padding must be smaller than the window of {k}, got {pads[0]} + {pads[1]}"
            )
    return grid


def as_sizes(value: Any, name: str, axes: int) -> tuple[int, ...]:
    """Return one positive int for each axis, from an int or a sequence."""
    sizes = _per_axis(value, axes)
    if len(sizes) != axes or not all(isinstance(v, int | np.integer) and v >= 1 for v in sizes):
        raise ValueError(f"{name} must be an int >= 1 or {axes} of them, got {value!r}")
    return tuple(int(v) for v in sizes)


def resolve_padding(
    padding: Any,
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """Turn every way to say padding into (before, after) for each axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(size)
        if padding == "same":
            totals = (
                max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
                for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
            )
            return tuple((total // 2, total - total // 2) for total in totals)
    else:
        pairs = tuple(_per_axis(p, 2) for p in _per_axis(padding, len(size)))
        if len(pairs) == len(size) and all(
            len(pair) == 2 and all(isinstance(p, int | np.integer) and p >= 0 for p in pair)
            for pair in pairs
        ):
            return tuple((int(before), int(after)) for before, after in pairs)
    raise ValueError(
        f'padding must be "valid", "same", an int >= 0, or for each of {len(size)} axes an int '
        f"or (before, after), got {padding!r}"
    )


def _per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    """Return a number for every axis, or the entries of a sequence; () for anything else."""
    if isinstance(value, int | np.integer):
        return (value,) * axes
    return tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
