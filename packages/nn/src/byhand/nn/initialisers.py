# SPDX-License-Identifier: BSD-3-Clause
"""Initial weights: Glorot, He, standard, truncated normal and orthogonal.

Source:  Glorot & Bengio (2010), eq. 16; He et al. (2015), eq. 10; Saxe et al. (2014), orthogonal.
Differs: truncated_normal divides by .8796, the standard deviation that cutting at 2 leaves, so
         that the sd asked for is the sd drawn. Draws are float64, then rounded to dtype: a
         float32 network starts from the same numbers as a float64 one.
Cost:    one draw a number; orthogonal one QR.
Checked: moments against the closed forms; W'W = I; the limit .0759554525 of a 784 x 256 layer.
"""
# shape (..., fan_in, fan_out): axes before the last two are a kernel and multiply both fans

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "orthogonal",
    "standard_normal",
    "truncated_normal",
]


def glorot_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """Draw uniformly on +-sqrt(6 / (fan_in + fan_out)): keeps variances in both directions.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        (in, out) of a dense layer, (kernel..., in, out) of a convolution.
    dtype : dtype, default float64
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> W = glorot_uniform(np.random.default_rng(0), (784, 256))
    >>> bool(0.0759 < abs(W).max() < 0.0759554525)
    True
    """
    fan_in, fan_out = _fans(shape)
    limit = math.sqrt(6 / max(fan_in + fan_out, 1))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def glorot_normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """Draw normals with standard deviation sqrt(2 / (fan_in + fan_out)); see `glorot_uniform`.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        (in, out) of a dense layer, (kernel..., in, out) of a convolution.
    dtype : dtype, default float64
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> glorot_normal(np.random.default_rng(0), (3, 3, 16, 32), np.float32).shape
    (3, 3, 16, 32)
    """
    fan_in, fan_out = _fans(shape)
    return standard_normal(rng, shape, dtype, sd=math.sqrt(2 / max(fan_in + fan_out, 1)))


def he_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """Draw uniformly on +-sqrt(6 / fan_in), for layers before a ReLU; see `glorot_uniform`.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        (in, out) of a dense layer, (kernel..., in, out) of a convolution.
    dtype : dtype, default float64
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> bool(abs(he_uniform(np.random.default_rng(0), (6, 500))).max() < 1)
    True
    """
    limit = math.sqrt(6 / max(_fans(shape)[0], 1))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def he_normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """Draw normals with standard deviation sqrt(2 / fan_in), He et al. (2015), eq. 10.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        (in, out) of a dense layer, (kernel..., in, out) of a convolution.
    dtype : dtype, default float64
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> W = he_normal(np.random.default_rng(0), (784, 256))
    >>> round(float(W.std()), 3)  # sqrt(2 / 784) = .0505
    0.05
    """
    return standard_normal(rng, shape, dtype, sd=math.sqrt(2 / max(_fans(shape)[0], 1)))


def standard_normal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float64,
    *,
    sd: float = 1.0,
) -> NDArray[np.floating]:
    """Draw normals with mean 0 and standard deviation `sd`.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Any.
    dtype : dtype, default float64
        Of the result.
    sd : float, default 1.0
        Standard deviation.

    Examples
    --------
    >>> import numpy as np
    >>> standard_normal(np.random.default_rng(0), (2, 0)).shape
    (2, 0)
    """
    return (sd * rng.standard_normal(shape)).astype(dtype)


def truncated_normal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float64,
    *,
    sd: float = 1.0,
) -> NDArray[np.floating]:
    """Draw normals cut at two of its standard deviations, rescaled to have `sd`.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Any.
    dtype : dtype, default float64
        Of the result.
    sd : float, default 1.0
        Standard deviation of what is drawn, after cutting.

    Returns
    -------
    array of that shape
        All within +-2 sd / .8796256610.

    Examples
    --------
    >>> import numpy as np
    >>> z = truncated_normal(np.random.default_rng(0), (100_000,))
    >>> round(float(z.std()), 2), bool(abs(z).max() < 2 / 0.87962566)
    (1.0, True)
    """
    z = rng.standard_normal(shape)
    outside = np.abs(z) > 2
    while outside.any():  # 4.6 % each round: six rounds for a million numbers
        z[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(z) > 2
    phi = math.exp(-2) / math.sqrt(2 * math.pi)  # density at 2
    left = math.sqrt(1 - 4 * phi / math.erf(math.sqrt(2)))  # .8796256610, s.d. after cutting
    return (z * (sd / left)).astype(dtype)


def orthogonal(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.float64,
    *,
    gain: float = 1.0,
) -> NDArray[np.floating]:
    """Draw a uniformly random matrix with orthonormal columns (or rows, where it has fewer rows).

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int, at least two
        Seen as a matrix (product of all but the last, last).
    dtype : dtype, default float64
        Of the result.
    gain : float, default 1.0
        Multiplies the matrix.

    Raises
    ------
    ValueError
        If shape has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> Q = orthogonal(np.random.default_rng(0), (5, 3))
    >>> bool(abs(Q.T @ Q - np.eye(3)).max() < 1e-14)
    True
    """
    if len(shape) < 2:
        raise ValueError(f"shape must have at least two axes, got {shape}")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    Q, R = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    Q = Q * np.where(np.diagonal(R) < 0, -1.0, 1.0)  # uniform (Haar) only with these signs
    return (gain * (Q if rows >= columns else Q.T)).reshape(shape).astype(dtype)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"shape must have at least two axes (in, out), got {shape}")
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]
