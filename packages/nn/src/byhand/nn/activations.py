# SPDX-License-Identifier: BSD-3-Clause
"""Activations: elementwise functions with value, first and second derivative.

Source:  ELU: Clevert, Unterthiner & Hochreiter (2016); SELU: Klambauer et al. (2017); GELU:
         Hendrycks & Gimpel (2016); SiLU: Elfwing, Uchibe & Doya (2018).
Differs: no overflow and no warning at any x; at the kink of ReLU, LeakyReLU, ELU, SELU and at the
         two of HardSigmoid the derivative is that of the flat (or left) side, as in PyTorch.
Cost:    2 to 10 passes; input and output are kept, not copied.
Checked: central differences of value and first derivative; closed values; PyTorch to 1e-10.
"""
# x, y any shape    dy = dL/dy    y' = dy/dx, y'' the derivative of y' by x
#
# name          value                       first derivative     second derivative
# ReLU          max(x, 0)                   [x > 0]              0
# LeakyReLU     x or a x                    1 or a               0
# ELU           x or a (e^x - 1)            1 or a e^x           0 or a e^x
# SELU          l ELU(x; a)                 l ELU'               l ELU''
# Tanh          tanh x                      1 - y^2              -2 y (1 - y^2)
# Sigmoid       s = 1 / (1 + e^-x)          s (1 - s)            s (1 - s)(1 - 2 s)
# HardSigmoid   x / 6 + 1/2 in [0, 1]       1/6 inside           0
# Softplus      log(1 + e^x)                s                    s (1 - s)
# SiLU          x s                         s + x s (1 - s)      s (1 - s)(2 + x (1 - 2 s))
# GELU          x P(x), normal P, p = P'    P + x p              p (2 - x^2)
# Exponential   e^x                         y                    y
# Affine        a x + c                     a                    0
# Identity      x                           1                    0

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.special import ndtr

from .module import Module

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Affine",
    "Exponential",
    "HardSigmoid",
    "Identity",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "affine",
    "affine_grad",
    "elu",
    "elu_grad",
    "exponential",
    "exponential_grad",
    "gelu",
    "gelu_grad",
    "hard_sigmoid",
    "hard_sigmoid_grad",
    "identity",
    "identity_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "relu",
    "relu_grad",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "tanh",
    "tanh_grad",
]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., eq. 14
_GELU_SCALE, _GELU_CUBE = math.sqrt(2 / math.pi), 0.044715
# P(-z) = e^(-z^2 / 2) (c0 t^9 + ... + c8 t), t = 1 / (1 + 0.28 z), z >= 0: least largest relative
# error, 1.7e-7, by reweighted least squares against erfcx
_CDF_SCALE = 0.28
_CDF_FIT = (
    0.024721287, -0.0935983374, 0.0924365803, -0.00645641496, 0.0727785043,
    0.0836298449, 0.103084798, 0.111699794, 0.111703858,
)  # fmt: skip
_ELEMENT_BLOCK = 32768  # numbers: the intermediate arrays of a formula stay in cache


_Elements = NDArray[np.floating]


class ActivationCache(NamedTuple):
    """What the backward pass of every activation needs."""

    x: NDArray[np.floating]  # input
    y: NDArray[np.floating]  # output
    option: Any  # slope or alpha; of SiLU s; of GELU the form and P(x), or the form and tanh


_ElementResult = tuple[_Elements, ActivationCache]


def relu(x: _Elements) -> _ElementResult:
    """Rectified linear unit, max(x, 0).

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 3.0]))[0]
    array([0., 3.])
    """
    y = np.maximum(x, 0)
    return y, ActivationCache(x, y, None)


def relu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `relu`."""
    return dy * (cache.x > 0)


def leaky_relu(x: _Elements, slope: float = 0.01) -> _ElementResult:
    """Leaky rectified linear unit: x where positive, slope * x elsewhere.

    Parameters
    ----------
    x : array
        Any shape.
    slope : float, default 0.01
        Of the negative side.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 3.0]), slope=0.1)[0]
    array([-0.2,  3. ])
    """
    if 0 < slope <= 1:  # the larger of both lines: three passes less
        y = _blockwise(lambda x: np.maximum(x, slope * x), x)
    else:
        y = _blockwise(lambda x: _above(x) + slope * _below(x), x)
    return y, ActivationCache(x, y, slope)


def leaky_relu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `leaky_relu`."""
    return _blockwise(lambda dy, x: dy * _kink(x, cache.option, 1), dy, cache.x)


def elu(x: _Elements, alpha: float = 1.0) -> _ElementResult:
    """Exponential linear unit: x where positive, alpha (e^x - 1) elsewhere.

    Parameters
    ----------
    x : array
        Any shape.
    alpha : float, default 1.0
        Minus the limit on the negative side.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.array([-np.inf, 0.0, 3.0]), alpha=2.0)[0]
    array([-2.,  0.,  3.])
    """
    y = _blockwise(lambda x: _above(x) + alpha * np.expm1(_below(x)), x)
    return y, ActivationCache(x, y, alpha)


def elu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `elu`."""
    return _blockwise(lambda dy, x: dy * _elu_slope(x, cache.option), dy, cache.x)


def _elu_slope(x: _Elements, alpha: float, scale: float = 1.0) -> _Elements:
    """Alpha e^x where x <= 0, else 1, times scale."""
    return np.exp(_below(x)) * _kink(x, scale * alpha, scale)


def _elu_second(x: _Elements, alpha: float = 1.0) -> _Elements:
    return np.exp(_below(x)) * _kink(x, alpha, 0)


def selu(x: _Elements) -> _ElementResult:
    """Self-normalising unit: `elu` with alpha 1.6733, times 1.0507.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.array([-1.0, 1.0]))[0]
    array([-1.11133074,  1.05070099])
    """
    low = _SELU_SCALE * _SELU_ALPHA
    y = _blockwise(lambda x: _SELU_SCALE * _above(x) + low * np.expm1(_below(x)), x)
    return y, ActivationCache(x, y, _SELU_ALPHA)


def selu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `selu`."""
    return _blockwise(lambda dy, x: dy * _elu_slope(x, _SELU_ALPHA, _SELU_SCALE), dy, cache.x)


def _selu_second(x: _Elements) -> _Elements:
    return _SELU_SCALE * _elu_second(x, _SELU_ALPHA)


def tanh(x: _Elements) -> _ElementResult:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([0.0, np.inf]))[0]
    array([0., 1.])
    """
    y = np.tanh(x)
    return y, ActivationCache(x, y, None)


def tanh_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `tanh`."""
    return _blockwise(lambda dy, y: dy * (1 - y * y), dy, cache.y)


def _tanh_second(x: _Elements) -> _Elements:
    y: _Elements = np.tanh(x)
    return -2 * y * (1 - y * y)


def sigmoid(x: _Elements) -> _ElementResult:
    """Logistic function 1 / (1 + e^-x), with all digits in both tails.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))[0]
    array([0. , 0.5, 1. ])
    """
    y = _blockwise(_logistic, x)
    return y, ActivationCache(x, y, None)


def sigmoid_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `sigmoid`."""
    return _blockwise(lambda dy, y: dy * y * (1 - y), dy, cache.y)


def _sigmoid_second(x: _Elements) -> _Elements:
    s = _logistic(x)
    return s * (1 - s) * (1 - 2 * s)


def _logistic(x: _Elements) -> _Elements:
    with np.errstate(over="ignore", under="ignore"):  # 1 / inf is 0, the right value
        s: _Elements = 1 / (1 + np.exp(-x))
    return s


def hard_sigmoid(x: _Elements) -> _ElementResult:
    """Straight line x / 6 + 1/2 cut to [0, 1].

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> hard_sigmoid(np.array([-4.0, 0.0, 1.5]))[0]
    array([0.  , 0.5 , 0.75])
    """
    y = _blockwise(lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1), x)
    return y, ActivationCache(x, y, None)


def hard_sigmoid_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `hard_sigmoid`."""
    return _blockwise(lambda dy, x: dy * (np.abs(x) < 3) / 6, dy, cache.x)


def softplus(x: _Elements) -> _ElementResult:
    """Smooth rectifier log(1 + e^x).

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.array([0.0, 1000.0]))[0]
    array([6.93147181e-01, 1.00000000e+03])
    """
    y = _blockwise(lambda x: _above(x) + np.log1p(np.exp(-np.abs(x))), x)
    return y, ActivationCache(x, y, None)


def softplus_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `softplus`."""
    return _blockwise(lambda dy, x: dy * _logistic(x), dy, cache.x)


def _softplus_second(x: _Elements) -> _Elements:
    s = _logistic(x)
    return s * (1 - s)


def silu(x: _Elements) -> _ElementResult:
    """Sigmoid linear unit x / (1 + e^-x), also called swish.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.array([0.0, 1.0]))[0]
    array([0.        , 0.73105858])
    """
    s = _blockwise(_logistic, x)
    y = x * s
    return y, ActivationCache(x, y, s)


def silu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `silu`."""
    return _blockwise(lambda dy, y, s: dy * (s + y * (1 - s)), dy, cache.y, cache.option)


def _silu_second(x: _Elements) -> _Elements:
    s = _logistic(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def gelu(x: _Elements, form: str = "exact") -> _ElementResult:
    """Gaussian error linear unit x P(x), P the normal distribution function.

    Parameters
    ----------
    x : array
        Any shape.
    form : {"exact", "tanh"}, default "exact"
        "tanh" is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Raises
    ------
    ValueError
        If form is neither.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.ones(1))[0], gelu(np.ones(1), "tanh")[0]
    (array([0.84134475]), array([0.84119199]))
    """
    if form not in ("exact", "tanh"):
        raise ValueError(f'form must be "exact" or "tanh", got {form!r}')
    if form == "exact":
        P = _blockwise(_normal_cdf32, x) if x.dtype == np.float32 else ndtr(x)
        y = x * P
        return y, ActivationCache(x, y, (form, P))
    t = _blockwise(_gelu_tanh, x)
    y = _blockwise(lambda x, t: 0.5 * x * (1 + t), x, t)
    return y, ActivationCache(x, y, (form, t))


def gelu_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `gelu`."""
    form, kept = cache.option
    return _blockwise(_gelu_exact_dx if form == "exact" else _gelu_tanh_dx, dy, cache.x, kept)


def _gelu_exact_dx(dy: _Elements, x: _Elements, P: _Elements) -> _Elements:
    return dy * (P + x * _normal_density(x))


def _gelu_tanh_dx(dy: _Elements, x: _Elements, t: _Elements) -> _Elements:
    du = _GELU_SCALE + 3 * _GELU_SCALE * _GELU_CUBE * (x * x)  # of the argument of tanh
    return dy * (0.5 + 0.5 * t + 0.5 * x * (1 - t * t) * du)


def _gelu_second(x: _Elements, form: str = "exact") -> _Elements:
    if form == "exact":
        return _normal_density(x) * (2 - x * x)
    t = _gelu_tanh(x)
    du, d2u = _GELU_SCALE * (1 + 3 * _GELU_CUBE * x * x), 6 * _GELU_SCALE * _GELU_CUBE * x
    return (1 - t * t) * (du + 0.5 * x * (d2u - 2 * t * du * du))


def exponential(x: _Elements) -> _ElementResult:
    """Exponential e^x.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> exponential(np.array([-np.inf, 0.0]))[0]
    array([0., 1.])
    """
    y = np.exp(x)
    return y, ActivationCache(x, y, None)


def exponential_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `exponential`."""
    return dy * cache.y


def affine(x: _Elements, slope: float = 1.0, intercept: float = 0.0) -> _ElementResult:
    """Straight line slope * x + intercept.

    Parameters
    ----------
    x : array
        Any shape.
    slope : float, default 1.0
        Multiplies x.
    intercept : float, default 0.0
        Added.

    Examples
    --------
    >>> import numpy as np
    >>> affine(np.array([1.0, 2.0]), 3.0, -1.0)[0]
    array([2., 5.])
    """
    y = slope * x + intercept
    return y, ActivationCache(x, y, slope)


def affine_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `affine`."""
    dx: _Elements = dy * cache.option
    return dx


def identity(x: _Elements) -> _ElementResult:
    """Return x itself, not a copy.

    Parameters
    ----------
    x : array
        Any shape.

    Examples
    --------
    >>> import numpy as np
    >>> identity(np.array([1.0]))[0]
    array([1.])
    """
    return x, ActivationCache(x, x, None)


def identity_grad(dy: _Elements, cache: ActivationCache) -> _Elements:
    """Gradient dx of `identity`: dy itself, not a copy."""
    return dy


def _blockwise(formula: Callable[..., Any], *arrays: _Elements) -> _Elements:
    """Apply an elementwise formula; in blocks, half the time for large arrays of float64."""
    if arrays[0].size <= _ELEMENT_BLOCK:
        small: _Elements = formula(*arrays)
        return small
    flat = [a.reshape(-1) for a in arrays]
    out = np.empty(flat[0].shape, arrays[0].dtype)
    for start in range(0, out.size, _ELEMENT_BLOCK):
        here = slice(start, start + _ELEMENT_BLOCK)
        out[here] = formula(*(a[here] for a in flat))
    return out.reshape(arrays[0].shape)


def _kink(x: _Elements, left: float, right: float) -> _Elements:
    """Left where x <= 0, right elsewhere; arithmetic: a third to half the time of np.where."""
    step = (x > 0).astype(x.dtype)
    step *= right - left
    step += left
    return step


def _gelu_tanh(x: _Elements) -> _Elements:
    u = x * x
    u *= _GELU_SCALE * _GELU_CUBE
    u += _GELU_SCALE
    u *= x
    return np.tanh(u, out=u)


def _normal_density(x: _Elements) -> _Elements:
    with np.errstate(over="ignore", under="ignore"):  # e^-inf is 0
        p: _Elements = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return p


def _normal_cdf32(x: _Elements) -> _Elements:
    """P(x) with the digits of float32, also in its tail: e^(-x^2 / 2) times a polynomial.

    A fifth of the time of `ndtr`, whose digits float32 cannot hold.
    """
    z = np.abs(x)
    t = 1 / (1 + _CDF_SCALE * z)
    tail = _CDF_FIT[0] * t
    for c in _CDF_FIT[1:]:
        tail += c
        tail *= t
    with np.errstate(over="ignore", under="ignore"):
        tail *= np.exp(-0.5 * z * z)  # P(-|x|)
    right = (x > 0).astype(x.dtype)
    return right + (1 - 2 * right) * tail


def _above(x: _Elements) -> _Elements:
    """Return max(x, 0); with zeros as an array a third of the time of np.maximum(x, 0)."""
    y: _Elements = np.maximum(x, np.zeros_like(x))
    return y


def _below(x: _Elements) -> _Elements:
    y: _Elements = np.minimum(x, np.zeros_like(x))
    return y


def _flat(x: _Elements, *_: Any) -> _Elements:
    """Second derivative of what is straight, or has a kink: 0."""
    return np.zeros_like(x)


class Activation(Module):
    """What all activation layers share: an elementwise function, its gradient and curvature."""

    # (x, *options) -> y, cache; (dy, cache) -> dx; (x, *options) -> y''
    _functions: tuple[Callable[..., _ElementResult], Callable[..., Any], Callable[..., Any]]

    _options: tuple[str, ...] = ()  # attributes that the functions take

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, ActivationCache]:
        """Output of the shape of x, and the cache."""
        result: _ElementResult = self._of(self._functions[0], x)
        return result

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        return self._functions[1](dy, self.own(cache, ActivationCache)) if need_dx else None

    def second(self, x: Any) -> Any:
        """Second derivative at x, for gradients of gradients."""
        return self._of(self._functions[2], x)

    def _of(self, function: Callable[..., Any], x: Any) -> Any:
        options = (getattr(self, name) for name in self._options)
        return function(self.accept(x, ("...",)), *options)


class ReLU(Activation):
    """Layer of `relu`.

    Examples
    --------
    >>> import numpy as np
    >>> ReLU()(np.array([-2.0, 3.0]))
    array([0., 3.])
    """

    _functions = (relu, relu_grad, _flat)


class LeakyReLU(Activation):
    """Layer of `leaky_relu`.

    Parameters
    ----------
    slope : float, default 0.01
        Of the negative side.

    Examples
    --------
    >>> import numpy as np
    >>> LeakyReLU(0.1)(np.array([-2.0, 3.0]))
    array([-0.2,  3. ])
    """

    _functions = (leaky_relu, leaky_relu_grad, _flat)
    _options = ("slope",)

    def __init__(self, slope: float = 0.01) -> None:
        """Store the slope."""
        self.slope = slope


class ELU(Activation):
    """Layer of `elu`.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit on the negative side.

    Examples
    --------
    >>> import numpy as np
    >>> ELU()(np.array([-np.inf, 3.0]))
    array([-1.,  3.])
    """

    _functions = (elu, elu_grad, _elu_second)
    _options = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        """Store alpha."""
        self.alpha = alpha


class SELU(Activation):
    """Layer of `selu`.

    Examples
    --------
    >>> import numpy as np
    >>> SELU()(np.array([-1.0]))
    array([-1.11133074])
    """

    _functions = (selu, selu_grad, _selu_second)


class Tanh(Activation):
    """Layer of `tanh`.

    Examples
    --------
    >>> import numpy as np
    >>> Tanh()(np.zeros(1))
    array([0.])
    """

    _functions = (tanh, tanh_grad, _tanh_second)


class Sigmoid(Activation):
    """Layer of `sigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> Sigmoid()(np.zeros(1))
    array([0.5])
    """

    _functions = (sigmoid, sigmoid_grad, _sigmoid_second)


class HardSigmoid(Activation):
    """Layer of `hard_sigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> HardSigmoid()(np.array([-4.0, 1.5]))
    array([0.  , 0.75])
    """

    _functions = (hard_sigmoid, hard_sigmoid_grad, _flat)


class Softplus(Activation):
    """Layer of `softplus`.

    Examples
    --------
    >>> import numpy as np
    >>> Softplus()(np.zeros(1))
    array([0.69314718])
    """

    _functions = (softplus, softplus_grad, _softplus_second)


class SiLU(Activation):
    """Layer of `silu`.

    Examples
    --------
    >>> import numpy as np
    >>> SiLU()(np.ones(1))
    array([0.73105858])
    """

    _functions = (silu, silu_grad, _silu_second)


class GELU(Activation):
    """Layer of `gelu`.

    Parameters
    ----------
    form : {"exact", "tanh"}, default "exact"
        The normal distribution function, or its approximation by tanh.

    Raises
    ------
    ValueError
        If form is neither.

    Examples
    --------
    >>> import numpy as np
    >>> GELU()(np.ones(1)), GELU("tanh")(np.ones(1))
    (array([0.84134475]), array([0.84119199]))
    """

    _functions = (gelu, gelu_grad, _gelu_second)
    _options = ("form",)

    def __init__(self, form: str = "exact") -> None:
        """Store and check the form."""
        if form not in ("exact", "tanh"):
            raise ValueError(f'GELU: form must be "exact" or "tanh", got {form!r}')
        self.form = form


class Exponential(Activation):
    """Layer of `exponential`.

    Examples
    --------
    >>> import numpy as np
    >>> Exponential()(np.zeros(1))
    array([1.])
    """

    _functions = (exponential, exponential_grad, np.exp)


class Affine(Activation):
    """Layer of `affine`.

    Parameters
    ----------
    slope : float, default 1.0
        Multiplies x.
    intercept : float, default 0.0
        Added.

    Examples
    --------
    >>> import numpy as np
    >>> Affine(3.0, -1.0)(np.array([1.0, 2.0]))
    array([2., 5.])
    """

    _functions = (affine, affine_grad, _flat)
    _options = ("slope", "intercept")

    def __init__(self, slope: float = 1.0, intercept: float = 0.0) -> None:
        """Store the line."""
        self.slope, self.intercept = slope, intercept


class Identity(Activation):
    """Layer of `identity`.

    Examples
    --------
    >>> import numpy as np
    >>> Identity()(np.ones(1))
    array([1.])
    """

    _functions = (identity, identity_grad, _flat)
