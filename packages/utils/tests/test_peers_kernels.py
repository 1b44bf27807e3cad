# SPDX-License-Identifier: BSD-3-Clause
"""Kernels against scikit-learn, with its defaults."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.utils import kernels

peer = pytest.importorskip("sklearn.metrics.pairwise")
testkit = pytest.importorskip("byhand_testkit")


@pytest.mark.parametrize("name", sorted(kernels.__all__))
def test_agrees_with_scikit_learn_by_default(name: str) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(size=(80, 5)), rng.uniform(size=(60, 5))
    for args in ((X, Y), (X,)):
        worst = np.max(np.abs(getattr(kernels, name)(*args) - getattr(peer, name)(*args)))
        testkit.agreement(name, "scikit-learn", "80 x 60, 5 features", float(worst), 1e-13)
