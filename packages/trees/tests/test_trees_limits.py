# SPDX-License-Identifier: BSD-3-Clause
"""Stopping rules, pruning, drawn features and thresholds, NaN routes, class weights."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    cost_complexity_path,
)
from byhand.trees.moments import fixed_deviations
from byhand.trees.presort import presort, sorted_rows
from byhand.utils.estimator import clone

Check = Callable[..., int]


def data(n: int = 120, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.1 * rng.normal(size=n)
    return X, y, np.digitize(y, np.quantile(y, [0.3, 0.7]))


def test_no_leaf_breaks_a_rule_and_no_rule_is_in_vain() -> None:
    X, _, c = data()
    w = np.random.default_rng(1).random(120)
    full = DecisionTreeClassifier().fit(X, c, w).tree_
    rules: list[tuple[str, Any]] = [
        ("max_depth", 3),
        ("min_samples_split", 30),
        ("min_samples_split", 0.25),
        ("min_samples_leaf", 9),
        ("min_samples_leaf", 0.075),
        ("min_weight_fraction_leaf", 0.1),
        ("max_leaf_nodes", 7),
        ("min_impurity_decrease", 0.02),
    ]
    for name, value in rules:
        tree = DecisionTreeClassifier(**{name: value}).fit(X, c, w).tree_
        inner, share = tree.children_left >= 0, tree.weighted_n_node_samples / w.sum()
        risk = tree.impurity * share
        gain = risk[inner] - risk[tree.children_left[inner]] - risk[tree.children_right[inner]]
        kept = {
            "max_depth": tree.max_depth == 3,
            "min_samples_split": tree.n_node_samples[inner].min() >= 30,
            "min_samples_leaf": tree.n_node_samples.min() >= 9,
            "min_weight_fraction_leaf": share.min() >= 0.1,
            "max_leaf_nodes": tree.n_leaves == 7,
            "min_impurity_decrease": gain.min() >= 0.02 - 1e-12,
        }
        assert kept[name], name
        assert tree.node_count < full.node_count, name


@pytest.mark.parametrize("leaves", [2, 3, 5, 9])
def test_best_first_growth_makes_the_largest_gains(leaves: int) -> None:
    """Grow with a plain list: of all cuts that could be made next, the best one is made."""
    X, y, _ = data()
    full = DecisionTreeRegressor().fit(X, y).tree_
    share = full.weighted_n_node_samples / len(y)
    risk = full.impurity * share
    open_: list[int] = [0]
    made: list[int] = []
    while len(made) < leaves - 1:
        gains = [
            risk[i] - risk[full.children_left[i]] - risk[full.children_right[i]] for i in open_
        ]
        i = open_.pop(int(np.argmax(gains)))
        made.append(i)
        children = (full.children_left[i], full.children_right[i])
        open_ += [c for c in children if full.children_left[c] >= 0]
    tree = DecisionTreeRegressor(max_leaf_nodes=leaves).fit(X, y).tree_
    cuts = {(full.feature[i], full.threshold[i], full.n_node_samples[i]) for i in made}
    inner = np.flatnonzero(tree.children_left >= 0)
    assert {(tree.feature[i], tree.threshold[i], tree.n_node_samples[i]) for i in inner} == cuts


def test_the_pruning_path_is_that_of_all_subtrees() -> None:
    """Enumerate every pruned subtree; at each price the cheapest one has the path's impurity."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    model = DecisionTreeRegressor().fit(X, y)
    tree = model.tree_
    risk = tree.impurity * tree.weighted_n_node_samples / 9

    def subtrees(i: int) -> list[tuple[float, int]]:
        found = [(float(risk[i]), 1)]
        if tree.children_left[i] >= 0:
            pairs = itertools.product(
                subtrees(tree.children_left[i]), subtrees(tree.children_right[i])
            )
            found += [(a[0] + b[0], a[1] + b[1]) for a, b in pairs]
        return found

    path = cost_complexity_path(model)
    same = clone(model).set_params(ccp_alpha=0.5).cost_complexity_pruning_path(X, y)
    assert [a.tolist() for a in same] == [a.tolist() for a in path]
    assert len(path.ccp_alphas) > 3
    assert (np.diff(path.ccp_alphas) > 0).all()
    for alpha, impurity in zip(path.ccp_alphas, path.impurities, strict=True):
        price = alpha + 1e-9  # a little more, so that one subtree is the cheapest
        best = min(subtrees(0), key=lambda t: t[0] + price * t[1])
        assert best[0] == pytest.approx(impurity, rel=1e-9, abs=1e-12)
        pruned = DecisionTreeRegressor(ccp_alpha=price).fit(X, y).tree_
        assert pruned.n_leaves == best[1]


def test_drawn_thresholds_part_the_values_of_their_node() -> None:
    X, y, _ = data()
    X[::7, 1] = np.nan
    model: Any = DecisionTreeRegressor(splitter="random", random_state=0).fit(X, y)
    path, tree = model.decision_path(X), model.tree_
    usual = DecisionTreeRegressor().fit(X, y).tree_.threshold
    for i in np.flatnonzero(tree.children_left >= 0):
        x = X[path[:, i], tree.feature[i]]
        assert np.nanmin(x) <= tree.threshold[i] <= np.nanmax(x)
    assert not np.isin(tree.threshold[tree.children_left >= 0], usual).any()
    assert model.score(X, y) == pytest.approx(1.0)


@pytest.mark.parametrize("max_features", [1, 2])
def test_a_node_with_a_legal_cut_is_cut_whatever_is_drawn(max_features: int) -> None:
    """Only one of six features can be cut; each tree finds it."""
    X = np.zeros((30, 6))
    X[:, 4] = np.arange(30)
    y = np.arange(30) % 2
    tree: Any = DecisionTreeClassifier(max_features=max_features, random_state=0).fit(X, y)
    forest: Any = RandomForestClassifier(
        5, max_features=max_features, bootstrap=False, random_state=0
    ).fit(X, y)
    assert tree.score(X, y) == 1.0
    assert [one.score(X, y) for one in forest.estimators_] == [1.0] * 5


def test_drawn_features_are_as_many_as_asked_for() -> None:
    """With one drawn feature, all features cut the root about equally often."""
    X, y, _ = data(40)
    roots = [
        DecisionTreeRegressor(max_features=1, max_depth=1, random_state=seed).fit(X, y).tree_
        for seed in range(200)
    ]
    counts = np.bincount([tree.feature[0] for tree in roots], minlength=4)
    assert counts.min() > 25  # 50 expected, standard deviation 6


@pytest.mark.parametrize("data_kind", ["ties", "nan", "normal"])
def test_each_tree_of_a_forest_has_the_best_cuts_of_its_resample(
    data_kind: str, every_cut_is_best: Check
) -> None:
    X, y, c = data(24)
    X = X[:, :3] if data_kind == "normal" else np.round(X[:, :3])
    if data_kind == "nan":
        X[::4, 0] = np.nan
    for cls, target, criterion in (
        (RandomForestClassifier, c, "gini"),
        (RandomForestRegressor, y, "squared_error"),
    ):
        model: Any = cls(3, max_features=None, random_state=0).fit(X, target)
        for rows, tree in zip(model.estimators_samples_, model.estimators_, strict=True):
            w = np.bincount(rows, minlength=24).astype(float)
            assert every_cut_is_best(tree.tree_, X, target, w, criterion) > 2


def test_forest_trees_obey_the_stopping_rules() -> None:
    X, y, _ = data()
    rules: Any = {"min_samples_leaf": 5, "max_leaf_nodes": 8, "max_features": 2}
    model: Any = ExtraTreesRegressor(4, random_state=0, **rules).fit(X, y)
    for one in model.estimators_:
        assert one.tree_.n_node_samples.min() >= 5
        assert one.get_n_leaves() <= 8


def test_missing_values_go_where_they_went_or_to_the_larger_child() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, np.nan, np.nan])
    model: Any = DecisionTreeClassifier().fit(x[:, None], [0, 0, 0, 1, 1, 1])
    assert model.tree_.missing_go_to_left[0] == 0
    assert model.predict([[np.nan], [-5.0], [5.0]]).tolist() == [1, 0, 1]
    model = DecisionTreeClassifier().fit(x[:, None], [0, 0, 1, 1, 0, 0])
    assert model.tree_.missing_go_to_left[0] == 1
    assert model.predict([[np.nan], [5.0]]).tolist() == [0, 1]
    known: Any = DecisionTreeClassifier().fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    assert known.predict([[np.nan]]).tolist() == [1]


def test_missing_against_known_can_be_the_cut() -> None:
    x = np.array([5.0, 1.0, 9.0, np.nan, np.nan])
    model: Any = DecisionTreeClassifier().fit(x[:, None], [1, 1, 1, 0, 0])
    assert np.isinf(model.tree_.threshold[0])
    assert model.predict([[np.nan], [1e300], [-1e300]]).tolist() == [0, 1, 1]


def test_class_weights_are_weights_of_rows() -> None:
    X, _, c = data(60)
    by_hand = np.choose(c, [3.0, 1.0, 0.5])
    a = DecisionTreeClassifier(class_weight={0: 3.0, 2: 0.5}, max_depth=3).fit(X, c).tree_
    b = DecisionTreeClassifier(max_depth=3).fit(X, c, by_hand).tree_
    assert np.array_equal(a.threshold, b.threshold)
    balanced = DecisionTreeClassifier(class_weight="balanced").fit(X, c).tree_
    assert np.allclose(balanced.value[0, 0], 1 / 3, rtol=1e-12, atol=0)
    forest: Any = RandomForestClassifier(3, class_weight="balanced_subsample", random_state=0)
    for one in forest.fit(X, c).estimators_:
        assert np.allclose(one.tree_.value[0, 0], 1 / 3, rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match=r"labels that are not in y: \[7\]"):
        DecisionTreeClassifier(class_weight={7: 1.0}).fit(X, c)


def test_decision_path_ends_in_the_leaf() -> None:
    X, _, c = data(50)
    model = DecisionTreeClassifier().fit(X, c)
    path = model.decision_path(X)
    leaf = [np.flatnonzero(row)[-1] for row in path]
    assert np.array_equal(leaf, model.apply(X))
    assert np.array_equal(path.sum(axis=0), model.tree_.n_node_samples)


def test_a_target_of_any_scale_is_cut_alike() -> None:
    X, y, _ = data(60)
    a = DecisionTreeRegressor().fit(X, y).tree_
    for k in (-900, 900):
        b = DecisionTreeRegressor().fit(X, np.ldexp(y, k)).tree_
        assert np.array_equal(a.threshold, b.threshold)
        assert np.array_equal(np.ldexp(a.value, k), b.value)


def test_an_outlier_costs_no_digit_elsewhere() -> None:
    """Beside 1e15 float64 sums would lose what these targets differ by."""
    y = np.array([0.0, 1e-3, 0.0, 1e-3, 1e15])
    model: Any = DecisionTreeRegressor().fit(np.arange(5.0)[:, None], y)
    assert model.predict(np.arange(5.0)[:, None]).tolist() == y.tolist()


def test_sorting_by_digits_is_a_stable_sort() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 1500))
    x[0] = np.round(x[0], 1)
    x[1, :9] = [np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 1e308, np.nan, -np.nan]
    x[2] = np.where(x[2] > 0, 1.0, np.nextafter(1.0, 2.0))
    x[3] = x[3].astype(np.float32)
    x[4] = 7.0
    expected = np.argsort(x + 0.0, axis=1, kind="stable")
    assert np.array_equal(sorted_rows(x), expected)
    assert np.array_equal(sorted_rows(x[:, :90]), np.argsort(x[:, :90] + 0.0, 1, kind="stable"))


def test_presorted_lines_hold_each_row_once_and_codes_ascend() -> None:
    X = np.round(np.random.default_rng(0).normal(size=(50, 3)), 1)
    X[::5, 1] = np.nan
    lines = presort(X)
    assert lines.feature.tolist() == [0, 1, 1, 2]
    rows, codes = lines.rows(lines.packed), lines.codes(lines.packed)
    assert codes is not None
    assert (np.sort(rows, axis=1) == np.arange(50)).all()
    assert (np.diff(codes, axis=1) >= 0).all()
    assert np.isnan(X[rows[1, -10:], 1]).all()
    assert np.isnan(X[rows[2, :10], 1]).all()
    assert lines.tied.all()


@pytest.mark.parametrize("kind", ["distinct", "float32", "ties", "missing", "weights"])
def test_memory_stays_within_32_bytes_per_row_and_feature(kind: str) -> None:
    rng = np.random.default_rng(0)
    n, d = 40000, 24
    X = rng.normal(size=(n, d))
    y, w = X[:, 0] * X[:, 1] + rng.normal(size=n), rng.random(n) if kind == "weights" else None
    if kind == "float32":
        X = X.astype(np.float32)
    if kind == "ties":
        X = np.round(X, 2)
    if kind == "missing":
        X[:, :8][rng.random((n, 8)) < 0.1] = np.nan  # a feature with NaN stands twice
    for model, target in (
        (DecisionTreeRegressor(max_depth=3), y),
        (DecisionTreeClassifier(max_depth=3), np.digitize(y, [-1.0, 0.0, 1.0])),
    ):
        tracemalloc.start()
        model.fit(X, target, w)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 32 * n * d


def test_importances_by_hand() -> None:
    """Gini 5/8; the first cut leaves 1/2 in half of the rows, the second nothing."""
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    model = DecisionTreeClassifier().fit(X, [0, 0, 1, 2])
    assert np.allclose(model.feature_importances_, [0.6, 0.4], rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("max_depth", 0, ValueError),
        ("max_depth", 2.0, TypeError),
        ("min_samples_split", 1, ValueError),
        ("min_samples_leaf", 1.0, ValueError),
        ("max_features", 0, ValueError),
        ("max_features", "half", ValueError),
        ("max_leaf_nodes", 1, ValueError),
        ("min_weight_fraction_leaf", 0.6, ValueError),
        ("ccp_alpha", -1.0, ValueError),
        ("splitter", "worst", ValueError),
        ("criterion", "mae", ValueError),
    ],
)
def test_a_rule_out_of_range_is_refused_by_name(name: str, value: Any, error: Any) -> None:
    with pytest.raises(error, match=name):
        DecisionTreeRegressor(**{name: value}).fit([[0.0], [1.0]], [0.0, 1.0])


def test_deviations_in_fixed_point_sum_to_zero_in_each_node() -> None:
    """What rounding leaves would run on into the sums of the nodes behind."""
    deviations, sizes = np.random.default_rng(0).normal(size=90), np.array([20, 30, 40])
    starts = sizes.cumsum() - sizes
    deviations -= (np.add.reduceat(deviations, starts) / sizes).repeat(sizes)
    z = fixed_deviations(deviations, np.full(3, 2.0**20), starts, sizes)
    assert np.add.reduceat(z, starts).tolist() == [0, 0, 0]
    assert np.abs(z[1] / 2.0**20 - deviations[1]) < 2.0**-20


def test_no_weight_vanishes_beside_a_large_one() -> None:
    """Weights of 1e-30 beside 1e3 are less than the last digit of a sum; all rows are parted."""
    X, w = np.arange(12.0)[:, None], np.where(np.arange(12) % 3 == 0, 1e3, 1e-30)
    y = np.array([0.0, 1.0, 2.0, 3.0] * 3)
    for model, target in (
        (DecisionTreeRegressor(), y),
        (DecisionTreeClassifier(), y % 2),
        (DecisionTreeClassifier(criterion="entropy"), y),
    ):
        fitted: Any = model.fit(X, target, w)
        assert np.isfinite(fitted.tree_.impurity).all()
        assert fitted.predict(X).tolist() == target.tolist()


def test_nothing_is_left_below_a_cut_that_gains_too_little() -> None:
    """Exclusive or: the first cut gains nothing, the two below it half of the impurity each."""
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    assert DecisionTreeClassifier(min_impurity_decrease=0.2).fit(X, y).tree_.node_count == 1
    assert DecisionTreeClassifier(max_leaf_nodes=2).fit(X, y).tree_.node_count == 3
    assert DecisionTreeClassifier(ccp_alpha=0.3).fit(X, y).tree_.node_count == 1
