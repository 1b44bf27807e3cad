# SPDX-License-Identifier: BSD-3-Clause
"""Trees, forests and exact boosting beside scikit-learn's, on values that float32 holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import byhand.trees
from byhand_testkit import agreement

sklearn_tree = pytest.importorskip("sklearn.tree")
sklearn_ensemble = pytest.importorskip("sklearn.ensemble")
datasets = pytest.importorskip("sklearn.datasets")
PEER = "scikit-learn"


def representable(X: Any) -> Any:
    """What scikit-learn makes of X."""
    return X.astype(np.float32).astype(np.float64)


def regression(n: int, d: int = 6) -> Any:
    X, y = datasets.make_regression(n, d, n_informative=d - 1, noise=10.0, random_state=0)
    return representable(X), y


def classes(n: int, k: int) -> Any:
    X, y = datasets.make_classification(
        n, 6, n_informative=5, n_redundant=0, n_classes=k, random_state=0
    )
    return representable(X), y


@pytest.mark.parametrize("weighted", [False, True])
def test_a_regression_tree_of_depth_six_has_the_same_nodes(weighted: bool) -> None:
    X, y = regression(10000)
    w = np.random.default_rng(0).random(10000) if weighted else None
    ours = byhand.trees.DecisionTreeRegressor(max_depth=6).fit(X, y, w).tree_
    peer = sklearn_tree.DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, y, w).tree_
    for name in ("children_left", "children_right", "feature", "threshold", "n_node_samples"):
        assert np.array_equal(getattr(ours, name), getattr(peer, name)), name
    for name in ("impurity", "value", "weighted_n_node_samples"):
        a, b = getattr(ours, name), getattr(peer, name)
        agreement(
            "DecisionTreeRegressor",
            PEER,
            f"{name} of 127 nodes{', weights' if weighted else ''}",
            float(np.abs(a - b).max() / np.abs(b).max()),
            1e-10,
        )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_poisson_tree_has_the_same_nodes(weighted: bool) -> None:
    X, _ = regression(5000)
    rng = np.random.default_rng(0)
    y = rng.poisson(np.exp(X[:, 0] + 0.5 * X[:, 1] * X[:, 2])).astype(float)
    w = rng.random(5000) if weighted else None
    options: Any = {"criterion": "poisson", "max_depth": 5, "min_samples_leaf": 40}
    ours = byhand.trees.DecisionTreeRegressor(**options).fit(X, y, w).tree_
    peer = sklearn_tree.DecisionTreeRegressor(random_state=0, **options).fit(X, y, w).tree_
    for name in ("children_left", "children_right", "feature", "threshold", "n_node_samples"):
        assert np.array_equal(getattr(ours, name), getattr(peer, name)), name
    gap = float(np.abs(ours.impurity - peer.impurity).max() / peer.impurity.max())
    weights = ", weights" if weighted else ""
    agreement("DecisionTreeRegressor", PEER, f"poisson impurity{weights}", gap, 1e-10)


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_nodes_of_a_classification_tree_have_the_same_impurities(criterion: str) -> None:
    X, y = classes(5000, 3)
    options: Any = {"criterion": criterion, "max_depth": 4}
    ours = byhand.trees.DecisionTreeClassifier(**options).fit(X, y)
    peer = sklearn_tree.DecisionTreeClassifier(random_state=0, **options).fit(X, y)
    a, b = ours.tree_.impurity, peer.tree_.impurity
    agreement("DecisionTreeClassifier", PEER, criterion, float(np.abs(a - b).max()), 1e-12)
    shares = float(np.abs(ours.predict_proba(X) - peer.predict_proba(X)).max())
    agreement("DecisionTreeClassifier", PEER, f"{criterion}, predict_proba", shares, 1e-12)
    importances = float(np.abs(ours.feature_importances_ - peer.feature_importances_).max())
    agreement("DecisionTreeClassifier", PEER, f"{criterion}, importances", importances, 1e-12)


def test_missing_values_take_the_same_routes() -> None:
    X, y = regression(4000)
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    ours = byhand.trees.DecisionTreeRegressor(max_depth=4).fit(X, y)
    peer = sklearn_tree.DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, y)
    gap = float(np.abs(ours.predict(X) - peer.predict(X)).max() / np.abs(y).max())
    agreement("DecisionTreeRegressor", PEER, "20 % missing values", gap, 1e-10)


def test_the_pruning_path_is_the_same() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    X = representable(X)
    ours = byhand.trees.DecisionTreeRegressor(max_depth=5).fit(X, y)
    path = byhand.trees.cost_complexity_path(ours)
    peer = sklearn_tree.DecisionTreeRegressor(max_depth=5, random_state=0)
    theirs = peer.cost_complexity_pruning_path(X, y)
    alphas = np.abs(path.ccp_alphas - theirs.ccp_alphas).max() / theirs.ccp_alphas.max()
    agreement("cost_complexity_path", PEER, "diabetes, depth 5", float(alphas), 1e-10)
    impurities = np.abs(path.impurities - theirs.impurities).max() / theirs.impurities.max()
    agreement("cost_complexity_path", PEER, "impurities", float(impurities), 1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("weighted", [False, True])
def test_boosting_of_numbers_predicts_the_same(loss: str, weighted: bool) -> None:
    X, y = regression(2000)
    w = np.random.default_rng(0).random(2000) if weighted else None
    options: Any = {"loss": loss, "n_estimators": 20, "random_state": 0}
    ours = byhand.trees.GradientBoostingRegressor(**options).fit(X, y, w)
    peer = sklearn_ensemble.GradientBoostingRegressor(**options).fit(X, y, w)
    gap = float(np.abs(ours.predict(X) - peer.predict(X)).max() / np.abs(y).max())
    work = f"{loss}, 20 trees{', weights' if weighted else ''}"
    agreement("GradientBoostingRegressor", PEER, work, gap, 1e-10)


@pytest.mark.parametrize(("loss", "k"), [("log_loss", 2), ("log_loss", 3), ("exponential", 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_boosting_of_classes_predicts_the_same(loss: str, k: int, weighted: bool) -> None:
    X, y = classes(2000, k)
    w = np.random.default_rng(0).random(2000) if weighted else None
    options: Any = {"loss": loss, "n_estimators": 20, "random_state": 0}
    ours: Any = byhand.trees.GradientBoostingClassifier(**options).fit(X, y, w)
    peer = sklearn_ensemble.GradientBoostingClassifier(**options).fit(X, y, w)
    gap = float(np.abs(ours.decision_function(X) - peer.decision_function(X)).max())
    work = f"{loss}, {k} classes{', weights' if weighted else ''}"
    agreement("GradientBoostingClassifier", PEER, work, gap, 1e-10)
    losses = float(np.abs(ours.train_score_ - peer.train_score_).max())
    agreement("GradientBoostingClassifier", PEER, f"{work}, train_score_", losses, 1e-10)


@pytest.mark.parametrize("forest", ["RandomForest", "ExtraTrees"])
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_held_out_scores_of_forests_are_within_noise(forest: str, name: str) -> None:
    """Mean over five splits; the tolerance is three standard errors of the difference."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "Regressor" if name == "diabetes" else "Classifier"
    gaps = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(X))
        learn, held = order[: len(X) * 2 // 3], order[len(X) * 2 // 3 :]
        scores = []
        for module in (byhand.trees, sklearn_ensemble):
            model = getattr(module, forest + kind)(50, random_state=seed)
            scores.append(model.fit(X[learn], y[learn]).score(X[held], y[held]))
        gaps.append(scores[0] - scores[1])
    tolerance = 3 * float(np.std(gaps)) / np.sqrt(5) + 0.005
    agreement(f"{forest}{kind}", PEER, f"{name}, held-out", abs(float(np.mean(gaps))), tolerance)
