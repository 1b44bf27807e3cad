# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of byhand.trees: one tree, exact boosting, and predicting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case

Work = Callable[[], Any]


def classes(n: int, d: int, dtype: str = "float64") -> tuple[Any, ...]:
    """Two classes; values that float32 holds, so that scikit-learn cuts the same numbers."""
    from sklearn.datasets import make_classification

    X, y = make_classification(n, d, n_informative=d // 2, random_state=0)
    return X.astype(np.float32).astype(dtype), y


def numbers(n: int, d: int, dtype: str = "float64") -> tuple[Any, ...]:
    """A real target."""
    from sklearn.datasets import make_regression

    X, y = make_regression(n, d, n_informative=d // 2, noise=1.0, random_state=0)
    return X.astype(np.float32).astype(dtype), y


def counts(n: int, d: int, dtype: str = "float64") -> tuple[Any, ...]:
    """A target of whole numbers from 0 on, about 1 in the mean."""
    X, y = numbers(n, d, dtype)
    return X, np.random.default_rng(0).poisson(np.exp(y / y.std())).astype(float)


def bundled(name: str) -> tuple[Any, ...]:
    """A data set that comes with scikit-learn."""
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X, y


def fit(name: str, **options: Any) -> dict[str, Any]:
    """Fit the class of this name, ours and scikit-learn's."""

    def ours(X: Any, y: Any) -> Work:
        import byhand.trees

        model = getattr(byhand.trees, name)(**options)
        return lambda: model.fit(X, y)

    def theirs(X: Any, y: Any) -> Work:
        import sklearn.ensemble
        import sklearn.tree

        module = sklearn.tree if hasattr(sklearn.tree, name) else sklearn.ensemble
        model = getattr(module, name)(**options)
        return lambda: model.fit(X, y)

    return {"ours": ours, "theirs": theirs}


def node_counts(ours: Any, theirs: Any) -> float:
    """How far apart the numbers of nodes are: equal cuts are drawn by lot in scikit-learn."""
    if hasattr(ours, "tree_"):
        return float(abs(ours.tree_.node_count / theirs.tree_.node_count - 1))
    total = sum(tree.tree_.node_count for tree in theirs.estimators_)
    return float(abs(len(ours.trees_.nodes.feature) / total - 1))


def losses(ours: Any, theirs: Any) -> float:
    """How far apart the losses of all rounds are."""
    return float(np.abs(ours.train_score_ / theirs.train_score_ - 1).max())


def taken_over(peer: Any, X: Any, classes_: Any) -> Any:
    """Our model with the trees of scikit-learn's, so that both predict the same."""
    from byhand.trees import Forest, Tree
    from byhand.trees.ensemble import join_forests

    def tree(t: Any) -> Any:
        links: Any = (t.children_left, t.children_right, t.feature)
        rest: Any = (t.threshold, t.impurity, t.n_node_samples, t.weighted_n_node_samples, t.value)
        parts = [a.astype(np.int64) for a in links]
        return Tree._make([*parts, *rest, t.missing_go_to_left])

    import byhand.trees

    model = getattr(byhand.trees, type(peer).__name__)()
    learned: dict[str, Any] = (
        {} if classes_ is None else {"classes_": classes_, "n_classes_": len(classes_)}
    )
    if hasattr(peer, "tree_"):
        return model._fitted(X, tree_=tree(peer.tree_), **learned)
    root = np.zeros(1, dtype=np.int64)
    trees = [tree(t.tree_) for t in np.ravel(peer.estimators_)]
    learned["trees_"] = join_forests([Forest(t, root) for t in trees])
    if hasattr(peer, "init_"):
        learned["init_raw_"] = np.array([peer.init_.predict(X[:1])[0]])
    return model._fitted(X, **learned)


def predict(name: str, method: str = "predict", **options: Any) -> dict[str, Any]:
    """Predict with the same trees."""

    def fitted(X: Any, y: Any) -> Any:
        import sklearn.ensemble
        import sklearn.tree

        module = sklearn.tree if hasattr(sklearn.tree, name) else sklearn.ensemble
        return getattr(module, name)(random_state=0, **options).fit(X, y)

    def ours(X: Any, y: Any) -> Work:
        peer = fitted(X, y)
        model = taken_over(peer, X, getattr(peer, "classes_", None))
        return lambda: getattr(model, method)(X)

    def theirs(X: Any, y: Any) -> Work:
        model = fitted(X, y)
        return lambda: getattr(model, method)(X)

    return {"ours": ours, "theirs": theirs}


BIG = ({"n": 10000, "d": 50}, {"n": 100000, "d": 10}, {"n": 1000, "d": 10})
FLAT = ({"n": 10000, "d": 10}, {"n": 10000, "d": 50})
PREDICT = (*FLAT, {"n": 100000, "d": 10}, {"n": 1000, "d": 10})
SINGLE = [{**size, "dtype": "float32"} for size in BIG[:2]]

CASES = [
    Case(
        "CART fit, gini",
        peer="scikit-learn",
        sizes=BIG,
        make=classes,
        **fit("DecisionTreeClassifier", random_state=0),
        bar=(0.25, 0.25, None),
        deviation=node_counts,
        tolerance=0.1,
    ),
    Case(
        "CART fit, gini, float32",
        peer="scikit-learn",
        sizes=SINGLE,
        make=classes,
        **fit("DecisionTreeClassifier", random_state=0),
        bar=0.25,
        deviation=node_counts,
        tolerance=0.1,
        dtype="float32",
    ),
    Case(
        "CART fit, gini, depth 6 (memory)",
        peer="scikit-learn",
        sizes=({"n": 10000, "d": 50}, {"n": 100000, "d": 50}),
        make=classes,
        **fit("DecisionTreeClassifier", max_depth=6, random_state=0),
        bar=0.25,
        deviation=node_counts,
        tolerance=0.1,
        repeats=5,
    ),
    Case(
        "CART fit, entropy",
        peer="scikit-learn",
        sizes=BIG[:1],
        make=classes,
        **fit("DecisionTreeClassifier", criterion="entropy", random_state=0),
        deviation=node_counts,
        tolerance=0.1,
    ),
    Case(
        "CART fit, squared error",
        peer="scikit-learn",
        sizes=BIG,
        make=numbers,
        **fit("DecisionTreeRegressor", random_state=0),
        bar=(0.4, 0.4, None),
        deviation=node_counts,
        tolerance=0.02,
    ),
    Case(
        "CART fit, Poisson deviance",
        peer="scikit-learn",
        sizes=FLAT[:1],
        make=counts,
        **fit("DecisionTreeRegressor", criterion="poisson", random_state=0),
        deviation=node_counts,
        tolerance=0.05,
    ),
    Case(
        "CART fit, gini, breast cancer (569 rows)",
        peer="scikit-learn",
        sizes=({"name": "breast_cancer"},),
        make=bundled,
        **fit("DecisionTreeClassifier", random_state=0),
        bar=1.5,
        deviation=node_counts,
        tolerance=0.2,
        repeats=15,
    ),
    Case(
        "CART fit, gini, digits (10 classes)",
        peer="scikit-learn",
        sizes=({"name": "digits"},),
        make=bundled,
        **fit("DecisionTreeClassifier", random_state=0),
        bar=1.5,
        deviation=node_counts,
        tolerance=0.1,
        repeats=15,
    ),
    Case(
        "CART fit, entropy, digits (10 classes)",
        peer="scikit-learn",
        sizes=({"name": "digits"},),
        make=bundled,
        **fit("DecisionTreeClassifier", criterion="entropy", random_state=0),
        bar=1.5,
        deviation=node_counts,
        tolerance=0.1,
        repeats=15,
    ),
    Case(
        "CART fit, squared error, diabetes (442 rows)",
        peer="scikit-learn",
        sizes=({"name": "diabetes"},),
        make=bundled,
        **fit("DecisionTreeRegressor", random_state=0),
        bar=1.5,
        deviation=node_counts,
        tolerance=0.02,
        repeats=15,
    ),
    Case(
        "exact gradient boosting fit, depth 3, 20 trees",
        peer="scikit-learn",
        sizes=FLAT,
        make=numbers,
        **fit("GradientBoostingRegressor", n_estimators=20, random_state=0),
        bar=0.3,
        deviation=losses,
        tolerance=1e-9,
    ),
    Case(
        "tree predict, gini, breast cancer (569 rows)",
        peer="scikit-learn",
        sizes=({"name": "breast_cancer"},),
        make=bundled,
        **predict("DecisionTreeClassifier", "predict_proba"),
        bar=1.5,
        tolerance=0.0,
    ),
    Case(
        "tree predict, gini",
        peer="scikit-learn",
        sizes=PREDICT,
        make=classes,
        **predict("DecisionTreeClassifier", "predict_proba"),
        bar=1.5,
        tolerance=0.0,
    ),
    Case(
        "tree predict, squared error",
        peer="scikit-learn",
        sizes=PREDICT,
        make=numbers,
        **predict("DecisionTreeRegressor"),
        bar=1.5,
        tolerance=0.0,
    ),
    Case(
        "random forest predict, 50 trees",
        peer="scikit-learn",
        sizes=({"n": 1000, "d": 10}, {"n": 10000, "d": 10}, {"n": 10000, "d": 50}),
        make=classes,
        **predict("RandomForestClassifier", "predict_proba", n_estimators=50),
        bar=1.5,
        tolerance=1e-12,
    ),
    Case(
        "gradient boosting predict, 100 trees of depth 3",
        peer="scikit-learn",
        sizes=({"n": 1000, "d": 10}, {"n": 10000, "d": 10}),
        make=numbers,
        **predict("GradientBoostingRegressor", n_estimators=100),
        bar=1.5,
        tolerance=1e-12,
    ),
]
