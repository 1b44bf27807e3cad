# SPDX-License-Identifier: BSD-3-Clause
"""Loss, slope and curvature together against the methods of each loss, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees.hist_loss import loss_and_slopes
from byhand.trees.losses import (
    AbsoluteLoss,
    BinomialLoss,
    ExponentialLoss,
    Loss,
    MultinomialLoss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
)

LOSSES = [
    SquaredLoss(),
    PoissonLoss(),
    BinomialLoss(),
    ExponentialLoss(),
    MultinomialLoss(3),
    AbsoluteLoss(),
    QuantileLoss(0.3),
]


def target(loss: Loss, n: int, rng: np.random.Generator) -> Any:
    if isinstance(loss, BinomialLoss | MultinomialLoss):
        return rng.integers(0, max(2, loss.n_scores), n)
    return rng.poisson(2.0, n).astype(float)


@pytest.mark.parametrize("n", [1, 50, 20_000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_loss_slope_and_curvature_are_those_of_the_methods(
    loss: Loss, weighted: bool, n: int
) -> None:
    """20,000 samples are several blocks; a share of the scores is far out."""
    rng = np.random.default_rng(n)
    y, w = target(loss, n, rng), rng.uniform(0.5, 2.0, n) if weighted else None
    raw = rng.normal(size=(n, loss.n_scores)) * np.where(rng.random(n) < 0.1, 30.0, 1.0)[:, None]
    raw = raw[:, 0] if loss.n_scores == 1 else raw
    now = loss_and_slopes(loss, y, raw, w)
    assert now.value == pytest.approx(loss.value(y, raw, w), rel=1e-12)
    column = np.ones((n, 1)) if w is None else w[:, None]
    g = loss.negative_gradient(y, raw, w).reshape(n, -1) * column
    h = loss.hessian(y, raw).reshape(n, -1) * column
    assert len(now.slopes) == loss.n_scores
    for k, (slope, curvature) in enumerate(now.slopes):
        assert np.array_equal(slope, g[:, k])
        if curvature is None:
            assert loss.constant_hessian
            assert not weighted
        else:
            assert np.array_equal(curvature, h[:, k])


def test_log_loss_of_scores_beyond_the_range_of_exp_is_finite() -> None:
    raw, y = np.array([-2000.0, -2000.0, 2000.0, 2000.0]), np.array([0, 1, 0, 1])
    now = loss_and_slopes(BinomialLoss(), y, raw, None)
    assert now.value == 1000.0
    assert now.slopes[0][0].tolist() == [0.0, 1.0, -1.0, 0.0]
