# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of trees, drawn with matplotlib.

Source:  the layout of a dendrogram: leaves side by side, parents above the middle of children.
Differs: scikit-learn draws compact trees (Buchheim et al., 2002); this one never crosses lines.
Cost:    O(M) for M nodes.
Checked: one box per node; places of nodes never meet, and left is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .export import class_names_of, feature_names_of, node_label
from .tree import Tree

__all__ = ["node_places", "plot_tree"]


def node_places(tree: Tree, max_depth: int | None = None) -> NDArray[np.float64]:
    """Place (x, depth) of each node, NaN below max_depth; leaves stand at x = 0, 1, ...

    Examples
    --------
    >>> from byhand.trees import DecisionTreeRegressor
    >>> node_places(DecisionTreeRegressor().fit([[0], [1], [3]], [1.0, 1.0, 2.0]).tree_)
    array([[0.5, 0. ],
           [0. , 1. ],
           [1. , 1. ]])
    """
    left, right = tree.children_left, tree.children_right
    inner = (left >= 0).nonzero()[0]
    place = np.zeros((len(left), 2))
    for i in inner:  # parents before their children
        place[[left[i], right[i]], 1] = place[i, 1] + 1
    shown = np.ones(len(left), np.bool_) if max_depth is None else place[:, 1] <= max_depth
    ends = shown & ((left < 0) | (place[:, 1] == max_depth))
    place[ends, 0] = np.arange(np.count_nonzero(ends))  # preorder: from left to right
    for i in inner[(shown & ~ends)[inner]][::-1]:
        place[i, 0] = (place[left[i], 0] + place[right[i], 0]) / 2
    place[~shown] = np.nan
    return place


def plot_tree(
    model: Any,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    max_depth: int | None = None,
    decimals: int = 3,
    filled: bool = True,
    fontsize: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw a tree; needs matplotlib.

    Parameters
    ----------
    model : DecisionTreeClassifier or DecisionTreeRegressor
        Fitted.
    feature_names : sequence of str or None, default None
        Names of the columns; by default those that fit has seen, or feature_0, feature_1, ...
    class_names : sequence of str or None, default None
        Names of the classes in their order; by default the labels.
    max_depth : int or None, default None
        Deeper branches are left out.
    decimals : int, default 3
        Digits behind the point.
    filled : bool, default True
        Paint each box in the colour of its class, the purer the stronger, or of its value.
    fontsize : float or None, default None
        By default chosen so that the leaves fit side by side.
    ax : matplotlib Axes or None, default None
        Where to draw; by default the current one.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from byhand.trees import DecisionTreeClassifier
    >>> model = DecisionTreeClassifier().fit([[1.0], [2.0], [4.0]], ["a", "a", "b"])
    >>> plot_tree(model)  # doctest: +SKIP
    <Axes: >
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot_tree needs matplotlib: pip install matplotlib", name="matplotlib"
        ) from error
    model._check_fitted()
    tree: Tree = model.tree_
    names, classes = feature_names_of(model, feature_names), class_names_of(model, class_names)
    ax = plt.gca() if ax is None else ax
    at = node_places(tree, max_depth)
    width, depth = np.nanmax(at[:, 0]), np.nanmax(at[:, 1])
    ax.set_axis_off()
    ax.set_xlim(-0.6, width + 0.6)
    ax.set_ylim(depth + 0.5, -0.5)
    if fontsize is None:
        inches = ax.get_figure().get_size_inches()[0] / (width + 1.2)
        fontsize = max(2.0, min(10.0, 72 * inches / 11))  # about twenty characters a box
    colours = _box_colours(tree, classes is not None) if filled else [(1.0, 1.0, 1.0)] * len(at)
    for i in (~np.isnan(at[:, 0])).nonzero()[0]:
        for child in (tree.children_left[i], tree.children_right[i]):
            if child >= 0:
                ax.plot(at[[i, child], 0], at[[i, child], 1], color="grey", zorder=0, linewidth=1)
        text = "\n".join(node_label(model, int(i), names, classes, decimals))
        box = {"boxstyle": "round", "fc": colours[i], "ec": "grey"}
        ax.annotate(text, at[i], ha="center", va="center", fontsize=fontsize, bbox=box)
    return ax


def _box_colours(tree: Tree, has_classes: bool) -> list[tuple[float, float, float]]:
    """Choose light colours: hue by class and strength by share, or strength by value."""
    import colorsys

    value = tree.value[:, 0]
    if has_classes:
        K = value.shape[1]
        hue = value.argmax(axis=1) / K
        strength = (value.max(axis=1) - 1 / K) / (1 - 1 / K) if K > 1 else np.ones(len(value))
    else:
        low, span = value.min(), np.ptp(value)
        hue = np.full(len(value), 0.08)
        strength = (value[:, 0] - low) / span if span > 0 else np.zeros(len(value))
    return [
        colorsys.hsv_to_rgb(float(h), 0.6 * float(s), 1.0)
        for h, s in zip(hue, strength, strict=True)
    ]
