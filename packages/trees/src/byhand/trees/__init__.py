# SPDX-License-Identifier: BSD-3-Clause
"""byhand.trees: decision trees, forests and boosting by hand in NumPy."""

from .decision_tree import DecisionTreeClassifier, DecisionTreeRegressor
from .ensemble import Forest
from .export import export_dot, export_text
from .extra_trees import ExtraTreesClassifier, ExtraTreesRegressor
from .gradient_boosting import GradientBoostingClassifier, GradientBoostingRegressor
from .hist_gradient_boosting import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from .hist_trees import HistTrees
from .plots import plot_tree
from .pruning import PruningPath, cost_complexity_path
from .random_forest import RandomForestClassifier, RandomForestRegressor
from .tree import Tree

__version__ = "0.1.0"

__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "Forest",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "HistTrees",
    "PruningPath",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "Tree",
    "cost_complexity_path",
    "export_dot",
    "export_text",
    "plot_tree",
]
