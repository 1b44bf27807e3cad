# SPDX-License-Identifier: BSD-3-Clause
"""Gaussian emissions: densities and weighted moments of observations, NaN as missing.

Source:  Bishop, PRML (2006), eq. 2.43, 2.81-2.82 (conditional Gaussian), 9.24-9.27; Little & Rubin
         (2019), section 11.2, for the moments of incomplete rows.
Differs: densities and moments are two matrix products with the features [1, x, x x^T] where that
         is accurate, and differences from each mean where it is not.
Cost:    O(N K F) for F features; O(N K D^2) where features cancel.
Checked: the density written out; integrals over missing values; moments by literal loops.
"""
# n columns, D features, K states
# x (D, n) observations   gamma (K, n)   mu (K, D)   S covariances, U factors by type, as in
# byhand.utils.gaussian   z (F, n) features   theta (K, F): log p = theta @ z
# o observed, m missing features of a pattern

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import (
    Moments,
    covariance_shape,
    features_are_accurate,
    full_covariances,
    gaussian_features,
    log_density_of_differences,
    moments_about,
    moments_from_features,
    natural_parameters,
    precision_cholesky,
    scatter_of_differences,
)

from .e_step import fill_blocks

__all__ = ["GaussianEmission", "GaussianSums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class GaussianEmission:
    """One Gaussian for each state."""

    has_table = False

    def __init__(self, means: Floats, covars: Floats, covariance_type: str) -> None:
        self.means, self.covars, self.covariance_type = means, covars, covariance_type
        self.factors = precision_cholesky(covars, covariance_type)
        self.origin = means.mean(axis=0)
        mu = means - self.origin
        self.by_features = features_are_accurate(mu, self.factors, covariance_type)
        self.theta = natural_parameters(mu, self.factors, covariance_type)

    def prepare(self, X: Floats) -> Floats:
        """Observations (D, N)."""
        return np.ascontiguousarray(X.T)

    def log_likelihood(self, observations: Floats) -> Floats:
        """Return log p(x_t | z_t = k), (K, n); missing features are integrated out."""
        missing = np.isnan(observations)
        if missing.any():
            out = np.zeros((len(self.means), observations.shape[1]))
            for columns, observed in _patterns(missing):
                if observed.any():
                    part = self.marginal(observed)
                    out[:, columns] = part.log_likelihood(observations[np.ix_(observed, columns)])
            return out
        xt = observations - self.origin[:, None]
        if not self.by_features:
            d = observations - self.means[:, :, None]  # (K, D, n)
            return log_density_of_differences(d, self.factors, self.covariance_type)
        log_p = np.asarray(self.theta @ gaussian_features(xt, self.covariance_type))
        if self.covariance_type == "tied":  # the quadratic term that all states share
            y = self.factors.T @ xt
            log_p -= 0.5 * np.einsum("dn,dn->n", y, y)
        return log_p

    def log_table(self, observations: Floats) -> tuple[Floats, Ints | None]:
        """Return the logarithms; each observation is its own."""
        return self.log_likelihood(observations), None

    def fill(self, observations: Floats, out: Floats) -> Floats:
        """Write likelihoods into blocks (steps, K, n), the largest of each column 1."""
        return fill_blocks(self.log_likelihood(observations), out)

    def collector(self, observations: Floats) -> GaussianSums:
        """Begin to sum moments."""
        return GaussianSums(self, observations)

    def marginal(self, observed: NDArray[np.bool_]) -> GaussianEmission:
        """Distribution of some of the features."""
        S, kind = self.covars, self.covariance_type
        if kind in ("full", "tied"):
            S = S[..., observed, :][..., observed]
        elif kind == "diag":
            S = S[:, observed]
        return GaussianEmission(self.means[:, observed], S, kind)

    def sample(self, states: Ints, rng: np.random.Generator) -> Floats:
        """Draw one observation for each state: (N, D)."""
        K, D = self.means.shape
        roots = np.linalg.cholesky(full_covariances(self.covars, self.covariance_type, K, D))
        noise = rng.standard_normal((len(states), D))
        return np.asarray(self.means[states] + np.einsum("nij,nj->ni", roots[states], noise))


class GaussianSums:
    """Sums of gamma, gamma x and gamma x x^T over pieces of the posterior."""

    def __init__(self, emission: GaussianEmission, observations: Floats) -> None:
        self.emission, self.observations = emission, observations
        K, D = emission.means.shape
        kind = emission.covariance_type
        self.shape = covariance_shape(kind, K, D)
        self.sums = np.zeros_like(emission.theta)  # (K, F) by features about the origin
        self.common = np.zeros((D, D))  # of x x^T, for "tied"
        self.n, self.first = np.zeros(K), np.zeros((K, D))  # by differences from the means
        self.second = np.zeros(self.shape)
        self.exact = False  # whether the latter are in use

    def add(self, columns: Any, gamma: Floats) -> None:
        """Take in the state probabilities gamma (K, n) of some columns."""
        e, x = self.emission, self.observations[:, columns]
        missing = np.isnan(x)
        if missing.any():
            for at, observed in _patterns(missing):
                self._add_incomplete(x[np.ix_(observed, at)], observed, gamma[:, at])
        elif e.by_features:
            xt = x - e.origin[:, None]
            self.sums += gamma @ gaussian_features(xt, e.covariance_type).T
            if e.covariance_type == "tied":
                self.common += (xt * gamma.sum(axis=0)) @ xt.T
        else:
            self._add_differences(x - e.means[:, :, None], gamma)

    def _add_differences(self, d: Floats, gamma: Floats) -> None:
        """Take in differences d (K, D, n) from the means."""
        self.exact = True
        self.n += gamma.sum(axis=1)
        self.first += (d @ gamma[:, :, None])[:, :, 0]
        self.second += scatter_of_differences(d, gamma, self.emission.covariance_type)

    def _add_incomplete(self, x: Floats, observed: NDArray[np.bool_], gamma: Floats) -> None:
        """Fill the missing features in with their mean given the others; add what that lacks."""
        e = self.emission
        K, D = e.means.shape
        S = full_covariances(e.covars, e.covariance_type, K, D)
        o, m = np.flatnonzero(observed), np.flatnonzero(~observed)
        d = np.empty((K, D, x.shape[1]))
        for k in range(K):
            slope = np.linalg.solve(S[k][np.ix_(o, o)], S[k][np.ix_(o, m)]).T  # (m, o)
            d[k, o] = x - e.means[k, o, None]
            d[k, m] = slope @ d[k, o]  # Bishop 2.81, less the mean
            rest = np.zeros((D, D))
            rest[np.ix_(m, m)] = S[k][np.ix_(m, m)] - slope @ S[k][np.ix_(o, m)]  # Bishop 2.82
            rest *= gamma[k].sum()
            if e.covariance_type == "tied":
                self.second += rest
            elif e.covariance_type == "full":
                self.second[k] += rest
            else:
                self.second[k] += rest.diagonal() if e.covariance_type == "diag" else np.trace(rest)
        self._add_differences(d, gamma)

    def total(self) -> Moments:
        """Return the moments of all that was added."""
        e, kind = self.emission, self.emission.covariance_type
        moments = moments_from_features(self.sums, e.origin, kind, self.common)
        if self.exact:
            moments = moments + moments_about(e.means, self.n, self.first, self.second, kind)
        return moments


def _patterns(missing: NDArray[np.bool_]) -> Iterator[tuple[Ints, NDArray[np.bool_]]]:
    """Columns that share a pattern of missing features, and what they observe (D,)."""
    kinds, of = np.unique(missing, axis=1, return_inverse=True)
    for i, kind in enumerate(kinds.T):
        yield np.flatnonzero(of.reshape(-1) == i), ~kind
