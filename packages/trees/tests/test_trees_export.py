# SPDX-License-Identifier: BSD-3-Clause
"""Trees as text, as a graph and as a drawing, and the demo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from byhand.trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    export_dot,
    export_text,
    plot_tree,
)
from byhand.trees.__main__ import main


def fitted(n: int = 60) -> Any:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = np.where(X[:, 0] > 0, "up", np.where(X[:, 1] > 0, "left", "right"))
    return DecisionTreeClassifier(random_state=0).fit(X, y), X, y


def test_the_rules_send_every_row_to_its_class() -> None:
    """Follow the text alone: the class it names is the one predicted."""
    model, X, _ = fitted()
    lines = export_text(model, decimals=17, max_depth=99).splitlines()
    for x, label in zip(X, model.predict(X), strict=True):
        depth = 0
        for line in lines:
            level = line.count("|") - 1
            if level != depth:
                continue
            rule = re.search(r"feature_(\d) (<=|> ) +(\S+)", line)
            if rule is None:
                assert line.endswith(f"class: {label}")
                break
            below = x[int(rule[1])] <= float(rule[3])
            if below == (rule[2] == "<="):
                depth += 1
        else:
            pytest.fail("no rule led to a class")


def test_names_weights_and_decimals_are_shown() -> None:
    model, _, _ = fitted()
    text = export_text(
        model, feature_names=["a", "b", "c"], class_names=["L", "R", "U"], show_weights=True,
        decimals=1, spacing=2,
    )  # fmt: skip
    assert "|-- a <= " in text
    assert re.search(r"weights: \[\d+\.0, 0\.0, 0\.0\] class: L", text)


def test_deep_branches_are_cut_off() -> None:
    X = np.arange(16.0)[:, None]
    model = DecisionTreeRegressor().fit(X, np.arange(16.0))
    assert "truncated branch of depth 3" in export_text(model, max_depth=1)
    assert "(...)" in export_dot(model, max_depth=1)


def test_a_regression_leaf_shows_its_value() -> None:
    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [3.0, 5.5])
    assert "value: [5.50]" in export_text(model)


def test_the_graph_has_each_node_and_each_way_once() -> None:
    model, _, _ = fitted()
    dot = export_dot(model)
    count = model.tree_.node_count
    assert len(re.findall(r"^\d+ \[label", dot, re.MULTILINE)) == count
    assert len(re.findall(r"^\d+ -> \d+", dot, re.MULTILINE)) == count - 1


def test_quotes_in_names_cannot_break_the_graph() -> None:
    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [3.0, 5.5])
    assert r"say \"x\\y\"" in export_dot(model, feature_names=['say "x\\y"'])


@pytest.mark.parametrize("function", [export_text, export_dot])
def test_too_few_names_are_refused(function: Any) -> None:
    model, _, _ = fitted()
    with pytest.raises(ValueError, match="feature_names must contain 3 elements, got 1"):
        function(model, feature_names=["a"])
    with pytest.raises(ValueError, match="Got 2 while the tree was fitted with 3 classes"):
        function(model, class_names=["a", "b"])


def test_a_tree_is_drawn_box_by_box() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    model, _, _ = fitted()
    axes = Figure().add_subplot()
    plot_tree(model, ax=axes)
    assert len(axes.texts) == model.tree_.node_count


def test_the_demo_prints_the_tree_and_good_accuracies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main([])
    told = capsys.readouterr().out
    assert "petal length (cm) <= 2." in told
    rates = [float(r) for r in re.findall(r"(\d+\.\d) % of the held-out", told)]
    assert len(rates) == 4
    assert min(rates) >= 90.0
