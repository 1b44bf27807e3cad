# SPDX-License-Identifier: BSD-3-Clause
"""What histogram-boosted classifiers and regressors share: settings, held-out samples, scores.

Source:  Friedman (2001); Ke et al., LightGBM (2017); scikit-learn's parameters.
Differs: rows of weight 0 are removed before anything else; held-out samples are drawn by class.
Cost:    see `hist_grow`; 2 bytes per sample and feature above the input.
Checked: each setting and message by a test; repeated rows against weights.
"""
# N samples, D features, K scores per sample (1, or the classes if there are more than two)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.estimator import Estimator
from byhand.utils.execute import Executor
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_choice, check_scalar

from .binning import Bins, bin_codes, find_bins
from .hist_boost import Boosted, HistHeldOut, boost_histograms
from .hist_gain import GrowthLimits
from .hist_trees import HistTrees, sum_of_trees
from .losses import Loss

__all__ = ["BaseHistGradientBoosting"]

Floats = NDArray[np.float64]
RoundCallback = Callable[[Any, Mapping[str, Any]], object]
NO_LIMIT = 2**31 - 1


class _LearningSplit(NamedTuple):
    """Samples to learn from, and to stop by."""

    X: Floats
    y: NDArray[Any]
    w: Floats | None
    held_out: HistHeldOut | None


class BaseHistGradientBoosting(Estimator):
    """What classifier and regressor share."""

    _tags: ClassVar[dict[str, bool]] = {"allow_nan": True}

    learning_rate: float
    max_iter: int
    max_leaf_nodes: int | None
    max_depth: int | None
    min_samples_leaf: int
    l2_regularization: float
    max_features: float
    max_bins: int
    categorical_features: ArrayLike | None
    early_stopping: bool | str
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    random_state: Any
    trees_: HistTrees
    edges_: list[Floats]
    is_categorical_: NDArray[np.bool_] | None
    baseline_: Floats
    n_iter_: int
    n_trees_per_iteration_: int
    history_: list[float]
    train_score_: Floats
    validation_score_: Floats
    converged_: bool
    do_early_stopping_: bool

    def _loss(self) -> Loss:
        raise TypeError("a subclass says what it minimises")

    def _boost(
        self,
        X: ArrayLike,
        Z: Floats,
        y: NDArray[Any],
        w: Floats | None,
        loss: Loss,
        executor: Executor | None,
        callback: RoundCallback | None,
        **learned: Any,
    ) -> Self:
        """Bin, hold samples out, grow the trees and set what was learned."""
        self._check_settings()
        rng = check_random_state(self.random_state)
        categorical = self._categorical_mask(X, Z.shape[1])
        if w is not None and not w.all():  # a weight of 0 is a row that is not there
            Z, y, w = Z[w > 0], y[w > 0], w[w > 0]
        part = self._hold_out(Z, y, w, rng)
        bins = find_bins(part.X, self.max_bins, categorical, part.w)

        def on_round(iteration: int, objective: float) -> object:
            info = {"iteration": iteration, "max_iter": self.max_iter, "objective": objective}
            return callback is not None and callback(self, {**info, "params": None})

        with np.errstate(under="ignore", over="ignore"):  # losses of huge or tiny targets
            result = boost_histograms(
                bin_codes(part.X, bins),
                bins,
                part.y,
                part.w,
                loss,
                self._limits(Z.shape[1]),
                learning_rate=self.learning_rate,
                max_iter=self.max_iter,
                rng=rng,
                held_out=part.held_out,
                executor=executor,
                on_round=on_round,
            )
        return self._set_learned(X, result, bins, **learned)

    def _set_learned(self, X: ArrayLike, result: Boosted, bins: Bins, **learned: Any) -> Self:
        return self._fitted(
            X,
            trees_=result.trees,
            edges_=bins.edges,
            is_categorical_=bins.categorical if bins.categorical.any() else None,
            baseline_=result.start,
            n_iter_=result.n_iter,
            n_trees_per_iteration_=len(result.start),
            history_=result.history,
            train_score_=-np.array(result.history),
            validation_score_=-np.array(result.held_out),
            converged_=result.stopped,
            do_early_stopping_=bool(result.held_out),
            **learned,
        )

    def _limits(self, n_features: int) -> GrowthLimits:
        return GrowthLimits(
            NO_LIMIT if self.max_leaf_nodes is None else self.max_leaf_nodes,
            NO_LIMIT if self.max_depth is None else self.max_depth,
            self.min_samples_leaf,
            self.l2_regularization,
            max(1, int(self.max_features * n_features)),
        )

    def _check_settings(self) -> None:
        check_scalar(self.learning_rate, "learning_rate", low=0, low_open=True)
        check_scalar(self.max_iter, "max_iter", integer=True, low=1)
        if self.max_leaf_nodes is not None:
            check_scalar(self.max_leaf_nodes, "max_leaf_nodes", integer=True, low=2)
        if self.max_depth is not None:
            check_scalar(self.max_depth, "max_depth", integer=True, low=1)
        check_scalar(self.min_samples_leaf, "min_samples_leaf", integer=True, low=1)
        check_scalar(self.l2_regularization, "l2_regularization", low=0)
        check_scalar(self.max_features, "max_features", low=0, high=1, low_open=True)
        check_scalar(self.max_bins, "max_bins", integer=True, low=2, high=255)
        check_choice(self.early_stopping, "early_stopping", ("auto", True, False))
        check_scalar(
            self.validation_fraction,
            "validation_fraction",
            low=0,
            high=1,
            low_open=True,
            high_open=True,
        )
        check_scalar(self.n_iter_no_change, "n_iter_no_change", integer=True, low=1)
        check_scalar(self.tol, "tol", low=0)

    def _categorical_mask(self, X: ArrayLike, n_features: int) -> NDArray[np.bool_]:
        """Turn a mask, numbers or names of features into a mask."""
        mask = np.zeros(n_features, dtype=np.bool_)
        if self.categorical_features is None:
            return mask
        given = np.asarray(self.categorical_features)
        name = "categorical_features"
        if given.shape == (0,):
            return mask
        if given.ndim != 1 or given.dtype.kind not in "biuUO":
            raise TypeError(
                f"{name} must be an array-like of bool, int or str, got: {given.dtype.name}"
            )
        if given.dtype.kind == "b":
            if len(given) != n_features:
                raise ValueError(
                    f"{name} set as a boolean mask must have shape (n_features,), which is"
                    f" ({n_features},), got: ({len(given)},)"
                )
            return given
        if given.dtype.kind in "UO":
            given = _places_of_names(given, X)
        if given.min() < 0 or given.max() >= n_features:
            raise ValueError(
                f"{name} set as integer indices must be in [0, n_features - 1], which is"
                f" [0, {n_features - 1}], got {given.tolist()}"
            )
        mask[given] = True
        return mask

    def _hold_out(
        self, X: Floats, y: NDArray[Any], w: Floats | None, rng: np.random.Generator
    ) -> _LearningSplit:
        """Set samples aside to stop by: a share of each class, or of all."""
        stops = self.early_stopping is True or (self.early_stopping == "auto" and len(X) > 10_000)
        if not stops:
            return _LearningSplit(X, y, w, None)
        groups = [np.flatnonzero(y == c) for c in np.unique(y)] if y.dtype.kind == "i" else None
        aside = np.zeros(len(X), dtype=np.bool_)
        for group in groups or [np.arange(len(X))]:
            n_out = round(self.validation_fraction * len(group))
            aside[rng.permutation(group)[: min(n_out, len(group) - 1)]] = True
        if not aside.any():
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of {len(X)} samples holds none out"
            )
        keep = ~aside
        w_out, w_in = (None, None) if w is None else (w[aside], w[keep])
        held = HistHeldOut(X[aside], y[aside], w_out, self.n_iter_no_change, self.tol)
        return _LearningSplit(X[keep], y[keep], w_in, held)

    def _bins(self) -> Bins:
        named = self.is_categorical_
        return Bins(self.edges_, np.zeros(len(self.edges_), bool) if named is None else named)

    def _raw_predict(self, X: ArrayLike) -> Floats:
        """Scores (N,) or (N, K) before the link."""
        Z = self._check_X(X, allow_nan=True)
        bins = self._bins()
        K = len(self.baseline_)
        raw = self.baseline_ + sum_of_trees(self.trees_, Z, bins, K)
        return raw[:, 0] if K == 1 else raw

    def _staged_raw(self, X: ArrayLike) -> Iterator[Floats]:
        Z = self._check_X(X, allow_nan=True)
        bins = self._bins()
        K = len(self.baseline_)
        raw = np.tile(self.baseline_, (len(Z), 1))
        for i in range(0, len(self.trees_.root), K):
            one_round = self.trees_._replace(root=self.trees_.root[i : i + K])
            raw = raw + sum_of_trees(one_round, Z, bins, K)
            yield raw[:, 0] if K == 1 else raw

    def _check_loaded(self) -> None:
        trees, D, M = self.trees_, self.n_features_in_, len(self.trees_.child)
        same = all(len(a) == M for a in trees[1:6] + trees[7:])
        if not same or len(self.edges_) != D or self._bins().categorical.shape != (D,):
            raise ValueError("trees_ and edges_ must agree in length")
        # a child stands behind its parent, so that every walk ends
        child, own = trees.child, np.arange(M)
        leaf = child == own
        if (
            (child < own) | (child + ~leaf >= M) | (trees.feature < 0) | (trees.feature >= D)
        ).any():
            raise ValueError("trees_ has children or features out of range")
        if ((trees.root < 0) | (trees.root >= M)).any() or len(trees.root) % len(self.baseline_):
            raise ValueError("trees_ has roots out of range")
        groups = trees.category_left
        if groups.ndim != 2 or groups.shape[1] != 256 or (trees.category >= len(groups)).any():
            raise ValueError("trees_ has categories out of range")
        if not np.isfinite(trees.value).all() or not trees.missing_left[leaf].all():
            raise ValueError("trees_ has leaves without a value")


def _places_of_names(names: NDArray[Any], X: ArrayLike) -> NDArray[np.int64]:
    """Where the columns of these names stand in a data frame."""
    columns = [str(column) for column in getattr(X, "columns", [])]
    if not columns:
        raise ValueError(
            "categorical_features should be passed as an array of integers or as a boolean mask"
            " when the model is fitted on data without feature names."
        )
    unknown = sorted({str(name) for name in names} - set(columns))
    if unknown:
        raise ValueError(
            f"categorical_features has an item value {unknown[0]!r} which is not a valid feature"
            f" name of the training data. Observed feature names: {columns}"
        )
    return np.array([columns.index(str(name)) for name in names], dtype=np.int64)
