# SPDX-License-Identifier: BSD-3-Clause
"""What gradient boosting for classes and for numbers shares: the rounds, their losses, scores.

Source:  Friedman (2001, 2002); scikit-learn's attributes.
Differs: see gradient_boosting.
Cost:    see boost; prediction 5 ns per row, tree and level.
Checked: see gradient_boosting; early stopping by hand.
"""
# N rows, K scores per row, T rounds of K trees

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from byhand.utils.estimator import ClassifierMixin, Estimator
from byhand.utils.execute import Executor
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_choice, check_scalar

from .boost import BoostData, boosting_rounds, staged_sums
from .decision_tree import DecisionTreeRegressor
from .early_stopping import HeldOut, held_out_rows
from .ensemble import (
    Forest,
    check_forest,
    forest_importances,
    join_forests,
    sum_of_leaves,
    tree_at,
)
from .limits import limits_of
from .losses import BinomialLoss, Loss, SquaredLoss
from .moments import Floats
from .presort import presort
from .tree import tree_leaves

__all__ = ["BoostingEstimator", "Callback"]

Callback = Callable[[Any, dict[str, Any]], Any]


class BoostingEstimator(Estimator):
    """What boosting for classes and for numbers shares."""

    _tags: ClassVar[dict[str, bool]] = {"allow_nan": True}
    learning_rate: float
    n_estimators: int
    subsample: float
    init: str | None
    random_state: Any
    validation_fraction: float
    n_iter_no_change: int | None
    tol: float
    trees_: Forest
    init_raw_: Floats
    max_features_: int
    n_features_in_: int

    def _boost(
        self,
        Z: NDArray[Any],
        y: NDArray[Any],
        weight: Floats | None,
        loss: Loss,
        executor: Executor | None,
        callback: Callback | None,
    ) -> dict[str, Any]:
        """Return what boosting learns."""
        T = check_scalar(self.n_estimators, "n_estimators", integer=True, low=1)
        self._check_rates()
        rng = check_random_state(self.random_state)
        if weight is not None and not weight.all():
            Z, y, weight = _some_rows(weight > 0, Z, y, weight)
        held = None
        if self.n_iter_no_change is not None:
            codes = y if isinstance(self, ClassifierMixin) else None
            out = held_out_rows(len(Z), codes, self.validation_fraction, rng)
            held, (Z, y, weight) = _some_rows(out, Z, y, weight), _some_rows(~out, Z, y, weight)
        total = float(len(Z) if weight is None else weight.sum())
        limits = limits_of(self, len(Z), Z.shape[1], total)
        data = BoostData(Z, presort(Z), y, weight, loss, limits)
        start = np.zeros(loss.n_scores)
        if self.init is None:
            start[:] = loss.init_raw(y, weight)
        watch = None
        if held is not None and self.n_iter_no_change is not None:
            raw = _equal_scores(start, len(held[0]))
            rules: Any = (loss, self.learning_rate, self.n_iter_no_change, self.tol)
            watch = HeldOut(*held, raw, *rules)
        learned = {"init_raw_": start, "max_features_": limits.n_candidates or Z.shape[1]}
        return {**learned, **self._rounds(data, start, T, watch, rng, executor, callback)}

    def _rounds(
        self,
        data: BoostData,
        start: Floats,
        T: int,
        watch: HeldOut | None,
        rng: np.random.Generator,
        executor: Executor | None,
        callback: Callback | None,
    ) -> dict[str, Any]:
        """Run the rounds and keep the losses."""
        raw = _equal_scores(start, len(data.X))
        trees: list[Forest] = []
        history, outside = [_deviance(data, raw)], []
        steps = boosting_rounds(data, raw, self.learning_rate, self.subsample, rng, executor)
        for i, step in zip(range(1, T + 1), steps, strict=False):
            trees += [Forest(tree, np.zeros(1, dtype=np.int64)) for tree in step.trees]
            history.append(_deviance(data, step.raw, step.in_bag))
            if step.in_bag is not None:
                outside.append([_deviance(data, r, ~step.in_bag) for r in (raw, step.raw)])
            raw = step.raw
            info = {"iteration": i, "max_iter": T, "objective": history[-1], "params": trees}
            if callback is not None and callback(self, info):
                break
            if watch is not None and watch.is_over(step.trees):
                break
        learned: dict[str, Any] = {
            "n_estimators_": len(history) - 1,
            "n_trees_per_iteration_": len(start),
        }
        if outside:
            before, after = np.array(outside).T
            learned |= {"oob_improvement_": before - after, "oob_scores_": after}
            learned["oob_score_"] = float(after[-1])
        learned |= {"history_": np.array(history), "train_score_": np.array(history[1:])}
        return {"trees_": join_forests(trees), **learned}

    def _check_rates(self) -> None:
        check_scalar(self.learning_rate, "learning_rate", low=0)
        check_scalar(self.subsample, "subsample", low=0, high=1, low_open=True)
        share = self.validation_fraction
        check_scalar(share, "validation_fraction", low=0, high=1, low_open=True, high_open=True)
        check_scalar(self.tol, "tol", low=0)
        check_choice(self.init, "init", (None, "zero"))
        if self.n_iter_no_change is not None:
            check_scalar(self.n_iter_no_change, "n_iter_no_change", integer=True, low=1)

    def _raw(self, X: object) -> Floats:
        """Scores, (N, K)."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        K = len(self.init_raw_)
        sums = sum_of_leaves(self.trees_, Z) if K == 1 else staged_sums(self.trees_, Z, K)[-1]
        return self.init_raw_ + self.learning_rate * sums

    def _staged_raw(self, X: object) -> Floats:
        """Scores after each round, (T, N, K)."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        sums = staged_sums(self.trees_, Z, len(self.init_raw_))
        return self.init_raw_ + self.learning_rate * sums

    @property
    def estimators_(self) -> NDArray[np.object_]:
        """The trees as regressors, (n_rounds, K); their leaves hold the steps of the scores."""
        self._check_fitted()
        names = set(DecisionTreeRegressor().get_params()) - {"criterion", "random_state"}
        params = {k: v for k, v in self.get_params(deep=False).items() if k in names}
        models = np.empty(len(self.trees_.roots), dtype=object)
        for t in range(len(models)):
            models[t] = DecisionTreeRegressor(**params)
            seen = {"n_features_in_": self.n_features_in_, "max_features_": self.max_features_}
            vars(models[t]).update(tree_=tree_at(self.trees_, t), n_outputs_=1, **seen)
        return models.reshape(-1, len(self.init_raw_))

    @property
    def feature_importances_(self) -> Floats:
        """Mean over the trees of each feature's share in the removed impurity, (n_features,)."""
        self._check_fitted()
        return forest_importances(self.trees_, self.n_features_in_)

    def apply(self, X: object) -> NDArray[np.int64]:
        """Find each row's leaf in each tree, (n_samples, n_rounds) or (.., .., K)."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        leaves = tree_leaves(self.trees_.nodes, self.trees_.roots, Z)
        leaves = (leaves - self.trees_.roots[:, None]).T
        K = len(self.init_raw_)
        return leaves if not hasattr(self, "classes_") else leaves.reshape(len(Z), -1, K)

    def _check_loaded(self) -> None:
        check_forest(self.trees_, self.n_features_in_, 1)
        K = len(self.init_raw_)
        if self.init_raw_.ndim != 1 or len(self.trees_.roots) % K:
            raise ValueError("init_raw_ must hold a score for each tree of a round")


def _some_rows(
    rows: NDArray[np.bool_], Z: NDArray[Any], y: NDArray[Any], weight: Floats | None
) -> tuple[NDArray[Any], NDArray[Any], Floats | None]:
    return Z[rows], y[rows], None if weight is None else weight[rows]


def _equal_scores(start: Floats, n: int) -> Floats:
    """Repeat the same scores for n rows: (n,), or (n, K) for K > 1."""
    return np.full(n, start[0]) if len(start) == 1 else np.tile(start, (n, 1))


def _deviance(data: BoostData, raw: Floats, rows: NDArray[np.bool_] | None = None) -> float:
    """Report the loss as scikit-learn does: squared and two-class log-loss are doubled."""
    y, weight = data.y, data.weight
    if rows is not None:
        y, raw, weight = y[rows], raw[rows], None if weight is None else weight[rows]
    double = 2 if type(data.loss) in (SquaredLoss, BinomialLoss) else 1
    return double * data.loss.value(y, raw, weight)
