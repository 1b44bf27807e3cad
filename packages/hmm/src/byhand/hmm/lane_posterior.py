# SPDX-License-Identifier: BSD-3-Clause
"""Likelihoods and posteriors by lanes whose starts and ends are guessed, then verified.

Source:  Birkhoff (1957): a positive matrix never increases the projective distance of two vectors,
         and mostly shrinks it.
Differs: the start of a lane is guessed from the last steps of the lane before it, as a filter
         forgets where it began; after the pass it is compared with what that lane really ended
         with, entry by entry. Where they differ, the lanes run again from the truth; a chain that
         does not forget gets its starts and ends from `lane_transfer.py`. Sequences whose numbers
         leave the range of doubles are reported, and it is proved that no other has lost anything.
Cost:    O(N K^2) time, 1.3 times that of the bare passes at a million steps; 2 N K numbers.
Checked: the plain recursions on random, sticky, left-right and periodic chains.
"""
# S sequences, N steps, C lanes, K states; "..." models in lockstep, mostly none
# pi (..., K)   A (..., K, K)   b blocks of likelihoods (flat), largest of each column 1
# p, alpha, beta, w as in lane_passes.py

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .lane_passes import GROUP, BackwardPass, ForwardPass, backward_pass, forward_pass
from .lane_transfer import entries_by_transfer, exits_by_transfer, transfer_tree
from .lanes import Lanes, Scratch, blocks, sums_by_sequence

__all__ = ["LanePosterior", "lane_filter", "lane_log_likelihoods", "lane_posterior"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Consume = Callable[[slice, Floats], None]

RTOL = 1e-12  # of a guess, entry by entry
FEW = 4096  # numbers in all transfer matrices: what a NumPy call takes as long for as for one
FORGET = 512  # steps; a chain that remembers longer is guessed from 64 steps of data
# Floors of 1e-180 add at most (steps) * K * 1e-180 * (largest beta) to a likelihood of 1
LARGEST_BETA = 1e150
FADED = 1e-100  # share of a state that may be an artefact of the floors


class LanePosterior(NamedTuple):
    """Sums over the sequences; gamma went to the consumer."""

    log_likelihood: Floats  # (..., S) without what b was divided by
    start: Floats  # (..., K) sum of gamma over the first steps
    xi: Floats  # (..., K, K)
    unsafe: Bools  # (..., S) sequences that need logarithms; the sums are void if there are any


def lane_log_likelihoods(lanes: Lanes, pi: Floats, A: Floats, b: Floats) -> tuple[Floats, Bools]:
    """Log-likelihood (..., S) of each sequence, and which ones (..., S) need logarithms."""
    run, _ = _settled_forward(lanes, pi, A, b, None)
    unsafe = run.unsafe
    if A.min() < 1e-30:  # a state that died out may be the only way on
        unsafe = unsafe | _floors_show(lanes, A, b, run)
    return sums_by_sequence(lanes, run.log_likelihood), _any_lane(lanes, unsafe)


def lane_filter(lanes: Lanes, pi: Floats, A: Floats, b: Floats, alpha: Floats) -> Bools:
    """Fill alpha with p(z_t | x up to t), up to a factor; say which sequences need logarithms."""
    run, _ = _settled_forward(lanes, pi, A, b, alpha)
    unsafe = run.unsafe
    if A.min() < 1e-30:
        unsafe = unsafe | _floors_show(lanes, A, b, run)
    return _any_lane(lanes, unsafe)


def lane_posterior(
    lanes: Lanes,
    pi: Floats,
    A: Floats,
    b: Floats,
    weight: Floats,
    begin: Callable[[], Consume],
    scratch: Scratch,
) -> LanePosterior:
    """Posterior sums, each sequence counting `weight` (S,) times.

    ``consume = begin()`` is called before the posterior is walked through, and again if that has
    to be repeated; ``consume(columns, gamma)`` then gets the state probabilities (..., K, n).
    """
    run, tree = _settled_forward(lanes, pi, A, b, scratch.array("alpha", b.size))
    log_likelihood = sums_by_sequence(lanes, run.log_likelihood)
    if run.unsafe.any():
        nothing = np.zeros_like(pi), np.zeros_like(A)
        return LanePosterior(log_likelihood, *nothing, _any_lane(lanes, run.unsafe))
    back = _settled_backward(lanes, pi, A, b, scratch, run, weight, begin, tree)
    into = run.exit[..., lanes.before] @ np.swapaxes(back.entry[..., lanes.cut], -1, -2)
    first = np.ones(lanes.n_lanes, dtype=bool)
    first[lanes.cut] = False
    start = (run.entry * back.entry)[..., first].sum(axis=-1)
    unsafe = _any_lane(lanes, ~(back.largest < LARGEST_BETA * weight.max()))
    return LanePosterior(log_likelihood, start, (back.pairs + into) * A, unsafe)


def _settled_forward(
    lanes: Lanes, pi: Floats, A: Floats, b: Floats, alpha: Floats | None
) -> tuple[ForwardPass, list[Floats] | None]:
    """Forward pass in which every lane begins as the lane before it ends."""
    tree, error = None, 0.1
    if lanes.n_lanes > 1 and lanes.n_lanes * A.size <= FEW:  # no guess is cheaper than the truth
        tree = transfer_tree(lanes, pi, A, b)
        entry = entries_by_transfer(lanes, pi, tree)
    else:
        entry = _guess_entries(lanes, pi, A, b)
    run = forward_pass(lanes, A, b, entry, alpha)
    for repeat in range(lanes.n_lanes):  # enough for any chain: each round settles a lane more
        truth = np.swapaxes(A, -1, -2) @ run.exit[..., lanes.before]
        wrong = np.abs(truth - run.entry[..., lanes.cut])
        if not (wrong > RTOL * truth + 1e-170).any():
            break
        error, last_error = float(wrong.max()), error
        if tree is None and (repeat == 3 or error > 1e-3 * last_error):  # it does not forget
            tree = transfer_tree(lanes, pi, A, b)
            entry = entries_by_transfer(lanes, pi, tree)
        else:
            entry = run.entry
            entry[..., lanes.cut] = truth
        run = forward_pass(lanes, A, b, entry, alpha)
    return run, tree


def _settled_backward(
    lanes: Lanes,
    pi: Floats,
    A: Floats,
    b: Floats,
    scratch: Scratch,
    run: ForwardPass,
    weight: Floats,
    begin: Callable[[], Consume],
    tree: list[Floats] | None,
) -> BackwardPass:
    """Backward pass in which every lane ends as the lane after it begins."""
    ends = np.broadcast_to(weight[lanes.sequence], run.exit.shape)
    if tree is None:
        exit_beta = _guess_exits(lanes, A, b, run, ends)
    else:
        exit_beta = exits_by_transfer(lanes, A, tree, ends, run.exit)
    error = 0.1
    back = backward_pass(lanes, A, b, scratch, run, exit_beta, begin())
    for repeat in range(lanes.n_lanes):
        truth = A @ back.entry[..., lanes.cut]
        wrong = np.abs(truth - exit_beta[..., lanes.before])
        # what alpha weighs a wrong beta with is the error of every gamma before it
        weighed = run.exit[..., lanes.before] * wrong
        if not ((wrong > RTOL * truth) & (weighed > 1e-25)).any():
            break
        error, last_error = float(weighed.max()), error
        if tree is None and (repeat == 3 or error > 1e-3 * last_error):
            tree = transfer_tree(lanes, pi, A, b)
            exit_beta = exits_by_transfer(lanes, A, tree, ends, run.exit)
        else:
            exit_beta[..., lanes.before] = truth
        back = backward_pass(lanes, A, b, scratch, run, exit_beta, begin())
    return back


def _floors_show(lanes: Lanes, A: Floats, b: Floats, run: ForwardPass) -> Bools:
    """Whether what the floors added may ever have been a visible part of alpha: (..., C).

    Each lane runs again without floors, and without what was below FADED when it began. If no
    scaling differs, and at the end no state above FADED does, then all that the next lane begins
    with is right but for states below FADED, which in that lane are left out again.
    """
    entry = np.where(run.entry < FADED, 0.0, run.entry)
    bare = forward_pass(lanes, A, b, entry, floor=0.0)
    gap = np.cumsum(np.log(run.scale) - np.log(bare.scale), axis=0)  # (groups, ..., 1, C)
    scales_differ = (np.abs(gap) > 1e-13 * (1 + len(gap))).any(axis=(0, -2))
    ends_differ = (np.abs(run.exit - bare.exit) > 1e-9 * bare.exit + FADED).any(axis=-2)
    return np.asarray(bare.unsafe | scales_differ | ends_differ)


def _guess_entries(lanes: Lanes, pi: Floats, A: Floats, b: Floats) -> Floats:
    """Start of each lane: pi, or where the last steps of the lane before lead from anywhere."""
    entry = np.repeat(pi[..., None], lanes.n_lanes, axis=-1)  # (..., K, C)
    if len(lanes.cut) == 0:
        return entry
    AT = np.ascontiguousarray(np.swapaxes(A, -1, -2))
    steps_back, rest = _far_future(A)
    L = int(lanes.length[0])
    n = int(lanes.before.max()) + 1  # the lanes that are continued are the first, L steps long
    p = np.repeat(rest[..., None], n, axis=-1)
    a = np.empty_like(p)
    for segment in lanes.segments:
        first = max(segment.first, L - steps_back)
        here = blocks(b, segment, *pi.shape)[first - segment.first :]
        for t, b_t in enumerate(here, start=first):
            np.multiply(p, b_t[..., :n], out=a)
            if t % GROUP == GROUP - 1:
                np.divide(a, np.maximum(a.sum(axis=-2, keepdims=True), 1e-290), out=a)
            np.matmul(AT, a, out=p)
    p /= np.maximum(p.sum(axis=-2, keepdims=True), 1e-290)
    entry[..., lanes.cut] = p[..., lanes.before]
    return entry


def _guess_exits(lanes: Lanes, A: Floats, b: Floats, run: ForwardPass, ends: Floats) -> Floats:
    """Beta at the last step of each lane: as the first steps of the lane after it lead to."""
    exit_beta = ends.copy()
    if len(lanes.cut) == 0:
        return exit_beta
    steps_on = min(_far_future(A)[0], int(lanes.length[0]))
    beta = ends[..., :0]
    for segment in reversed(lanes.segments):
        if segment.first >= steps_on:
            continue
        joins = np.ones((*ends.shape[:-1], segment.alive - beta.shape[-1]))
        beta = np.concatenate([beta, joins], axis=-1)
        w = np.empty_like(beta)
        likelihoods = blocks(b, segment, *A.shape[:-1])[: steps_on - segment.first]
        for t in range(len(likelihoods) - 1, -1, -1):
            np.multiply(beta, likelihoods[t], out=w)
            if t % GROUP == 0:
                np.divide(w, np.maximum(w.sum(axis=-2, keepdims=True), 1e-290), out=w)
            np.matmul(A, w, out=beta)
    beta = beta[..., lanes.cut]
    one = (beta * run.exit[..., lanes.before]).sum(axis=-2, keepdims=True)
    exit_beta[..., lanes.before] *= beta / np.maximum(one, 1e-290)
    return exit_beta


def _far_future(A: Floats) -> tuple[int, Floats]:
    """Count the steps after which the chain has forgotten its start; say where it then is."""
    power, steps = A, 1
    while steps < FORGET:
        power, steps = power @ power, 2 * steps
        if (power.max(axis=-2) - power.min(axis=-2)).max() < 1e-13:
            break
    return (steps if steps < FORGET else 64), power.mean(axis=-2)


def _any_lane(lanes: Lanes, flags: Bools) -> Bools:
    """Whether any lane (..., C) of each sequence is flagged: (..., S)."""
    return np.asarray(sums_by_sequence(lanes, flags.astype(np.float64)) > 0)
