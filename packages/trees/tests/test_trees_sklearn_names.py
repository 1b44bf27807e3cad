# SPDX-License-Identifier: BSD-3-Clause
"""What scikit-learn's own tests expect under these names: attributes, options, key phrases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)


def data(n: int = 60, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 9))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=n)
    return X, y, np.where(y > 0, "up", "down")


@pytest.mark.parametrize(
    "cls",
    [
        DecisionTreeClassifier,
        DecisionTreeRegressor,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
    ],
)
@pytest.mark.parametrize(
    ("max_features", "drawn"),
    [(None, 9), ("sqrt", 3), ("log2", 3), (4, 4), (0.5, 4), (0.01, 1), (1.0, 9), (1, 1), (20, 9)],
)
def test_max_features_says_how_many_features_a_node_draws(
    cls: Any, max_features: Any, drawn: int
) -> None:
    X, y, c = data()
    model = cls(max_features=max_features, max_depth=2, random_state=0)
    model.fit(X, c if "Classifier" in cls.__name__ else y)
    assert model.max_features_ == drawn
    model.set_params(max_features=2)
    assert model.max_features_ == drawn


@pytest.mark.parametrize("cls", [RandomForestClassifier, GradientBoostingClassifier])
def test_the_trees_of_an_ensemble_say_it_too(cls: Any) -> None:
    X, _, c = data()
    model = cls(n_estimators=2, max_features="sqrt", max_depth=2, random_state=0).fit(X, c)
    assert [tree.max_features_ for tree in np.ravel(model.estimators_)] == [3, 3]


@pytest.mark.parametrize("name", ["max_features", "min_samples_split", "min_samples_leaf"])
def test_a_share_in_single_precision_is_a_share(name: str) -> None:
    X, y, _ = data()
    settings: list[dict[str, Any]] = [{name: np.float32(0.25)}, {name: 0.25}]
    single, double = (DecisionTreeRegressor(random_state=0, **s).fit(X, y) for s in settings)
    assert single.predict(X).tolist() == double.predict(X).tolist()


def test_a_metric_scores_the_classes_that_are_estimated_out_of_bag() -> None:
    X, _, c = data(200)
    seen = []

    def share_of_errors(y: Any, estimate: Any) -> float:
        seen.append((y, estimate))
        return float((y != estimate).mean())

    settings: Any = {"n_estimators": 30, "random_state": 0}
    usual: Any = RandomForestClassifier(oob_score=True, **settings).fit(X, c)
    model: Any = RandomForestClassifier(oob_score=share_of_errors, **settings).fit(X, c)
    assert model.oob_score_ == pytest.approx(1 - usual.oob_score_, abs=1e-12)
    (y, estimate), *others = seen
    assert not others
    assert y.tolist() == (c == "up").tolist()
    assert estimate.tolist() == model.oob_decision_function_.argmax(axis=1).tolist()


def test_a_metric_scores_the_numbers_that_are_estimated_out_of_bag() -> None:
    X, y, _ = data(200)

    def largest_error(y: Any, estimate: Any) -> float:
        return float(np.abs(y - estimate).max())

    model: Any = RandomForestRegressor(30, oob_score=largest_error, random_state=0).fit(X, y)
    assert model.oob_score_ == np.abs(y - model.oob_prediction_).max()


def test_a_metric_is_not_asked_where_every_tree_has_drawn_every_row() -> None:
    def never(y: Any, estimate: Any) -> float:
        raise AssertionError("asked")

    forest: Any = RandomForestRegressor(1, max_samples=50, oob_score=never, random_state=0)
    with pytest.warns(UserWarning, match="do not have OOB scores"):
        forest.fit([[0.0], [1.0]], [0.0, 1.0])
    assert np.isnan(forest.oob_score_)


@pytest.mark.parametrize("wrong", [None, 1, "accuracy"])
def test_what_is_neither_a_flag_nor_a_metric_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="oob_score must be one of False, True"):
        RandomForestRegressor(3, oob_score=wrong).fit([[0.0], [1.0]], [0.0, 1.0])


def test_a_metric_needs_a_bootstrap() -> None:
    with pytest.raises(ValueError, match="Out of bag estimation only available if bootstrap=True"):
        ExtraTreesRegressor(3, oob_score=np.dot).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5, np.float32(2.5)])
def test_a_share_of_the_rows_is_drawn_and_may_exceed_them(share: Any) -> None:
    X, y, _ = data()
    model: Any = RandomForestRegressor(4, max_samples=share, random_state=0).fit(X, y)
    assert [len(rows) for rows in model.estimators_samples_] == [round(60 * float(share))] * 4
    same: Any = RandomForestRegressor(4, max_samples=round(60 * float(share)), random_state=0)
    assert model.predict(X).tolist() == same.fit(X, y).predict(X).tolist()


@pytest.mark.parametrize("cls", [RandomForestRegressor, ExtraTreesRegressor])
def test_a_forest_of_counts_refuses_what_has_no_poisson_deviance(cls: Any) -> None:
    model = cls(2, criterion="poisson")
    with pytest.raises(ValueError, match=r"value\(s\) of y are negative"):
        model.fit([[0.0], [1.0]], [1.0, -1.0])
    with pytest.raises(ValueError, match="Sum of y is not positive"):
        model.fit([[0.0], [1.0]], [0.0, 0.0])


def test_a_forest_of_all_rows_and_features_is_its_tree_under_poisson_too() -> None:
    X, y, _ = data()
    y = np.exp(y)
    options: Any = {"criterion": "poisson", "min_samples_leaf": 5}
    tree: Any = DecisionTreeRegressor(**options).fit(X, y)
    forest: Any = RandomForestRegressor(2, bootstrap=False, random_state=0, **options).fit(X, y)
    assert forest.predict(X).tolist() == tree.predict(X).tolist()
    assert forest.estimators_[1].tree_.impurity.tolist() == tree.tree_.impurity.tolist()


@pytest.mark.parametrize("share", [0.0, -0.5, float("nan"), float("inf"), 0, -1])
def test_no_rows_or_endless_rows_cannot_be_drawn(share: Any) -> None:
    with pytest.raises(ValueError, match="max_samples must be"):
        RandomForestRegressor(3, max_samples=share).fit([[0.0], [1.0]], [0.0, 1.0])


def test_rows_are_not_drawn_without_a_bootstrap() -> None:
    message = "`max_sample` cannot be set if `bootstrap=False`. Either switch to `bootstrap=True`"
    with pytest.raises(ValueError, match=message):
        ExtraTreesRegressor(3, max_samples=0.5).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.parametrize("cls", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
@pytest.mark.parametrize("none", [[], np.array([]), [False, False], np.array([], dtype=np.int64)])
def test_an_empty_list_of_categories_is_as_none(cls: Any, none: Any) -> None:
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    model = cls(categorical_features=none, max_iter=2, min_samples_leaf=1).fit(X, y)
    assert model.is_categorical_ is None
    plain = cls(max_iter=2, min_samples_leaf=1).fit(X, y)
    assert model.predict(X).tolist() == plain.predict(X).tolist()


class Frame(np.ndarray):
    """An array with names of columns."""

    columns = ("width", "height")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([b"width"], TypeError, "must be an array-like of bool, int or str, got: bytes"),
        ([0.5], TypeError, "must be an array-like of bool, int or str, got: float64"),
        ([0, -1], ValueError, r"set as integer indices must be in \[0, n_features - 1\]"),
        ([2], ValueError, r"which is \[0, 1\], got \[2\]"),
        ([True], ValueError, r"set as a boolean mask must have shape \(n_features,\)"),
        (["depth"], ValueError, "has an item value 'depth' which is not a valid feature name"),
        (["depth"], ValueError, r"Observed feature names: \['width', 'height'\]"),
    ],
)
def test_categories_that_are_not_there_are_refused(given: Any, error: Any, message: str) -> None:
    X = np.zeros((4, 2)).view(Frame)
    with pytest.raises(error, match=f"categorical_features .*{message}"):
        HistGradientBoostingRegressor(categorical_features=given).fit(X, [0.0, 1.0, 2.0, 3.0])


def test_names_need_a_frame() -> None:
    model = HistGradientBoostingRegressor(categorical_features=["width"])
    with pytest.raises(ValueError, match=r"array of integers or as a boolean mask"):
        model.fit(np.zeros((4, 2)), [0.0, 1.0, 2.0, 3.0])
