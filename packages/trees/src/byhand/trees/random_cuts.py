# SPDX-License-Identifier: BSD-3-Clause
"""Cuts of extra trees: one threshold drawn at random for each drawn feature of a node.

Source:  Geurts, Ernst & Wehenkel (2006).
Differs: NaN takes the side that gains more. Where no drawn feature can be cut, others are drawn.
Cost:    per drawn feature and level the least and largest value, one comparison, a partition by
         counting and one pass of the scorer; nothing is sorted by value.
Checked: a feature that tells the classes apart wins whatever is drawn; NaN goes where it gains.
"""
# D features, m places, S open nodes, q lines looked at in each: as in drawn_cuts

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cuts import Cuts
from .drawn_cuts import cuts_of_drawn, sorted_by_digits
from .limits import Limits
from .moments import Ints, Nodes, Places, Target
from .presort import Presorted

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

    As `best_cuts`, but for `lines` of `unsorted` rows.
    """
    has_nan, x_flat, D = bool(lines.nan_first.any()), X.ravel(), X.shape[1]

    def look_at(line: Ints, rows: Ints, nodes: Nodes, places: Places) -> Cuts:
        (q, S), m, node = line.shape, len(rows), places.node
        begin = rows % len(X) * D
        score = target.scorer(nodes, places, limits.min_weight)
        gain, t = np.empty((q, S)), np.empty((q, S))
        last, parted = np.empty((q, S), dtype=np.int64), np.empty((q, m), dtype=np.int64)
        for j in range(q):
            x = x_flat.take(lines.feature.take(line[j]).take(node) + begin)  # (m,)
            t[j] = _thresholds(x, places.starts, rng)
            right = ~(x <= t[j].take(node))
            if has_nan:
                right &= ~(np.isnan(x) & lines.nan_first.take(line[j]).take(node))
            key = node << 1
            key |= right
            order = sorted_by_digits(key[None], S.bit_length() + 1)[0]
            rows.take(order, out=parted[j], mode="clip")
            ends = places.starts + places.sizes
            before = np.append(0, right.cumsum())
            last[j] = ends - 1 - (before.take(ends) - before.take(places.starts))
            all_gains = score(parted[j][None], key.take(order)[None])[0]
            gain[j] = all_gains.take(last[j], mode="clip")
            gain[j] *= last[j] >= places.starts  # all to the right
        best, slot, each = np.maximum.reduce(gain), gain.argmax(axis=0), np.arange(S)
        chosen = parted.ravel().take((slot * m).take(node) + places.each)
        return Cuts(best > 0, line[slot, each], last[slot, each], chosen, t[slot, each])

    return cuts_of_drawn(look_at, lines, packed[0], nodes, places, limits, rng)


def _thresholds(x: NDArray[np.floating], starts: Ints, rng: np.random.Generator) -> Ints:
    """Numbers between the least and the largest value of each node, the latter excluded."""
    low = np.fmin.reduceat(x, starts).astype(np.float64)  # NaN is passed over
    high = np.fmax.reduceat(x, starts).astype(np.float64)
    u = rng.random(len(starts))
    t = np.maximum(low * (1 - u) + high * u, low)  # high - low might overflow
    return np.where(t < high, t, low)
