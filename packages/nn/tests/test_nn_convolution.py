# SPDX-License-Identifier: BSD-3-Clause
"""Convolutions against loops over taps, published numbers, adjoints and central differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    conv1d,
    conv1d_grad,
    conv2d,
    conv2d_grad,
    conv_transpose2d,
    conv_transpose2d_grad,
    deconv2d,
    lowering,
)
from byhand_testkit import gradcheck

PADDINGS = [0, 1, "same", (2, 0), ((1, 0), (0, 2))]


def loop_over_taps(x: Any, W: Any, b: Any, stride: Any, pads: Any, dilation: Any) -> Any:
    """Add up the contribution of each tap to each position, one number at a time."""
    (top, bottom), (left, right) = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    kh, kw, C, F = W.shape
    rows = (padded.shape[1] - (kh - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (padded.shape[2] - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.zeros((len(x), rows, columns, F)) + b
    for oh, ow, i, j in itertools.product(range(rows), range(columns), range(kh), range(kw)):
        pixel = padded[:, oh * stride[0] + i * dilation[0], ow * stride[1] + j * dilation[1]]
        for c, f in itertools.product(range(C), range(F)):
            y[:, oh, ow, f] += pixel[:, c] * W[i, j, c, f]
    return y


def same_pads(size: int, k: int, s: int, d: int) -> tuple[int, int]:
    total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
    return total // 2, total - total // 2


def arrays(kernel: tuple[int, int], size: tuple[int, int], N: int = 2) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((N, *size, 2)),
        rng.standard_normal((*kernel, 2, 3)),
        rng.standard_normal(3),
    )


def test_onnx_convolution_with_and_without_padding() -> None:
    """ONNX node test `conv`: 5 x 5 of 0 .. 24, a 3 x 3 kernel of ones."""
    x, W = np.arange(25.0).reshape(1, 5, 5, 1), np.ones((3, 3, 1, 1))
    padded = conv2d(x, W, np.zeros(1), padding=1)[0][0, :, :, 0]
    assert padded[0].tolist() == [12, 21, 27, 33, 24]
    assert padded[2].tolist() == [63, 99, 108, 117, 81]
    valid = conv2d(x, W, np.zeros(1))[0][0, :, :, 0]
    assert valid.tolist() == [[54, 63, 72], [99, 108, 117], [144, 153, 162]]


def test_onnx_transposed_convolution() -> None:
    """ONNX node test `convtranspose`: 3 x 3 of 0 .. 8, a 3 x 3 kernel of ones."""
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    y = conv_transpose2d(x, np.ones((3, 3, 1, 1)), np.zeros(1))[0][0, :, :, 0]
    assert y.tolist() == [
        [0, 1, 3, 3, 2],
        [3, 8, 15, 12, 7],
        [9, 21, 36, 27, 15],
        [9, 20, 33, 24, 13],
        [6, 13, 21, 15, 8],
    ]
    assert deconv2d is conv_transpose2d


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
@pytest.mark.parametrize("dilation", [1, 2, (1, 3), (2, 1)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, (3, 1), (1, 2)], ids=str)
def test_a_convolution_is_the_sum_over_its_taps(stride: Any, dilation: Any, padding: Any) -> None:
    kernel, size = (2, 3), (7, 9)
    x, W, b = arrays(kernel, size)
    s, d = np.broadcast_to(stride, 2).tolist(), np.broadcast_to(dilation, 2).tolist()
    if padding == "same":
        pads: Any = [same_pads(n, k, *o) for n, k, *o in zip(size, kernel, s, d, strict=True)]
    else:
        given = (padding, padding) if isinstance(padding, int) else padding
        pads = [(p, p) if isinstance(p, int) else p for p in given]
    y, cache = conv2d(x, W, b, stride=stride, padding=padding, dilation=dilation)
    assert np.allclose(y, loop_over_taps(x, W, b, s, pads, d), rtol=0, atol=1e-13)
    # <conv(x), v> is linear in x and in W: the gradients are exact in one product
    v = np.random.default_rng(1).standard_normal(y.shape)
    dx, dW, db = conv2d_grad(v, cache)
    assert np.isclose((dx * x).sum() + db @ b, (y * v).sum(), rtol=1e-12)
    assert np.isclose((dW * W).sum() + db @ b, (y * v).sum(), rtol=1e-12)
    assert np.allclose(db, v.sum(axis=(0, 1, 2)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "size", "options"),
    [
        ((1, 1), (3, 5), {}),
        ((1, 1), (3, 5), {"stride": 2}),
        ((1, 1), (3, 5), {"padding": 1}),
        ((3, 3), (5, 5), {"padding": 4}),
        ((3, 2), (5, 7), {"stride": 3, "padding": "same"}),
        ((2, 3), (6, 7), {"stride": (1, 3), "dilation": (2, 2), "padding": (0, 1)}),
        ((2, 2), (7, 7), {"stride": 2, "dilation": 3}),
        ((5, 5), (5, 5), {}),
        ((1, 4), (1, 9), {"stride": 2, "dilation": (1, 2)}),
        ((3, 1), (9, 1), {"stride": (2, 1), "padding": ((2, 0), (0, 0))}),
    ],
)
@pytest.mark.parametrize("N", [0, 1, 2])
def test_gradients_of_a_convolution(kernel: Any, size: Any, options: Any, N: int) -> None:
    gradcheck(lambda x, W, b: conv2d(x, W, b, **options), conv2d_grad, *arrays(kernel, size, N))


@pytest.mark.parametrize("padding", [0, 1, "same", ((0, 1), (1, 0))], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3, (1, 4)], ids=str)
@pytest.mark.parametrize("N", [0, 1, 2])
def test_gradients_of_a_transposed_convolution(stride: Any, padding: Any, N: int) -> None:
    gradcheck(
        lambda x, W, b: conv_transpose2d(x, W, b, stride=stride, padding=padding),
        conv_transpose2d_grad,
        *arrays((3, 2), (3, 4), N),
    )


@pytest.mark.parametrize("padding", [0, 2, (3, 0), "same", "causal"], ids=str)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3), (3, 2)])
@pytest.mark.parametrize("N", [0, 1, 2])
def test_gradients_of_a_convolution_in_time(
    padding: Any, stride: int, dilation: int, N: int
) -> None:
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((N, 11, 2)), rng.standard_normal((3, 2, 3)), np.ones(3)
    options = {"padding": padding, "stride": stride, "dilation": dilation}
    gradcheck(lambda x, W, b: conv1d(x, W, b, **options), conv1d_grad, x, W, b)


@pytest.mark.parametrize("k", [1, 3])
def test_without_channels_the_bias_is_left(k: int) -> None:
    y, cache = conv2d(np.ones((2, 5, 5, 0)), np.ones((k, k, 0, 3)), np.ones(3), padding="same")
    assert np.array_equal(y, np.ones((2, 5, 5, 3)))
    assert [g.shape for g in conv2d_grad(y, cache)] == [(2, 5, 5, 0), (k, k, 0, 3), (3,)]


@pytest.mark.parametrize("stride", [1, 2, (3, 2)], ids=str)
@pytest.mark.parametrize("padding", [0, 1, ((1, 0), (0, 1))], ids=str)
def test_transposed_convolution_is_the_adjoint(stride: Any, padding: Any) -> None:
    """<conv2d(x), y> = <x, conv_transpose2d(y)> with the kernel's channels exchanged."""
    rng = np.random.default_rng(0)
    y, W = rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((3, 2, 3, 2))
    back, _ = conv_transpose2d(y, W, np.zeros(2), stride=stride, padding=padding)
    x = rng.standard_normal(back.shape)
    there, _ = conv2d(x, W.swapaxes(2, 3), np.zeros(3), stride=stride, padding=padding)
    assert there.shape == y.shape
    assert np.isclose((there * y).sum(), (x * back).sum(), rtol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (1, 3), (2, 3), (3, 2), (4, 2), (3, 1)])
def test_same_padding_multiplies_the_size_by_the_stride(kernel: int, stride: int) -> None:
    W = np.ones((kernel, kernel, 1, 1))
    y, _ = conv_transpose2d(np.ones((1, 3, 4, 1)), W, np.zeros(1), stride=stride, padding="same")
    assert y.shape == (1, 3 * stride, 4 * stride, 1)
    y, _ = conv2d(np.ones((1, 7, 6, 1)), W, np.zeros(1), stride=stride, padding="same")
    assert y.shape == (1, -(-7 // stride), -(-6 // stride), 1)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_a_causal_convolution_does_not_look_ahead(dilation: int) -> None:
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((1, 12, 2)), rng.standard_normal((3, 2, 2)), np.zeros(2)
    y, _ = conv1d(x, W, b, padding="causal", dilation=dilation)
    assert y.shape == x.shape
    for t in range(12):
        changed = x.copy()
        changed[:, t] += 1
        moved = conv1d(changed, W, b, padding="causal", dilation=dilation)[0] != y
        first = int(np.flatnonzero(moved.any(axis=(0, 2)))[0])
        assert first == t


def test_a_convolution_in_time_is_the_sum_over_its_taps() -> None:
    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((2, 9, 2)), rng.standard_normal((3, 2, 4)), np.ones(4)
    y, _ = conv1d(x, W, b, stride=2, dilation=2, padding=(3, 1))
    expected = loop_over_taps(x[:, :, None], W[:, None], b, (2, 1), ((3, 1), (0, 0)), (2, 1))
    assert np.allclose(y, expected[:, :, 0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("block", [1, 500, 3000, 20000])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 2}, {"dilation": (2, 3)}], ids=str
)
def test_the_size_of_a_block_does_not_change_the_result(
    block: int, options: Any, monkeypatch: Any
) -> None:
    """Blocks of one row, of part of an image, of several images with a short last one."""
    x, W, b = arrays((3, 2), (11, 8), N=7)
    y, cache = conv2d(x, W, b, **options)
    v = np.random.default_rng(1).standard_normal(y.shape)
    expected = (y, *conv2d_grad(v, cache))
    monkeypatch.setattr(lowering, "_BLOCK_BYTES", block)
    y, cache = conv2d(x, W, b, **options)
    for one, other in zip(expected, (y, *conv2d_grad(v, cache)), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-12)


def test_float32_is_within_rounding_of_float64() -> None:
    x, W, b = arrays((3, 3), (9, 9))
    y, cache = conv2d(x, W, b, padding=1)
    small, small_cache = conv2d(*(a.astype(np.float32) for a in (x, W, b)), padding=1)
    assert small.dtype == np.float32
    assert np.allclose(small, y, rtol=0, atol=1e-5)  # 18 products of size 1 in float32
    for g, h in zip(
        conv2d_grad(np.ones_like(y), cache),
        conv2d_grad(np.ones_like(small), small_cache),
        strict=True,
    ):
        assert h.dtype == np.float32
        assert np.allclose(h, g, rtol=1e-5, atol=1e-4)  # sums of up to 162 in float32


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (Conv2D(2, 3, stride=0), (1, 5, 5, 1), ["Conv2D", "stride", ">= 1", "0"]),
        (Conv2D(2, 3, stride=1.5), (1, 5, 5, 1), ["stride", "1.5"]),
        (Conv2D(2, 3, dilation=0), (1, 5, 5, 1), ["Conv2D", "dilation", "0"]),
        (Conv2D(2, 0), (1, 5, 5, 1), ["kernel_size", "0"]),
        (Conv2D(2, (3, 3, 3)), (1, 5, 5, 1), ["kernel_size", "(3, 3, 3)"]),
        (Conv2D(2, 6), (1, 5, 5, 1), ["Conv2D", "spans 6", "padded input of 5"]),
        (Conv2D(2, 3, dilation=3), (1, 5, 5, 1), ["spans 7", "dilation 3"]),
        (Conv2D(2, 3, padding=-1), (1, 5, 5, 1), ["padding", "-1"]),
        (Conv2D(2, 3, padding="full"), (1, 5, 5, 1), ["padding", "'full'", '"same"']),
        (Conv2D(2, 3), (5, 5, 1), ["Conv2D", "(5, 5, 1)"]),
        (Conv1D(2, 3, padding="reflect"), (1, 5, 1), ["Conv1D", "causal", "'reflect'"]),
        (Conv1D(2, 6), (1, 5, 1), ["Conv1D", "spans 6"]),
        (Conv1D(2, 2, dilation=0), (1, 5, 1), ["dilation"]),
        (ConvTranspose2D(2, 3, padding=3), (1, 2, 2, 1), ["ConvTranspose2D", "nothing is left"]),
        (ConvTranspose2D(2, 3, stride=0), (1, 2, 2, 1), ["ConvTranspose2D", "stride"]),
    ],
)
def test_a_wrong_option_is_named(layer: Any, shape: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        layer.init(np.ones(shape), rng=0)
    for word in words:
        assert word in str(caught.value)
