# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of random forests and extra trees: small, many-class, middle and large data."""

from __future__ import annotations

from typing import Any

from shared.bench.cases.trees import FLAT, bundled, classes, fit, node_counts, numbers
from shared.bench.harness import Case


def case(work: str, name: str, make: Any, sizes: Any, n_trees: int, **options: Any) -> Case:
    """Compare fits."""
    bar = options.pop("bar", None)
    return Case(
        f"{work}, {n_trees} trees",
        peer="scikit-learn",
        sizes=sizes,
        make=make,
        **fit(name, n_estimators=n_trees, random_state=0, **options),
        bar=bar,
        deviation=node_counts,
        tolerance=0.2,  # both forests are drawn at random
    )


BUNDLED = ({"name": "digits"}, {"name": "breast_cancer"})
SMALL = ({"n": 1000, "d": 10},)
LARGE = ({"n": 100000, "d": 10},)
REGRESSOR = "RandomForestRegressor"
SQRT = {"max_features": "sqrt"}
CASES = [
    case("random forest fit", "RandomForestClassifier", classes, FLAT, 10, bar=0.4),
    case("random forest fit", "RandomForestClassifier", bundled, BUNDLED, 100),
    case("random forest fit, small data", "RandomForestClassifier", classes, SMALL, 100),
    case("random forest fit, large data", "RandomForestClassifier", classes, LARGE, 3),
    case("random forest fit, squared error", REGRESSOR, numbers, FLAT[:1], 10),
    case(
        "random forest fit, squared error, sqrt", "RandomForestRegressor", numbers, FLAT, 10, **SQRT
    ),
    case("extra trees fit", "ExtraTreesClassifier", classes, FLAT[:1], 10),
    case("extra trees fit", "ExtraTreesClassifier", bundled, BUNDLED, 100),
    case("extra trees fit, small data", "ExtraTreesClassifier", classes, SMALL, 100),
    case("extra trees fit, large data", "ExtraTreesClassifier", classes, LARGE, 3),
    case("extra trees fit, squared error", "ExtraTreesRegressor", numbers, SMALL, 100),
]
