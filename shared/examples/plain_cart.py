# SPDX-License-Identifier: BSD-3-Clause
"""CART as a textbook has it: try every cut, make the best one, do the same on both sides.

Source:  Breiman, Friedman, Olshen & Stone (1984), sections 2.4 and 4.3.
Differs: impurities are exact fractions, so that equal cuts are equal; the first of them is made.
Cost:    every cut counts all rows of its node, N^2 D: a tenth of a second for 150 irises.
         byhand.trees sorts once and cuts all nodes of a level at a time: a millisecond.
Checked: byhand.trees, node by node.

Run it: ``python shared/examples/plain_cart.py``.
"""
# N rows of D numbers, as lists   y (N,) labels   f feature, t threshold: x[f] <= t goes left

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

from byhand.trees import DecisionTreeClassifier

Rows = list[list[float]]


class Node(NamedTuple):
    """A node and what is below it."""

    label: str  # the most frequent one here; of equal ones the first in the alphabet
    feature: int = -2  # -2 and -2.0: a leaf, in scikit-learn's and byhand's arrays too
    threshold: float = -2.0
    children: tuple[Node, ...] = ()


def impurity(y: list[str]) -> Fraction:
    """Gini impurity times the number of rows: n (1 - sum p^2) = n - sum count^2 / n."""
    counts = Counter(y).values()
    return len(y) - Fraction(sum(count * count for count in counts), len(y))


def cuts(X: Rows) -> Iterator[tuple[int, float]]:
    """Every feature and threshold that parts the rows: halfway between neighbouring values."""
    for f in range(len(X[0])):
        values = sorted({x[f] for x in X})
        for a, b in pairwise(values):
            yield f, a / 2 + b / 2


def parts(X: Rows, y: list[str], f: int, t: float) -> list[tuple[Rows, list[str]]]:
    """Rows and labels on the left and on the right of a cut."""
    left = [i for i, x in enumerate(X) if x[f] <= t]
    right = [i for i, x in enumerate(X) if x[f] > t]
    return [([X[i] for i in side], [y[i] for i in side]) for side in (left, right)]


def grow(X: Rows, y: list[str]) -> Node:
    """Tree of these rows: cut until a node holds one label, or nothing that tells rows apart."""
    label = min(y, key=lambda c: (-y.count(c), c))
    if len(set(y)) == 1 or not list(cuts(X)):
        return Node(label)

    def left_over(cut: tuple[int, float]) -> Fraction:
        return sum((impurity(labels) for _, labels in parts(X, y, *cut)), Fraction(0))

    f, t = min(cuts(X), key=left_over)  # of equal ones the first
    return Node(label, f, t, tuple(grow(*part) for part in parts(X, y, f, t)))


def nodes(node: Node) -> Iterator[Node]:
    """All nodes, each before its children and the left one first, as byhand numbers them."""
    yield node
    for child in node.children:
        yield from nodes(child)


def lines(node: Node, names: list[str], indent: str = "") -> Iterator[str]:
    """Write the tree as text."""
    if not node.children:
        yield f"{indent}{node.label}"
    for sign, child in zip(("<=", ">"), node.children, strict=False):
        yield f"{indent}{names[node.feature]} {sign} {node.threshold:.2f}"
        yield from lines(child, names, indent + "    ")


def same_tree(plain: Node, model: DecisionTreeClassifier) -> bool:
    """Whether a fitted tree has these features, thresholds and labels, node by node."""
    tree, all_nodes = model.tree_, list(nodes(plain))
    labels = model.classes_[tree.value[:, 0].argmax(axis=1)]
    return bool(
        tree.feature.tolist() == [node.feature for node in all_nodes]
        and tree.threshold.tolist() == [node.threshold for node in all_nodes]
        and labels.tolist() == [node.label for node in all_nodes]
    )


def main() -> None:
    """Grow both trees on Fisher's irises."""
    text = (files("byhand.trees") / "_demo" / "iris.csv").read_text(encoding="ascii")
    head, *table = [line.split(",") for line in text.splitlines()]
    X, y = [[float(v) for v in row[:4]] for row in table], [row[4] for row in table]
    plain = grow(X, y)
    print("\n".join(lines(plain, head)))
    model = DecisionTreeClassifier().fit(X, y)
    if not same_tree(plain, model):
        raise SystemExit("byhand.trees has grown another tree")
    print(f"byhand.trees has grown the same {model.tree_.node_count} nodes")


if __name__ == "__main__":
    main()
