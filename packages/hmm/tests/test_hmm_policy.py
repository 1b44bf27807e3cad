# SPDX-License-Identifier: BSD-3-Clause
"""Decoding chains whose survivors do not merge: against the plain recursion, in a few passes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import byhand.hmm.best_paths
import byhand.hmm.lane_viterbi
from byhand.hmm import viterbi
from byhand.hmm.best_paths import best_paths
from byhand.hmm.categorical import CategoricalEmission
from byhand.hmm.e_step import Model, lay_out
from byhand.hmm.lane_policy import UNKNOWN, best_entries, ways_that_stay
from byhand.hmm.lane_viterbi import quantised, row_tags
from byhand.hmm.lanes import lay_lanes


def test_many_states_that_do_not_merge_are_decoded_in_lanes(random_model: Any) -> None:
    K = 14
    pi, A, _ = random_model(K, 6, 0, "sticky")
    B = np.full((K, 6), 1 / 6) + 1e-3 * np.random.default_rng(0).normal(size=(K, 6))
    x = np.random.default_rng(1).integers(0, 6, 1500)
    model = Model(pi, A, CategoricalEmission(B / B.sum(axis=1, keepdims=True)))
    data = lay_out(x[:, None].astype(float), np.array([1000, 500]), None, model.emission, K * K)
    score, states = best_paths(model, data)
    log_b = np.log(model.emission.emissionprob_)[:, x].T
    for s, part in enumerate((slice(0, 1000), slice(1000, 1500))):
        path = viterbi(np.log(pi), np.log(A), log_b[part])
        assert_allclose(score[s], path.log_probability, rtol=1e-12)
        assert_array_equal(states[data.lanes.columns(s)], path.states)


@pytest.mark.parametrize("K", [2, 8, 11])
@pytest.mark.parametrize("stay", [0.9, 0.99, 0.999])
def test_survivors_that_do_not_merge_take_a_few_passes_and_no_plain_recursion(
    K: int, stay: float, monkeypatch: Any
) -> None:
    passes: list[int] = []
    whole = byhand.hmm.lane_viterbi._pass

    def counted(*args: Any, **options: Any) -> Any:
        passes.append(1)
        return whole(*args, **options)

    def refuse(*args: Any) -> Any:
        raise AssertionError("the certificate failed")

    monkeypatch.setattr(byhand.hmm.lane_viterbi, "_pass", counted)
    rng = np.random.default_rng(K)
    A = np.full((K, K), (1 - stay) / (K - 1))
    np.fill_diagonal(A, stay)
    B = rng.dirichlet(np.full(6, 100.0), K)
    x = rng.integers(0, 6, 6000)
    model = Model(np.full(K, 1 / K), A, CategoricalEmission(B))
    data = lay_out(x[:, None].astype(float), np.array([5000, 1000]), None, model.emission, K * K)
    assert len(data.lanes.cut) > 10
    paths = [
        viterbi(np.log(model.startprob), np.log(A), np.log(B)[:, part].T)
        for part in (x[:5000], x[5000:])
    ]
    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", refuse)
    score, states = best_paths(model, data)
    assert_allclose(score, [path.log_probability for path in paths], rtol=1e-12)
    for s, path in enumerate(paths):
        assert_array_equal(states[data.lanes.columns(s)], path.states)
    assert len(passes) <= 4


def test_sequences_that_rounds_do_not_settle_are_left_to_the_plain_recursion(
    random_model: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(byhand.hmm.lane_viterbi, "ROUNDS", 1)
    pi, A, _ = random_model(3, 6, 0, "sticky")
    B = np.random.default_rng(3).dirichlet(np.full(6, 300.0), 3)
    x = np.random.default_rng(4).integers(0, 6, 3000)
    model = Model(pi, A, CategoricalEmission(B))
    data = lay_out(x[:, None].astype(float), np.array([2500, 500]), None, model.emission, 9)
    score, states = best_paths(model, data)
    for s, part in enumerate((slice(0, 2500), slice(2500, 3000))):
        path = viterbi(np.log(pi), np.log(A), np.log(B)[:, x[part]].T)
        assert_allclose(score[s], path.log_probability, rtol=1e-12)
        assert_array_equal(states[data.lanes.columns(s)], path.states)


def test_entries_by_ways_are_the_best_of_all_ways_up_to_a_lane() -> None:
    rng = np.random.default_rng(0)
    lanes = lay_lanes(np.array([160, 40]), 4)
    C, K = lanes.n_lanes, 3
    ways, A = -rng.integers(0, 50, (C, K, K)), -rng.integers(0, 50, (K, K))
    pi = np.array([-1, -2, -3])
    entry = best_entries(lanes, ways, pi, A)
    for first, past in zip(lanes.first_of_sequence, [*lanes.first_of_sequence[1:], C], strict=True):
        of_sequence = lanes.by_sequence[first:past]
        expected = pi
        for before, c in itertools.pairwise(of_sequence):
            end = [max(expected[i] + ways[before, i, j] for i in range(K)) for j in range(K)]
            expected = np.array([max(end[i] + A[i, j] for i in range(K)) for j in range(K)])
            assert_array_equal(entry[:, c], expected - expected.max())
        assert_array_equal(entry[:, of_sequence[0]], pi)


def test_entries_are_right_where_sums_of_unknown_ways_would_wrap_around() -> None:
    """The ways of 32 lanes would add up to the lowest integer of all, or to 4 less than that."""
    lanes = lay_lanes(np.array([69000]), 2)
    assert int(lanes.n_lanes**0.5) == 32  # lanes of a group
    ways = np.full((lanes.n_lanes, 2, 2), UNKNOWN + 5)
    entry = best_entries(lanes, ways, np.zeros(2, np.int64), np.array([[-5, -9], [-5, -9]]))
    assert (entry[:, lanes.cut] == [[0], [-4]]).all()


def test_ways_that_stay_or_change_once_have_the_scores_of_their_paths(random_model: Any) -> None:
    K, N = 3, 70
    pi, A, B = random_model(K, 6, 0, "sticky")
    x = np.random.default_rng(0).integers(0, 6, N)
    model = Model(pi, A, CategoricalEmission(B))
    data = lay_out(x[:, None].astype(float), np.array([N]), None, model.emission, K * K)
    lanes, bit = data.lanes, 4  # two bits for a state, two for where its path began
    scores = quantised(np.log(A), K)[::-1, ::-1] >> bit
    words = byhand.hmm.best_paths._words(model, data)
    ways = ways_that_stay(lanes, scores, words, row_tags(K), bit)
    log_b = np.log(B)[:, x] - np.log(B)[:, x].max(axis=0)
    b_all, A_of = quantised(log_b, K) >> bit, scores[::-1, ::-1]
    begin = 0
    for c in lanes.by_sequence:
        b = b_all[:, begin : begin + lanes.length[c]]
        begin += int(lanes.length[c])
        for i in range(K):
            for j in range(K):
                L = b.shape[1]
                paths = [[i] * t + [j] * (L - t) for t in ([0] if i == j else range(1, L))]
                best = max(b[p, range(L)].sum() + A_of[p[:-1], p[1:]].sum() for p in paths)
                assert ways[c, K - 1 - i, K - 1 - j] == best  # whole numbers


def test_lanes_that_are_decoded_again_alone_keep_their_paths(monkeypatch: Any) -> None:
    """Some rounds take a few lanes only: what they find has to get into the path."""

    def refuse(*args: Any) -> Any:
        raise AssertionError("the certificate failed")

    few: list[int] = []
    whole = byhand.hmm.lane_viterbi._pass

    def counted(
        lanes: Any, A: Any, words: Any, entry: Any, which: Any, *args: Any, **o: Any
    ) -> Any:
        few.append(isinstance(which, np.ndarray))
        return whole(lanes, A, words, entry, which, *args, **o)

    monkeypatch.setattr(byhand.hmm.lane_viterbi, "_pass", counted)
    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", refuse)
    K = 6
    for seed in range(7):
        rng = np.random.default_rng(seed)
        A = np.full((K, K), 0.1 / (K - 1))
        np.fill_diagonal(A, 0.9)
        B = rng.dirichlet(np.full(6, 3.0), K)
        x = rng.integers(0, 6, 9000)
        model = Model(np.full(K, 1 / K), A, CategoricalEmission(B))
        data = lay_out(x[:, None].astype(float), np.array([9000]), None, model.emission, K * K)
        best_paths(model, data)
    assert sum(few) > 3


def test_a_sequence_whose_every_step_is_impossible_leaves_the_others_alone() -> None:
    """Its scores fall by 32768 nats a step, out of the range of the integers."""
    pi, A = np.array([1.0, 0, 0]), np.roll(np.eye(3), 1, axis=1)
    model = Model(pi, A, CategoricalEmission(np.eye(3)))
    right, wrong = np.arange(400) % 3, np.repeat([1, 0, 2], 200)
    x = np.r_[right, wrong, right][:, None].astype(float)
    data = lay_out(x, np.array([400, 600, 400]), None, model.emission, 9)
    score, states = best_paths(model, data)
    assert score.tolist() == [0, -np.inf, 0]
    assert_array_equal(states[data.lanes.columns(0)], right)
    assert_array_equal(states[data.lanes.columns(2)], right)
