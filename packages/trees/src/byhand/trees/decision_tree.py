# SPDX-License-Identifier: BSD-3-Clause
"""Decision trees (CART): one tree of binary cuts for classes or for a real target.

Source:  Breiman, Friedman, Olshen & Stone (1984); scikit-learn's parameters and attributes.
Differs: float64 input is not rounded to float32; of equal cuts the lowest feature wins, where
         scikit-learn draws one; a node is pure when its targets are equal, whatever their scale.
         Class counts and whole weights are summed exactly, real weights and targets in fixed
         point of the node's own scale (see moments); NaN goes to the side that gains more.
Cost:    O(N D) per level; up to 32 bytes per row and feature.
Checked: exhaustive search at every node in exact fractions; Quinlan's play-tennis; scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from byhand.utils.estimator import ClassifierMixin, Estimator, RegressorMixin
from byhand.utils.random import check_random_state
from byhand.utils.validation import (
    check_choice,
    check_labels,
    check_sample_weight,
    check_target,
)

from .class_counts import ClassTarget
from .class_weight import class_weights
from .grow import grow
from .importances import tree_importances
from .limits import limits_of
from .moments import Floats, Ints, RealTarget, Target
from .poisson import PoissonTarget, check_counts
from .presort import presort
from .pruning import PruningPath, cost_complexity_path
from .tree import Tree, check_tree
from .trim import trim

__all__ = ["DecisionTreeClassifier", "DecisionTreeRegressor"]


class TreeEstimator(Estimator):
    """What trees for classes and for numbers share."""

    _tags: ClassVar[dict[str, bool]] = {"allow_nan": True}
    splitter: str
    random_state: Any
    tree_: Tree
    n_features_in_: int

    def _grow_tree(
        self, Z: NDArray[Any], weight: Floats | None, target_of: Callable[[Ints, Any], Target]
    ) -> dict[str, Any]:
        """Grow on the rows that have a weight; target_of(rows, their weights)."""
        rng = check_random_state(self.random_state)
        random_cuts = check_choice(self.splitter, "splitter", ("best", "random")) == "random"
        rows = np.arange(len(Z))
        if weight is not None and not weight.all():
            rows = weight.nonzero()[0]
            Z, weight = Z[rows], weight[rows]
        total = float(len(Z) if weight is None else weight.sum())
        limits = limits_of(self, len(Z), Z.shape[1], total, random_cuts)
        tree = trim(grow(Z, presort(Z), target_of(rows, weight), limits, rng)[0], limits)
        drawn = limits.n_candidates or Z.shape[1]
        return {"tree_": tree, "max_features_": drawn, "n_outputs_": 1}

    def cost_complexity_pruning_path(
        self, X: object, y: object, sample_weight: object = None
    ) -> PruningPath:
        """Prices of a leaf (`ccp_alpha`) at which a tree grown on these rows loses branches."""
        unpruned: Any = type(self)(**{**self.get_params(deep=False), "ccp_alpha": 0.0})
        return cost_complexity_path(unpruned.fit(X, y, sample_weight))

    def apply(self, X: object) -> NDArray[np.int64]:
        """Find the leaf that each row of X falls into, (n_samples,)."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        return self.tree_.apply(Z)

    def decision_path(self, X: object) -> NDArray[np.bool_]:
        """Whether each row passes each node: a dense (n_samples, n_nodes) array of bool."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        return self.tree_.decision_path(Z)

    def get_depth(self) -> int:
        """Cuts on the longest way from the root to a leaf."""
        self._check_fitted()
        return self.tree_.max_depth

    def get_n_leaves(self) -> int:
        """Count the leaves."""
        self._check_fitted()
        return self.tree_.n_leaves

    @property
    def feature_importances_(self) -> Floats:
        """Share of each feature in the impurity that the cuts remove, (n_features,)."""
        self._check_fitted()
        return tree_importances(self.tree_, self.n_features_in_)

    def _check_loaded(self) -> None:
        check_tree(self.tree_, self.n_features_in_, len(getattr(self, "classes_", [0])))


class DecisionTreeClassifier(ClassifierMixin, TreeEstimator):
    """Decision tree for classes.

    Parameters
    ----------
    criterion : {"gini", "entropy", "log_loss"}, default "gini"
        Impurity of a node; the last two are the same, in bits.
    splitter : {"best", "random"}, default "best"
        "random" draws one threshold for each feature and takes the best of these.
    max_depth : int or None, default None
        Most cuts from the root to a leaf.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_features : int, float, {"sqrt", "log2"} or None, default None
        Features drawn for each node, or their share; None for all. If none of those can be cut,
        one that can is taken.
    random_state : None, int, SeedSequence or Generator, default None
        For drawn features and thresholds.
    max_leaf_nodes : int or None, default None
        Most leaves; the cuts that remove most impurity are made first.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    class_weight : dict, "balanced" or None, default None
        Weight of each label.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.

    Attributes
    ----------
    tree_ : Tree
        Flat arrays, value holds class shares.
    classes_ : (n_classes,) array
    n_classes_, n_features_in_, max_features_, n_outputs_ : int
    feature_importances_ : (n_features,) array

    Examples
    --------
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> model = DecisionTreeClassifier().fit(X, y)  # exclusive or: the first cut gains nothing
    >>> model.predict(X), model.get_depth()
    (array(['no', 'yes', 'yes', 'no'], dtype='<U3'), 2)
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        *,
        criterion: str = "gini",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
    ) -> None:
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Grow the tree; rows of weight 0 are left out."""
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        classes, codes = check_labels(y, len(Z))
        weight = check_sample_weight(sample_weight, len(Z))
        weight = class_weights(self.class_weight, classes, codes, weight)
        entropy = check_choice(self.criterion, "criterion", ("gini", "entropy", "log_loss"))

        def target_of(rows: Ints, w: Floats | None) -> ClassTarget:
            return ClassTarget(codes[rows], len(classes), w, entropy != "gini")

        learned = self._grow_tree(Z, weight, target_of)
        return self._fitted(X, classes_=classes, n_classes_=len(classes), **learned)

    def predict_proba(self, X: object) -> Floats:
        """Class shares of each row's leaf, (n_samples, n_classes)."""
        leaves = self.apply(X)
        return self.tree_.value[:, 0].take(leaves, axis=0)

    def predict_log_proba(self, X: object) -> Floats:
        """Logarithm of `predict_proba`, -inf for 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: object) -> NDArray[Any]:
        """Largest class of each row's leaf, of equal ones the first, (n_samples,)."""
        leaves = self.apply(X)
        return np.asarray(self.classes_.take(self.tree_.value[:, 0].argmax(axis=1).take(leaves)))


class DecisionTreeRegressor(RegressorMixin, TreeEstimator):
    """Decision tree for a real target.

    Parameters
    ----------
    criterion : {"squared_error", "poisson"}, default "squared_error"
        Impurity of a node: the variance, or half the mean Poisson deviance of targets >= 0.
        There is no "absolute_error": medians do not come from cumulative sums.
    splitter : {"best", "random"}, default "best"
        "random" draws one threshold for each feature and takes the best of these.
    max_depth : int or None, default None
        Most cuts from the root to a leaf.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_features : int, float, {"sqrt", "log2"} or None, default None
        Features drawn for each node, or their share; None for all. If none of those can be cut,
        one that can is taken.
    random_state : None, int, SeedSequence or Generator, default None
        For drawn features and thresholds.
    max_leaf_nodes : int or None, default None
        Most leaves; the cuts that remove most impurity are made first.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.

    Attributes
    ----------
    tree_ : Tree
        Flat arrays, value holds means.
    n_features_in_, max_features_, n_outputs_ : int
    feature_importances_ : (n_features,) array

    Examples
    --------
    >>> model = DecisionTreeRegressor(max_depth=1).fit([[0], [1], [2], [3]], [1.0, 1.0, 4.0, 5.0])
    >>> model.tree_.threshold[:1], model.predict([[1.4], [1.6]])
    (array([1.5]), array([1. , 4.5]))
    """

    def __init__(
        self,
        *,
        criterion: str = "squared_error",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | str | None = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        ccp_alpha: float = 0.0,
    ) -> None:
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.ccp_alpha = ccp_alpha

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Grow the tree; rows of weight 0 are left out."""
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        target = check_target(y, len(Z))
        criterion = check_choice(self.criterion, "criterion", ("squared_error", "poisson"))
        weight = check_sample_weight(sample_weight, len(Z))
        kind = RealTarget
        if criterion == "poisson":
            kind = PoissonTarget
            check_counts(target, weight)
        learned = self._grow_tree(Z, weight, lambda rows, w: kind(target[rows], w))
        return self._fitted(X, **learned)

    def predict(self, X: object) -> Floats:
        """Mean of each row's leaf, (n_samples,)."""
        leaves = self.apply(X)
        return self.tree_.value[:, 0, 0].take(leaves)
