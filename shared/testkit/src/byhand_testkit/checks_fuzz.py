# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023  docstrings of checks are claims, and their lambdas run at once
"""Rule 5 by search: small random arrays, full of ties, zeros and extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .check import Check, when
from .checks_input import Refused, floats_of, result_or_error
from .datasets import Data
from .generators import hostile_numbers
from .guards import quiet
from .rows import CallRow, EstimatorRow

__all__ = ["CHECKS"]

# NumPy draws these arrays: hypothesis would need 8 ms for each, and has them shrunk, which small
# arrays do not need. The same ones in every run, so that a failure is no accident of the day.
EXAMPLES = 16
BOUNDS = (1.0, 1e3, 1e12)


def fit_of_anything(row: EstimatorRow, _: str) -> None:
    """Any small finite table gives results without NaN, or a ValueError; never a warning."""
    d, labels = row.example.X.shape[1], _target_kind(row)
    for seed in range(EXAMPLES):
        rng = np.random.default_rng(seed)
        n, bound = int(rng.integers(1, 8)), float(rng.choice(BOUNDS))
        X = hostile_numbers(rng, (n, d), 0.0 if row.example.X.min() >= 0 else -bound, bound)
        y = None
        if labels == "i":
            y = rng.integers(0, 3, n)
        elif labels == "f":
            y = hostile_numbers(rng, (n,), -bound, bound)
        lengths = {"lengths": [n]} if row.on_sequences else {}
        data = Data(X, y, {**row.example.fit, **lengths}, {**row.example.predict, **lengths})
        what = f"X={X.tolist()}" if y is None else f"X={X.tolist()}, y={y.tolist()}"
        try:
            with quiet():
                results = row.outcome(data)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {what}: {error}") from error
        for method in row.outputs:
            if any(np.isnan(a).any() for a in floats_of(results[method])):
                raise AssertionError(f"{method} gives NaN for {what}")


def _target_kind(row: EstimatorRow) -> str:
    y = row.example.y
    return "" if y is None else str(np.asarray(y).dtype.kind)


def call_of_anything(row: CallRow, _: str) -> None:
    """Any finite numbers of the right shape give a result without NaN, or a ValueError."""
    for seed in range(EXAMPLES):
        rng = np.random.default_rng(seed)
        bound = float(rng.choice(BOUNDS))
        arguments = row.arguments()
        for name in row.numbers:
            low = 0.0 if (arguments[name] >= 0).all() else -bound
            arguments[name] = hostile_numbers(rng, arguments[name].shape, low, bound)
        got: Any = result_or_error(lambda: row.call(arguments))
        if isinstance(got, Refused) and got.error is not ValueError:
            raise AssertionError(f"a TypeError instead of a ValueError for {arguments}")
        if any(np.isnan(a).any() for a in floats_of(got)):
            raise AssertionError(f"NaN for {arguments}")


def _fits_anything(row: EstimatorRow) -> bool:
    return row.on_floats and bool(row.example.X.ndim == 2) and _target_kind(row) in ("", "i", "f")


def _calls_anything(row: CallRow) -> bool:
    return row.lists and row.nan == "refused" and bool(row.numbers)


CHECKS = (
    Check("any_input", 5, EstimatorRow, fit_of_anything, when(_fits_anything)),
    Check("any_input", 5, CallRow, call_of_anything, when(_calls_anything)),
)
