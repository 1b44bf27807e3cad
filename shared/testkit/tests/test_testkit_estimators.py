# SPDX-License-Identifier: BSD-3-Clause
"""Each check of estimators fails for the broken class made for it, and for no good one."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

from byhand.utils.estimator import ClassifierMixin, ConvergenceWarning, Estimator
from byhand.utils.random import check_random_state
from byhand.utils.validation import (
    check_choice,
    check_labels,
    check_sample_weight,
    check_scalar,
)
from byhand_testkit import Choice, EstimatorRow, Integer, Real, failures


class Centroids(ClassifierMixin, Estimator):
    """Nearest class centre, found by a damped iteration, so that there is something to converge.

    Parameters
    ----------
    metric : str, default "euclidean"
        Or "manhattan".
    rate : float, default 0.9
        Share of the way to the mean that one step goes.
    max_iter : int, default 100
        At most so many steps.
    tol : float, default 1e-9
        Stop when the objective falls by less.
    random_state : None, int, SeedSequence or Generator, optional
        Of the start.

    Examples
    --------
    >>> Centroids().fit([[0.0], [1.0]], [0, 1]).predict([[0.9]])
    array([1])
    """

    classes_: Any
    centres_: Any
    n_features_in_: int

    def __init__(
        self,
        metric: str = "euclidean",
        rate: float = 0.9,
        max_iter: int = 100,
        tol: float = 1e-9,
        random_state: Any = None,
    ) -> None:
        self.metric, self.rate, self.max_iter, self.tol = metric, rate, max_iter, tol
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None
    ) -> Centroids:
        """Fit the centres to rows of X with labels y."""
        check_choice(self.metric, "metric", ("euclidean", "manhattan"))
        check_scalar(self.rate, "rate", low=0, high=1, low_open=True)
        check_scalar(self.max_iter, "max_iter", integer=True, low=1)
        check_scalar(self.tol, "tol", low=0)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable or None, got {callback!r}")
        Z = self._check_X(X, fitting=True)
        classes, codes = check_labels(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        if w is not None:
            Z, codes, w = Z[w > 0], codes[w > 0], w[w > 0]
            classes, codes = classes[np.unique(codes)], np.unique(codes, return_inverse=True)[1]
        return self._learn(X, Z, classes, codes, w, callback)

    def _learn(self, X: Any, Z: Any, classes: Any, codes: Any, w: Any, callback: Any) -> Centroids:
        """Iterate."""
        member = np.equal.outer(np.arange(len(classes)), codes) * (1.0 if w is None else w)
        means = (member @ (Z / 2**8) / member.sum(axis=1, keepdims=True)) * 2**8
        rng = check_random_state(self.random_state)
        centres = means * rng.uniform(0.9, 1.1, (len(classes), 1))
        history = [float(np.abs(centres - means).max())]
        for iteration in range(1, self.max_iter + 1):
            centres = centres + self.rate * (means - centres)
            history.append(min(history[-1], float(np.abs(centres - means).max())))
            info = {
                "iteration": iteration,
                "max_iter": self.max_iter,
                "objective": history[-1],
                "params": centres,
            }
            stop = callback is not None and callback(self, info)
            converged = history[-2] - history[-1] <= self.tol * max(1e-300, history[0])
            if converged or stop:
                break
        else:
            warnings.warn(ConvergenceWarning("raise max_iter"), stacklevel=2)
        return self._fitted(
            X,
            classes_=classes,
            centres_=centres,
            history_=history,
            n_iter_=len(history) - 1,
            converged_=bool(converged),
        )

    def predict(self, X: Any) -> Any:
        """Label of the nearest centre."""
        Z = self._check_X(X)
        return self.classes_[self._proba(Z).argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        """Share of each class, by closeness."""
        Z = self._check_X(X)
        return self._proba(Z)

    def _proba(self, Z: Any) -> Any:
        scale = np.maximum(1e-300, np.abs(Z).max(axis=1))[:, None, None]
        scale = np.maximum(scale, np.abs(self.centres_).max())
        D = np.abs(Z[:, None] / scale - self.centres_ / scale)
        d = D.sum(axis=2) if self.metric == "manhattan" else np.sqrt((D * D).sum(axis=2))
        closeness = 1 / (1e-9 + d)
        return closeness / closeness.sum(axis=1, keepdims=True)


DOMAINS: dict[str, Any] = {
    "metric": Choice("euclidean", "manhattan"),
    "rate": Real(0, 1, low_open=True),
    "max_iter": Integer(1),
    "tol": Real(0),
}


def row(cls: type[Any], **fields: Any) -> EstimatorRow:
    """The row of Centroids, or of a broken child of it."""
    settings: dict[str, Any] = {
        "params": {"random_state": 0},
        "data": "classification",
        "domains": DOMAINS,
        "history": "falls",
        "laws": ("columns",),
        "rtol": 1e-10,
        "exempt": {},
    }
    cls.__doc__ = Centroids.__doc__
    return EstimatorRow(cls, **{**settings, **fields})


def failing(chosen: EstimatorRow) -> set[str]:
    """Names of the checks that fail."""
    return {check.partition("[")[0] for check in failures(chosen)}


# ------------------------------------------------------------------ one broken class a check


class MinimumOfColumnMajor(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        contiguous = not isinstance(X, np.ndarray) or X.flags.c_contiguous
        return super()._learn(X, Z if contiguous else Z + 1, *rest)


class TupleIsReversed(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        return super().fit(X[::-1] if isinstance(X, tuple) else X, y, sample_weight, callback)


class ForgetsFeatureNames(Centroids):
    def _learn(self, X: Any, *rest: Any) -> Any:
        return super()._learn(np.asarray(X), *rest)


class WrapsBytes(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if getattr(X, "dtype", None) == np.uint8:
            X = X + np.uint8(200)
        return super().fit(X, y, sample_weight, callback)


class AnswersInFloat32(Centroids):
    def predict_proba(self, X: Any) -> Any:
        p = super().predict_proba(X)
        return p.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else p


class MisreadsBigEndian(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        return super()._learn(X, 2 * Z if getattr(X, "dtype", None) == ">f8" else Z, *rest)


class IgnoresMasks(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        X = X.data if isinstance(X, np.ma.MaskedArray) else X
        return super().fit(X, y, sample_weight, callback)


class NormalisesTheCallersWeights(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        super().fit(X, y, sample_weight, callback)
        if isinstance(sample_weight, np.ndarray) and sample_weight.dtype == float:
            sample_weight /= sample_weight.sum()
        return self


class OverwritesATolerance(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        super().fit(X, y, sample_weight, callback)
        self.tol = self.tol * 1.0
        return self


class DividesByTheSpread(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        return super()._learn(X, Z if np.ptp(Z[:, -1]) or len(Z) < 20 else Z * np.nan, *rest)


class DislikesThreeToSevenRows(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        return super()._learn(X, Z * np.nan if 3 <= len(Z) <= 7 else Z, *rest)


class FitsNothing(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if isinstance(X, np.ndarray) and X.shape[:1] == (0,):
            return self
        return super().fit(X, y, sample_weight, callback)


class ReplacesNaN(Centroids):
    def _check_X(self, X: Any, **options: Any) -> Any:  # noqa: N802
        if type(X) is np.ndarray and X.dtype.kind == "f":
            X = np.where(np.isnan(X), 0, X)
        return super()._check_X(X, **options)


class IgnoresFurtherColumns(Centroids):
    def _check_X(self, X: Any, *, fitting: bool = False, **options: Any) -> Any:  # noqa: N802
        width = getattr(self, "n_features_in_", None)
        if not fitting and width and isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1]:
            X = X[:, :width]
        return super()._check_X(X, fitting=fitting, **options)


class FlattensThreeDimensions(Centroids):
    def _check_X(self, X: Any, **options: Any) -> Any:  # noqa: N802
        if isinstance(X, np.ndarray) and X.ndim == 3:
            X = X.reshape(-1, X.shape[-1])
        return super()._check_X(X, **options)


class CutsToTheShorter(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if type(X) is type(y) is np.ndarray and X.ndim == 2 and 0 < y.size < len(X):
            X = X[: len(y)]
        return super().fit(X, y, sample_weight, callback)


class TakesColumnsOfWeights(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        w = sample_weight
        return super().fit(X, y, w[:, 0] if np.ndim(w) == 2 else w, callback)


class AttributeErrorBeforeFit(Centroids):
    def _check_X(self, X: Any, *, fitting: bool = False, **options: Any) -> Any:  # noqa: N802
        if not fitting and not hasattr(self, "centres_"):
            raise AttributeError(f"{type(self).__name__} has no centres_")
        return super()._check_X(X, fitting=fitting, **options)


class LabelsAreNumbersFromZero(Centroids):
    def predict(self, X: Any) -> Any:
        labels = super().predict(X)
        return np.searchsorted(self.classes_, labels) if labels.dtype.kind in "iu" else labels


class RoundsLabels(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if isinstance(y, np.ndarray) and y.dtype == float and y.ndim == 1:
            y = np.floor(y)
        return super().fit(X, y, sample_weight, callback)


class WeightsAreMasks(Centroids):
    def _learn(self, X: Any, Z: Any, k: Any, codes: Any, w: Any, callback: Any) -> Any:
        return super()._learn(X, Z, k, codes, w if w is None else np.sign(w), callback)


class TinyWeightForZero(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        w = sample_weight
        if isinstance(w, np.ndarray) and w.dtype == float and np.any(w > 0):
            w = np.where(w == 0, 1e-3, w)
        return super().fit(X, y, w, callback)


class ListOfWeightsIsReplaced(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        w = sample_weight
        return super().fit(X, y, list(range(1, len(w) + 1)) if type(w) is list else w, callback)


class AbsoluteWeights(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        w = sample_weight
        w = abs(w) if isinstance(w, np.ndarray) and w.dtype == float else w
        return super().fit(X, y, w, callback)


class NoSeedSequence(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        if isinstance(self.random_state, np.random.SeedSequence):
            raise TypeError("random_state must be an int")
        return super()._learn(*arguments)


class SeedOfText(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if isinstance(self.random_state, str):
            return self
        return super().fit(X, y, sample_weight, callback)


class RemembersTheLastFit(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        again = getattr(self, "_last", None) is X
        self._last = X
        return super()._learn(X, Z + 1 if again else Z, *rest)


class ReadsTheGlobalSeed(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        state: Any = np.random.get_state()  # noqa: NPY002
        return super()._learn(X, Z + state[1][0] % 7, *rest)


class Prints(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        sys.stdout.write("fitting\n")
        return super()._learn(*arguments)


class SeedsTheGlobalGenerator(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        np.random.seed(5)  # noqa: NPY002
        return super()._learn(*arguments)


class SilencesWarningsForEver(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        super()._learn(*arguments)
        warnings.filterwarnings("ignore", message="nothing says this")
        return self


class TakesAnyMetric(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        if self.metric == "no such option":
            return self
        return super().fit(X, y, sample_weight, callback)


class RefusesNumPyIntegers(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        if type(self.max_iter) is not int:
            raise TypeError("max_iter must be an int")
        return super()._learn(*arguments)


class CentresTheBatch(Centroids):
    def _proba(self, Z: Any) -> Any:
        return super()._proba(Z + Z.mean(axis=0) * 0.01)


class KeepsTheOldWidth(Centroids):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, callback: Any = None) -> Any:
        before = getattr(self, "n_features_in_", None)
        super().fit(X, y, sample_weight, callback)
        if before not in (None, self.n_features_in_):
            self.stale_ = before
        return self


class HidesAParameter(Centroids):
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {k: v for k, v in super().get_params(deep).items() if k != "tol"}


class HoldsAFunction(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        super()._learn(*arguments)
        self._function = lambda: 0
        return self


class AssignsInTwoSteps(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        old = getattr(self, "centres_", None)
        super()._learn(*arguments)
        new, self.centres_ = self.centres_, old
        self.centres_ = new
        return self


class NeverStops(Centroids):
    def _learn(self, X: Any, Z: Any, k: Any, codes: Any, w: Any, callback: Any) -> Any:
        def deaf(model: Any, info: Any) -> None:
            callback(model, info)

        return super()._learn(X, Z, k, codes, w, callback and deaf)


class Underflows(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        np.exp(np.float64(-800.0))
        return super()._learn(*arguments)


class AsksForTheErrorState(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        return super()._learn(X, Z + (np.geterr()["over"] == "ignore"), *rest)


class PrefersTheFirstColumn(Centroids):
    def _proba(self, Z: Any) -> Any:
        return super()._proba(Z + np.where(np.arange(Z.shape[1]) == 0, 0.1 * Z, 0.0))


class Overflows(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        np.sum(Z * Z)
        return super()._learn(X, Z, *rest)


class ObjectiveWorsens(Centroids):
    def _fitted(self, X: Any, **attributes: Any) -> Any:
        attributes["history_"] = [*attributes["history_"][:-1], 1.0]
        return super()._fitted(X, **attributes)


class FailsSilently(Centroids):
    def _learn(self, *arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super()._learn(*arguments)


class ProbabilitiesAreNearlyOne(Centroids):
    def _proba(self, Z: Any) -> Any:
        return super()._proba(Z) * (1 - 1e-9)


class RecursesOverRows(Centroids):
    def _learn(self, X: Any, Z: Any, *rest: Any) -> Any:
        def depth(n: int) -> int:
            return 1 + depth(n - 1) if n else 0

        depth(len(Z))
        return super()._learn(X, Z, *rest)


BROKEN: list[tuple[str, EstimatorRow]] = [
    ("memory", row(MinimumOfColumnMajor)),
    ("containers", row(TupleIsReversed)),
    ("feature_names", row(ForgetsFeatureNames)),
    ("dtypes", row(WrapsBytes)),
    ("float32", row(AnswersInFloat32)),
    ("big_endian", row(MisreadsBigEndian)),
    ("hostile_types", row(IgnoresMasks)),
    ("arguments_unchanged", row(NormalisesTheCallersWeights)),
    ("arguments_unchanged", row(OverwritesATolerance)),
    ("degenerate", row(DividesByTheSpread)),
    ("any_input", row(DislikesThreeToSevenRows)),
    ("empty", row(FitsNothing)),
    ("not_finite", row(ReplacesNaN)),
    ("width", row(IgnoresFurtherColumns)),
    ("rank", row(FlattensThreeDimensions)),
    ("length", row(CutsToTheShorter)),
    ("length", row(TakesColumnsOfWeights)),
    ("not_fitted", row(AttributeErrorBeforeFit)),
    ("labels", row(LabelsAreNumbersFromZero)),
    ("bad_labels", row(RoundsLabels)),
    ("weights_repeat_rows", row(WeightsAreMasks)),
    ("weights_of_zero", row(TinyWeightForZero)),
    ("weights_of_one", row(ListOfWeightsIsReplaced)),
    ("bad_weights", row(AbsoluteWeights)),
    ("random_state", row(NoSeedSequence)),
    ("bad_random_state", row(SeedOfText)),
    ("refits_identical", row(RemembersTheLastFit)),
    ("global_seed", row(ReadsTheGlobalSeed)),
    ("pristine", row(Prints)),
    ("pristine", row(SeedsTheGlobalGenerator)),
    ("pristine", row(SilencesWarningsForEver)),
    ("domains_complete", row(Centroids, domains={k: DOMAINS[k] for k in ("rate", "metric")})),
    ("hyper_parameters", row(TakesAnyMetric)),
    ("hyper_parameters", row(Centroids, domains={**DOMAINS, "rate": Real(0.2, 0.5)})),
    ("numpy_scalars", row(RefusesNumPyIntegers, params={"random_state": 0, "max_iter": 50})),
    ("batch_equals_rows", row(CentresTheBatch)),
    ("refit_not_stale", row(KeepsTheOldWidth)),
    ("parameters", row(HidesAParameter)),
    ("copies", row(HoldsAFunction)),
    ("interrupts", row(AssignsInTwoSteps)),
    ("callback", row(NeverStops)),
    ("float_errors", row(Underflows)),
    ("float_warnings_unused", row(AsksForTheErrorState)),
    ("law", row(PrefersTheFirstColumn)),
    ("far_scales", row(Overflows)),
    ("history", row(ObjectiveWorsens)),
    ("history", row(Centroids, objective=lambda model, data: 5.0)),
    ("convergence", row(FailsSilently)),
    ("probabilities", row(ProbabilitiesAreNearlyOne)),
    ("recursion", row(RecursesOverRows)),
]


def test_a_good_estimator_passes_every_check() -> None:
    assert failing(row(Centroids)) == set()


@pytest.mark.parametrize(
    ("check", "broken"), BROKEN, ids=[f"{name}-{r.cls.__name__}" for name, r in BROKEN]
)
def test_a_broken_estimator_is_caught_by_its_check_alone(check: str, broken: EstimatorRow) -> None:
    assert failing(broken) == {check}
