# SPDX-License-Identifier: BSD-3-Clause
"""LSTM against a literal loop over sequences and steps, gate by gate; ragged batches."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from byhand.nn import LSTM, lstm, lstm_grad
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
    shapes = (N, T, C), (N, H), (N, H), (C, 4 * H), (H, 4 * H), (4 * H,)
    return tuple(0.7 * rng.standard_normal(shape) for shape in shapes)


def as_lengths(lengths: Any) -> Any:
    return None if lengths is None else np.array(lengths, np.int64)


def literal(args: Any, lengths: Any) -> tuple[Any, ...]:
    """The equations of the card, one sequence and one step at a time."""
    x, h0, c0, Wx, Wh, b = args
    N, T, _ = x.shape
    H = len(Wh)
    y, h_last, c_last = np.zeros((N, T, H)), np.array(h0), np.array(c0)
    for n in range(N):
        h, c = h0[n], c0[n]
        for t in range(T if lengths is None else lengths[n]):
            z = x[n, t] @ Wx + h @ Wh + b
            i, f, o = (1 / (1 + np.exp(-z[k * H : (k + 1) * H])) for k in (0, 1, 3))
            g = np.tanh(z[2 * H : 3 * H])
            c = f * c + i * g
            h = o * np.tanh(c)
            y[n, t] = h
        h_last[n], c_last[n] = h, c
    return y, h_last, c_last


@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_every_step_is_that_of_the_literal_loop(
    N: int, T: int, C: int, H: int, lengths: Any
) -> None:
    args = arguments(N, T, C, H)
    out, _ = lstm(*args, lengths=as_lengths(lengths))
    for a, b in zip(out, literal(args, lengths), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), BATCHES)
def test_gradients_are_central_differences(N: int, T: int, C: int, H: int, lengths: Any) -> None:
    f = lambda *a: lstm(*a, lengths=as_lengths(lengths))  # noqa: E731
    gradcheck(f, lstm_grad, *arguments(N, T, C, H))


def test_zero_weights_halve_the_memory() -> None:
    """K11: c = 1 / 2 and h = tanh(1 / 2) / 2."""
    zeros = [np.zeros(s) for s in ((1, 1, 1), (1, 1), (1, 4), (1, 4), (4,))]
    x, h0, Wx, Wh, b = zeros
    (_, h, c), _ = lstm(x, h0, np.ones((1, 1)), Wx, Wh, b)
    np.testing.assert_allclose(c.item(), 0.5, rtol=1e-15, atol=0)
    np.testing.assert_allclose(h.item(), 0.2310585786, rtol=0, atol=5e-11)


@pytest.mark.parametrize("gate", ["i", "f", "g", "o"])
def test_a_saturated_gate_is_open_or_shut(gate: str) -> None:
    """Forced by its bias, each gate does what its letter says."""
    b = np.array([-50.0, -50, 0, 50])  # i and f shut, o open
    b["ifgo".index(gate)] = 50 if gate in "ifg" else -50
    zeros = np.zeros((1, 1)), np.zeros((1, 4))
    x = np.zeros((1, 1, 1))
    (_, h, c), _ = lstm(x, zeros[0], np.full((1, 1), 2.0), zeros[1], zeros[1], b)
    expected_c = {"i": 0.0, "f": 2.0, "g": 0.0, "o": 0.0}[gate]
    np.testing.assert_allclose(c.item(), expected_c, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(h.item(), np.tanh(expected_c) * (gate != "o"), rtol=0, atol=1e-15)


def test_what_lies_beyond_a_sequence_is_never_read() -> None:
    x, *rest = arguments(3, 5, 2, 3)
    lengths = np.array([5, 0, 2])
    garbage = np.where(np.arange(5)[:, None] < lengths[:, None, None], x, np.nan)
    dout = np.ones((3, 5, 3)), np.ones((3, 3)), np.ones((3, 3))
    out, cache = lstm(x, *rest, lengths=lengths)
    out_garbage, cache_garbage = lstm(garbage, *rest, lengths=lengths)
    for a, b in zip(out, out_garbage, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(lstm_grad(dout, cache), lstm_grad(dout, cache_garbage), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_ragged_batch_equals_its_sequences_one_by_one() -> None:
    x, h0, c0, *weights = arguments(5, 6, 2, 3)
    lengths = np.array([6, 1, 0, 4, 4])
    rng = np.random.default_rng(1)
    dy, dh, dc = rng.standard_normal((5, 6, 3)), *rng.standard_normal((2, 5, 3))
    out, cache = lstm(x, h0, c0, *weights, lengths=lengths)
    grads = lstm_grad((dy, dh, dc), cache)
    sums = [np.zeros_like(w) for w in weights]
    for n, t in enumerate(lengths):
        row = slice(n, n + 1)
        (y1, h1, c1), one = lstm(x[row, :t], h0[row], c0[row], *weights)
        dx1, dh1, dc1, *dw1 = lstm_grad((dy[row, :t], dh[row], dc[row]), one)
        for a, b in ((out[0][row, :t], y1), (out[1][row], h1), (out[2][row], c1)):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
        for a, b in ((grads[0][row, :t], dx1), (grads[1][row], dh1), (grads[2][row], dc1)):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
        sums = [s + d for s, d in zip(sums, dw1, strict=True)]
    for s, d in zip(sums, grads[3:], strict=True):
        np.testing.assert_allclose(d, s, rtol=1e-10, atol=1e-13)


def test_running_on_from_the_final_state_equals_running_at_once() -> None:
    x, h0, c0, *weights = arguments(2, 7, 2, 3)
    whole, _ = lstm(x, h0, c0, *weights)
    (_, h, c), _ = lstm(x[:, :4], h0, c0, *weights)
    (rest, *end), _ = lstm(x[:, 4:], h, c, *weights)
    np.testing.assert_array_equal(rest, whole[0][:, 4:])
    np.testing.assert_array_equal(end, whole[1:])


def test_a_wide_layer_in_panels_equals_the_plain_recurrence() -> None:
    args = tuple(0.1 * a for a in arguments(8, 3, 100, 128))  # 1.05e6 multiply-adds a step
    out, cache = lstm(*args)
    for a, b in zip(out, literal(args, None), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)
    half = [a[:4] if a.shape[:1] == (8,) else a for a in args]  # half the batch: no panels
    dout = [np.ones_like(a) for a in out]
    dx = lstm_grad(tuple(dout), cache)[0]
    _, cache = lstm(*half)
    np.testing.assert_allclose(
        dx[:4], lstm_grad(tuple(d[:4] for d in dout), cache)[0], rtol=0, atol=1e-12
    )


def test_a_thousand_steps_forget_nothing_that_the_gate_keeps() -> None:
    """With f open and i shut the memory passes all steps, and so does its gradient."""
    b = np.array([-1e3, 1e3, 0.0, 0.0])
    zeros = np.zeros((1, 4))
    x = np.zeros((1, 1000, 1))
    (_, _, c), cache = lstm(x, np.zeros((1, 1)), np.full((1, 1), 0.3), zeros, zeros, b)
    dout = np.zeros((1, 1000, 1)), np.zeros((1, 1)), np.ones((1, 1))
    assert c.item() == 0.3
    assert lstm_grad(dout, cache)[2].item() == 1.0


def test_float32_stays_and_agrees_with_float64_to_its_precision() -> None:
    args = arguments(3, 5, 2, 3)
    out, cache = lstm(*(a.astype(np.float32) for a in args))
    out64, cache64 = lstm(*args)
    grads = lstm_grad(out, cache)
    assert all(a.dtype == np.float32 for a in (*out, *grads))
    for a, b in zip((*out, *grads), (*out64, *lstm_grad(out64, cache64)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_memory_is_what_the_card_says_and_no_step_adds_to_it() -> None:
    N, T, C, H = 4, 400, 5, 8
    args = arguments(N, T, C, H)
    lstm(*args)
    tracemalloc.start()
    result = lstm(*args)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    formula = 8 * N * T * (C + 7 * H + 1)
    assert kept < formula + 8 * N * T * H + 80_000  # the cache, y, and what is small
    assert peak < kept + 20_000  # nothing that lives for a step is left, or large


@pytest.mark.parametrize("state", [False, True])
def test_backward_mirrors_forward(state: bool) -> None:
    x, h0, c0, *_ = arguments(2, 3, 2, 4)
    layer = LSTM(4).init(x, rng=0)
    y, cache = layer.forward(x, h0, c0) if state else layer.forward(x)
    assert isinstance(y, tuple) == state
    back = layer.backward(y, cache)
    shapes = [a.shape for a in back] if state else [back.shape]
    assert shapes == [x.shape, h0.shape, c0.shape][: len(shapes)]
    assert len(shapes) == 1 + 2 * state
    without = layer.backward(y, cache, need_dx=False)
    assert (without[0] if state else without) is None


def test_no_state_is_a_state_of_zeros() -> None:
    x, h0, c0, *_ = arguments(2, 3, 2, 4)
    layer = LSTM(4).init(x, rng=0)
    np.testing.assert_array_equal(layer(x), layer(x, 0 * h0, 0 * c0)[0])


def test_the_forget_gate_starts_open() -> None:
    layer = LSTM(3, forget_bias=2.0).init(np.zeros((0, 1, 2)), rng=0)
    np.testing.assert_array_equal(layer.b, [0, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0])
    assert LSTM(3).init(np.zeros((0, 1, 2)), rng=0).b[3] == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones((2, 3, 4))), r"^LSTM: input must have shape \(N, T, 2\), got"),
        (lambda f: f(np.ones((2, 3, 2)), np.ones((2, 3))), "^LSTM: give both h0 and c0"),
        (lambda f: f(np.ones((2, 3, 2)), np.ones((2, 3)), np.ones((1, 3))), r"got \(1, 3\)"),
        (lambda f: f(np.ones((2, 3, 2)), lengths=[3, 4]), r"lengths must be in \[0, 3\].*got 4"),
        (lambda f: f.backward(np.ones((2, 3, 3)), None), "^LSTM: backward needs the cache"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    layer = LSTM(3).init(np.ones((1, 3, 2)), rng=0)
    with pytest.raises(ValueError, match=message):
        call(layer)
