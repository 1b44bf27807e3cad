# SPDX-License-Identifier: BSD-3-Clause
"""Cuts: the best split of every open node of a level.

Source:  Breiman, Friedman, Olshen & Stone (1984), section 2.4; Geurts, Ernst & Wehenkel (2006) for
         thresholds drawn at random.
Differs: all nodes of a level at once. Of equal gains the lowest feature and threshold win. Where
         none of the drawn features can be cut, the next one that can is taken.
Cost:    one pass of the scorer over the rows of the open nodes per feature.
Checked: exhaustive search at every node of grown trees; drawn thresholds lie between the values.
"""
# V lines and m places as in presort and moments, S open nodes

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .limits import Limits
from .moments import Floats, Ints, Nodes, Places, Target
from .presort import BLOCK, Presorted

__all__ = ["Cuts", "best_cuts", "random_thresholds"]


class Cuts(NamedTuple):
    """One cut for each of S nodes."""

    found: NDArray[np.bool_]  # (S,) there is a legal cut
    line: Ints  # (S,) line of the presorted rows that is cut
    last: Ints  # (S,) place of the last row that goes left
    packed: Ints  # (m,) that line in each node
    threshold: Floats | None  # (S,) drawn threshold; None: halfway to the next value


def best_cuts(
    X: NDArray[np.floating],
    lines: Presorted,
    packed: Ints,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Best cut of each node; `packed` holds the lines of the open nodes' rows, (V, m)."""
    (V, m), S = packed.shape, len(places.starts)
    numbers = m if np.count_nonzero(lines.tied) else m * target.width
    step = V if V * numbers <= 4 * BLOCK else max(1, BLOCK // numbers)
    score = target.scorer(nodes, places, limits.min_weight)
    best, drawn = np.empty((V, S)), []
    for v in range(0, V, step):
        block = packed[v : v + step]
        rows = lines.rows(block)
        gain = score(rows, lines.codes(block))
        if limits.random_cuts:
            line = np.arange(v, v + len(block))
            place, threshold = _random_places(X, lines, line, rows, places, rng)
            drawn.append((place, threshold))
            # a line of equal values: its last place is the end of a node, where no cut is legal
            best[v : v + step] = np.take_along_axis(gain, place % m, axis=1)
        else:
            np.maximum.reduceat(gain, places.starts, axis=1, out=best[v : v + step])
    if limits.n_candidates:
        best *= _drawn_lines(best > 0, lines.feature, limits.n_candidates, rng)
    top, line = np.maximum.reduce(best), best.argmax(axis=0)
    at = (line * m).take(places.node)
    at += places.each
    chosen = packed.take(at)
    if limits.random_cuts:
        last, threshold = (np.concatenate(a)[line, np.arange(S)] for a in zip(*drawn, strict=True))
        return Cuts(top > 0, line, last, chosen, threshold)
    if step < V:  # only the last block's gains are left: those of the chosen lines once more
        at, block = places.each, chosen[None]
        gain = score(lines.rows(block), lines.codes(block))
    hit = (gain.take(at) == top.take(places.node)).nonzero()[0]
    last = hit.take(hit.searchsorted(places.starts))  # first place that reaches the top
    return Cuts(top > 0, line, last, chosen, None)


def _random_places(
    X: NDArray[np.floating],
    lines: Presorted,
    line: Ints,
    rows: Ints,
    places: Places,
    rng: np.random.Generator,
) -> tuple[Ints, Floats]:
    """Last places (b, S) on the left of thresholds between each node's least and largest value."""
    x = X[rows % len(X), lines.feature[line][:, None]]  # (b, m)
    t = random_thresholds(x, places.starts, rng)
    goes_left = (x <= t.take(places.node, axis=1)) | (np.isnan(x) & lines.nan_first[line][:, None])
    return places.starts - 1 + np.add.reduceat(goes_left, places.starts, axis=1, dtype=np.int64), t


def random_thresholds(x: NDArray[np.floating], starts: Ints, rng: np.random.Generator) -> Floats:
    """Numbers (b, S) from the least x (b, m) of each node on, below the largest one."""
    low = np.fmin.reduceat(x, starts, axis=1).astype(np.float64)  # NaN is passed over
    high = np.fmax.reduceat(x, starts, axis=1).astype(np.float64)
    u = rng.random(low.shape)
    t = np.maximum(low * (1 - u) + high * u, low)  # high - low might overflow
    return np.asarray(np.where(t < high, t, low))


def _drawn_lines(
    can_cut: NDArray[np.bool_], feature: Ints, k: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Lines (V, S) of k features drawn for each node, or of the first one that can be cut."""
    u = rng.random((int(feature[-1]) + 1, can_cut.shape[1]))
    bar = np.partition(u, k - 1, axis=0)[k - 1]
    u = u[feature]
    drawn = u <= bar
    bar = np.where(can_cut, u, 2.0).min(axis=0)
    return np.asarray(drawn | ((u == bar) & ~(drawn & can_cut).any(axis=0)))
