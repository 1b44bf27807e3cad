# SPDX-License-Identifier: BSD-3-Clause
"""Claims of the E-step and the M-step."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import MixtureParams, gaussian_mixture_e_step, gaussian_mixture_m_step
from byhand.gmm.em_gaussian import (
    _e_step_by_differences,
    _e_step_by_features,
    normalise_log_joint,
)
from byhand.utils.gaussian import precision_cholesky

F = NDArray[np.float64]
E_STEPS = [gaussian_mixture_e_step, _e_step_by_features, _e_step_by_differences]
both_forms = pytest.mark.parametrize("e_step", E_STEPS[1:], ids=["features", "differences"])


@pytest.mark.parametrize("e_step", E_STEPS, ids=["chosen", "features", "differences"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("N", "D", "K"), [(40, 3, 3), (40, 1, 2), (60, 2, 7)])
def test_step_is_that_of_literal_loops(
    e_step: Any,
    kind: str,
    weighted: bool,
    N: int,
    D: int,
    K: int,
    blobs: Any,
    some_params: Any,
    literal_em: Any,
    covariance_matrix: Any,
) -> None:
    X, params = blobs(N, D), some_params(kind, D, K)
    w = np.random.default_rng(2).random(N) if weighted else None
    S = [covariance_matrix(kind, params.covariances, k, D) for k in range(K)]
    pi, mu, new_S, bound, _ = literal_em(
        X, np.ones(N) if w is None else w, params.weights, params.means, S, kind, 1e-3
    )
    stats = e_step(params, X, w)
    got = gaussian_mixture_m_step(stats, reg_covar=1e-3)
    assert_allclose(stats.objective, bound, rtol=1e-12)
    assert_allclose(got.weights, pi, rtol=1e-10)
    assert_allclose(got.means, mu, rtol=1e-10, atol=1e-12)
    for k in range(K):
        assert_allclose(
            covariance_matrix(kind, got.covariances, k, D), new_S[k], rtol=1e-9, atol=1e-12
        )
    assert_array_equal(got.precisions_cholesky, precision_cholesky(got.covariances, kind))


@both_forms
def test_responsibilities_are_those_of_enumeration_in_50_digits(e_step: Any) -> None:
    """A spherical mixture: one sample at a time, its responsibilities are its counts."""
    pi, mu, s = (
        np.array([0.2, 0.5, 0.3]),
        np.array([[-1.0], [0.5], [2.0]]),
        np.array([0.7, 1.3, 0.4]),
    )
    params = MixtureParams(pi, mu, s, precision_cholesky(s, "spherical"), "spherical")
    for x in (-6.0, 0.1, 3.0, 25.0):
        with localcontext() as context:
            context.prec = 50
            joint = [
                Decimal(float(p))
                * (-((Decimal(x) - Decimal(float(m))) ** 2) / (2 * Decimal(float(v)))).exp()
                / Decimal(float(v)).sqrt()
                for p, m, v in zip(pi, mu[:, 0], s, strict=True)
            ]
            expected = [float(j / sum(joint)) for j in joint]
        assert_allclose(e_step(params, np.array([[x]]), None).moments.n, expected, rtol=1e-12)


@both_forms
def test_statistics_of_parts_add_to_those_of_all_rows(
    e_step: Any, kind: str, blobs: Any, some_params: Any
) -> None:
    X, params = blobs(200), some_params(kind)
    whole, parts = (
        e_step(params, X, None),
        e_step(params, X[:30], None) + e_step(params, X[30:], None),
    )
    assert_allclose(parts.objective, whole.objective, rtol=1e-13)
    assert parts.weight == whole.weight == 200
    for name in ("n", "mean", "scatter"):
        assert_allclose(getattr(parts.moments, name), getattr(whole.moments, name), rtol=1e-10)


@both_forms
def test_weight_of_two_is_a_repeated_row_and_zero_a_removed_one(
    e_step: Any, kind: str, blobs: Any, some_params: Any
) -> None:
    X, params = blobs(100), some_params(kind)
    w = np.random.default_rng(0).integers(0, 4, 100)
    weighted, repeated = (
        e_step(params, X, w.astype(float)),
        e_step(params, np.repeat(X, w, axis=0), None),
    )
    assert_allclose(weighted.objective, repeated.objective, rtol=1e-12)
    for name in ("n", "mean", "scatter"):
        assert_allclose(
            getattr(weighted.moments, name), getattr(repeated.moments, name), rtol=1e-10
        )


@both_forms
def test_mixture_weights_are_mean_responsibilities(
    e_step: Any, kind: str, blobs: Any, some_params: Any, literal_em: Any, covariance_matrix: Any
) -> None:
    """Oracle G4."""
    X, params = blobs(30), some_params(kind)
    for _ in range(3):
        S = [covariance_matrix(kind, params.covariances, k, 3) for k in range(3)]
        *_, R = literal_em(X, np.ones(30), params.weights, params.means, S, kind, 1e-3)
        params = gaussian_mixture_m_step(e_step(params, X, None), 1e-3)
        assert_allclose(params.weights, R.mean(axis=0), atol=1e-12)
        assert_allclose(params.weights.sum(), 1.0, rtol=1e-15)


def test_blocks_of_rows_do_not_change_the_sums(kind: str, blobs: Any, some_params: Any) -> None:
    """Many blocks (D = 20, N = 5000) against one row at a time."""
    X, params = blobs(700, 40), some_params(kind, 40)
    whole = gaussian_mixture_e_step(params, X)
    rows = gaussian_mixture_e_step(params, X[:1])
    for i in range(1, 700):
        rows = rows + gaussian_mixture_e_step(params, X[i : i + 1])
    assert_allclose(rows.objective, whole.objective, rtol=1e-12)
    assert_allclose(rows.moments.n, whole.moments.n, rtol=1e-10, atol=1e-10)
    assert_allclose(rows.moments.scatter, whole.moments.scatter, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spread", [1e4, 1e7])
def test_components_far_apart_keep_their_covariances(kind: str, spread: float, blobs: Any) -> None:
    """The form is chosen by conditioning: at 1e4 features would already lose 8 decimals."""
    X = np.concatenate([blobs(200, 2, 1), blobs(200, 2, 1, seed=1) + spread])
    X = np.round(X * 2**20) / 2**20
    means = np.array([X[:200].mean(axis=0), X[200:].mean(axis=0)])
    ones = {"full": np.tile(np.eye(2), (2, 1, 1)), "tied": np.eye(2), "diag": np.ones((2, 2))}
    S = ones.get(kind, np.ones(2))
    params = MixtureParams(np.full(2, 0.5), means, S, precision_cholesky(S, kind), kind)
    got = gaussian_mixture_m_step(gaussian_mixture_e_step(params, X), 0.0).covariances
    each = np.array([np.cov(x.T, bias=True) for x in (X[:200], X[200:])])
    expected = {"full": each, "tied": each.mean(axis=0), "diag": np.einsum("kii->ki", each)}.get(
        kind, np.einsum("kii->k", each) / 2
    )
    # rtol: the data themselves are rounded at spread * 2e-16 of their differences
    assert_allclose(got, expected, rtol=1e-9)


def test_component_of_weight_zero_stays_out(kind: str, blobs: Any, some_params: Any) -> None:
    X, params = blobs(50), some_params(kind)
    params = params._replace(weights=np.array([0.0, 0.6, 0.4]))
    stats = gaussian_mixture_e_step(params, X)
    assert stats.moments.n[0] == 0.0
    assert np.isfinite(stats.objective)
    got = gaussian_mixture_m_step(stats)
    assert got.weights[0] == 0.0
    assert all(np.isfinite(np.asarray(a)).all() for a in got[:4])


def test_sample_nowhere_near_is_shared_equally_and_has_density_zero() -> None:
    log_p = np.array([[0.0, -np.inf], [np.log(3.0), -np.inf]])
    assert_array_equal(normalise_log_joint(log_p), [np.log(4.0), -np.inf])
    assert_allclose(log_p, [[0.25, 0.5], [0.75, 0.5]])


def test_m_step_names_a_singular_component(kind: str, some_params: Any) -> None:
    stats = gaussian_mixture_e_step(some_params(kind), np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"ill-defined empirical covariance .*covariances"):
        gaussian_mixture_m_step(stats, reg_covar=0.0)


def test_e_step_memory_does_not_grow_with_the_rows(some_params: Any) -> None:
    import tracemalloc

    X = np.zeros((200_000, 4))
    X += np.random.default_rng(0).normal(size=4)
    peaks = []
    for n in (50_000, 200_000):
        tracemalloc.start()
        gaussian_mixture_e_step(some_params("full", 4, 20), X[:n])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 4e6
