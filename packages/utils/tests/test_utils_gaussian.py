# SPDX-License-Identifier: BSD-3-Clause
"""Claims of byhand.utils.gaussian."""

from __future__ import annotations

import contextlib
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.utils.gaussian import (
    COVARIANCE_TYPES,
    Moments,
    covariance_shape,
    covariances_from_moments,
    features_are_accurate,
    full_covariances,
    gaussian_features,
    log_density,
    log_density_of_differences,
    log_det_precision_cholesky,
    moments_about,
    moments_from_features,
    natural_parameters,
    precision_cholesky,
    precisions_from_cholesky,
    row_blocks,
    scatter_of_differences,
    weighted_moments,
)

F = NDArray[np.float64]
types = pytest.mark.parametrize("kind", COVARIANCE_TYPES)
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")


def problem(kind: str, D: int = 3, K: int = 4, N: int = 50, seed: int = 0) -> tuple[F, F, F, F]:
    """Samples, responsibilities, means, covariances."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(K, D, D))
    S = A @ np.swapaxes(A, 1, 2) + 0.5 * np.eye(D)
    of_type = {
        "full": S,
        "tied": S[0],
        "diag": np.einsum("kii->ki", S).copy(),
        "spherical": S[:, 0, 0].copy(),
    }
    R = rng.dirichlet(np.ones(K), size=N)
    return 2 * rng.normal(size=(N, D)), R, rng.normal(size=(K, D)), of_type[kind]


def matrix_of(kind: str, S: F, k: int, D: int) -> F:
    """Covariance matrix of a component, by the definition of the type."""
    if kind == "full":
        return np.asarray(S[k])
    if kind == "tied":
        return S
    return np.asarray(np.diag(S[k]) if kind == "diag" else S[k] * np.eye(D))


def decimal_log_density(x: F, mu: F, S: F) -> float:
    """The density formula in 60 digits: Gaussian elimination without pivoting, term by term."""
    with localcontext() as context:
        context.prec = 60
        D = len(x)
        A = [[Decimal(float(v)) for v in row] for row in S]
        d = [Decimal(float(a)) - Decimal(float(b)) for a, b in zip(x, mu, strict=True)]
        y, log_det = list(d), Decimal(0)
        for i in range(D):
            log_det += A[i][i].ln()
            for j in range(i + 1, D):
                factor = A[j][i] / A[i][i]
                A[j] = [a - factor * b for a, b in zip(A[j], A[i], strict=True)]
                y[j] -= factor * y[i]
        for i in reversed(range(D)):
            y[i] = (y[i] - sum(A[i][j] * y[j] for j in range(i + 1, D))) / A[i][i]
        q = sum(a * b for a, b in zip(d, y, strict=True))
        return float(-(D * (2 * PI).ln() + log_det + q) / 2)


@types
def test_log_density_is_the_formula_in_60_digits(kind: str) -> None:
    X, _, mu, S = problem(kind)
    expected = [
        [decimal_log_density(x, mu[k], matrix_of(kind, S, k, 3)) for k in range(4)] for x in X[:8]
    ]
    assert_allclose(log_density(X[:8], mu, precision_cholesky(S, kind), kind), expected, rtol=1e-12)


@types
def test_log_density_by_features_equals_that_by_differences(kind: str) -> None:
    X, _, mu, S = problem(kind)
    U = precision_cholesky(S, kind)
    xt = np.ascontiguousarray(X.T)
    by_differences = log_density_of_differences(xt - mu[:, :, None], U, kind)
    by_features = natural_parameters(mu, U, kind) @ gaussian_features(xt, kind)
    if kind == "tied":
        by_features -= 0.5 * np.einsum("nd,de,ne->n", X, precisions_from_cholesky(U, kind), X)
    assert_allclose(by_features, by_differences, rtol=1e-12)


@types
def test_log_density_integrates_to_one(kind: str) -> None:
    S = {"full": [[[0.3]]], "tied": [[0.3]], "diag": [[0.3]], "spherical": [0.3]}[kind]
    grid = np.linspace(-5, 5, 2001)[:, None]
    p = np.exp(log_density(grid, np.array([[0.7]]), precision_cholesky(np.array(S), kind), kind))
    assert_allclose(p.sum() * 0.005, 1.0, rtol=1e-12)


@types
@pytest.mark.parametrize("offset", [2.0**27, -(2.0**40)])
def test_log_density_does_not_depend_on_the_origin(kind: str, offset: float) -> None:
    X, _, mu, S = problem(kind)
    X, mu = np.round(X * 1024) / 1024, np.round(mu * 1024) / 1024  # exact after the shift
    U = precision_cholesky(S, kind)
    assert_allclose(
        log_density(X + offset, mu + offset, U, kind), log_density(X, mu, U, kind), rtol=1e-11
    )


@types
def test_log_density_of_means_far_apart_keeps_its_digits(kind: str) -> None:
    """A million standard deviations between means: features would lose 4 decimals more."""
    _, _, mu, S = problem(kind)
    mu = mu + 1e6 * np.arange(4)[:, None]
    U = precision_cholesky(S, kind)
    assert not features_are_accurate(mu - mu.mean(axis=0), U, kind)
    x = mu[2] + 1.0
    expected = decimal_log_density(x, mu[2], matrix_of(kind, S, 2, 3))
    assert_allclose(log_density(x[None], mu, U, kind)[0, 2], expected, rtol=1e-9)


def test_log_density_by_features_is_refused_for_nearly_singular_covariances() -> None:
    S = np.array([[[1.0, 1.0 - 1e-8], [1.0 - 1e-8, 1.0]]])
    U = precision_cholesky(S, "full")
    assert not features_are_accurate(np.zeros((1, 2)), U, "full")
    assert features_are_accurate(
        np.zeros((1, 2)), precision_cholesky(np.eye(2)[None], "full"), "full"
    )


@types
def test_log_density_underflows_to_minus_infinity_without_nan(kind: str) -> None:
    _, _, mu, S = problem(kind)
    p = log_density(np.full((1, 3), 1e200), mu, precision_cholesky(S, kind), kind)
    assert_array_equal(p, -np.inf)


@types
@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (1e-6, 1.0, 1e6), (1e-140, 1e3, 1e140)])
def test_precision_cholesky_inverts_covariances_of_any_scale(
    kind: str, scales: tuple[float, ...]
) -> None:
    _, _, _, S = problem(kind)
    s = np.array(scales)
    factor = {"spherical": s[0] ** 2, "diag": s**2}
    S = S * factor.get(kind, np.outer(s, s))
    U = precision_cholesky(S, kind)
    assert U.shape == S.shape
    if kind in ("diag", "spherical"):
        assert_allclose(U, 1 / np.sqrt(S), rtol=1e-14)
    else:
        assert_array_equal(U, np.triu(U))
        whitened = np.swapaxes(U, -1, -2) @ S @ U
        assert_allclose(whitened, np.broadcast_to(np.eye(3), S.shape), atol=1e-12)


@types
def test_log_det_is_half_the_log_determinant_of_the_precision(kind: str) -> None:
    _, _, _, S = problem(kind)
    got = log_det_precision_cholesky(precision_cholesky(S, kind), kind, 3)
    for k in range(4):
        expected = -0.5 * np.linalg.slogdet(matrix_of(kind, S, k, 3))[1]
        assert_allclose(np.broadcast_to(got, 4)[k], expected, rtol=1e-12)


@types
def test_full_covariances_write_out_every_shape(kind: str) -> None:
    _, _, _, S = problem(kind)
    expected = [matrix_of(kind, S, k, 3) for k in range(4)]
    assert_array_equal(full_covariances(S, kind, 4, 3), expected)


SINGULAR: list[tuple[str, Any, str]] = [
    ("full", [np.eye(2), np.ones((2, 2))], r"covariances\[1\]"),
    ("full", [np.eye(2), np.zeros((2, 2))], r"covariances\[1\]"),
    ("full", [np.diag([1.0, -1.0]), np.eye(2)], r"covariances\[0\]"),
    ("full", [np.eye(2), np.full((2, 2), np.nan)], r"covariances\[1\]"),
    ("full", [np.eye(2), np.diag([1.0, np.inf])], r"covariances\[1\]"),
    ("tied", [[1.0, 2.0], [2.0, 1.0]], "covariances must"),
    ("diag", [[1.0, 1.0], [1.0, 0.0]], r"covariances\[1\]"),
    ("diag", [[np.inf, 1.0]], r"covariances\[0\]"),
    ("spherical", [1.0, -2.0], r"covariances\[1\]"),
    ("spherical", [np.nan], r"covariances\[0\]"),
]


@pytest.mark.parametrize(("kind", "S", "match"), SINGULAR)
@pytest.mark.parametrize("raises", [True, False], ids=["LinAlgError", "NaN"])
def test_singular_covariance_is_named_whether_numpy_raises_or_returns_nan(
    kind: str, S: Any, match: str, raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not raises:  # as the WebAssembly builds of NumPy
        cholesky = np.linalg.cholesky

        def quiet(a: F) -> F:
            out = np.full_like(a, np.nan)
            for i in np.ndindex(a.shape[:-2]):
                with contextlib.suppress(np.linalg.LinAlgError):
                    out[i] = cholesky(a[i])
            return out

        monkeypatch.setattr(np.linalg, "cholesky", quiet)
    with pytest.raises(ValueError, match=match):
        precision_cholesky(np.array(S, dtype=float), kind)


def literal_moments(X: F, R: F, kind: str) -> tuple[F, F, F]:
    N, D = X.shape
    K = R.shape[1]
    n, mean, full = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    for k in range(K):
        for i in range(N):
            n[k] += R[i, k]
            mean[k] += R[i, k] * X[i]
        mean[k] /= n[k]
        for i in range(N):
            full[k] += R[i, k] * np.outer(X[i] - mean[k], X[i] - mean[k])
    scatter = {
        "full": full,
        "tied": full.sum(axis=0),
        "diag": np.array([np.diag(s) for s in full]),
        "spherical": np.array([np.trace(s) for s in full]),
    }
    return n, mean, scatter[kind]


def assert_same_moments(a: Moments, b: Moments, rtol: float = 1e-11) -> None:
    assert a.covariance_type == b.covariance_type
    for x, y in ((a.n, b.n), (a.mean, b.mean), (a.scatter, b.scatter)):
        assert_allclose(x, y, rtol=rtol, atol=rtol)


@types
@pytest.mark.parametrize("D", [1, 3, 33])  # 33: the other form of the product
def test_weighted_moments_are_those_of_literal_loops(kind: str, D: int) -> None:
    X, R, _, _ = problem(kind, D=D, N=20)
    assert_same_moments(
        weighted_moments(X, R, kind), Moments(*literal_moments(X, R, kind), kind), rtol=1e-11
    )


@types
def test_moments_from_features_are_those_of_literal_loops(kind: str) -> None:
    X, R, _, _ = problem(kind)
    origin = np.array([0.3, -0.2, 0.1])
    xt = np.ascontiguousarray((X - origin).T)
    total = (R.sum(axis=1) * xt) @ xt.T
    got = moments_from_features(R.T @ gaussian_features(xt, kind).T, origin, kind, total)
    assert_same_moments(got, Moments(*literal_moments(X, R, kind), kind))


@types
def test_moments_about_any_points_are_the_same(kind: str) -> None:
    X, R, mu, _ = problem(kind)
    d = np.ascontiguousarray(X.T) - mu[:, :, None]
    first = np.einsum("kdn,nk->kd", d, R)
    got = moments_about(mu, R.sum(axis=0), first, scatter_of_differences(d, R.T, kind), kind)
    assert_same_moments(got, Moments(*literal_moments(X, R, kind), kind))


@types
@pytest.mark.parametrize("at", [0, 1, 17, 50])
def test_moments_of_parts_add_to_those_of_the_whole(kind: str, at: int) -> None:
    X, R, _, _ = problem(kind)
    X = np.concatenate([X[:at] + 100.0, X[at:]])  # parts far from one another
    R[0, 1] = 0.0
    with np.errstate(all="ignore"):
        parts = [
            Moments(np.zeros(4), np.zeros((4, 3)), np.zeros(covariance_shape(kind, 4, 3)), kind)
            if len(X[s]) == 0
            else weighted_moments(X[s], R[s], kind)
            for s in (slice(0, at), slice(at, None))
        ]
    assert_same_moments(parts[0] + parts[1], weighted_moments(X, R, kind), rtol=1e-10)


@types
def test_moments_scaled_by_two_are_those_of_repeated_samples(kind: str) -> None:
    X, R, _, _ = problem(kind)
    twice = weighted_moments(np.repeat(X, 2, axis=0), np.repeat(R, 2, axis=0), kind)
    assert_same_moments(weighted_moments(X, R, kind).scaled(2.0), twice)
    assert_same_moments(weighted_moments(X, 2 * R, kind), twice)


@types
def test_moments_of_data_far_from_the_origin_lose_nothing(kind: str) -> None:
    X, R, _, _ = problem(kind)
    X = np.round(X * 1024) / 1024
    offset = 2.0**27  # X + offset is exact
    near, far = weighted_moments(X, R, kind), weighted_moments(X + offset, R, kind)
    assert_allclose(far.mean - offset, near.mean, atol=2 * np.spacing(offset))
    assert_allclose(far.scatter, near.scatter, rtol=1e-12)


@types
def test_covariances_are_scatter_per_sample_plus_the_floor(kind: str) -> None:
    X, R, _, _ = problem(kind)
    m = weighted_moments(X, R, kind)
    n, _, full = literal_moments(X, R, "full")
    S = [matrix_of(kind, covariances_from_moments(m, 0.25), k, 3) for k in range(4)]
    for k in range(4):
        expected = full[k] / n[k]
        if kind == "tied":
            expected = full.sum(axis=0) / n.sum()
        elif kind == "diag":
            expected = np.diag(np.diag(expected))
        elif kind == "spherical":
            expected = np.trace(expected) / 3 * np.eye(3)
        assert_allclose(S[k], expected + 0.25 * np.eye(3), rtol=1e-11)


@types
def test_component_without_samples_gets_the_floor_alone(kind: str) -> None:
    X, R, _, _ = problem(kind)
    R[:, 2] = 0.0
    m = weighted_moments(X, R, kind)
    S = covariances_from_moments(m, 0.5)
    assert m.n[2] == 0
    assert np.isfinite(m.mean).all()
    if kind != "tied":
        assert_allclose(matrix_of(kind, S, 2, 3), 0.5 * np.eye(3))


@types
def test_single_component_is_the_sample_mean_and_covariance(kind: str) -> None:
    X, _, _, _ = problem(kind)
    m = weighted_moments(X, np.ones((50, 1)), kind)
    S = np.cov(X.T, bias=True)
    expected: dict[str, Any] = {
        "full": S[None],
        "tied": S,
        "diag": np.diag(S)[None],
        "spherical": [np.trace(S) / 3],
    }
    assert_allclose(m.mean[0], X.mean(axis=0), rtol=1e-13)
    variance = np.array([np.trace(S) / 3])
    assert_allclose(covariances_from_moments(m), expected.get(kind, variance), rtol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 100_000])
def test_row_blocks_cover_each_row_once(n: int) -> None:
    rows = np.arange(n)
    blocks = [rows[b] for b in row_blocks(n, 7)]
    assert_array_equal(np.concatenate([*blocks, rows[:0]]), rows)


def test_wrong_arguments_are_named() -> None:
    X, R, mu, S = problem("full")
    U = precision_cholesky(S, "full")
    with pytest.raises(ValueError, match=r"covariance_type must be one of .*'tied'.*got 'round'"):
        covariance_shape("round", 1, 1)
    with pytest.raises(ValueError, match=r"precisions_cholesky must have shape \(4, 3, 3\)"):
        log_density(X, mu, U[:2], "full")
    with pytest.raises(ValueError, match="means must have shape"):
        log_density(X[:, :2], mu, U, "full")
    with pytest.raises(ValueError, match="R must have 50 rows"):
        weighted_moments(X, R[:-1], "full")
