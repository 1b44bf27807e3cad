# SPDX-License-Identifier: BSD-3-Clause
"""GlobalAvgPool2D: the mean of each channel over the whole image.

Source:  Lin, Chen & Yan, Network in network (2014), section 3.2.
Differs: nothing.
Cost:    one pass.
Checked: central differences; PyTorch to 1e-10 in float64.
"""
# N images, H x W pixels, C channels    x (N, H, W, C)   y (N, C)   dy = dL/dy

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = ["GlobalAvgPool2D", "global_avg_pool2d", "global_avg_pool2d_grad"]


class GlobalAvgPool2DCache(NamedTuple):
    """What the backward pass needs."""

    shape: tuple[int, ...]  # of x


def global_avg_pool2d(
    x: NDArray[np.floating],
) -> tuple[NDArray[np.floating], GlobalAvgPool2DCache]:
    """Average each channel over the image.

    Parameters
    ----------
    x : (N, H, W, C) array
        Images, channels last; at least one pixel.

    Returns
    -------
    y : (N, C) array
    cache : GlobalAvgPool2DCache
        For `global_avg_pool2d_grad`.

    Raises
    ------
    ValueError
        If x has not four axes, or H or W is 0.

    Examples
    --------
    >>> import numpy as np
    >>> global_avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1))[0]
    array([[1.5]])
    """
    if x.ndim != 4 or 0 in x.shape[1:3]:
        raise ValueError(f"x must have shape (N, H, W, C) with H, W >= 1, got {x.shape}")
    return x.mean(axis=(1, 2)), GlobalAvgPool2DCache(x.shape)


def global_avg_pool2d_grad(
    dy: NDArray[np.floating], cache: GlobalAvgPool2DCache
) -> NDArray[np.floating]:
    """Gradient dx (N, H, W, C) of `global_avg_pool2d`: the same share for every pixel."""
    _, H, W, _ = cache.shape
    return np.broadcast_to(dy[:, None, None] / (H * W), cache.shape).copy()


class GlobalAvgPool2D(Module):
    """Mean over images; see `global_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool2D()(np.ones((2, 8, 8, 4))).shape
    (2, 4)
    """

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, GlobalAvgPool2DCache]:
        """Output (N, C) for x (N, H, W, C), and the cache."""
        x = self.accept(x, ("N", "H", "W", "C"))
        return self.call(global_avg_pool2d, x)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        cache = self.own(cache, GlobalAvgPool2DCache)
        return global_avg_pool2d_grad(dy, cache) if need_dx else None
