# SPDX-License-Identifier: BSD-3-Clause
"""Small data sets to fit estimators to, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Data", "named_data"]


@dataclass(frozen=True, eq=False)
class Data:
    """Arguments of fit, and of the methods that take X."""

    X: Any
    y: Any = None
    fit: Mapping[str, Any] = field(default_factory=dict)  # further keywords of fit
    predict: Mapping[str, Any] = field(default_factory=dict)  # further keywords of predict

    def but(self, **changed: Any) -> Data:
        """Return the same data with other fields."""
        return replace(self, **changed)

    def rows(self, index: Any) -> Data:
        """Return some rows, in the order of index."""
        y = None if self.y is None else np.asarray(self.y)[index]
        return self.but(X=self.X[index], y=y)


def _blobs(rng: np.random.Generator, n: int, d: int) -> tuple[Any, Any]:
    k = rng.permutation(np.arange(n) % 3)
    centres = 5.0 * np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])[:, :d]
    return centres[k] + rng.standard_normal((n, d)), k


def named_data(name: str) -> Data:
    """Return the data of a name; the README lists them."""
    rng = np.random.default_rng(20261125)
    if name == "blobs":
        return Data(_blobs(rng, 48, 2)[0])
    if name == "classification":
        X, k = _blobs(rng, 48, 4)
        return Data(X, k)
    if name == "binary":
        X, k = _blobs(rng, 48, 4)
        flipped = rng.random(48) < 0.1  # not separable
        return Data(X, ((k == 1) ^ flipped).astype(np.int64))
    if name == "regression":
        X = rng.standard_normal((40, 4))
        y = (
            X @ np.array([1.5, -2.0, 0.0, 0.5])
            + np.sin(3 * X[:, 0])
            + 0.1 * rng.standard_normal(40)
        )
        return Data(X, y)
    if name == "counts":
        return Data(rng.poisson(2.0, (30, 8)).astype(np.int64))
    if name == "positive":
        return Data(rng.gamma(2.0, 1.0, (30, 6)))
    if name in ("sequences", "symbols"):
        lengths = [25, 15, 20]
        state = np.repeat(rng.integers(0, 2, 12), 5)  # stays for five steps
        if name == "sequences":
            X = 4.0 * state[:, None] + rng.standard_normal((60, 2))
        else:
            low, high = rng.integers(0, 3, 60), rng.integers(2, 5, 60)
            X = np.where(state == 0, low, high)[:, None]
        return Data(X, fit={"lengths": lengths}, predict={"lengths": lengths})
    raise ValueError(
        f"data must be a function or one of 'blobs', 'classification', 'binary', 'regression', "
        f"'counts', 'positive', 'sequences', 'symbols', got {name!r}"
    )
