# SPDX-License-Identifier: BSD-3-Clause
"""GRU against a literal loop over sequences and steps, gate by gate; ragged batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import GRU, gru, gru_grad
from byhand_testkit import gradcheck

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
    shapes = (N, T, C), (N, H), (C, 3 * H), (H, 3 * H), (3 * H,), (H,)
    return tuple(0.7 * rng.standard_normal(shape) for shape in shapes)


def as_lengths(lengths: Any) -> Any:
    return None if lengths is None else np.array(lengths, np.int64)


def literal(args: Any, lengths: Any) -> tuple[Any, Any]:
    """The equations of the card, one sequence and one step at a time."""
    x, h0, Wx, Wh, b, bq = args
    N, T, _ = x.shape
    H = len(Wh)
    y, last = np.zeros((N, T, H)), np.array(h0)
    r_, z_, g_ = (slice(k * H, (k + 1) * H) for k in range(3))
    for n in range(N):
        h = h0[n]
        for t in range(T if lengths is None else lengths[n]):
            r = 1 / (1 + np.exp(-(x[n, t] @ Wx[:, r_] + h @ Wh[:, r_] + b[r_])))
            z = 1 / (1 + np.exp(-(x[n, t] @ Wx[:, z_] + h @ Wh[:, z_] + b[z_])))
            g = np.tanh(x[n, t] @ Wx[:, g_] + b[g_] + r * (h @ Wh[:, g_] + bq))
            h = (1 - z) * g + z * h
            y[n, t] = h
        last[n] = h
    return y, last


@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_every_step_is_that_of_the_literal_loop(
    N: int, T: int, C: int, H: int, lengths: Any
) -> None:
    args = arguments(N, T, C, H)
    out, _ = gru(*args, lengths=as_lengths(lengths))
    for a, b in zip(out, literal(args, lengths), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_gradients_are_central_differences(N: int, T: int, C: int, H: int, lengths: Any) -> None:
    f = lambda *a: gru(*a, lengths=as_lengths(lengths))  # noqa: E731
    gradcheck(f, gru_grad, *arguments(N, T, C, H))


def test_an_open_update_gate_copies_the_state() -> None:
    x, h0, Wx, Wh, b, bq = arguments(2, 4, 3, 2)
    b = b + np.array([0, 0, 1e3, 1e3, 0, 0])
    (y, h), _ = gru(x, h0, Wx, Wh, b, bq)
    np.testing.assert_allclose(h, h0, rtol=1e-14, atol=0)  # g + (h - g) rounds
    np.testing.assert_allclose(y, np.repeat(h0[:, None], 4, axis=1), rtol=1e-14, atol=0)


def test_a_shut_reset_gate_forgets_the_state_and_its_bias() -> None:
    x, h0, Wx, Wh, b, bq = arguments(2, 1, 3, 2)
    b = b - np.array([1e3, 1e3, 1e3, 1e3, 0, 0])  # r and z shut
    (y, _), _ = gru(x, h0, Wx, Wh, b, bq)
    np.testing.assert_allclose(y[:, 0], np.tanh(x[:, 0] @ Wx[:, 4:] + b[4:]), rtol=1e-14, atol=0)


def test_what_lies_beyond_a_sequence_is_never_read() -> None:
    x, *rest = arguments(3, 5, 2, 3)
    lengths = np.array([5, 0, 2])
    garbage = np.where(np.arange(5)[:, None] < lengths[:, None, None], x, np.nan)
    dout = np.ones((3, 5, 3)), np.ones((3, 3))
    out, cache = gru(x, *rest, lengths=lengths)
    out_garbage, cache_garbage = gru(garbage, *rest, lengths=lengths)
    for a, b in zip(out, out_garbage, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(gru_grad(dout, cache), gru_grad(dout, cache_garbage), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_ragged_batch_equals_its_sequences_one_by_one() -> None:
    x, h0, *weights = arguments(5, 6, 2, 3)
    lengths = np.array([6, 1, 0, 4, 4])
    dy, dh = np.random.default_rng(1).standard_normal((5, 6, 3)), np.ones((5, 3))
    (y, h), cache = gru(x, h0, *weights, lengths=lengths)
    dx, dh0, *dweights = gru_grad((dy, dh), cache)
    sums = [np.zeros_like(w) for w in weights]
    for n, t in enumerate(lengths):
        row = slice(n, n + 1)
        (y1, h1), one = gru(x[row, :t], h0[row], *weights)
        dx1, dh1, *dw1 = gru_grad((dy[row, :t], dh[row]), one)
        np.testing.assert_allclose(y[row, :t], y1, rtol=1e-12, atol=0)
        np.testing.assert_allclose(h[row], h1, rtol=1e-12, atol=0)
        np.testing.assert_allclose(dx[row, :t], dx1, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dh0[row], dh1, rtol=1e-10, atol=1e-14)
        sums = [s + d for s, d in zip(sums, dw1, strict=True)]
    for s, d in zip(sums, dweights, strict=True):
        np.testing.assert_allclose(d, s, rtol=1e-10, atol=1e-13)


def test_running_on_from_the_final_state_equals_running_at_once() -> None:
    x, h0, *weights = arguments(2, 7, 2, 3)
    (whole, last), _ = gru(x, h0, *weights)
    (_, h), _ = gru(x[:, :4], h0, *weights)
    (rest, end), _ = gru(x[:, 4:], h, *weights)
    np.testing.assert_array_equal(rest, whole[:, 4:])
    np.testing.assert_array_equal(end, last)


def test_a_wide_layer_in_panels_equals_the_plain_recurrence() -> None:
    args = tuple(0.1 * a for a in arguments(24, 2, 10, 120))  # 1.04e6 multiply-adds a step
    out, cache = gru(*args)
    for a, b in zip(out, literal(args, None), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)
    half = [a[:12] if a.shape[:1] == (24,) else a for a in args]  # half the batch: no panels
    dout = [np.ones_like(a) for a in out]
    dx = gru_grad(tuple(dout), cache)[0]
    _, cache = gru(*half)
    np.testing.assert_allclose(
        dx[:12], gru_grad(tuple(d[:12] for d in dout), cache)[0], rtol=0, atol=1e-12
    )


def test_float32_stays_and_agrees_with_float64_to_its_precision() -> None:
    args = arguments(3, 5, 2, 3)
    out, cache = gru(*(a.astype(np.float32) for a in args))
    out64, cache64 = gru(*args)
    grads = gru_grad(out, cache)
    assert all(a.dtype == np.float32 for a in (*out, *grads))
    for a, b in zip((*out, *grads), (*out64, *gru_grad(out64, cache64)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("state", [False, True])
def test_backward_mirrors_forward(state: bool) -> None:
    x, h0, *_ = arguments(2, 3, 2, 4)
    layer = GRU(4).init(x, rng=0)
    y, cache = layer.forward(x, h0) if state else layer.forward(x)
    assert isinstance(y, tuple) == state
    back = layer.backward(y, cache)
    assert isinstance(back, tuple) == state
    assert (back[0] if state else back).shape == x.shape
    if state:
        assert back[1].shape == h0.shape
    without = layer.backward(y, cache, need_dx=False)
    assert (without[0] if state else without) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones((2, 3, 4))), r"^GRU: input must have shape \(N, T, 2\), got"),
        (lambda f: f(np.ones((2, 3, 2)), np.ones((2, 4))), r"shape \(2, 3\), got \(2, 4\)"),
        (lambda f: f(np.ones((2, 3, 2)), lengths=[3, 4]), r"lengths must be in \[0, 3\].*got 4"),
        (lambda f: f.backward(np.ones((2, 3, 3)), None), "^GRU: backward needs the cache"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    layer = GRU(3).init(np.ones((1, 3, 2)), rng=0)
    with pytest.raises(ValueError, match=message):
        call(layer)
