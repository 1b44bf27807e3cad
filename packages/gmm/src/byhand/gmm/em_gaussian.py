# SPDX-License-Identifier: BSD-3-Clause
"""EM for Gaussian mixtures: the E-step and the M-step, on arrays.

Source:  Dempster, Laird & Rubin (1977); Bishop, PRML (2006), section 9.2.2.
Differs: responsibilities never exist for all rows: each block of rows is read once, and its E-step
         and its share of the M-step's sums are done while it lies in cache.
Cost:    O(N K D^2), diagonal shapes O(N K D); memory for one block and the sums, whatever N.
Checked: a literal loop; mixture weights equal mean responsibilities; likelihood never falls.
"""
# N samples, D features, K components, B rows of a block
# X (N, D)   w (N,) sample weights or None   pi (K,)   mu (K, D)   S covariances   U (see utils)
# xt (D, B) a block, transposed   d (K, D, B) = xt - mu_k   r (K, B) responsibilities times w
# z (F, B) features in which every log-density is linear   theta (K, F) its coefficients

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import (
    Moments,
    covariance_shape,
    covariances_from_moments,
    features_are_accurate,
    gaussian_features,
    log_density_of_differences,
    moments_about,
    moments_from_features,
    natural_parameters,
    precision_cholesky,
    precisions_from_cholesky,
    row_blocks,
    scatter_of_differences,
)

__all__ = [
    "MixtureParams",
    "MixtureStatistics",
    "gaussian_mixture_e_step",
    "gaussian_mixture_m_step",
]


class MixtureParams(NamedTuple):
    """Parameters of a Gaussian mixture."""

    weights: NDArray[np.float64]  # (K,) pi, sums to 1
    means: NDArray[np.float64]  # (K, D) mu
    covariances: NDArray[np.float64]  # S: (K, D, D), (D, D), (K, D) or (K,), by type
    precisions_cholesky: NDArray[np.float64]  # U, upper triangular: inv(S) = U U^T
    covariance_type: str


@dataclass(frozen=True)
class MixtureStatistics:
    """What an E-step knows of its rows; those of all rows are the sum over shards."""

    moments: Moments  # counts, means and scatters, weighted by responsibilities
    log_likelihood: float  # sum_n w_n log p(x_n), nats
    weight: float  # sum_n w_n

    @property
    def objective(self) -> float:
        """Mean log-likelihood of a sample."""
        return self.log_likelihood / self.weight

    def __add__(self, other: MixtureStatistics) -> MixtureStatistics:
        """Return the statistics of both sets of rows together."""
        return MixtureStatistics(
            self.moments + other.moments,
            self.log_likelihood + other.log_likelihood,
            self.weight + other.weight,
        )


def gaussian_mixture_e_step(
    params: MixtureParams,
    X: NDArray[np.floating],
    sample_weight: NDArray[np.float64] | None = None,
) -> MixtureStatistics:
    """Sufficient statistics of the rows under the current parameters.

    Parameters
    ----------
    params : MixtureParams
        Where the responsibilities are taken.
    X : (N, D) array
        Samples, finite.
    sample_weight : (N,) array, optional
        How many times each row counts; by default once.

    Returns
    -------
    MixtureStatistics
        They add: shards of rows give the same sum.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> params = MixtureParams(one, np.zeros((1, 1)), one, one, "spherical")
    >>> stats = gaussian_mixture_e_step(params, np.array([[-1.0], [1.0]]))
    >>> stats.moments.n, round(stats.objective, 6)  # -(log(2 pi) + 1) / 2
    (array([2.]), -1.418939)
    """
    kernel = _e_step_by_features if _prefers_features(params) else _e_step_by_differences
    return kernel(params, X, sample_weight)


def gaussian_mixture_m_step(stats: MixtureStatistics, reg_covar: float = 1e-6) -> MixtureParams:
    """Parameters of highest expected log-likelihood.

    Parameters
    ----------
    stats : MixtureStatistics
        Of all rows.
    reg_covar : float, default 1e-6
        Added to every variance, so that no component collapses onto a point.

    Returns
    -------
    MixtureParams

    Raises
    ------
    ValueError
        If a covariance is singular in spite of `reg_covar`.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> params = MixtureParams(one, np.zeros((1, 1)), one, one, "spherical")
    >>> stats = gaussian_mixture_e_step(params, np.array([[1.0], [3.0]]))
    >>> gaussian_mixture_m_step(stats, reg_covar=0.0).means
    array([[2.]])
    """
    m = stats.moments
    S = covariances_from_moments(m, reg_covar)  # Bishop 9.25
    U = factor_covariances(S, m.covariance_type)
    return MixtureParams(m.n / m.n.sum(), m.mean, S, U, m.covariance_type)  # Bishop 9.26, 9.24


def factor_covariances(S: NDArray[np.float64], covariance_type: str) -> NDArray[np.float64]:
    """Return U, or say in the words of a mixture which covariance has none."""
    try:
        return precision_cholesky(S, covariance_type)
    except ValueError as error:
        raise ValueError(
            "Fitting the mixture model failed because some components have ill-defined empirical"
            " covariance (for instance caused by singleton or collapsed samples). Try to decrease"
            f" the number of components, increase reg_covar, or scale the input data. {error}"
        ) from None


def log_weights(params: MixtureParams) -> NDArray[np.float64]:
    """Return log pi (K,); -inf where a component has died."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(params.weights))


def normalise_log_joint(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log p(x, k) (K, B) into responsibilities, in place; return log p(x) (B,).

    Where x is so far from all components that its density is 0, they share it equally.
    """
    top = log_p.max(axis=0)
    nowhere = top == -np.inf
    if nowhere.any():
        log_p[:, nowhere] = 0.0
        top[nowhere] = 0.0
    log_p -= top
    np.exp(log_p, out=log_p)
    total = log_p.sum(axis=0)
    log_p /= total  # Bishop 9.23
    top += np.log(total)
    if nowhere.any():
        top[nowhere] = -np.inf
    return np.asarray(top)


def _prefers_features(params: MixtureParams) -> bool:
    """Whether two products with the features cost less than K whitenings, and are as exact.

    Measured (bench/gmm): full covariances gain from 6 components on and below 25 features (1.8
    times at D = K = 20, 3 times at D = 2, K = 20); the other shapes always do.
    """
    K, D = params.means.shape
    cheap = params.covariance_type != "full" or (D <= 24 and K >= 6)
    centred = params.means - params.weights @ params.means
    return cheap and features_are_accurate(
        centred, params.precisions_cholesky, params.covariance_type
    )


def _e_step_by_features(
    params: MixtureParams, X: NDArray[np.floating], w: NDArray[np.float64] | None
) -> MixtureStatistics:
    """Take log p = theta @ z and the sums r @ z^T: two matrix products."""
    kind, (K, D) = params.covariance_type, params.means.shape
    U = params.precisions_cholesky
    origin = params.weights @ params.means  # where z does not cancel: amid the data
    theta = natural_parameters(params.means - origin, U, kind)  # (K, F)
    dead = params.weights == 0
    theta[:, 0] += np.where(dead, 0.0, log_weights(params))  # -inf has no place in a product
    sums, total = np.zeros_like(theta), np.zeros((D, D))
    log_likelihood = 0.0
    for rows in row_blocks(len(X), max(theta.shape[1], K)):
        xt = np.subtract(X[rows].T, origin[:, None], order="C")  # (D, B)
        z = gaussian_features(xt, kind)  # (F, B)
        r = theta @ z  # (K, B)
        if dead.any():
            r[dead] = -np.inf
        log_likelihood += _weigh(r, normalise_log_joint(r), w, rows)
        sums += r @ z.T  # (K, F)
        if kind == "tied":  # the quadratic term that all components share
            total += (xt if w is None else xt * w[rows]) @ xt.T
    if kind == "tied":
        log_likelihood -= 0.5 * float(np.sum(precisions_from_cholesky(U, kind) * total))
    moments = moments_from_features(sums, origin, kind, total)
    return MixtureStatistics(moments, log_likelihood, float(len(X) if w is None else w.sum()))


def _e_step_by_differences(
    params: MixtureParams, X: NDArray[np.floating], w: NDArray[np.float64] | None
) -> MixtureStatistics:
    """Differences from each mean, whitened: exact however far apart the components lie."""
    kind, (K, D) = params.covariance_type, params.means.shape
    mu, log_pi = params.means, log_weights(params)[:, None]
    n, first, second = np.zeros(K), np.zeros((K, D)), np.zeros(covariance_shape(kind, K, D))
    log_likelihood = 0.0
    for rows in row_blocks(len(X), K * D):
        xt = np.ascontiguousarray(X[rows].T)
        d = xt - mu[:, :, None]  # (K, D, B)
        r = log_density_of_differences(d, params.precisions_cholesky, kind)
        r += log_pi
        log_likelihood += _weigh(r, normalise_log_joint(r), w, rows)
        n += r.sum(axis=1)
        first += (d @ r[:, :, None])[:, :, 0]
        second += scatter_of_differences(d, r, kind)
    moments = moments_about(mu, n, first, second, kind)
    return MixtureStatistics(moments, log_likelihood, float(len(X) if w is None else w.sum()))


def _weigh(
    r: NDArray[np.float64],
    log_p: NDArray[np.float64],
    w: NDArray[np.float64] | None,
    rows: slice,
) -> float:
    """Multiply responsibilities by the weights of their rows; return sum_n w_n log p(x_n)."""
    if w is None:
        return float(log_p.sum())
    r *= w[rows]
    return float(log_p @ w[rows])
