# SPDX-License-Identifier: BSD-3-Clause
"""Extremely randomised trees: the vote of trees whose thresholds are drawn at random.

Source:  Geurts, Ernst & Wehenkel (2006); scikit-learn's parameters and attributes.
Differs: NaN takes the side that gains more.
Cost:    see random_cuts.
Checked: thresholds lie between the values of their node; held-out accuracy of scikit-learn.
"""

from __future__ import annotations

from typing import Any

from .forest_base import ForestClassifier, ForestMetric, ForestRegressor

__all__ = ["ExtraTreesClassifier", "ExtraTreesRegressor"]


class ExtraTreesClassifier(ForestClassifier):
    """Extremely randomised trees for classes.

    Parameters
    ----------
    n_estimators : int, default 100
        Trees.
    criterion : {"gini", "entropy", "log_loss"}, default "gini"
        Impurity of a node; the last two are the same, in bits.
    max_depth : int or None, default None
        Most cuts from the root of a tree to a leaf.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_features : int, float, {"sqrt", "log2"} or None, default "sqrt"
        Features drawn for each node, or their share; None for all.
    max_leaf_nodes : int or None, default None
        Most leaves of a tree; the cuts that remove most impurity are made first.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    bootstrap : bool, default False
        Grow each tree on rows drawn with replacement; otherwise on all rows.
    oob_score : bool or callable, default False
        Estimate the score from the trees that have not drawn a row; by metric(y, estimates) of
        class numbers if callable.
    random_state : None, int, SeedSequence or Generator, default None
        For drawn features, thresholds and resampling.
    class_weight : dict, "balanced", "balanced_subsample" or None, default None
        Weight of each label; the third balances the classes of each resample.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.
    max_samples : int, float or None, default None
        Rows drawn for each tree, or their share, which may exceed 1; None for as many as there are.

    Attributes
    ----------
    trees_ : Forest
        All trees in flat arrays.
    estimators_ : list of DecisionTreeClassifier
    estimators_samples_ : list of (n_drawn,) arrays
        Rows drawn for each tree.
    classes_ : (n_classes,) array
    feature_importances_ : (n_features,) array
    oob_score_ : float
        Share of rows that the trees without them classify rightly; if `oob_score`.
    oob_decision_function_ : (n_samples, n_classes) array
        Estimates from the trees that have not drawn a row; NaN if all have. If `oob_score`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((200, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = ExtraTreesClassifier(30, oob_score=True, bootstrap=True, random_state=0).fit(X, y)
    >>> round(model.oob_score_, 2), model.predict([[0.9, 0.1]])
    (0.98, array([ True]))
    """

    _random_cuts = True

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = False,
        oob_score: bool | ForestMetric = False,
        random_state: Any = None,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.random_state = random_state
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples


class ExtraTreesRegressor(ForestRegressor):
    """Extremely randomised trees for a real target.

    Parameters
    ----------
    n_estimators : int, default 100
        Trees.
    criterion : {"squared_error", "poisson"}, default "squared_error"
        Impurity of a node: the variance, or half the mean Poisson deviance, for y >= 0.
    max_depth : int or None, default None
        Most cuts from the root of a tree to a leaf.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_features : int, float, {"sqrt", "log2"} or None, default 1.0
        Features drawn for each node, or their share; None for all.
    max_leaf_nodes : int or None, default None
        Most leaves of a tree; the cuts that remove most impurity are made first.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    bootstrap : bool, default False
        Grow each tree on rows drawn with replacement; otherwise on all rows.
    oob_score : bool or callable, default False
        Estimate the score from the trees that have not drawn a row; by metric(y, estimates) if
        callable.
    random_state : None, int, SeedSequence or Generator, default None
        For drawn features, thresholds and resampling.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.
    max_samples : int, float or None, default None
        Rows drawn for each tree, or their share, which may exceed 1; None for as many as there are.

    Attributes
    ----------
    trees_ : Forest
        All trees in flat arrays.
    estimators_ : list of DecisionTreeRegressor
    estimators_samples_ : list of (n_drawn,) arrays
        Rows drawn for each tree.
    feature_importances_ : (n_features,) array
    oob_score_ : float
        R^2 of the trees without the row; if `oob_score`.
    oob_prediction_ : (n_samples,) array
        Estimates from the trees that have not drawn a row; NaN if all have. If `oob_score`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((200, 2))
    >>> y = X[:, 0] + X[:, 1]
    >>> model = ExtraTreesRegressor(30, oob_score=True, bootstrap=True, random_state=0).fit(X, y)
    >>> round(model.oob_score_, 2), model.predict([[0.25, 0.25]]).round(1)
    (0.99, array([0.5]))
    """

    _random_cuts = True

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "squared_error",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = False,
        oob_score: bool | ForestMetric = False,
        random_state: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.random_state = random_state
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples
