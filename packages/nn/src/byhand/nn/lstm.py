# SPDX-License-Identifier: BSD-3-Clause
"""LSTM: a recurrent cell whose memory is added to, so that gradients last over long sequences.

Source:  Hochreiter & Schmidhuber (1997); forget gate: Gers, Schmidhuber & Cummins (2000).
Differs: no peepholes, one bias; gates in PyTorch's order i, f, g, o, so that Wx and Wh are its
         weight_ih and weight_hh transposed, and b the sum of its two biases.
Cost:    one product and eight calls a step; keeps (C + 7 H + 1) numbers a step and sequence.
Checked: a literal loop over sequences and steps; central differences; PyTorch to 1e-10.
"""
# N sequences, T steps, C inputs, H units      [i f g o] are columns of the 4 H gates
# i, f, o = sigmoid(x_t Wx + h_{t-1} Wh + b)   g = tanh(the same)
# c_t = f c_{t-1} + i g                        h_t = o tanh c_t
# x (N, T, C)   h0, c0, h, c (N, H)   Wx (C, 4 H)   Wh (H, 4 H)   b (4 H,)   y (N, T, H) all h_t
# X (T + 1, C + H + 1, N) feature-major: at step t rows x_t, h_{t-1}, 1
# B (T + 1, 5 H, N): at step t rows c_{t-1}, i, f, g, o   tanh_c (T, H, N)

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ._recurrent import (
    Floats,
    by_gate,
    check_recurrent_shapes,
    feature_major,
    panels,
    product_grads,
    run_sequences,
    run_sequences_grad,
    time_blocks,
)
from .initialisers import glorot_uniform, orthogonal
from .module import Module

__all__ = ["LSTM", "lstm", "lstm_grad"]


class LSTMBlock(NamedTuple):
    """What the backward pass needs of one rectangle of the batch: n sequences, S steps."""

    X: Floats  # (S + 1, C + H + 1, n)
    B: Floats  # (S + 1, 5 H, n)
    tanh_c: Floats  # (S, H, n)


class LSTMCache(NamedTuple):
    """What the backward pass needs."""

    blocks: list[Any]  # (sequences, steps, LSTMBlock) of each rectangle of the ragged batch
    shape: tuple[int, ...]  # of x
    Wx: Floats
    Wh: Floats


def _lstm_block(W: Floats, a: Floats, x: Floats, h0: Floats, c0: Floats) -> tuple[Any, Any, Any]:
    """All steps of one rectangle: y (n, S, H) and (h, c) as views, and the cache."""
    n, S, C = x.shape
    H = h0.shape[1]
    X = np.empty((S + 1, C + H + 1, n), W.dtype)
    X[:S, :C], X[:, -1], X[0, C:-1] = x.transpose(1, 2, 0), 1, h0.T
    B = np.empty((S + 1, 5 * H, n), W.dtype)
    B[0, :H] = c0.T
    tanh_c = np.empty((S, H, n), W.dtype)
    h, gates, c_i, f_g, o = (
        X[1:, C:-1],
        B[:S, H:],
        B[:S, : 2 * H],
        B[:S, 2 * H : 4 * H],
        B[:S, 4 * H :],
    )
    Wp = panels(W, n)
    z = gates.reshape(S, len(Wp), -1, n)
    a = np.repeat(a, n).reshape(4 * H, n)
    shift = 1 - a
    both = np.empty((2 * H, n), W.dtype)
    fc, ig = both[:H], both[H:]
    steps = zip(X[:S], z, gates, c_i, f_g, o, B[1:, :H], tanh_c, h, strict=True)
    for operand, z_t, gates_t, c_i_t, f_g_t, o_t, c_t, tanh_c_t, h_t in steps:
        np.matmul(Wp, operand, z_t)  # a (x_t Wx + h_{t-1} Wh + b), a = 1/2 for i, f, o
        np.tanh(gates_t, gates_t)  # one call for four gates: sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
        np.multiply(gates_t, a, gates_t)
        np.add(gates_t, shift, gates_t)
        np.multiply(c_i_t, f_g_t, both)  # rows c_{t-1} f and i g
        np.add(fc, ig, c_t)
        np.tanh(c_t, tanh_c_t)
        np.multiply(o_t, tanh_c_t, h_t)  # straight into the operand of the next step
    return h.transpose(2, 0, 1), (h[-1].T, B[S, :H].T), LSTMBlock(X, B, tanh_c)


def _lstm_block_grad(
    Wx: Floats | None, Wh: Floats, dy: Floats, dh: Floats, dc: Floats, cache: LSTMBlock
) -> tuple[Any, Any, Any]:
    """Gradients dx, (dh0, dc0) and (dW,) of one rectangle."""
    X, B, tanh_c = cache
    S, H, n = tanh_c.shape
    D = _lstm_local(X[1:, -1 - H : -1], B[:S], tanh_c)
    dy = feature_major(dy, D.dtype)
    dh, dc = np.array(dh.T, order="C"), np.array(dc.T, order="C")
    Wp = panels(Wh, n)
    dh_before = dh.reshape(len(Wp), -1, n)
    dz, ifg, o_c, to_c = (
        D[:, : 4 * H],
        D[:, : 3 * H].reshape(S, 3, H, n),
        D[:, 3 * H :].reshape(S, 2, H, n),
        D[:, 4 * H :],
    )
    steps = (a[::-1] for a in (dy, dz, ifg, o_c, to_c, B[:S, 2 * H : 3 * H]))
    for dy_t, dz_t, dz_ifg, dz_o_and_dc, dc_from_h, f_t in zip(*steps, strict=True):
        np.add(dh, dy_t, dh)  # dL/dh_t: from the output, and from the next step
        np.multiply(dz_o_and_dc, dh, dz_o_and_dc)
        np.add(dc, dc_from_h, dc)  # dL/dc_t
        np.multiply(dz_ifg, dc, dz_ifg)
        np.multiply(dc, f_t, dc)  # dL/dc_{t-1}
        np.matmul(Wp, dz_t, dh_before)
    dx, dW = product_grads(X[:S], dz, Wx)
    return dx, (dh.T, dc.T), (dW,)


def _lstm_local(h: Floats, B: Floats, tanh_c: Floats) -> Floats:
    """Local derivatives D (S, 5 H, n) at every step: dc/dz of i, f, g, then dh/dz of o, and dh/dc.

    Formed for many steps at once, outside of the recursion, which then only multiplies.
    """
    S, H, n = tanh_c.shape
    D = np.empty((S, 5 * H, n), B.dtype)
    for s in time_blocks(S, H * n, 65536):  # five arrays of that size stay in the cache
        c, i, f, g, o = (B[s, k * H : (k + 1) * H] for k in range(5))
        di, df, dg, do, dc = (D[s, k * H : (k + 1) * H] for k in range(5))
        np.multiply(i, g, dg)
        np.subtract(1, i, di)
        di *= dg  # i (1 - i) g
        dg *= g
        np.subtract(i, dg, dg)  # i (1 - g^2)
        np.subtract(1, f, df)
        df *= f
        df *= c  # f (1 - f) c_{t-1}
        np.subtract(1, o, do)
        do *= h[s]  # o (1 - o) tanh c_t
        np.multiply(h[s], tanh_c[s], dc)
        np.subtract(o, dc, dc)  # o (1 - tanh^2 c_t)
    return D


def lstm(
    x: Floats, h0: Floats, c0: Floats, Wx: Floats, Wh: Floats, b: Floats, *, lengths: Any = None
) -> tuple[tuple[Floats, Floats, Floats], LSTMCache]:
    """Run an LSTM over a batch of sequences.

    Parameters
    ----------
    x : (N, T, C) array
        Sequences, batch first.
    h0, c0 : (N, H) arrays
        Hidden state and memory before the first step.
    Wx : (C, 4 H) array
        Weights of the input; columns of the gates i, f, g, o.
    Wh : (H, 4 H) array
        Weights of the last hidden state.
    b : (4 H,) array
        Bias.
    lengths : (N,) array of int, optional
        Steps of each sequence, 0 to T; what x holds beyond them is never read. All T by default.

    Returns
    -------
    (y, h, c) : (N, T, H), (N, H) and (N, H) arrays
        Hidden state after each step, 0 beyond a sequence's length; hidden state and memory after
        its own last step.
    cache : LSTMCache
        For `lstm_grad`.

    Raises
    ------
    ValueError
        If shapes disagree or a length is not in [0, T].
    TypeError
        If lengths are no integers.

    Examples
    --------
    With zero weights every gate is half open and nothing new is written: c falls to 1/2, and
    h = tanh(1/2) / 2.

    >>> import numpy as np
    >>> (y, h, c), cache = lstm(
    ...     np.zeros((1, 1, 1)), np.zeros((1, 1)), np.ones((1, 1)),
    ...     np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4),
    ... )
    >>> c.item(), round(h.item(), 10)
    (0.5, 0.2310585786)
    """
    if np.ndim(x) != 3:
        raise ValueError(f"x must have shape (N, T, C), got {np.shape(x)}")
    N, C, H = len(x), x.shape[2], len(Wh)
    check_recurrent_shapes(
        x, Wh, {"Wx": (Wx, (C, 4 * H)), "Wh": (Wh, (H, 4 * H)), "b": (b, (4 * H,))}
    )
    check_recurrent_shapes(x, Wh, {"h0": (h0, (N, H)), "c0": (c0, (N, H))})
    dtype = np.result_type(x, Wx, Wh, b)
    a = np.full(4 * H, 0.5, dtype)
    a[2 * H : 3 * H] = 1  # g is a tanh itself
    # Packed for each call, 1 to 1.5 % of one with 50 steps: what is learned reads x Wx + h Wh + b,
    # has PyTorch's layout, and the halving of i, f and o would need a copy anyway.
    W = by_gate(np.concatenate([Wx, Wh, b[None]], dtype=dtype) * a, N)  # (4 H, C + H + 1)
    out, blocks = run_sequences(partial(_lstm_block, W, a), x, [h0, c0], lengths, dtype)
    return (out[0], out[1], out[2]), LSTMCache(blocks, x.shape, Wx, Wh)


def lstm_grad(dout: tuple[Floats, ...], cache: LSTMCache, need_dx: bool = True) -> tuple[Any, ...]:
    """Gradients dx, dh0, dc0, dWx, dWh, db of `lstm` for (dy, dh, dc); dx only if need_dx."""
    blocks, shape, Wx, Wh = cache
    C, H = len(Wx), len(Wh)
    dtype = np.result_type(Wx, Wh, *(block.X for _, _, block in blocks[:1]))
    dW = np.zeros((C + H + 1, 4 * H), dtype)
    dx = np.zeros(shape, dtype) if need_dx else None
    block_grad = partial(_lstm_block_grad, Wx if need_dx else None, np.ascontiguousarray(Wh, dtype))
    dh0, dc0 = run_sequences_grad(block_grad, dout, blocks, dx, (dW,))
    return dx, dh0, dc0, dW[:C], dW[C:-1], dW[-1]


class LSTM(Module):
    """Long short-term memory; see `lstm`.

    ``forward(x)`` starts from zeros and gives y; ``forward(x, h0, c0)`` gives ``(y, h, c)``.
    Backward mirrors that: from dy to dx, or from ``(dy, dh, dc)`` to ``(dx, dh0, dc0)``.

    Parameters
    ----------
    units : int
        Width of the hidden state.
    forget_bias : float, default 1.0
        Initial bias of the forget gate; 1 lets a new network remember (Jozefowicz et al., 2015).

    Examples
    --------
    >>> import numpy as np
    >>> layer = LSTM(4).init(np.zeros((1, 5, 3)), rng=0)
    >>> layer(np.ones((2, 5, 3))).shape, layer.Wx.shape
    ((2, 5, 4), (3, 16))
    >>> zeros = np.zeros((2, 4))
    >>> y, h, c = layer(np.ones((2, 5, 3)), zeros, zeros, lengths=[5, 2])
    >>> bool((h[1] == y[1, 1]).all()), bool((y[1, 2:] == 0).all())
    (True, True)
    """

    params = ("Wx", "Wh", "b")
    Wx: Any = None
    Wh: Any = None
    b: Any = None

    def __init__(self, units: int, forget_bias: float = 1.0) -> None:
        """Store the settings; weights come with init."""
        self.units, self.forget_bias = self.count("units", units), forget_bias

    def build(self, rng: np.random.Generator, dtype: Any, x: Any, *state: Any) -> None:
        """Glorot input weights, orthogonal recurrent ones for each gate; bias of f alone not 0."""
        C, H = np.shape(x)[-1], self.units
        self.Wx = np.concatenate([glorot_uniform(rng, (C, H), dtype) for _ in range(4)], axis=1)
        self.Wh = np.concatenate([orthogonal(rng, (H, H), dtype) for _ in range(4)], axis=1)
        self.b = np.zeros(4 * H, dtype)
        self.b[H : 2 * H] = self.forget_bias

    def forward(
        self,
        x: Any,
        h0: Any = None,
        c0: Any = None,
        *,
        lengths: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, LSTMCache]:
        """Output y (N, T, units) for x (N, T, C), or (y, h, c) where h0 and c0 are given."""
        if (h0 is None) != (c0 is None):
            raise self.error("give both h0 and c0, or neither")
        if self.Wx is None:
            self.build_now(x)
        x = self.accept(x, ("N", "T", len(self.Wx)), self.Wx)
        h = c = np.zeros((len(x), self.units), x.dtype)
        if h0 is not None:
            h, c = (self.accept(s, (len(x), self.units), self.Wx) for s in (h0, c0))
        out, cache = self.call(lstm, x, h, c, self.Wx, self.Wh, self.b, lengths=lengths)
        return (out[0] if h0 is None else out), cache

    def backward(self, dout: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add the gradients of the weights to grads; return dx, or (dx, dh0, dc0)."""
        mirrored = isinstance(dout, tuple)
        if not mirrored:
            dout = (dout, *[np.zeros((len(dout), self.units), dout.dtype)] * 2)
        dx, dh0, dc0, *dweights = lstm_grad(dout, self.own(cache, LSTMCache), need_dx)
        self.accumulate(*dweights)
        return (dx, dh0, dc0) if mirrored else dx
