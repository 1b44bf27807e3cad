# SPDX-License-Identifier: BSD-3-Clause
"""Elman network against a literal loop over sequences, steps and units; ragged batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from byhand.nn import RNN, rnn, rnn_grad
from byhand.nn._recurrent import panels, product_grads, rectangles
from byhand_testkit import gradcheck

SQUASH = {"tanh": math.tanh, "relu": lambda z: max(z, 0.0)}
BATCHES = [
    (3, 5, 2, 3, [5, 0, 2]),
    (3, 5, 2, 3, None),
    (4, 4, 3, 2, [1, 4, 4, 1]),
    (1, 1, 1, 1, None),
    (2, 3, 1, 5, [3, 3]),
    (2, 3, 2, 2, [0, 0]),
    (2, 0, 2, 3, None),
    (0, 3, 2, 3, None),
    (0, 3, 2, 3, []),
]


def arguments(N: int, T: int, C: int, H: int, seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    shapes = (N, T, C), (N, H), (C, H), (H, H), (H,)
    return tuple(0.7 * rng.standard_normal(shape) for shape in shapes)


def as_lengths(lengths: Any) -> Any:
    return None if lengths is None else np.array(lengths, np.int64)


def literal(args: Any, lengths: Any, f: Any) -> tuple[Any, Any]:
    """One number at a time."""
    x, h0, Wx, Wh, b = args
    N, T, C = x.shape
    H = len(b)
    y, last = np.zeros((N, T, H)), np.array(h0)
    for n in range(N):
        h = [float(v) for v in h0[n]]
        for t in range(T if lengths is None else lengths[n]):
            h = [
                f(
                    sum(x[n, t, c] * Wx[c, j] for c in range(C))
                    + sum(h[k] * Wh[k, j] for k in range(H))
                    + b[j]
                )
                for j in range(H)
            ]
            y[n, t] = h
        last[n] = h
    return y, last


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_every_step_is_that_of_the_literal_loop(
    N: int, T: int, C: int, H: int, lengths: Any, nonlinearity: str
) -> None:
    args = arguments(N, T, C, H)
    (y, h), _ = rnn(*args, lengths=as_lengths(lengths), nonlinearity=nonlinearity)
    expected = literal(args, lengths, SQUASH[nonlinearity])
    np.testing.assert_allclose(y, expected[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(h, expected[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_gradients_are_central_differences(
    N: int, T: int, C: int, H: int, lengths: Any, nonlinearity: str
) -> None:
    options = {"lengths": as_lengths(lengths), "nonlinearity": nonlinearity}
    gradcheck(lambda *a: rnn(*a, **options), rnn_grad, *arguments(N, T, C, H))


def test_what_lies_beyond_a_sequence_is_never_read() -> None:
    x, *rest = arguments(3, 5, 2, 3)
    lengths = np.array([5, 0, 2])
    garbage = np.where(np.arange(5)[:, None] < lengths[:, None, None], x, np.nan)
    dout = np.ones((3, 5, 3)), np.ones((3, 3))
    out, cache = rnn(x, *rest, lengths=lengths)
    out_garbage, cache_garbage = rnn(garbage, *rest, lengths=lengths)
    for a, b in zip(out, out_garbage, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(rnn_grad(dout, cache), rnn_grad(dout, cache_garbage), strict=True):
        np.testing.assert_array_equal(a, b)
    dx = rnn_grad(dout, cache_garbage)[0]
    assert dx is not None
    assert not dx[1].any()
    assert not dx[2, 2:].any()
    assert dx[2, :2].all()


def test_a_ragged_batch_equals_its_sequences_one_by_one() -> None:
    x, h0, *weights = arguments(5, 6, 2, 3)
    lengths = np.array([6, 1, 0, 4, 4])
    dy, dh = np.random.default_rng(1).standard_normal((5, 6, 3)), np.ones((5, 3))
    (y, h), cache = rnn(x, h0, *weights, lengths=lengths)
    dx, dh0, *dweights = rnn_grad((dy, dh), cache)
    sums = [np.zeros_like(w) for w in weights]
    for n, t in enumerate(lengths):
        (y1, h1), one = rnn(x[n : n + 1, :t], h0[n : n + 1], *weights)
        dx1, dh1, *dw1 = rnn_grad((dy[n : n + 1, :t], dh[n : n + 1]), one)
        np.testing.assert_allclose(y[n, :t], y1[0], rtol=1e-12, atol=0)
        np.testing.assert_allclose(h[n], h1[0], rtol=1e-12, atol=0)
        np.testing.assert_allclose(dx[n, :t], dx1[0], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dh0[n], dh1[0], rtol=1e-10, atol=1e-14)
        sums = [s + d for s, d in zip(sums, dw1, strict=True)]
    for s, d in zip(sums, dweights, strict=True):
        np.testing.assert_allclose(d, s, rtol=1e-10, atol=1e-13)


def test_running_on_from_the_final_state_equals_running_at_once() -> None:
    x, h0, *weights = arguments(2, 7, 2, 3)
    (whole, last), _ = rnn(x, h0, *weights)
    (_, h), _ = rnn(x[:, :4], h0, *weights)
    (rest, end), _ = rnn(x[:, 4:], h, *weights)
    np.testing.assert_array_equal(rest, whole[:, 4:])
    np.testing.assert_array_equal(end, last)


def test_rectangles_cover_every_step_of_every_sequence_once() -> None:
    lengths = np.array([2, 5, 2, 0, 5, 1])
    seen = np.zeros((6, 5), int)
    for rows, steps in rectangles(lengths, 6):
        seen[rows, steps] += 1
    np.testing.assert_array_equal(seen, np.arange(5) < lengths[:, None])
    assert list(rectangles(np.array([3, 3]), 2)) == [(slice(None), slice(0, 3))]


@pytest.mark.parametrize(("G", "F", "n"), [(512, 257, 8), (1024, 65, 100), (509, 300, 8)])
def test_panels_are_a_view_whose_products_together_are_the_product(G: int, F: int, n: int) -> None:
    rng = np.random.default_rng(0)
    W, X = rng.standard_normal((G, F)), rng.standard_normal((F, n))
    split = panels(W, n)
    assert np.shares_memory(split, W)
    assert (len(split) > 1) == (G != 509)  # a prime number of rows stays whole
    if len(split) > 1:
        assert split.shape[1] * F * n <= 1e6
        assert split.shape[1] >= 16
    np.testing.assert_allclose(np.matmul(split, X).reshape(G, n), W @ X, rtol=0, atol=1e-12)


def test_product_grads_do_not_depend_on_the_blocks_of_steps() -> None:
    rng = np.random.default_rng(0)
    X, D, W = (rng.standard_normal(s) for s in ((9, 4, 200), (9, 5, 200), (3, 5)))
    dx, dW = product_grads(X, D, W)  # two steps of 200 columns make a block
    np.testing.assert_allclose(dW, np.einsum("tfn,tgn->fg", X, D), rtol=0, atol=1e-11)
    np.testing.assert_allclose(dx, np.einsum("tgn,cg->ntc", D, W), rtol=0, atol=1e-12)


def test_a_wide_layer_in_panels_equals_the_plain_recurrence() -> None:
    x, h0, Wx, Wh, b = (0.1 * a for a in arguments(16, 3, 300, 256))
    (y, _), cache = rnn(x, h0, Wx, Wh, b)
    h = h0
    for t in range(3):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        np.testing.assert_allclose(y[:, t], h, rtol=0, atol=1e-13)
    dx, *_ = rnn_grad((np.ones_like(y), np.zeros_like(h)), cache)
    np.testing.assert_allclose(dx[:, 2], (1 - h * h) @ Wx.T, rtol=0, atol=1e-12)


def test_float32_stays_and_agrees_with_float64_to_its_precision() -> None:
    args = arguments(3, 5, 2, 3)
    single = [a.astype(np.float32) for a in args]
    (y, h), cache = rnn(*single)
    (y64, _), cache64 = rnn(*args)
    grads = rnn_grad((y, h), cache)
    assert all(a.dtype == np.float32 for a in (y, h, *grads))
    np.testing.assert_allclose(y, y64, rtol=1e-5, atol=1e-6)
    for g, g64 in zip(grads, rnn_grad((y64, h.astype(float)), cache64), strict=True):
        np.testing.assert_allclose(g, g64, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("state", [False, True])
def test_backward_mirrors_forward(state: bool) -> None:
    x, h0, *_ = arguments(2, 3, 2, 4)
    layer = RNN(4).init(x, rng=0)
    y, cache = layer.forward(x, h0) if state else layer.forward(x)
    assert isinstance(y, tuple) == state
    back = layer.backward(y, cache)
    assert isinstance(back, tuple) == state
    assert (back[0] if state else back).shape == x.shape
    if state:
        assert back[1].shape == h0.shape
    without = layer.backward(y, cache, need_dx=False)
    assert (without[0] if state else without) is None


def test_recurrent_weights_start_orthogonal() -> None:
    layer = RNN(5).init(np.zeros((0, 1, 3)), rng=0)
    np.testing.assert_allclose(layer.Wh.T @ layer.Wh, np.eye(5), rtol=0, atol=1e-14)
    assert not layer.b.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones((2, 3, 4))), r"^RNN: input must have shape \(N, T, 2\), got"),
        (lambda f: f(np.ones((2, 3, 2)), np.ones((2, 4))), r"shape \(2, 3\), got \(2, 4\)"),
        (lambda f: f(np.ones((2, 3))), r"shape \(N, T, 2\), got \(2, 3\)"),
        (lambda f: f(np.ones((2, 3, 2)), lengths=[3, 4]), r"lengths must be in \[0, 3\].*got 4"),
        (lambda f: f(np.ones((2, 3, 2)), lengths=[-1, 3]), r"lengths must be in .* got -1"),
        (lambda f: f(np.ones((2, 3, 2)), lengths=[3]), r"lengths must have shape \(2,\)"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    layer = RNN(3).init(np.ones((1, 3, 2)), rng=0)
    with pytest.raises(ValueError, match=message):
        call(layer)


def test_an_unknown_nonlinearity_lists_the_choices() -> None:
    with pytest.raises(ValueError, match='nonlinearity must be "tanh" or "relu", got \'sine\''):
        rnn(*arguments(1, 1, 1, 1), nonlinearity="sine")


def test_lengths_that_are_no_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="lengths must be integers, got dtype float64"):
        rnn(*arguments(1, 1, 1, 1), lengths=[1.0])
