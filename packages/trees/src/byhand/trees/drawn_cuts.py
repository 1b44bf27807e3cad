# SPDX-License-Identifier: BSD-3-Clause
"""Cuts of forests: only the features that are drawn for a node are looked at, sorted on the spot.

Source:  Breiman (2001); Knuth, TAOCP 3, 5.2.5 for sorting by digits.
Differs: where no drawn feature can be cut, as many others are drawn, until one can.
Cost:    two sorts by counting per drawn feature and level, 3-4 ns per row each, and one pass of the
         scorer, in blocks of nodes that stay in cache: 35 ns in all per row, drawn feature and
         level (10k x 10, 10 trees; 65 ns level by level). 4 bytes per row and feature.
Checked: every cut against exhaustive search over the features that were drawn for its node; the
         same trees from small blocks.
"""
# N rows, D features, V lines, m places, S open nodes as in cuts   k features drawn for each node
# q = k lines are looked at in each node, or 2 k where features have a second line for NaN

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .class_counts import ClassTarget
from .cuts import Cuts
from .limits import Limits
from .moments import Ints, Nodes, Places, Target, places_of
from .presort import Presorted

__all__ = [
    "LookAt",
    "RowCodes",
    "cuts_of_drawn",
    "deal",
    "drawn_cuts",
    "row_codes",
    "sorted_by_digits",
    "target_of_rows",
]

# (lines (q, S), rows (m,), nodes, places) -> best cut of each node over its lines
LookAt = Callable[[Ints, Ints, Nodes, Places], Cuts]

# Rows times lines that are looked at together: more do not fit into the cache, fewer pay for calls.
DRAWN_BLOCK = 40_000


class RowCodes(NamedTuple):
    """Where each row stands in each line."""

    of_line: Ints  # (V, N) rank of each row's value
    tied: bool  # some rows share a value


def target_of_rows(target: Target, rows: Ints) -> Target:
    """Targets of some rows, which get the numbers 0, 1, 2, ..."""
    here = copy.copy(target)
    here.z = target.z.take(rows)
    here.fixed = None if target.fixed is None else target.fixed.take(rows)
    if isinstance(here, ClassTarget):
        here.codes = here.codes.take(rows)
    return here


def row_codes(lines: Presorted, n: int) -> RowCodes:
    """Codes of the n rows of X."""
    codes = np.zeros((len(lines.packed), n), dtype=np.int32)
    for v, line in enumerate(lines.packed):
        rank = lines.codes(line)
        rank = np.arange(len(line)) if rank is None else rank + int(lines.nan_first[v])
        codes[v, lines.rows(line)] = rank
    return RowCodes(codes, bool(lines.tied.any()))


def drawn_cuts(
    X: NDArray[np.floating],
    lines: Presorted,
    packed: Ints,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
    codes: RowCodes,
) -> Cuts:
    """Best cut of each node over `limits.n_candidates` features that are drawn for it.

    As `best_cuts`, but the only one of `packed` holds the rows in no order.
    """

    def look_at(line: Ints, rows: Ints, nodes: Nodes, places: Places) -> Cuts:
        return _best_of_sorted(line, rows, codes, target, nodes, places, limits)

    block = DRAWN_BLOCK // max(1, target.width // 8)  # many classes: as many sums
    return cuts_of_drawn(look_at, block, lines, packed[0], nodes, places, limits, rng)


def cuts_of_drawn(
    look_at: LookAt,
    block: int,
    lines: Presorted,
    rows: Ints,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Cuts of the nodes by what look_at(line (q, S), rows (m,), ...) finds in drawn lines.

    Nodes that cannot be cut by the features drawn for them draw as many others. At most `block`
    rows and lines are looked at together, or one node.
    """
    first_line = (~lines.nan_first).nonzero()[0]  # (D,)
    D, k = len(first_line), limits.n_candidates
    decks = np.arange(D).repeat(len(places.starts)).reshape(D, -1)  # (D, S)

    def look(decks: Ints, j: int, rows: Ints, nodes: Nodes, places: Places) -> Cuts:
        line = first_line[deal(decks, j, k, rng)]  # (k, S)
        if len(lines.feature) > D:
            second = np.minimum(line + 1, len(lines.feature) - 1)  # or the same one again
            line = np.concatenate([line, np.where(lines.nan_first[second], second, line)])
        return _in_blocks(look_at, block, line, rows, nodes, places, limits.min_samples_leaf)

    cuts = look(decks, 0, rows, nodes, places)
    pending = (~cuts.found).nonzero()[0]
    for j in range(k, D, k):
        if not len(pending):
            break
        at = places.each.compress((~cuts.found).take(places.node))
        here = places_of(places.sizes[pending], limits.min_samples_leaf)
        decks_here = decks.take(pending, axis=1)  # in C order: `deal` writes to it
        more = look(decks_here, j, rows.take(at), nodes.some(pending), here)
        decks[:, pending] = decks_here
        cuts.packed[at] = more.packed
        cuts.found[pending], cuts.line[pending] = more.found, more.line
        cuts.last[pending] = at[more.last]
        if cuts.threshold is not None:
            cuts.threshold[pending] = more.threshold
        pending = pending[~more.found]
    return cuts


def deal(decks: Ints, j: int, k: int, rng: np.random.Generator) -> Ints:
    """Draw cards j, j+1, ... j+k-1 of each deck (D, S), and return them, (k, S).

    Durstenfeld's shuffle, of which only so many steps are made.
    """
    D, S = decks.shape
    each, flat = np.arange(S), decks.reshape(-1)
    for i in range(j, min(j + k, D - 1)):
        other = rng.integers(i, D, size=S) * S + each
        card = flat.take(other)
        flat[other] = decks[i]
        decks[i] = card
    return decks[j : j + k]


def _in_blocks(
    look_at: LookAt,
    block: int,
    line: Ints,
    rows: Ints,
    nodes: Nodes,
    places: Places,
    min_samples_leaf: int,
) -> Cuts:
    """Best cut of each node over its lines (q, S), some nodes at a time."""
    (q, S), ends = line.shape, places.starts + places.sizes
    edges, parts = [0], []
    while edges[-1] < S:
        room = places.starts[edges[-1]] + block // q
        edges.append(max(edges[-1] + 1, int(ends.searchsorted(room, "right"))))
    if len(edges) == 2:
        return look_at(line, rows, nodes, places)
    for i, j in pairwise(edges):
        here, a, b = places_of(places.sizes[i:j], min_samples_leaf), places.starts[i], ends[j - 1]
        cuts = look_at(line[:, i:j], rows[a:b], nodes.some(np.arange(i, j)), here)
        parts.append(cuts._replace(last=cuts.last + a))
    found, line, last, chosen = (np.concatenate(a) for a in list(zip(*parts, strict=True))[:4])
    drawn = [cuts.threshold for cuts in parts if cuts.threshold is not None]
    return Cuts(found, line, last, chosen, np.concatenate(drawn) if drawn else None)


def _best_of_sorted(
    line: Ints,
    rows: Ints,
    codes: RowCodes,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
) -> Cuts:
    """Sort the rows of each node by each of its lines (q, S), and score all cuts."""
    S, m, N = line.shape[1], len(rows), codes.of_line.shape[1]
    code_bits = N.bit_length()
    bits = code_bits + (S - 1).bit_length()
    index = (line * N).take(places.node, axis=1)
    index += rows % N
    key: Ints = codes.of_line.ravel().take(index).astype(np.uint32 if bits <= 32 else np.int64)
    key |= places.node.astype(key.dtype) << code_bits  # node | code
    order = sorted_by_digits(key, bits)
    in_order = key.ravel().take(order) if codes.tied else None
    order -= np.arange(0, key.size, m)[:, None]
    score = target_of_rows(target, rows).scorer(nodes, places, limits.min_weight)
    gain = score(order, in_order)
    top = np.maximum.reduceat(gain, places.starts, axis=1)
    best, slot = np.maximum.reduce(top), top.argmax(axis=0)
    at = (slot * m).take(places.node)
    at += places.each
    hit = (gain.take(at) == best.take(places.node)).nonzero()[0]
    last = hit.take(hit.searchsorted(places.starts))  # first place that reaches the top
    return Cuts(best > 0, line[slot, np.arange(S)], last, rows.take(order.take(at)), None)


def sorted_by_digits(key: Ints, bits: int) -> Ints:
    """Places in key.ravel() that sort each line of key (b, m), whole numbers below 2^bits.

    NumPy sorts 16 bits by counting: 3 ns for a digit, where a sort of the keys took 14-31 ns.

    Examples
    --------
    >>> import numpy as np
    >>> sorted_by_digits(np.array([[70000, 3, 65536], [2, 1, 0]]), 17)
    array([[1, 2, 0],
           [5, 4, 3]])
    """
    start = np.arange(0, key.size, key.shape[1])[:, None]
    order = key.astype(np.uint16).argsort(axis=1, kind="stable")
    order += start
    for shift in range(16, bits, 16):
        digit = (key >> shift).astype(np.uint8 if bits - shift <= 8 else np.uint16)
        again = digit.ravel().take(order).argsort(axis=1, kind="stable")
        again += start
        order = order.ravel().take(again)
    return order
