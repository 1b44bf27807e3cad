# SPDX-License-Identifier: BSD-3-Clause
"""The forward and the backward recursion over many lanes at once, scaled.

Source:  Rabiner (1989), section V-A (scaling), eq. 20, 25, 27, 37.
Differs: `forward.py` and `backward.py` in another order: all lanes make a step together, so that a
         step is three NumPy calls for hundreds of lanes. Scaled every 4th step instead of in
         logarithms; a state's share is kept above 1e-180, so that it is never lost.
Cost:    O(N K^2) time; N K numbers if alpha is kept.
Checked: the plain recursions, given the right starts and ends of the lanes.
"""
# N steps, C lanes, n alive, K states; "..." models in lockstep, mostly none
# A (..., K, K)   p (..., K, n) p(z_t | x before t)   b, alpha: blocks (..., K, n), one a step
# b likelihoods, largest of each column 1   alpha p(z_t | x up to t), scaled to sum 1 every 4th step
# beta: alpha . beta = 1 (or the weight of the sequence)   w = b beta (/ scale)

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .lanes import Lanes, Scratch, blocks

__all__ = ["GROUP", "BackwardPass", "ForwardPass", "backward_pass", "forward_pass"]

Floats = NDArray[np.float64]
Consume = Callable[[slice, Floats], None]

GROUP = 4  # steps between two scalings
FLOOR = 1e-180
SMALLEST = 1e-290  # stands for a sum of 0, so that nothing is divided by 0
SMALLEST_SCALE = 1e-100  # a group that loses more may hide what a state was worth
CHUNK = 32768  # numbers in a buffer of the backward pass: 256 kB, as three share the cache


class ForwardPass(NamedTuple):
    """What is left of a forward pass."""

    entry: Floats  # (..., K, C) p at the first step of each lane
    exit: Floats  # (..., K, C) alpha at its last step, scaled to sum 1
    exit_scale: Floats  # (..., 1, C) what the last alpha summed to
    scale: Floats  # (groups, ..., 1, C) what alpha summed to at each scaling
    log_likelihood: Floats  # (..., C) of each lane, without what b was divided by
    unsafe: NDArray[np.bool_]  # (..., C) lanes that left the range of doubles


class BackwardPass(NamedTuple):
    """What is left of a backward pass; gamma went to the consumer."""

    entry: Floats  # (..., K, C) w at the first step of each lane
    pairs: Floats  # (..., K, K) sum of alpha_t-1 w_t^T within the lanes: xi is pairs * A
    largest: Floats  # (..., C) largest beta of each lane


def forward_pass(
    lanes: Lanes,
    A: Floats,
    b: Floats,
    entry: Floats,
    alpha: Floats | None = None,
    floor: float = FLOOR,
) -> ForwardPass:
    """Walk all lanes from their entries; alpha (flat) is filled if it is given."""
    AT = np.ascontiguousarray(np.swapaxes(A, -1, -2))
    models = entry.shape[:-1]  # (..., K)
    n_groups = -(-int(lanes.length[0]) // GROUP)
    scale = np.ones((n_groups, *models[:-1], 1, lanes.n_lanes))
    ends = np.empty_like(entry)
    p = entry
    for k, segment in enumerate(lanes.segments):
        n = segment.alive
        p = p[..., :n].copy()
        store = None if alpha is None else blocks(alpha, segment, *models)
        a = np.empty_like(p)
        for t, b_t in enumerate(blocks(b, segment, *A.shape[:-1]), start=segment.first):
            if store is not None:
                a = store[t - segment.first]
            np.multiply(p, b_t, out=a)  # (..., K, n)  Rabiner 20
            if t % GROUP == GROUP - 1:
                c = scale[t // GROUP, ..., :n]
                np.add.reduce(a, axis=-2, keepdims=True, out=c)
                np.maximum(c, SMALLEST, out=c)
                np.divide(a, c, out=a)
                np.maximum(a, floor, out=a)
            np.matmul(AT, a, out=p)
        over = lanes.segments[k + 1].alive if k + 1 < len(lanes.segments) else 0
        ends[..., over:n] = a[..., over:]
    exit_scale = np.maximum(ends.sum(axis=-2, keepdims=True), SMALLEST)
    log_likelihood = np.log(scale).sum(axis=0) + np.log(exit_scale)
    unsafe = np.minimum(scale.min(axis=0), exit_scale) < SMALLEST_SCALE
    return ForwardPass(
        entry, ends / exit_scale, exit_scale, scale, log_likelihood[..., 0, :], unsafe[..., 0, :]
    )


def backward_pass(
    lanes: Lanes,
    A: Floats,
    b: Floats,
    scratch: Scratch,
    run: ForwardPass,
    exit_beta: Floats,
    consume: Consume,
) -> BackwardPass:
    """Walk all lanes from their ends, where beta is exit_beta (for alpha scaled to sum 1).

    ``consume(columns, gamma)`` gets the posterior (..., K, n) of some columns at a time, while it
    is in cache.
    """
    models = run.exit.shape[:-1]  # (..., K)
    joins = exit_beta / run.exit_scale  # for alpha as it stands
    size = max(CHUNK, run.exit.size)
    alpha = scratch.array("alpha", b.size)
    betas_, ws_, gammas_ = (scratch.array(name, size) for name in ("beta", "w", "gamma"))
    pairs = np.zeros_like(A)  # (..., K, K)
    largest = np.zeros((*models[:-1], lanes.n_lanes))
    beta = joins[..., :0]
    previous = None  # last alphas of the segment before
    for k in range(len(lanes.segments) - 1, -1, -1):
        segment = lanes.segments[k]
        n = segment.alive
        beta = np.concatenate([beta, joins[..., beta.shape[-1] : n]], axis=-1)
        likelihoods = blocks(b, segment, *A.shape[:-1])
        alphas = blocks(alpha, segment, *models)
        previous = blocks(alpha, lanes.segments[k - 1], *models)[-1][..., :n] if k else None
        cells = beta.size
        stride = max(1, size // cells)
        for stop in range(len(alphas), 0, -stride):
            first = max(0, stop - stride)
            steps = stop - first
            betas = betas_[: steps * cells].reshape(steps, *models, n)
            ws = ws_[: steps * cells].reshape(steps, *models, n)
            betas[-1] = beta
            for i in range(steps - 1, -1, -1):
                w, t = ws[i], segment.first + first + i
                np.multiply(betas[i], likelihoods[first + i], out=w)
                if t % GROUP == GROUP - 1:
                    np.divide(w, run.scale[t // GROUP, ..., :n], out=w)
                np.matmul(A, w, out=betas[i - 1] if i else beta)  # Rabiner 25
            np.maximum(largest[..., :n], betas.max(axis=(0, -2)), out=largest[..., :n])

            gamma = gammas_[: steps * cells].reshape(*models, steps, n)
            np.multiply(betas, alphas[first:stop], out=np.moveaxis(gamma, -2, 0))  # Rabiner 27
            column = segment.column + first * n
            consume(slice(column, column + steps * n), gamma.reshape(*models, steps * n))

            wT = np.swapaxes(ws, -1, -2)
            pairs += np.matmul(alphas[first : stop - 1], wT[1:]).sum(axis=0)  # Rabiner 37
            before = alphas[first - 1] if first else previous
            if before is not None:
                pairs += before @ wT[0]
    return BackwardPass(ws[0].copy(), pairs, largest)
