# SPDX-License-Identifier: BSD-3-Clause
"""Histogram gradient boosting: the fast kind, for many samples, missing values and categories.

Source:  Friedman (2001); Ke et al., LightGBM (2017); scikit-learn's parameters.
Differs: edges of bins lie midway between values; the slopes that choose splits are rounded to
         whole numbers (the values of leaves are not); a category that fit has not seen, and NaN
         where fit has seen none, go with missing values: into the larger child.
Cost:    see `hist_grow`; above the input 2 bytes per sample and feature, and some 70 per sample.
Checked: exhaustive splits; repeated rows against weights; scikit-learn and LightGBM, held out.
"""
# N samples, D features, K scores per sample (1, or the classes if there are more than two)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.estimator import ClassifierMixin, RegressorMixin
from byhand.utils.execute import Executor
from byhand.utils.validation import (
    check_choice,
    check_labels,
    check_sample_weight,
    check_scalar,
    check_target,
)

from .class_weight import class_weights
from .hist_base import BaseHistGradientBoosting
from .losses import (
    AbsoluteLoss,
    BinomialLoss,
    Loss,
    MultinomialLoss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
)

__all__ = ["HistGradientBoostingClassifier", "HistGradientBoostingRegressor"]

Floats = NDArray[np.float64]
RoundCallback = Callable[[Any, Mapping[str, Any]], object]


class HistGradientBoostingRegressor(RegressorMixin, BaseHistGradientBoosting):
    """Gradient boosting of histogram trees for numbers.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "poisson", "quantile"}, default "squared_error"
        What is minimised; "poisson" has a log link and needs y >= 0.
    quantile : float or None, default None
        Level for ``loss="quantile"``, between 0 and 1.
    learning_rate : float, default 0.1
        Share of each step that is taken.
    max_iter : int, default 100
        Rounds, one tree each.
    max_leaf_nodes : int or None, default 31
        Leaves of a tree at most; None for no limit.
    max_depth : int or None, default None
        Splits from the root to a leaf at most.
    min_samples_leaf : int, default 20
        Samples of a leaf at least.
    l2_regularization : float, default 0.0
        Added to the curvature of a leaf.
    max_features : float, default 1.0
        Share of the features drawn for each split.
    max_bins : int, default 255
        Bins of a feature at most, 2 to 255; missing values have one of their own besides.
    categorical_features : list of bool, int or str, or None, default None
        Features whose numbers are names: a mask, places, or names of columns. A category that fit
        has not seen, and a negative number, are treated as missing.
    early_stopping : bool or "auto", default "auto"
        Hold samples out and stop when they no longer gain; "auto" does so above 10,000 samples.
    validation_fraction : float, default 0.1
        Share of the samples held out.
    n_iter_no_change : int, default 10
        Rounds without a gain after which to stop.
    tol : float, default 1e-7
        What counts as a gain of the mean loss.
    random_state : None, int, SeedSequence or Generator, default None
        Draws samples to hold out, and features.

    Attributes
    ----------
    n_iter_ : int
        Rounds made.
    history_ : list of float
        Mean training loss before each round, last at the end; ``-train_score_``.
    validation_score_ : array
        Minus the mean loss on the samples held out, empty without.
    converged_ : bool
        Whether early stopping ended the fit.
    trees_ : HistTrees
        All trees as flat arrays.
    edges_ : list of arrays
        Edges of each feature's bins; the categories where it is categorical.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(200.0)[:, None]
    >>> model = HistGradientBoostingRegressor(max_iter=300).fit(X, X[:, 0] > 99)
    >>> model.predict([[0.0], [199.0]]).round(6)
    array([0., 1.])
    """

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        quantile: float | None = None,
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        max_bins: int = 255,
        categorical_features: ArrayLike | None = None,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        executor: Executor | None = None,
        callback: RoundCallback | None = None,
    ) -> Self:
        """Learn from samples.

        Parameters
        ----------
        X : (N, D) array
            NaN is a missing value.
        y : (N,) array
            Target.
        sample_weight : (N,) array, optional
            A weight of 2 is a row that stands twice.
        executor : object with ``submit``, optional
            Accepted by all boosting models; there is one tree in a round here.
        callback : callable, optional
            ``callback(self, info)`` after each round; a true return stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are out of range; the message names it.
        """
        Z = self._check_X(X, fitting=True, allow_nan=True)
        target = check_target(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        loss = self._loss()
        if isinstance(loss, PoissonLoss) and (target.min() < 0 or target.sum() <= 0):
            raise ValueError("loss='poisson' requires non-negative y and sum(y) > 0.")
        return self._boost(X, Z, target, w, loss, executor, callback)

    def predict(self, X: ArrayLike) -> Floats:
        """Predict the target, (N,)."""
        return self._loss().mean(self._raw_predict(X))

    def staged_predict(self, X: ArrayLike) -> Iterator[Floats]:
        """Predict after each round."""
        for raw in self._staged_raw(X):
            yield self._loss().mean(raw)

    def _loss(self) -> Loss:
        names = ("squared_error", "absolute_error", "poisson", "quantile")
        check_choice(self.loss, "loss", names)
        if self.loss == "quantile":
            if self.quantile is None:
                raise ValueError("loss='quantile': quantile must be a number in [0, 1], got None")
            return QuantileLoss(check_scalar(self.quantile, "quantile", low=0, high=1))
        if self.loss == "absolute_error":
            return AbsoluteLoss()
        return PoissonLoss() if self.loss == "poisson" else SquaredLoss()


class HistGradientBoostingClassifier(ClassifierMixin, BaseHistGradientBoosting):
    """Gradient boosting of histogram trees for classes.

    Parameters
    ----------
    loss : {"log_loss"}, default "log_loss"
        Log-loss, of two or more classes.
    learning_rate : float, default 0.1
        Share of each step that is taken.
    max_iter : int, default 100
        Rounds; one tree each for two classes, else one for each class.
    max_leaf_nodes : int or None, default 31
        Leaves of a tree at most; None for no limit.
    max_depth : int or None, default None
        Splits from the root to a leaf at most.
    min_samples_leaf : int, default 20
        Samples of a leaf at least.
    l2_regularization : float, default 0.0
        Added to the curvature of a leaf.
    max_features : float, default 1.0
        Share of the features drawn for each split.
    max_bins : int, default 255
        Bins of a feature at most, 2 to 255; missing values have one of their own besides.
    categorical_features : list of bool, int or str, or None, default None
        Features whose numbers are names: a mask, places, or names of columns. A category that fit
        has not seen, and a negative number, are treated as missing.
    early_stopping : bool or "auto", default "auto"
        Hold samples out and stop when they no longer gain; "auto" does so above 10,000 samples.
    validation_fraction : float, default 0.1
        Share of the samples of each class held out.
    n_iter_no_change : int, default 10
        Rounds without a gain after which to stop.
    tol : float, default 1e-7
        What counts as a gain of the mean loss.
    random_state : None, int, SeedSequence or Generator, default None
        Draws samples to hold out, and features.
    class_weight : dict, "balanced" or None, default None
        Weight of each class, times the sample's; "balanced" makes the classes equally heavy.

    Attributes
    ----------
    classes_ : (n_classes,) array
        Labels, sorted.
    n_iter_ : int
        Rounds made.
    history_ : list of float
        Mean training loss before each round, last at the end; ``-train_score_``.
    validation_score_ : array
        Minus the mean loss on the samples held out, empty without.
    converged_ : bool
        Whether early stopping ended the fit.
    trees_ : HistTrees
        All trees as flat arrays; tree t belongs to score t modulo the number of scores.
    edges_ : list of arrays
        Edges of each feature's bins; the categories where it is categorical.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(200.0)[:, None]
    >>> y = np.where(X[:, 0] > 99, "high", "low")
    >>> model = HistGradientBoostingClassifier(max_iter=50).fit(X, y)
    >>> model.predict([[0.0], [199.0]])
    array(['low', 'high'], dtype='<U4')
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        max_bins: int = 255,
        categorical_features: ArrayLike | None = None,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        random_state: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state
        self.class_weight = class_weight

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        executor: Executor | None = None,
        callback: RoundCallback | None = None,
    ) -> Self:
        """Learn from labelled samples.

        Parameters
        ----------
        X : (N, D) array
            NaN is a missing value.
        y : (N,) array
            Labels of any kind, at least two different ones.
        sample_weight : (N,) array, optional
            A weight of 2 is a row that stands twice.
        executor : object with ``submit``, optional
            Grows the trees of one round, one for each class; same result as without.
        callback : callable, optional
            ``callback(self, info)`` after each round; a true return stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are out of range; the message names it.
        """
        check_choice(self.loss, "loss", ("log_loss",))
        Z = self._check_X(X, fitting=True, allow_nan=True)
        classes, codes = check_labels(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        w = class_weights(self.class_weight, classes, codes, w)
        seen = np.unique(codes if w is None else codes[w > 0])
        if len(seen) < 2:
            raise ValueError(
                f"y must hold at least 2 classes with a positive weight, got {len(seen)} class(es)"
            )
        loss = BinomialLoss() if len(classes) == 2 else MultinomialLoss(len(classes))
        codes = codes.astype(np.min_scalar_type(-len(classes)))  # a byte instead of eight
        return self._boost(X, Z, codes, w, loss, executor, callback, classes_=classes)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Score of the second class (N,), or of each class (N, K), before the link."""
        return self._raw_predict(X)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probability of each class, (N, K)."""
        return self._probabilities(self._raw_predict(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the most probable label, (N,)."""
        return self._labels(self._raw_predict(X))

    def staged_decision_function(self, X: ArrayLike) -> Iterator[Floats]:
        """Score after each round."""
        yield from self._staged_raw(X)

    def staged_predict_proba(self, X: ArrayLike) -> Iterator[Floats]:
        """Probabilities after each round."""
        for raw in self._staged_raw(X):
            yield self._probabilities(raw)

    def staged_predict(self, X: ArrayLike) -> Iterator[NDArray[Any]]:
        """Predict the label after each round."""
        for raw in self._staged_raw(X):
            yield self._labels(raw)

    def _loss(self) -> Loss:
        K = len(self.classes_)
        return BinomialLoss() if K == 2 else MultinomialLoss(K)

    def _probabilities(self, raw: Floats) -> Floats:
        p = self._loss().mean(raw)
        return p if raw.ndim == 2 else np.stack([1 - p, p], axis=1)

    def _labels(self, raw: Floats) -> NDArray[Any]:
        chosen = raw.argmax(axis=1) if raw.ndim == 2 else (raw > 0).astype(np.int64)
        return np.asarray(self.classes_[chosen])
