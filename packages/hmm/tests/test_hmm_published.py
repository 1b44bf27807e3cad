# SPDX-License-Identifier: BSD-3-Clause
"""Numbers printed in books and encyclopedias, beyond those beside the functions that they check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.hmm import CategoricalHMM, PoissonHMM
from byhand.utils.optimize import lbfgs
from byhand_testkit import earthquakes

Floats = Any


@pytest.fixture(scope="module", name="earthquakes")
def by_year() -> Floats:
    return earthquakes()[:, None]


def stationary(lambdas: Any, transmat: Any) -> PoissonHMM:
    """Build a model that begins with its stationary distribution."""
    model = PoissonHMM(len(lambdas))
    model.lambdas_, model.transmat_ = np.reshape(lambdas, (-1, 1)), np.asarray(transmat)
    model.startprob_ = model.stationary_distribution()
    return model


@pytest.mark.parametrize(
    ("lambdas", "transmat", "start", "log_likelihood", "aic"),
    [
        ([15.472, 26.125], [[0.934, 0.066], [0.128, 0.872]], [0.662, 0.338], -342.3183, 692.6),
        (
            [13.146, 19.721, 29.714],
            [[0.955, 0.024, 0.021], [0.050, 0.899, 0.051], [0.000, 0.197, 0.803]],
            [0.4436, 0.4045, 0.1519],
            -329.4603,
            676.9,
        ),
    ],
)
def test_stationary_models_of_the_earthquakes_score_what_the_book_says(
    earthquakes: Floats, lambdas: Any, transmat: Any, start: Any, log_likelihood: float, aic: float
) -> None:
    """Zucchini, MacDonald & Langrock, chapter 3: a start that is bound to the transitions."""
    K = len(lambdas)
    model = stationary(lambdas, transmat)
    assert_allclose(model.startprob_, start, atol=3e-3)  # of parameters with three decimals
    assert_allclose(model.score(earthquakes), log_likelihood, atol=2e-4)
    assert round(-2 * log_likelihood + 2 * K**2, 1) == aic


def test_no_stationary_model_of_two_states_scores_more_than_the_book_says(
    earthquakes: Floats,
) -> None:
    def cost(theta: Floats) -> float:
        a, b = 1 / (1 + np.exp(-theta[2:]))
        return -stationary(np.exp(theta[:2]), [[1 - a, a], [b, 1 - b]]).score(earthquakes)

    def cost_and_slope(theta: Floats) -> tuple[float, Floats]:
        steps = 1e-5 * np.eye(4)
        return cost(theta), np.array([cost(theta + s) - cost(theta - s) for s in steps]) / 2e-5

    best = lbfgs(cost_and_slope, np.array([np.log(15.0), np.log(25.0), -2.0, -2.0]))
    assert_allclose(-best[1], -342.3183, atol=5e-5)


def test_one_poisson_has_the_criteria_of_the_book(earthquakes: Floats) -> None:
    model = PoissonHMM(1).fit(earthquakes)
    assert_allclose(model.score(earthquakes), -391.9189, atol=5e-5)
    assert round(model.aic(earthquakes), 1) == 785.8
    assert round(model.bic(earthquakes), 1) == 788.5


def test_healthy_healthy_fever() -> None:
    """Wikipedia, "Viterbi algorithm": normal, cold, dizzy."""
    model = CategoricalHMM(2)
    model.startprob_, model.transmat_ = np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.4, 0.6]])
    model.emissionprob_ = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    log_probability, states = model.decode([[0], [1], [2]])
    assert_array_equal(states, [0, 0, 1])
    assert_allclose(np.exp(log_probability), 0.01512, rtol=1e-12)


def test_the_umbrella_world() -> None:
    """Russell & Norvig, chapter 15; five days in Wikipedia, "Forward-backward algorithm"."""
    model = CategoricalHMM(2)
    model.startprob_, model.transmat_ = np.array([0.5, 0.5]), np.array([[0.7, 0.3], [0.3, 0.7]])
    model.emissionprob_ = np.array([[0.9, 0.1], [0.2, 0.8]])  # umbrella, none; in rain, without
    days = np.array([0, 0, 1, 0, 0])[:, None]
    rain = model.filter(days)[:, 0]
    assert_allclose(rain, [0.8182, 0.8834, 0.1907, 0.7308, 0.8673], atol=5e-5)
    smoothed = model.predict_proba(days)[:, 0]
    assert_allclose(smoothed, [0.8673, 0.8204, 0.3075, 0.8204, 0.8673], atol=5e-5)
    assert_allclose(model.predict_proba(days[:2])[:, 0], [0.883, 0.883], atol=5e-4)
    assert_array_equal(model.predict(days), [0, 0, 1, 0, 0])
    assert_allclose(model.predict_next(days[:2])[-1] @ [1, 0], 0.6533, atol=5e-5)
