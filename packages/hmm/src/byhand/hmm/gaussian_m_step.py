# SPDX-License-Identifier: BSD-3-Clause
"""M-step of Gaussian states: means and covariances of highest posterior density.

Source:  Gauvain & Lee (1994), eq. 43 and 46-47, in hmmlearn's parametrisation of the priors.
Differs: a state with no expected visits keeps its parameters; a covariance that collapsed gets
         min_covar on its diagonal, with a warning.
Cost:    O(K D^2), O(K D^3) to check full covariances.
Checked: hmmlearn, all four shapes, with and without priors; the objective never falls.
"""
# K states, D features; mu (K, D), S as in byhand.utils.gaussian
# log prior = -1/2 sum_k tr(inv(S_k) (beta + weight (mu_k - prior)(mu_k - prior)^T)) + nu log|S_k|
# nu = max(covars_weight - 1, 0) for diag and spherical, max(covars_weight - D, 0) for full and tied

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.estimator import ConvergenceWarning
from byhand.utils.gaussian import Moments, covariance_shape, full_covariances, precision_cholesky
from byhand.utils.validation import check_array

__all__ = [
    "GaussianPrior",
    "check_covars",
    "gaussian_log_prior",
    "gaussian_prior",
    "most_likely_covariances",
    "most_likely_means",
    "repaired_covariances",
]

Floats = NDArray[np.float64]

SMALLEST_WEIGHT = 1e-10  # expected visits below which parameters stay as they are


class GaussianPrior(NamedTuple):
    """Priors of means and covariances, in shapes that broadcast."""

    mean: Floats  # (K, D)
    weight: Floats  # (K, D)
    beta: Floats  # adds to a scatter: (K, D) for diag and spherical, (K or 1, D, D) otherwise
    nu: Floats  # adds to a count: (K, D), or (K or 1, 1, 1)


def gaussian_prior(
    means_prior: ArrayLike,
    means_weight: ArrayLike,
    covars_prior: ArrayLike,
    covars_weight: ArrayLike,
    covariance_type: str,
    shape: tuple[int, int],
) -> GaussianPrior:
    """Bring numbers, vectors with one number a state, or whole arrays into shape."""
    K, D = shape
    mean, weight = _per_state(means_prior, "means_prior", shape), None
    weight = _per_state(means_weight, "means_weight", shape)
    if covariance_type in ("diag", "spherical"):
        beta = _per_state(covars_prior, "covars_prior", shape)
        nu = np.maximum(_per_state(covars_weight, "covars_weight", shape) - 1, 0)
    else:
        lead = 1 if covariance_type == "tied" else K
        beta = _per_state(covars_prior, "covars_prior", (lead, D, D))
        nu = np.maximum(_per_state(covars_weight, "covars_weight", (lead, 1, 1)) - D, 0)
    return GaussianPrior(mean, weight, beta, nu)


def most_likely_means(moments: Moments, prior: GaussianPrior, last: Floats) -> Floats:
    """Means (K, D) of highest posterior density."""
    n = moments.n[:, None]
    total = prior.weight + n
    mode = (prior.weight * prior.mean + n * moments.mean) / np.where(total > 0, total, 1.0)
    return np.where(n > SMALLEST_WEIGHT, mode, last)  # Gauvain & Lee 43


def most_likely_covariances(
    moments: Moments, prior: GaussianPrior, means: Floats, last: Floats
) -> Floats:
    """Covariances of highest posterior density, given the means."""
    kind = moments.covariance_type
    n, visited = moments.n, moments.n > SMALLEST_WEIGHT
    off, away = moments.mean - means, means - prior.mean  # (K, D)
    if kind in ("diag", "spherical"):
        scatter = n[:, None] * off**2 + prior.weight * away**2 + prior.beta  # (K, D)
        count = prior.nu + n[:, None]
        if kind == "spherical":
            S = (scatter.sum(axis=1) + moments.scatter) / np.maximum(count.sum(axis=1), 1e-300)
            return np.where(visited, S, last)
        return np.where(
            visited[:, None], (scatter + moments.scatter) / np.maximum(count, 1e-300), last
        )
    outer = n[:, None, None] * off[:, :, None] * off[:, None, :]
    outer += (prior.weight * away)[:, :, None] * away[:, None, :]
    if kind == "tied":
        S = (prior.beta[0] + moments.scatter + outer.sum(axis=0)) / (prior.nu[0] + n.sum())
        return np.asarray(S)
    S = (prior.beta + moments.scatter + outer) / np.maximum(prior.nu + n[:, None, None], 1e-300)
    return np.where(visited[:, None, None], S, last)


def repaired_covariances(covars: Floats, covariance_type: str, min_covar: float) -> Floats:
    """Put min_covar on the diagonal of covariances that are not positive definite, loudly."""
    try:
        precision_cholesky(covars, covariance_type)
        return covars
    except ValueError:
        pass
    whole = covars[None] if covariance_type == "tied" else covars
    repaired, collapsed = np.array(whole), []
    for k, S in enumerate(whole):
        one = S[None] if covariance_type == "full" else np.reshape(S, (1, -1))
        kind = "full" if covariance_type in ("full", "tied") else "diag"
        try:
            precision_cholesky(S[None] if kind == "full" else one, kind)
        except ValueError:
            collapsed.append(k)
            eye = np.eye(len(S)) if kind == "full" else 1.0
            repaired[k] = np.where(np.isfinite(S), S, 0.0) + min_covar * eye
            if kind == "diag":
                repaired[k] = np.maximum(repaired[k], min_covar)
    names = "the tied covariance" if covariance_type == "tied" else f"covariance of {collapsed}"
    text = f"{names} collapsed (no spread is left in some direction): min_covar={min_covar:g} was"
    advice = "added to its diagonal. Fewer states or a larger covars_prior avoid it"
    warnings.warn(ConvergenceWarning(f"{text} {advice}"), stacklevel=2)
    return repaired[0] if covariance_type == "tied" else repaired


def gaussian_log_prior(
    means: Floats, covars: Floats, covariance_type: str, prior: GaussianPrior
) -> float:
    """Log-density of the parameters under the prior, up to a constant."""
    if not (prior.weight.any() or prior.beta.any() or prior.nu.any()):
        return 0.0
    away = means - prior.mean
    if covariance_type in ("diag", "spherical"):
        S = covars if covariance_type == "diag" else covars[:, None]
        numerator = prior.beta + prior.weight * away**2
        return float(-0.5 * (numerator / S + prior.nu * np.log(S)).sum())
    outer = (prior.weight * away)[:, :, None] * away[:, None, :]  # (K, D, D)
    S = covars
    if covariance_type == "tied":
        S, outer = covars[None], outer.sum(axis=0, keepdims=True)
    U = precision_cholesky(S, "full")  # inv(S) = U U^T: what passed the repair is no error here
    trace = np.trace(np.swapaxes(U, 1, 2) @ (prior.beta + outer) @ U, axis1=1, axis2=2)
    log_det = -2 * np.log(np.diagonal(U, axis1=1, axis2=2)).sum(axis=1)
    return float(-0.5 * (trace + prior.nu[:, 0, 0] * log_det).sum())


def check_covars(covars: object, covariance_type: str, n_states: int, n_features: int) -> Floats:
    """Covariances in the shape of their type; full matrices (K, D, D) are taken as well."""
    K, D = n_states, n_features
    S: Floats = check_array(covars, "covars_", ndim=None)
    shape = covariance_shape(covariance_type, K, D)
    if S.shape == (K, D, D) and shape != S.shape:
        S = _reduced(S, covariance_type)
    if S.shape != shape:
        raise ValueError(
            f"covars_ must have shape {shape} for covariance_type={covariance_type!r}, got"
            f" {S.shape}"
        )
    matrices = covariance_type in ("full", "tied")
    if matrices and not np.allclose(S, np.swapaxes(S, -1, -2), rtol=1e-8, atol=0):
        raise ValueError("covars_ must be symmetric, positive-definite")
    try:
        precision_cholesky(S, covariance_type)
    except ValueError as error:
        raise ValueError(f"covars_ must be symmetric, positive-definite: {error}") from None
    return S


def _reduced(S: Floats, covariance_type: str) -> Floats:
    """Bring full matrices (K, D, D), as hmmlearn returns them, into the shape of the type."""
    K, D, _ = S.shape
    small: Floats = {
        "tied": S[0],
        "diag": np.einsum("kii->ki", S),
        "spherical": np.einsum("kii->k", S) / D,
    }[covariance_type]
    if not np.allclose(full_covariances(small, covariance_type, K, D), S, rtol=1e-8, atol=0):
        raise ValueError(
            f"covars_ as full matrices {S.shape} must be of covariance_type={covariance_type!r}"
        )
    return small


def _per_state(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Floats:
    """Broadcast a number, a vector with one number a state, or a whole array."""
    a = check_array(value, name, ndim=None)
    if name != "means_prior" and (a < 0).any() and a.ndim < 2:
        raise ValueError(f"{name} must be >= 0, got {float(a.min())}")
    if a.ndim == 1 and len(a) == shape[0]:
        a = a.reshape(-1, *(1,) * (len(shape) - 1))
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(
            f"{name} must be a number, have one number a state or shape {shape}, got {a.shape}"
        ) from None
