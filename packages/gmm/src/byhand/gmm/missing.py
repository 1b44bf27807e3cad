# SPDX-License-Identifier: BSD-3-Clause
"""Missing values in Gaussian mixtures: EM and densities over what was observed.

Source:  Ghahramani & Jordan (1994), "Supervised learning from incomplete data via an EM approach";
         Little & Rubin, Statistical Analysis with Missing Data.
Differs: exact marginalisation, nothing is filled in: a NaN adds its conditional mean and its
         conditional covariance to the sums of the M-step.
Cost:    O(K D^3) for each pattern of missing features that occurs, then O(K D^2) a row.
Checked: marginal densities; the gradient of the observed likelihood; NaN-free rows unchanged.
"""
# o observed and m missing features of a pattern   d (K, D, B) = E[x | x_o, k] - mu_k
# A (K, M, O), C (K, M, M) regression of m on o and its covariance (see conditional.py)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import (
    Moments,
    log_density_of_differences,
    moments_about,
    row_blocks,
    scatter_of_differences,
)

from .conditional import regress_features, responsibilities_of_given
from .em_gaussian import MixtureParams, MixtureStatistics, log_weights, normalise_log_joint

__all__ = ["impute"]


def impute(mixture: Any, X: Any) -> NDArray[np.float64]:
    """Fill in each missing value by its mean given the observed values of its row.

    Parameters
    ----------
    mixture : fitted GaussianMixture
        Fitted.
    X : (N, D) array
        Samples, NaN where missing.

    Returns
    -------
    (N, D) array
        A copy without NaN; observed values are as they were.

    Raises
    ------
    ValueError
        If X has another number of features than the mixture.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.gmm import GaussianMixture
    >>> S = np.array([[[1.0, 0.6], [0.6, 1.0]]])
    >>> mixture = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], S)
    >>> impute(mixture, [[2.0, np.nan]])
    array([[2. , 1.2]])
    """
    params = mixture._params()
    Z = np.array(mixture._check_X(X, allow_nan=True))
    for rows, o, m in missing_patterns(Z):
        regression = regress_features(params, o, m)
        r, d = responsibilities_of_given(params, regression, Z[rows][:, o], o)
        means = params.means[:, m, None] + regression.coefficients @ d  # (K, M, B)
        Z[rows[:, None], m] = np.einsum("kb,kmb->bm", r, means)
    return Z


def missing_e_step(
    params: MixtureParams, X: NDArray[np.floating], w: NDArray[np.float64] | None
) -> MixtureStatistics:
    """Sufficient statistics of rows of which some values are NaN."""
    K, D = params.means.shape
    n, first, second = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    log_likelihood = 0.0
    for rows, o, m in missing_patterns(X):
        regression = regress_features(params, o, m)
        for block in row_blocks(len(rows), K * D):
            at = rows[block]
            d = np.empty((K, D, len(at)))
            d[:, o] = X[at][:, o].T - params.means[:, o, None]
            d[:, m] = regression.coefficients @ d[:, o]
            r = log_density_of_differences(d[:, o], regression.precisions_cholesky, "full")
            r += log_weights(params)[:, None]
            log_p = normalise_log_joint(r)
            if w is not None:
                r *= w[at]
                log_p *= w[at]
            log_likelihood += float(log_p.sum())
            n_block = r.sum(axis=1)
            n += n_block
            first += (d @ r[:, :, None])[:, :, 0]
            second += scatter_of_differences(d, r, "full")
            # E[d d^T] is more than E[d] E[d]^T by the uncertainty of what is missing
            second[:, m[:, None], m] += n_block[:, None, None] * regression.covariances
    moments = _in_shape(
        moments_about(params.means, n, first, second, "full"), params.covariance_type
    )
    return MixtureStatistics(moments, log_likelihood, float(len(X) if w is None else w.sum()))


def missing_log_joint(params: MixtureParams, X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log p(x_o, k) of the observed values of each row, (N, K)."""
    out = np.empty((len(X), len(params.weights)))
    for rows, o, m in missing_patterns(X):
        U = regress_features(params, o, m).precisions_cholesky
        d = X[rows][:, o].T - params.means[:, o, None]
        out[rows] = log_density_of_differences(d, U, "full").T
    return out + log_weights(params)


def missing_patterns(
    X: NDArray[np.floating],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows that miss the same features: their numbers, observed and missing features."""
    absent = np.isnan(X)
    key = np.packbits(absent, axis=1)  # a pattern in D / 8 bytes
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(group.ravel()))
    for pattern, rows in zip(absent[first], np.split(order, ends[:-1]), strict=True):
        yield rows, np.flatnonzero(~pattern), np.flatnonzero(pattern)


def _in_shape(moments: Moments, covariance_type: str) -> Moments:
    """Reduce full scatters (K, D, D) to those of another type."""
    scatter = moments.scatter
    if covariance_type == "tied":
        scatter = scatter.sum(axis=0)
    elif covariance_type == "diag":
        scatter = np.einsum("kii->ki", scatter)
    elif covariance_type == "spherical":
        scatter = np.einsum("kii->k", scatter)
    return Moments(moments.n, moments.mean, scatter, covariance_type)
