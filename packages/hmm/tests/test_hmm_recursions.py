# SPDX-License-Identifier: BSD-3-Clause
"""forward, backward, forward_backward and viterbi against enumeration and published numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from byhand.hmm import backward, forward, forward_backward, viterbi

ICE_CREAM = ([0.8, 0.2], [[0.6, 0.4], [0.5, 0.5]], [[0.4, 0.1], [0.2, 0.5], [0.4, 0.1]])
MODELS = [
    (K, T, kind, seed)
    for K, T in ((1, 1), (1, 4), (2, 6), (3, 5))
    for kind in ("random", "zeros", "left-right", "periodic")
    for seed in range(2)
]


@pytest.fixture(params=MODELS, ids=lambda m: f"K{m[0]}-T{m[1]}-{m[2]}-{m[3]}")
def case(request: Any, random_model: Any) -> Any:
    K, T, kind, seed = request.param
    pi, A, _ = random_model(K, 4, seed, kind)
    b = np.random.default_rng(seed + 100).random((T, K))
    return pi, A, b


def test_forward_sums_over_all_paths(case: Any, enumerate_paths: Any, log: Any) -> None:
    expected = enumerate_paths(*case)
    result = forward(*map(log, case))
    assert_allclose(np.exp(result.log_likelihood), expected.likelihood, rtol=1e-12)


def test_every_row_of_alpha_is_the_sum_over_paths_that_end_there(case: Any, log: Any) -> None:
    pi, A, b = case
    log_alpha = forward(*map(log, case)).log_alpha
    alpha = pi * b[0]  # the textbook, in probabilities
    for t in range(len(b)):
        if t:
            alpha = (alpha @ A) * b[t]
        assert_allclose(np.exp(log_alpha[t]), alpha, rtol=1e-12)


def test_every_row_of_beta_is_the_sum_over_paths_that_begin_there(case: Any, log: Any) -> None:
    _, A, b = case
    log_beta = backward(*map(log, case)).log_beta
    beta = np.ones(len(A))
    for t in range(len(b) - 1, -1, -1):
        assert_allclose(np.exp(log_beta[t]), beta, rtol=1e-12)
        beta = A @ (b[t] * beta)


def test_backward_gives_the_likelihood_of_forward(case: Any, log: Any) -> None:
    logs = tuple(map(log, case))
    assert_allclose(backward(*logs).log_likelihood, forward(*logs).log_likelihood, rtol=1e-12)


def test_posteriors_equal_enumeration(case: Any, enumerate_paths: Any, log: Any) -> None:
    expected = enumerate_paths(*case)
    result = forward_backward(*map(log, case))
    assert_allclose(result.gamma, expected.gamma, rtol=1e-12, atol=1e-15)
    assert_allclose(result.xi, expected.xi, rtol=1e-12, atol=1e-15)
    assert_allclose(result.log_likelihood, np.log(expected.likelihood), rtol=1e-12)


def test_xi_sums_to_the_number_of_transitions(case: Any, log: Any) -> None:
    assert_allclose(forward_backward(*map(log, case)).xi.sum(), len(case[2]) - 1, rtol=1e-12)


def test_viterbi_finds_the_best_of_all_paths(case: Any, enumerate_paths: Any, log: Any) -> None:
    expected = enumerate_paths(*case)
    path = viterbi(*map(log, case))
    assert_allclose(np.exp(path.log_probability), expected.best_probability, rtol=1e-12)
    pi, A, b = case
    z = path.states
    p = pi[z[0]] * b[0, z[0]] * np.prod(A[z[:-1], z[1:]] * b[np.arange(1, len(z)), z[1:]])
    assert_allclose(p, expected.best_probability, rtol=1e-12)


def test_ice_cream_of_jurafsky_and_martin(log: Any) -> None:
    logs = tuple(map(log, ICE_CREAM))
    alpha = np.exp(forward(*logs).log_alpha)
    assert_allclose(alpha[:2], [[0.32, 0.02], [0.0404, 0.069]], rtol=1e-12)
    assert_allclose(np.exp(forward(*logs).log_likelihood), 0.028562, rtol=1e-12)
    path = viterbi(*logs)
    assert path.states.tolist() == [0, 1, 0]
    assert_allclose(np.exp(path.log_probability), 0.0128, rtol=1e-12)


def test_rabiners_weather_chain(log: Any) -> None:
    A = [[0.4, 0.3, 0.3], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
    days = [2, 2, 2, 0, 0, 2, 1, 2]  # sun sun sun rain rain sun cloudy sun, seen as they are
    result = forward(log([0, 0, 1]), log(A), log(np.eye(3)[days]))
    assert_allclose(np.exp(result.log_likelihood), 1.536e-4, rtol=1e-12)


def test_very_many_steps_of_probability_one_half_do_not_drift() -> None:
    result = forward(
        [0.0], [[0.0]], np.full((200_000, 1), np.log(0.5))
    )  # a million: test_hmm_lanes
    assert_allclose(result.log_likelihood, -138629.43611198906, rtol=1e-14)


def test_an_impossible_sequence_has_likelihood_zero_and_no_nan(log: Any) -> None:
    logs = log([1, 0]), log(np.eye(2)), log([[1.0, 0], [0, 1.0]])
    assert forward(*logs).log_likelihood == -np.inf
    assert backward(*logs).log_likelihood == -np.inf
    assert not np.isnan(forward(*logs).log_alpha).any()
    assert viterbi(*logs).log_probability == -np.inf
    with pytest.raises(ValueError, match="impossible"):
        forward_backward(*logs)


def test_emissions_of_1e_minus_150_do_not_vanish(log: Any) -> None:
    pi, A = [1, 0], [[0.5, 0.5], [0, 1]]
    log_b = np.zeros((9, 2))
    log_b[2:5, 0] = 3 * np.log(1e-150)  # a scaled recursion would lose state 0 here
    log_b[5:, 1] = -np.inf  # and only state 0 can go on
    got = forward(log(pi), log(A), log_b).log_likelihood
    assert_allclose(got, 8 * np.log(0.5) + 9 * np.log(1e-150), rtol=1e-12)


def test_equal_paths_go_to_the_lower_state(log: Any) -> None:
    half = log(np.full((2, 2), 0.5))
    assert viterbi(half[0], half, np.zeros((4, 2))).states.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("function", [forward, backward, forward_backward, viterbi])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [[0.0]], [[0.0]]), "log_pi"),
        (([0.0], [[0.0, 0.0]], [[0.0]]), r"log_A must have shape \(1, 1\)"),
        (([0.0], [[0.0]], [[0.0, 0.0]]), r"log_b must have shape \(T, 1\)"),
        (([0.0], [[0.0]], np.zeros((0, 1))), "log_b must have shape"),
        (([np.nan], [[0.0]], [[0.0]]), "log_pi"),
        (([0.0], [[np.inf]], [[0.0]]), "log_A"),
        (([0.0], [[0.0]], [[0.0], [np.nan]]), "log_b"),
    ],
)
def test_wrong_arrays_are_refused_by_name(function: Any, arguments: Any, message: Any) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)
