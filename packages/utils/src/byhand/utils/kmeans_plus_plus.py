# SPDX-License-Identifier: BSD-3-Clause
"""k-means++: starting centres drawn far from one another.

Source:  Arthur & Vassilvitskii (2007), section 2.2, with the greedy choice among 2 + log K
         candidates that they propose in section 5.
Differs: weighted samples; a weight of 2 acts as a row repeated in place, draw for draw.
Cost:    O(N K D log K); two arrays of N numbers.
Checked: frequencies of all outcomes of a four-point problem; never picks a point twice.
"""
# N samples, D features, K centres, T candidates for a centre
# X (N, D)   w (N,) weights   mass (N,) w times the squared distance to the nearest centre so far
# norms (N,) |x - origin|^2, in units of 1 / scale

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .gaussian import row_blocks

__all__ = ["kmeans_plus_plus"]


def kmeans_plus_plus(
    X: NDArray[np.floating],
    n_clusters: int,
    *,
    sample_weight: NDArray[np.float64] | None = None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Choose rows as starting centres, each with probability by its squared distance to the rest.

    Parameters
    ----------
    X : (N, D) array
        Samples, any offset and scale.
    n_clusters : int
        How many, at most N.
    sample_weight : (N,) array, optional
        Weights >= 0; by default all 1.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    centers : (K, D) array
        The chosen rows.
    indices : (K,) array of int64
        Their numbers.

    Raises
    ------
    ValueError
        If n_clusters is not between 1 and N.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [0.0], [9.0]])
    >>> centers, _ = kmeans_plus_plus(X, 2, rng=np.random.default_rng(0))
    >>> sorted(centers.ravel().tolist())
    [0.0, 9.0]
    """
    N, D = X.shape
    if not 1 <= n_clusters <= N:
        raise ValueError(f"n_clusters must be between 1 and the {N} samples, got {n_clusters}")
    w = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    origin = X.mean(axis=0, dtype=np.float64)
    largest = max(float(np.abs(X[rows] - origin).max()) for rows in row_blocks(N, D))
    scale = 2.0 ** -np.frexp(largest)[1] if largest > 0 else 1.0  # exact; no square overflows
    norms = np.empty(N)
    for rows in row_blocks(N, D):
        xt = np.subtract(X[rows].T, origin[:, None], order="C") * scale  # (D, B)
        np.einsum("db,db->b", xt, xt, out=norms[rows])

    def nearer(candidates: NDArray[np.int64], rows: slice) -> NDArray[np.float64]:
        """Mass (T, B) of a block if each candidate were the next centre."""
        C = (X[candidates] - origin) * scale  # (T, D)
        reach = norms[candidates][:, None] + norms[rows]  # (T, B) |c|^2 + |x|^2
        d = C @ ((X[rows] - origin) * (-2.0 * scale)).T
        d += reach
        reach *= (D + 4) * np.finfo(float).eps
        d[d < reach] = 0.0  # rounding of the sum: the same point, and never drawn again
        if w is not None:
            d *= w[rows]
        return np.asarray(np.minimum(d, mass[rows], out=d))

    mass = np.full(N, np.inf)
    indices = np.empty(n_clusters, dtype=np.int64)
    for k in range(n_clusters):
        n_trials = 2 + int(np.log(n_clusters)) if k else 1
        weight = mass if k and mass.any() else w  # w: no centre yet, or all points are centres
        candidates = _draw_by_mass(weight, N, rng.random(n_trials))
        potential = np.zeros(n_trials)
        if n_trials > 1:
            for rows in row_blocks(N, D):
                potential += nearer(candidates, rows).sum(axis=1)
        indices[k] = candidates[potential.argmin()]
        for rows in row_blocks(N, D):
            mass[rows] = nearer(indices[k : k + 1], rows)[0]
    return X[indices], indices


def _draw_by_mass(
    mass: NDArray[np.float64] | None, n_samples: int, u: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Row numbers by inverting the cumulative mass at u in [0, 1); None means equal masses."""
    if mass is None:
        return (u * n_samples).astype(np.int64)
    # sums of blocks first, so that no second array of N numbers is needed
    starts = np.arange(0, n_samples, 4096)
    upto = np.cumsum(np.add.reduceat(mass, starts))
    target = u * upto[-1]
    drawn = np.empty(len(u), dtype=np.int64)
    for t, b in enumerate(np.searchsorted(upto, target, side="right")):
        within = mass[starts[b] : starts[b] + 4096]
        upto_row = np.cumsum(within)
        rest = target[t] - (upto[b - 1] if b else 0.0)
        row = min(int(np.searchsorted(upto_row, rest, side="right")), len(within) - 1)
        if within[row] == 0:  # rest reached the last sum by rounding
            row = int(np.flatnonzero(within)[-1])
        drawn[t] = starts[b] + row
    return drawn
