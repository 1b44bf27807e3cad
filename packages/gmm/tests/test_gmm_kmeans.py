# SPDX-License-Identifier: BSD-3-Clause
"""Claims of KMeans and of Lloyd's algorithm."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from byhand.gmm import KMeans, lloyd
from byhand.utils.estimator import ConvergenceWarning, NotFittedError

F = NDArray[np.float64]


def literal_lloyd(X: F, w: F, centers: F, n_iter: int) -> tuple[F, NDArray[np.int64], list[float]]:
    """Loops over samples and centres; the first of equal distances wins."""
    centers, history = centers.copy(), []
    for step in range(n_iter + 1):
        labels = np.zeros(len(X), dtype=np.int64)
        inertia = 0.0
        for i in range(len(X)):
            d = [float(((X[i] - c) ** 2).sum()) for c in centers]
            labels[i] = d.index(min(d))
            inertia += w[i] * min(d)
        history.append(inertia)
        if step < n_iter:
            for k in range(len(centers)):
                if w[labels == k].sum() > 0:
                    centers[k] = np.average(X[labels == k], axis=0, weights=w[labels == k])
    return centers, labels, history


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("N", "D", "K"), [(200, 2, 4), (100, 1, 3), (400, 12, 7)])
def test_lloyd_is_that_of_literal_loops(weighted: bool, N: int, D: int, K: int, blobs: Any) -> None:
    X = blobs(N, D, K, spread=1.0)
    w = np.random.default_rng(0).random(N) if weighted else None
    got = lloyd(X, X[:K], w, max_iter=6)
    centers, labels, history = literal_lloyd(X, np.ones(N) if w is None else w, X[:K], got.n_iter)
    assert_allclose(got.centers, centers, rtol=1e-11)
    assert_array_equal(got.labels, labels)
    assert_allclose(got.history, history, rtol=1e-10)
    assert_allclose(got.inertia, history[-1], rtol=1e-12)


def test_best_of_many_starts_is_the_best_of_all_partitions() -> None:
    """Nine points in three clusters: all 3^9 labellings."""
    X = np.random.default_rng(3).normal(size=(9, 2))
    best = np.inf
    for labels in product(range(3), repeat=9):
        parts = [X[np.array(labels) == k] for k in range(3)]
        best = min(best, sum(float(((p - p.mean(axis=0)) ** 2).sum()) for p in parts if len(p)))
    assert_allclose(KMeans(3, n_init=50, random_state=0).fit(X).inertia_, best, rtol=1e-12)


def test_ties_go_to_the_lower_number_whatever_the_frame() -> None:
    X = np.array([[-1.0, 0.1], [0.0, 0.1], [1.0, 0.1]])
    centers = np.array([[1.0, 0.1], [-1.0, 0.1]])
    assert_array_equal(lloyd(X, centers, max_iter=0).labels, [1, 0, 0])
    km = KMeans(2, init=centers, max_iter=1).fit(X[[0, 2]])
    for shift in (0.0, 1e6, 1e8):
        km.cluster_centers_ = centers + shift
        assert_array_equal(km.predict(X + shift), [1, 0, 0])
        assert_array_equal(km.predict(X[[1]] + shift), [0])


def test_equal_distances_are_equal_whatever_the_products_round_to() -> None:
    """Centres at x + v and x - v, x + v with two signs changed: only differences see the tie."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        X = np.round(rng.normal(size=(20, 9)) * 1e5) / 1024
        v = np.round(rng.normal(size=9) * 1e4) / 1024
        signs = np.where(np.arange(9) < 2, -1.0, 1.0)
        for a, b in ((v, -v), (v, signs * v)):
            assert lloyd(X, X[0] + np.array([a, b]), max_iter=0).labels[0] == 0
            assert lloyd(X, X[0] + np.array([b, a]), max_iter=0).labels[0] == 0


def test_duplicated_centers_leave_the_second_empty_and_reseed_it() -> None:
    X = np.array([[0.0], [1.0], [2.0], [10.0]])
    got = lloyd(X, np.array([[1.0], [1.0]]))
    assert_allclose(np.sort(got.centers.ravel()), [1.0, 10.0])


def test_empty_clusters_take_the_farthest_samples() -> None:
    X = np.array([-10.0, -9.5, -9, -8.5, -8, -1, 1, 9, 9.5, 10])[:, None]
    got = lloyd(X, np.full((3, 1), -10.0), max_iter=1)
    assert_allclose(got.centers, [[-36 / 8], [10.0], [9.5]])


def test_samples_of_weight_zero_are_not_there() -> None:
    X = np.array([[0.0], [1.0], [5.0], [6.0], [100.0]])
    w = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    km = KMeans(2, random_state=0)
    a, b = km.fit(X, sample_weight=w).cluster_centers_, km.fit(X[:4]).cluster_centers_
    assert_allclose(np.sort(a, axis=0), np.sort(b, axis=0), rtol=1e-12)
    assert_allclose(lloyd(X, np.array([[0.0], [50.0]]), w).centers, [[0.5], [5.5]])


def test_weight_of_two_is_a_repeated_row_draw_for_draw(blobs: Any) -> None:
    X, w = blobs(), np.random.default_rng(0).integers(1, 4, 300)
    km = KMeans(3, random_state=0)
    a = km.fit(X, sample_weight=w)
    weighted = a.cluster_centers_, a.inertia_, np.repeat(a.labels_, w)
    b = km.fit(np.repeat(X, w, axis=0))
    assert_allclose(weighted[0], b.cluster_centers_, rtol=1e-10)
    assert_allclose(weighted[1], b.inertia_, rtol=1e-10)
    assert_array_equal(weighted[2], b.labels_)


@pytest.mark.parametrize(("scale", "offset"), [(2.0**650, 0.0), (2.0**-650, 0.0), (1.0, 2.0**27)])
def test_clusters_depend_neither_on_scale_nor_on_origin(
    scale: float, offset: float, blobs: Any
) -> None:
    X = np.round(blobs() * 1024) / 1024
    a = KMeans(4, random_state=0).fit(X)
    b = KMeans(4, random_state=0).fit(X * scale + offset)
    assert_array_equal(b.labels_, a.labels_)
    assert_allclose((b.cluster_centers_ - offset) / scale, a.cluster_centers_, atol=1e-6)
    assert_array_equal(b.predict(X * scale + offset), b.labels_)
    assert_allclose(b.transform(X * scale + offset) / scale, a.transform(X), rtol=1e-6)


def test_inertia_never_rises_and_is_that_of_the_centres(blobs: Any) -> None:
    for seed in range(5):
        X = blobs(300, 2, 6, spread=0.5, seed=seed)
        km = KMeans(6, init="random", n_init=1, tol=0.0, random_state=seed).fit(X)
        history = np.array(km.history_)
        assert np.all(np.diff(history) <= 1e-9 * history[:-1])
        d = ((X - km.cluster_centers_[km.labels_]) ** 2).sum()
        assert_allclose(km.inertia_, d, rtol=1e-12)
        assert_allclose(km.score(X), -d, rtol=1e-12)
        assert km.converged_
        assert len(history) == km.n_iter_ + 1


@pytest.mark.filterwarnings("ignore:k-means stopped after max_iter=2")
def test_labels_are_those_of_predict_and_of_the_smallest_distance(blobs: Any) -> None:
    X = blobs(500, 3, 5, spread=1.0)
    for dtype in (np.float64, np.float32):
        km = KMeans(5, max_iter=2, random_state=0).fit(X.astype(dtype))
        assert km.cluster_centers_.dtype == dtype
        assert_array_equal(km.labels_, km.predict(X.astype(dtype)))
        distances = km.transform(X.astype(dtype))
        assert distances.dtype == dtype
        assert_array_equal(distances.argmin(axis=1), km.labels_)
        assert_allclose((distances.min(axis=1).astype(float) ** 2).sum(), km.inertia_, rtol=1e-5)
        assert_array_equal(km.fit_predict(X.astype(dtype)), km.labels_)


def test_distance_to_a_centre_on_a_sample_is_exactly_zero() -> None:
    X = np.array([[1e8 + 1, 3.0], [1e8, 7.0]])
    km = KMeans(2, random_state=0).fit(X)
    assert_array_equal(np.sort(km.transform(X), axis=1)[:, 0], 0.0)
    assert_allclose(np.sort(km.transform(X), axis=1)[:, 1], np.sqrt(17.0), rtol=1e-15)


def test_hand_computed_weighted_example() -> None:
    """scikit-learn's own: weights 3, 1, 1, 3 on the corners of a square."""
    X = np.array([[0.0, 0], [0.5, 0], [0.5, 1], [1, 1]])
    km = KMeans(2, init=[[0, 0], [1, 1]]).fit(X, sample_weight=[3, 1, 1, 3])
    assert_array_equal(km.labels_, [0, 0, 1, 1])
    assert_allclose(km.cluster_centers_, [[0.125, 0], [0.875, 1]])
    assert km.inertia_ == 0.375
    assert km.n_iter_ == 2


def test_fewer_distinct_samples_than_clusters_are_reported() -> None:
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 0]])
    with pytest.warns(
        ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(4"
    ):
        km = KMeans(4, random_state=0).fit(X)
    assert set(km.labels_) == {0, 1, 2}
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        assert KMeans(3).fit(np.ones((5, 2))).inertia_ == 0


def test_no_convergence_is_reported(blobs: Any) -> None:
    with pytest.warns(ConvergenceWarning, match="k-means stopped after max_iter=1 iterations"):
        km = KMeans(6, max_iter=1, random_state=0).fit(blobs(spread=0.5))
    assert not km.converged_


def test_init_may_be_a_function_or_centres(blobs: Any) -> None:
    X = blobs()

    def first(X: F, n_clusters: int, random_state: np.random.Generator) -> F:
        assert isinstance(random_state, np.random.Generator)
        return X[:n_clusters]

    a, b = KMeans(3, init=first).fit(X), KMeans(3, init=X[:3].tolist()).fit(X)
    assert_array_equal(a.cluster_centers_, b.cluster_centers_)
    with pytest.warns(
        RuntimeWarning, match="performing only one init in KMeans instead of n_init=10"
    ):
        KMeans(3, init=X[:3], n_init=10).fit(X)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_clusters": 31}, "n_samples=30 should be >= n_clusters=31"),
        (
            {"init": np.zeros((2, 3))},
            r"initial centers \(2, 3\) does not match the number of clusters 3",
        ),
        (
            {"init": np.zeros((3, 2))},
            r"initial centers \(3, 2\) .* number of features of the data 3",
        ),
        ({"init": "middle"}, "init must be one of 'k-means..', 'random', got 'middle'"),
        ({"n_init": "many"}, "n_init must be one of 'auto'"),
        ({"n_init": 0}, "n_init"),
        ({"max_iter": 0}, "max_iter"),
        ({"tol": -1.0}, "tol"),
        ({"n_clusters": 0}, "n_clusters"),
        ({"algorithm": "elkan"}, "algorithm must be one of 'lloyd', got 'elkan'"),
    ],
)
def test_wrong_hyper_parameters_are_named(params: dict[str, Any], match: str, blobs: Any) -> None:
    with pytest.raises(ValueError, match=match):
        KMeans(**({"n_clusters": 3} | params)).fit(blobs(30))


def test_samples_of_weight_zero_do_not_count(blobs: Any) -> None:
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        KMeans(3).fit(blobs(30), sample_weight=[1, 1] + [0] * 28)


def test_callback_sees_the_inertia_and_may_stop(blobs: Any) -> None:
    seen: list[float] = []

    def callback(model: KMeans, info: dict[str, Any]) -> bool:
        seen.append(info["objective"])
        return bool(info["iteration"] == 2)

    km = KMeans(8, init="random", n_init=1, tol=0.0, random_state=0).fit(
        blobs(spread=0.5), callback=callback
    )
    assert km.n_iter_ == 2
    assert seen == km.history_[:2]


def test_use_before_fit_is_an_error(blobs: Any) -> None:
    for use in (KMeans().predict, KMeans().transform, KMeans().score):
        with pytest.raises(NotFittedError):
            use(blobs())


def test_columns_of_transform_are_named_after_the_class(blobs: Any) -> None:
    km = KMeans(2, random_state=0).fit(blobs())
    assert list(km.get_feature_names_out()) == ["kmeans0", "kmeans1"]


def test_weights_may_come_third_as_in_fit(blobs: Any) -> None:
    X, stops = blobs(), set()
    w = np.random.default_rng(0).integers(0, 3, len(X))
    fitted = KMeans(3, random_state=0).fit(X, None, w)
    assert_array_equal(KMeans(3, random_state=0).fit_predict(X, None, w), fitted.labels_)
    assert_array_equal(KMeans(3, random_state=0).fit_transform(X, None, w), fitted.transform(X))
    assert_array_equal(KMeans(3, random_state=0).fit_predict(X, sample_weight=w), fitted.labels_)
    KMeans(3, random_state=0).fit_predict(X, callback=lambda *_: stops.add(1))
    KMeans(3, random_state=0).fit_transform(X, callback=lambda *_: stops.add(2))
    assert stops == {1, 2}
