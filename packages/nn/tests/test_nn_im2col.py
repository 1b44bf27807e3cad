# SPDX-License-Identifier: BSD-3-Clause
"""im2col, col2im, pad and dilate: MATLAB's numbers, adjoints, enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from byhand.nn import col2im, conv2d, dilate, im2col, pad

OPTIONS = [
    {"kernel_size": k, "stride": s, "padding": p, "dilation": d}
    for k, s, p, d in itertools.product(
        [2, (1, 3)], [1, (2, 3)], [0, "same", ((1, 0), (0, 2))], [1, (1, 2)]
    )
]


def test_local_means_of_the_matlab_documentation() -> None:
    """im2col(A, [2 2]) with A = reshape(linspace(0, 1, 16), [4 4])', mean, reshape [3 3]."""
    A = np.linspace(0, 1, 16).reshape(4, 4)
    means = im2col(A, (2, 2)).mean(axis=0).reshape(3, 3, order="F")
    expected = [[0.1667, 0.2333, 0.3], [0.4333, 0.5, 0.5667], [0.7, 0.7667, 0.8333]]
    assert np.allclose(means, expected, rtol=0, atol=5e-5)  # as printed there


def test_columns_run_down_the_patch_and_patches_run_down_the_image() -> None:
    A = np.arange(12).reshape(3, 4)
    cols = im2col(A, (2, 3))
    patches = [A[i : i + 2, j : j + 3] for j in range(2) for i in range(2)]
    assert np.array_equal(cols, np.stack([p.ravel(order="F") for p in patches], axis=1))


def test_distinct_blocks_are_stride_kernel_and_go_back() -> None:
    A = np.arange(24.0).reshape(4, 6)
    cols = im2col(A, (2, 3), stride=(2, 3))
    assert np.array_equal(cols[:, 1], A[2:4, 0:3].ravel(order="F"))
    assert np.array_equal(col2im(cols, (4, 6), (2, 3), stride=(2, 3)), A)


@pytest.mark.parametrize("layout", ["matlab", "rows"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_col2im_is_the_adjoint(options: dict[str, Any], layout: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 6, 3))
    cols = im2col(x, **options, layout=layout)
    y = rng.standard_normal(cols.shape)
    back = col2im(y, x.shape, **options, layout=layout)
    assert np.isclose((cols * y).sum(), (x * back).sum(), rtol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_rows_layout_times_the_kernel_is_a_convolution(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 6, 3))
    kh, kw = np.broadcast_to(options["kernel_size"], 2)
    W, b = rng.standard_normal((kh, kw, 3, 4)), np.zeros(4)
    rest = {k: v for k, v in options.items() if k != "kernel_size"}
    y, _ = conv2d(x, W, b, **rest)
    rows = im2col(x, **options, layout="rows") @ W.reshape(-1, 4)
    assert np.allclose(rows.reshape(y.shape), y, rtol=0, atol=1e-13)


def test_layouts_hold_the_same_patches() -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 3))
    rows = im2col(x, (2, 3), layout="rows").reshape(2, 3, 3, 2, 3, 3)
    cols = im2col(x, (2, 3)).reshape(3, 3, 2, 2, 3, 3)
    assert np.array_equal(rows.transpose(5, 4, 3, 0, 2, 1), cols)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: im2col(np.ones(3), 2), ["(H, W)", "(3,)"]),
        (lambda: im2col(np.ones((3, 3)), 2, layout="caffe"), ["layout", "caffe", "rows"]),
        (lambda: im2col(np.ones((3, 3)), 4), ["spans 4"]),
        (lambda: col2im(np.ones((4, 5)), (3, 3), 2), ["(4, 4)", "(4, 5)"]),
        (lambda: col2im(np.ones((4, 4)), (3,), 2), ["shape", "(3,)"]),
        (lambda: pad(np.ones((3, 3)), 1), ["(N, H, W, C)", "(3, 3)"]),
        (lambda: pad(np.ones((1, 3, 3, 1)), "reflect"), ["padding", "reflect"]),
        (lambda: pad(np.ones((1, 3, 3, 1)), {1: 2}), ["padding", "{1: 2}"]),
        (lambda: dilate(np.ones((1, 3, 3, 1)), 0), ["dilation", "0"]),
    ],
)
def test_a_wrong_call_is_named(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("padding", [2, (1, 2), ((0, 3), (1, 0))], ids=str)
def test_pad_is_numpys(padding: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 2))
    given = (padding, padding) if isinstance(padding, int) else padding
    pairs = [(p, p) if isinstance(p, int) else p for p in given]
    expected = np.pad(x, ((0, 0), *pairs, (0, 0)), constant_values=7)
    assert np.array_equal(pad(x, padding, value=7.0), expected)
    assert np.array_equal(pad(x, "valid"), x)


@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), [
    (5, 3, 1, 1), (6, 2, 1, 1), (7, 3, 2, 1), (8, 3, 2, 2), (9, 1, 4, 1), (4, 4, 3, 1),
])  # fmt: skip
def test_same_padding_is_just_enough(size: int, kernel: int, stride: int, dilation: int) -> None:
    x = np.ones((1, size, size, 1))
    y = pad(x, "same", kernel, stride=stride, dilation=dilation)
    added, reach = y.shape[1] - size, (kernel - 1) * dilation + 1
    positions = -(-size // stride)
    assert y.shape[1] >= (positions - 1) * stride + reach
    assert added == 0 or y.shape[1] == (positions - 1) * stride + reach
    assert y[0, : added // 2].sum() == 0  # an odd zero stands last
    assert y[0, added // 2, added // 2, 0] == 1


def test_dilate_puts_zeros_between() -> None:
    W = np.random.default_rng(0).standard_normal((3, 2, 4, 5))
    D = dilate(W, (2, 3), axes=(0, 1))
    assert D.shape == (5, 4, 4, 5)
    assert np.array_equal(D[::2, ::3], W)
    assert np.count_nonzero(D) == W.size
    x = np.random.default_rng(1).standard_normal((2, 9, 9, 4))
    assert np.allclose(
        conv2d(x, W, np.zeros(5), dilation=(2, 3))[0], conv2d(x, D, np.zeros(5))[0], atol=1e-13
    )
    assert dilate(np.ones((0, 3)), 2, axes=(0, 1)).shape == (0, 5)
