# SPDX-License-Identifier: BSD-3-Clause
"""Where EM for Gaussian mixtures starts: k-means, drawn points, random shares, or given values.

Source:  scikit-learn's `init_params`, `weights_init`, `means_init`, `precisions_init`.
Differs: drawn points share out the data to the nearest of them, and the first covariance is that
         within these shares; scikit-learn starts from covariances of `reg_covar` alone.
Cost:    k-means: O(N K D) an iteration; the others O(N K D); one label a row.
Checked: moments of the labelled rows by literal loops; every message.
"""
# N samples, D features, K components   X (N, D)   w (N,) weights or None   r (K, B) shares

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import (
    Moments,
    covariance_shape,
    covariances_from_moments,
    moments_about,
    precision_cholesky,
    row_blocks,
    scatter_of_differences,
)
from byhand.utils.kmeans_plus_plus import kmeans_plus_plus
from byhand.utils.validation import check_array

from .em_gaussian import MixtureParams, factor_covariances
from .lloyd import assign_to_centers, lloyd

__all__ = [
    "INIT_PARAMS",
    "GivenStart",
    "check_frozen",
    "check_given_start",
    "check_mixture_params",
    "fill_by_means",
    "start_mixture",
]

INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")


class GivenStart(NamedTuple):
    """What the caller gives of the start; None is taken from the data."""

    weights: NDArray[np.float64] | None  # (K,)
    means: NDArray[np.float64] | None  # (K, D)
    covariances: NDArray[np.float64] | None  # by type
    precisions_cholesky: NDArray[np.float64] | None  # by type


def start_mixture(
    X: NDArray[np.floating],
    w: NDArray[np.float64] | None,
    n_components: int,
    covariance_type: str,
    init_params: str,
    reg_covar: float,
    given: GivenStart,
    rng: np.random.Generator,
) -> MixtureParams:
    """Parameters to start from: those given, and the others from the data."""
    weights, means, S, U = given
    if weights is None or means is None or S is None or U is None:
        with np.errstate(over="ignore", invalid="ignore"):  # factor_covariances says so
            m = _moments_of_shares(X, w, n_components, covariance_type, init_params, rng)
            covariances = covariances_from_moments(m, reg_covar)
        weights = m.n / m.n.sum() if weights is None else weights
        means = m.mean if means is None else means
        if S is None or U is None:
            S, U = covariances, factor_covariances(covariances, covariance_type)
    return MixtureParams(weights, means, S, U, covariance_type)


def check_given_start(
    weights_init: object,
    means_init: object,
    precisions_init: object,
    n_components: int,
    n_features: int,
    covariance_type: str,
) -> GivenStart:
    """Check the shapes and values that the caller gives."""
    K, D = n_components, n_features
    weights = means = S = U = None
    if weights_init is not None:
        weights = check_mixture_weights(weights_init, "weights_init", K)
    if means_init is not None:
        means = check_array(means_init, "means_init", ndim=None)
        _check_start_shape(means, "means", (K, D), "means_init")
    if precisions_init is not None:
        P = check_array(precisions_init, "precisions_init", ndim=None)
        shape = covariance_shape(covariance_type, K, D)
        _check_start_shape(P, f"{covariance_type} precision", shape, "precisions_init")
        S, U = _invert_precisions(P, covariance_type)
    return GivenStart(weights, means, S, U)


def check_frozen(
    frozen_components: object, n_components: int, covariance_type: str
) -> NDArray[np.int64]:
    """Check and return the numbers of the frozen components."""
    frozen = np.asarray([] if frozen_components is None else frozen_components)
    if frozen.size == 0:
        return np.zeros(0, dtype=np.int64)
    if covariance_type == "tied":
        raise ValueError("frozen_components: 'tied' components share a covariance")
    ints = frozen.ndim == 1 and frozen.dtype.kind in "iu"
    if not ints or frozen.min() < 0 or frozen.max() >= n_components:
        raise ValueError(
            f"frozen_components must hold numbers from 0 to {n_components - 1},"
            f" got {frozen_components!r}"
        )
    return frozen.astype(np.int64)


def check_mixture_weights(given: object, name: str, n_components: int) -> NDArray[np.float64]:
    """Check that weights are as many as components, in [0, 1], and sum to 1."""
    pi = check_array(given, name, ndim=None)
    _check_start_shape(pi, "weights", (n_components,), name)
    if np.any(pi < 0) or np.any(pi > 1):
        raise ValueError(
            f"{name}: The parameter 'weights' should be in the range [0, 1], but got max value"
            f" {pi.max():.5f}, min value {pi.min():.5f}"
        )
    if abs(1.0 - float(pi.sum())) > 1e-6:
        raise ValueError(
            f"{name}: The parameter 'weights' should be normalized, but got sum(weights) ="
            f" {pi.sum():.5f}"
        )
    return pi


def check_mixture_params(
    weights: object, means: object, covariances: object, covariance_type: str
) -> MixtureParams:
    """Check parameters that make a whole mixture."""
    mu = check_array(means, "means")
    K, D = mu.shape
    pi = check_mixture_weights(weights, "weights", K)
    S = check_array(covariances, "covariances", ndim=None)
    _check_start_shape(S, "covariances", covariance_shape(covariance_type, K, D), "covariances")
    if covariance_type in ("full", "tied") and not np.allclose(S, np.swapaxes(S, -1, -2)):
        raise ValueError("covariances must be symmetric")
    return MixtureParams(pi, mu, S, precision_cholesky(S, covariance_type), covariance_type)


def fill_by_means(X: NDArray[np.floating], w: NDArray[np.float64] | None) -> NDArray[np.floating]:
    """Return X with the (weighted) mean of its column in place of each NaN, to start from."""
    absent = np.isnan(X)
    if not absent.any():
        return X
    weight = np.where(absent, 0.0, 1.0 if w is None else w[:, None])
    total = weight.sum(axis=0)
    if not total.all():
        raise ValueError(f"X has no observed value of feature {int(np.argmin(total))}")
    whole = np.where(absent, 0.0, X)
    return np.where(absent, (weight * whole).sum(axis=0) / total, X)


def _invert_precisions(
    P: NDArray[np.float64], covariance_type: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariances and upper Cholesky factors U, P = U U^T, of given precisions."""
    if covariance_type in ("diag", "spherical"):
        if not (P > 0).all():
            raise ValueError(f"precisions_init: '{covariance_type} precision' should be positive")
        return 1.0 / P, np.sqrt(P)
    flipped = P[..., ::-1, ::-1]  # an upper factor of P is the flipped lower factor of this
    symmetric = np.allclose(P, np.swapaxes(P, -1, -2))
    try:
        L = np.linalg.cholesky(flipped)
    except np.linalg.LinAlgError:  # some builds of NumPy return NaN instead
        L = np.full_like(P, np.nan)
    if not symmetric or not np.isfinite(L).all():
        raise ValueError(
            f"precisions_init: '{covariance_type} precision' should be symmetric, positive-definite"
        )
    U = np.ascontiguousarray(L[..., ::-1, ::-1])
    inverse = np.linalg.inv(U)
    return np.swapaxes(inverse, -1, -2) @ inverse, U


def _moments_of_shares(
    X: NDArray[np.floating],
    w: NDArray[np.float64] | None,
    n_components: int,
    covariance_type: str,
    init_params: str,
    rng: np.random.Generator,
) -> Moments:
    """Moments of each component's share of the rows: those near its centre, or random ones."""
    K, D = n_components, X.shape[1]
    shares: Callable[[slice], NDArray[np.float64]]
    if init_params == "random":
        centers = np.tile(X.mean(axis=0, dtype=np.float64), (K, 1))

        def shares(rows: slice) -> NDArray[np.float64]:
            r = rng.random((rows.stop - rows.start, K)).T
            return np.asarray(r / r.sum(axis=0))

    else:
        centers, labels = _centers_and_labels(X, w, K, init_params, rng)

        def shares(rows: slice) -> NDArray[np.float64]:
            return np.equal(labels[rows], np.arange(K)[:, None]).astype(np.float64)

    n, first = np.zeros(K), np.zeros((K, D))
    second = np.zeros(covariance_shape(covariance_type, K, D))
    for rows in row_blocks(len(X), K * D):
        r = shares(rows)  # (K, B)
        if w is not None:
            r *= w[rows]
        d = np.subtract(X[rows].T, centers[:, :, None], order="C")  # (K, D, B)
        n += r.sum(axis=1)
        first += (d @ r[:, :, None])[:, :, 0]
        second += scatter_of_differences(d, r, covariance_type)
    m = moments_about(centers, n, first, second, covariance_type)
    if init_params in ("kmeans", "random") or covariance_type == "tied":
        return m
    # few samples may lie near a drawn point: all components start with the pooled covariance
    pooled = np.multiply.outer(m.n, m.scatter.sum(axis=0) / m.n.sum())
    return Moments(m.n, m.mean, pooled, covariance_type)


def _centers_and_labels(
    X: NDArray[np.floating],
    w: NDArray[np.float64] | None,
    n_clusters: int,
    init_params: str,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    if init_params == "random_from_data":
        p = None if w is None else w / w.sum()
        rows = rng.choice(len(X), n_clusters, replace=False, p=p)
    else:
        _, rows = kmeans_plus_plus(X, n_clusters, sample_weight=w, rng=rng)
    centers = X[rows].astype(np.float64)
    if init_params == "kmeans":
        result = lloyd(X, centers, w, tol=1e-4)
        return result.centers, result.labels
    return centers, assign_to_centers(X, centers)[0]


def _check_start_shape(
    a: NDArray[np.float64], what: str, shape: tuple[int, ...], name: str
) -> None:
    if a.shape != shape:
        raise ValueError(
            f"{name}: The parameter '{what}' should have the shape of {shape}, but got {a.shape}"
        )
