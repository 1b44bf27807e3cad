# SPDX-License-Identifier: BSD-3-Clause
"""Activations: closed values, first and second derivatives by central differences, extremes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from byhand import nn

LAYERS = [
    nn.ReLU(),
    nn.LeakyReLU(),
    nn.LeakyReLU(0.3),
    nn.ELU(),
    nn.ELU(0.7),
    nn.SELU(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.HardSigmoid(),
    nn.Softplus(),
    nn.SiLU(),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Exponential(),
    nn.Affine(3.0, -1.0),
    nn.Identity(),
]
GRID = np.linspace(-4.03, 4.07, 83)  # misses the kinks at 0 and +-3


def name(layer: Any) -> str:
    return f"{type(layer).__name__}{tuple(vars(layer).values())}"


def first(layer: Any, x: Any) -> Any:
    _, cache = layer.forward(x)
    return layer.backward(np.ones_like(x), cache)


@pytest.mark.parametrize("layer", LAYERS, ids=name)
def test_the_first_derivative_is_that_of_the_value(layer: Any) -> None:
    numerical = (layer(GRID + 1e-5) - layer(GRID - 1e-5)) / 2e-5
    assert np.allclose(first(layer, GRID), numerical, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("layer", LAYERS, ids=name)
def test_the_second_derivative_is_that_of_the_first(layer: Any) -> None:
    numerical = (first(layer, GRID + 1e-5) - first(layer, GRID - 1e-5)) / 2e-5
    assert np.allclose(layer.second(GRID), numerical, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (nn.gelu, 1.0, 0.841344746069),
        (lambda x: nn.gelu(x, "tanh"), 1.0, 0.841191990608),
        (nn.selu, -1.0, -1.111330737813),
        (nn.softplus, 1000.0, 1000.0),
        (nn.softplus, -50.0, np.exp(-50.0)),
        (nn.sigmoid, -1000.0, 0.0),
        (nn.sigmoid, -50.0, np.exp(-50.0)),
        (nn.sigmoid, 1000.0, 1.0),
        (nn.silu, -800.0, 0.0),
        (nn.elu, -1e-12, -1e-12),
        (nn.hard_sigmoid, 3.0, 1.0),
        (nn.exponential, 1.0, np.e),
        (nn.tanh, np.arctanh(0.25), 0.25),
    ],
)
def test_known_values(function: Any, x: float, expected: float) -> None:
    assert np.allclose(function(np.array([x]))[0], expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("layer", LAYERS, ids=name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_warning_and_no_nan_far_from_0(layer: Any, dtype: Any) -> None:
    x = np.array([-1e4, -1000, -88, -1, 0, 1, 50], dtype)
    if not isinstance(layer, nn.Exponential):
        x = np.append(x, dtype(1e4))
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        for result in (layer(x), first(layer, x), layer.second(x)):
            assert np.all(np.isfinite(result))
            assert result.dtype == dtype


@pytest.mark.parametrize(
    ("layer", "x", "expected"),
    [
        (nn.LeakyReLU(0.3), -2.0, -0.6),
        (nn.LeakyReLU(1.5), -2.0, -3.0),
        (nn.LeakyReLU(1.5), 2.0, 2.0),
        (nn.LeakyReLU(-0.5), -2.0, 1.0),
        (nn.ELU(0.7), -1000.0, -0.7),
        (nn.GELU("tanh"), 1.0, 0.841191990608),
        (nn.Affine(3.0, -1.0), 2.0, 5.0),
    ],
    ids=lambda p: name(p) if hasattr(p, "forward") else str(p),
)
def test_an_option_of_a_layer_reaches_its_function(layer: Any, x: float, expected: float) -> None:
    assert np.allclose(layer(np.array([x])), expected, rtol=1e-11, atol=0)


def test_gelu_of_float32_has_the_digits_of_float32() -> None:
    x = np.linspace(-12, 12, 481, dtype=np.float32)
    P = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.tolist()])
    y, cache = nn.gelu(x)
    assert y.dtype == np.float32
    # x^2 / 2, up to 72, is rounded to 4e-6 before it becomes an exponent
    assert np.allclose(y, x * P, rtol=6e-6, atol=0)
    assert np.allclose(y[np.abs(x) < 3], (x * P)[np.abs(x) < 3], rtol=1e-6, atol=0)
    density = np.exp(-(x.astype(float) ** 2) / 2) / math.sqrt(2 * math.pi)
    assert np.allclose(nn.gelu_grad(np.ones_like(x), cache), P + x * density, rtol=1e-4, atol=5e-7)


@pytest.mark.parametrize("x", [-80.0, -20.0, -1.0, 1.0, 20.0])
def test_sigmoid_of_float32_keeps_its_small_values(x: float) -> None:
    y, _ = nn.sigmoid(np.array([x], np.float32))
    assert np.allclose(y, 1 / (1 + math.exp(-x)), rtol=5e-7, atol=0)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU()], ids=name)
def test_the_kink_belongs_to_the_left(layer: Any) -> None:
    assert np.isclose(first(layer, np.zeros(1))[0], first(layer, np.array([-1e-12]))[0])


def test_the_input_is_not_written() -> None:
    x = np.linspace(-3, 3, 7)
    x.flags.writeable = False
    dy = np.ones(7)
    dy.flags.writeable = False
    for layer in LAYERS:
        _, cache = layer.forward(x)
        layer.backward(dy, cache)
        layer.second(x)


@pytest.mark.parametrize("call", [lambda: nn.GELU("erf"), lambda: nn.gelu(np.ones(1), "erf")])
def test_a_wrong_form_lists_the_choices(call: Any) -> None:
    with pytest.raises(ValueError, match='"exact" or "tanh", got \'erf\''):
        call()
