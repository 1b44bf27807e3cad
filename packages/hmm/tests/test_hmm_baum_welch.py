# SPDX-License-Identifier: BSD-3-Clause
"""baum_welch against enumeration, closed forms and its own promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from byhand.hmm import baum_welch


def test_one_step_is_the_ratio_of_enumerated_counts(
    random_model: Any, enumerate_paths: Any
) -> None:
    pi, A, B = random_model(3, 4, seed=1)
    sequences = [np.array([0, 1, 3, 2, 2]), np.array([3]), np.array([1, 1, 0])]
    start, moves, symbols = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 4))
    for x in sequences:
        e = enumerate_paths(pi, A, B[:, x].T)
        start += e.gamma[0]
        moves += e.xi
        for t, v in enumerate(x):
            symbols[:, v] += e.gamma[t]
    model = baum_welch(pi, A, B, sequences, n_iter=1, tol=0)
    assert_allclose(model.startprob, start / start.sum(), rtol=1e-12)
    assert_allclose(model.transmat, moves / moves.sum(axis=1, keepdims=True), rtol=1e-12)
    assert_allclose(model.emissionprob, symbols / symbols.sum(axis=1, keepdims=True), rtol=1e-12)


def test_the_likelihood_never_falls(random_model: Any) -> None:
    pi, A, B = random_model(3, 4, seed=2)
    x = np.random.default_rng(0).integers(0, 4, 60)
    history = baum_welch(pi, A, B, x, n_iter=30, tol=0).history
    assert np.diff(history).min() > -1e-9


def test_structural_zeros_survive(random_model: Any) -> None:
    pi, A, B = random_model(3, 4, seed=3, kind="left-right")
    model = baum_welch(pi, A, B, np.random.default_rng(0).integers(0, 4, 50), n_iter=5, tol=0)
    assert (model.transmat[A == 0] == 0).all()
    assert (model.startprob[pi == 0] == 0).all()


def test_a_state_that_nothing_visits_keeps_its_probabilities() -> None:
    model = baum_welch([1, 0], np.eye(2), [[0.5, 0.5], [0.3, 0.7]], [0, 1, 1], n_iter=2, tol=0)
    assert_allclose(model.emissionprob, [[1 / 3, 2 / 3], [0.3, 0.7]])
    assert_allclose(model.transmat, np.eye(2))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"startprob": [0.5, 0.4]}, ValueError, "startprob must sum to 1"),
        ({"transmat": [[1, 0], [0.5, 0.4]]}, ValueError, "row 1 of transmat"),
        ({"emissionprob": [[1.5, -0.5], [0.5, 0.5]]}, ValueError, "emissionprob .* >= 0"),
        ({"sequences": [0, 2]}, ValueError, "sequences .* below 2"),
        ({"sequences": [0, -1]}, ValueError, "sequences .* >= 0"),
        ({"sequences": [0, 0.5]}, TypeError, "sequences .* whole numbers"),
        ({"sequences": []}, ValueError, "sequences"),
        ({"n_iter": -1}, ValueError, "n_iter"),
        ({"tol": float("nan")}, ValueError, "tol"),
    ],
)
def test_wrong_input_is_refused_by_name(change: Any, error: Any, message: Any) -> None:
    half = [[0.5, 0.5], [0.5, 0.5]]
    good = {"startprob": half[0], "transmat": half, "emissionprob": half, "sequences": [0, 1]}
    with pytest.raises(error, match=message):
        baum_welch(**(good | change))


def test_an_impossible_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        baum_welch([1, 0], np.eye(2), np.eye(2), [1])
