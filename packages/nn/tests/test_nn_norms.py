# SPDX-License-Identifier: BSD-3-Clause
"""Batch and layer normalisation: moments, running statistics, freezing, blocks, gradients."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    BatchNorm1D,
    BatchNorm2D,
    LayerNorm,
    Sequential,
    batch_norm,
    batch_norm_grad,
    freeze,
    layer_norm,
    layer_norm_grad,
)
from byhand_testkit import gradcheck

SHAPES = [(5, 3), (2, 3), (4, 3, 2), (2, 3, 2, 3), (1, 4, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_of_batch_norm(shape: Any) -> None:
    rng = np.random.default_rng(0)
    x, vectors = rng.standard_normal(shape), rng.standard_normal((2, shape[-1]))
    gradcheck(batch_norm, batch_norm_grad, x, *vectors)
    mean, var = rng.standard_normal(shape[-1]), rng.uniform(0.5, 2, shape[-1])
    constants = {"mean": mean, "var": var}
    gradcheck(lambda x, a, b: batch_norm(x, a, b, **constants), batch_norm_grad, x, *vectors)


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (1, 7), (0, 4), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("axes", [1, 2])
def test_gradients_of_layer_norm(shape: Any, axes: int) -> None:
    rng = np.random.default_rng(0)
    x, vectors = rng.standard_normal(shape), rng.standard_normal((2, *shape[-axes:]))
    gradcheck(layer_norm, layer_norm_grad, x, *vectors)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channels_have_mean_shift_and_deviation_gain(shape: Any) -> None:
    rng = np.random.default_rng(0)
    x, gain, shift = rng.standard_normal(shape) * 5 + 2, np.full(shape[-1], 3), np.arange(shape[-1])
    y, _ = batch_norm(x, gain, shift, eps=0.0)
    rest = tuple(range(len(shape) - 1))
    assert np.allclose(y.mean(axis=rest), shift, rtol=0, atol=1e-12)
    assert np.allclose(y.std(axis=rest), 3, rtol=1e-12)


def test_examples_have_mean_shift_and_deviation_gain() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5, 6)) * 5 + 2
    y, _ = layer_norm(x, np.full((5, 6), 3.0), np.full((5, 6), 2.0), eps=0.0)
    assert np.allclose(y.mean(axis=(1, 2)), 2, rtol=0, atol=1e-12)
    assert np.allclose(y.std(axis=(1, 2)), 3, rtol=1e-12)


@pytest.mark.parametrize("normalise", ["batch", "layer"])
def test_an_offset_of_1e8_leaves_six_digits(normalise: str) -> None:
    x = np.random.default_rng(0).standard_normal((64, 64))
    one = np.ones(64)
    function = batch_norm if normalise == "batch" else layer_norm
    y, _ = function(x, one, 0 * one)
    z, _ = function(x + 1e8, one, 0 * one)
    assert np.allclose(y, z, rtol=0, atol=1e-6)


def test_moments_about_a_first_block_unlike_the_rest_are_right(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.modules["byhand.nn.batch_norm"], "_CHANNEL_BLOCK", 1)
    x = np.random.default_rng(0).standard_normal((512 * 40, 1)) + 1e6
    x[:512] = -1e6  # the block that the others are measured from: an offset of 2e6
    y, _ = batch_norm(x, np.ones(1), np.zeros(1), eps=0.0)
    z = (x - x.mean()) / x.std()
    assert np.allclose(y, z, rtol=0, atol=1e-12)  # about 0 they would be no worse here,
    x[:512] += 2e6  # but here: deviation 1 at 1e6, so that 1e-16 (1e6)^2 is lost
    y, _ = batch_norm(x, np.ones(1), np.zeros(1), eps=0.0)
    assert np.allclose(y, (x - x.mean()) / x.std(), rtol=0, atol=1e-8)  # of 1e6 + z as rounded


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_channel_becomes_its_shift(dtype: Any) -> None:
    x, shift = np.full((999, 3), 0.1, dtype), np.array([-1.0, 0.0, 2.0], dtype)
    y, cache = batch_norm(x, np.ones(3, dtype), shift)
    assert np.all(cache.var >= 0)
    assert np.allclose(y, np.broadcast_to(shift, y.shape), rtol=0, atol=300 * np.finfo(dtype).eps)


def test_running_statistics_are_averages_of_mean_and_unbiased_variance() -> None:
    rng = np.random.default_rng(0)
    layer = BatchNorm1D(momentum=0.25).init(np.zeros((1, 3)), rng=0)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = rng.standard_normal((6, 3))
        layer.forward(x, training=True)
        mean, var = 0.75 * mean + 0.25 * x.mean(axis=0), 0.75 * var + 0.25 * x.var(axis=0, ddof=1)
    assert np.allclose(layer.mean, mean, rtol=1e-12)
    assert np.allclose(layer.var, var, rtol=1e-12)
    x = rng.standard_normal((4, 3))
    assert np.allclose(layer(x), (x - mean) / np.sqrt(var + 1e-5), rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_one_value_and_no_value_are_finite(training: bool) -> None:
    layer = BatchNorm1D().init(np.zeros((1, 3)), rng=0)
    before = layer.mean.copy(), layer.var.copy()
    y, cache = layer.forward(np.zeros((0, 3)), training=training)
    assert layer.backward(y, cache).shape == (0, 3)
    assert np.array_equal(before, (layer.mean, layer.var))
    y, cache = layer.forward(np.full((1, 3), 7.0), training=training)
    assert np.all(np.isfinite(layer.backward(np.ones((1, 3)), cache)))
    assert np.all(np.isfinite(layer.var))
    if training:
        assert np.array_equal(y, np.zeros((1, 3)))


def test_a_frozen_layer_uses_and_keeps_its_running_statistics() -> None:
    net = Sequential(BatchNorm2D(), LayerNorm()).init(np.zeros((1, 2, 2, 3)), rng=0)
    x = np.random.default_rng(0).standard_normal((4, 2, 2, 3))
    net.forward(x, training=True)
    inference = net(x)
    freeze(net.layers[0], net)
    statistics = net.layers[0].mean.copy()
    y, _ = net.forward(x, training=True)
    assert np.array_equal(y, inference)
    assert np.array_equal(net.layers[0].mean, statistics)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_a_block_does_not_change_the_result(block: int, monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 5, 4, 3, 2))
    gain, shift = rng.standard_normal((2, 2))
    args = (x, gain, shift)
    pairs: Any = ((batch_norm, batch_norm_grad), (layer_norm, layer_norm_grad))
    expected = []
    for blocked in (False, True):
        if blocked:
            monkeypatch.setattr(sys.modules["byhand.nn.batch_norm"], "_CHANNEL_BLOCK", block)
            monkeypatch.setattr(sys.modules["byhand.nn.layer_norm"], "_NORM_BLOCK", block)
        for function, grad in pairs:
            y, cache = function(*args)
            result = (y, *grad(g, cache))
            if not blocked:
                expected.append(result)
            else:
                for one, other in zip(expected.pop(0), result, strict=True):
                    assert np.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: batch_norm(np.ones((2, 3)), np.ones(2), np.ones(3)), ["gain", "(2, 3)", "(2,)"]),
        (
            lambda: batch_norm(np.ones((2, 3)), np.ones(3), np.ones(3), mean=np.ones(3)),
            ["mean and var"],
        ),
        (lambda: layer_norm(np.ones((2, 3)), np.ones(2), np.ones(2)), ["gain", "(2, 3)", "(2,)"]),
        (lambda: layer_norm(np.ones((2, 3)), np.ones(()), np.ones(())), ["gain", "()"]),
        (lambda: BatchNorm1D(momentum=1.5), ["BatchNorm1D", "momentum", "1.5"]),
        (lambda: BatchNorm2D(momentum=-1), ["BatchNorm2D", "momentum", "-1"]),
        (lambda: LayerNorm(axes=0), ["LayerNorm", "axes", "0"]),
        (
            lambda: LayerNorm(axes=2).init(np.ones((4, 3)), rng=0),
            ["LayerNorm", "more than 2 axes", "(4, 3)"],
        ),
        (
            lambda: BatchNorm2D().init(np.ones((1, 2, 2, 3)), rng=0)(np.ones((2, 3))),
            ["BatchNorm2D", "4 axes", "(2, 3)"],
        ),
        (
            lambda: LayerNorm(axes=2).init(np.ones((1, 2, 3)), rng=0)(np.ones((1, 3, 3))),
            ["LayerNorm", "2, 3", "(1, 3, 3)"],
        ),
    ],
)
def test_a_wrong_call_is_named(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    for word in words:
        assert word in str(caught.value)
