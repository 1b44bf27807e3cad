# SPDX-License-Identifier: BSD-3-Clause
"""Fisher's irises: a tree to read, a forest and boosting: ``python -m byhand.trees [--plot FILE]``.

Source:  Breiman et al. (1984), Breiman (2001), Friedman (2001); data of Fisher (1936).
Differs: nothing; a hundred flowers to learn from, fifty held out.
Cost:    under a second.
Checked: the tree has the split that everybody knows; the accuracies are those printed.
"""
# X (150, 4) sepals and petals in cm    y (150,) species

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .decision_tree import DecisionTreeClassifier
from .export import export_text
from .gradient_boosting import GradientBoostingClassifier
from .hist_gradient_boosting import HistGradientBoostingClassifier
from .plots import plot_tree
from .random_forest import RandomForestClassifier

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Grow the models, print the tree and the accuracies, and draw the tree if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m byhand.trees", description="Tell three species of iris apart."
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the tree")
    options = parser.parse_args(arguments)

    names, X, y = _read_irises()
    order = np.random.default_rng(0).permutation(len(X))
    learn, held = order[50:], order[:50]
    print(f"{len(learn)} irises of three species to learn from, {len(held)} held out")
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[learn], y[learn])
    print(export_text(tree, feature_names=names))
    forest: Any = RandomForestClassifier(200, oob_score=True, random_state=0)
    models: dict[str, Any] = {
        "one tree": tree,
        "200 trees, random forest": forest.fit(X[learn], y[learn]),
        "gradient boosting": GradientBoostingClassifier(random_state=0).fit(X[learn], y[learn]),
        "histogram boosting": HistGradientBoostingClassifier(max_iter=50).fit(X[learn], y[learn]),
    }
    for name, model in models.items():
        print(f"{name:>24}: {100 * model.score(X[held], y[held]):5.1f} % of the held-out right")
    print(f"{'out of bag':>24}: {100 * forest.oob_score_:5.1f} % of those that a tree did not see")
    for name, share in zip(names, forest.feature_importances_, strict=True):
        print(f"{name:>24}: {share:.2f} of the impurity removed")
    if options.plot:
        _draw(tree, names, options.plot)
        print(f"the tree drawn to {options.plot}")


def _read_irises() -> tuple[list[str], Any, Any]:
    text = (Path(__file__).parent / "_demo" / "iris.csv").read_text(encoding="ascii")
    head, *rows = [line.split(",") for line in text.splitlines()]
    X = np.array([[float(v) for v in row[:4]] for row in rows])
    return head[:4], X, np.array([row[4] for row in rows])


def _draw(tree: DecisionTreeClassifier, names: list[str], file: str) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(9, 6), layout="constrained")
    plot_tree(tree, feature_names=names, ax=figure.add_subplot())
    figure.savefig(file)


if __name__ == "__main__":
    main()
