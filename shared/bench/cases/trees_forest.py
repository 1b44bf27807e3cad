# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of random forests and extra trees on small, many-class and large data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case


def classes(n: int, d: int) -> tuple[Any, ...]:
    """Two classes; values that float32 holds, so that scikit-learn cuts the same numbers."""
    from sklearn.datasets import make_classification

    X, y = make_classification(n, d, n_informative=d // 2, random_state=0)
    return X.astype(np.float32).astype(np.float64), y


def numbers(n: int, d: int) -> tuple[Any, ...]:
    """A real target."""
    from sklearn.datasets import make_regression

    X, y = make_regression(n, d, n_informative=d // 2, noise=1.0, random_state=0)
    return X.astype(np.float32).astype(np.float64), y


def bundled(name: str) -> tuple[Any, ...]:
    """A data set that comes with scikit-learn."""
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X, y


def fit(name: str, n_trees: int, **options: Any) -> dict[str, Any]:
    """Fit the class of this name, ours and scikit-learn's."""

    def work(module: Any, X: Any, y: Any) -> Callable[[], Any]:
        model = getattr(module, name)(n_trees, random_state=0, **options)
        return lambda: model.fit(X, y)

    def ours(X: Any, y: Any) -> Callable[[], Any]:
        import byhand.trees

        return work(byhand.trees, X, y)

    def theirs(X: Any, y: Any) -> Callable[[], Any]:
        import sklearn.ensemble

        return work(sklearn.ensemble, X, y)

    return {"ours": ours, "theirs": theirs}


def node_counts(ours: Any, theirs: Any) -> float:
    """How far apart the numbers of nodes are: both forests are drawn at random."""
    total = sum(tree.tree_.node_count for tree in theirs.estimators_)
    return float(abs(len(ours.trees_.nodes.feature) / total - 1))


def case(work: str, name: str, make: Any, sizes: Any, n_trees: int, **options: Any) -> Case:
    """Compare fits."""
    return Case(
        f"{work}, {n_trees} trees",
        peer="scikit-learn",
        sizes=sizes,
        make=make,
        **fit(name, n_trees, **options),
        deviation=node_counts,
        tolerance=0.2,
    )


BUNDLED = ({"name": "digits"}, {"name": "breast_cancer"})
SMALL = ({"n": 1000, "d": 10},)
LARGE = ({"n": 100000, "d": 10},)
CASES = [
    case("random forest fit", "RandomForestClassifier", bundled, BUNDLED, 100),
    case("random forest fit, small data", "RandomForestClassifier", classes, SMALL, 100),
    case("random forest fit, large data", "RandomForestClassifier", classes, LARGE, 3),
    case(
        "random forest fit, squared error, sqrt(d) features",
        "RandomForestRegressor",
        numbers,
        ({"n": 10000, "d": 10}, {"n": 10000, "d": 50}),
        10,
        max_features="sqrt",
    ),
    case("extra trees fit", "ExtraTreesClassifier", bundled, BUNDLED, 100),
    case("extra trees fit, small data", "ExtraTreesClassifier", classes, SMALL, 100),
    case("extra trees fit, large data", "ExtraTreesClassifier", classes, LARGE, 3),
    case("extra trees fit, squared error", "ExtraTreesRegressor", numbers, SMALL, 100),
]
