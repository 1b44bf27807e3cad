# SPDX-License-Identifier: BSD-3-Clause
"""Trees as text: an indented listing, and a graph in the DOT language of Graphviz.

Source:  scikit-learn's export_text and export_graphviz; the DOT language (Gansner & North, 2000).
Differs: the listing is written with a stack, so that deep trees need no recursion.
Cost:    O(M) for M nodes.
Checked: listings written by hand; names with quotes and line breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from byhand.utils.validation import check_scalar

from .tree import Tree

__all__ = ["class_names_of", "export_dot", "export_text", "feature_names_of", "node_label"]


def export_text(
    model: Any,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    max_depth: int = 10,
    spacing: int = 3,
    decimals: int = 2,
    show_weights: bool = False,
) -> str:
    """List the rules of a tree, one node a line.

    Parameters
    ----------
    model : DecisionTreeClassifier or DecisionTreeRegressor
        Fitted.
    feature_names : sequence of str or None, default None
        Names of the columns; by default those that fit has seen, or feature_0, feature_1, ...
    class_names : sequence of str or None, default None
        Names of the classes in their order; by default the labels.
    max_depth : int, default 10
        Deeper branches are summed up.
    spacing : int, default 3
        Width of an indentation.
    decimals : int, default 2
        Digits behind the point.
    show_weights : bool, default False
        Show the weight of each class in the leaves.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If names are not as many as features or classes.

    Examples
    --------
    >>> from byhand.trees import DecisionTreeClassifier
    >>> model = DecisionTreeClassifier().fit([[1.0], [2.0], [4.0]], ["a", "a", "b"])
    >>> print(export_text(model, feature_names=["width"]))
    |--- width <= 3.00
    |   |--- class: a
    |--- width >  3.00
    |   |--- class: b
    """
    model._check_fitted()
    check_scalar(max_depth, "max_depth", integer=True, low=0)
    check_scalar(spacing, "spacing", integer=True, low=1)
    check_scalar(decimals, "decimals", integer=True, low=0)
    tree: Tree = model.tree_
    names, classes = feature_names_of(model, feature_names), class_names_of(model, class_names)
    bar, branch = "|" + " " * spacing, "|" + "-" * spacing + " "
    lines = []
    stack = [(0, 0, "")]  # node, depth, the rule that leads to it
    while stack:
        i, depth, rule = stack.pop()
        if rule:
            lines.append(bar * (depth - 1) + branch + rule)
        indent = bar * depth + branch
        if tree.feature[i] < 0:
            lines.append(indent + _leaf_text(tree, i, classes, decimals, show_weights))
        elif depth > max_depth:
            lines.append(indent + f"truncated branch of depth {_depth_below(tree, i)}")
        else:
            name, threshold = names[tree.feature[i]], f"{tree.threshold[i]:.{decimals}f}"
            left, right = f"{name} <= {threshold}", f"{name} >  {threshold}"
            if np.isinf(tree.threshold[i]):  # the cut parts NaN from numbers
                left, right = f"{name} is missing", f"{name} is known"
                if not tree.missing_go_to_left[i]:
                    left, right = right, left
            stack.append((int(tree.children_right[i]), depth + 1, right))
            stack.append((int(tree.children_left[i]), depth + 1, left))
    return "\n".join(lines)


def _leaf_text(
    tree: Tree, i: int, classes: list[str] | None, decimals: int, show_weights: bool
) -> str:
    value = tree.value[i, 0]
    if classes is None:
        return f"value: [{value[0]:.{decimals}f}]"
    text = f"class: {classes[int(value.argmax())]}"
    if not show_weights:
        return text
    weights = ", ".join(f"{v:.{decimals}f}" for v in value * tree.weighted_n_node_samples[i])
    return f"weights: [{weights}] {text}"


def _depth_below(tree: Tree, i: int) -> int:
    """Levels of the branch below node i, its own among them."""
    depth, nodes = 1, np.array([i])
    while True:
        nodes = np.concatenate([tree.children_left[nodes], tree.children_right[nodes]])
        nodes = nodes[nodes >= 0]
        if not len(nodes):
            return depth
        depth += 1


def node_label(
    model: Any, i: int, names: Sequence[str], classes: Sequence[str] | None, decimals: int = 3
) -> list[str]:
    """Lines that describe node i: its cut, impurity, rows and prediction."""
    tree: Tree = model.tree_
    lines = []
    if tree.feature[i] >= 0:
        lines.append(f"{names[tree.feature[i]]} <= {tree.threshold[i]:.{decimals}f}")
    lines.append(f"{model.criterion} = {tree.impurity[i]:.{decimals}f}")
    lines.append(f"samples = {tree.n_node_samples[i]}")
    value = tree.value[i, 0]
    if classes is None:
        lines.append(f"value = {value[0]:.{decimals}f}")
    else:
        lines.append("value = [" + ", ".join(f"{v:.{decimals}g}" for v in value) + "]")
        lines.append(f"class = {classes[int(value.argmax())]}")
    return lines


def export_dot(
    model: Any,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    max_depth: int | None = None,
    decimals: int = 3,
) -> str:
    r"""Describe a tree as a graph for Graphviz (``dot -Tsvg``).

    Parameters
    ----------
    model : DecisionTreeClassifier or DecisionTreeRegressor
        Fitted.
    feature_names : sequence of str or None, default None
        Names of the columns; by default those that fit has seen, or feature_0, feature_1, ...
    class_names : sequence of str or None, default None
        Names of the classes in their order; by default the labels.
    max_depth : int or None, default None
        Deeper branches are shown as "(...)".
    decimals : int, default 3
        Digits behind the point.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If names are not as many as features or classes.

    Examples
    --------
    >>> from byhand.trees import DecisionTreeRegressor
    >>> print(export_dot(DecisionTreeRegressor().fit([[1.0], [3.0]], [5.0, 6.0])))
    digraph Tree {
    node [shape=box, fontname="helvetica"];
    0 [label="feature_0 <= 2.000\nsquared_error = 0.250\nsamples = 2\nvalue = 5.500"];
    0 -> 1 [label="True"];
    0 -> 2 [label="False"];
    1 [label="squared_error = 0.000\nsamples = 1\nvalue = 5.000"];
    2 [label="squared_error = 0.000\nsamples = 1\nvalue = 6.000"];
    }
    """
    model._check_fitted()
    if max_depth is not None:
        check_scalar(max_depth, "max_depth", integer=True, low=0)
    check_scalar(decimals, "decimals", integer=True, low=0)
    tree: Tree = model.tree_
    names, classes = feature_names_of(model, feature_names), class_names_of(model, class_names)
    lines = ["digraph Tree {", 'node [shape=box, fontname="helvetica"];']
    stack = [(0, 0)]
    while stack:
        i, depth = stack.pop()
        if max_depth is not None and depth > max_depth:
            lines.append(f'{i} [label="(...)"];')
            continue
        text = "\\n".join(_quoted(t) for t in node_label(model, i, names, classes, decimals))
        lines.append(f'{i} [label="{text}"];')
        if tree.feature[i] >= 0:
            left, right = int(tree.children_left[i]), int(tree.children_right[i])
            lines.append(f'{i} -> {left} [label="True"];')
            lines.append(f'{i} -> {right} [label="False"];')
            stack += [(right, depth + 1), (left, depth + 1)]
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """Text that may stand between quotes in DOT."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text.replace("\\", "\\\\").replace('"', '\\"')


def feature_names_of(model: Any, names: Sequence[str] | None) -> list[str]:
    """Names of a model's columns: given, seen by fit, or made up."""
    n = model.n_features_in_
    if names is None:
        return list(getattr(model, "feature_names_in_", [f"feature_{i}" for i in range(n)]))
    if len(names) != n:
        raise ValueError(f"feature_names must contain {n} elements, got {len(names)}")
    return [str(name) for name in names]


def class_names_of(model: Any, names: Sequence[str] | None) -> list[str] | None:
    """Names of a model's classes, given or its labels; None for regressors."""
    if not hasattr(model, "classes_"):
        return None
    if names is None:
        return [str(label) for label in model.classes_]
    if len(names) != len(model.classes_):
        raise ValueError(
            "When `class_names` is an array, it should contain as many items as"
            f" `decision_tree.classes_`. Got {len(names)} while the tree was fitted with"
            f" {len(model.classes_)} classes."
        )
    return [str(name) for name in names]
