# SPDX-License-Identifier: BSD-3-Clause
"""Gradient boosting with exact cuts: estimators.

Source:  Friedman (2001, 2002); scikit-learn's parameters and attributes.
Differs: trees minimise the squared error to the slopes (scikit-learn's friedman_mse ranks cuts
         alike). init is None or "zero". A tree's leaf values do not hold the learning rate.
Cost:    see boost; prediction 5 ns per row, tree and level.
Checked: constant features, full trees, log-odds (by hand); scikit-learn's predictions to 1e-10.
"""
# N rows, K scores per row, T rounds of K trees

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from byhand.utils.estimator import ClassifierMixin, RegressorMixin
from byhand.utils.execute import Executor
from byhand.utils.validation import (
    check_choice,
    check_labels,
    check_sample_weight,
    check_scalar,
    check_target,
)

from .gradient_boosting_base import BoostingEstimator, Callback
from .losses import (
    AbsoluteLoss,
    BinomialLoss,
    ExponentialLoss,
    HuberLoss,
    Loss,
    MultinomialLoss,
    QuantileLoss,
    SquaredLoss,
)
from .moments import Floats

__all__ = ["GradientBoostingClassifier", "GradientBoostingRegressor"]


class GradientBoostingRegressor(RegressorMixin, BoostingEstimator):
    """Gradient boosting for a real target.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile"}, default "squared_error"
    learning_rate : float, default 0.1
        Share of each tree's step that is taken.
    n_estimators : int, default 100
        Rounds.
    subsample : float, default 1.0
        Share of the rows that each round is fitted to.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_depth : int or None, default 3
        Most cuts from the root of a tree to a leaf.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    init : {"zero"} or None, default None
        First score: the loss's best constant, or 0.
    random_state : None, int, SeedSequence or Generator, default None
        For subsampling, drawn features and held-out rows.
    max_features : int, float, {"sqrt", "log2"} or None, default None
        Features drawn for each node, or their share; None for all.
    alpha : float, default 0.9
        Quantile of "quantile"; of the residuals' sizes beyond which "huber" is linear.
    max_leaf_nodes : int or None, default None
        Most leaves of a tree; the cuts that remove most impurity are made first.
    validation_fraction : float, default 0.1
        Share of the rows held out for early stopping.
    n_iter_no_change : int or None, default None
        Stop when the loss on held-out rows has not improved for so many rounds.
    tol : float, default 1e-4
        Improvement that counts.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.

    Attributes
    ----------
    trees_ : Forest
        All trees in flat arrays.
    estimators_ : (n_estimators_, 1) array of DecisionTreeRegressor
    init_raw_ : (1,) array
        First score.
    n_estimators_, n_trees_per_iteration_, n_features_in_, max_features_ : int
    train_score_ : (n_estimators_,) array
        Loss after each round on the rows it was fitted to.
    history_ : (n_estimators_ + 1,) array
        Loss before the first round, then `train_score_`.
    oob_improvement_, oob_scores_ : (n_estimators_,) arrays
        Fall of the loss, and loss, on the rows that a round was not fitted to; if subsample < 1.
    feature_importances_ : (n_features,) array

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(6.0)[:, None]
    >>> y = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 7.0])
    >>> model = GradientBoostingRegressor(n_estimators=2, max_depth=1, learning_rate=0.5).fit(X, y)
    >>> model.init_raw_, model.train_score_
    (array([3.]), array([2.  , 0.65]))
    """

    def __init__(
        self,
        *,
        loss: str = "squared_error",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: str | None = None,
        random_state: Any = None,
        max_features: float | str | None = None,
        alpha: float = 0.9,
        max_leaf_nodes: int | None = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 1e-4,
        ccp_alpha: float = 0.0,
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_depth = max_depth
        self.min_impurity_decrease = min_impurity_decrease
        self.init = init
        self.random_state = random_state
        self.max_features = max_features
        self.alpha = alpha
        self.max_leaf_nodes = max_leaf_nodes
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.ccp_alpha = ccp_alpha

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        executor: Executor | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Boost; rows of weight 0 are left out. Each round calls the callback, which may stop."""
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        target = check_target(y, len(Z))
        weight = check_sample_weight(sample_weight, len(Z))
        q = check_scalar(self.alpha, "alpha", low=0, high=1, low_open=True, high_open=True)
        losses: dict[str, Loss] = {
            "squared_error": SquaredLoss(),
            "absolute_error": AbsoluteLoss(),
            "huber": HuberLoss(q),
            "quantile": QuantileLoss(q),
        }
        loss = losses[check_choice(self.loss, "loss", tuple(losses))]
        return self._fitted(X, **self._boost(Z, target, weight, loss, executor, callback))

    def predict(self, X: object) -> Floats:
        """Predictions, (n_samples,)."""
        return self._raw(X)[:, 0]

    def staged_predict(self, X: object) -> Iterator[Floats]:
        """Predictions after each round."""
        yield from self._staged_raw(X)[:, :, 0]


class GradientBoostingClassifier(ClassifierMixin, BoostingEstimator):
    """Gradient boosting for classes.

    Parameters
    ----------
    loss : {"log_loss", "exponential"}, default "log_loss"
        The second is AdaBoost's, for two classes.
    learning_rate : float, default 0.1
        Share of each tree's step that is taken.
    n_estimators : int, default 100
        Rounds; each fits one tree for two classes, and a tree for each class otherwise.
    subsample : float, default 1.0
        Share of the rows that each round is fitted to.
    min_samples_split : int or float, default 2
        Rows that a node needs to be cut; a float is a share of all rows.
    min_samples_leaf : int or float, default 1
        Rows that each side of a cut needs.
    min_weight_fraction_leaf : float, default 0.0
        Share of the weight that each side of a cut needs.
    max_depth : int or None, default 3
        Most cuts from the root of a tree to a leaf.
    min_impurity_decrease : float, default 0.0
        Impurity that a cut must remove, times the node's share of the weight.
    init : {"zero"} or None, default None
        First scores: log-odds of the class shares, or 0.
    random_state : None, int, SeedSequence or Generator, default None
        For subsampling, drawn features and held-out rows.
    max_features : int, float, {"sqrt", "log2"} or None, default None
        Features drawn for each node, or their share; None for all.
    max_leaf_nodes : int or None, default None
        Most leaves of a tree; the cuts that remove most impurity are made first.
    validation_fraction : float, default 0.1
        Share of the rows of each class held out for early stopping.
    n_iter_no_change : int or None, default None
        Stop when the loss on held-out rows has not improved for so many rounds.
    tol : float, default 1e-4
        Improvement that counts.
    ccp_alpha : float, default 0.0
        Cost of a leaf in cost-complexity pruning.

    Attributes
    ----------
    trees_ : Forest
        All trees in flat arrays.
    estimators_ : (n_estimators_, K) array of DecisionTreeRegressor
        K is 1 for two classes, and the number of classes otherwise.
    classes_ : (n_classes,) array
    init_raw_ : (K,) array
        First scores.
    n_classes_, n_estimators_, n_trees_per_iteration_, n_features_in_, max_features_ : int
    train_score_ : (n_estimators_,) array
        Loss after each round on the rows it was fitted to.
    history_ : (n_estimators_ + 1,) array
        Loss before the first round, then `train_score_`.
    oob_improvement_, oob_scores_ : (n_estimators_,) arrays
        Fall of the loss, and loss, on the rows that a round was not fitted to; if subsample < 1.
    feature_importances_ : (n_features,) array

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "a", "a", "b"]
    >>> model = GradientBoostingClassifier(n_estimators=1, learning_rate=1.0).fit(X, y)
    >>> model.init_raw_  # log-odds of b: log(1 / 3); then Newton steps of -4/3 and 4
    array([-1.0986])
    >>> model.decision_function(X)
    array([-2.4319, -2.4319, -2.4319,  2.9014])
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        *,
        loss: str = "log_loss",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: str | None = None,
        random_state: Any = None,
        max_features: float | str | None = None,
        max_leaf_nodes: int | None = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 1e-4,
        ccp_alpha: float = 0.0,
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_depth = max_depth
        self.min_impurity_decrease = min_impurity_decrease
        self.init = init
        self.random_state = random_state
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.ccp_alpha = ccp_alpha

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        executor: Executor | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Boost; rows of weight 0 are left out. Each round calls the callback, which may stop.

        An executor grows the trees of a round side by side, if there are several.
        """
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        classes, codes = check_labels(y, len(Z))
        weight = check_sample_weight(sample_weight, len(Z))
        n_classes = len(np.unique(codes if weight is None else codes[weight > 0]))
        if n_classes < 2:
            raise ValueError(
                f"y contains {n_classes} class after sample_weight trimmed classes with zero"
                " weights, while a minimum of 2 classes are required."
            )
        K = len(classes)
        check_choice(self.loss, "loss", ("log_loss", "exponential"))
        if self.loss == "exponential" and K > 2:
            raise ValueError(
                "loss='exponential' is only suitable for a binary classification problem, you"
                f" have n_classes={K}. Please use loss='log_loss' instead."
            )
        loss: Loss = MultinomialLoss(K) if K > 2 else BinomialLoss()
        if self.loss == "exponential":
            loss = ExponentialLoss()
        learned = self._boost(Z, codes, weight, loss, executor, callback)
        return self._fitted(X, classes_=classes, n_classes_=K, **learned)

    def _loss(self) -> Loss:
        if len(self.classes_) > 2:
            return MultinomialLoss(len(self.classes_))
        return ExponentialLoss() if self.loss == "exponential" else BinomialLoss()

    def _shares(self, raw: Floats) -> Floats:
        """Class probabilities (N, n_classes) of scores (N, K)."""
        if raw.shape[1] > 1:
            return self._loss().mean(raw)
        p = self._loss().mean(raw[:, 0])
        return np.stack([1 - p, p], axis=1)

    def decision_function(self, X: object) -> Floats:
        """Scores: log-odds of the second class (n_samples,), or (n_samples, n_classes)."""
        raw = self._raw(X)
        return raw if raw.shape[1] > 1 else raw[:, 0]

    def predict_proba(self, X: object) -> Floats:
        """Class probabilities, (n_samples, n_classes)."""
        return self._shares(self._raw(X))

    def predict_log_proba(self, X: object) -> Floats:
        """Logarithm of `predict_proba`, -inf for 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: object) -> NDArray[Any]:
        """Class of the largest probability, of equal ones the first, (n_samples,)."""
        raw = self._raw(X)
        return self.classes_[_largest(raw)]

    def staged_decision_function(self, X: object) -> Iterator[Floats]:
        """Scores after each round."""
        for raw in self._staged_raw(X):
            yield raw if raw.shape[1] > 1 else raw[:, 0]

    def staged_predict_proba(self, X: object) -> Iterator[Floats]:
        """Class probabilities after each round."""
        for raw in self._staged_raw(X):
            yield self._shares(raw)

    def staged_predict(self, X: object) -> Iterator[NDArray[Any]]:
        """Predicted labels after each round."""
        for raw in self._staged_raw(X):
            yield self.classes_[_largest(raw)]


def _largest(raw: Floats) -> NDArray[np.int64]:
    """Class number of the largest probability, given scores (N, K)."""
    return (raw[:, 0] > 0).astype(np.int64) if raw.shape[1] == 1 else raw.argmax(axis=1)
