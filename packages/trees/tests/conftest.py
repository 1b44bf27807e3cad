# SPDX-License-Identifier: BSD-3-Clause
"""The plain recursive CART that a learner expects, in exact fractions: the oracle of these tests.

It looks at every cut of every feature, one after the other, and shares nothing with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest


class PlainCut(NamedTuple):
    gain: Any  # what the cut removes of weight times impurity
    feature: int
    threshold: float  # rows with x <= threshold go left
    nan_left: bool


class PlainNode(NamedTuple):
    rows: list[int]
    cut: PlainCut | None
    left: PlainNode | None = None
    right: PlainNode | None = None


def purity(y: list[Any], w: list[Fraction], criterion: str) -> Any:
    """Minus the weight times the impurity; exact, but for the logarithms of the entropy."""
    total = sum(w, Fraction(0))
    if criterion == "squared_error":
        exact = [Fraction(v) for v in y]
        mean = sum((a * b for a, b in zip(w, exact, strict=True)), Fraction(0)) / total
        return -sum((a * (b - mean) ** 2 for a, b in zip(w, exact, strict=True)), Fraction(0))
    if criterion == "poisson":  # half deviance sum w (y log(y / mean) - y + mean): the rest is 0
        centre = math.fsum(float(a) * b for a, b in zip(w, y, strict=True)) / float(total)
        if centre == 0:
            return -math.inf  # no such side
        terms = (float(a) * b * math.log(b / centre) for a, b in zip(w, y, strict=True) if b > 0)
        return -math.fsum(terms)
    shares = [
        sum((a for a, b in zip(w, y, strict=True) if b == c), Fraction(0)) / total for c in set(y)
    ]
    if criterion == "gini":
        return -total * (1 - sum(p * p for p in shares))
    return float(total) * math.fsum(float(p) * math.log2(p) for p in shares)


def cuts_of(
    X: np.ndarray, y: list[Any], w: list[Fraction], rows: list[int], criterion: str, min_leaf: int
) -> Iterator[PlainCut]:
    """Every cut of a node with at least min_leaf rows on both sides, NaN on either side."""

    def part(some: list[int]) -> Any:
        return purity([y[i] for i in some], [w[i] for i in some], criterion)

    whole = part(rows)
    for f in range(X.shape[1]):
        missing = [i for i in rows if math.isnan(X[i, f])]
        values = sorted({float(X[i, f]) for i in rows if not math.isnan(X[i, f])})
        for nan_left in [False, True] if missing else [False]:
            for t in values:
                left = [i for i in rows if X[i, f] <= t] + (missing if nan_left else [])
                right = [i for i in rows if i not in set(left)]
                if len(left) >= min_leaf and len(right) >= min_leaf and left and right:
                    gain = part(left) + part(right) - whole
                    if gain > -math.inf:
                        yield PlainCut(gain, f, t, nan_left)


def best_cut(
    X: np.ndarray, y: list[Any], w: list[Fraction], rows: list[int], criterion: str, min_leaf: int
) -> PlainCut | None:
    """The cut of the largest gain; of equal ones the first."""
    return max(cuts_of(X, y, w, rows, criterion, min_leaf), key=lambda cut: cut.gain, default=None)


def plain_tree(
    X: np.ndarray,
    y: list[Any],
    w: list[Fraction],
    rows: list[int],
    criterion: str,
    max_depth: int = 1000,
    min_leaf: int = 1,
) -> PlainNode:
    """Classification and regression tree as in the book: cut, then do the same on both sides."""
    mixed = len({y[i] for i in rows}) > 1
    cut = best_cut(X, y, w, rows, criterion, min_leaf) if mixed and max_depth > 0 else None
    if cut is None:
        return PlainNode(rows, None)
    goes_left = [i for i in rows if X[i, cut.feature] <= cut.threshold]
    if cut.nan_left:
        goes_left += [i for i in rows if math.isnan(X[i, cut.feature])]
    goes_right = [i for i in rows if i not in set(goes_left)]
    return PlainNode(
        rows,
        cut,
        plain_tree(X, y, w, goes_left, criterion, max_depth - 1, min_leaf),
        plain_tree(X, y, w, goes_right, criterion, max_depth - 1, min_leaf),
    )


def check_every_cut(
    tree: Any,
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    criterion: str,
    min_leaf: int = 1,
    rtol: float = 1e-12,
) -> int:
    """No node of a tree could be cut better, no leaf could be cut; the number of cuts."""
    targets = y.tolist()
    w = [Fraction(1)] * len(y) if weight is None else [Fraction(float(v)) for v in weight]
    rows_of: dict[int, list[int]] = {0: [i for i in range(len(y)) if w[i] > 0]}
    for node in range(tree.node_count):
        rows = rows_of[node]
        assert tree.n_node_samples[node] == len(rows)
        left, right = tree.children_left[node], tree.children_right[node]
        mixed = len({targets[i] for i in rows}) > 1
        best = best_cut(X, targets, w, rows, criterion, min_leaf) if mixed else None
        if left < 0:
            assert best is None, f"leaf {node} can be cut: {best}"
            continue
        assert best is not None
        f, t = int(tree.feature[node]), tree.threshold[node]
        x = [float(X[i, f]) for i in rows]
        go = [tree.missing_go_to_left[node] == 1 if math.isnan(v) else v <= t for v in x]
        rows_of[left] = [i for i, g in zip(rows, go, strict=True) if g]
        rows_of[right] = [i for i, g in zip(rows, go, strict=True) if not g]
        assert min(len(rows_of[left]), len(rows_of[right])) >= min_leaf

        def part(some: list[int]) -> Any:
            return purity([targets[i] for i in some], [w[i] for i in some], criterion)

        whole = part(rows)
        gain = part(rows_of[left]) + part(rows_of[right]) - whole
        # Gains are differences of purities: an error is relative to the node's purity, or for
        # classes to its weight (the impurity is at most 1).
        scale = whole if criterion == "squared_error" else sum((w[i] for i in rows), Fraction(0))
        if criterion == "poisson":  # sums are relative to that of the targets
            scale = sum((w[i] * Fraction(targets[i]) for i in rows), Fraction(0))
        slack = abs(scale) * (Fraction(rtol) if isinstance(gain, Fraction) else rtol)
        assert gain >= best.gain - slack, (node, gain, best)
    return int((tree.children_left >= 0).sum())


@pytest.fixture
def every_cut_is_best() -> Callable[..., int]:
    return check_every_cut


@pytest.fixture
def plain_cart() -> Callable[..., PlainNode]:
    return plain_tree
