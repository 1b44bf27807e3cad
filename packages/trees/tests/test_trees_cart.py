# SPDX-License-Identifier: BSD-3-Clause
"""Decision trees: every cut against exhaustive search, and what follows from the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from byhand.trees import DecisionTreeClassifier, DecisionTreeRegressor

Check = Callable[..., int]
DATA = ["normal", "float32", "ties", "adjacent", "constant column", "wide", "nan", "offset"]


def features(kind: str, rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    X = rng.standard_normal((n, d))
    if kind == "float32":
        return X.astype(np.float32)
    if kind == "ties":
        return np.round(X)
    if kind == "adjacent":  # neighbouring doubles, of both signs, and zero of both signs
        base = rng.choice([1.0, -1.0, 1e300, 5e-324, 0.0, -0.0], size=(n, d))
        return np.where(rng.random((n, d)) < 0.5, base, np.nextafter(base, np.inf))
    if kind == "constant column":
        X[:, 0] = 7.0
    if kind == "wide":
        return np.sign(X) * 10.0 ** (100 * X)
    if kind == "nan":
        X = np.round(2 * X)
        X[rng.random((n, d)) < 0.3] = np.nan
    if kind == "offset":
        return 1e8 + X
    return X


def weights(kind: str, rng: np.random.Generator, n: int) -> Any:
    if kind == "none":
        return None
    if kind == "whole":
        return rng.integers(0, 4, n).astype(float) + (np.arange(n) == 0)
    if kind == "wide":
        return 10.0 ** rng.uniform(-12, 3, n)
    return rng.random(n) + 1e-3


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("weight", ["none", "whole", "real", "wide"])
@pytest.mark.parametrize("criterion", ["gini", "gini, 3 classes", "entropy", "squared_error"])
def test_no_cut_is_better_than_the_one_made(
    data: str, weight: str, criterion: str, every_cut_is_best: Check
) -> None:
    n_cuts = 0
    for seed in range(2):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 24))
        X, w = features(data, rng, n, 3), weights(weight, rng, n)
        min_leaf = 1 + seed
        if criterion == "squared_error":
            y: Any = rng.standard_normal(n) if seed else np.round(rng.standard_normal(n), 1)
            model: Any = DecisionTreeRegressor(min_samples_leaf=min_leaf)
        else:
            y = rng.integers(0, 3 if "3" in criterion or criterion == "entropy" else 2, n)
            criterion = criterion.split(",")[0]
            model = DecisionTreeClassifier(criterion=criterion, min_samples_leaf=min_leaf)
        tree = model.fit(X, y, w).tree_
        n_cuts += every_cut_is_best(tree, X, y, w, criterion, min_leaf)
    assert n_cuts > 0 or data == "adjacent"
