# SPDX-License-Identifier: BSD-3-Clause
"""What random forests and extra trees share: resampling, voting, out-of-bag estimates.

Source:  Breiman (1996, 2001); scikit-learn's parameters and attributes.
Differs: trees grow in batches (see forest_grow), on any executor, with the same bits on each;
         a row that every tree has drawn has no out-of-bag estimate (NaN) and no part in the score.
Cost:    see drawn_cuts and random_cuts; prediction 5 ns per row, tree and level.
Checked: voting by hand; out-of-bag estimates from the trees one by one.
"""
# N rows, T trees, K classes

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from byhand.utils.estimator import ClassifierMixin, Estimator, RegressorMixin
from byhand.utils.execute import Executor, map_reduce
from byhand.utils.random import check_random_state
from byhand.utils.validation import (
    check_choice,
    check_labels,
    check_sample_weight,
    check_scalar,
    check_target,
)

from .class_weight import class_weights
from .decision_tree import DecisionTreeClassifier, DecisionTreeRegressor
from .ensemble import (
    Forest,
    check_forest,
    forest_importances,
    join_forests,
    sum_of_leaves,
    tree_at,
)
from .forest_grow import BATCH_ROWS, Batch, bootstrap_counts, grow_batch
from .limits import features_drawn, limits_of
from .moments import Floats
from .poisson import check_counts
from .presort import presort
from .tree import leaf_blocks, tree_leaves

__all__ = ["ForestClassifier", "ForestEstimator", "ForestMetric", "ForestRegressor"]

ForestMetric = Callable[[NDArray[Any], NDArray[Any]], float]


class ForestEstimator(Estimator):
    """Trees on resampled rows."""

    _tags: ClassVar[dict[str, bool]] = {"allow_nan": True}
    _random_cuts: ClassVar[bool] = False
    n_estimators: int
    criterion: str
    bootstrap: bool
    oob_score: bool | ForestMetric
    max_samples: float | None
    max_features: float | str | None
    random_state: Any
    trees_: Forest
    seeds_: NDArray[np.int64]
    n_drawn_: int
    n_samples_: int
    n_features_in_: int

    def _grow_forest(
        self,
        Z: NDArray[Any],
        y: NDArray[Any],
        weight: Floats | None,
        n_classes: int,
        executor: Executor | None,
    ) -> dict[str, Any]:
        """Return what every forest learns; n_classes is 0 for a real target."""
        n, T = len(Z), check_scalar(self.n_estimators, "n_estimators", integer=True, low=1)
        n_drawn = self._rows_drawn(n)
        total = float(n_drawn or n) * (1.0 if weight is None else float(weight.mean()))
        limits = limits_of(self, n, Z.shape[1], total, self._random_cuts)
        seeds = check_random_state(self.random_state).integers(2**62, size=T)
        balanced = getattr(self, "class_weight", None) == "balanced_subsample"
        if balanced and not n_drawn:  # each tree takes all rows
            weight, balanced = class_weights("balanced", np.unique(y), y, weight), False
        batch = Batch(
            Z,
            presort(Z),
            y,
            n_classes,
            self.criterion,
            weight,
            balanced,
            limits,
            n_drawn,
            seeds,
        )
        step = max(1, BATCH_ROWS // n)
        batches = [batch._replace(seeds=seeds[t : t + step]) for t in range(0, T, step)]
        forests = map_reduce(_grow_listed, batches, operator.add, executor)
        learned = {"trees_": join_forests(forests), "seeds_": seeds, "n_drawn_": n_drawn}
        return {**learned, "n_samples_": n, "n_outputs_": 1}

    def _rows_drawn(self, n: int) -> int:
        """Rows drawn for each tree, 0 for all of them once."""
        check_choice(self.bootstrap, "bootstrap", (False, True))
        if not callable(self.oob_score):
            check_choice(self.oob_score, "oob_score", (False, True))
        if not self.bootstrap:
            if self.oob_score:
                raise ValueError("Out of bag estimation only available if bootstrap=True")
            if self.max_samples is not None:
                raise ValueError(
                    "`max_sample` cannot be set if `bootstrap=False`. Either switch to"
                    " `bootstrap=True` or set `max_sample=None`. max_samples is"
                    f" {self.max_samples}."
                )
            return 0
        if self.max_samples is None:
            return n
        share: Any = self.max_samples
        if isinstance(share, float | np.floating):
            check_scalar(share, "max_samples", low=0, high=np.inf, low_open=True, high_open=True)
            return max(1, round(n * float(share)))
        return int(check_scalar(self.max_samples, "max_samples", integer=True, low=1))

    def _out_of_bag(self, Z: NDArray[Any], learned: dict[str, Any]) -> Floats:
        """Mean over the trees that have not drawn a row, (N, K); NaN if all have."""
        forest: Forest = learned["trees_"]
        value = forest.nodes.value[:, 0]
        total, n_trees = np.zeros((len(Z), value.shape[1])), np.zeros(len(Z))
        for trees, rows, leaf in leaf_blocks(forest.nodes, forest.roots, Z):
            for seed, one in zip(learned["seeds_"][trees], leaf, strict=True):
                out = bootstrap_counts(int(seed), len(Z), learned["n_drawn_"])[rows] == 0
                n_trees[rows] += out
                total[rows] += value[one] * out[:, None]
        if not n_trees.all():
            warnings.warn(
                "Some inputs do not have OOB scores. This probably means too few trees were used"
                " to compute any reliable OOB estimates.",
                stacklevel=3,
            )
        return np.where(n_trees > 0, 1.0, np.nan)[:, None] * total / np.maximum(n_trees, 1)[:, None]

    def _tree_parameters(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        for name in ("n_estimators", "bootstrap", "oob_score", "max_samples", "random_state"):
            del params[name]
        if params.get("class_weight") == "balanced_subsample":
            params["class_weight"] = "balanced"
        return params | {"splitter": "random" if self._random_cuts else "best"}

    def _as_tree_models(self, cls: Any, learned: dict[str, Any]) -> list[Any]:
        self._check_fitted()
        D = self.n_features_in_
        drawn = features_drawn(self.max_features, D)
        learned = {"n_features_in_": D, "max_features_": drawn, "n_outputs_": 1, **learned}
        models = []
        for t in range(len(self.trees_.roots)):
            model = cls(**self._tree_parameters())
            vars(model).update(tree_=tree_at(self.trees_, t), **learned)
            models.append(model)
        return models

    @property
    def estimators_samples_(self) -> list[NDArray[np.int32]]:
        """Rows drawn for each tree, ascending, as often as they were drawn."""
        self._check_fitted()
        rows = np.arange(self.n_samples_, dtype=np.int32)
        if not self.n_drawn_:
            return [rows for _ in self.seeds_]
        n = self.n_samples_
        return [rows.repeat(bootstrap_counts(int(s), n, self.n_drawn_)) for s in self.seeds_]

    @property
    def feature_importances_(self) -> Floats:
        """Mean over the trees of each feature's share in the removed impurity, (n_features,)."""
        self._check_fitted()
        return forest_importances(self.trees_, self.n_features_in_)

    def apply(self, X: object) -> NDArray[np.int64]:
        """Find each row's leaf in each tree, (n_samples, n_estimators)."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        leaves = tree_leaves(self.trees_.nodes, self.trees_.roots, Z)
        return (leaves - self.trees_.roots[:, None]).T

    def decision_path(self, X: object) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether each row passes each node, dense, and the column where each tree begins."""
        Z = self._check_X(X, allow_nan=True, dtype="float")
        trees = [tree_at(self.trees_, t) for t in range(len(self.trees_.roots))]
        ends = np.append(self.trees_.roots, len(self.trees_.nodes.feature))
        return np.hstack([tree.decision_path(Z) for tree in trees]), ends

    def _mean_of_leaves(self, X: object) -> Floats:
        Z = self._check_X(X, allow_nan=True, dtype="float")
        return sum_of_leaves(self.trees_, Z) / len(self.trees_.roots)

    def _check_loaded(self) -> None:
        check_forest(self.trees_, self.n_features_in_, len(getattr(self, "classes_", [0])))


class ForestClassifier(ClassifierMixin, ForestEstimator):
    """Forests for classes."""

    class_weight: Any
    classes_: NDArray[Any]

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        executor: Executor | None = None,
    ) -> Self:
        """Grow the trees, on an executor in batches if one is given."""
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        classes, codes = check_labels(y, len(Z))
        check_choice(self.criterion, "criterion", ("gini", "entropy", "log_loss"))
        weight = check_sample_weight(sample_weight, len(Z))
        if self.class_weight != "balanced_subsample":
            weight = class_weights(self.class_weight, classes, codes, weight)
        learned = self._grow_forest(Z, codes, weight, len(classes), executor)
        if self.oob_score:
            shares = self._out_of_bag(Z, learned)
            known = ~np.isnan(shares[:, 0])
            guess, true = shares[known].argmax(axis=1), codes[known]
            learned["oob_decision_function_"] = shares
            learned["oob_score_"] = _score_of(self.oob_score, true, guess, _accuracy)
        return self._fitted(X, classes_=classes, n_classes_=len(classes), **learned)

    def predict_proba(self, X: object) -> Floats:
        """Mean over the trees of the class shares in each row's leaf, (n_samples, n_classes)."""
        return self._mean_of_leaves(X)

    def predict_log_proba(self, X: object) -> Floats:
        """Logarithm of `predict_proba`, -inf for 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: object) -> NDArray[Any]:
        """Class of the largest mean share, of equal ones the first, (n_samples,)."""
        shares = self.predict_proba(X)
        return np.asarray(self.classes_[shares.argmax(axis=1)])

    @property
    def estimators_(self) -> list[DecisionTreeClassifier]:
        """The trees as models."""
        learned = {"classes_": self.classes_, "n_classes_": len(self.classes_)}
        return self._as_tree_models(DecisionTreeClassifier, learned)


class ForestRegressor(RegressorMixin, ForestEstimator):
    """Forests for a real target."""

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        executor: Executor | None = None,
    ) -> Self:
        """Grow the trees, on an executor in batches if one is given."""
        Z = self._check_X(X, fitting=True, allow_nan=True, dtype="float")
        target = check_target(y, len(Z))
        check_choice(self.criterion, "criterion", ("squared_error", "poisson"))
        weight = check_sample_weight(sample_weight, len(Z))
        if self.criterion == "poisson":
            check_counts(target, weight)
        learned = self._grow_forest(Z, target, weight, 0, executor)
        if self.oob_score:
            means = self._out_of_bag(Z, learned)[:, 0]
            known = ~np.isnan(means)
            learned["oob_prediction_"] = means
            learned["oob_score_"] = _score_of(self.oob_score, target[known], means[known], _r2)
        return self._fitted(X, **learned)

    def predict(self, X: object) -> Floats:
        """Mean over the trees of the mean in each row's leaf, (n_samples,)."""
        return self._mean_of_leaves(X)[:, 0]

    @property
    def estimators_(self) -> list[DecisionTreeRegressor]:
        """The trees as models."""
        return self._as_tree_models(DecisionTreeRegressor, {})


def _grow_listed(batch: Batch) -> list[Forest]:
    return [grow_batch(batch)]


def _score_of(
    metric: bool | ForestMetric, true: NDArray[Any], guess: NDArray[Any], usual: ForestMetric
) -> float:
    """Score of the rows that have an estimate; NaN if none has."""
    if not len(true):
        return float("nan")
    return float(metric(true, guess) if callable(metric) else usual(true, guess))


def _accuracy(true: NDArray[Any], guess: NDArray[Any]) -> float:
    return float((true == guess).mean())


def _r2(true: NDArray[Any], guess: NDArray[Any]) -> float:
    total = ((true - true.mean()) ** 2).sum()
    return float(1 - ((true - guess) ** 2).sum() / total) if total > 0 else float("nan")
