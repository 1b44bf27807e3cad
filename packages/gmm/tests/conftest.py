# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the tests of byhand.gmm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from byhand.gmm import MixtureParams
from byhand.utils.gaussian import COVARIANCE_TYPES, precision_cholesky

F = NDArray[np.float64]


@pytest.fixture(params=COVARIANCE_TYPES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each covariance type."""
    return str(request.param)


@pytest.fixture
def blobs() -> Callable[..., F]:
    """Make samples around K centres."""

    def make(N: int = 300, D: int = 3, K: int = 3, spread: float = 3.0, seed: int = 0) -> F:
        rng = np.random.default_rng(seed)
        centers = spread * rng.normal(size=(K, D))
        return centers[rng.integers(K, size=N)] + rng.normal(size=(N, D))

    return make


@pytest.fixture
def covariance_matrix() -> Callable[[str, Any, int, int], F]:
    """Covariance matrix of component k, by the definition of the type."""

    def matrix(kind: str, S: Any, k: int, D: int) -> F:
        if kind in ("tied", "full"):
            return np.asarray(S if kind == "tied" else S[k])
        return np.asarray(np.diag(S[k]) if kind == "diag" else S[k] * np.eye(D))

    return matrix


@pytest.fixture
def some_params() -> Callable[..., MixtureParams]:
    """Make parameters of a mixture."""

    def make(kind: str, D: int = 3, K: int = 3, seed: int = 1) -> MixtureParams:
        rng = np.random.default_rng(seed)
        A = rng.normal(size=(K, D, D))
        full = A @ np.swapaxes(A, 1, 2) + np.eye(D)
        S = {"full": full, "tied": full[0], "diag": np.einsum("kii->ki", full).copy()}.get(
            kind, full[:, 0, 0].copy()
        )
        means = 3.0 * rng.normal(size=(K, D))
        return MixtureParams(
            rng.dirichlet(3 * np.ones(K)), means, S, precision_cholesky(S, kind), kind
        )

    return make


@pytest.fixture
def literal_em() -> Callable[..., Any]:
    """EM by literal loops over samples and components: no matrix product, no stored factor."""

    def density(x: F, mu: F, S: F) -> float:
        d = x - mu
        q = float(d @ np.linalg.solve(S, d))
        return float(np.exp(-0.5 * q) / np.sqrt(np.linalg.det(2 * np.pi * S)))

    def step(X: F, w: F, pi: F, mu: F, S: list[F], kind: str, reg: float) -> Any:
        N, D, K = len(X), X.shape[1], len(pi)
        R, log_likelihood = np.zeros((N, K)), 0.0
        for i in range(N):
            for k in range(K):
                R[i, k] = pi[k] * density(X[i], mu[k], S[k])
            log_likelihood += w[i] * np.log(R[i].sum())
            R[i] /= R[i].sum()
        new_pi, new_mu, new_S = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
        for k in range(K):
            n = sum(w[i] * R[i, k] for i in range(N))
            new_pi[k] = n / w.sum()
            for i in range(N):
                new_mu[k] += w[i] * R[i, k] * X[i] / n
            for i in range(N):
                d = X[i] - new_mu[k]
                new_S[k] += w[i] * R[i, k] * np.outer(d, d) / n
        if kind == "tied":
            new_S[:] = sum(p * s for p, s in zip(new_pi, new_S, strict=True))
        elif kind == "diag":
            new_S = np.array([np.diag(np.diag(s)) for s in new_S])
        elif kind == "spherical":
            new_S = np.array([np.trace(s) / D * np.eye(D) for s in new_S])
        return new_pi, new_mu, [s + reg * np.eye(D) for s in new_S], log_likelihood / w.sum(), R

    return step
