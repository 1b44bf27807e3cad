# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own conformance suite: on a toy of every kind, and on every public estimator.

Public estimators are collected, not listed: whatever the ``__all__`` of an installed byhand
package holds that derives from the base, with its defaults; what has none comes from the package's
conformance rows.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import runpy
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import SkipTest

os.environ["SCIPY_ARRAY_API"] = "1"  # before scikit-learn is imported: else it skips a check

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.utils import estimator_checks as suite

import byhand
from byhand.utils.estimator import (
    ClassifierMixin,
    ClusterMixin,
    Core,
    DensityMixin,
    Estimator,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
)
from byhand.utils.validation import (
    check_labels,
    check_sample_weight,
    check_scalar,
    check_target,
)

ROOT = Path(__file__).resolve().parents[1]
FAILURES = runpy.run_path(str(Path(__file__).with_name("expected_failures.py")))
EXPECTED = {(cls, check): reason for cls, check, reason in FAILURES["EXPECTED_FAILURES"]}


# ---- toys: one of each kind, first without weights, then (class W...) with them


class NearestMean(ClassifierMixin, Estimator):
    classes_: Any
    means_: Any

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: Any, y: Any) -> Any:
        return self._fit(X, y, None)

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        check_scalar(self.power, "power", low=1)
        Z = self._check_X(X, fitting=True)
        labels, codes = check_labels(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        w = np.ones(len(Z)) if w is None else w
        member = (codes[:, None] == np.arange(len(labels))) * w[:, None]
        seen = member.any(axis=0)
        member = member[:, seen]
        means = (member / member.sum(axis=0)).T @ Z
        return self._fitted(X, classes_=labels[seen], means_=means)

    def predict_proba(self, X: Any) -> Any:
        Z = self._check_X(X)
        far = (np.abs(Z[:, None] - self.means_) ** self.power).sum(axis=-1)
        p = np.exp(far.min(axis=1, keepdims=True) - far)
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> Any:
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


class WNearestMean(NearestMean):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return self._fit(X, y, sample_weight)


class LeastSquares(RegressorMixin, Estimator):
    coef_: Any

    def fit(self, X: Any, y: Any) -> Any:
        return self._fit(X, y, None)

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        Z = self._check_X(X, fitting=True)
        t = check_target(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        root = np.ones(len(Z)) if w is None else np.sqrt(w)
        A = np.column_stack([Z, np.ones(len(Z))]) * root[:, None]
        return self._fitted(X, coef_=np.linalg.lstsq(A, t * root, rcond=1e-12)[0])

    def predict(self, X: Any) -> Any:
        Z = self._check_X(X)
        return (Z * self.coef_[:-1]).sum(axis=1) + self.coef_[-1]


class WLeastSquares(LeastSquares):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return self._fit(X, y, sample_weight)


class Centre(TransformerMixin, Estimator):
    """Same columns as the input; fits in parts."""

    total_: Any
    sums_: Any

    def fit(self, X: Any, y: Any = None) -> Any:
        return self._add(X, None, fresh=True)

    def partial_fit(self, X: Any, y: Any = None) -> Any:
        return self._add(X, None, fresh=not hasattr(self, "total_"))

    def _add(self, X: Any, sample_weight: Any, fresh: bool) -> Any:
        Z = self._check_X(X, fitting=fresh)
        w = check_sample_weight(sample_weight, len(Z))
        w = np.ones(len(Z)) if w is None else w
        total, sums = (0.0, 0.0) if fresh else (self.total_, self.sums_)
        return self._fitted(X, reset=fresh, total_=total + w.sum(), sums_=sums + w @ Z)

    def transform(self, X: Any) -> Any:
        return self._check_X(X) - self.sums_ / self.total_

    def inverse_transform(self, X: Any) -> Any:
        return self._check_X(X) + self.sums_ / self.total_


class WCentre(Centre):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return self._add(X, sample_weight, fresh=True)


class Norms(TransformerMixin, Estimator):
    """Other columns than the input: the 1- and 2-norm of each row."""

    _n_features_out = 2
    scale_: Any

    def fit(self, X: Any, y: Any = None) -> Any:
        Z = self._check_X(X, fitting=True)
        return self._fitted(X, scale_=np.abs(Z).max() or 1.0)

    def transform(self, X: Any) -> Any:
        Z = self._check_X(X) / self.scale_
        return np.column_stack([np.abs(Z).sum(axis=1), np.sqrt((Z**2).sum(axis=1))])


class Lloyd(ClusterMixin, Estimator):
    cluster_centers_: Any

    def __init__(self, n_clusters: int = 2) -> None:
        self.n_clusters = n_clusters

    def fit(self, X: Any, y: Any = None) -> Any:
        return self._fit(X, None)

    def _fit(self, X: Any, sample_weight: Any) -> Any:
        check_scalar(self.n_clusters, "n_clusters", integer=True, low=1)
        Z = self._check_X(X, fitting=True, min_rows=self.n_clusters)
        w = check_sample_weight(sample_weight, len(Z))
        w = np.ones(len(Z)) if w is None else w
        data, w = Z[w > 0], w[w > 0]
        centres = np.average(data, axis=0, weights=w)[None]
        for _ in range(self.n_clusters):  # farthest first, from the mean
            far = ((data[:, None] - centres) ** 2).sum(-1).min(axis=1)
            centres = np.vstack([centres, data[far.argmax()]])
        centres = centres[1:]
        for _ in range(20):
            k = ((data[:, None] - centres) ** 2).sum(-1).argmin(axis=1)
            for j in set(k.tolist()):
                centres[j] = np.average(data[k == j], axis=0, weights=w[k == j])
        labels = ((Z[:, None] - centres) ** 2).sum(-1).argmin(axis=1)
        return self._fitted(X, cluster_centers_=centres, labels_=labels)

    def predict(self, X: Any) -> Any:
        Z = self._check_X(X)
        return ((Z[:, None] - self.cluster_centers_) ** 2).sum(-1).argmin(axis=1)


class WLloyd(Lloyd):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return self._fit(X, sample_weight)


class Gaussian(DensityMixin, Estimator):
    """Spherical, of unit variance."""

    mean_: Any

    def fit(self, X: Any, y: Any = None) -> Any:
        return self._fit(X, None)

    def _fit(self, X: Any, sample_weight: Any) -> Any:
        Z = self._check_X(X, fitting=True)
        w = check_sample_weight(sample_weight, len(Z))
        return self._fitted(X, mean_=np.average(Z, axis=0, weights=w))

    def score_samples(self, X: Any) -> Any:
        Z = self._check_X(X)
        return -0.5 * ((Z - self.mean_) ** 2 + np.log(2 * np.pi)).sum(axis=1)


class WGaussian(Gaussian):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return self._fit(X, sample_weight)


class FarFromMean(OutlierMixin, Gaussian):
    offset_: Any

    def __init__(self, contamination: float = 0.1) -> None:
        self.contamination = contamination

    def _fit(self, X: Any, sample_weight: Any) -> Any:
        check_scalar(self.contamination, "contamination", low=0, high=0.5, low_open=True)
        Z = self._check_X(X, fitting=True)
        w = check_sample_weight(sample_weight, len(Z))
        mean = np.average(Z, axis=0, weights=w)
        scores = -0.5 * ((Z - mean) ** 2 + np.log(2 * np.pi)).sum(axis=1)
        order = np.argsort(scores, kind="stable")
        mass = np.cumsum((np.ones(len(Z)) if w is None else w)[order])
        first = min(
            np.searchsorted(mass, self.contamination * mass[-1] * (1 + 1e-12), "right"), len(Z) - 1
        )
        return self._fitted(X, mean_=mean, offset_=scores[order[first]])

    def decision_function(self, X: Any) -> Any:
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Any:
        return np.where(self.decision_function(X) >= 0, 1, -1)


class WFarFromMean(FarFromMean):
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return self._fit(X, sample_weight)


TOYS = [
    *(NearestMean(), WNearestMean(), LeastSquares(), WLeastSquares(), Centre(), WCentre(), Norms()),
    *(Lloyd(), WLloyd(), Gaussian(), WGaussian(), FarFromMean(), WFarFromMean()),
]


# ---- every public estimator


SIZES = {"n_estimators", "max_iter", "n_iter", "n_init", "n_epochs", "random_state"}
ROUNDS = 5  # as many as scikit-learn gives its own: four of boosting score below 0.5


def settings(package: str) -> dict[type, dict[str, Any]]:
    """The least that must be set: required arguments, and what makes a fit fast."""
    path = ROOT / "packages" / package / "tests" / "conformance.py"
    rows = runpy.run_path(str(path))["ROWS"] if path.exists() else []
    chosen: dict[type, dict[str, Any]] = {}
    for row in [row for row in rows if hasattr(row, "domains")]:
        arguments = inspect.signature(row.cls).parameters
        needed = {name for name, p in arguments.items() if p.default is p.empty} | SIZES
        least = {k: v for k, v in row.params.items() if k in needed}
        for name in {"n_estimators", "max_iter"} & set(least):
            least[name] = max(ROUNDS, least[name])
        chosen.setdefault(row.cls, least)
    return chosen


def public_estimators() -> Iterator[Core]:
    for module in pkgutil.iter_modules(byhand.__path__):
        package = importlib.import_module(f"byhand.{module.name}")
        public = [getattr(package, name) for name in getattr(package, "__all__", ())]
        classes = [c for c in public if isinstance(c, type) and issubclass(c, Core)]
        if module.name != "utils" and classes:
            known = settings(module.name)
            yield from (cls(**known.get(cls, {})) for cls in classes)


def public_name(estimator: Core) -> str:
    return ".".join([*type(estimator).__module__.split(".")[:2], type(estimator).__name__])


def check_name(check: partial[None]) -> str:
    options = ", ".join(f"{k}={v}" for k, v in check.keywords.items())
    inner: Any = check.func
    while isinstance(inner, partial):
        inner = inner.func
    return f"{inner.__name__}({options})" if options else str(inner.__name__)


def checks_by_hand(estimator: Any) -> Iterator[Callable[..., None]]:
    """What the suite keeps for scikit-learn's own classes."""
    yield suite.check_dataframe_column_names_consistency
    if getattr(estimator, "_estimator_type", None) == "clusterer":
        yield suite.check_clusterer_compute_labels_predict
        yield suite.check_clustering
        yield partial(suite.check_clustering, readonly_memmap=True)
        yield suite.check_estimators_partial_fit_n_features
    if hasattr(estimator, "transform"):
        yield suite.check_transformer_get_feature_names_out
        yield suite.check_transformer_get_feature_names_out_pandas
        yield suite.check_get_feature_names_out_error
        yield suite.check_set_output_transform
        yield suite.check_set_output_transform_pandas
        yield suite.check_global_output_transform_pandas
        yield suite.check_set_output_transform_polars
        yield suite.check_global_set_output_transform_polars


def cases(estimators: list[Any]) -> Iterator[Any]:
    for estimator in estimators:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not inherit from `sklearn.base.BaseEst")
            checks = [check for _, check in suite.estimator_checks_generator(estimator)]
        by_hand = [partial(c, type(estimator).__name__) for c in checks_by_hand(estimator)]
        for check in [*checks, *by_hand]:
            name = f"{type(estimator).__name__}-{check_name(check)}"
            yield pytest.param(estimator, check, id=name)


PUBLIC = list(public_estimators())
CASES = [*cases(TOYS), *cases(PUBLIC)]


@pytest.mark.filterwarnings(
    "ignore::byhand.utils.estimator.ConvergenceWarning",
    "ignore:X does not have valid feature names",  # some checks mix frames and arrays
    "ignore:X has feature names",
)
@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_scikit_learns_check_passes(
    estimator: Any, check: partial[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = (public_name(estimator), check_name(check))
    if row[1] == "check_positive_only_tag_during_fit" and sklearn.__version__.startswith("1.6"):
        # it subtracts a fraction from whole numbers in place; scikit-learn 1.7 mended that
        whole = suite._enforce_estimator_tags_X
        monkeypatch.setattr(
            suite, "_enforce_estimator_tags_X", lambda *given: whole(*given).astype(np.float64)
        )
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.fail(f"skipped, which is no proof: {skipped}")
    except Exception:
        if row not in EXPECTED:
            raise
    else:
        assert row not in EXPECTED, "passes: take its row out of expected_failures.py"


def test_a_row_of_expected_failures_that_is_not_needed_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy, check = CASES[0].values
    monkeypatch.setitem(EXPECTED, (public_name(toy), check_name(check)), "random resampling")
    with pytest.raises(AssertionError, match="take its row out"):
        test_scikit_learns_check_passes(toy, check, monkeypatch)


def test_a_check_by_hand_finds_frames_with_other_names() -> None:
    class Misnamed(Centre):
        def get_feature_names_out(self, input_features: Any = None) -> Any:
            return np.array(["same"] * self.n_features_in_, dtype=object)

    with pytest.raises(AssertionError, match="Did not raise"):
        suite.check_transformer_get_feature_names_out("Misnamed", Misnamed())
    assert suite.check_transformer_get_feature_names_out in checks_by_hand(Misnamed())


@pytest.mark.parametrize("estimator", [*TOYS, *PUBLIC], ids=public_name)
def test_no_part_of_the_suite_is_turned_off(estimator: Any) -> None:
    tags = estimator.__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert tags.requires_fit
    assert not tags.no_validation
    assert not tags._skip_test


def test_each_expected_failure_has_a_check_and_an_allowed_reason() -> None:
    checks = {(public_name(case.values[0]), check_name(case.values[1])) for case in CASES}
    assert set(EXPECTED) <= checks, "rows without a check of that name"
    assert [r for r in EXPECTED.values() if not r.startswith(FAILURES["REASONS"])] == []
