# SPDX-License-Identifier: BSD-3-Clause
"""Pooling against loops over windows, published numbers and central differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    AvgPool2D,
    MaxPool2D,
    avg_pool2d,
    avg_pool2d_grad,
    global_avg_pool2d,
    global_avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from byhand_testkit import gradcheck

CASES = [
    ((2, 2), None, 0),
    ((2, 2), None, 1),
    ((3, 3), 2, 1),
    ((3, 2), (1, 3), ((2, 0), (0, 1))),
    ((2, 3), 1, "same"),
    ((1, 1), 2, 0),
    ((2, 2), 3, 0),
    ((1, 3), None, 0),
    ((5, 7), None, 0),
]


def windows(x: Any, kernel: Any, stride: Any, pads: Any) -> Any:
    """(oh, ow, window) of real pixels for each position."""
    (top, bottom), (left, right) = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=np.nan)
    rows = (padded.shape[1] - kernel[0]) // stride[0] + 1
    columns = (padded.shape[2] - kernel[1]) // stride[1] + 1
    for oh, ow in itertools.product(range(rows), range(columns)):
        at, over = oh * stride[0], ow * stride[1]
        yield oh, ow, padded[:, at : at + kernel[0], over : over + kernel[1]]


def images(N: int = 2) -> Any:
    """Distinct negative values: padding would win if it were 0."""
    values = -1.0 - np.random.default_rng(0).permutation(N * 5 * 7 * 2) / 4
    return values.reshape(N, 5, 7, 2)


def options_of(kernel: Any, stride: Any, padding: Any) -> tuple[dict[str, Any], Any]:
    steps = kernel if stride is None else tuple(np.broadcast_to(stride, 2).tolist())
    return {"kernel_size": kernel, "stride": stride, "padding": padding}, steps


def test_onnx_maximum_with_padding() -> None:
    """ONNX node test `maxpool_2d_precomputed_pads`: 1 .. 25, 5 x 5, padding 2."""
    x = np.arange(1.0, 26).reshape(1, 5, 5, 1)
    y = max_pool2d(x, 5, stride=1, padding=2)[0][0, :, :, 0]
    assert y[0].tolist() == [13, 14, 15, 15, 15]
    assert y[2].tolist() == [23, 24, 25, 25, 25]


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES, ids=str)
def test_padding_never_wins_and_the_maximum_is_the_windows(
    kernel: Any, stride: Any, padding: Any
) -> None:
    options, steps = options_of(kernel, stride, padding)
    y, cache = max_pool2d(images(), **options)
    for oh, ow, window in windows(images(), kernel, steps, cache.grid.pads):
        assert np.array_equal(y[:, oh, ow], np.nanmax(window, axis=(1, 2)))
    assert np.all(y < 0)


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES, ids=str)
@pytest.mark.parametrize("count_padding", [True, False])
def test_the_mean_is_the_windows(
    kernel: Any, stride: Any, padding: Any, count_padding: bool
) -> None:
    options, steps = options_of(kernel, stride, padding)
    y, cache = avg_pool2d(images(), **options, count_padding=count_padding)
    for oh, ow, window in windows(images(), kernel, steps, cache.grid.pads):
        total = np.nansum(window, axis=(1, 2))
        count = np.isfinite(window[0, :, :, 0]).sum()
        expected = total / (kernel[0] * kernel[1] if count_padding else count)
        assert np.allclose(y[:, oh, ow], expected, rtol=1e-14)


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES, ids=str)
@pytest.mark.parametrize("N", [0, 1, 2])
def test_gradients_of_pooling(kernel: Any, stride: Any, padding: Any, N: int) -> None:
    options, _ = options_of(kernel, stride, padding)
    gradcheck(lambda x: max_pool2d(x, **options), max_pool2d_grad, images(N))
    gradcheck(lambda x: avg_pool2d(x, **options), avg_pool2d_grad, images(N))
    gradcheck(lambda x: avg_pool2d(x, **options, count_padding=False), avg_pool2d_grad, images(N))


@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), 2), ((3, 2), 1), ((1, 3), 3)], ids=str)
def test_of_equal_values_the_first_in_reading_order_gets_the_gradient(
    kernel: Any, stride: int
) -> None:
    x = np.zeros((1, 6, 6, 1))
    y, cache = max_pool2d(x, kernel, stride=stride)
    dx = max_pool2d_grad(np.ones_like(y), cache)[0, :, :, 0]
    n = y.shape[1:3]
    expected = np.zeros((6, 6))
    expected[: n[0] * stride : stride, : n[1] * stride : stride] = 1
    assert np.array_equal(dx, expected)


def test_the_gradient_of_a_maximum_is_not_lost() -> None:
    x = np.random.default_rng(0).integers(0, 3, (2, 7, 7, 3)).astype(float)  # many ties
    y, cache = max_pool2d(x, 3, stride=2, padding=1)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    assert np.allclose(max_pool2d_grad(dy, cache).sum(axis=(1, 2)), dy.sum(axis=(1, 2)))


@pytest.mark.parametrize("N", [0, 1, 2])
def test_gradients_of_global_average(N: int) -> None:
    gradcheck(global_avg_pool2d, global_avg_pool2d_grad, images(N))
    assert np.allclose(global_avg_pool2d(images())[0], images().mean(axis=(1, 2)))


@pytest.mark.parametrize("layer", [MaxPool2D, AvgPool2D])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel_size": 2, "padding": 2}, ["padding must be smaller", "window of 2"]),
        ({"kernel_size": 6}, ["spans 6", "padded input of 5"]),
        ({"kernel_size": 0}, ["kernel_size"]),
        ({"kernel_size": 2, "stride": 0}, ["stride"]),
    ],
)
def test_a_wrong_window_is_named(layer: Any, options: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=layer.__name__) as caught:
        layer(**options)(images())
    for word in words:
        assert word in str(caught.value)


def test_the_input_and_the_gradient_are_not_written() -> None:
    x = images()
    x.flags.writeable = False
    pairs: Any = ((max_pool2d, max_pool2d_grad), (avg_pool2d, avg_pool2d_grad))
    for pool, grad in pairs:
        y, cache = pool(x, 2)
        dy = np.ones_like(y)
        dy.flags.writeable = False
        grad(dy, cache)
        y[...] = 0  # the result is the caller's: changing it does not reach x
    y, _ = max_pool2d(x, 1)
    assert not np.shares_memory(x, y)
