# SPDX-License-Identifier: BSD-3-Clause
"""Kernels: similarities k(x, y) that are dot products in some space of features.

Source:  Schoelkopf & Smola, Learning with Kernels (2002), chapter 2; Zhang et al. (2007) for chi2.
Differs: the Gaussian kernel is built on distances that are exact to 1e-12 wherever the origin is;
         k(X, X) is exactly symmetric, with an exact 1 on the diagonal where k(x, x) = 1.
Cost:    O(n m d), a matrix product except for laplacian and chi2 (element by element).
Checked: the definitions pair by pair; eigenvalues >= 0 up to rounding; scikit-learn.
"""
# X (n, d)   Y (m, d)   K (n, m)   gamma > 0 inverse width, 1 / d by default

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distances import pairwise_distances, unit_rows
from .euclidean_distances import by_blocks, check_pair, fold_features
from .validation import check_scalar

__all__ = [
    "chi2_kernel", "cosine_similarity", "laplacian_kernel", "linear_kernel", "polynomial_kernel",
    "rbf_kernel", "sigmoid_kernel",
]  # fmt: skip

_Kernel = NDArray[np.float64]


def linear_kernel(X: ArrayLike, Y: ArrayLike | None = None) -> _Kernel:
    """Dot products x . y.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.

    Returns
    -------
    (n, m) array
        float64.

    Raises
    ------
    ValueError
        If the widths of X and Y differ, or there is NaN or infinity.

    Examples
    --------
    >>> from byhand.utils.kernels import linear_kernel
    >>> linear_kernel([[1, 2], [3, 4]])
    array([[ 5., 11.],
           [11., 25.]])
    """
    return _products(*check_pair(X, Y))


def polynomial_kernel(
    X: ArrayLike,
    Y: ArrayLike | None = None,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1,
) -> _Kernel:
    """Polynomials (gamma x . y + coef0)^degree: all products of up to `degree` features.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.
    degree : int, default 3
        At least 1.
    gamma : float or None, default None
        At least 0; None stands for 1 / d.
    coef0 : float, default 1
        Weight of the lower degrees. The kernel is positive semidefinite if it is not negative.

    Returns
    -------
    (n, m) array
        float64.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN or infinity, or a parameter is out of range.

    Examples
    --------
    >>> from byhand.utils.kernels import polynomial_kernel
    >>> polynomial_kernel([[1, 2]], [[3, 4]], degree=2, gamma=1)
    array([[144.]])
    """
    K = _inner(X, Y, gamma, coef0)
    return K ** int(check_scalar(degree, "degree", integer=True, low=1))


def sigmoid_kernel(
    X: ArrayLike, Y: ArrayLike | None = None, gamma: float | None = None, coef0: float = 1
) -> _Kernel:
    """Hyperbolic tangent of gamma x . y + coef0: a neuron's response, in general not definite.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.
    gamma : float or None, default None
        At least 0; None stands for 1 / d.
    coef0 : float, default 1
        Bias.

    Returns
    -------
    (n, m) array
        float64.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN or infinity, or a parameter is out of range.

    Examples
    --------
    >>> from byhand.utils.kernels import sigmoid_kernel
    >>> sigmoid_kernel([[1, 2]], [[3, 4]], gamma=0, coef0=0.5)  # tanh(1/2)
    array([[0.46211716]])
    """
    K = _inner(X, Y, gamma, coef0)
    return np.tanh(K, out=K)


def rbf_kernel(X: ArrayLike, Y: ArrayLike | None = None, gamma: float | None = None) -> _Kernel:
    """Gaussians exp(-gamma |x - y|^2) of the Euclidean distance.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.
    gamma : float or None, default None
        At least 0; None stands for 1 / d.

    Returns
    -------
    (n, m) array
        float64, between 0 and 1.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN or infinity, or gamma is negative.

    Examples
    --------
    >>> from byhand.utils.kernels import rbf_kernel
    >>> rbf_kernel([[0, 0]], [[1, 1]])  # exp(-2 / 2)
    array([[0.36787944]])
    """
    return _exponential(pairwise_distances(X, Y, metric="sqeuclidean"), X, gamma)


def laplacian_kernel(
    X: ArrayLike, Y: ArrayLike | None = None, gamma: float | None = None
) -> _Kernel:
    """Exponentials exp(-gamma |x - y|_1) of the Manhattan distance.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.
    gamma : float or None, default None
        At least 0; None stands for 1 / d.

    Returns
    -------
    (n, m) array
        float64, between 0 and 1.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN or infinity, or gamma is negative.

    Examples
    --------
    >>> from byhand.utils.kernels import laplacian_kernel
    >>> laplacian_kernel([[0, 0]], [[1, 3]])  # exp(-4 / 2)
    array([[0.13533528]])
    """
    return _exponential(pairwise_distances(X, Y, metric="manhattan"), X, gamma)


def cosine_similarity(X: ArrayLike, Y: ArrayLike | None = None) -> _Kernel:
    """Cosines x . y / (|x| |y|) of the angles between rows; 0 where a row is 0.

    Parameters
    ----------
    X : (n, d) array
    Y : (m, d) array, optional
        By default X itself.

    Returns
    -------
    (n, m) array
        float64, between -1 and 1.

    Raises
    ------
    ValueError
        If the widths differ, or there is NaN or infinity.

    Examples
    --------
    >>> from byhand.utils.kernels import cosine_similarity
    >>> cosine_similarity([[1, 0]], [[1, 1], [0, 2], [0, 0]])
    array([[0.70710678, 0.        , 0.        ]])
    """
    X, Y = check_pair(X, Y)
    x = unit_rows(X)
    K = _products(x, x if Y is X else unit_rows(Y))
    np.clip(K, -1, 1, out=K)  # rounding may pass the ends by an ulp, where arccos is NaN
    if Y is X:
        np.fill_diagonal(K, x.any(axis=1))
    return K


def chi2_kernel(X: ArrayLike, Y: ArrayLike | None = None, gamma: float = 1.0) -> _Kernel:
    """Exponentials exp(-gamma sum_f (x_f - y_f)^2 / (x_f + y_f)), for histograms.

    Parameters
    ----------
    X : (n, d) array
        Not negative. A feature that is 0 in both rows adds nothing.
    Y : (m, d) array, optional
        Not negative; by default X itself.
    gamma : float, default 1.0
        At least 0.

    Returns
    -------
    (n, m) array
        float64, between 0 and 1.

    Raises
    ------
    ValueError
        If the widths differ, there is NaN, infinity or a negative number, or gamma is negative.

    Examples
    --------
    >>> from byhand.utils.kernels import chi2_kernel
    >>> chi2_kernel([[1, 2, 0]], [[3, 2, 0]])  # exp(-4 / 4)
    array([[0.36787944]])
    """
    X, Y = check_pair(X, Y)
    check_scalar(gamma, "gamma", low=0)
    for name, a in (("X", X), ("Y", Y)):
        if a.min() < 0:
            raise ValueError(f"{name} must not hold negative numbers, got {a.min():g}")

    def chi2(i: slice, j: slice) -> _Kernel:
        return fold_features(X[i], Y[j], _chi2_term, np.add)

    return _exponential(by_blocks(len(X), len(Y), chi2, symmetric=Y is X), X, gamma)


def _chi2_term(a: _Kernel, b: _Kernel, out: _Kernel | None) -> _Kernel:
    total = a + b
    difference = np.subtract(a, b, out=out)
    ratio = difference / np.where(total > 0, total, 1.0)  # first: no square overflows
    return np.multiply(difference, ratio, out=out)


def _inner(X: ArrayLike, Y: ArrayLike | None, gamma: float | None, coef0: float) -> _Kernel:
    """Scaled and shifted dot products, gamma x . y + coef0."""
    X, Y = check_pair(X, Y)
    K = _products(X, Y)
    K *= _inverse_width(gamma, X.shape[1])
    K += check_scalar(coef0, "coef0")
    return K


def _products(X: _Kernel, Y: _Kernel) -> _Kernel:
    """X Y^T, exactly symmetric for X with itself: not every BLAS sees to that."""
    K: _Kernel = X @ Y.T
    return (K + K.T) * 0.5 if Y is X else K


def _exponential(D: _Kernel, X: ArrayLike, gamma: float | None) -> _Kernel:
    """exp(-gamma D), in place."""
    scale = _inverse_width(gamma, np.shape(X)[1])
    if scale == 0:
        return np.ones_like(D)  # also where D overflowed
    with np.errstate(under="ignore", over="ignore"):  # far pairs: 0
        D *= -scale
        return np.exp(D, out=D)


def _inverse_width(gamma: float | None, d: int) -> float:
    return 1 / d if gamma is None else float(check_scalar(gamma, "gamma", low=0))
