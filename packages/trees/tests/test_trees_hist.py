# SPDX-License-Identifier: BSD-3-Clause
"""Histogram boosting against steps by hand, repeated rows and its own history."""

from __future__ import annotations

import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from byhand.trees import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from byhand.utils.persist import load, save

FAST: dict[str, Any] = {"max_iter": 5, "min_samples_leaf": 1, "random_state": 0}


def data(n: int = 200, d: int = 4, seed: int = 0, missing: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).round(1)
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2 % d]) + 0.1 * rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def test_one_full_step_on_a_constant_feature_gives_the_mean() -> None:
    y = np.array([1.0, 2.0, 6.0])
    model = HistGradientBoostingRegressor(**FAST).fit(np.zeros((3, 1)), y)
    assert np.allclose(model.predict(np.zeros((1, 1))), 3.0, rtol=1e-15, atol=0)


def test_distinct_rows_are_learned_by_heart() -> None:
    X, y = np.arange(50.0)[:, None], np.random.default_rng(0).normal(size=50)
    model = HistGradientBoostingRegressor(
        max_iter=2, learning_rate=1.0, min_samples_leaf=1, max_leaf_nodes=None
    ).fit(X, y)
    assert np.allclose(model.predict(X), y, rtol=0, atol=1e-12)


def test_the_start_of_log_loss_is_the_log_odds_of_the_classes() -> None:
    X, y = data(100)
    labels = (y > np.quantile(y, 0.8)).astype(int)
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, labels)
    assert model.baseline_ == pytest.approx([np.log(labels.mean() / (1 - labels.mean()))])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "quantile"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_training_loss_falls_and_is_that_of_the_model(loss: str, weighted: bool) -> None:
    X, y = data(300)
    y = y - y.min() + 0.1
    w = np.random.default_rng(1).uniform(0.5, 2.0, 300) if weighted else np.ones(300)
    model = HistGradientBoostingRegressor(
        loss, quantile=0.3 if loss == "quantile" else None, max_iter=15, min_samples_leaf=5
    ).fit(X, y, w if weighted else None)
    p = model.predict(X)
    error = {
        "squared_error": 0.5 * (y - p) ** 2,
        "absolute_error": np.abs(y - p),
        "poisson": p - y * np.log(p),
        "quantile": np.maximum(0.3 * (y - p), -0.7 * (y - p)),
    }[loss]
    assert model.history_[-1] == pytest.approx(np.average(error, weights=w), rel=1e-10)
    assert (np.diff(model.history_) <= 1e-12).all()
    assert model.history_[-1] < 0.8 * model.history_[0]
    assert np.array_equal(model.train_score_, -np.array(model.history_))


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_probabilities_sum_to_one_and_history_is_their_log_loss(n_classes: int) -> None:
    X, y = data(300)
    labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=5).fit(X, labels)
    p = model.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1.0, rtol=1e-14, atol=0)
    assert model.history_[-1] == pytest.approx(-np.log(p[np.arange(300), labels]).mean())
    assert len(model.trees_.root) == 10 * (1 if n_classes == 2 else n_classes)
    assert model.score(X, labels) > 0.85


def test_more_classes_than_a_signed_byte_holds_are_learned() -> None:
    labels = np.arange(130).repeat(3)
    model = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=4, min_samples_leaf=1)
    model.fit(labels[:, None], labels)
    assert np.array_equal(model.predict(labels[:, None]), labels)


def test_a_newton_step_by_hand() -> None:
    """Log-loss: a leaf's value is rate * sum(y - p) / (sum p (1 - p) + l2)."""
    X, y, w = np.zeros((4, 1)), np.array([0, 1, 1, 1]), np.array([1.0, 1.0, 2.0, 1.0])
    X[0] = 1.0
    model = HistGradientBoostingClassifier(
        max_iter=1, learning_rate=0.5, min_samples_leaf=1, l2_regularization=0.3
    ).fit(X, y, w)
    p = 0.8
    steps = [0.5 * 4 * (1 - p) / (4 * p * (1 - p) + 0.3), 0.5 * -p / (p * (1 - p) + 0.3)]
    raw = np.log(p / (1 - p)) + np.array(steps)
    assert np.allclose(model.decision_function([[0.0], [1.0]]), raw, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["regression", "binary", "three"])
def test_an_integer_weight_is_a_repeated_row_and_zero_a_removed_one(kind: str) -> None:
    X, y = data(120)
    w = np.random.default_rng(3).integers(0, 3, 120)
    if kind != "regression":
        y = np.digitize(y, np.quantile(y, [0.5] if kind == "binary" else [0.3, 0.7]))
    cls = HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier
    make: dict[str, Any] = {"max_iter": 8, "min_samples_leaf": 1, "max_leaf_nodes": 4}
    weighted = cls(**make).fit(X, y, w)
    repeated = cls(**make).fit(X.repeat(w, axis=0), y.repeat(w))
    raw = "predict" if kind == "regression" else "decision_function"
    a, b = getattr(weighted, raw)(X), getattr(repeated, raw)(X)
    assert np.allclose(a, b, rtol=0, atol=1e-9)


def test_class_weights_are_sample_weights() -> None:
    X, y = data(200)
    labels = (y > np.quantile(y, 0.8)).astype(int)
    by_class = HistGradientBoostingClassifier(class_weight={1: 3.0}, **FAST).fit(X, labels)
    by_row = HistGradientBoostingClassifier(**FAST).fit(X, labels, 1.0 + 2.0 * labels)
    assert np.array_equal(by_class.decision_function(X), by_row.decision_function(X))


def test_early_stopping_keeps_the_trees_up_to_there() -> None:
    X, y = data(600)
    model = HistGradientBoostingRegressor(
        max_iter=500, early_stopping=True, n_iter_no_change=5, random_state=0
    ).fit(X, y)
    assert model.n_iter_ < 500
    assert model.converged_
    assert len(model.validation_score_) == model.n_iter_ + 1
    best = int(np.argmax(model.validation_score_))
    assert model.n_iter_ - best <= 5 + 1
    assert HistGradientBoostingRegressor(max_iter=3).fit(X, y).do_early_stopping_ is False


def test_staged_predictions_end_with_the_prediction() -> None:
    X, y = data(200)
    labels = np.digitize(y, np.quantile(y, [0.3, 0.7])).astype(str)
    reg = HistGradientBoostingRegressor(max_iter=6).fit(X, y)
    stages = list(reg.staged_predict(X))
    assert len(stages) == 6
    assert np.allclose(stages[-1], reg.predict(X), rtol=1e-12, atol=0)
    clf = HistGradientBoostingClassifier(max_iter=6).fit(X, labels)
    assert np.allclose(list(clf.staged_predict_proba(X))[-1], clf.predict_proba(X), rtol=1e-12)
    assert np.array_equal(list(clf.staged_predict(X))[-1], clf.predict(X))


def test_an_executor_gives_the_same_bits_and_trees_of_a_round_run_in_it() -> None:
    X, y = data(300)
    labels = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    model = HistGradientBoostingClassifier(max_iter=4, max_features=0.5, random_state=3)
    serial = model.fit(X, labels).decision_function(X)
    with ThreadPoolExecutor(2) as pool:
        parallel = model.fit(X, labels, executor=pool).decision_function(X)
    assert np.array_equal(serial, parallel)


def test_a_callback_sees_each_round_and_stops() -> None:
    seen: list[int] = []

    def callback(model: Any, info: Any) -> bool:
        seen.append(info["iteration"])
        return bool(info["iteration"] == 3)

    X, y = data(100)
    model = HistGradientBoostingRegressor(max_iter=50).fit(X, y, callback=callback)
    assert seen == [1, 2, 3]
    assert model.n_iter_ == 3


def test_columns_in_another_order_give_the_same_model() -> None:
    X, y = data(300)
    order = [2, 0, 3, 1]
    a = HistGradientBoostingRegressor(**FAST).fit(X, y).predict(X)
    b = HistGradientBoostingRegressor(**FAST).fit(X[:, order], y).predict(X[:, order])
    assert np.allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("function", [np.exp, lambda x: x**3])
def test_a_monotone_map_of_the_features_changes_nothing(function: Any) -> None:
    X, y = data(300)
    a = HistGradientBoostingRegressor(**FAST).fit(X, y).predict(X)
    b = HistGradientBoostingRegressor(**FAST).fit(function(X), y).predict(function(X))
    assert np.allclose(a, b, rtol=0, atol=1e-12)


def test_memory_does_not_grow_with_the_number_of_trees() -> None:
    """2 bytes per sample and feature, 80 per sample, 2 kB per feature and half of the leaves."""
    n, d = 20_000, 50
    X = np.random.default_rng(0).normal(size=(n, d))
    tracemalloc.start()
    HistGradientBoostingRegressor(max_iter=30, early_stopping=False).fit(X, X[:, 0] * X[:, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= (2 * d + 80) * n + 2048 * 20 * d + 3_000_000


def test_a_negative_category_is_missing() -> None:
    X, y = data(300)
    X[:, 0] = np.arange(300) % 5 - 1
    missing = X.copy()
    missing[X[:, 0] < 0, 0] = np.nan
    model = HistGradientBoostingRegressor(categorical_features=[0], **FAST)
    for train, ask in ((X, missing), (missing, X)):
        assert np.array_equal(model.fit(train, y).predict(ask), model.predict(train))
    assert model.edges_[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_saved_model_predicts_the_same(tmp_path: Any, ending: str) -> None:
    X, y = data(200, missing=0.1)
    X[:, 0] = np.nan_to_num(X[:, 0]).round()
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(X, y > 0)
    save(model, tmp_path / f"m{ending}")
    assert np.array_equal(load(tmp_path / f"m{ending}").predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("child", lambda a: np.zeros_like(a)),
        ("child", lambda a: a + 10_000),
        ("feature", lambda a: a + 99),
        ("feature", lambda a: a - 99),
        ("root", lambda a: a - 1),
        ("value", lambda a: a * np.nan),
        ("category", lambda a: a + 5),
        ("threshold", lambda a: a[:-1]),
        ("missing_left", lambda a: np.zeros_like(a)),
    ],
)
def test_a_damaged_model_is_refused(name: str, change: Any) -> None:
    X, y = data(100)
    model = HistGradientBoostingRegressor(max_iter=2).fit(X, y)
    model._check_loaded()
    model.trees_ = model.trees_._replace(**{name: change(getattr(model.trees_, name))})
    with pytest.raises(ValueError, match="trees_"):
        model._check_loaded()


BAD = {
    "loss": "cube",
    "learning_rate": 0.0,
    "max_iter": 0,
    "max_leaf_nodes": 1,
    "max_depth": 0,
    "min_samples_leaf": 0,
    "l2_regularization": -1.0,
    "max_features": 1.5,
    "max_bins": 256,
    "early_stopping": "never",
    "validation_fraction": 1.0,
    "n_iter_no_change": 0,
    "tol": -1.0,
    "categorical_features": [7],
}


@pytest.mark.parametrize("cls", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
@pytest.mark.parametrize("name", sorted(BAD))
def test_a_setting_out_of_range_is_refused_by_name(cls: Any, name: str) -> None:
    X, y = data(50)
    with pytest.raises(ValueError, match=name):
        cls(**{name: BAD[name]}).fit(X, (y > 0).astype(int))


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "poisson"}, [-1.0, 2.0], r"requires non-negative y and sum\(y\) > 0"),
        ({"loss": "quantile"}, [1.0, 2.0], "quantile must be a number"),
        ({"loss": "quantile", "quantile": 2.0}, [1.0, 2.0], "quantile"),
        (
            {"categorical_features": [True]},
            [1.0, 2.0],
            r"mask must have shape .* \(2,\), got: \(1,\)",
        ),
        ({"categorical_features": ["a"]}, [1.0, 2.0], "fitted on data without feature names"),
    ],
)
def test_what_a_regressor_cannot_do_is_refused(options: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HistGradientBoostingRegressor(**options).fit(np.zeros((2, 2)), y)


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 classes"):
        HistGradientBoostingClassifier().fit(np.zeros((3, 1)), [1, 1, 1])
    with pytest.raises(ValueError, match="at least 2 classes"):
        HistGradientBoostingClassifier().fit(np.zeros((3, 1)), [0, 1, 1], [0.0, 1.0, 1.0])


def test_too_many_categories_are_refused() -> None:
    X = np.arange(300.0)[:, None]
    with pytest.raises(ValueError, match=r"at index 0 is expected .* <= 255 .* of 300"):
        HistGradientBoostingRegressor(categorical_features=[0]).fit(X, X[:, 0])


def test_it_runs_without_a_floating_point_warning() -> None:
    X, y = data(200, missing=0.1)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        model = HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=1).fit(X, y > 0)
        model.predict_proba(X)
        HistGradientBoostingRegressor(max_iter=5).fit(X, y * 1e-300).predict(X)
