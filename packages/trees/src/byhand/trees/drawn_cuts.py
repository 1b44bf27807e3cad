# SPDX-License-Identifier: BSD-3-Clause
"""Cuts of forests: only the features that are drawn for a node are looked at.

Source:  Breiman (2001); Geurts, Ernst & Wehenkel (2006).
Differs: where no drawn feature can be cut, as many are drawn again, until one can.
Cost:    per row 10 ns for each drawn feature, and 2 ns for each feature to keep it sorted
         (sorting the drawn features in each node instead costs 14-35 ns per row and feature).
Checked: every drawn cut against exhaustive search over the node's drawn features.
"""
# V lines, m places, S open nodes as in cuts   k candidate lines per node

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cuts import Cuts, best_cuts
from .limits import Limits
from .moments import Ints, Nodes, Places, Target, places_of
from .presort import Presorted

__all__ = ["drawn_cuts"]


def drawn_cuts(
    X: NDArray[np.floating],
    lines: Presorted,
    packed: Ints,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Best cut of each node over `limits.n_candidates` features that are drawn for it."""
    first_line = (~lines.nan_first).nonzero()[0]  # (D,)
    D, k = len(first_line), limits.n_candidates
    deal = rng.random((len(places.starts), D)).argsort(axis=1)  # (S, D) a shuffle a node

    def look_at(features: Ints, nodes: Nodes, places: Places, at: Ints) -> Cuts:
        line = first_line[features.T]  # (k, S)
        if len(lines.feature) > D:  # the second line of the feature, or the one again
            second = np.minimum(line + 1, len(lines.feature) - 1)
            line = np.concatenate([line, np.where(lines.nan_first[second], second, line)])
        return best_cuts(X, lines, packed, target, nodes, places, limits, rng, line, at)

    cuts = look_at(deal[:, :k], nodes, places, places.each)
    pending = (~cuts.found).nonzero()[0]
    for j in range(k, D, k):
        if not len(pending):
            break
        at = places.each.compress((~cuts.found).take(places.node))
        here = places_of(places.sizes[pending], limits.min_samples_leaf)
        more = look_at(deal[pending, j : j + k], nodes.some(pending), here, at)
        cuts.packed[at] = more.packed
        cuts.found[pending], cuts.line[pending] = more.found, more.line
        cuts.last[pending] = at[more.last]
        if cuts.threshold is not None:
            cuts.threshold[pending] = more.threshold
        pending = pending[~more.found]
    return cuts
