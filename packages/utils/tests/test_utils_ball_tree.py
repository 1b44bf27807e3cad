# SPDX-License-Identifier: BSD-3-Clause
"""Exact neighbours, by brute force and by the tree: every metric, ties, duplicates, extremes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import byhand.utils.ball_tree as module
from byhand.utils.ball_tree import BallTree
from byhand.utils.distances import manhattan
from byhand.utils.nearest import nearest_neighbors

METRICS: dict[str, dict[str, Any]] = {
    "euclidean": {},
    "manhattan": {},
    "chebyshev": {},
    "minkowski": {"p": 3},
    "hamming": {},
    "jaccard": {},
    "mahalanobis": {"VI": [[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 0.75]]},
}


def literal_distances(Q: np.ndarray, X: np.ndarray, metric: str, kw: dict[str, Any]) -> Any:
    """Distances by their definitions, all differences written out."""
    difference = np.abs(Q[:, None, :] - X[None, :, :])
    if metric == "euclidean":
        return np.sqrt((difference**2).sum(axis=2))
    if metric == "manhattan":
        return difference.sum(axis=2)
    if metric == "chebyshev":
        return difference.max(axis=2)
    if metric == "minkowski":
        return (difference ** kw["p"]).sum(axis=2) ** (1 / kw["p"])
    if metric == "hamming":
        return (difference != 0).mean(axis=2)
    if metric == "jaccard":
        either = ((Q[:, None, :] != 0) | (X[None, :, :] != 0)).sum(axis=2)
        unequal = ((Q[:, None, :] != 0) != (X[None, :, :] != 0)).sum(axis=2)
        return unequal / np.maximum(either, 1)
    signed = Q[:, None, :] - X[None, :, :]
    return np.sqrt(np.einsum("abi,ij,abj->ab", signed, np.asarray(kw["VI"]), signed))


def sorted_neighbours(D: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(D, axis=1, kind="stable")[:, :k]  # stable: ties by index
    return np.take_along_axis(D, order, axis=1), order


def both(X: np.ndarray, Q: np.ndarray, k: int, **kw: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    with np.errstate(all="raise"):
        tree = BallTree(X, leaf_size=4, **kw)
        found = tree.query(Q, k)
        assert isinstance(found, tuple)
        return [found, nearest_neighbors(X, Q, k, **kw)]


@pytest.mark.parametrize("metric", list(METRICS))
@pytest.mark.parametrize("k", [1, 7, 200])
def test_neighbours_are_those_of_sorted_distances(metric: str, k: int) -> None:
    rng = np.random.default_rng(0)
    # multiples of 1/4: exact differences, and many ties
    X, Q = rng.integers(-6, 7, (200, 3)) / 4, rng.integers(-6, 7, (50, 3)) / 4
    kw = METRICS[metric]
    distance, ids = sorted_neighbours(literal_distances(Q, X, metric, kw), k)
    for d, i in both(X, Q, k, metric=metric, **kw):
        assert_allclose(d, distance, rtol=1e-13, atol=1e-13)
        if metric not in ("mahalanobis", "minkowski"):  # where rounding does not break ties
            assert_array_equal(i, ids)


@pytest.mark.parametrize("d", [1, 2, 5, 9, 10, 60])
@pytest.mark.parametrize("n", [7, 1000])
def test_neighbours_are_exact_in_any_number_of_dimensions(n: int, d: int) -> None:
    rng = np.random.default_rng(d)
    X, Q = rng.normal(size=(n, d)), rng.normal(size=(150, d))
    distance, ids = sorted_neighbours(literal_distances(Q, X, "euclidean", {}), 5)
    for got, i in both(X, Q, 5):
        assert_array_equal(i, ids)
        assert_allclose(got, distance, rtol=1e-14)


def test_more_points_than_a_chunk_holds_are_searched_in_several() -> None:
    rng = np.random.default_rng(1)
    X, Q = rng.normal(size=(40_000, 2)), rng.normal(size=(20, 2))
    distance, ids = sorted_neighbours(literal_distances(Q, X, "euclidean", {}), 70)
    for got, i in both(X, Q, 70):
        assert_array_equal(i, ids)
        assert_allclose(got, distance, rtol=1e-14)
    far = nearest_neighbors(X, Q, 3, metric="manhattan")
    assert_array_equal(far[1], sorted_neighbours(literal_distances(Q, X, "manhattan", {}), 3)[1])


@pytest.mark.parametrize("offset", [1e8, -1e12])
def test_neighbours_far_from_the_origin_are_exact(offset: float) -> None:
    rng = np.random.default_rng(2)
    X, Q = rng.integers(-999, 999, (400, 3)) / 1024, rng.integers(-999, 999, (60, 3)) / 1024
    distance, ids = sorted_neighbours(literal_distances(Q, X, "euclidean", {}), 4)
    for got, i in both(X + offset, Q + offset, 4):
        assert_array_equal(i, ids)
        assert_allclose(got, distance, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_neighbours_at_extreme_scales_are_exact_and_silent(scale: float) -> None:
    rng = np.random.default_rng(3)
    X, Q = rng.normal(size=(300, 2)), rng.normal(size=(40, 2))
    distance, ids = sorted_neighbours(literal_distances(Q, X, "euclidean", {}), 3)
    for metric in ("euclidean", "manhattan", "minkowski"):
        for got, i in both(X * scale, Q * scale, 3, metric=metric):
            if metric != "manhattan":
                assert_array_equal(i, ids)
                assert_allclose(got, distance * scale, rtol=1e-12)


def test_clusters_that_single_precision_cannot_resolve_are_exact() -> None:
    rng = np.random.default_rng(4)
    X = np.vstack([rng.normal(size=(200, 3)) * 1e-9, 1 + rng.normal(size=(200, 3)) * 1e-9])
    X = np.vstack([X, [[1e9, 0, 0]]])
    distance, ids = sorted_neighbours(literal_distances(X, X, "euclidean", {}), 6)
    for got, i in both(X, X, 6):
        assert_array_equal(i, ids)
        assert_allclose(got, distance, rtol=1e-13)


@pytest.mark.parametrize("far", [1e3, 1e12, 1e40, 1e160, 1e300])
def test_queries_far_from_all_points_find_them(far: float) -> None:
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 20)
    Q = np.array([[far, 0.0], [-far, -far], [0.5, 0.25]])
    with np.errstate(all="ignore"):
        distance = np.hypot(*(Q[:, None] - X[None]).T).T
    for k in (3, 70):
        nearest, ids = sorted_neighbours(distance, k)
        for got, i in both(X, Q, k):
            assert_array_equal(i[2], ids[2])
            assert_allclose(got, nearest, rtol=1e-14)
            if far < 1e10:
                assert_array_equal(i, ids)


def test_a_query_at_the_other_end_of_the_number_range_sees_one_point() -> None:
    X = np.random.default_rng(16).normal(size=(100, 2)) * 1e-300
    for got, i in both(X, np.array([[1e300, 0.0]]), 60):
        assert_array_equal(i[0], np.arange(60))
        assert_array_equal(got[0], 1e300)


@pytest.mark.parametrize("gap", [1e6, 1e20, 1e60, 1e200])
@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
def test_a_second_cluster_is_reached_however_far_it_is(gap: float, metric: str) -> None:
    rng = np.random.default_rng(11)
    X = np.vstack([rng.normal(size=(30, 2)), gap + gap * 1e-3 * rng.normal(size=(100, 2))])
    for got, i in both(X, X[:3], 50, metric=metric):
        assert_array_equal(np.sort(i[:, :30], axis=1), np.tile(np.arange(30), (3, 1)))
        D = np.abs(X[:3, None] - X[None]) / gap
        D = D.max(axis=2) if metric == "chebyshev" else np.sqrt((D**2).sum(axis=2))
        assert_allclose(got[:, 30:], np.sort(D, axis=1)[:, 30:50] * gap, rtol=1e-12)


@pytest.mark.parametrize("n", [60, 500])
def test_an_order_that_single_precision_cannot_see_is_right(n: int) -> None:
    rng = np.random.default_rng(12)
    angle = rng.uniform(0, 2 * np.pi, n)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) * (1 + 1e-9 * rng.permutation(n))[:, None]
    order = np.argsort(np.hypot(*X.T))
    for _, i in both(X, np.zeros((1, 2)), 5):
        assert_array_equal(i[0], order[:5])


CODED = np.random.default_rng(13).integers(0, 5, (40, 8))[np.arange(900) % 40].astype(float)
CODED[np.arange(900), np.arange(900) % 8] = np.arange(900) % 3
PRUNED: dict[str, np.ndarray] = {
    **dict.fromkeys(
        ["euclidean", "manhattan", "chebyshev", "minkowski"],
        np.random.default_rng(14).normal(size=(900, 3)),
    ),
    "hamming": CODED,
    "jaccard": CODED // 2,
}


@pytest.mark.parametrize("metric", list(PRUNED))
def test_leaves_that_bounds_spare_hold_no_neighbour(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TREE_BLOCK", 3)  # small blocks: most leaves are spared
    X, kw = PRUNED[metric], METRICS[metric]
    Q = X[::7] if metric in ("hamming", "jaccard") else X[::7] + 0.1
    D = literal_distances(Q, X, metric, kw)
    tree = BallTree(X, leaf_size=6, metric=metric, **kw)
    distance, ids = sorted_neighbours(D, 4)
    got, i = tree.query(Q, 4)
    assert_allclose(got, distance, rtol=1e-13)
    if metric != "minkowski":
        assert_array_equal(i, ids)
    r = np.sort(D, axis=1)[np.arange(len(Q)), np.arange(len(Q)) % 30] * (1 + 1e-12)
    for q, found in enumerate(tree.query_radius(Q, r)):
        assert_array_equal(found, np.flatnonzero(D[q] <= r[q]))


@pytest.mark.parametrize("size", [1e-60, 1e60, 1e200])
def test_radius_may_be_far_from_the_extent_of_the_queries(size: float) -> None:
    X = np.random.default_rng(15).uniform(-1, 1, (300, 2)) * size
    for metric in ("euclidean", "manhattan"):
        tree = BallTree(X, leaf_size=5, metric=metric)
        with np.errstate(all="raise"):
            assert len(tree.query_radius([[0.0, 0.0]], 4 * size)[0]) == 300
            assert len(tree.query_radius([[0.0, 0.0]], 1e-3 * size)[0]) < 5


def test_identical_points_come_in_the_order_of_their_rows() -> None:
    X = np.ones((300, 2))
    X[150:] = 2
    for got, i in both(X, np.array([[1.0, 1.0], [2.0, 2.0]]), 200):
        assert_array_equal(i[0], np.arange(200))
        assert_array_equal(i[1], [*range(150, 300), *range(50)])
        assert_array_equal(got[0, :150], 0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 4),
    st.integers(0, 2**31),
    st.sampled_from(["euclidean", "manhattan", "chebyshev", "hamming", "jaccard"]),
    st.integers(1, 5),
    st.data(),
)
def test_any_small_set_with_ties(
    n: int, d: int, seed: int, metric: str, leaf_size: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    X, Q = rng.integers(0, 4, (n, d)).astype(float), rng.integers(-1, 5, (9, d)).astype(float)
    k = data.draw(st.integers(1, n))
    distance, ids = sorted_neighbours(literal_distances(Q, X, metric, {}), k)
    tree = BallTree(X, leaf_size=leaf_size, metric=metric)
    got, i = tree.query(Q, k)
    assert_array_equal(i, ids)
    assert_allclose(got, distance, rtol=1e-14, atol=0)
    assert_array_equal(tree.query(Q, k, return_distance=False), ids)


# ---- radius


@pytest.mark.parametrize("metric", list(METRICS))
def test_radius_finds_all_points_within_the_border_included(metric: str) -> None:
    rng = np.random.default_rng(5)
    X, Q = rng.integers(-6, 7, (300, 3)) / 4, rng.integers(-6, 7, (40, 3)) / 4
    kw = METRICS[metric]
    D = literal_distances(Q, X, metric, kw)
    r = np.quantile(D, [0.1], axis=1)[0]
    if metric in ("mahalanobis", "minkowski"):
        r = r + 1e-9  # rounding does not decide
    with np.errstate(all="raise"):
        tree = BallTree(X, leaf_size=5, metric=metric, **kw)
        ids, distances = tree.query_radius(Q, r, return_distance=True)
        count = tree.query_radius(Q, r, count_only=True)
    for q in range(40):
        expected = np.flatnonzero(D[q] <= r[q])
        assert_array_equal(ids[q], expected)
        assert_allclose(distances[q], D[q, expected], rtol=1e-13, atol=1e-13)
    assert_array_equal(count, [len(i) for i in ids])


@pytest.mark.parametrize("d", [2, 12])
def test_radius_sorts_by_distance_on_request_and_may_find_nothing(d: int) -> None:
    rng = np.random.default_rng(6)
    X, Q = rng.normal(size=(500, d)), rng.normal(size=(30, d))
    Q[0] = 100
    ids, _ = BallTree(X).query_radius(Q, r=0.5 * d**0.5, return_distance=True, sort_results=True)
    D = literal_distances(Q, X, "euclidean", {})
    for q in range(30):
        assert_array_equal(ids[q], np.argsort(D[q], kind="stable")[: len(ids[q])])
        assert len(ids[q]) == np.count_nonzero(D[q] <= 0.5 * d**0.5)
    assert len(ids[0]) == 0
    assert ids[0].dtype == np.int64
    zero = BallTree(X).query_radius(X[:3], 0.0)
    assert [i.tolist() for i in zero] == [[0], [1], [2]]


# ---- functions as metrics, copies, the door


def test_a_function_is_a_metric_too() -> None:
    rng = np.random.default_rng(7)
    X, Q = rng.normal(size=(60, 2)), rng.normal(size=(5, 2))
    distance, ids = sorted_neighbours(literal_distances(Q, X, "manhattan", {}), 3)
    for got, i in both(X, Q, 3, metric=manhattan):
        assert_array_equal(i, ids)
        assert_allclose(got, distance, rtol=1e-14)


def test_points_are_copied_inputs_are_not_written_and_layout_does_not_matter() -> None:
    rng = np.random.default_rng(8)
    X, Q = rng.normal(size=(100, 3)), rng.normal(size=(10, 3))
    expected = BallTree(X, leaf_size=5).query(Q, 3)
    wide = np.zeros((200, 6))
    wide[::2, ::2] = X
    for same in (np.asfortranarray(X), wide[::2, ::2], X[::-1].copy()[::-1], X.tolist()):
        assert_array_equal(BallTree(same, leaf_size=5).query(Q, 3)[0], expected[0])
    changed = X.copy()
    tree = BallTree(changed, leaf_size=50)
    changed[:] = 0
    assert_array_equal(tree.query(Q, 3)[1], expected[1])
    X.flags.writeable = Q.flags.writeable = False
    before = X.tobytes(), Q.tobytes()
    BallTree(X).query(Q)
    assert (X.tobytes(), Q.tobytes()) == before
    single = BallTree(X.astype(np.float32)).query(Q.astype(np.float32), 3)
    assert_array_equal(single[1], expected[1])
    assert single[0].dtype == np.float64


@pytest.mark.parametrize("metric", ["euclidean", "minkowski", "mahalanobis", "jaccard"])
def test_copies_and_pickles_find_the_same(metric: str) -> None:
    rng = np.random.default_rng(9)
    X, Q = rng.normal(size=(100, 3)).round(), rng.normal(size=(10, 3)).round()
    for leaf_size in (4, 100):
        tree = BallTree(X, leaf_size=leaf_size, metric=metric, **METRICS[metric])
        for other in (copy.deepcopy(tree), pickle.loads(pickle.dumps(tree))):
            assert_array_equal(other.query(Q, 2), tree.query(Q, 2))
    assert repr(BallTree(X)) == "BallTree(n=100, leaf_size=40, metric='euclidean')"


@pytest.mark.parametrize("d", [1, 2, 12])
def test_batch_equals_queries_one_by_one(d: int) -> None:
    rng = np.random.default_rng(10)
    tree = BallTree(rng.normal(size=(700, d)), leaf_size=10)
    Q = rng.normal(size=(40, d))
    distance, ids = tree.query(Q, 3)
    for q in range(40):
        one = tree.query(Q[q : q + 1], 3)
        assert_array_equal(one[1][0], ids[q])
        assert_array_equal(one[0][0], distance[q])


X3 = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: BallTree(X3).query(X3, k=5), ValueError, "k must be at most .* 4, got 5"),
        (lambda: nearest_neighbors(X3, X3, k=5), ValueError, "k must be at most .* 4, got 5"),
        (lambda: BallTree(X3).query(X3, k=0), ValueError, "k"),
        (lambda: BallTree(X3).query(X3, k=1.5), TypeError, "k"),  # type: ignore[arg-type]
        (lambda: BallTree(X3).query(X3[:, :2]), ValueError, "X has 2 features.* has 3"),
        (lambda: nearest_neighbors(X3, X3[:, :2]), ValueError, "X has 3 features.* Q has 2"),
        (lambda: BallTree(X3).query(X3[0]), ValueError, "Expected 2D array.* X"),
        (lambda: BallTree([[np.nan]]), ValueError, "X contains NaN"),
        (lambda: BallTree(X3).query([[0, np.nan, 0]]), ValueError, "X contains NaN"),
        (lambda: BallTree(X3, leaf_size=0), ValueError, "leaf_size"),
        (lambda: BallTree(X3, metric="cosine"), ValueError, "triangle inequality"),
        (lambda: BallTree(X3, metric="ball"), ValueError, "metric"),
        (lambda: BallTree(X3, metric="minkowski", p=0.5), ValueError, "p "),
        (lambda: BallTree(X3, metric="euclidean", p=2), TypeError, "no parameters"),
        (lambda: BallTree(X3).query_radius(X3, -1.0), ValueError, "r must not be negative"),
        (lambda: BallTree(X3).query_radius(X3, [1.0, 2.0]), ValueError, "r must .* 4 .* got 2"),
        (lambda: BallTree(X3).query_radius(X3, np.nan), ValueError, "r contains NaN"),
    ],
)
def test_bad_input_is_refused_with_the_argument_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
