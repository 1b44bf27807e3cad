# SPDX-License-Identifier: BSD-3-Clause
"""What rnn, lstm and gru share: ragged batches cut into rectangles, and feature-major products.

Source:  one product for all gates of a step: Appleyard, Kocisky & Blunsom (2016), for GPUs.
Differs: nothing is padded or masked: a sequence that has ended takes part in no further product.
Cost:    one rectangle per distinct length; the gradient of the weights adds a thousand columns.
Checked: literal loops over one sequence and one step at a time, in the tests of the three layers.
"""
# N sequences, T steps, C inputs, H units; a rectangle has n sequences and S steps
# x (N, T, C)   X (S, F, n), D (S, G, n): feature-major, a matrix for each step and in it a column
# for each sequence   state: what a cell hands to its next step, arrays (N, H)

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Floats",
    "by_gate",
    "check_lengths",
    "check_recurrent_shapes",
    "feature_major",
    "panels",
    "product_grads",
    "rectangles",
    "run_sequences",
    "run_sequences_grad",
    "time_blocks",
]

Floats = NDArray[np.floating]


def rectangles(lengths: NDArray[np.integer], N: int) -> Iterator[tuple[Any, slice]]:
    """Cut a batch at every step where a sequence ends: (sequences still running, steps).

    Lengths 2, 5, 2 give (all three, steps 0 to 2), then (the second alone, steps 2 to 5).
    """
    start = 0
    for end in np.unique(lengths).tolist():  # ascending
        if end > start:
            running = np.flatnonzero(lengths >= end)
            yield running if len(running) < N else slice(None), slice(start, end)
            start = end


def run_sequences(
    block: Callable[..., Any], x: Floats, state: list[Floats], lengths: Any, dtype: Any
) -> tuple[tuple[Floats, ...], list[Any]]:
    """Run block(x, *state) -> (y, state after, cache) through the rectangles, first to last.

    Returns (y, *final states) and the caches. Where a sequence has ended y is 0, and its final
    state is that of its own last step.
    """
    N, T, _ = x.shape
    y = np.zeros((N, T, state[0].shape[1]), dtype)
    state = [s.astype(dtype) for s in state]  # copies
    caches = []
    for rows, steps in rectangles(check_lengths(lengths, N, T), N):
        y[rows, steps], after, cache = block(x[rows, steps], *(s[rows] for s in state))
        for s, s_after in zip(state, after, strict=True):
            s[rows] = s_after
        caches.append((rows, steps, cache))
    return (y, *state), caches


def run_sequences_grad(
    block_grad: Callable[..., Any],
    dout: tuple[Floats, ...],
    caches: list[Any],
    dx: Floats | None,
    dweights: tuple[Floats, ...],
) -> tuple[Floats, ...]:
    """Run block_grad(dy, *dstate, cache) -> (dx, dstate before, dweights), last to first.

    Writes into dx and adds to dweights; returns the gradients of the initial states.
    """
    dy, *dlast = dout
    dstate = [d.astype(dweights[0].dtype) for d in dlast]  # copies
    for rows, steps, cache in reversed(caches):
        part, before, dW = block_grad(dy[rows, steps], *(d[rows] for d in dstate), cache)
        if dx is not None:
            dx[rows, steps] = part
        for d, d_before in zip(dstate, before, strict=True):
            d[rows] = d_before
        for total, g in zip(dweights, dW, strict=True):
            total += g
    return tuple(dstate)


def feature_major(x: Floats, dtype: Any) -> Floats:
    """Copy x (n, S, F) to (S, F, n)."""
    return np.ascontiguousarray(x.transpose(1, 2, 0), dtype)


def by_gate(W: Floats, N: int) -> Floats:
    """Return W' (G, F) of W (F, G), to be multiplied by (F, n), n <= N, at every step.

    A view for up to four columns; with more, products read a copy up to three times faster.
    """
    return W.T if N <= 4 else np.ascontiguousarray(W.T)


def panels(W: Floats, n: int) -> Floats:
    """View W (G, F) as (k, G / k, F) such that k products with (F, n) are faster than one.

    OpenBLAS first copies both operands of a large product, which with few columns costs more than
    the product; up to 10^6 multiply-adds it does not. G = 1024, F = 513, n = 8: .17 for .50 ms.
    """
    G, F = W.shape
    rows = 1_000_000 // max(F * n, 1)
    if rows < 16 or rows >= G:
        return W[None]
    k = next(k for k in range(-(-G // rows), G + 1) if G % k == 0)
    return W.reshape(k, G // k, F) if G // k >= 16 else W[None]


def time_blocks(S: int, size: int, limit: int) -> Iterator[slice]:
    """Slices of S steps that hold about `limit` numbers if a step holds `size`."""
    step = max(1, limit // max(size, 1))
    return (slice(s, s + step) for s in range(0, S, step))


def product_grads(X: Floats, D: Floats, W: Floats | None) -> tuple[Any, Floats]:
    """Gradients of a product z = W' X over all steps: dx (n, S, C) and dW (F, G).

    X (S, F, n) were the operands and D (S, G, n) is dL/dz. W (C, G) is the part of the weights
    that met the input, None where dx is not wanted. One product for many steps, not one a step.
    """
    S, F, n = X.shape
    G = D.shape[1]
    dW = np.zeros((F, G), D.dtype)
    dx = None if W is None else np.empty((S, n, len(W)), D.dtype)
    for s in time_blocks(S, n, 512):
        z = D[s].transpose(1, 0, 2).reshape(G, -1)
        dW += np.dot(X[s].transpose(1, 0, 2).reshape(F, -1), z.T)
        if W is not None and dx is not None:
            dx[s] = np.dot(z.T, W.T).reshape(-1, n, len(W))
    return None if dx is None else dx.transpose(1, 0, 2), dW


def check_recurrent_shapes(x: Any, Wh: Any, arrays: dict[str, tuple[Any, tuple[int, ...]]]) -> None:
    """Raise ValueError, naming the array, unless each (array, shape) has that shape."""
    for name, (a, shape) in arrays.items():
        if np.shape(a) != shape:
            raise ValueError(
                f"{name} must have shape {shape} as x has shape {np.shape(x)} and Wh "
                f"{np.shape(Wh)}, got {np.shape(a)}"
            )


def check_lengths(lengths: Any, N: int, T: int) -> NDArray[np.integer]:
    """Return lengths (N,), each in [0, T]; None means T."""
    if lengths is None:
        return np.full(N, T)
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu" and lengths.size:
        raise TypeError(f"lengths must be integers, got dtype {lengths.dtype}")
    if lengths.shape != (N,):
        raise ValueError(f"lengths must have shape ({N},), one per sequence, got {lengths.shape}")
    if N and not 0 <= lengths.min() <= lengths.max() <= T:
        wrong = lengths[(lengths < 0) | (lengths > T)][0]
        raise ValueError(f"lengths must be in [0, {T}] as x has {T} steps, got {wrong}")
    checked: NDArray[np.integer] = lengths
    return checked
