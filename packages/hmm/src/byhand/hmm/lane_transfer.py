# SPDX-License-Identifier: BSD-3-Clause
"""Starts and ends of lanes from transfer matrices: for chains that do not forget.

Source:  `product_tree.py`.
Differs: a lane that begins a sequence has a matrix of equal rows, which forgets all before it, so
         that all sequences are one chain. Starts and ends come from one tree.
Cost:    O(N K^3 + C K^3) time, K times that of a forward pass; O(C K^2) memory.
Checked: `forward_backward` on chains that never forget.
"""
# C lanes, K states; "..." models in lockstep, mostly none
# T (..., C, K, K) from p at the first step of a lane to p at the first step of the next, from rows
# to columns and up to a factor; in the order of the rows of X

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lane_passes import forward_pass
from .lanes import Lanes
from .product_tree import product_tree, vectors_after, vectors_before

__all__ = ["entries_by_transfer", "exits_by_transfer", "transfer_tree"]

Floats = NDArray[np.float64]


def transfer_tree(lanes: Lanes, pi: Floats, A: Floats, b: Floats) -> list[Floats]:
    """Tree of the matrices of all lanes: where a start in each state leads."""
    K = A.shape[-1]
    entry = np.zeros((K, *A.shape[:-1], lanes.n_lanes))  # (K, ..., K, C)
    for i in range(K):
        entry[i, ..., i, :] = 1.0
    run = forward_pass(lanes, A, b, entry, floor=0.0)
    share = np.exp(run.log_likelihood - run.log_likelihood.max(axis=0))  # (K, ..., C)
    exits = np.moveaxis(run.exit * share[..., None, :], (0, -1), (-2, -3))
    T = exits[..., lanes.by_sequence, :, :] @ A[..., None, :, :]  # (..., C, K, K)
    first = lanes.first_of_sequence
    T[..., first, :, :] = pi[..., None, None, :] @ T[..., first, :, :]
    return product_tree(T)


def entries_by_transfer(lanes: Lanes, pi: Floats, tree: list[Floats]) -> Floats:
    """P at the first step of each lane (..., K, C)."""
    p = vectors_before(tree, pi)[..., : lanes.n_lanes, :]
    entry = np.empty((*pi.shape, lanes.n_lanes))
    entry[..., lanes.by_sequence] = np.swapaxes(p, -1, -2)
    entry[..., lanes.by_sequence[lanes.first_of_sequence]] = pi[..., None]
    return entry


def exits_by_transfer(
    lanes: Lanes, A: Floats, tree: list[Floats], ends: Floats, alpha: Floats
) -> Floats:
    """Beta at the last step of each lane (..., K, C), for the alpha there: alpha . beta = ends.

    `ends` (..., K, C) is beta at the last step of the sequence that the lane is part of.
    """
    after = vectors_after(tree, np.ones(A.shape[:-1]))[..., : lanes.n_lanes, :]
    beta = np.empty_like(ends)
    beta[..., lanes.by_sequence] = A @ np.swapaxes(after, -1, -2)
    beta = beta[..., lanes.before]
    one = (beta * alpha[..., lanes.before]).sum(axis=-2, keepdims=True)
    exit_beta = ends.copy()
    exit_beta[..., lanes.before] *= beta / np.maximum(one, 1e-290)
    return exit_beta
