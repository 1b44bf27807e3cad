# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the tests: random models and the oracle that sums over every path."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest


class Enumerated(NamedTuple):
    likelihood: float
    gamma: np.ndarray
    xi: np.ndarray
    best: tuple[int, ...]
    best_probability: float


@pytest.fixture(scope="session")
def enumerate_paths() -> Callable[..., Enumerated]:
    """Posterior of everything by visiting all K^T paths."""

    def enumerate_paths(pi: Any, A: Any, b: Any) -> Enumerated:
        pi, A, b = np.asarray(pi), np.asarray(A), np.asarray(b)
        T, K = b.shape
        total, best, best_p = 0.0, (0,) * T, -1.0
        gamma, xi = np.zeros((T, K)), np.zeros((K, K))
        for z in itertools.product(range(K), repeat=T):
            p = pi[z[0]] * b[0, z[0]]
            for t in range(1, T):
                p *= A[z[t - 1], z[t]] * b[t, z[t]]
            total += p
            gamma[np.arange(T), list(z)] += p
            for t in range(1, T):
                xi[z[t - 1], z[t]] += p
            if p > best_p:
                best, best_p = z, p
        with np.errstate(invalid="ignore"):
            return Enumerated(total, gamma / total, xi / total, best, best_p)

    return enumerate_paths


@pytest.fixture(scope="session")
def log() -> Callable[[Any], np.ndarray]:
    """Logarithm with log 0 = -inf and no warning."""

    def log(p: Any) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.asarray(p, dtype=float)))

    return log


@pytest.fixture(scope="session")
def random_model() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Start, transition and emission probabilities; `kind` shapes the transitions."""

    def random_model(K: int, V: int, seed: int = 0, kind: str = "random") -> Any:
        rng = np.random.default_rng(seed)
        pi, A = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), K)
        B = rng.dirichlet(np.ones(V), K)
        if kind == "zeros":
            A = A * (rng.random((K, K)) < 0.6) + 0.1 * np.eye(K)
        elif kind == "left-right":
            A = np.diag(np.full(K, 0.95)) + np.diag(np.full(K - 1, 0.05), 1)
            pi = np.eye(K)[0]
        elif kind == "sticky":
            A = 0.999 * np.eye(K) + 0.001 * A
        elif kind == "periodic":
            A = np.roll(np.eye(K), 1, axis=1)
        return pi / pi.sum(), A / A.sum(axis=1, keepdims=True), B

    return random_model
