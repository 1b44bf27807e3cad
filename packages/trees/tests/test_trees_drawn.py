# SPDX-License-Identifier: BSD-3-Clause
"""Drawn features: the draw is recorded, and each cut is the best over what was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    drawn_cuts,
)
from byhand.trees.class_counts import ClassTarget
from byhand.trees.moments import RealTarget, Target, places_of
from byhand.trees.poisson import PoissonTarget
from byhand.trees.sides import gain_of_sides


def impurity_left(y: Any, w: Any, go: Any, criterion: str) -> float:
    """Weight times impurity of both sides."""
    total = 0.0
    for side in (go, ~go):
        n = w[side].sum()
        if criterion == "squared_error":
            total += (w[side] * (y[side] - np.average(y[side], weights=w[side])) ** 2).sum()
            continue
        if criterion == "poisson":  # targets > 0
            total += (
                w[side] * y[side] * np.log(y[side] / np.average(y[side], weights=w[side]))
            ).sum()
            continue
        p = np.bincount(y[side], w[side]) / n
        p = p[p > 0]
        total += n * (1 - (p**2).sum() if criterion == "gini" else -(p * np.log2(p)).sum())
    return float(total)


def cuts_of_feature(x: Any) -> Any:
    """Sides of all cuts of one feature, NaN on either."""
    missing = np.isnan(x)
    for nan_left in [False, True] if missing.any() else [False]:
        for t in np.unique(x[~missing]):
            go = (x <= t) | (missing & nan_left)
            if 0 < go.sum() < len(go):
                yield go


def check_draws(tree: Any, X: Any, y: Any, w: Any, calls: list[Any], criterion: str) -> int:
    """Walk level by level as growing does, beside the recorded draws; the number of draws."""
    rows_of, level, used = {0: np.flatnonzero(w > 0)}, [0], 0
    while level:
        opened = [i for i in level if len(np.unique(y[rows_of[i]])) > 1]
        pending, drawn = opened, {i: np.empty(0, np.int64) for i in opened}
        while pending and any(len(drawn[i]) < X.shape[1] for i in pending):
            decks = calls[used]
            used += 1
            assert decks.shape[1] == len(pending)
            for column, i in enumerate(pending):
                drawn[i] = np.append(drawn[i], decks[:, column])
            pending = [
                i
                for i in pending
                if not any(True for f in drawn[i] for _ in cuts_of_feature(X[rows_of[i], f]))
            ]
        assert all(len(set(features)) == len(features) for features in drawn.values())
        cut = [i for i in opened if i not in pending]
        for i in cut:
            f, rows = tree.feature[i], rows_of[i]
            assert f in drawn[i]
            x = X[rows, f]
            go = np.where(np.isnan(x), tree.missing_go_to_left[i] == 1, x <= tree.threshold[i])
            ours = impurity_left(y[rows], w[rows], go, criterion)
            best = min(
                impurity_left(y[rows], w[rows], side, criterion)
                for j in drawn[i]
                for side in cuts_of_feature(X[rows, j])
            )
            assert ours <= best + 1e-9 * w[rows].sum()
            rows_of[tree.children_left[i]], rows_of[tree.children_right[i]] = rows[go], rows[~go]
        assert all(tree.children_left[i] < 0 for i in pending)
        level = [tree.children_left[i] for i in cut] + [tree.children_right[i] for i in cut]
    return used


@pytest.mark.parametrize("kind", ["normal", "ties", "nan"])
@pytest.mark.parametrize("weight", ["none", "whole", "real"])
@pytest.mark.parametrize(
    "criterion", ["gini", "gini, 3 classes", "entropy", "squared_error", "poisson"]
)
def test_no_cut_over_the_drawn_features_is_better(
    kind: str, weight: str, criterion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    deal = drawn_cuts.deal

    def recorded(*args: Any) -> Any:
        calls.append(deal(*args).copy())
        return calls[-1]

    monkeypatch.setattr(drawn_cuts, "deal", recorded)
    rng = np.random.default_rng(7)
    X = rng.normal(size=(60, 5))
    if kind != "normal":
        X = np.round(X)
    if kind == "nan":
        X[rng.random(X.shape) < 0.3] = np.nan
    real, n_classes = criterion in {"squared_error", "poisson"}, 3 if "3" in criterion else 2
    criterion = criterion.split(",")[0]
    y: Any = rng.gamma(1.0, size=60) if real else rng.integers(0, n_classes, 60)
    w = {"none": np.ones(60), "whole": rng.integers(1, 4, 60) * 1.0, "real": rng.random(60) + 0.1}
    cls: Any = RandomForestRegressor if real else RandomForestClassifier
    model = cls(1, criterion=criterion, max_features=2, random_state=0)
    model.fit(X, y, None if weight == "none" else w[weight])
    total = w[weight] * np.bincount(model.estimators_samples_[0], minlength=60)
    tree = model.estimators_[0].tree_
    assert check_draws(tree, X, y, total, calls, criterion) == len(calls) > 5


def test_features_are_dealt_evenly_and_each_once() -> None:
    decks = np.arange(6).repeat(3000).reshape(6, -1)
    rng = np.random.default_rng(0)
    first = drawn_cuts.deal(decks, 0, 2, rng).copy()
    rest = drawn_cuts.deal(decks, 2, 4, rng)
    counts = np.array([np.bincount(row, minlength=6) for row in [*first, *rest]])
    assert (abs(counts - 500) < 5 * np.sqrt(500)).all()
    assert (np.sort(decks, axis=0) == np.arange(6)[:, None]).all()
    assert np.array_equal(decks, np.concatenate([first, rest]))


@pytest.mark.parametrize("bits", [7, 16, 17, 31, 32, 50])
def test_sorting_keys_by_digits_sorts_and_is_stable(bits: int) -> None:
    key = np.random.default_rng(0).integers(0, 2**bits, size=(3, 500))
    key[:, ::3] = key[:, :1]
    if bits <= 32:
        key = key.astype(np.uint32)
    order = drawn_cuts.sorted_by_digits(key, bits) - np.arange(3)[:, None] * 500
    assert np.array_equal(order, np.argsort(key, axis=1, kind="stable"))


def test_the_best_of_the_drawn_thresholds_is_taken() -> None:
    """Feature 2 alone tells the classes apart, wherever its threshold falls."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = np.repeat([0, 1, 2], 20)
    X[:, 2] = y * 1000.0 + rng.random(60)
    model: Any = ExtraTreesClassifier(20, max_features=None, max_depth=1, random_state=0)
    roots = [tree.tree_ for tree in model.fit(X, y).estimators_]
    assert all(t.feature[0] == 2 for t in roots)
    assert all(0 < t.threshold[0] < 2001 for t in roots)
    assert {t.n_node_samples[1] for t in roots} <= {20, 40}


@pytest.mark.parametrize("block", [1, 40, 200])
@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_nodes_are_cut_alike_in_small_blocks(
    kind: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5)).round(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.integers(0, 3, 80)
    model = kind(4, max_features=2, min_samples_leaf=2, random_state=0)
    expected = model.fit(X, y).trees_
    monkeypatch.setattr(drawn_cuts, "DRAWN_BLOCK", block)
    for ours, theirs in zip(model.fit(X, y).trees_.nodes, expected.nodes, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("max_features", [1, 3])
@pytest.mark.parametrize(
    "kind",
    [DecisionTreeClassifier, DecisionTreeRegressor, RandomForestClassifier, ExtraTreesClassifier],
)
@pytest.mark.parametrize("splitter", ["best", "random"])
def test_missing_values_go_down_as_in_training(kind: Any, splitter: str, max_features: int) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    y = rng.integers(0, 2, 150)
    model = kind(max_features=max_features, random_state=0)
    if "splitter" in model.get_params():
        model.set_params(splitter=splitter)
    else:
        model.set_params(n_estimators=5, bootstrap=False)
    for tree in getattr(model.fit(X, y), "estimators_", [model]):
        passed = tree.decision_path(X)
        assert np.array_equal(passed.sum(axis=0), tree.tree_.n_node_samples)


@pytest.mark.parametrize("weight", ["none", "whole", "real"])
@pytest.mark.parametrize("criterion", ["gini", "gini, 3 classes", "entropy", "variance", "poisson"])
def test_a_side_gains_what_the_cut_behind_it_gains(weight: str, criterion: str) -> None:
    """Scores of all cuts of two nodes from cumulative sums, and of their left sides from sums."""
    rng = np.random.default_rng(0)
    w: Any = {"none": None, "whole": rng.integers(1, 4, 50) * 1.0, "real": rng.random(50)}[weight]
    codes = rng.integers(0, 3 if "3" in criterion else 2, 50)
    y = rng.gamma(1.0, size=50)
    target: Target = ClassTarget(codes, 3 if "3" in criterion else 2, w, criterion == "entropy")
    if criterion in {"variance", "poisson"}:
        target = (RealTarget if criterion == "variance" else PoissonTarget)(y, w)
    rows, sizes = rng.permutation(50), np.array([20, 30])
    nodes, places = target.describe(rows, sizes.cumsum() - sizes, sizes), places_of(sizes, 1)
    expected = target.scorer(nodes, places, 2.0)(rows[None], None)[0]
    here = drawn_cuts.target_of_rows(target, rows)
    for i in (places.each < sizes.sum() - 1).nonzero()[0]:
        left = (places.each <= i) & (places.node == places.node[i])
        gain = gain_of_sides(here, left[None], nodes, places, 2.0)[0, places.node[i]]
        assert gain == pytest.approx(expected[i], rel=1e-9)


@pytest.mark.parametrize("side", [0, 1])
def test_extra_trees_send_missing_values_where_they_gain(side: int) -> None:
    X = np.r_[np.zeros(10), np.ones(10), np.full(10, np.nan)][:, None]
    y = np.r_[np.zeros(10), np.ones(10), np.full(10, side)].astype(int)
    model: Any = ExtraTreesClassifier(5, random_state=0).fit(X, y)
    assert [t.tree_.missing_go_to_left[0] for t in model.estimators_] == [1 - side] * 5
    assert model.score(X, y) == 1.0


def test_boosting_takes_drawn_features() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    y = X[:, 0] + X[:, 1]
    model: Any = GradientBoostingRegressor(n_estimators=60, max_features=1, subsample=0.7)
    assert model.set_params(random_state=0).fit(X, y).score(X, y) > 0.9
