# SPDX-License-Identifier: BSD-3-Clause
"""Transfer matrices of lanes: starts and ends for chains that do not forget.

Source:  Hillis & Steele (1986), a scan of associative products.
Differs: one product per lane, K times the work of a forward pass; only sticky, left-right and
         periodic chains need it, whose lanes would otherwise settle one after the other.
Cost:    O(N K^3 + C K^3 log C) time, O(C K^2) memory.
Checked: `forward_backward` on chains that never forget.
"""
# C lanes, K states; "..." models in lockstep, mostly none
# M (C, ..., K, K) alpha at the last step of a lane = M_c @ (p at its first step), up to a factor

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .lane_passes import forward_pass
from .lanes import Lanes

__all__ = [
    "entries_by_transfer",
    "exits_by_transfer",
    "lane_positions",
    "running_products",
    "transfer_matrices",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", bound=np.number[Any])


def transfer_matrices(lanes: Lanes, A: Floats, b: Floats) -> Floats:
    """M of every lane: column i is where a start in state i leads, in the ratio of likelihoods."""
    K = A.shape[-1]
    entry = np.zeros((K, *A.shape[:-1], lanes.n_lanes))  # (K, ..., K, C)
    for i in range(K):
        entry[i, ..., i, :] = 1.0
    run = forward_pass(lanes, A, b, entry, floor=0.0)
    share = np.exp(run.log_likelihood - run.log_likelihood.max(axis=0))  # (K, ..., C)
    return np.moveaxis(run.exit * share[..., None, :], (0, -1), (-1, 0))


def entries_by_transfer(lanes: Lanes, pi: Floats, A: Floats, M: Floats) -> Floats:
    """P at the first step of each lane (..., K, C)."""
    AT = np.swapaxes(A, -1, -2)
    rows = lanes.by_sequence  # lanes in the order of the rows
    upto = running_products(AT @ M[rows], lane_positions(lanes), _followed_by)
    p = (upto @ pi[..., None])[..., 0]  # (C, ..., K) what the next lane begins with
    entry = np.repeat(pi[..., None], lanes.n_lanes, axis=-1)
    after = np.empty_like(entry)
    after[..., rows] = np.moveaxis(p / np.maximum(p.sum(axis=-1, keepdims=True), 1e-290), 0, -1)
    entry[..., lanes.cut] = after[..., lanes.before]
    return entry


def exits_by_transfer(lanes: Lanes, A: Floats, M: Floats, ends: Floats, alpha: Floats) -> Floats:
    """Beta at the last step of each lane (..., K, C), for the alpha there: alpha . beta = ends.

    `ends` (..., K, C) is beta at the last step of the sequence that the lane is part of.
    """
    rows = lanes.by_sequence[::-1]  # from the last lane to the first
    counts = np.diff(np.r_[lanes.first_of_sequence, lanes.n_lanes])
    from_end = (np.repeat(counts, counts) - 1 - lane_positions(lanes))[::-1]
    back = running_products(A @ np.swapaxes(M[rows], -1, -2), from_end, _followed_by)
    beta = np.empty_like(ends)
    beta[..., rows] = np.moveaxis(back.sum(axis=-1), 0, -1)  # of the lane before, from ones
    exit_beta = ends.copy()
    beta = beta[..., lanes.cut]
    one = (beta * alpha[..., lanes.before]).sum(axis=-2, keepdims=True)
    exit_beta[..., lanes.before] *= beta / np.maximum(one, 1e-290)
    return exit_beta


def running_products(
    M: NDArray[Number],
    position: Ints,
    combine: Callable[[NDArray[Number], NDArray[Number]], NDArray[Number]],
) -> NDArray[Number]:
    """Products of each element with all before it in its run: (C, ...), in log2 C rounds.

    `position` (C,) counts from 0 in each run; ``combine(P, Q)`` multiplies P by what follows, Q.
    """
    P, reach, longest = M.copy(), 1, int(position.max())
    one_run = longest == len(M) - 1  # slices then do, at half the time
    while reach <= longest:
        if one_run:
            P[reach:] = combine(P[:-reach], P[reach:])  # the right side is new memory
        else:
            at = np.flatnonzero(position >= reach)
            P[at] = combine(P[at - reach], P[at])
        reach *= 2
    return P


def lane_positions(lanes: Lanes) -> Ints:
    """Count the lanes before each in its sequence, in the order of the rows."""
    counts = np.diff(np.r_[lanes.first_of_sequence, lanes.n_lanes])
    return np.arange(lanes.n_lanes) - np.repeat(lanes.first_of_sequence, counts)


def _followed_by(P: Floats, Q: Floats) -> Floats:
    """Return Q P, about as large as P and Q: entries sum to K."""
    product = Q @ P
    total = product.sum(axis=-2, keepdims=True).sum(axis=-1, keepdims=True)  # faster than both
    product *= product.shape[-1] / np.maximum(total, 1e-290)
    return np.asarray(product)
