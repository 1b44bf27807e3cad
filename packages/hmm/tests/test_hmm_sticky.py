# SPDX-License-Identifier: BSD-3-Clause
"""Best paths of random sticky chains, against the plain recursion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import byhand.hmm.best_paths
import byhand.hmm.lane_viterbi
from byhand.hmm import viterbi
from byhand.hmm.best_paths import best_paths
from byhand.hmm.categorical import CategoricalEmission
from byhand.hmm.e_step import Data, Model, lay_out
from byhand.hmm.gaussian_emission import GaussianEmission

SYMBOLS = 6
LENGTHS = np.array([1500, 1, 600, 64])


def sticky(K: int, seed: int, zeros: bool) -> np.ndarray:
    """Transitions that stay with a probability of 0.9 to 0.9999, each state with its own."""
    rng = np.random.default_rng([K, seed])
    leave = rng.dirichlet(np.ones(K), K) * (rng.random((K, K)) < (0.6 if zeros else 1.0))
    leave[np.arange(K), (np.arange(K) + 1) % K] += 0.01
    stay = 1 - 10.0 ** -rng.uniform(1, 4, (K, 1))
    A = stay * np.eye(K) + (1 - stay) * leave / leave.sum(axis=1, keepdims=True)
    return np.asarray(A / A.sum(axis=1, keepdims=True))


def columns(data: Data, log_b: Any) -> Any:
    """Logarithms (N, K) of the rows of X, from those of the columns."""
    rows = np.empty_like(log_b.T)
    rows[data.lanes.order] = log_b.T
    return rows


def paths_by_recursion(model: Model, data: Data, lengths: Any) -> Any:
    log_b = columns(data, model.emission.log_likelihood(data.observations))
    with np.errstate(divide="ignore"):
        logs = np.log(model.startprob), np.log(model.transmat)
    return [viterbi(*logs, b) for b in np.split(log_b, np.cumsum(lengths)[:-1])]


@pytest.mark.parametrize("zeros", [False, True], ids=["dense", "zeros"])
@pytest.mark.parametrize("K", [2, 3, 5, 8, 9, 17, 33, 40])
@pytest.mark.parametrize("seed", range(3))
def test_best_paths_of_sticky_chains_are_those_of_the_recursion(
    K: int, zeros: bool, seed: int
) -> None:
    """The emissions say little, less or next to nothing; a tenth of them are missing."""
    rng = np.random.default_rng([K, seed])
    B = rng.dirichlet(np.full(SYMBOLS, (3.0, 30.0, 300.0)[seed]), K)
    x = rng.integers(0, SYMBOLS, LENGTHS.sum()).astype(float)
    x[rng.random(len(x)) < 0.1] = np.nan
    model = Model(rng.dirichlet(np.ones(K)), sticky(K, seed, zeros), CategoricalEmission(B))
    data = lay_out(x[:, None], LENGTHS, None, model.emission, K * K)
    assert len(data.lanes.cut) > 3
    score, states = best_paths(model, data)
    for s, path in enumerate(paths_by_recursion(model, data, LENGTHS)):
        assert_allclose(score[s], path.log_probability, rtol=1e-12)
        assert_array_equal(states[data.lanes.columns(s)], path.states)


@pytest.mark.parametrize("seed", range(3))
def test_of_equal_paths_one_is_found(seed: int) -> None:
    """Each state has a twin with the same rows, so that no best path is the only one."""
    rng = np.random.default_rng(seed)
    A = np.tile(sticky(3, seed, False), (2, 2)) / 2
    B = np.tile(rng.dirichlet(np.full(SYMBOLS, 30.0), 3), (2, 1))
    x = rng.integers(0, SYMBOLS, (LENGTHS.sum(), 1)).astype(float)
    model = Model(np.full(6, 1 / 6), A, CategoricalEmission(B))
    data = lay_out(x, LENGTHS, None, model.emission, 36)
    score, states = best_paths(model, data)
    for s, path in enumerate(paths_by_recursion(model, data, LENGTHS)):
        assert_allclose(score[s], path.log_probability, rtol=1e-12)
        assert_array_equal(states[data.lanes.columns(s)] % 3, path.states % 3)


@pytest.mark.parametrize("K", [4, 12])
def test_a_few_lanes_of_vectors_are_decoded_again_from_their_own_observations(
    K: int, monkeypatch: Any
) -> None:
    few: list[int] = []
    whole = byhand.hmm.lane_viterbi._pass

    def counted(lanes: Any, A: Any, words: Any, entry: Any, which: Any, *a: Any, **o: Any) -> Any:
        few.append(isinstance(which, np.ndarray))
        return whole(lanes, A, words, entry, which, *a, **o)

    def refuse(*args: Any) -> Any:
        raise AssertionError("the certificate failed")

    monkeypatch.setattr(byhand.hmm.lane_viterbi, "_pass", counted)
    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", refuse)
    lengths = np.array([4000, 1000])
    for seed in (0, 2):
        rng = np.random.default_rng([K, seed])
        means = 0.3 * rng.normal(size=(K, 2))
        A = 0.97 * np.eye(K) + 0.03 * rng.dirichlet(np.ones(K), K)
        model = Model(np.full(K, 1 / K), A, GaussianEmission(means, np.ones((K, 2)), "diag"))
        data = lay_out(rng.normal(size=(5000, 2)), lengths, None, model.emission, K * K)
        score, states = best_paths(model, data)
        for s, path in enumerate(paths_by_recursion(model, data, lengths)):
            assert_allclose(score[s], path.log_probability, rtol=1e-12)
            assert_array_equal(states[data.lanes.columns(s)], path.states)
    assert any(few)


@pytest.mark.parametrize(
    ("K", "stay", "concentration", "most"),
    [
        (8, 0.999, 300.0, 2),
        (8, 0.999, 30.0, 2),
        (8, 0.9, 3.0, 3),
        (16, 0.9, 3.0, 3),
        (16, 0.99, 300.0, 3),
    ],
)
def test_few_passes_take_all_lanes_whatever_emissions_say(
    K: int, stay: float, concentration: float, most: int, monkeypatch: Any
) -> None:
    """The guess is one of them."""
    whole_passes: list[int] = []
    whole = byhand.hmm.lane_viterbi._pass

    def counted(lanes: Any, A: Any, words: Any, entry: Any, which: Any, *a: Any, **o: Any) -> Any:
        whole_passes.append(isinstance(which, slice))
        return whole(lanes, A, words, entry, which, *a, **o)

    def refuse(*args: Any) -> Any:
        raise AssertionError("the certificate failed")

    monkeypatch.setattr(byhand.hmm.lane_viterbi, "_pass", counted)
    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", refuse)
    for seed in range(3):
        rng = np.random.default_rng([K, seed])
        A = stay * np.eye(K) + (1 - stay) * rng.dirichlet(np.ones(K), K)
        B = rng.dirichlet(np.full(SYMBOLS, concentration), K)
        x = rng.integers(0, SYMBOLS, (20000, 1)).astype(float)
        model = Model(np.full(K, 1 / K), A, CategoricalEmission(B))
        data = lay_out(x, np.array([15000, 5000]), None, model.emission, K * K)
        whole_passes.clear()
        best_paths(model, data)
        assert sum(whole_passes) <= most


def test_lanes_that_are_taken_some_at_a_time_give_the_same_paths(monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    K = 5
    model = Model(
        np.full(K, 0.2), sticky(K, 0, True), CategoricalEmission(rng.dirichlet(np.ones(SYMBOLS), K))
    )
    x = rng.integers(0, SYMBOLS, (LENGTHS.sum(), 1)).astype(float)
    data = lay_out(x, LENGTHS, None, model.emission, K * K)
    at_once = best_paths(model, data)
    monkeypatch.setattr(byhand.hmm.lane_viterbi, "CELLS", 7 * K * K)
    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", None)  # the certificate holds
    for a, b in zip(best_paths(model, data), at_once, strict=True):
        assert_array_equal(a, b)
