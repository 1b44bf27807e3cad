# SPDX-License-Identifier: BSD-3-Clause
"""First guesses of the means of states: k-means++ and a few steps of k-means.

Source:  Arthur & Vassilvitskii (2007); Lloyd (1982).
Differs: ten steps at most, on at most 10000 rows: EM does the rest.
Cost:    O(N K D).
Checked: planted clusters are found.
"""
# N rows, D features, K centres   X (N, D)   C (K, D)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.utils.kmeans_plus_plus import kmeans_plus_plus

__all__ = ["filled_in", "less_nearest", "start_means"]

Floats = NDArray[np.float64]

MOST_ROWS = 10000
STEPS = 10


def filled_in(X: Floats) -> Floats:
    """Rows with the mean of the column in place of NaN."""
    missing = np.isnan(X)
    if not missing.any():
        return X
    count = (~missing).sum(axis=0)
    if (count == 0).any():
        raise ValueError(
            f"X must hold a value that is not NaN in every column; column {int(count.argmin())}"
            " has none"
        )
    mean = np.where(missing, 0.0, X).sum(axis=0) / count
    return np.where(missing, mean, X)


def start_means(X: Floats, n_states: int, rng: np.random.Generator) -> Floats:
    """Centres (K, D) of clusters of the rows, which hold no NaN."""
    if len(X) > MOST_ROWS:
        X = X[np.sort(rng.choice(len(X), MOST_ROWS, replace=False))]
    X = X[np.lexsort(X.T)]  # the order of the sequences makes no difference to a seed
    if len(X) < n_states:
        raise ValueError(
            f"X must have at least n_components={n_states} rows, got n_samples = {len(X)}"
        )
    centre = X.mean(axis=0)
    largest = float(np.abs(X - centre).max())
    scale = 2.0 ** -int(np.frexp(largest)[1]) if largest > 0 else 1.0  # exact; no square overflows
    X = np.asarray((X - centre) * scale, dtype=np.float64)
    C = kmeans_plus_plus(X, n_states, rng=rng)[0].astype(np.float64)
    for _ in range(STEPS):
        nearest = _nearest(X, C)
        n = np.bincount(nearest, minlength=n_states)
        total = np.stack([np.bincount(nearest, x, n_states) for x in X.T], axis=1)  # (K, D)
        moved = np.where(n[:, None] > 0, total / np.maximum(n, 1)[:, None], C)
        if np.array_equal(moved, C):
            break
        C = moved.astype(np.float64, copy=False)
    return np.asarray(centre + C / scale)


def less_nearest(X: Floats, centres: Floats) -> Floats:
    """Rows less the centre that is nearest to each."""
    middle = centres.mean(axis=0)
    return np.asarray(X - centres[_nearest(X - middle, centres - middle)])


def _nearest(X: Floats, C: Floats) -> NDArray[np.int64]:
    """Find the nearest centre (N,), for rows about the origin."""
    return np.asarray((np.vecdot(C, C) / 2 - X @ C.T).argmin(axis=1), dtype=np.int64)
