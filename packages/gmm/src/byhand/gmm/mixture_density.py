# SPDX-License-Identifier: BSD-3-Clause
"""What follows from the parameters of a mixture: joint densities of rows, samples, their number.

Source:  Bishop, PRML (2006), eq. 9.7 (density of a mixture).
Differs: densities come in blocks of rows, so that a caller who needs little keeps little.
Cost:    O(N K D^2), diagonal shapes O(N K D).
Checked: sums over components of single densities; moments of samples within 5 sigma.
"""
# N samples, D features, K components, B rows of a block   z (N, D) standard normal numbers

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import log_density, row_blocks

from .em_gaussian import MixtureParams, log_weights
from .missing import missing_log_joint

__all__ = ["count_mixture_parameters", "log_joint_blocks", "sample_mixture"]


def log_joint_blocks(
    params: MixtureParams, X: NDArray[np.floating]
) -> Iterator[NDArray[np.float64]]:
    """Yield log p(x, k), (K, B), of one block of rows after the other; NaN is integrated out."""
    for rows in row_blocks(len(X), max(params.means.shape), 1 << 18):
        if np.isnan(X[rows]).any():
            log_p = missing_log_joint(params, X[rows])
        else:
            U, kind = params.precisions_cholesky, params.covariance_type
            log_p = log_density(X[rows], params.means, U, kind) + log_weights(params)
        yield np.ascontiguousarray(log_p.T)


def sample_mixture(
    params: MixtureParams, n_samples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw samples (N, D), grouped by component, and the component (N,) of each."""
    pi, mu, _, U, kind = params
    y = np.repeat(np.arange(len(pi)), rng.multinomial(n_samples, pi / pi.sum()))
    z = rng.standard_normal((n_samples, mu.shape[1]))
    if kind in ("full", "tied"):
        A = np.broadcast_to(np.linalg.inv(U), (len(pi), *U.shape[-2:]))  # S = A^T A
        z = np.concatenate([z[y == k] @ A[k] for k in range(len(pi))])
    else:
        z /= U[y] if kind == "diag" else U[y, None]
    return mu[y] + z, y


def count_mixture_parameters(params: MixtureParams) -> int:
    """Count the free parameters: means, covariances, and weights that sum to 1."""
    K, D = int(params.means.shape[0]), int(params.means.shape[1])
    matrix = D * (D + 1) // 2
    covariances: dict[str, int] = {
        "full": K * matrix,
        "tied": matrix,
        "diag": K * D,
        "spherical": K,
    }
    return covariances[params.covariance_type] + K * D + K - 1
