# SPDX-License-Identifier: BSD-3-Clause
"""Dropout: exact zeros, kept means, frequencies, generators of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import Dense, Dropout, Network, Sequential, dropout, dropout_grad
from byhand_testkit import gradcheck


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (0, 4), (2, 3, 4)], ids=str)
def test_the_gradient_is_zero_exactly_where_the_output_is(p: float, shape: Any) -> None:
    x, dy = np.random.default_rng(1).standard_normal((2, *shape))
    x.flags.writeable = dy.flags.writeable = False
    y, cache = dropout(x, p, np.random.default_rng(0))
    dx = dropout_grad(dy, cache)
    assert np.array_equal(dx == 0, y == 0)
    kept = y != 0
    assert np.allclose(y[kept] * dy[kept], dx[kept] * x[kept], rtol=1e-15)
    assert not np.any(kept) or p < 1


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.8])
def test_the_mean_is_kept_and_the_frequency_is_p(p: float) -> None:
    n = 400_000
    y, cache = dropout(np.ones(n), p, np.random.default_rng(0))
    assert cache.keep is not None
    dropped = 1 - cache.keep.mean()
    assert abs(dropped - p) < 5 * np.sqrt(p * (1 - p) / n) + 1 / 65536  # five standard errors
    assert abs(y.mean() - 1) < 5 * np.sqrt(p / (1 - p) / n)


def test_the_scale_undoes_the_rounding_of_p_exactly() -> None:
    for p in (0.1, 1 / 3, 0.9):
        _, cache = dropout(np.ones(8), p, np.random.default_rng(0))
        step = round(p * 65536)
        assert cache.scale * (65536 - step) == 65536


def test_neighbouring_decisions_are_independent() -> None:
    _, cache = dropout(np.ones(400_000), 0.5, np.random.default_rng(0))
    keep = np.asarray(cache.keep, float) - 0.5
    for lag in (1, 2, 3, 4, 8):
        correlation = 4 * np.mean(keep[lag:] * keep[:-lag])
        assert abs(correlation) < 5 / np.sqrt(400_000)


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_bit_generator_gives_the_frequency(bits: Any) -> None:
    _, cache = dropout(np.ones(100_000), 0.3, np.random.Generator(bits(0)))
    assert abs(1 - np.mean(cache.keep) - 0.3) < 0.01  # type: ignore[arg-type]


def test_gradients_with_a_fixed_mask() -> None:
    x = np.random.default_rng(1).standard_normal((4, 5))
    gradcheck(lambda x: dropout(x, 0.4, np.random.default_rng(0)), dropout_grad, x)


def test_inference_does_nothing_and_training_is_repeatable() -> None:
    layer, x = Dropout(0.5), np.arange(1.0, 9)
    assert np.array_equal(layer(x), x)
    one, _ = layer.forward(x, training=True, rng=np.random.default_rng(3))
    two, _ = layer.forward(x, training=True, rng=np.random.default_rng(3))
    assert np.array_equal(one, two)


def test_training_reaches_a_dropout_inside_networks() -> None:
    net: Network = Sequential(Dense(4), Sequential(Dropout(1.0)))
    net.init(np.ones((1, 3)), rng=0)
    assert np.any(net(np.ones((2, 3))))
    y, _ = net.forward(np.ones((2, 3)), training=True, rng=np.random.default_rng(0))
    assert not np.any(y)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_outside_0_to_1_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"Dropout: p must be in \[0, 1\]"):
        Dropout(p)
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
        dropout(np.ones(3), p, np.random.default_rng(0))
