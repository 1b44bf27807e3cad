# SPDX-License-Identifier: BSD-3-Clause
"""A package ``byhand.toy`` that exists for one test, with one class of each kind."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOY = """
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from byhand.utils.estimator import Estimator

__all__ = ["Net", "Node", "Span"]


class Node(NamedTuple):
    left: object
    right: object


@dataclass(frozen=True)
class Span:
    low: float
    high: float


class Hidden(NamedTuple):
    value: int


class Net(Estimator):
    def __init__(self, size=3, base=None, options=None):
        self.size = size
        self.base = base
        self.options = options

    def fit(self, X, **learned):
        return self._fitted(X, **learned)

    def predict(self, X):
        return self._check_X(X) @ self.weights_

    def _check_loaded(self):
        if self.weights_.shape != (self.n_features_in_,):
            raise ValueError("weights_ must have one weight a feature")
        if not np.isfinite(self.weights_).all():
            raise ValueError("weights_ must be finite")
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module ``byhand.toy``."""
    home = tmp_path / "toy" / "byhand" / "toy"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text(TOY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "toy"))
    yield importlib.import_module("byhand.toy")
    sys.modules.pop("byhand.toy", None)
