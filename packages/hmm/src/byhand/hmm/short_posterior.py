# SPDX-License-Identifier: BSD-3-Clause
"""Posterior of one short sequence in as few NumPy calls as can be.

Source:  the lanes of `lane_passes.py`, the tree of `product_tree.py`.
Differs: `lane_posterior.py` for some thousand steps, where a call takes longer than its numbers:
         lanes of equal length, filled up with missing observations; starts and ends from a tree
         and none guessed; no scaling in a lane. What leaves the range of doubles is not judged but
         left to the others: half of their time at 1000 steps of 2 states (bench/hmm).
Cost:    O(N K^3) time; 4 N K numbers.
Checked: the plain recursions on random, sticky, left-right and periodic chains.
"""
# N steps in C lanes of L, K states; "..." models in lockstep, mostly none
# pi (..., K)   A (..., K, K)   b (L, ..., K, C) likelihoods, largest of each column 1
# p (..., K, C) p(z_t | x before t) at the first step of each lane
# alpha (L, ..., K, C) p times the likelihoods of its lane   beta: alpha . beta = 1   w = b beta

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .product_tree import product_tree, vectors_after, vectors_before

__all__ = ["ShortPosterior", "short_posterior"]

Floats = NDArray[np.float64]

RTOL_SHORT = 1e-12  # of a start and of an end, entry by entry
# A number that vanished was below 1e-308 in alpha, and below 1e-170 in p: with a beta below these
# bounds it was less than 1e-20 of the likelihood
LARGEST_BETA_SHORT, LARGEST_FIRST_BETA = 1e280, 1e150


class ShortPosterior(NamedTuple):
    """Posterior of a sequence under each model."""

    log_likelihood: Floats  # (...) without what b was divided by
    xi: Floats  # (..., K, K)
    gamma: Floats  # (..., K, N)


def short_posterior(pi: Floats, A: Floats, likelihoods: Floats) -> ShortPosterior | None:
    """Posterior, given likelihoods (..., K, N); None if that takes more care."""
    N = likelihoods.shape[-1]
    L = max(4, round((N / 16) ** 0.5))
    C = -(-N // L)
    b = _in_lanes(likelihoods, L, C)
    AT = np.ascontiguousarray(np.swapaxes(A, -1, -2))
    tree = _tree_of_lanes(A, AT, b)
    p = np.ascontiguousarray(np.swapaxes(vectors_before(tree, pi)[..., :C, :], -1, -2))
    alpha = _forward(AT, b, p)
    end = alpha[-1]  # (..., K, C)
    total = end.sum(axis=-2, keepdims=True)  # (..., 1, C) likelihood of each lane
    if not total.min() > 1e-250:
        return None
    share = end / total
    truth = AT @ share[..., :-1]
    if (np.abs(truth - p[..., 1:]) > RTOL_SHORT * truth + 1e-170).any():
        return None

    after = vectors_after(tree, np.ones_like(pi))[..., :C, :]
    exit_beta = A @ np.swapaxes(after, -1, -2)
    exit_beta /= np.maximum((exit_beta * end).sum(axis=-2, keepdims=True), 1e-300)
    beta, w = _backward(A, b, exit_beta)
    truth = A @ w[0, ..., 1:]
    wrong = np.abs(truth - (exit_beta * total)[..., :-1])
    far = (wrong > RTOL_SHORT * truth) & (wrong * share[..., :-1] > 1e-25)
    in_range = beta.max() < LARGEST_BETA_SHORT and w[0].max() < LARGEST_FIRST_BETA
    if far.any() or not in_range:
        return None
    w[N - (C - 1) * L :, ..., -1] = 0.0  # steps that were filled in
    wT = np.swapaxes(w, -1, -2)
    pairs = (alpha[:-1] @ wT[1:]).sum(axis=0) + share[..., :-1] @ wT[0, ..., 1:, :]
    gamma = np.moveaxis(alpha * beta, 0, -1).reshape(*pi.shape, L * C)[..., :N]
    return ShortPosterior(np.log(total).sum(axis=(-2, -1)), pairs * A, gamma)


def _in_lanes(likelihoods: Floats, L: int, C: int) -> Floats:
    N = likelihoods.shape[-1]
    filled = np.ones((*likelihoods.shape[:-1], C * L))
    filled[..., :N] = likelihoods
    return np.ascontiguousarray(np.moveaxis(filled.reshape(*filled.shape[:-1], C, L), -1, 0))


def _tree_of_lanes(A: Floats, AT: Floats, b: Floats) -> list[Floats]:
    """Tree of what each lane makes of p at its first step."""
    K = A.shape[-1]
    a = np.zeros((K, *b.shape[1:]))  # (K, ..., K, C) from each state
    for i in range(K):
        a[i, ..., i, :] = b[0, ..., i, :]
    p = np.empty_like(a)
    for b_t in b[1:]:
        np.matmul(AT, a, out=p)
        np.multiply(p, b_t, out=a)
    return product_tree(np.moveaxis(a, (0, -1), (-2, -3)) @ A[..., None, :, :])


def _forward(AT: Floats, b: Floats, p: Floats) -> Floats:
    alpha = np.empty_like(b)
    np.multiply(p, b[0], out=alpha[0])
    for t in range(1, len(b)):
        a = alpha[t]
        np.matmul(AT, alpha[t - 1], out=a)
        np.multiply(a, b[t], out=a)  # Rabiner 20
    return alpha


def _backward(A: Floats, b: Floats, exit_beta: Floats) -> tuple[Floats, Floats]:
    beta, w = np.empty_like(b), np.empty_like(b)
    beta[-1] = exit_beta
    for t in range(len(b) - 1, 0, -1):
        np.multiply(beta[t], b[t], out=w[t])
        np.matmul(A, w[t], out=beta[t - 1])  # Rabiner 25
    np.multiply(beta[0], b[0], out=w[0])
    return beta, w
