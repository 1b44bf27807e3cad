# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for histogram boosting."""

from __future__ import annotations

from typing import Any

from byhand.trees import HistGradientBoostingClassifier, HistGradientBoostingRegressor, HistTrees
from byhand_testkit import Choice, EstimatorRow, ExemptRow, Flag, Free, Integer, Real

COMMON: dict[str, Any] = {
    "learning_rate": Real(0, low_open=True),
    "max_iter": Integer(1),
    "max_leaf_nodes": Integer(2, none=True),
    "max_depth": Integer(1, none=True),
    "min_samples_leaf": Integer(1),
    "l2_regularization": Real(0),
    "max_features": Real(0, 1, low_open=True),
    "max_bins": Integer(2, 255),
    "categorical_features": Free("mask, places, names or None: test_trees_hist.py"),
    "early_stopping": Flag() | Choice("auto"),
    "validation_fraction": Real(0, 1, low_open=True, high_open=True),
    "n_iter_no_change": Integer(1),
    "tol": Real(0),
}
FEW: dict[str, Any] = {"max_iter": 4, "min_samples_leaf": 1, "max_leaf_nodes": 4, "random_state": 0}
ENDLESS = {"convergence": "boosting ends after max_iter rounds; converged_ tells of early stopping"}

ROWS = [
    EstimatorRow(
        HistGradientBoostingRegressor,
        FEW,
        data="regression",
        domains=COMMON
        | {
            "loss": Choice("squared_error", "absolute_error", "poisson", "quantile"),
            "quantile": Free("read for loss='quantile' only: test_trees_hist.py"),
        },
        nan="handled",
        laws=("scale", "order", "columns"),
        history="falls",
        exempt=ENDLESS,
    ),
    EstimatorRow(
        HistGradientBoostingClassifier,
        FEW,
        data="classification",
        domains=COMMON
        | {
            "loss": Choice("log_loss"),
            "class_weight": Free("dict, 'balanced' or None: test_trees_hist.py"),
        },
        nan="handled",
        laws=("scale", "order", "columns"),
        history="falls",
        exempt=ENDLESS,
    ),
    ExemptRow(HistTrees, "arrays of a fitted model; checked when a model is loaded"),
]
