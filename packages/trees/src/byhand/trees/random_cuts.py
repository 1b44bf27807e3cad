# SPDX-License-Identifier: BSD-3-Clause
"""Cuts of extra trees: one threshold drawn at random for each drawn feature of a node.

Source:  Geurts, Ernst & Wehenkel (2006).
Differs: NaN takes the side that gains more. Where no drawn feature can be cut, others are drawn.
Cost:    per drawn feature and level one gather, the least and largest value and the sums of one
         side; the rows are parted once per level, by counting.
Checked: a feature that tells the classes apart wins whatever is drawn; NaN goes where it gains,
         and in prediction where it went in training; gains of sides against those of cuts.
"""
# D features, m places, S open nodes, q lines looked at in each: as in drawn_cuts

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cuts import Cuts, random_thresholds
from .drawn_cuts import DRAWN_BLOCK, cuts_of_drawn, sorted_by_digits, target_of_rows
from .limits import Limits
from .moments import Ints, Nodes, Places, Target
from .presort import Presorted
from .sides import gain_of_sides

__all__ = ["random_cuts"]


def random_cuts(
    X: NDArray[np.floating],
    lines: Presorted,
    packed: Ints,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Best of the thresholds drawn for each node, one for each of its drawn lines.

    As `best_cuts`, but the only one of `packed` holds the rows in no order.
    """

    def look_at(line: Ints, rows: Ints, nodes: Nodes, places: Places) -> Cuts:
        return _best_of_thresholds(X, lines, line, rows, target, nodes, places, limits, rng)

    return cuts_of_drawn(look_at, DRAWN_BLOCK, lines, packed[0], nodes, places, limits, rng)


def _best_of_thresholds(
    X: NDArray[np.floating],
    lines: Presorted,
    line: Ints,
    rows: Ints,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Draw a threshold for each line (q, S) of each node, and part the rows by the best one."""
    S, m, (N, D) = line.shape[1], len(rows), X.shape
    index = lines.feature.take(line).take(places.node, axis=1)
    index += rows % N * D
    x = X.ravel().take(index)  # (q, m)
    t = random_thresholds(x, places.starts, rng)
    left = x <= t.take(places.node, axis=1)
    nan_first = lines.nan_first.take(line)
    has_nan = bool(lines.nan_first.any())
    if has_nan:
        left |= np.isnan(x) & nan_first.take(places.node, axis=1)
    n_left = np.add.reduceat(left, places.starts, axis=1, dtype=np.int64)
    gain = gain_of_sides(target_of_rows(target, rows), left, nodes, places, limits.min_weight)
    gain *= np.minimum(n_left, places.sizes - n_left) >= limits.min_samples_leaf
    best, slot, each = np.maximum.reduce(gain), gain.argmax(axis=0), np.arange(S)
    at = (slot * m).take(places.node) + places.each
    key = (places.node << 2) + 2 - left.take(at)
    if has_nan:  # NaN stands at the edge, as `grow` expects
        key += np.isnan(x.take(at)) * (1 - 2 * nan_first[slot, each]).take(places.node)
    order = sorted_by_digits(key[None], (S - 1).bit_length() + 2)[0]
    last = places.starts + np.maximum(n_left[slot, each], 1) - 1
    return Cuts(best > 0, line[slot, each], last, rows.take(order), t[slot, each])
