# SPDX-License-Identifier: BSD-3-Clause
"""Distances: exact rational arithmetic, far origins, near duplicates, extreme scales, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import byhand.utils.euclidean_distances as module
from byhand.utils import distances
from byhand.utils.distances import pairwise_distances
from byhand.utils.euclidean_distances import euclidean_distances

METRICS = [
    "chebyshev", "cosine", "euclidean", "hamming", "jaccard", "mahalanobis", "manhattan",
    "minkowski", "sqeuclidean",
]  # fmt: skip
VI = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 0.75]])
PARAMETERS: dict[str, dict[str, Any]] = {"mahalanobis": {"VI": VI}, "minkowski": {"p": 3}}


def root(x: Fraction) -> float:
    """Square root to 50 digits, then rounded."""
    with localcontext() as context:
        context.prec = 60
        context.Emin, context.Emax = -9999, 9999
        return float((Decimal(x.numerator) / Decimal(x.denominator)).sqrt())


def exact_euclidean(x: Sequence[float], y: Sequence[float]) -> float:
    return root(
        sum(((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x, y, strict=True)), Fraction())
    )


def exact(metric: str, x: Sequence[float], y: Sequence[float]) -> float:
    """Distance by its definition in rational arithmetic."""
    a, b = [Fraction(v) for v in x], [Fraction(v) for v in y]
    difference = [abs(p - q) for p, q in zip(a, b, strict=True)]
    if metric == "euclidean":
        return exact_euclidean(x, y)
    if metric == "sqeuclidean":
        return float(sum((v * v for v in difference), Fraction()))
    if metric == "manhattan":
        return float(sum(difference, Fraction()))
    if metric == "chebyshev":
        return float(max(difference))
    if metric == "minkowski":
        return math.cbrt(sum((v**3 for v in difference), Fraction()))
    if metric == "hamming":
        return float(Fraction(sum(v != 0 for v in difference), len(difference)))
    if metric == "jaccard":
        either = sum(p != 0 or q != 0 for p, q in zip(a, b, strict=True))
        return float(sum((p != 0) != (q != 0) for p, q in zip(a, b, strict=True)) / max(either, 1))
    if metric == "mahalanobis":
        z = [p - q for p, q in zip(a, b, strict=True)]
        M = [[Fraction(v) for v in row] for row in VI.tolist()]
        return root(sum((z[i] * M[i][j] * z[j] for i in range(3) for j in range(3)), Fraction()))
    dot = sum((p * q for p, q in zip(a, b, strict=True)), Fraction())
    sizes = sum((p * p for p in a), Fraction()) * sum((q * q for q in b), Fraction())
    if sizes == 0:
        return float(any(a) or any(b))
    # 1 - cos without cancellation: (1 - cos^2) / (1 + cos), the first by Lagrange's identity
    sine2 = (sizes - dot * dot) / sizes
    return (
        float(sine2) / (1 + float(dot) / root(sizes)) if dot > 0 else 1 - float(dot) / root(sizes)
    )


def worst_error(D: np.ndarray, X: np.ndarray, Y: np.ndarray, metric: str = "euclidean") -> float:
    errors: list[float] = []
    for d, (x, y) in zip(D.ravel(), [(x, y) for x in X.tolist() for y in Y.tolist()], strict=True):
        truth = exact(metric, x, y)
        errors.append(float(abs(d - truth) / truth if truth else abs(d)))
    return max(errors)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_equals_its_definition_in_rational_arithmetic(metric: str) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 3)), rng.normal(size=(7, 3))
    if metric in ("hamming", "jaccard"):
        X, Y = rng.integers(0, 2, (9, 3)).astype(float), rng.integers(0, 2, (7, 3)).astype(float)
    D = pairwise_distances(X, Y, metric=metric, **PARAMETERS.get(metric, {}))
    assert D.shape == (9, 7)
    assert D.dtype == np.float64
    assert worst_error(D, X, Y, metric) < 1e-14


@pytest.mark.parametrize("metric", METRICS)
def test_distances_to_itself_are_symmetric_bit_by_bit_with_zeros_on_the_diagonal(
    metric: str,
) -> None:
    X = np.random.default_rng(1).normal(size=(600, 3))  # more than two blocks
    X[5] = X[500]
    D = pairwise_distances(X, metric=metric, **PARAMETERS.get(metric, {}))
    assert_array_equal(D, D.T)
    assert_array_equal(np.diag(D), 0)
    assert D[5, 500] == 0
    assert_allclose(
        D, pairwise_distances(X, X.copy(), metric=metric, **PARAMETERS.get(metric, {})), rtol=2e-12
    )


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8, 1e15])
@pytest.mark.parametrize("d", [1, 2, 10])
def test_euclidean_error_stays_below_1e_12_far_from_the_origin(offset: float, d: int) -> None:
    rng = np.random.default_rng(d)
    X, Y = rng.normal(size=(40, d)) + offset, rng.normal(size=(30, d)) + offset
    Y[:10] = X[:10] + 1e-7 * rng.normal(size=(10, d))  # near duplicates
    Y[10:15] = np.nextafter(X[10:15], np.inf)
    Y[15] = X[15]
    with np.errstate(all="raise"):
        D = euclidean_distances(X, Y)
    assert worst_error(D, X, Y) < 1e-12
    assert D[15, 15] == 0


def test_euclidean_error_stays_below_1e_12_in_tight_clusters_and_with_an_outlier() -> None:
    rng = np.random.default_rng(3)
    X = np.repeat(rng.normal(size=(4, 5)), 20, axis=0) + 1e-5 * rng.normal(size=(80, 5))
    X[7] = 1e9
    with np.errstate(all="raise"):
        D = euclidean_distances(X)
    assert worst_error(D[::3], X[::3], X) < 1e-12


def test_euclidean_error_stays_below_1e_12_in_700_dimensions() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(12, 700)) + 50
    X[1] = X[0] * (1 + 1e-9)
    assert worst_error(euclidean_distances(X)[:2], X[:2], X) < 1e-12


def test_hardly_any_pair_needs_differences_wherever_the_points_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    by_differences = module.by_differences

    def count(x: np.ndarray, y: np.ndarray, L: np.ndarray | None) -> np.ndarray:
        counted.append(len(x))
        return by_differences(x, y, L)

    monkeypatch.setattr(module, "by_differences", count)
    monkeypatch.setattr(module, "fold_features", lambda *args: pytest.fail("all pairs"))
    X = np.random.default_rng(8).normal(size=(500, 5))
    euclidean_distances(X + 1e6, X[:100] + 1e6)
    assert sum(counted) < 0.02 * 500 * 100


def test_squares_at_extreme_scales_carry_the_scale_twice() -> None:
    X = np.random.default_rng(9).normal(size=(5, 3))
    for scale in (1e-130, 1e130):
        D = euclidean_distances(X * scale, squared=True)
        assert_allclose(D, euclidean_distances(X, squared=True) * scale**2, rtol=1e-11)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-30, 1e30, 1e160, 1e300])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "minkowski", "cosine"])
def test_extreme_scales_neither_overflow_nor_underflow_nor_warn(metric: str, scale: float) -> None:
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    expected = pairwise_distances(X, Y, metric=metric)
    with np.errstate(all="raise"):
        got = pairwise_distances(X * scale, Y * scale, metric=metric)
    assert_allclose(got, expected if metric == "cosine" else expected * scale, rtol=1e-12)


def test_small_distances_beside_huge_ones_keep_their_digits() -> None:
    X = np.array([[1e300, 0.0], [1e-200, 0.0], [3e-200, 0.0], [0.0, 5e-320]])
    with np.errstate(all="raise"):
        D = euclidean_distances(X)
    assert_allclose(D[1, 2], 2e-200, rtol=1e-12)
    assert_allclose(D[0, 1], 1e300, rtol=1e-12)
    assert D[3, 1] == pytest.approx(1e-200, rel=1e-12)


def test_distances_whose_squares_are_subnormal_beside_larger_ones_keep_their_digits() -> None:
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [1e-160, 0.0], [3e-160, 0.0], [-4e-160, 0.0]])
    D = euclidean_distances(X)
    assert_allclose(D[2:, 2:], np.abs(X[2:, :1] - X[2:, 0]), rtol=1e-12)


def test_nearly_parallel_vectors_have_a_cosine_distance_with_digits() -> None:
    # angle 1e-5, where 1 - cos keeps six digits
    D = pairwise_distances([[1.0, 0.0]], [[1.0, 1e-5]], metric="cosine")
    assert_allclose(D[0, 0], 1 - 1 / math.hypot(1, 1e-5), rtol=1e-5)
    assert_allclose(D[0, 0], 0.5e-10 - 0.375e-20, rtol=1e-10)


def test_zero_vectors_are_at_cosine_distance_1_from_others_and_0_from_each_other() -> None:
    D = pairwise_distances([[0, 0], [1, 2], [-1, -2], [0, 0]], metric="cosine")
    assert_allclose(D, [[0, 1, 1, 0], [1, 0, 2, 1], [1, 2, 0, 1], [0, 1, 1, 0]], rtol=0, atol=1e-15)


def test_jaccard_looks_at_zeros_only_and_empty_sets_are_equal() -> None:
    assert_array_equal(
        pairwise_distances([[0, 0, 0], [2, 0, -1]], [[0, 0, 0], [5, 5, 0]], metric="jaccard"),
        [[0, 1], [1, 2 / 3]],
    )


@pytest.mark.parametrize("d", [3, 300])
def test_hamming_counts_more_components_than_a_byte_can(d: int) -> None:
    X = np.zeros((2, d))
    X[1] = 1
    assert_array_equal(pairwise_distances(X, metric="hamming"), [[0, 1], [1, 0]])


@pytest.mark.parametrize("p", [1, 1.5, 2, 7, np.inf])
def test_minkowski_holds_manhattan_euclidean_and_chebyshev(p: float) -> None:
    X = np.random.default_rng(6).normal(size=(20, 4))
    D = pairwise_distances(X, metric="minkowski", p=p)
    same = {1: "manhattan", 2: "euclidean", np.inf: "chebyshev"}.get(p)
    if same:
        assert_allclose(D, pairwise_distances(X, metric=same), rtol=1e-12)
    else:
        literal = (np.abs(X[:, None] - X[None]) ** p).sum(axis=2) ** (1 / p)
        assert_allclose(D, literal, rtol=1e-12)


def test_mahalanobis_with_a_singular_matrix_ignores_its_null_space() -> None:
    D = pairwise_distances([[0, 0]], [[3, 4]], metric="mahalanobis", VI=[[0, 0], [0, 0.25]])
    assert_allclose(D, [[2]], rtol=1e-14)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6, allow_subnormal=False)] * 3), min_size=3, max_size=3),
    st.sampled_from(["euclidean", "manhattan", "chebyshev", "minkowski", "hamming", "jaccard"]),
)
def test_triangle_inequality(points: list[tuple[float, float, float]], metric: str) -> None:
    D = pairwise_distances(points, metric=metric)
    assert D[0, 2] <= (D[0, 1] + D[1, 2]) * (1 + 4e-12)


# ---- functions of two vectors


@pytest.mark.parametrize("metric", [m for m in METRICS if m != "sqeuclidean"])
def test_function_of_two_vectors_is_the_entry_of_the_matrix(metric: str) -> None:
    x, y = [1.0, 0.0, 2.0], [0.5, 0.0, -1.0]
    f: Callable[..., float] = getattr(distances, metric)
    kw = PARAMETERS.get(metric, {})
    assert f(x, y, **kw) == pairwise_distances([x], [y], metric=metric, **kw)[0, 0]
    assert isinstance(f(x, y, **kw), float)
    with pytest.raises(ValueError, match="x has 3 components, but y has 2"):
        f(x, y[:2], **kw)
    with pytest.raises(ValueError, match="Expected 1D array, got 2D array instead: x"):
        f([x], y, **kw)


# ---- the door


@pytest.mark.parametrize("metric", METRICS)
def test_layout_dtype_and_lists_change_nothing_and_nothing_is_written(metric: str) -> None:
    rng = np.random.default_rng(7)
    kw = PARAMETERS.get(metric, {})
    X, Y = np.round(rng.normal(size=(40, 3)) * 8), np.round(rng.normal(size=(30, 3)) * 8)
    expected = pairwise_distances(X, Y, metric=metric, **kw)
    wide = np.zeros((80, 6))
    wide[::2, ::2] = X
    before = X.tobytes(), Y.tobytes()
    X.flags.writeable = Y.flags.writeable = False
    for x in (
        np.asfortranarray(X),
        wide[::2, ::2],
        X[::-1].copy()[::-1],
        X.tolist(),
        X.astype(">f8"),
    ):
        assert_allclose(pairwise_distances(x, Y, metric=metric, **kw), expected, rtol=1e-12)
    for dtype in (np.float32, np.int8):
        got = pairwise_distances(X.astype(dtype), Y.astype(dtype), metric=metric, **kw)
        assert_allclose(got, expected, rtol=1e-12)
        assert got.dtype == np.float64
    assert (X.tobytes(), Y.tobytes()) == before


def test_unsigned_bytes_do_not_wrap() -> None:
    X = np.array([[0], [255]], dtype=np.uint8)
    assert pairwise_distances(X, metric="manhattan")[0, 1] == 255


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pairwise_distances([[1, 2]], [[1, 2, 3]]), ValueError, "X has 2 .* Y has 3"),
        (lambda: pairwise_distances([1, 2]), ValueError, "Expected 2D array.* X"),
        (lambda: pairwise_distances([[np.nan]]), ValueError, r"X contains NaN.*\(0, 0\)"),
        (lambda: pairwise_distances([[1]], [[np.inf]]), ValueError, "Y contains infinity"),
        (lambda: pairwise_distances([[1]], metric="euclid"), ValueError, "metric.*'chebyshev'"),
        (lambda: pairwise_distances([["a"]]), TypeError, "X"),
        (lambda: pairwise_distances([[1]], metric="euclidean", p=2), TypeError, "no parameters"),
        (lambda: pairwise_distances([[1]], metric="minkowski", q=2), TypeError, "no parameter 'q'"),
        (lambda: pairwise_distances([[1]], metric="minkowski", p=0.5), ValueError, "p "),
        (lambda: pairwise_distances([[1]], metric="minkowski", p="2"), TypeError, "p "),
        (lambda: pairwise_distances([[1]], metric="mahalanobis"), TypeError, "needs VI"),
        (
            lambda: pairwise_distances([[1]], metric="mahalanobis", VI=np.eye(2)),
            ValueError,
            r"VI must have shape \(1, 1\)",
        ),
        (
            lambda: pairwise_distances([[1, 2]], metric="mahalanobis", VI=[[1, 2], [0, 1]]),
            ValueError,
            "VI must be symmetric",
        ),
        (
            lambda: pairwise_distances([[1, 2]], metric="mahalanobis", VI=[[1, 2], [2, 1]]),
            ValueError,
            "VI must be positive semidefinite",
        ),
    ],
)
def test_bad_input_is_refused_with_the_argument_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("n", [1, 3, 300])
def test_a_function_is_asked_for_the_diagonal_too(n: int) -> None:
    """As scikit-learn: a similarity, or a distance between noisy copies, is not 0 there."""
    X = np.random.default_rng(0).normal(size=(n, 2))
    similarity = pairwise_distances(X, metric=lambda x, y, by: by * float(x @ y), by=2.0)
    assert np.allclose(similarity, 2 * X @ X.T, rtol=1e-12, atol=1e-12)
    assert pairwise_distances(X, metric="minkowski", p=3).diagonal().tolist() == [0.0] * n
