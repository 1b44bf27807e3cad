# SPDX-License-Identifier: BSD-3-Clause
"""Gaussian log-densities and weighted moments, for four shapes of covariance.

Source:  Bishop, PRML (2006), eq. 2.43 (density) and 9.24-9.27 (weighted moments); Chan, Golub &
         LeVeque (1979) for moments that add without cancelling.
Differs: precisions are held as Cholesky factors U with inv(S) = U U^T, as in scikit-learn; moments
         are kept about their own mean, so data 1e8 from the origin lose nothing.
Cost:    O(N K D^2), diagonal shapes O(N K D); rows are taken in blocks that stay in cache.
Checked: the density term by term in 50 digits; moments by literal loops; offsets of 1e8.
"""
# N samples, D features, K components, B rows of a block
# X (N, D)   R (N, K) responsibilities >= 0   mu (K, D) means   S covariances   U (see below)
# full (K, D, D), tied (D, D), diag (K, D), spherical (K,): the shape of S, P = inv(S) and U
# xt (D, B) a block of rows, transposed and centred, so that every NumPy loop runs along B
# d (K, D, B) differences xt - mu_k
# z (F, B) features of the block   theta (K, F) natural parameters: log p = theta @ z

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COVARIANCE_TYPES",
    "Moments",
    "covariance_shape",
    "covariances_from_moments",
    "features_are_accurate",
    "full_covariances",
    "gaussian_features",
    "log_density",
    "log_density_of_differences",
    "log_det_precision_cholesky",
    "moments_about",
    "moments_from_features",
    "natural_parameters",
    "precision_cholesky",
    "precisions_from_cholesky",
    "row_blocks",
    "scatter_of_differences",
    "weighted_moments",
]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


@dataclass(frozen=True)
class Moments:
    """Weighted count, mean and scatter of each component; they add like sums.

    The scatter is about the component's own mean: ``a + b`` then adds positive terms only, and
    nothing cancels however far the data lie from the origin.
    """

    n: NDArray[np.float64]  # (K,)    sum_n r_nk                        Bishop 9.27
    mean: NDArray[np.float64]  # (K, D)  sum_n r_nk x_n / n_k           Bishop 9.24
    scatter: NDArray[np.float64]  # like S  sum_n r_nk (x_n - mean_k)(x_n - mean_k)^T; "tied" sums
    #   it over k too, "diag" keeps its diagonal, "spherical" its trace
    covariance_type: str

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of samples together."""
        n = self.n + other.n
        share = other.n / np.where(n > 0, n, 1.0)  # (K,)
        step = other.mean - self.mean  # (K, D)
        between = _outer_sums(self.n * share, step, self.covariance_type)
        scatter = self.scatter + other.scatter + between
        return Moments(n, self.mean + share[:, None] * step, scatter, self.covariance_type)

    def scaled(self, factor: float) -> Moments:
        """Return the moments of samples that each count `factor` times as much."""
        return Moments(self.n * factor, self.mean, self.scatter * factor, self.covariance_type)


def covariance_shape(covariance_type: str, n_components: int, n_features: int) -> tuple[int, ...]:
    """Return the shape of covariances, precisions and their Cholesky factors.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        A matrix per component, one for all, variances per component, one variance per component.
    n_components, n_features : int
        K and D.

    Returns
    -------
    tuple of int
        (K, D, D), (D, D), (K, D) or (K,).

    Raises
    ------
    ValueError
        If the type is none of the four.

    Examples
    --------
    >>> covariance_shape("diag", 3, 2)
    (3, 2)
    """
    K, D = n_components, n_features
    shapes = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "spherical": (K,)}
    if covariance_type not in shapes:
        raise ValueError(
            f"covariance_type must be one of {', '.join(map(repr, COVARIANCE_TYPES))},"
            f" got {covariance_type!r}"
        )
    return shapes[covariance_type]


def precision_cholesky(
    covariances: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """Cholesky factors U of the precisions: inv(S) = U U^T, U upper triangular.

    Parameters
    ----------
    covariances : array
        Shape (K, D, D), (D, D), (K, D) or (K,), by type.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Which.

    Returns
    -------
    array of the same shape
        Upper triangular matrices; for "diag" and "spherical" one over the standard deviations.

    Raises
    ------
    ValueError
        If a covariance is not positive definite; the message names the component.

    Examples
    --------
    >>> import numpy as np
    >>> precision_cholesky(np.array([[4.0, 25.0]]), "diag")
    array([[0.5, 0.2]])
    """
    covariance_shape(covariance_type, 1, 1)
    S = np.asarray(covariances, dtype=np.float64)
    with np.errstate(all="ignore"):
        if covariance_type in ("diag", "spherical"):
            U = 1.0 / np.sqrt(np.where(S > 0, S, np.nan))
        else:
            # unit diagonal first: features on different scales then cost no accuracy
            sd = np.sqrt(np.einsum("...ii->...i", S))  # (..., D)
            L = _cholesky_or_nan(S / (sd[..., :, None] * sd[..., None, :]))
            U = np.swapaxes(np.tril(np.linalg.inv(L)), -1, -2) / sd[..., :, None]
    finite = np.isfinite(U) & np.isfinite(S)
    bad = ~finite.reshape(1 if covariance_type == "tied" else len(U), -1).all(axis=1)
    if bad.any():
        which = "" if covariance_type == "tied" else f"[{int(bad.argmax())}]"
        raise ValueError(
            f"covariances{which} must be positive definite, got a singular or indefinite one: are"
            " there fewer distinct samples than features?"
        )
    return U


def precisions_from_cholesky(
    precisions_cholesky: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """Precisions P = U U^T, in the shape of the type."""
    U = precisions_cholesky
    return U**2 if covariance_type in ("diag", "spherical") else U @ np.swapaxes(U, -1, -2)


def log_det_precision_cholesky(
    precisions_cholesky: NDArray[np.float64], covariance_type: str, n_features: int
) -> NDArray[np.float64]:
    """Return log |U|, half of log |P|: (K,), or () for "tied"."""
    U = precisions_cholesky
    if covariance_type == "spherical":
        return n_features * np.log(U)
    diagonal = U if covariance_type == "diag" else np.einsum("...ii->...i", U)
    return np.asarray(np.log(diagonal).sum(axis=-1))


def full_covariances(
    covariances: NDArray[np.float64], covariance_type: str, n_components: int, n_features: int
) -> NDArray[np.float64]:
    """Write covariances of any shape as (K, D, D) matrices (read-only where they repeat)."""
    K, D = n_components, n_features
    if covariance_type in ("full", "tied"):
        return np.broadcast_to(covariances, (K, D, D))
    variances = np.broadcast_to(
        covariances if covariances.ndim == 2 else covariances[:, None], (K, D)
    )
    return variances[:, :, None] * np.eye(D)


def log_density(
    X: NDArray[np.floating],
    means: NDArray[np.float64],
    precisions_cholesky: NDArray[np.float64],
    covariance_type: str,
) -> NDArray[np.float64]:
    """Log-density of each sample under each Gaussian.

    Parameters
    ----------
    X : (N, D) array
        Samples.
    means : (K, D) array
        Means.
    precisions_cholesky : array
        From `precision_cholesky`; shape (K, D, D), (D, D), (K, D) or (K,), by type.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Which.

    Returns
    -------
    (N, K) array
        log N(x_n | mu_k, S_k), natural log.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> p = log_density(np.zeros((1, 1)), np.array([[0.0], [2.0]]), np.ones(2), "spherical")
    >>> p.round(6)
    array([[-0.918939, -2.918939]])
    """
    N, D = X.shape
    K = len(means)
    _check_gaussian_shapes(D, means, precisions_cholesky, covariance_type)
    if K == 0:
        raise ValueError("means must hold at least one mean, got none")
    origin = means.mean(axis=0)
    mu, U = means - origin, precisions_cholesky
    by_features = features_are_accurate(mu, U, covariance_type)
    theta = natural_parameters(mu, U, covariance_type) if by_features else np.zeros((K, 0))
    out = np.empty((N, K))
    width = theta.shape[1] if by_features else K * D
    for rows in row_blocks(N, width):
        xt = np.subtract(X[rows].T, origin[:, None], order="C")  # (D, B)
        if by_features:
            with np.errstate(over="ignore", invalid="ignore"):
                np.matmul(gaussian_features(xt, covariance_type).T, theta.T, out=out[rows])
            if covariance_type == "tied":  # the quadratic term that all components share
                y = U.T @ xt
                out[rows] -= 0.5 * np.einsum("db,db->b", y, y)[:, None]
        else:
            out[rows] = log_density_of_differences(xt - mu[:, :, None], U, covariance_type).T
        if by_features and not np.isfinite(out[rows]).all():  # squares overflowed, as at x = 1e200
            out[rows] = log_density_of_differences(xt - mu[:, :, None], U, covariance_type).T
    return out


def log_density_of_differences(
    d: NDArray[np.float64], precisions_cholesky: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """Log-densities (K, B) from the differences d (K, D, B) of samples and means.

    Differences first, then the factor: exact to rounding however far apart the means lie.
    """
    K, D = d.shape[:2]
    U = precisions_cholesky
    if covariance_type in ("full", "tied"):
        y = np.swapaxes(U, -1, -2) @ d
    else:
        y = d * U.reshape(K, -1, 1)
    with np.errstate(over="ignore"):  # inf is right: a density of 0
        out: NDArray[np.float64] = np.einsum("kdb,kdb->kb", y, y)
    out *= -0.5
    log_det = log_det_precision_cholesky(U, covariance_type, D)
    out += np.reshape(log_det - 0.5 * D * np.log(2 * np.pi), (-1, 1))  # Bishop 2.43
    return out


def features_are_accurate(
    means: NDArray[np.float64], precisions_cholesky: NDArray[np.float64], covariance_type: str
) -> bool:
    """Whether ``theta @ z`` is good enough: its rounding error is eps times the sum tested here.

    x^T P x is summed from terms as large as (mu_i^2 + S_ii) P_ii, which cancel when the means lie
    far apart or the covariance is nearly singular. At 1e6 the log-density keeps 9 decimals.
    """
    U = precisions_cholesky
    if covariance_type in ("full", "tied"):
        P = np.einsum("...ij,...ij->...i", U, U)  # (..., D) diagonal of the precision
        inverse = np.linalg.inv(U)
        S = np.einsum("...ji,...ji->...i", inverse, inverse)
    else:
        P = U**2 if U.ndim == 2 else U[:, None] ** 2
        S = 1.0 / P
    with np.errstate(all="ignore"):
        return bool((((means**2 + S) * P).sum(axis=1) < 1e6).all())


def gaussian_features(xt: NDArray[np.float64], covariance_type: str) -> NDArray[np.float64]:
    """Features z (F, B) in which a Gaussian log-density is linear.

    A full covariance needs [1, x_i, x_i x_j (i <= j)], "diag" [1, x_i, x_i^2], "spherical"
    [1, x_i, |x|^2]; "tied" [1, x_i], as its quadratic term is the same for all components.
    """
    D, B = xt.shape
    F = {"full": D * (D + 1) // 2, "tied": 0, "diag": D, "spherical": 1}[covariance_type]
    z = np.empty((1 + D + F, B))
    z[0] = 1.0
    z[1 : D + 1] = xt
    if covariance_type == "diag":
        np.multiply(xt, xt, out=z[D + 1 :])
    elif covariance_type == "spherical":
        np.einsum("db,db->b", xt, xt, out=z[D + 1])
    elif covariance_type == "full":
        at = D + 1
        for i in range(D):
            np.multiply(xt[i], xt[i:], out=z[at : at + D - i])
            at += D - i
    return z


def natural_parameters(
    means: NDArray[np.float64], precisions_cholesky: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """Return theta (K, F) with ``theta @ gaussian_features(xt) = log N(x | mu_k, S_k)``.

    For "tied" the sum lacks the common term -x^T P x / 2.
    """
    K, D = means.shape
    U = precisions_cholesky
    P = precisions_from_cholesky(U, covariance_type)
    if covariance_type in ("full", "tied"):
        linear = np.einsum("...ij,kj->ki" if P.ndim == 2 else "kij,kj->ki", P, means)
    else:
        linear = means * (P if P.ndim == 2 else P[:, None])  # (K, D)
    constant = (
        log_det_precision_cholesky(U, covariance_type, D)
        - 0.5 * D * np.log(2 * np.pi)
        - 0.5 * np.einsum("kd,kd->k", linear, means)
    )
    if covariance_type == "full":
        i, j = np.triu_indices(D)
        quadratic = -P[:, i, j] * np.where(i == j, 0.5, 1.0)
    elif covariance_type == "tied":
        quadratic = np.zeros((K, 0))
    else:
        quadratic = -0.5 * (P if P.ndim == 2 else P[:, None])
    return np.concatenate([constant[:, None], linear, quadratic], axis=1)


def weighted_moments(
    X: NDArray[np.floating], R: NDArray[np.float64], covariance_type: str
) -> Moments:
    """Count, mean and scatter of the samples, weighted by each component's responsibilities.

    Parameters
    ----------
    X : (N, D) array
        Samples.
    R : (N, K) array
        Weight of each sample in each component, >= 0.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Shape of the scatter.

    Returns
    -------
    Moments
        They add: ``weighted_moments(A, Ra, t) + weighted_moments(B, Rb, t)`` is that of all rows.

    Raises
    ------
    ValueError
        If the numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> m = weighted_moments(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), "full")
    >>> m.n, m.mean, m.scatter
    (array([2.]), array([[2.]]), array([[[2.]]]))
    """
    (N, D), K = X.shape, R.shape[1]
    covariance_shape(covariance_type, K, D)
    if len(R) != N:
        raise ValueError(f"R must have {N} rows, as many as X, got {len(R)}")
    centre = X.mean(axis=0)
    n, first = np.zeros(K), np.zeros((K, D))
    for rows in row_blocks(N, max(D, K)):
        n += R[rows].sum(axis=0)
        first += R[rows].T @ (X[rows] - centre)
    mean = centre + first / np.where(n > 0, n, 1.0)[:, None]  # (K, D)  Bishop 9.24
    scatter = np.zeros(covariance_shape(covariance_type, K, D))
    for rows in row_blocks(N, K * D):
        d = np.subtract(X[rows].T, mean[:, :, None], order="C")  # (K, D, B)
        scatter += scatter_of_differences(d, R[rows].T, covariance_type)
    return Moments(n, mean, scatter, covariance_type)


def scatter_of_differences(
    d: NDArray[np.float64], r: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """Return sum_b r_kb d_kb d_kb^T for d (K, D, B) and r (K, B), in the shape of a scatter."""
    S: NDArray[np.float64]
    if covariance_type in ("diag", "spherical"):
        S = ((d * d) @ r[:, :, None])[:, :, 0]  # (K, D)
        return S if covariance_type == "diag" else np.asarray(S.sum(axis=1))
    if d.shape[1] >= 32:  # NumPy sees y y^T and computes one half of it; slower when small
        y = d * np.sqrt(r)[:, None, :]
        S = y @ np.swapaxes(y, -1, -2)  # (K, D, D)
    else:
        S = (d * r[:, None, :]) @ np.swapaxes(d, -1, -2)
        S = 0.5 * (S + np.swapaxes(S, -1, -2))
    return np.asarray(S.sum(axis=0)) if covariance_type == "tied" else S


def moments_about(
    origin: NDArray[np.float64],
    n: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    covariance_type: str,
) -> Moments:
    """Moments from sums of r, r (x - origin) and r (x - origin)(x - origin)^T.

    The origin is one point (D,) or one for each component (K, D); `second` has the shape of a
    scatter. Digits are lost where a mean is far from its origin, measured in its own spread.
    """
    step = first / np.where(n > 0, n, 1.0)[:, None]  # (K, D)
    scatter = second - _outer_sums(n, step, covariance_type)
    return Moments(n, origin + step, scatter, covariance_type)


def moments_from_features(
    sums: NDArray[np.float64],
    origin: NDArray[np.float64],
    covariance_type: str,
    total: NDArray[np.float64] | None = None,
) -> Moments:
    """Moments from sums (K, F) of r z, z the `gaussian_features` of rows minus the origin (D,).

    "tied" needs the `total` (D, D) of sum_k r (x - origin)(x - origin)^T besides.
    """
    K, D = len(sums), len(origin)
    n, first, second = sums[:, 0], sums[:, 1 : D + 1], sums[:, D + 1 :]
    if covariance_type == "tied":
        second = np.zeros((D, D)) if total is None else total
    elif covariance_type == "spherical":
        second = second[:, 0]
    elif covariance_type == "full":
        i, j = np.triu_indices(D)
        packed, second = second, np.empty((K, D, D))
        second[:, i, j] = second[:, j, i] = packed
    return moments_about(origin, n, first, second, covariance_type)


def covariances_from_moments(moments: Moments, reg_covar: float = 0.0) -> NDArray[np.float64]:
    """Covariances of highest likelihood, plus a floor on each variance.

    Parameters
    ----------
    moments : Moments
        Of all samples.
    reg_covar : float, default 0.0
        Added to every variance (the diagonal).

    Returns
    -------
    array
        Shape (K, D, D), (D, D), (K, D) or (K,), by type; reg_covar alone where n_k is 0.

    Examples
    --------
    >>> import numpy as np
    >>> m = weighted_moments(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]), "spherical")
    >>> covariances_from_moments(m)
    array([1.])
    """
    D = moments.mean.shape[1]
    tied = moments.covariance_type == "tied"
    n = moments.n.sum(keepdims=True) if tied else moments.n
    n = np.where(n > 0, n, 1.0) * (D if moments.covariance_type == "spherical" else 1)
    S: NDArray[np.float64] = moments.scatter / n.reshape((-1,) + (1,) * (moments.scatter.ndim - 1))
    if tied or moments.covariance_type == "full":
        return S + reg_covar * np.eye(D)  # Bishop 9.25
    return np.asarray(np.maximum(S, 0.0) + reg_covar)  # rounding may leave -1e-17


def row_blocks(n_samples: int, width: int, size: int = 32768) -> Iterator[slice]:
    """Slices of rows such that `size` numbers (256 kB) make a block that stays in cache."""
    step = max(128, size // max(width, 1))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))


def _outer_sums(
    n: NDArray[np.float64], v: NDArray[np.float64], covariance_type: str
) -> NDArray[np.float64]:
    """n_k v_k v_k^T for vectors v (K, D), in the shape of a scatter."""
    if covariance_type == "tied":
        return np.asarray((n[:, None] * v).T @ v)
    if covariance_type == "full":
        return n[:, None, None] * (v[:, :, None] * v[:, None, :])
    return n[:, None] * v**2 if covariance_type == "diag" else n * np.vecdot(v, v)


def _cholesky_or_nan(S: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower Cholesky factors (..., D, D); NaN for each matrix that is not positive definite."""
    try:
        return np.asarray(np.linalg.cholesky(S), dtype=np.float64)
    except np.linalg.LinAlgError:  # some builds of NumPy return NaN instead
        return np.stack([_cholesky_or_nan(s) for s in S]) if S.ndim > 2 else np.full_like(S, np.nan)


def _check_gaussian_shapes(
    n_features: int,
    means: NDArray[np.float64],
    precisions_cholesky: NDArray[np.float64],
    covariance_type: str,
) -> None:
    shape = covariance_shape(covariance_type, len(means), n_features)
    if means.shape != (len(means), n_features):
        raise ValueError(f"means must have shape (K, {n_features}) as X has, got {means.shape}")
    if precisions_cholesky.shape != shape:
        raise ValueError(
            f"precisions_cholesky must have shape {shape} for covariance_type={covariance_type!r},"
            f" got {precisions_cholesky.shape}"
        )
