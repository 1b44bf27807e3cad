# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for everything public of byhand.trees."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    cost_complexity_path,
    export_dot,
    export_text,
    plot_tree,
)
from byhand_testkit import (
    Choice,
    Data,
    EstimatorRow,
    ExemptRow,
    Flag,
    Free,
    Integer,
    Real,
    load_rows,
    named_data,
)

SHARE = Real(0, 1, low_open=True, high_open=True)
DOMAINS: dict[str, Any] = {
    "splitter": Choice("best", "random"),
    "max_depth": Integer(1, none=True),
    "min_samples_split": Integer(2) | Real(0, 1, low_open=True),
    "min_samples_leaf": Integer(1) | SHARE,
    "min_weight_fraction_leaf": Real(0, 0.5),
    "max_features": Integer(1, none=True) | Real(0, 1, low_open=True) | Choice("sqrt", "log2"),
    "max_leaf_nodes": Integer(2, none=True),
    "min_impurity_decrease": Real(0),
    "ccp_alpha": Real(0),
    "n_estimators": Integer(1),
    "bootstrap": Flag(),
    "oob_score": Free("needs bootstrap: test_trees_ensembles.py"),
    "max_samples": Free("needs bootstrap: test_trees_ensembles.py"),
    "class_weight": Free("dict, 'balanced' or None: test_trees_hist.py has the same function"),
    "learning_rate": Real(0),
    "subsample": Real(0, 1, low_open=True),
    "init": Choice("zero", none=True),
    "alpha": Free("read for two losses only: test_trees_ensembles.py"),
    "validation_fraction": SHARE,
    "n_iter_no_change": Integer(1, none=True),
    "tol": Real(0),
}
IMPURITY = Choice("gini", "entropy", "log_loss")
SQUARED_OR_POISSON = Choice("squared_error", "poisson")
LOSSES = Choice("squared_error", "absolute_error", "huber", "quantile")


def row(cls: Any, data: Any, settings: dict[str, Any], exempt: dict[str, str], **more: Any) -> Any:
    """A row with the domains of the parameters that the class has."""
    label: Any = more.pop("label", "")
    names = set(inspect.signature(cls).parameters) - {"random_state"}
    domains = {name: DOMAINS[name] for name in sorted(names & set(DOMAINS))} | more
    settings = {"random_state": 0, **settings}
    shared: Any = {"data": data, "domains": domains, "exempt": exempt, "label": label}
    return EstimatorRow(cls, settings, nan="handled", **shared)


def rates() -> Data:
    """Targets above 0."""
    data = named_data("regression")
    return Data(data.X, np.exp(data.y))


FEW = {"n_estimators": 4}
DRAWN = {
    "weights_repeat_rows": "random resampling: rows are drawn by number, repeated ones are others",
    "weights_of_zero": "random resampling: rows are drawn by number, of fewer rows others",
}

ROWS = [
    row(DecisionTreeClassifier, "classification", {}, {}, criterion=IMPURITY),
    row(DecisionTreeRegressor, "regression", {}, {}, criterion=SQUARED_OR_POISSON),
    row(
        DecisionTreeRegressor,
        rates,
        {"criterion": "poisson"},
        {},
        criterion=SQUARED_OR_POISSON,
        label="poisson",
    ),
    row(RandomForestClassifier, "classification", FEW, DRAWN, criterion=IMPURITY),
    row(RandomForestRegressor, "regression", FEW, DRAWN, criterion=SQUARED_OR_POISSON),
    row(ExtraTreesClassifier, "classification", FEW, {}, criterion=IMPURITY),
    row(ExtraTreesRegressor, "regression", FEW, {}, criterion=SQUARED_OR_POISSON),
    row(
        GradientBoostingClassifier,
        "classification",
        FEW,
        {},
        loss=Choice("log_loss", "exponential"),
    ),
    row(GradientBoostingRegressor, "regression", FEW, {}, loss=LOSSES),
    ExemptRow(cost_complexity_path, "takes a fitted tree: test_trees_pruning.py"),
    ExemptRow(export_text, "takes a fitted tree: test_trees_export.py"),
    ExemptRow(export_dot, "takes a fitted tree: test_trees_export.py"),
    ExemptRow(plot_tree, "draws a fitted tree: test_trees_export.py"),
    *load_rows(Path(__file__).with_name("conformance_hist.py")),
]
