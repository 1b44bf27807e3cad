# SPDX-License-Identifier: BSD-3-Clause
"""GRU: a recurrent cell that mixes its last state with a candidate, and keeps no other memory.

Source:  Cho et al. (2014); reset after the product, as in cuDNN and PyTorch.
Differs: Cho et al. multiply h by r before the product with Wh; here r multiplies the product, so
         that one product serves all gates. Columns r, z, g are PyTorch's r, z, n; b is the sum of
         its two biases for r and z, and its bias_ih for g, of which bias_hh is bq.
Cost:    one product and ten calls a step; keeps (C + 7 H + 2) numbers a step and sequence.
Checked: a literal loop over sequences and steps; central differences; PyTorch to 1e-10.
"""
# N sequences, T steps, C inputs, H units      [r z g] are columns of the 3 H gates
# r, z = sigmoid(x_t Wx + h_{t-1} Wh + b)      q = h_{t-1} Wh + bq, of the columns g
# g = tanh(x_t Wx + b + r q)                   h_t = (1 - z) g + z h_{t-1}
# x (N, T, C)   h0, h (N, H)   Wx (C, 3 H)   Wh (H, 3 H)   b (3 H,)   bq (H,)   y (N, T, H) all h_t
# feature-major, a rectangle of n sequences and S steps: X (S, C + 1, n) rows x_t, 1
# Y (S + 1, H + 1, n) rows h_{t-1}, 1   B (S, 3 H, n) rows r, z, q   P (S, 3 H, n) input's part

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

__all__ = ["GRU", "gru", "gru_grad"]


class GRUBlock(NamedTuple):
    """What the backward pass needs of one rectangle of the batch."""

    X: Floats  # (S, C + 1, n) rows x_t, 1
    Y: Floats  # (S + 1, H + 1, n) rows h_{t-1}, 1
    B: Floats  # (S, 3 H, n) rows r, z, q
    g: Floats  # (S, H, n)


class GRUCache(NamedTuple):
    """What the backward pass needs."""

    blocks: list[Any]  # (sequences, steps, GRUBlock) of each rectangle of the ragged batch
    shape: tuple[int, ...]  # of x
    Wx: Floats
    Wh: Floats


def _gru_block(Wx: Floats, Wh: Floats, x: Floats, h0: Floats) -> tuple[Any, Any, GRUBlock]:
    """All steps of one rectangle: y (n, S, H) and (h,) as views, and the cache."""
    n, S, C = x.shape
    H = h0.shape[1]
    X = np.empty((S, C + 1, n), Wx.dtype)
    X[:, :C], X[:, C] = x.transpose(1, 2, 0), 1
    Y = np.empty((S + 1, H + 1, n), Wx.dtype)
    Y[:, H], Y[0, :H] = 1, h0.T
    B = np.empty((S, 3 * H, n), Wx.dtype)
    P = np.matmul(Wx, X)  # the input's part waits for no state: all steps at once
    Wp = panels(Wh, n)
    products = B.reshape(S, len(Wp), -1, n)
    rz, r, z, q = B[:, : 2 * H], B[:, :H], B[:, H : 2 * H], B[:, 2 * H :]
    rz_x, g, h = P[:, : 2 * H], P[:, 2 * H :], Y[:, :H]
    half = np.full((2 * H, n), 0.5, Wx.dtype)
    work = np.empty((H, n), Wx.dtype)
    steps = zip(Y[:S], products, rz_x, rz, r, z, q, g, h[:S], h[1:], strict=True)
    for operand, product, rz_x_t, rz_t, r_t, z_t, q_t, g_t, h_before, h_t in steps:
        np.matmul(Wp, operand, product)
        np.add(rz_t, rz_x_t, rz_t)
        np.tanh(rz_t, rz_t)  # sigmoid(a) = tanh(a / 2) / 2 + 1 / 2; Wx and Wh have the inner 1 / 2
        np.multiply(rz_t, half, rz_t)
        np.add(rz_t, half, rz_t)
        np.multiply(r_t, q_t, work)
        np.add(g_t, work, g_t)
        np.tanh(g_t, g_t)
        np.subtract(h_before, g_t, work)
        np.multiply(z_t, work, work)
        np.add(g_t, work, h_t)  # g + z (h_{t-1} - g), straight into the operand of the next step
    return h[1:].transpose(2, 0, 1), (h[S].T,), GRUBlock(X, Y, B, g)


def _gru_block_grad(
    Wx: Floats | None, Wh: Floats, dy: Floats, dh: Floats, cache: GRUBlock
) -> tuple[Any, Any, Any]:
    """Gradients dx, (dh0,) and (dWx over db, dWh over dbq) of one rectangle."""
    X, Y, B, g = cache
    S, H, n = g.shape
    D = _gru_local(Y[:S, :H], B, g)
    dy, dh = feature_major(dy, D.dtype), np.array(dh.T, order="C")
    through_gates = np.empty_like(dh)
    Wp = panels(Wh, n)
    product = through_gates.reshape(len(Wp), -1, n)
    steps = (a[::-1] for a in (dy, D.reshape(S, 4, H, n), D[:, H:], B[:, H : 2 * H]))
    for dy_t, D_t, drzq_t, z_t in zip(*steps, strict=True):
        np.add(dh, dy_t, dh)  # dL/dh_t: from the output, and from the next step
        np.multiply(D_t, dh, D_t)
        np.matmul(Wp, drzq_t, product)
        np.multiply(dh, z_t, dh)  # dL/dh_{t-1}: the part of h that z lets pass,
        np.add(dh, through_gates, dh)  # and all that h did to the gates
    dx, dWx = product_grads(X, D[:, : 3 * H], Wx)
    _, dWh = product_grads(Y[:S], D[:, H:], None)
    return dx, (dh.T,), (dWx, dWh)


def _gru_local(h: Floats, B: Floats, g: Floats) -> Floats:
    """Local derivatives D (S, 4 H, n) of h_t by the sums within g, r and z, and by q.

    The input met the first three of them, h_{t-1} the last three. Formed for many steps at once,
    outside of the recursion, which then only multiplies.
    """
    S, H, n = g.shape
    D = np.empty((S, 4 * H, n), g.dtype)
    for s in time_blocks(S, H * n, 65536):
        r, z, q = (B[s, k * H : (k + 1) * H] for k in range(3))
        dg, dr, dz, dq = (D[s, k * H : (k + 1) * H] for k in range(4))
        np.multiply(g[s], g[s], dg)
        np.subtract(1, dg, dg)
        np.subtract(1, z, dz)
        dg *= dz  # (1 - z) (1 - g^2)
        dz *= z
        np.subtract(h[s], g[s], dq)
        dz *= dq  # z (1 - z) (h_{t-1} - g)
        np.multiply(dg, r, dq)
        np.subtract(1, r, dr)
        dr *= dq
        dr *= q  # dg q r (1 - r)
    return D


def gru(
    x: Floats, h0: Floats, Wx: Floats, Wh: Floats, b: Floats, bq: Floats, *, lengths: Any = None
) -> tuple[tuple[Floats, Floats], GRUCache]:
    """Run a GRU over a batch of sequences.

    Parameters
    ----------
    x : (N, T, C) array
        Sequences, batch first.
    h0 : (N, H) array
        State before the first step.
    Wx : (C, 3 H) array
        Weights of the input; columns of the gates r and z and of the candidate g.
    Wh : (H, 3 H) array
        Weights of the last state.
    b : (3 H,) array
        Bias.
    bq : (H,) array
        Bias of the candidate that the reset gate multiplies.
    lengths : (N,) array of int, optional
        Steps of each sequence, 0 to T; what x holds beyond them is never read. All T by default.

    Returns
    -------
    (y, h) : (N, T, H) and (N, H) arrays
        State after each step, 0 beyond a sequence's length; state after its own last step.
    cache : GRUCache
        For `gru_grad`.

    Raises
    ------
    ValueError
        If shapes disagree or a length is not in [0, T].
    TypeError
        If lengths are no integers.

    Examples
    --------
    With zero weights both gates are half open and the candidate is 0: the state halves.

    >>> import numpy as np
    >>> (y, h), cache = gru(
    ...     np.zeros((1, 3, 1)), np.ones((1, 1)), np.zeros((1, 3)), np.zeros((1, 3)),
    ...     np.zeros(3), np.zeros(1),
    ... )
    >>> y[0, :, 0]
    array([0.5  , 0.25 , 0.125])
    """
    if np.ndim(x) != 3:
        raise ValueError(f"x must have shape (N, T, C), got {np.shape(x)}")
    N, C, H = len(x), x.shape[2], len(Wh)
    check_recurrent_shapes(
        x, Wh, {"Wx": (Wx, (C, 3 * H)), "Wh": (Wh, (H, 3 * H)), "b": (b, (3 * H,))}
    )
    check_recurrent_shapes(x, Wh, {"bq": (bq, (H,)), "h0": (h0, (N, H))})
    dtype = np.result_type(x, Wx, Wh, b)
    a = np.repeat(np.array([0.5, 0.5, 1], dtype), H)
    bh = np.concatenate([np.zeros(2 * H, dtype), bq])
    packed = [
        by_gate(np.concatenate([W, v[None]], dtype=dtype) * a, N) for W, v in ((Wx, b), (Wh, bh))
    ]  # (3 H, C + 1) and (3 H, H + 1)
    (y, h), blocks = run_sequences(partial(_gru_block, *packed), x, [h0], lengths, dtype)
    return (y, h), GRUCache(blocks, x.shape, Wx, Wh)


def gru_grad(dout: tuple[Floats, ...], cache: GRUCache, need_dx: bool = True) -> tuple[Any, ...]:
    """Gradients dx, dh0, dWx, dWh, db and dbq of `gru`, given (dy, dh); dx only if need_dx."""
    blocks, shape, Wx, Wh = cache
    C, H = len(Wx), len(Wh)
    dtype = np.result_type(Wx, Wh, *(block.X for _, _, block in blocks[:1]))
    dWx, dWh = np.zeros((C + 1, 3 * H), dtype), np.zeros((H + 1, 3 * H), dtype)
    dx = np.zeros(shape, dtype) if need_dx else None
    Wx_grz = np.roll(Wx, H, axis=1) if need_dx else None  # the order in which blocks have gates
    block_grad = partial(_gru_block_grad, Wx_grz, np.ascontiguousarray(Wh, dtype))
    (dh0,) = run_sequences_grad(block_grad, dout, blocks, dx, (dWx, dWh))
    dWx = np.roll(dWx, -H, axis=1)
    return dx, dh0, dWx[:C], dWh[:H], dWx[C], dWh[H, 2 * H :]


class GRU(Module):
    """Gated recurrent unit; see `gru`.

    ``forward(x)`` starts from zeros and gives y; ``forward(x, h0)`` gives ``(y, h)``. Backward
    mirrors that: from dy to dx, or from ``(dy, dh)`` to ``(dx, dh0)``.

    Parameters
    ----------
    units : int
        Width of the state.

    Examples
    --------
    >>> import numpy as np
    >>> layer = GRU(4).init(np.zeros((1, 5, 3)), rng=0)
    >>> layer(np.ones((2, 5, 3))).shape, layer.Wx.shape
    ((2, 5, 4), (3, 12))
    >>> y, h = layer(np.ones((2, 5, 3)), np.zeros((2, 4)), lengths=[5, 2])
    >>> bool((h[1] == y[1, 1]).all()), bool((y[1, 2:] == 0).all())
    (True, True)
    """

    params = ("Wx", "Wh", "b", "bq")
    Wx: Any = None
    Wh: Any = None
    b: Any = None
    bq: Any = None

    def __init__(self, units: int) -> None:
        """Store the width; weights come with init."""
        self.units = self.count("units", units)

    def build(self, rng: np.random.Generator, dtype: Any, x: Any, *state: Any) -> None:
        """Glorot input weights, orthogonal recurrent ones for each gate, zero bias."""
        C, H = np.shape(x)[-1], self.units
        self.Wx = np.concatenate([glorot_uniform(rng, (C, H), dtype) for _ in range(3)], axis=1)
        self.Wh = np.concatenate([orthogonal(rng, (H, H), dtype) for _ in range(3)], axis=1)
        self.b, self.bq = np.zeros(3 * H, dtype), np.zeros(H, dtype)

    def forward(
        self,
        x: Any,
        h0: Any = None,
        *,
        lengths: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, GRUCache]:
        """Output y (N, T, units) for x (N, T, C), or (y, h) where h0 (N, units) is given."""
        if self.Wx is None:
            self.build_now(x)
        x = self.accept(x, ("N", "T", len(self.Wx)), self.Wx)
        start = np.zeros((len(x), self.units), x.dtype)
        if h0 is not None:
            start = self.accept(h0, (len(x), self.units), self.Wx)
        weights = self.Wx, self.Wh, self.b, self.bq
        (y, h), cache = self.call(gru, x, start, *weights, lengths=lengths)
        return (y if h0 is None else (y, h)), cache

    def backward(self, dout: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add the gradients of the weights to grads; return dx, or (dx, dh0) for (dy, dh)."""
        mirrored = isinstance(dout, tuple)
        dy, dh = dout if mirrored else (dout, np.zeros((len(dout), self.units), dout.dtype))
        dx, dh0, *dweights = gru_grad((dy, dh), self.own(cache, GRUCache), need_dx)
        self.accumulate(*dweights)
        return (dx, dh0) if mirrored else dx
