# SPDX-License-Identifier: BSD-3-Clause
"""Kernels: their definitions pair by pair, symmetry, definiteness, far origins, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from byhand.utils import kernels

Vector = list[float]


def dot(x: Vector, y: Vector) -> float:
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def chi2(x: Vector, y: Vector) -> float:
    return math.fsum((a - b) ** 2 / (a + b) for a, b in zip(x, y, strict=True) if a + b > 0)


# kernel, its parameters, and its definition for one pair with those and gamma = 1 / 4 by default
CASES: dict[str, tuple[str, dict[str, Any], Callable[[Vector, Vector], float]]] = {
    "linear": ("linear_kernel", {}, dot),
    "polynomial": ("polynomial_kernel", {}, lambda x, y: (dot(x, y) / 4 + 1) ** 3),
    "polynomial, other": (
        "polynomial_kernel",
        {"degree": 2, "gamma": 0.5, "coef0": 0.25},
        lambda x, y: (dot(x, y) * 0.5 + 0.25) ** 2,
    ),
    "sigmoid": ("sigmoid_kernel", {}, lambda x, y: math.tanh(dot(x, y) / 4 + 1)),
    "sigmoid, other": (
        "sigmoid_kernel",
        {"gamma": 2, "coef0": -1},
        lambda x, y: math.tanh(dot(x, y) * 2 - 1),
    ),
    "rbf": ("rbf_kernel", {}, lambda x, y: math.exp(-(math.dist(x, y) ** 2) / 4)),
    "rbf, other": ("rbf_kernel", {"gamma": 3.0}, lambda x, y: math.exp(-3 * math.dist(x, y) ** 2)),
    "laplacian": (
        "laplacian_kernel",
        {},
        lambda x, y: math.exp(-math.fsum(abs(a - b) for a, b in zip(x, y, strict=True)) / 4),
    ),
    "cosine": (
        "cosine_similarity",
        {},
        lambda x, y: dot(x, y) / math.hypot(*x) / math.hypot(*y),
    ),
    "chi2": ("chi2_kernel", {}, lambda x, y: math.exp(-chi2(x, y))),
    "chi2, other": ("chi2_kernel", {"gamma": 0.5}, lambda x, y: math.exp(-chi2(x, y) / 2)),
}
DEFINITE = ["linear", "polynomial", "rbf", "rbf, other", "laplacian", "cosine", "chi2"]
DIAGONAL_1 = ["rbf", "laplacian", "cosine", "chi2"]


def points(case: str, n: int, seed: int) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, 4))
    if case.startswith("chi2"):
        X = np.abs(X)
        X[::2, 1] = 0
    return X


@pytest.mark.parametrize("case", list(CASES))
def test_kernel_equals_its_definition_pair_by_pair(case: str) -> None:
    name, kw, literal = CASES[case]
    X, Y = points(case, 11, 0), points(case, 7, 1)
    K = getattr(kernels, name)(X, Y, **kw)
    assert K.shape == (11, 7)
    expected = [[literal(x, y) for y in Y.tolist()] for x in X.tolist()]
    assert_allclose(K, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("case", list(CASES))
def test_kernel_of_a_set_with_itself_is_symmetric_bit_by_bit(case: str) -> None:
    name, kw, _ = CASES[case]
    X = points(case, 300, 2)
    K = getattr(kernels, name)(X, **kw)
    assert_array_equal(K, K.T)
    assert_allclose(K, getattr(kernels, name)(X, X.copy(), **kw), rtol=1e-11, atol=1e-13)
    if case in DIAGONAL_1:
        assert_array_equal(np.diag(K), 1)


@pytest.mark.parametrize("case", DEFINITE)
def test_kernel_is_positive_semidefinite_up_to_rounding(case: str) -> None:
    name, kw, _ = CASES[case]
    K = getattr(kernels, name)(points(case, 60, 3), **kw)
    values = np.linalg.eigvalsh(K)
    assert values[0] > -1e-13 * values[-1] * len(K)


@pytest.mark.parametrize("name", ["rbf_kernel", "laplacian_kernel"])
def test_kernels_of_differences_do_not_see_an_offset_of_1e8(name: str) -> None:
    X = np.random.default_rng(4).integers(-8, 8, (50, 4)) / 4  # exact after the shift
    kernel = getattr(kernels, name)
    assert_allclose(kernel(X + 1e8), kernel(X), rtol=1e-11)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_cosine_similarity_never_leaves_minus_1_to_1(x: list[float]) -> None:
    X = np.array([x, [-v for v in x], [3 * v for v in x]])
    K = kernels.cosine_similarity(X, X.copy())
    assert np.abs(K).max() <= 1
    assert np.arccos(K) is not None


def test_cosine_similarity_of_a_zero_row_is_0() -> None:
    assert_array_equal(kernels.cosine_similarity([[0, 0], [1, 0]]), [[0, 0], [0, 1]])


def test_far_pairs_underflow_to_an_exact_0_in_silence() -> None:
    with np.errstate(all="raise"):
        assert kernels.rbf_kernel([[0.0]], [[1e160]])[0, 0] == 0
        assert kernels.laplacian_kernel([[0.0]], [[1e300]], gamma=1e10)[0, 0] == 0
        assert kernels.rbf_kernel([[0.0]], [[1e160]], gamma=0)[0, 0] == 1
        assert kernels.chi2_kernel([[0.0, 0]], [[0.0, 1e4]])[0, 0] == 0


@pytest.mark.parametrize("case", list(CASES))
def test_layout_and_dtype_change_nothing_and_nothing_is_written(case: str) -> None:
    name, kw, _ = CASES[case]
    kernel = getattr(kernels, name)
    X = np.round(points(case, 20, 5) * 4) / 4
    X.flags.writeable = False
    before = X.tobytes()
    expected = kernel(X, X[:5], **kw)
    for x in (np.asfortranarray(X), X[::-1].copy()[::-1], X.tolist(), X.astype(np.float32)):
        got = kernel(x, X[:5], **kw)
        assert got.dtype == np.float64
        assert_allclose(got, expected, rtol=1e-12, atol=1e-15)
    assert X.tobytes() == before


@pytest.mark.parametrize(
    ("name", "kw", "error", "message"),
    [
        ("rbf_kernel", {"gamma": -1}, ValueError, "gamma"),
        ("laplacian_kernel", {"gamma": float("nan")}, ValueError, "gamma"),
        ("rbf_kernel", {"gamma": "scale"}, TypeError, "gamma"),
        ("polynomial_kernel", {"degree": 0}, ValueError, "degree"),
        ("polynomial_kernel", {"degree": 2.5}, TypeError, "degree"),
        ("polynomial_kernel", {"coef0": None}, TypeError, "coef0"),
        ("sigmoid_kernel", {"gamma": -0.1}, ValueError, "gamma"),
        ("chi2_kernel", {"gamma": -1}, ValueError, "gamma"),
        ("chi2_kernel", {"Y": [[-1.0, 0.0]]}, ValueError, "Y must not hold negative numbers"),
        ("linear_kernel", {"Y": [[1.0]]}, ValueError, "X has 2 .* Y has 1"),
        ("cosine_similarity", {"Y": [[np.nan, 1.0]]}, ValueError, "Y contains NaN"),
    ],
)
def test_bad_input_is_refused_with_the_argument_named(
    name: str, kw: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(kernels, name)([[1.0, 2.0]], **kw)
