# SPDX-License-Identifier: BSD-3-Clause
"""Decision trees: every cut against exhaustive search, and what follows from the definition."""

from __future__ import annotations

import itertools
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
@pytest.mark.parametrize(
    "criterion", ["gini", "gini, 3 classes", "entropy", "squared_error", "poisson"]
)
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
        elif criterion == "poisson":
            y = rng.gamma(0.5, size=n) if seed else rng.poisson(1.0, n).astype(float)
            y[0] = 1.0
            w = None if w is None else w + (np.arange(n) == 0)
            model = DecisionTreeRegressor(criterion="poisson", min_samples_leaf=min_leaf)
        else:
            y = rng.integers(0, 3 if "3" in criterion or criterion == "entropy" else 2, n)
            criterion = criterion.split(",")[0]
            model = DecisionTreeClassifier(criterion=criterion, min_samples_leaf=min_leaf)
        tree = model.fit(X, y, w).tree_
        n_cuts += every_cut_is_best(tree, X, y, w, criterion, min_leaf)
    assert n_cuts > 0 or data == "adjacent"


@pytest.mark.parametrize("weight", ["none", "whole", "real", "wide"])
@pytest.mark.parametrize("data", ["normal", "ties", "adjacent", "nan"])
def test_targets_of_any_scale_are_cut_best(
    data: str, weight: str, every_cut_is_best: Check
) -> None:
    """Targets of 1e-300 to 1e300 in one tree, and neighbouring doubles among them."""
    rng = np.random.default_rng(5)
    X, w = features(data, rng, 20, 3), weights(weight, rng, 20)
    y = rng.choice([-1.0, 1.0], 20) * 10.0 ** rng.uniform(-300, 300, 20)
    y[::3] = np.nextafter(y[1], np.inf)
    tree: Any = DecisionTreeRegressor().fit(X, y, w).tree_
    assert every_cut_is_best(tree, X, y, w, "squared_error") > 0 or data == "adjacent"
    if data == "normal" and weight != "whole":  # every row has a leaf of its own, and its digits
        assert np.isin(y, tree.value).all()


def test_the_largest_doubles_do_not_overflow() -> None:
    X, y = np.arange(4.0)[:, None], np.array([-1.7e308, -1.7e308, 1.6e308, 1.7e308])
    model: Any = DecisionTreeRegressor().fit(X, y)
    assert model.predict(X).tolist() == y.tolist()
    assert model.tree_.threshold[0] == 1.5


def test_a_share_of_the_weight_is_asked_of_both_sides_without_weights_too() -> None:
    """One row of twenty parts best; a cut must leave a tenth of them, two rows, on each side."""
    X, y = np.arange(20.0)[:, None], np.array([9.0] + [0.1] * 18 + [1.0])
    for criterion, target in itertools.product(("squared_error", "poisson"), (y, y[::-1])):
        rule: Any = {"criterion": criterion, "min_weight_fraction_leaf": 0.1}
        tree = DecisionTreeRegressor(**rule).fit(X, target).tree_
        assert tree.n_node_samples.min() >= 2
        assert tree.node_count > 1
    for criterion in ("gini", "entropy"):
        rule = {"criterion": criterion, "min_weight_fraction_leaf": 0.1}
        tree = DecisionTreeClassifier(**rule).fit(X, y > 5).tree_
        assert tree.n_node_samples.min() >= 2


def test_poisson_impurity_is_half_the_mean_deviance() -> None:
    """y = 1, 3: mean 2, (log(1/2) + 3 log(3/2)) / 2."""
    tree = DecisionTreeRegressor(criterion="poisson").fit([[0.0], [1.0]], [1.0, 3.0]).tree_
    expected = (np.log(0.5) + 3 * np.log(1.5)) / 2
    assert np.allclose(tree.impurity, [expected, 0, 0], rtol=1e-14, atol=0)


def test_poisson_makes_no_side_of_zeros() -> None:
    """A mean of 0 has no deviance: scikit-learn makes no such cut either."""
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 0.0, 1e-320]
    assert DecisionTreeRegressor(criterion="poisson").fit(X, y).get_n_leaves() == 1
    y = [1e-320, 0.0, 0.0, 5.0]  # so little above 0 is enough
    assert DecisionTreeRegressor(criterion="poisson").fit(X, y).get_n_leaves() == 2


@pytest.mark.parametrize(
    ("y", "said"),
    [([1.0, -1.0], "Some.*y are negative.*Poisson"), ([0.0, 0.0], "y is not positive.*Poisson")],
)
def test_poisson_refuses_targets_without_a_deviance(y: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DecisionTreeRegressor(criterion="poisson").fit([[0.0], [1.0]], y)
