# SPDX-License-Identifier: BSD-3-Clause
"""Losses of boosting: slopes and curvatures by differences, best constants and steps by search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees.early_stopping import HeldOut, held_out_rows
from byhand.trees.losses import (
    AbsoluteLoss,
    BinomialLoss,
    ExponentialLoss,
    HuberLoss,
    Loss,
    MultinomialLoss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
)
from byhand.trees.quantiles import leaf_quantiles, weighted_quantile

SMOOTH = [SquaredLoss(), BinomialLoss(), ExponentialLoss(), PoissonLoss(), MultinomialLoss(3)]
SEARCHED = [AbsoluteLoss(), QuantileLoss(0.3), SquaredLoss()]


def targets(loss: Loss, rng: np.random.Generator, n: int) -> Any:
    if isinstance(loss, MultinomialLoss):
        return rng.integers(0, 3, n)
    if isinstance(loss, BinomialLoss):
        return rng.integers(0, 2, n)
    return rng.integers(0, 6, n).astype(float)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: type(loss).__name__)
def test_slope_and_curvature_are_derivatives(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    y = targets(loss, rng, 8)
    raw = rng.normal(size=8 if loss.n_scores == 1 else (8, loss.n_scores))
    for k in range(loss.n_scores):
        step = np.zeros_like(raw)
        step[(slice(None), k) if raw.ndim == 2 else slice(None)] = 1e-5
        column = (slice(None), k) if raw.ndim == 2 else slice(None)
        slope = (loss.pointwise(y, raw + step) - loss.pointwise(y, raw - step)) / 2e-5
        bend = -(loss.negative_gradient(y, raw + step) - loss.negative_gradient(y, raw - step))
        # central differences: truncation 1e-10, rounding 1e-11 over 1e-5
        assert np.allclose(-slope, loss.negative_gradient(y, raw)[column], rtol=1e-6, atol=1e-8)
        assert np.allclose(bend[column] / 2e-5, loss.hessian(y, raw)[column], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "loss", [*SMOOTH[:4], *SEARCHED[:2], HuberLoss(0.9)], ids=lambda loss: type(loss).__name__
)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_beats_the_start(loss: Loss, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    y, w = targets(loss, rng, 25), rng.random(25) if weighted else None
    start: Any = loss.init_raw(y, w)
    if isinstance(loss, HuberLoss):
        assert start == weighted_quantile(y, 0.5, w)
        return
    if type(loss) is QuantileLoss and not weighted:  # interpolated, as by np.quantile
        assert start == pytest.approx(np.quantile(y, 0.3), rel=1e-14)
        return
    best = loss.value(y, np.full(25, start), w)
    for other in np.linspace(-3, 6, 181):
        assert loss.value(y, np.full(25, other), w) >= best - 1e-12


def test_class_scores_start_at_centred_log_shares() -> None:
    start: Any = MultinomialLoss(3).init_raw(np.array([0, 1, 1, 2, 2, 2, 2]))
    assert start.sum() == pytest.approx(0, abs=1e-14)
    assert np.allclose(MultinomialLoss(3).mean(start[None])[0] * 7, [1, 2, 4], rtol=1e-13, atol=0)


@pytest.mark.parametrize("loss", SEARCHED, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_step_beats_that_of_the_leaf(loss: Loss, weighted: bool) -> None:
    rng = np.random.default_rng(2)
    y, raw, leaf = rng.normal(size=40), rng.normal(size=40), rng.integers(0, 4, 40)
    w = rng.random(40) if weighted else None
    steps = loss.leaf_values(y, raw, leaf, 4, w)
    for k in range(4):
        rows = leaf == k
        wk = None if w is None else w[rows]
        best = loss.value(y[rows], raw[rows] + steps[k], wk)
        for other in np.linspace(-4, 4, 161):
            assert loss.value(y[rows], raw[rows] + other, wk) >= best - 1e-12


def test_newton_steps_by_hand() -> None:
    y, raw, leaf = np.array([0, 1, 1, 1]), np.zeros(4), np.array([0, 0, 1, 1])
    assert BinomialLoss().leaf_values(y, raw, leaf, 3).tolist() == [0.0, 2.0, 0.0]
    raw3 = np.zeros((4, 3))  # p = 1/3: two thirds of (2/3) / (2/9) for a leaf of its own class
    steps = MultinomialLoss(3).leaf_values(np.array([0, 1, 1, 1]), raw3, leaf, 2, None, 1)
    assert np.allclose(steps, [2 / 3 * 0.75, 2 / 3 * 3.0], rtol=1e-14, atol=0)


def test_huber_step_is_the_median_and_the_clipped_mean_around_it() -> None:
    y = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    loss = HuberLoss(0.8)  # the width is 3
    step = loss.leaf_values(y, np.zeros(5), np.zeros(5, dtype=np.int64), 1)
    assert step[0] == pytest.approx(2 + (-2 - 1 + 0 + 1 + 3) / 5, rel=1e-14)
    assert loss.value(y, np.zeros(5)) == pytest.approx((0 + 0.5 + 2 + 4.5 + 3 * 98.5) / 5)


def test_scores_far_out_neither_overflow_nor_lose_the_probability() -> None:
    far = np.array([-800.0, 800.0])
    with np.errstate(all="raise"):
        assert BinomialLoss().mean(far).tolist() == [0.0, 1.0]
        assert BinomialLoss().pointwise(np.array([1, 1]), far).tolist() == [800.0, 0.0]
        p = MultinomialLoss(2).mean(np.array([[900.0, -900.0]]))
        assert p.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("q", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_whole_weights_are_repeated_values(q: float) -> None:
    rng = np.random.default_rng(3)
    v, w = rng.normal(size=12), rng.integers(0, 4, 12).astype(float)
    repeated = np.repeat(v, w.astype(int))
    assert weighted_quantile(v, q, w) == pytest.approx(np.quantile(repeated, q), rel=1e-13)
    lower = np.quantile(repeated, q, method="inverted_cdf")
    assert weighted_quantile(v, q, w, lower=True) == lower
    leaf = np.zeros(12, dtype=np.int64)
    assert leaf_quantiles(v, q, leaf, 2, w).tolist() == [lower, 0.0]


def test_patience_ends_when_no_round_of_the_last_ones_was_worse() -> None:
    """Losses 4, 1, 1, 1: with a patience of two the fourth round is one too many."""

    class Given:
        def __init__(self, value: float) -> None:
            self.value = value

        def predict(self, X: Any) -> Any:
            return np.full((len(X), 1), self.value)

    watch = HeldOut(np.zeros((1, 1)), np.zeros(1), None, np.zeros(1), SquaredLoss(), 1.0, 2, 1e-9)
    steps: list[Any] = [Given(2.0), Given(-1.0), Given(0.0), Given(0.0)]
    assert [watch.is_over([step]) for step in steps] == [False, False, False, True]


def test_held_out_rows_keep_the_shares_of_the_classes() -> None:
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    rows = held_out_rows(100, codes, 0.2, np.random.default_rng(0))
    assert np.bincount(codes[rows]).tolist() == [12, 6, 2]
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 leaves no row"):
        held_out_rows(3, None, 0.1, np.random.default_rng(0))
