# SPDX-License-Identifier: BSD-3-Clause
"""Conditional distributions of a Gaussian mixture: some features given the others.

Source:  Bishop, PRML (2006), eq. 2.81-2.82 (one Gaussian), 9.23 (responsibilities); Sung (2004)
         for regression by mixtures.
Differs: none; every covariance type, any subset of the features.
Cost:    O(K D^3) once, then O(K D^2) a row.
Checked: ratios of joint and marginal densities; one component against linear regression.
"""
# N rows, K components, O given (observed) features o, M others m
# A (K, M, O) regression of m on o   C (K, M, M) what o leaves uncertain of m

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.gaussian import (
    full_covariances,
    log_density_of_differences,
    precision_cholesky,
)
from byhand.utils.validation import check_array

from .em_gaussian import MixtureParams, log_weights, normalise_log_joint

__all__ = ["Conditional", "conditional"]


class Conditional(NamedTuple):
    """Mixture of the features that are not given, for each row of the given ones."""

    weights: NDArray[np.float64]  # (N, K) p(k | x_o)
    means: NDArray[np.float64]  # (N, K, M) E[x_m | x_o, k]
    covariances: NDArray[np.float64]  # (K, M, M) Cov[x_m | x_o, k], the same for all x_o

    def mean(self) -> NDArray[np.float64]:
        """Return E[x_m | x_o], (N, M): Gaussian-mixture regression."""
        return np.asarray(np.einsum("nk,nkm->nm", self.weights, self.means))

    def covariance(self) -> NDArray[np.float64]:
        """Return Cov[x_m | x_o], (N, M, M): within the components and between their means."""
        d = self.means - self.mean()[:, None, :]  # (N, K, M)
        within = np.einsum("nk,kij->nij", self.weights, self.covariances)
        return np.asarray(within + np.einsum("nk,nki,nkj->nij", self.weights, d, d))


class Regression(NamedTuple):
    """How the features m of each component depend on its features o."""

    precisions_cholesky: NDArray[np.float64]  # (K, O, O) of the given features
    coefficients: NDArray[np.float64]  # (K, M, O) A = S_mo inv(S_oo)        Bishop 2.81
    covariances: NDArray[np.float64]  # (K, M, M) C = S_mm - A S_om          Bishop 2.82


def conditional(mixture: Any, X: ArrayLike, given: ArrayLike) -> Conditional:
    """Distribution of the remaining features, given some of them.

    Parameters
    ----------
    mixture : fitted GaussianMixture
        Fitted.
    X : (N, O) array
        Values of the given features, a row for each question.
    given : (O,) array of int
        Their numbers among the features that the mixture was fitted with.

    Returns
    -------
    Conditional
        A mixture over the other features, in their order, for each row; ``.mean()`` is the
        regression on the given ones and ``.covariance()`` its uncertainty.

    Raises
    ------
    ValueError
        If `given` has repeated or unknown numbers or all features, or X another width.

    Examples
    --------
    One Gaussian with correlation 0.6: at 2 standard deviations, the other is expected at 1.2.

    >>> import numpy as np
    >>> from byhand.gmm import GaussianMixture
    >>> S = np.array([[[1.0, 0.6], [0.6, 1.0]]])
    >>> mixture = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], S)
    >>> answer = conditional(mixture, [[2.0]], given=[0])
    >>> answer.mean(), answer.covariance().round(6)
    (array([[1.2]]), array([[[0.64]]]))
    """
    params = mixture._params()
    D = params.means.shape[1]
    o = _check_given(given, D)
    Z = check_array(X, "X")
    if Z.shape[1] != len(o):
        raise ValueError(
            f"X must have {len(o)} columns, one for each feature of given={o.tolist()},"
            f" got {Z.shape[1]}"
        )
    m = np.setdiff1d(np.arange(D), o)
    regression = regress_features(params, o, m)
    r, d = responsibilities_of_given(params, regression, Z, o)
    means = params.means[:, m, None] + regression.coefficients @ d  # (K, M, N)
    return Conditional(r.T, np.moveaxis(means, 2, 0), regression.covariances)


def regress_features(
    params: MixtureParams, o: NDArray[np.int64], m: NDArray[np.int64]
) -> Regression:
    """Regression of the features m on the features o, in each component."""
    K, D = params.means.shape
    S = full_covariances(params.covariances, params.covariance_type, K, D)
    U = precision_cholesky(S[:, o[:, None], o], "full")  # (K, O, O)
    S_mo = S[:, m[:, None], o]  # (K, M, O)
    half = S_mo @ U  # A = half U^T and A S_om = half half^T, symmetric as it is computed
    A = half @ np.swapaxes(U, -1, -2)
    C = S[:, m[:, None], m] - half @ np.swapaxes(half, -1, -2)
    return Regression(U, A, C)


def responsibilities_of_given(
    params: MixtureParams, regression: Regression, X_o: NDArray[np.float64], o: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p(k | x_o), (K, N), and the differences x_o - mu_o, (K, O, N)."""
    d = X_o.T - params.means[:, o, None]
    r = log_density_of_differences(d, regression.precisions_cholesky, "full")
    r += log_weights(params)[:, None]
    normalise_log_joint(r)
    return r, d


def _check_given(given: ArrayLike, n_features: int) -> NDArray[np.int64]:
    o = np.asarray(given)
    if o.ndim != 1 or o.dtype.kind not in "iu" or len(o) == 0:
        raise ValueError(f"given must be a list of feature numbers, got {given!r}")
    o = o.astype(np.int64)
    if o.min() < 0 or o.max() >= n_features or len(np.unique(o)) < len(o):
        raise ValueError(
            f"given must hold distinct numbers of features from 0 to {n_features - 1},"
            f" got {o.tolist()}"
        )
    if len(o) == n_features:
        raise ValueError(f"given must leave out at least one of the {n_features} features")
    return o
