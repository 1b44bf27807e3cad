# SPDX-License-Identifier: BSD-3-Clause
"""The fast lanes against the plain recursions, on chains that forget and on chains that don't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import byhand.hmm.best_paths
import byhand.hmm.lane_posterior
import byhand.hmm.lane_viterbi
from byhand.hmm import forward, forward_backward, viterbi
from byhand.hmm.best_paths import best_paths
from byhand.hmm.categorical import CategoricalEmission
from byhand.hmm.e_step import (
    Model,
    expected_statistics,
    expected_statistics_of,
    filtered,
    lay_out,
    log_likelihoods,
    posteriors,
)
from byhand.hmm.gaussian_emission import GaussianEmission
from byhand.hmm.lane_passes import forward_pass
from byhand.hmm.lane_viterbi import quantised
from byhand.hmm.lanes import lane_sums, lay_lanes, sums_by_sequence

KINDS = ("random", "zeros", "left-right", "sticky", "periodic")
SIZES = ([1], [7, 3, 1, 12], [900], [400, 150, 33, 1, 64])


# a single sequence is short enough for a tree (test_hmm_short.py): here it goes through lanes
@pytest.fixture(params=[(kind, n) for kind in KINDS for n in range(len(SIZES))])
def case(request: Any, random_model: Any) -> Any:
    """A model, its data in lanes, and the logarithms of every sequence."""
    kind, n = request.param
    lengths = np.array(SIZES[n])
    pi, A, B = random_model(4, 6, n, kind)
    rng = np.random.default_rng(n)
    x = rng.integers(0, 6, lengths.sum())
    model = Model(pi, A, CategoricalEmission(B))
    data = lay_out(x[:, None].astype(float), lengths, None, model.emission, 4)
    data = data._replace(rows=None)
    with np.errstate(divide="ignore"):
        logs = [
            (np.log(pi), np.log(A), np.log(B)[:, part].T)
            for part in np.split(x, np.cumsum(lengths)[:-1])
        ]
    return model, data, logs, x


def test_every_row_stands_in_exactly_one_column() -> None:
    lengths = np.array([5, 400, 1, 77, 33])
    lanes = lay_lanes(lengths, 4)
    assert_array_equal(np.sort(lanes.order), np.arange(lengths.sum()))
    assert (lanes.length[lanes.before] == lanes.length[0]).all()
    for s, start in enumerate(np.cumsum(lengths) - lengths):
        assert_array_equal(lanes.order[lanes.columns(s)], np.arange(start, start + lengths[s]))
    sums = sums_by_sequence(lanes, lane_sums(lanes, np.ones(lengths.sum())))
    assert_array_equal(sums, lengths)


def test_likelihoods_equal_the_plain_recursion(case: Any) -> None:
    model, data, logs, _ = case
    expected = [forward(*each).log_likelihood for each in logs]
    assert_allclose(log_likelihoods(model, data), expected, rtol=1e-12)


def test_posteriors_equal_the_plain_recursion(case: Any) -> None:
    model, data, logs, x = case
    plain = [forward_backward(*each) for each in logs]
    _, gamma = posteriors(model, data)
    rows = np.empty((len(x), 4))
    rows[data.lanes.order] = gamma.T
    assert_allclose(rows, np.concatenate([p.gamma for p in plain]), rtol=1e-9, atol=1e-12)
    statistics = expected_statistics(model, data)
    assert_allclose(statistics.moves, sum(p.xi for p in plain), rtol=1e-9, atol=1e-9)
    assert_allclose(statistics.start, sum(p.gamma[0] for p in plain), rtol=1e-9, atol=1e-12)
    symbols = np.zeros((6, 4))
    np.add.at(symbols, x, np.concatenate([p.gamma for p in plain]))
    assert_allclose(statistics.emission, symbols.T, rtol=1e-9, atol=1e-9)


def test_filter_looks_at_no_later_row(case: Any) -> None:
    model, data, logs, x = case
    rows = np.empty((len(x), 4))
    rows[data.lanes.order] = filtered(model, data).T
    expected = []
    for each in logs:
        log_alpha = forward(*each).log_alpha
        alpha = np.exp(log_alpha - log_alpha.max(axis=1, keepdims=True))
        expected.append(alpha / alpha.sum(axis=1, keepdims=True))
    assert_allclose(rows, np.concatenate(expected), rtol=1e-9, atol=1e-12)


def test_decoded_paths_equal_the_plain_recursion(case: Any) -> None:
    model, _, logs, x = case
    lengths = np.array([len(each[2]) for each in logs])
    data = lay_out(x[:, None].astype(float), lengths, None, model.emission, 16)
    score, states = best_paths(model, data)
    paths = [viterbi(*each) for each in logs]
    assert_allclose(score, [p.log_probability for p in paths], rtol=1e-12)
    rows = np.empty(len(x), dtype=np.int64)
    rows[data.lanes.order] = states
    for got, path, each in zip(np.split(rows, np.cumsum(lengths)[:-1]), paths, logs, strict=True):
        log_pi, log_A, log_b = each  # equally good paths may differ: compare what they score
        own = (
            log_pi[got[0]] + log_A[got[:-1], got[1:]].sum() + log_b[np.arange(len(got)), got].sum()
        )
        assert_allclose(own, path.log_probability, rtol=1e-12)


def test_lanes_find_the_paths_without_the_plain_recursion(case: Any, monkeypatch: Any) -> None:
    model, _, logs, x = case

    def refuse(*args: Any) -> Any:
        raise AssertionError("the certificate failed")

    monkeypatch.setattr(byhand.hmm.best_paths, "viterbi", refuse)
    lengths = np.array([len(each[2]) for each in logs])
    data = lay_out(x[:, None].astype(float), lengths, None, model.emission, 16)
    best_paths(model, data)


def test_weights_count_a_sequence_several_times(case: Any) -> None:
    model, data, _, _ = case
    weight = np.arange(1.0, data.lanes.n_sequences + 1)
    weighted = expected_statistics(model, data._replace(weight=weight))
    S = data.lanes.n_sequences
    alone = [expected_statistics(model, data.only(np.arange(S) == s, 4)) for s in range(S)]
    total = sum(w * a.moves for w, a in zip(weight, alone, strict=True))
    assert_allclose(weighted.moves, total, rtol=1e-9, atol=1e-9)
    objective = sum(w * a.log_likelihood for w, a in zip(weight, alone, strict=True))
    assert_allclose(weighted.log_likelihood, objective, rtol=1e-12)


def test_models_together_equal_models_alone(random_model: Any) -> None:
    x = np.random.default_rng(0).integers(0, 6, 300)[:, None].astype(float)
    models = []
    for seed, kind in enumerate(KINDS):
        pi, A, B = random_model(4, 6, seed, kind)
        models.append(Model(pi, A, CategoricalEmission(B)))
    lengths = np.array([200, 100])
    data = lay_out(x, lengths, None, models[0].emission, 20)
    for model, together in zip(models, expected_statistics_of(models, data), strict=True):
        alone = expected_statistics(model, data)
        assert_allclose(together.log_likelihood, alone.log_likelihood, rtol=1e-12)
        assert_allclose(together.moves, alone.moves, rtol=1e-9, atol=1e-10)
        assert_allclose(together.emission, alone.emission, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("lengths", [[5000], [2500, 2500]])
def test_a_chain_that_never_forgets_takes_three_passes_not_hundreds(
    lengths: list[int], random_model: Any, monkeypatch: Any
) -> None:
    passes: list[int] = []

    def counted(*args: Any, **options: Any) -> Any:
        passes.append(1)
        return forward_pass(*args, **options)

    monkeypatch.setattr(byhand.hmm.lane_posterior, "forward_pass", counted)
    pi, A, _ = random_model(3, 6, 0, "sticky")
    same = np.full((3, 6), 1 / 6) + np.array([[1e-3], [0], [-1e-3]]) * np.array([1, -1] * 3)
    x = np.random.default_rng(0).integers(0, 6, 5000)[:, None].astype(float)
    model = Model(pi, A, CategoricalEmission(same))
    data = lay_out(x, np.array(lengths), None, model.emission, 3)
    assert data.lanes.n_lanes > 50
    log_likelihoods(model, data)
    assert len(passes) <= 4


def left_right_with_outliers() -> Any:
    """State 0 is almost lost at three outliers, and is then the only one that can go on."""
    pi, A = np.array([1.0, 0]), np.array([[0.5, 0.5], [0, 1.0]])
    B = np.array([[1 - 1e-150, 1e-150], [0.0, 1.0]])
    x = np.array([0] * 40 + [1] * 3 + [0] * 40)
    return Model(pi, A, CategoricalEmission(B)), x


def test_emissions_of_1e_minus_150_give_the_answer_of_logarithms() -> None:
    model, x = left_right_with_outliers()
    data = lay_out(x[:, None].astype(float), np.array([83]), None, model.emission, 2)
    exact = 82 * np.log(0.5) + 3 * np.log(1e-150)
    assert_allclose(log_likelihoods(model, data), [exact], rtol=1e-12)
    assert_allclose(expected_statistics(model, data).log_likelihood, exact, rtol=1e-12)
    assert_allclose(expected_statistics(model, data).emission, [[80, 3], [0, 0]], atol=1e-9)
    twice = expected_statistics(model, data._replace(weight=np.array([2.0])))
    assert_allclose(twice.emission, [[160, 6], [0, 0]], atol=1e-9)
    assert_allclose(filtered(model, data)[0, data.lanes.columns(0)[-1]], 1.0)
    assert_allclose(posteriors(model, data)[1][0], 1.0)


def test_one_sequence_in_logarithms_leaves_the_others_in_lanes(random_model: Any) -> None:
    model, x = left_right_with_outliers()
    lengths = np.array([10, 83, 20])
    rows = np.r_[np.zeros(10), x, np.zeros(20)][:, None]
    data = lay_out(rows, lengths, None, model.emission, 2)
    whole = expected_statistics(model, data)
    alone = [expected_statistics(model, data.only(np.arange(3) == s, 2)) for s in range(3)]
    assert_allclose(whole.moves, sum(a.moves for a in alone), rtol=1e-10)
    assert_allclose(whole.emission, sum(a.emission for a in alone), rtol=1e-10)
    ll, gamma = posteriors(model, data)
    assert_allclose(ll, [a.log_likelihood for a in alone], rtol=1e-12)
    assert_allclose(gamma.sum(axis=0), 1.0, rtol=1e-14)


def test_a_state_that_fades_for_a_long_time_is_neither_lost_nor_raised_from_the_dead() -> None:
    """State 0 falls by 5 nats a step for 300 steps, and is then the better one."""
    pi, A = np.array([1.0, 0]), np.array([[0.5, 0.5], [0, 1.0]])
    b = np.exp(-5.0)
    B = np.array([[b, 1 - b], [1 - b, b]])
    x = np.r_[np.zeros(300), np.ones(400)]
    model = Model(pi, A, CategoricalEmission(B))
    data = lay_out(x[:, None], np.array([700]), None, model.emission, 2)
    with np.errstate(divide="ignore"):
        logs = np.log(pi), np.log(A), np.log(B)[:, x.astype(int)].T
    assert_allclose(log_likelihoods(model, data), forward(*logs).log_likelihood, rtol=1e-12)
    plain = forward_backward(*logs)
    assert_allclose(expected_statistics(model, data).moves, plain.xi, rtol=1e-9)
    alpha = np.exp(forward(*logs).log_alpha - forward(*logs).log_alpha.max(axis=1, keepdims=True))
    expected = alpha / alpha.sum(axis=1, keepdims=True)
    assert_allclose(filtered(model, data)[:, data.lanes.columns(0)].T, expected, atol=1e-9)


def test_a_million_steps_of_probability_one_half() -> None:
    half = np.full((2, 2), 0.5)
    model = Model(half[0], half, CategoricalEmission(half))
    data = lay_out(np.zeros((1_000_000, 1)), np.array([1_000_000]), None, model.emission, 2)
    assert_allclose(log_likelihoods(model, data), -693147.1805599453, rtol=1e-14)


def test_rounding_to_fixed_point_is_finer_than_2_to_the_minus_40() -> None:
    log_p = np.log(np.random.default_rng(0).random(1000))
    words = quantised(log_p, 8) >> 6  # three bits for a state, three for where its path began
    assert_allclose(np.ldexp(words.astype(float), -40), log_p, rtol=0, atol=2.0**-41 * 1.001)
    assert (quantised(np.array([-2000.0, -np.inf]), 8) >> 46).tolist() == [-1024, -16384]


def test_scores_that_are_cut_off_alike_are_told_apart_by_the_certificate() -> None:
    """At the outlier both states that can be there score below -1024, and 1 better than 0."""
    means = np.array([[0.0], [30.0], [100.0]])
    A = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1.0]])
    model = Model(np.array([0.5, 0.5, 0]), A, GaussianEmission(means, np.ones(3), "spherical"))
    x = np.full(20, 15.0)
    x[10] = 100.0
    data = lay_out(x[:, None], np.array([20]), None, model.emission, 9)
    score, states = best_paths(model, data)
    assert states[data.lanes.columns(0)][10] == 1
    log_b = model.emission.log_likelihood(x[None]).T
    with np.errstate(divide="ignore"):
        path = viterbi(np.log(model.startprob), np.log(A), log_b)
    assert_allclose(score, path.log_probability, rtol=1e-12)


def test_a_path_that_only_a_cut_off_score_allows_is_decoded_again() -> None:
    """Going back is impossible, but worth 20000 nats: the bound cheats, the certificate sees it."""
    model = Model(
        np.array([1.0, 0]),
        np.array([[0.5, 0.5], [0, 1.0]]),
        CategoricalEmission(np.array([[1 - 1e-300, 1e-300], [1e-300, 1 - 1e-300]])),
    )
    x = np.array([0, 1] * 40)[:, None].astype(float)
    data = lay_out(x, np.array([80]), None, model.emission, 4)
    score, states = best_paths(model, data)
    with np.errstate(divide="ignore"):
        logs = np.log(model.startprob), np.log(model.transmat)
        log_b = np.log(model.emission.emissionprob_)[:, x[:, 0].astype(int)].T
    path = viterbi(*logs, log_b)
    assert_allclose(score, path.log_probability, rtol=1e-12)
    assert_array_equal(states[data.lanes.columns(0)], path.states)
