# SPDX-License-Identifier: BSD-3-Clause
"""Elman network: the hidden state of each step is a squashed affine map of input and last state.

Source:  Elman (1990), Finding structure in time; gradient through time: Werbos (1990).
Differs: the output is the hidden state itself (put a Dense on it); sequences of a batch may have
         different lengths; the initial state is an input and has its gradient.
Cost:    one product and one call a step; keeps (C + H + 1) numbers a step and sequence.
Checked: a literal loop over sequences and steps; central differences; PyTorch to 1e-10.
"""
# N sequences, T steps, C inputs, H units      h_t = tanh(x_t Wx + h_{t-1} Wh + b)
# x (N, T, C)   h0, h (N, H)   Wx (C, H)   Wh (H, H)   b (H,)   y (N, T, H) all h_t
# X (T, C + H + 1, N) feature-major: at step t rows x_t, h_{t-1}, 1   z_t the sum within tanh

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
)
from .initialisers import glorot_uniform, orthogonal
from .module import Module

__all__ = ["RNN", "rnn", "rnn_grad"]


class RNNCache(NamedTuple):
    """What the backward pass needs."""

    blocks: list[Any]  # (sequences, steps, X) of each rectangle of the ragged batch
    shape: tuple[int, ...]  # of x
    Wx: Floats
    Wh: Floats
    nonlinearity: str


def _rnn_block(W: Floats, nonlinearity: str, x: Floats, h0: Floats) -> tuple[Any, Any, Floats]:
    """All steps of one rectangle: y (n, S, H) and h (n, H) as views, and X."""
    n, S, C = x.shape
    X = np.empty((S + 1, W.shape[1], n), W.dtype)
    X[:S, :C], X[:, -1], X[0, C:-1] = x.transpose(1, 2, 0), 1, h0.T
    h = X[1:, C:-1]  # (S, H, n) each state lies in the operand of the next step
    Wp = panels(W, n)
    zeros = np.zeros_like(h[0])
    for operand, z_t, h_t in zip(X[:-1], h.reshape(S, len(Wp), -1, n), h, strict=True):
        np.matmul(Wp, operand, z_t)  # z_t = x_t Wx + h_{t-1} Wh + b, written where h_t belongs
        if nonlinearity == "tanh":
            np.tanh(h_t, h_t)
        else:
            np.maximum(h_t, zeros, out=h_t)  # an array of zeros: a third of the time of a scalar
    return h.transpose(2, 0, 1), (h[-1].T,), X


def _rnn_block_grad(
    Wx: Floats | None, Wh: Floats, nonlinearity: str, dy: Floats, dh: Floats, X: Floats
) -> tuple[Any, Any, Any]:
    """Gradients dx, (dh0,) and (dW,) of one rectangle."""
    h = X[1:, -1 - len(Wh) : -1]
    # dh_t/dz_t for all steps, in the loop multiplied by dL/dh_t: dL/dz_t
    D = 1 - h * h if nonlinearity == "tanh" else (h > 0).astype(h.dtype)
    dy, dh = feature_major(dy, h.dtype), np.array(dh.T, order="C")
    Wp = panels(Wh, dh.shape[1])
    dh_before = dh.reshape(len(Wp), -1, dh.shape[1])
    for dy_t, dz_t in zip(dy[::-1], D[::-1], strict=True):
        np.add(dh, dy_t, dh)  # from the output, and from the next step
        np.multiply(dz_t, dh, dz_t)
        np.matmul(Wp, dz_t, dh_before)
    dx, dW = product_grads(X[:-1], D, Wx)
    return dx, (dh.T,), (dW,)


def rnn(
    x: Floats,
    h0: Floats,
    Wx: Floats,
    Wh: Floats,
    b: Floats,
    *,
    lengths: Any = None,
    nonlinearity: str = "tanh",
) -> tuple[tuple[Floats, Floats], RNNCache]:
    """Run an Elman network over a batch of sequences.

    Parameters
    ----------
    x : (N, T, C) array
        Sequences, batch first.
    h0 : (N, H) array
        State before the first step.
    Wx : (C, H) array
        Weights of the input.
    Wh : (H, H) array
        Weights of the last state.
    b : (H,) array
        Bias.
    lengths : (N,) array of int, optional
        Steps of each sequence, 0 to T; what x holds beyond them is never read. All T by default.
    nonlinearity : {"tanh", "relu"}, default "tanh"
        Applied to the sum.

    Returns
    -------
    (y, h) : (N, T, H) and (N, H) arrays
        State after each step, 0 beyond a sequence's length; state after its own last step.
    cache : RNNCache
        For `rnn_grad`.

    Raises
    ------
    ValueError
        If shapes disagree, a length is not in [0, T], or the nonlinearity is unknown.
    TypeError
        If lengths are no integers.

    Examples
    --------
    One unit that adds up its input, on sequences of three steps and of one:

    >>> import numpy as np
    >>> x, one = np.full((2, 3, 1), 2.0), np.ones((1, 1))
    >>> (y, h), cache = rnn(
    ...     x, np.zeros((2, 1)), one, one, np.zeros(1), lengths=[3, 1], nonlinearity="relu"
    ... )
    >>> y[..., 0], h[:, 0]
    (array([[2., 4., 6.], [2., 0., 0.]]), array([6., 2.]))
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
    if np.ndim(x) != 3:
        raise ValueError(f"x must have shape (N, T, C), got {np.shape(x)}")
    N, C, H = len(x), x.shape[2], len(Wh)
    check_recurrent_shapes(
        x, Wh, {"Wx": (Wx, (C, H)), "Wh": (Wh, (H, H)), "b": (b, (H,)), "h0": (h0, (N, H))}
    )
    dtype = np.result_type(x, Wx, Wh, b)
    W = by_gate(np.concatenate([Wx, Wh, b[None]], dtype=dtype), N)  # (H, C + H + 1)
    block = partial(_rnn_block, W, nonlinearity)
    (y, h), blocks = run_sequences(block, x, [h0], lengths, dtype)
    return (y, h), RNNCache(blocks, x.shape, Wx, Wh, nonlinearity)


def rnn_grad(dout: tuple[Floats, ...], cache: RNNCache, need_dx: bool = True) -> tuple[Any, ...]:
    """Gradients dx, dh0, dWx, dWh and db of `rnn`, given (dy, dh); dx is None unless need_dx."""
    blocks, shape, Wx, Wh, nonlinearity = cache
    C, H = Wx.shape
    dtype = np.result_type(Wx, Wh, *(X for _, _, X in blocks[:1]))
    dW = np.zeros((C + H + 1, H), dtype)
    dx = np.zeros(shape, dtype) if need_dx else None
    weights = (Wx if need_dx else None, np.ascontiguousarray(Wh, dtype))
    block_grad = partial(_rnn_block_grad, *weights, nonlinearity)
    (dh0,) = run_sequences_grad(block_grad, dout, blocks, dx, (dW,))
    return dx, dh0, dW[:C], dW[C:-1], dW[-1]


class RNN(Module):
    """Elman network; see `rnn`.

    ``forward(x)`` starts from zeros and gives y; ``forward(x, h0)`` gives ``(y, h)``. Backward
    mirrors that: from dy to dx, or from ``(dy, dh)`` to ``(dx, dh0)``.

    Parameters
    ----------
    units : int
        Width of the state.
    nonlinearity : {"tanh", "relu"}, default "tanh"
        Applied to the sum.

    Examples
    --------
    >>> import numpy as np
    >>> layer = RNN(4).init(np.zeros((1, 5, 3)), rng=0)
    >>> layer(np.ones((2, 5, 3))).shape
    (2, 5, 4)
    >>> y, h = layer(np.ones((2, 5, 3)), np.zeros((2, 4)), lengths=[5, 2])
    >>> bool((h[1] == y[1, 1]).all()), bool((y[1, 2:] == 0).all())
    (True, True)
    """

    params = ("Wx", "Wh", "b")
    Wx: Any = None
    Wh: Any = None
    b: Any = None

    def __init__(self, units: int, nonlinearity: str = "tanh") -> None:
        """Store the settings; weights come with init."""
        self.units, self.nonlinearity = self.count("units", units), nonlinearity

    def build(self, rng: np.random.Generator, dtype: Any, x: Any, *state: Any) -> None:
        """Glorot input weights, orthogonal recurrent ones, zero bias."""
        self.Wx = glorot_uniform(rng, (np.shape(x)[-1], self.units), dtype)
        self.Wh = orthogonal(rng, (self.units, self.units), dtype)
        self.b = np.zeros(self.units, dtype)

    def forward(
        self,
        x: Any,
        h0: Any = None,
        *,
        lengths: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, RNNCache]:
        """Output y (N, T, units) for x (N, T, C), or (y, h) where h0 (N, units) is given."""
        if self.Wx is None:
            self.build_now(x)
        x = self.accept(x, ("N", "T", len(self.Wx)), self.Wx)
        start = np.zeros((len(x), self.units), x.dtype)
        if h0 is not None:
            start = self.accept(h0, (len(x), self.units), self.Wx)
        options = {"lengths": lengths, "nonlinearity": self.nonlinearity}
        (y, h), cache = self.call(rnn, x, start, self.Wx, self.Wh, self.b, **options)
        return (y if h0 is None else (y, h)), cache

    def backward(self, dout: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add the gradients of the weights to grads; return dx, or (dx, dh0) for (dy, dh)."""
        mirrored = isinstance(dout, tuple)
        dy, dh = dout if mirrored else (dout, np.zeros((len(dout), self.units), dout.dtype))
        dx, dh0, *dweights = rnn_grad((dy, dh), self.own(cache, RNNCache), need_dx)
        self.accumulate(*dweights)
        return (dx, dh0) if mirrored else dx
