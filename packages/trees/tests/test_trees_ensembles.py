# SPDX-License-Identifier: BSD-3-Clause
"""Forests and exact boosting: identities that hold for any right implementation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from byhand.utils.persist import load, save

CLASSIFIERS = [RandomForestClassifier, ExtraTreesClassifier]
REGRESSORS = [RandomForestRegressor, ExtraTreesRegressor]


def data(n: int = 200, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.1 * rng.normal(size=n)
    return X, y, np.digitize(y, np.quantile(y, [0.3, 0.7]))


# ---- published and exact numbers


@pytest.mark.parametrize(
    ("feature", "gain"),
    [("outlook", 0.2467498198), ("humidity", 0.1518355014), ("wind", 0.0481270304)],
)
def test_quinlan_s_weather_has_his_gains(feature: str, gain: float) -> None:
    """Play tennis (Quinlan 1986): the entropy of 9 of 14 is 0.9402859587 bits."""
    columns = {
        "outlook": "ssorrrossrsoor",  # sunny, overcast, rain
        "humidity": "hhhhnnnhnnnhnh",
        "wind": "wswwwsswwwssws",  # weak, strong
    }
    play = np.array([0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0])
    values = sorted(set(columns[feature]))
    x = np.array([values.index(v) for v in columns[feature]])
    entropy = 0.9402859587
    rest = 0.0
    for v in range(len(values)):
        tree = DecisionTreeClassifier(criterion="entropy", max_depth=1)
        here = tree.fit(np.zeros((int((x == v).sum()), 1)), play[x == v]).tree_
        rest += (x == v).mean() * here.impurity[0]
    whole = DecisionTreeClassifier(criterion="entropy").fit(np.zeros((14, 1)), play).tree_
    assert whole.impurity[0] == pytest.approx(entropy, abs=1e-9)
    assert whole.impurity[0] - rest == pytest.approx(gain, abs=1e-9)


def test_exclusive_or_is_split_though_no_first_cut_gains() -> None:
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 0])
    tree: Any = DecisionTreeClassifier().fit(X, y)
    assert tree.get_depth() == 2
    assert tree.score(X, y) == 1.0


@pytest.mark.parametrize("n", [10, 5000])
def test_alternating_labels_need_every_cut_and_no_recursion(n: int) -> None:
    X = np.arange(float(n))[:, None]
    tree: Any = DecisionTreeClassifier().fit(X, np.arange(n) % 2)
    assert tree.get_n_leaves() == n
    assert tree.score(X, np.arange(n) % 2) == 1.0


def test_a_monotone_map_of_the_features_leaves_the_partition() -> None:
    X, y, _ = data()
    a = DecisionTreeRegressor(max_depth=6).fit(X, y)
    b = DecisionTreeRegressor(max_depth=6).fit(np.exp(X), y)
    assert np.array_equal(a.apply(X), b.apply(np.exp(X)))


def test_constant_features_and_mixed_labels_are_one_leaf() -> None:
    tree: Any = DecisionTreeClassifier().fit(np.ones((5, 2)), [0, 1, 1, 0, 1])
    assert tree.get_n_leaves() == 1
    assert np.allclose(tree.predict_proba(np.ones((1, 2))), [[0.4, 0.6]], rtol=1e-15, atol=0)


def test_adjacent_doubles_are_told_apart() -> None:
    x = np.array([1.0, np.nextafter(1.0, 2.0)])
    tree: Any = DecisionTreeRegressor().fit(x[:, None], [0.0, 1.0])
    assert tree.predict(x[:, None]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.05, 10.0])
def test_pruning_keeps_the_subtree_of_least_cost(alpha: float) -> None:
    """No node is worth turning into a leaf: its risk exceeds its leaves' by alpha for each."""
    X, _, c = data(80)
    model: Any = DecisionTreeClassifier(ccp_alpha=alpha, random_state=0).fit(X, c)
    tree = model.tree_
    risk = tree.impurity * tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    for node in np.flatnonzero(tree.children_left >= 0):
        below, leaves = [node], []
        while below:
            k = below.pop()
            if tree.children_left[k] < 0:
                leaves.append(k)
            else:
                below += [tree.children_left[k], tree.children_right[k]]
        assert (risk[node] - risk[leaves].sum()) / (len(leaves) - 1) > alpha - 1e-12
    if alpha == 10.0:
        assert tree.node_count == 1


# ---- forests


@pytest.mark.parametrize("cls", [*CLASSIFIERS, *REGRESSORS])
def test_a_forest_is_the_mean_of_its_trees(cls: Any) -> None:
    X, y, c = data()
    model = cls(7, random_state=0).fit(X, c if cls in CLASSIFIERS else y)
    method = "predict_proba" if cls in CLASSIFIERS else "predict"
    other = data(seed=1)[0]
    each = [getattr(tree, method)(other) for tree in model.estimators_]
    assert len(each) == 7
    assert np.allclose(getattr(model, method)(other), np.mean(each, axis=0), rtol=1e-12, atol=1e-15)
    assert not np.array_equal(each[0], each[1])


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_trees_without_bootstrap_know_their_rows_by_heart(cls: Any) -> None:
    X, _, c = data()
    assert cls(3, bootstrap=False, random_state=0).fit(X, c).score(X, c) == 1.0


def test_a_row_is_out_of_bag_in_a_third_of_the_trees() -> None:
    X, y, _ = data(400)
    model: Any = RandomForestRegressor(200, random_state=0).fit(X, y)
    outside = np.array([1 - len(np.unique(rows)) / 400 for rows in model.estimators_samples_])
    expected = (1 - 1 / 400) ** 400
    assert abs(outside.mean() - expected) < 3 * outside.std() / np.sqrt(200) + 1e-3


def test_the_out_of_bag_estimate_uses_only_trees_that_have_not_drawn_the_row() -> None:
    X, y, _ = data(120)
    model: Any = RandomForestRegressor(30, oob_score=True, random_state=0).fit(X, y)
    inside = np.zeros((30, 120), dtype=bool)
    for t, rows in enumerate(model.estimators_samples_):
        inside[t, rows] = True
    each = np.array([tree.predict(X) for tree in model.estimators_])
    expected = np.where(inside, 0.0, each).sum(axis=0) / (~inside).sum(axis=0)
    assert np.allclose(model.oob_prediction_, expected, rtol=1e-10, atol=0)
    assert 0.3 < model.oob_score_ < model.score(X, y)


@pytest.mark.parametrize("cls", [*CLASSIFIERS, *REGRESSORS])
def test_an_executor_gives_the_same_forest(cls: Any) -> None:
    X, y, c = data()
    target = c if cls in CLASSIFIERS else y
    serial = cls(9, random_state=5).fit(X, target).predict(X)
    with ThreadPoolExecutor(2) as pool:
        assert np.array_equal(
            cls(9, random_state=5).fit(X, target, executor=pool).predict(X), serial
        )


@pytest.mark.parametrize("cls", [*CLASSIFIERS, *REGRESSORS])
def test_the_seed_decides_and_importances_sum_to_one(cls: Any) -> None:
    X, y, c = data()
    target = c if cls in CLASSIFIERS else y
    a, b = cls(5, random_state=1).fit(X, target), cls(5, random_state=2).fit(X, target)
    assert np.array_equal(a.predict(X), cls(5, random_state=1).fit(X, target).predict(X))
    assert not np.array_equal(a.feature_importances_, b.feature_importances_)
    assert a.feature_importances_.sum() == pytest.approx(1.0)


# ---- exact boosting


def literal_boosting(X: Any, y: Any, rounds: int, rate: float, depth: int) -> Any:
    """Friedman's algorithm 2, with a tree for each residual: no shared presort, no fast leaves."""
    prediction = np.full(len(y), y.mean())
    for _ in range(rounds):
        tree = DecisionTreeRegressor(max_depth=depth).fit(X, y - prediction)
        prediction = prediction + rate * tree.predict(X)
    return prediction


@pytest.mark.parametrize("depth", [1, 3])
def test_squared_boosting_is_a_loop_over_residual_trees(depth: int) -> None:
    X, y, _ = data()
    model: Any = GradientBoostingRegressor(n_estimators=12, max_depth=depth, learning_rate=0.3)
    assert np.allclose(
        model.fit(X, y).predict(X), literal_boosting(X, y, 12, 0.3, depth), rtol=0, atol=1e-8
    )


def test_stumps_on_a_constant_feature_predict_the_mean() -> None:
    y = np.array([1.0, 2.0, 6.0])
    model: Any = GradientBoostingRegressor(n_estimators=5, max_depth=1).fit(np.zeros((3, 1)), y)
    assert np.allclose(model.predict(np.zeros((2, 1))), 3.0, rtol=1e-14, atol=0)


def test_two_full_rounds_learn_distinct_rows_by_heart() -> None:
    X, y, _ = data(60)
    model: Any = GradientBoostingRegressor(n_estimators=2, max_depth=None, learning_rate=1.0).fit(
        X, y
    )
    assert np.allclose(model.predict(X), y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_the_training_loss_falls_for_every_loss(loss: str) -> None:
    X, y, _ = data()
    model: Any = GradientBoostingRegressor(loss=loss, n_estimators=20, learning_rate=0.1).fit(X, y)
    # huber's width follows the residuals: its loss is measured by a moving rule
    slack = 1e-3 if loss == "huber" else 1e-12
    assert (np.diff(model.train_score_) <= slack * abs(model.train_score_[0])).all()
    assert model.train_score_[-1] < 0.9 * model.train_score_[0]


def test_a_quantile_model_leaves_its_share_above() -> None:
    X, y, _ = data(400)
    for q in (0.1, 0.9):
        model = GradientBoostingRegressor(loss="quantile", alpha=q, n_estimators=60).fit(X, y)
        assert abs((y <= model.predict(X)).mean() - q) < 0.06


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_loss_starts_at_the_log_odds_and_falls(n_classes: int) -> None:
    X, y, c = data()
    labels = c if n_classes == 3 else (y > np.quantile(y, 0.7)).astype(int)
    model: Any = GradientBoostingClassifier(n_estimators=15).fit(X, labels)
    share = np.bincount(labels) / len(labels)
    start = np.log(share[1] / share[0]) if n_classes == 2 else np.log(share) - np.log(share).mean()
    assert np.allclose(model.init_raw_, start, rtol=1e-10, atol=0)
    assert (np.diff(model.train_score_) < 0).all()
    p = model.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1.0, rtol=1e-14, atol=0)
    assert model.score(X, labels) > 0.85


def test_staged_predictions_end_with_the_prediction() -> None:
    X, y, c = data()
    reg = GradientBoostingRegressor(n_estimators=6).fit(X, y)
    stages = list(reg.staged_predict(X))
    assert len(stages) == 6
    assert np.allclose(stages[-1], reg.predict(X), rtol=1e-12, atol=1e-14)
    clf = GradientBoostingClassifier(n_estimators=6).fit(X, c)
    assert np.array_equal(list(clf.staged_predict(X))[-1], clf.predict(X))


def test_early_stopping_ends_before_the_last_round() -> None:
    X, y, _ = data()
    model: Any = GradientBoostingRegressor(
        n_estimators=500, n_iter_no_change=5, validation_fraction=0.2, random_state=0
    ).fit(X, y)
    assert model.n_estimators_ < 500


@pytest.mark.parametrize(
    "cls",
    [
        *CLASSIFIERS,
        *REGRESSORS,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        DecisionTreeClassifier,
        DecisionTreeRegressor,
    ],
)
@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_saved_model_predicts_the_same(cls: Any, ending: str, tmp_path: Any) -> None:
    X, y, c = data(60)
    small = {} if "Decision" in cls.__name__ else {"n_estimators": 3}
    model = cls(random_state=0, **small).fit(X, c if "Classifier" in cls.__name__ else y)
    save(model, tmp_path / f"m{ending}")
    assert np.array_equal(load(tmp_path / f"m{ending}").predict(X), model.predict(X))


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), RandomForestClassifier(3)])
@pytest.mark.parametrize(
    "broken",
    [
        {"children_left": lambda a: np.where(a == a.max(), 1, a)},  # in front of its parent
        {"children_right": lambda a: np.where(a == a.max(), a + 1, a)},  # no node
        {"children_right": lambda a: np.where(a >= 0, a - (a == a.max()), a)},  # of two parents
        {"children_right": lambda a: a[:-1]},
        {"feature": lambda a: a + 4},
        {"feature": lambda a: a * 1.0},
        {"value": lambda a: a[..., :1]},
    ],
)
def test_arrays_of_a_file_that_are_no_tree_are_refused(model: Any, broken: Any) -> None:
    X, _, c = data(60)
    model.fit(X, c)._check_loaded()
    name = "tree_" if isinstance(model, DecisionTreeClassifier) else "trees_"
    learned = getattr(model, name)
    nodes = learned if name == "tree_" else learned.nodes
    nodes = nodes._replace(**{key: f(getattr(nodes, key)) for key, f in broken.items()})
    setattr(model, name, nodes if name == "tree_" else learned._replace(nodes=nodes))
    with pytest.raises(ValueError, match="not the nodes of a tree"):
        model._check_loaded()
