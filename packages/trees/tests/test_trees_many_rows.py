# SPDX-License-Identifier: BSD-3-Clause
"""More rows than 16 bits can number: the least type that holds a row's number changes there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

N_ROWS = 2**16 + 5000
MODELS = [
    DecisionTreeRegressor(max_depth=2),
    DecisionTreeClassifier(max_depth=3),
    RandomForestRegressor(3, max_depth=2, random_state=0),
    RandomForestRegressor(3, max_depth=2, bootstrap=False, random_state=0),
    RandomForestClassifier(3, max_depth=4, random_state=0),
    ExtraTreesRegressor(5, max_depth=12, random_state=0),
    GradientBoostingRegressor(n_estimators=2, learning_rate=1.0, max_depth=2),
    GradientBoostingRegressor(n_estimators=4, learning_rate=0.9, subsample=0.99, random_state=0),
    HistGradientBoostingRegressor(max_iter=2, learning_rate=1.0, max_leaf_nodes=4),
]


@pytest.mark.parametrize("values", ["distinct", "few"])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{type(m).__name__}-{MODELS.index(m)}")
def test_four_quarters_are_told_apart(model: Any, values: str) -> None:
    """The quarters of one feature have targets 0 to 3; the other feature says nothing."""
    rng = np.random.default_rng(0)
    X = rng.random((N_ROWS, 2))
    if values == "few":
        X = (X * 200).astype(int) / 200.0
    y = np.floor(X[:, 0] * 4)
    assert model.fit(X, y).score(X, y) > 0.99
