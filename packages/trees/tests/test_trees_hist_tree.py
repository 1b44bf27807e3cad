# SPDX-License-Identifier: BSD-3-Clause
"""Bins and trees of histogram boosting against exhaustive search and walks by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byhand.trees import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from byhand.trees.binning import MISSING, bin_codes, find_bins
from byhand.trees.hist_gain import GrowthLimits, pack_slopes
from byhand.trees.hist_grow import grow_histogram_tree
from byhand.trees.hist_trees import join_trees, sum_of_trees

FAST: dict[str, Any] = {"max_iter": 5, "min_samples_leaf": 1, "random_state": 0}


def data(n: int = 200, d: int = 4, seed: int = 0, missing: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).round(1)
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2 % d]) + 0.1 * rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


# ---- binning


def test_few_values_have_one_bin_each_with_edges_midway() -> None:
    X = np.array([[3.0], [1.0], [1.0], [2.0]])
    assert find_bins(X).edges[0].tolist() == [1.5, 2.5]
    assert bin_codes(X, find_bins(X)).columns[0].tolist() == [2, 0, 0, 1]


@pytest.mark.parametrize("max_bins", [2, 3, 17, 255])
def test_many_values_fill_the_bins_evenly(max_bins: int) -> None:
    X = np.random.default_rng(0).normal(size=(5000, 1))
    bins = find_bins(X, max_bins)
    size = np.bincount(bin_codes(X, bins).columns[0])
    assert len(size) == max_bins
    assert size.max() - size.min() <= 1


@pytest.mark.parametrize("step", [1, 3])
def test_a_weight_of_two_is_a_row_that_stands_twice_for_the_edges(step: int) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 2))
    w = np.where(np.arange(1000) % (2 * step) < step, 2.0, 1.0)
    repeated = X.repeat(w.astype(int), axis=0)
    for a, b in zip(find_bins(X, 16, None, w).edges, find_bins(repeated, 16).edges, strict=True):
        assert np.array_equal(a, b)


def test_a_threshold_parts_the_rows_as_the_codes_do() -> None:
    rng = np.random.default_rng(0)
    X = np.nextafter(1.0, np.inf, dtype=np.float64) ** rng.integers(0, 9, (500, 1))  # adjacent
    bins = find_bins(X)
    codes = bin_codes(X, bins).columns[0]
    for b, edge in enumerate(bins.edges[0]):
        assert np.array_equal(codes <= b, X[:, 0] <= edge)


def test_missing_and_unknown_values_have_the_last_code() -> None:
    X = np.array([[1.0, 3.0], [np.nan, 5.0], [2.0, np.nan]])
    bins = find_bins(X, categorical=np.array([False, True]))
    assert bin_codes(X, bins).columns.tolist() == [[0, MISSING, 1], [0, 1, MISSING]]
    assert bin_codes(np.array([[9.0, 4.0]]), bins).columns.tolist() == [[1], [MISSING]]


@pytest.mark.parametrize("value", [0.0, 1e300, -1e300])
def test_a_constant_feature_has_one_bin(value: float) -> None:
    X = np.full((5, 1), value)
    assert len(find_bins(X).edges[0]) == 0


def test_huge_values_have_finite_edges_between_them() -> None:
    X = np.array([[-1.7e308], [1.7e308], [np.nextafter(1.7e308, 0)]])
    edges = find_bins(X).edges[0]
    assert np.isfinite(edges).all()
    assert bin_codes(X, find_bins(X)).columns[0].tolist() == [0, 2, 1]


# ---- one tree


def literal_best(X: Any, g: Any, h: Any, min_leaf: int, l2: float) -> float:
    """The most that any cut gains, missing values on either side: three nested loops."""
    G, H = g.sum(), h.sum()
    best = 0.0
    for f in range(X.shape[1]):
        known = ~np.isnan(X[:, f])
        for edge in np.unique(X[known, f]):
            for missing_left in (True, False):
                left = np.where(known, X[:, f] <= edge, missing_left)
                if min(left.sum(), (~left).sum()) < min_leaf:
                    continue
                GL, HL = g[left].sum(), h[left].sum()
                if min(HL, H - HL) < 1e-3:
                    continue
                gain = GL**2 / (HL + l2) + (G - GL) ** 2 / (H - HL + l2) - G**2 / (H + l2)
                best = max(best, gain)
    return float(best)


@given(
    seed=st.integers(0, 10_000),
    l2=st.sampled_from([0.0, 0.7, 30.0]),
    min_leaf=st.sampled_from([1, 3]),
    missing=st.sampled_from([0.0, 0.3]),
    constant=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_first_split_is_the_best_of_all(
    seed: int, l2: float, min_leaf: int, missing: float, constant: bool
) -> None:
    X, g = data(30, 3, seed, missing)
    rng = np.random.default_rng(seed)
    h = None if constant else rng.uniform(0.1, 1.0, len(g))
    codes = bin_codes(X, find_bins(X))
    limits = GrowthLimits(2, 10, min_leaf, l2, 3)
    tree = grow_histogram_tree(codes, np.zeros(3, dtype=bool), g, h, limits, rng)
    ones = np.ones(len(g)) if h is None else h
    best = literal_best(X, g, ones, min_leaf, l2)
    if len(tree.feature) == 1:
        assert best <= 1e-6 * float(g @ g)
        return
    left, right = tree.rows[: tree.stop[1]], tree.rows[tree.start[2] :]
    parts = [g[s].sum() ** 2 / (ones[s].sum() + l2) for s in (left, right)]
    gain = sum(parts) - g.sum() ** 2 / (ones.sum() + l2)
    assert min(len(left), len(right)) >= min_leaf
    # slopes are rounded to 2^-20 of the largest or finer: the choice is as good as that
    assert gain == pytest.approx(best, rel=1e-4, abs=1e-5)


def literal_split(
    X: Any, g: Any, h: Any, rows: Any, min_leaf: int, l2: float
) -> tuple[float, Any, Any]:
    """Gain and both sides of the best cut of some rows, each cut tried in turn."""
    best: tuple[float, Any, Any] = (0.0, None, None)
    for f in range(X.shape[1]):
        for edge in np.unique(X[rows, f])[:-1]:
            left, right = rows[X[rows, f] <= edge], rows[X[rows, f] > edge]
            if min(len(left), len(right)) >= min_leaf:
                parts = [g[s].sum() ** 2 / (h[s].sum() + l2) for s in (left, right, rows)]
                best = max(best, (parts[0] + parts[1] - parts[2], left, right), key=lambda b: b[0])
    return best


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("l2", [0.0, 2.5])
@pytest.mark.parametrize(("n", "decimals"), [(60, 1), (200, 1), (200, 12)])  # few bins and many
def test_a_whole_tree_is_that_of_a_literal_loop_over_its_leaves(
    n: int, decimals: int, l2: float, varying: bool
) -> None:
    rng = np.random.default_rng(n)
    X, g = rng.normal(size=(n, 3)).round(decimals), rng.normal(size=n)
    h = rng.uniform(0.1, 1.0, n) if varying else np.ones(n)
    leaves = [np.arange(n)]
    while len(leaves) < 12:
        splits = [literal_split(X, g, h, rows, 4, l2) for rows in leaves]
        i = int(np.argmax([gain for gain, _, _ in splits]))
        if splits[i][1] is None:
            break
        leaves[i : i + 1] = splits[i][1:]
    codes, limits = bin_codes(X, find_bins(X)), GrowthLimits(12, 99, 4, l2, 3)
    no_names = np.zeros(3, dtype=bool)
    tree = grow_histogram_tree(codes, no_names, g, h if varying else None, limits, rng)
    grown = [
        tree.rows[tree.start[i] : tree.stop[i]].tolist() for i in np.flatnonzero(tree.feature < 0)
    ]
    assert sorted(map(sorted, grown)) == sorted(rows.tolist() for rows in leaves)


@pytest.mark.parametrize("varying", [False, True])
def test_cells_above_the_bins_in_use_are_left_out_and_change_nothing(varying: bool) -> None:
    rng = np.random.default_rng(0)
    X, g = rng.integers(0, 9, (400, 4)).astype(float), rng.normal(size=400)
    X[rng.random(X.shape) < [0.3, 0.0, 0.1, 0.3]] = np.nan
    h = rng.uniform(0.1, 1.0, 400) if varying else None
    names = np.array([False, False, True, False])
    codes = bin_codes(X, find_bins(X, categorical=names))
    assert codes.n_bins <= 10
    few, all_cells = (
        grow_histogram_tree(c, names, g, h, GrowthLimits(15, 99, 5, 0.0, 4), rng)
        for c in (codes, codes._replace(n_bins=255))
    )
    for name in ("feature", "cut", "missing_left", "gain", "rows", "stop"):
        assert np.array_equal(getattr(few, name), getattr(all_cells, name)), name
    assert few.missing_left.any()
    assert few.category_left


@pytest.mark.parametrize("n", [10, 5000, 50_000])
@pytest.mark.parametrize("constant", [True, False])
def test_packed_sums_are_exact(n: int, constant: bool) -> None:
    """Sums of the packed floats, taken apart, are those of the rounded numbers one by one."""
    rng = np.random.default_rng(0)
    g, h = rng.normal(size=n), None if constant else rng.uniform(0, 0.25, n)
    packed = pack_slopes(g, h)
    first = [int(v) for v in packed.weights[0]]
    second = [round(v / 2**packed.shift) for v in packed.weights[0]]
    slope = [a - (b << packed.shift) for a, b in zip(first, second, strict=True)]
    total = int(packed.weights[0].sum())
    assert total == sum(first)
    taken_apart = (total + (1 << (packed.shift - 1))) >> packed.shift
    assert taken_apart == sum(second) == (n if packed.counted else sum(second))
    assert total - (taken_apart << packed.shift) == sum(slope)
    finest = np.abs(g).max() / max(abs(v) for v in slope)
    assert np.allclose(np.array(slope) * finest, g, rtol=0, atol=finest)


@pytest.mark.parametrize("n", [500, 5000])
@pytest.mark.parametrize("constant", [True, False])
def test_slopes_of_the_other_sign_are_rounded_to_the_same_numbers(n: int, constant: bool) -> None:
    """Even where one sign has the largest by far: too large a number would spill."""
    g = np.random.default_rng(0).exponential(size=n) ** 3 - 1.0
    h = None if constant else np.ones(n)
    ups, downs = ([float(v) for v in pack_slopes(a, h).weights[0]] for a in (g, -g))
    shift = pack_slopes(g, h).shift
    second = [round(v / 2**shift) for v in ups]
    for up, down, b in zip(ups, downs, second, strict=True):
        assert up - (b << shift) == (b << shift) - down


def test_a_node_of_too_little_curvature_for_two_is_not_split() -> None:
    X, g, h = np.arange(10.0)[:, None], np.arange(10.0) - 4.5, np.full(10, 1.9e-4)
    grow = partial(grow_histogram_tree, bin_codes(X, find_bins(X)), np.array([False]), g)
    limits = GrowthLimits(9, 9, 1, 0.0, 1)
    assert len(grow(h, limits, np.random.default_rng(0)).feature) == 1  # 1.9e-3 in all
    assert len(grow(2 * h, limits, np.random.default_rng(0)).feature) > 1


def test_the_gain_of_many_samples_is_that_of_their_sums() -> None:
    """More cells than one pass of a histogram holds: the passes add up."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 4))
    g = X[:, 1] + rng.normal(size=len(X))
    codes, limits = bin_codes(X, find_bins(X)), GrowthLimits(2, 99, 20, 0.0, 4)
    tree = grow_histogram_tree(codes, np.zeros(4, dtype=bool), g, None, limits, rng)
    left, right = g[tree.rows[: tree.stop[1]]], g[tree.rows[tree.start[2] :]]
    gain = left.sum() ** 2 / len(left) + right.sum() ** 2 / len(right) - g.sum() ** 2 / len(g)
    scale = float(tree.gain[0] / gain)  # slopes are multiplied by 2^bits / largest
    bits = np.log2(np.sqrt(scale) * np.abs(g).max())
    assert bits == pytest.approx(round(bits), rel=0, abs=1e-5)  # rounding of slopes to 2^-20


def test_the_last_of_many_features_is_found() -> None:
    """Cells of more than 256 features have numbers beyond 16 bits."""
    X = np.random.default_rng(0).normal(size=(700, 300))  # more than one pass of a histogram
    g = np.where(X[:, 299] > 0.3, 1.0, -1.0)
    codes, limits = bin_codes(X, find_bins(X)), GrowthLimits(2, 99, 5, 0.0, 300)
    tree = grow_histogram_tree(
        codes, np.zeros(300, dtype=bool), g, None, limits, np.random.default_rng(0)
    )
    assert tree.feature[0] == 299
    assert set(tree.rows[: tree.stop[1]]) <= set(np.flatnonzero(X[:, 299] <= 0.35))


def test_leaf_wise_growth_splits_the_leaf_that_gains_most() -> None:
    X = np.arange(8.0)[:, None]
    g = np.array([-100, -100, 100, 100, -1, -1, 1, 1.0])
    codes = bin_codes(X, find_bins(X))
    tree = grow_histogram_tree(
        codes, np.array([False]), g, None, GrowthLimits(3, 10, 1, 0.0, 1), np.random.default_rng(0)
    )
    leaves = [
        sorted(tree.rows[tree.start[k] : tree.stop[k]].tolist())
        for k in np.flatnonzero(tree.feature < 0)
    ]
    assert sorted(leaves) == [[0, 1], [2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("varying", [False, True])
def test_a_limit_of_leaves_makes_the_first_splits_of_the_tree_without_limit(varying: bool) -> None:
    """Where the curvature varies, some splits are refused: their leaves are too small."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    g = np.sin(3 * X[:, 0]) + rng.normal(size=4000)
    h = rng.choice([0.001, 0.25], 4000) if varying else None
    codes, categorical = bin_codes(X, find_bins(X)), np.zeros(3, dtype=bool)
    grow = partial(grow_histogram_tree, codes, categorical, g, h)
    whole = grow(GrowthLimits(10**9, 99, 20, 0.0, 3), rng)
    for n_leaves in range(2, 60):
        tree = grow(GrowthLimits(n_leaves, 99, 20, 0.0, 3), rng)
        inner = np.flatnonzero(tree.feature >= 0)
        assert len(tree.feature) == 2 * n_leaves - 1
        for name in ("feature", "cut", "left", "gain"):
            assert np.array_equal(getattr(tree, name)[inner], getattr(whole, name)[inner]), name


@pytest.mark.parametrize("max_leaf_nodes", [2, 5, 31])
@pytest.mark.parametrize("max_depth", [1, 2, 9])
def test_limits_of_a_tree_hold(max_leaf_nodes: int, max_depth: int) -> None:
    X, y = data(300)
    model = HistGradientBoostingRegressor(
        max_leaf_nodes=max_leaf_nodes, max_depth=max_depth, **FAST
    ).fit(X, y)
    trees = model.trees_
    own = trees.child == np.arange(len(trees.child))
    for root, end in zip(trees.root, [*trees.root[1:], len(trees.child)], strict=True):
        assert own[root:end].sum() <= min(max_leaf_nodes, 2**max_depth)


def test_a_leaf_has_the_samples_it_must_have() -> None:
    X, y = data(300)
    labels = (y > 0).astype(int)
    for model in (
        HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=17).fit(X, y),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=17).fit(X, labels),
    ):
        trees = model.trees_
        own = trees.child == np.arange(len(trees.child))
        assert trees.n_samples[own].min() >= 17


def test_categories_are_parted_in_the_order_of_their_means() -> None:
    """No order of the numbers parts these categories; one cut of the means does."""
    X = np.tile(np.arange(6.0), 20)[:, None]
    y = np.isin(X[:, 0], [0, 3, 5]).astype(float)
    model = HistGradientBoostingRegressor(
        max_iter=1, learning_rate=1.0, max_leaf_nodes=2, categorical_features=[0]
    ).fit(X, y)
    assert np.allclose(model.predict(X), y, rtol=0, atol=1e-12)
    plain = HistGradientBoostingRegressor(max_iter=1, learning_rate=1.0, max_leaf_nodes=2)
    assert not np.allclose(plain.fit(X, y).predict(X), y, rtol=0, atol=1e-3)


def test_an_unknown_category_goes_with_the_missing_values() -> None:
    X = np.tile(np.array([0.0, 1.0, 2.0, np.nan]), 30)[:, None]
    y = np.tile([0.0, 0.0, 1.0, 1.0], 30)
    model = HistGradientBoostingRegressor(max_iter=20, categorical_features=[True]).fit(X, y)
    assert model.predict([[77.0]]) == model.predict([[np.nan]])
    assert model.predict([[77.0]]) > 0.8


@pytest.mark.parametrize("side", [0.0, 1.0])
def test_missing_values_go_where_they_gain_most(side: float) -> None:
    X = np.r_[np.zeros(30), np.ones(30), np.full(30, np.nan)][:, None]
    y = np.r_[np.zeros(30), np.ones(30), np.full(30, side)]
    model = HistGradientBoostingRegressor(max_iter=1, learning_rate=1.0).fit(X, y)
    assert np.allclose(model.predict(X), y, rtol=0, atol=1e-12)


def test_a_value_missing_only_at_predict_follows_the_larger_child() -> None:
    X = np.arange(100.0)[:, None]
    y = (X[:, 0] >= 70).astype(float)
    model = HistGradientBoostingRegressor(max_iter=1, max_leaf_nodes=2, learning_rate=1.0).fit(X, y)
    assert model.predict([[np.nan]]) == model.predict([[0.0]])


def walk_by_hand(trees: Any, row: Any, root: int) -> float:
    node = root
    while trees.child[node] != node:
        x = row[trees.feature[node]]
        left = trees.missing_left[node] if np.isnan(x) else x <= trees.threshold[node]
        node = trees.child[node] + (not left)
    return float(trees.value[node])


def test_prediction_is_the_sum_of_the_leaves_that_a_walk_by_hand_reaches() -> None:
    X, y = data(400, 3, missing=0.2)
    model = HistGradientBoostingRegressor(max_iter=7, min_samples_leaf=3).fit(X, y)
    by_hand = [sum(walk_by_hand(model.trees_, x, r) for r in model.trees_.root) for x in X]
    assert np.allclose(model.predict(X), by_hand + model.baseline_, rtol=1e-12, atol=0)


def test_a_row_reaches_in_prediction_the_leaf_that_it_had_in_training() -> None:
    X, y = data(500, 3, missing=0.1)
    bins = find_bins(X)
    limits = GrowthLimits(31, 99, 2, 0.0, 3)
    rng = np.random.default_rng(0)
    tree = grow_histogram_tree(bin_codes(X, bins), np.zeros(3, dtype=bool), y, None, limits, rng)
    number = np.where(tree.feature < 0, np.arange(len(tree.feature)), 0.0)
    reached = sum_of_trees(join_trees([tree], [number], bins), X, bins, 1)[:, 0]
    for leaf in np.flatnonzero(tree.feature < 0):
        assert (reached[tree.rows[tree.start[leaf] : tree.stop[leaf]]] == leaf).all()
