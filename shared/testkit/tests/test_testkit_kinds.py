# SPDX-License-Identifier: BSD-3-Clause
"""Good models of the other kinds pass: transformers, regressors, sequences, symbols, tokens."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest

from byhand.utils.estimator import Estimator, RegressorMixin, TransformerMixin
from byhand.utils.validation import check_array, check_sample_weight, check_target
from byhand_testkit import Data, EstimatorRow, cases_of, failures

# A class takes the docstring of this module's kind, so that the checks of documentation pass.
DOC = """A model.

Examples
--------
>>> 1
1
"""


class Scaler(TransformerMixin, Estimator):
    __doc__ = DOC
    _tags: ClassVar[dict[str, bool]] = {"keeps_float32": True}
    mean_: Any

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Scaler:
        """Learn means."""
        Z = self._check_X(X, fitting=True, dtype="float")
        w = check_sample_weight(sample_weight, len(Z))
        w = np.ones(len(Z)) if w is None else w
        return self._fitted(X, mean_=(w @ (Z / len(Z))) / (w.sum() / len(Z)))

    def transform(self, X: Any) -> Any:
        """Subtract them."""
        Z = self._check_X(X, dtype="float")
        return Z - self.mean_.astype(Z.dtype)


class MeanRegressor(RegressorMixin, Estimator):
    __doc__ = DOC
    mean_: float

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MeanRegressor:
        """Learn the mean of y."""
        Z = self._check_X(X, fitting=True)
        t = check_target(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        return self._fitted(X, mean_=float(np.average(t, weights=w)))

    def predict(self, X: Any) -> Any:
        """Give it."""
        return np.full(len(self._check_X(X)), self.mean_)


class Smoother(Estimator):
    __doc__ = DOC
    start_: Any

    def fit(self, X: Any, y: Any = None, lengths: Any = None) -> Smoother:
        """Learn the mean of each sequence's first step."""
        if isinstance(X, list) and X and np.ndim(X[0]) == 2:
            X, lengths = np.concatenate(X), [len(part) for part in X]
        Z = self._check_X(X, fitting=True)
        first = self._starts(Z, lengths)
        return self._fitted(X, start_=Z[first].mean(axis=0))

    @staticmethod
    def _starts(Z: Any, lengths: Any) -> Any:
        n = check_array([len(Z)] if lengths is None else lengths, "lengths", ndim=1)
        if np.any(n != np.floor(n)) or np.any(n < 1) or n.sum() != len(Z):
            raise ValueError(f"lengths must be positive, whole and sum to {len(Z)}, got {lengths}")
        return np.cumsum(np.r_[0, n[:-1]]).astype(np.int64)

    def predict(self, X: Any, lengths: Any = None) -> Any:
        """Tell which steps lie above the first one."""
        Z = self._check_X(X)
        self._starts(Z, lengths)
        return (self.start_ < Z).any(axis=1).astype(np.int64)


class TokenCounter(Estimator):
    __doc__ = DOC
    counts_: dict[str, int]

    def fit(self, X: Any, y: Any = None) -> TokenCounter:
        """Count tokens."""
        return self._fitted(None, counts_=dict(Counter(t for s in X for t in s)))

    def predict(self, X: Any) -> Any:
        """Give counts of known tokens."""
        self._check_fitted()
        return np.array([sum(self.counts_.get(t, 0) for t in s) for s in X])


ROWS = [
    EstimatorRow(Scaler, data="blobs", dtype="kept", laws=("shift", "order", "columns")),
    EstimatorRow(Scaler, data="counts", label="counts"),
    EstimatorRow(Scaler, data="positive", dtype="kept", label="positive"),
    EstimatorRow(MeanRegressor, data="regression", laws=("order", "columns", "scale", "shift")),
    EstimatorRow(Smoother, data="sequences"),
    EstimatorRow(Smoother, data="symbols", label="symbols"),
    EstimatorRow(TokenCounter, data=lambda: Data([["a", "b"], ["a"]])),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_good_model_of_every_kind_passes(row: EstimatorRow) -> None:
    assert failures(row) == {}


def test_checks_of_arrays_do_not_run_over_tokens() -> None:
    names = {case.check.name for case in cases_of(ROWS[-1])}
    assert "memory" not in names
    assert "refits_identical" in names


def test_sequences_get_the_checks_of_lengths_and_no_batches() -> None:
    names = {case.check.name for case in cases_of(ROWS[4])}
    assert {"lengths", "lists_of_sequences"} <= names
    assert "batch_equals_rows" not in names


class ForgetsTheEndsOfSequences(Smoother):
    __doc__ = DOC

    @staticmethod
    def _starts(Z: Any, lengths: Any) -> Any:
        return np.array([0])


class JoinsListsOfSequences(Smoother):
    __doc__ = DOC

    def fit(self, X: Any, y: Any = None, lengths: Any = None) -> Any:
        """Learn from one long sequence where a list is given."""
        if isinstance(X, list) and X and np.ndim(X[0]) == 2:
            X = np.concatenate(X)
        return super().fit(X, y, lengths)


class VarianceByCancellation(TransformerMixin, Estimator):
    __doc__ = DOC
    mean_: Any
    sd_: Any

    def fit(self, X: Any, y: Any = None) -> VarianceByCancellation:
        """Learn E x and sqrt(E x^2 - (E x)^2)."""
        Z = self._check_X(X, fitting=True)
        unit = np.maximum(np.abs(Z).max(axis=0), 1e-300)
        m = (Z / unit).mean(axis=0)
        sd = unit * np.sqrt(np.maximum(((Z / unit) ** 2).mean(axis=0) - m * m, 0))
        return self._fitted(X, mean_=m * unit, sd_=np.where(sd > 0, sd, 1.0))

    def transform(self, X: Any) -> Any:
        """Standardise."""
        return (self._check_X(X) - self.mean_) / self.sd_


class TrustsTheFirstRow(TransformerMixin, Estimator):
    __doc__ = DOC
    first_: Any

    def fit(self, X: Any, y: Any = None) -> TrustsTheFirstRow:
        """Learn one row."""
        return self._fitted(X, first_=self._check_X(X, fitting=True)[0])

    def transform(self, X: Any) -> Any:
        """Subtract it."""
        return self._check_X(X) - self.first_


class KnowsTheUnit(Estimator):
    __doc__ = DOC

    def fit(self, X: Any, y: Any = None) -> KnowsTheUnit:
        """Learn nothing."""
        return self._fitted(X, width_=self._check_X(X, fitting=True).shape[1])

    def predict(self, X: Any) -> Any:
        """Tell which rows begin with more than one half."""
        return (self._check_X(X)[:, 0] > 0.5).astype(np.int64)


@pytest.mark.parametrize(
    ("cls", "law", "others"),
    [
        (VarianceByCancellation, "shift", ("order", "columns")),
        (TrustsTheFirstRow, "order", ("shift", "columns")),
        (KnowsTheUnit, "scale", ("order",)),
    ],
)
def test_a_law_that_does_not_hold_is_caught(
    cls: type[Any], law: str, others: tuple[str, ...]
) -> None:
    assert failures(EstimatorRow(cls, data="positive", laws=others)) == {}
    failed = failures(EstimatorRow(cls, data="positive", laws=(law, *others)))
    assert set(failed) == {f"law[{law}]"}


@pytest.mark.parametrize(
    ("cls", "check"),
    [(ForgetsTheEndsOfSequences, "lengths"), (JoinsListsOfSequences, "lists_of_sequences")],
)
def test_a_broken_sequence_model_is_caught_by_its_check_alone(cls: type[Any], check: str) -> None:
    failed = failures(EstimatorRow(cls, data="sequences"))
    assert {name.partition("[")[0] for name in failed} == {check}
