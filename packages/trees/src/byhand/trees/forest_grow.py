# SPDX-License-Identifier: BSD-3-Clause
"""Growing a forest: trees on resampled rows, a batch of them at once.

Source:  Breiman (1996) for bagging; Breiman (2001).
Differs: the trees of a batch are the roots of one level-wise growth, so that small data do not
         pay for calls of NumPy; a row drawn k times has weight k.
Cost:    as growing, on 63 % of the rows; presorting once for all trees.
Checked: each tree against exhaustive search on its own resample; out-of-bag share 1/e.
"""
# N rows, T trees, B trees of a batch, V lines

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .class_counts import ClassTarget
from .cuts import best_cuts
from .drawn_cuts import drawn_cuts, row_codes
from .ensemble import Forest, join_forests, tree_at
from .freed_memory import keep_freed_memory
from .grow import CutFinder, grow
from .limits import Limits
from .moments import Floats, Ints, RealTarget, Target
from .poisson import PoissonTarget
from .presort import Presorted
from .random_cuts import random_cuts
from .trim import trim

__all__ = ["Batch", "bootstrap_counts", "grow_batch", "lines_of_trees"]

# Rows of a batch: fewer pay for calls of NumPy, more take memory (half as many: 5 % slower).
BATCH_ROWS = 2**17


class Batch(NamedTuple):
    """What the growth of some trees of a forest needs."""

    X: NDArray[np.floating]  # (N, D)
    lines: Presorted
    y: NDArray[Any]  # (N,) targets or class codes
    n_classes: int  # 0: y is real
    criterion: str
    weight: Floats | None  # (N,)
    balanced: bool  # weights that balance the classes of each resample
    limits: Limits
    n_drawn: int  # rows drawn for each tree; 0: all are taken once
    seeds: Ints  # (B,)


def bootstrap_counts(seed: int, n_samples: int, n_drawn: int) -> Ints:
    """How often each row is drawn for the tree of this seed, (N,)."""
    drawn = np.random.default_rng([seed, 0]).integers(n_samples, size=n_drawn)
    return np.bincount(drawn, minlength=n_samples)


def grow_batch(batch: Batch) -> Forest:
    """Grow the trees of a batch."""
    n, B = len(batch.X), len(batch.seeds)
    keep_freed_memory(32 * n * B)
    weight = None if batch.weight is None else np.tile(batch.weight, (B, 1))
    if batch.n_drawn:
        counts = [bootstrap_counts(int(seed), n, batch.n_drawn) for seed in batch.seeds]
        weight = np.array(counts, np.float64) if weight is None else weight * counts
        if batch.balanced:
            weight = weight * [_balance(batch, c) for c in counts]
    y = np.tile(batch.y, B)
    w = None if weight is None else weight.ravel()
    target: Target
    if batch.n_classes:
        target = ClassTarget(y, batch.n_classes, w, batch.criterion != "gini")
    else:
        target = (PoissonTarget if batch.criterion == "poisson" else RealTarget)(y, w)
    kept = np.ones((B, n), np.bool_) if weight is None else weight > 0
    lines, find = _search(batch, kept)
    rng = np.random.default_rng([int(batch.seeds[0]), 1])
    forest = Forest(*grow(batch.X, lines, target, batch.limits, rng, find, kept.sum(axis=1)))
    trees = (trim(tree_at(forest, t), batch.limits) for t in range(B))
    if batch.limits.trims:
        forest = join_forests([Forest(tree, np.zeros(1, np.int64)) for tree in trees])
    return forest


def _search(batch: Batch, kept: NDArray[np.bool_]) -> tuple[Presorted, CutFinder]:
    """Lines of the kept rows (B, N) of each tree, and how to find cuts among them."""
    if not batch.limits.n_candidates:
        return lines_of_trees(batch.lines, kept), best_cuts
    # one line of rows in no order is split from level to level
    rows, no_ties = kept.ravel().nonzero()[0], np.zeros_like(batch.lines.tied)
    one = batch.lines._replace(packed=rows[None], id_bits=62, tied=no_ties)
    if batch.limits.random_cuts:
        return one, random_cuts
    return one, partial(drawn_cuts, codes=row_codes(batch.lines, len(batch.X)))


def _balance(batch: Batch, counts: Ints) -> Floats:
    """Weight of each row that gives the classes of a resample the same weight."""
    of_class = np.bincount(batch.y, counts, minlength=batch.n_classes)
    present = np.count_nonzero(of_class)
    share = np.where(of_class > 0, counts.sum() / (present * np.maximum(of_class, 1)), 0.0)
    return np.asarray(share[batch.y])


def lines_of_trees(lines: Presorted, kept: NDArray[np.bool_]) -> Presorted:
    """Lines of the kept rows (B, N) of each tree, tree after tree; row i of tree t is t N + i."""
    V, n = lines.packed.shape
    B, sizes = len(kept), kept.sum(axis=1)
    id_bits = max(lines.id_bits, (B * n - 1).bit_length())
    rows, codes = lines.rows(lines.packed), lines.codes(lines.packed)
    top = 0 if codes is None else int(codes.max())
    small = [(top + 1) << id_bits <= np.iinfo(t).max + 1 for t in (np.uint16, np.int32)]
    plain = not lines.nan_first.any()
    out = np.empty(
        (V, int(sizes.sum())),
        dtype=np.uint16 if small[0] and plain else np.int32 if small[1] else np.int64,
    )
    ends = sizes.cumsum()
    for t in range(B):
        at = kept[t].take(rows).ravel().nonzero()[0]
        some = rows.take(at) + t * n
        if codes is not None:
            some |= codes.take(at).astype(np.int64) << id_bits
        out[:, ends[t] - sizes[t] : ends[t]] = some.reshape(V, -1)
    return lines._replace(packed=out, id_bits=id_bits)
