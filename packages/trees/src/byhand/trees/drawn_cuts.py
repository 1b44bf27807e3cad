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
from .moments import Nodes, Places, Target, places_of
from .presort import Presorted

__all__ = ["drawn_cuts"]


def drawn_cuts(
    X: NDArray[np.floating],
    lines: Presorted,
    target: Target,
    nodes: Nodes,
    places: Places,
    limits: Limits,
    rng: np.random.Generator,
) -> Cuts:
    """Best cut of each node over `limits.n_candidates` features that are drawn for it."""
    S, m = len(places.starts), lines.packed.shape[1]
    first_line = np.unique(lines.feature, return_index=True)[1]  # (D,)
    deal = rng.random((S, len(first_line))).argsort(axis=1)  # the features, shuffled for each node
    found, line_of, last = np.zeros(S, np.bool_), np.zeros(S, np.int64), places.starts.copy()
    threshold = np.zeros(S) if limits.random_cuts else None
    pending, at, here = np.arange(S), np.arange(m), places
    for j in range(0, deal.shape[1], limits.n_candidates):
        line = first_line[deal[pending, j : j + limits.n_candidates].T]  # (k, S')
        if np.count_nonzero(lines.nan_first):  # the second line of the feature, or the one again
            second = np.minimum(line + 1, len(lines.feature) - 1)
            line = np.concatenate([line, np.where(lines.nan_first[second], second, line)])
        cuts = best_cuts(X, lines, target, nodes, here, limits, rng, line, at)
        found[pending] = cuts.found
        line_of[pending] = cuts.line
        last[pending] = at[cuts.last]
        if threshold is not None:
            threshold[pending] = cuts.threshold
        rest = (~cuts.found).nonzero()[0]
        if not len(rest):
            break
        pending, at, nodes = pending[rest], at[~cuts.found[here.node]], nodes.some(rest)
        here = places_of(here.sizes[rest], limits.min_samples_leaf)
    chosen = lines.packed.take((line_of * m).take(places.node) + np.arange(m))
    return Cuts(found, line_of, last, chosen, threshold)
