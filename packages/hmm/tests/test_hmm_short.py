# SPDX-License-Identifier: BSD-3-Clause
"""One short sequence in a tree of products, against the plain recursions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import byhand.hmm.e_step
from byhand.hmm import CategoricalHMM, forward_backward
from byhand.hmm.categorical import CategoricalEmission
from byhand.hmm.e_step import Model, expected_statistics, expected_statistics_of, lay_out
from byhand.hmm.product_tree import product_tree, vectors_after, vectors_before
from byhand.hmm.short_posterior import short_posterior

KINDS = ("random", "zeros", "left-right", "sticky", "periodic")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 13, 64])
@pytest.mark.parametrize("chains", [(), (3,)])
def test_vectors_of_the_tree_are_products_one_after_the_other(n: int, chains: Any) -> None:
    rng = np.random.default_rng(n)
    T = rng.random((*chains, n, 3, 3)) * 10.0 ** rng.integers(-100, 100, (*chains, n, 1, 1))
    v = rng.random((*chains, 3))
    tree = product_tree(T.copy())
    before, after = vectors_before(tree, v), vectors_after(tree, v)
    row = column = v
    for i in range(n):
        assert_allclose(before[..., i, :], row / row.sum(axis=-1, keepdims=True), rtol=1e-13)
        row = (row[..., None, :] @ T[..., i, :, :])[..., 0, :]
        row = row / row.sum(axis=-1, keepdims=True)
        j = n - 1 - i
        assert_allclose(after[..., j, :], column / column.sum(axis=-1, keepdims=True), rtol=1e-13)
        column = (T[..., j, :, :] @ column[..., None])[..., 0]
        column = column / column.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("N", [1, 2, 5, 63, 64, 65, 900])
def test_the_posterior_is_that_of_the_plain_recursions(
    random_model: Any, kind: str, N: int
) -> None:
    pi, A, B = random_model(3, 6, N, kind)
    x = np.random.default_rng(N).integers(0, 6, N)
    b = B[:, x]
    found = short_posterior(pi, A, b / b.max(axis=0))
    if kind == "left-right" and found is None:
        return  # states so far behind that they vanish: for lanes
    assert found is not None
    with np.errstate(divide="ignore"):
        plain = forward_backward(np.log(pi), np.log(A), np.log(b.T))
    log_likelihood = found.log_likelihood + np.log(b.max(axis=0)).sum()
    assert_allclose(log_likelihood, plain.log_likelihood, rtol=1e-12)
    assert_allclose(found.gamma.T, plain.gamma, rtol=1e-9, atol=1e-12)
    assert_allclose(found.xi, plain.xi, rtol=1e-9, atol=1e-10)


def test_models_in_lockstep_equal_models_alone(random_model: Any) -> None:
    x = np.random.default_rng(0).integers(0, 6, 301)[:, None].astype(float)
    models = []
    for seed, kind in enumerate(KINDS):
        pi, A, B = random_model(4, 6, seed, kind)
        models.append(Model(pi, A, CategoricalEmission(B)))
    data = lay_out(x, np.array([301]), np.array([2.5]), models[0].emission, 20)
    lanes = data._replace(rows=None)
    for model, together in zip(models, expected_statistics_of(models, data), strict=True):
        alone = expected_statistics(model, lanes)
        assert_allclose(together.log_likelihood, alone.log_likelihood, rtol=1e-12)
        assert_allclose(together.start, alone.start, rtol=1e-9, atol=1e-10)
        assert_allclose(together.moves, alone.moves, rtol=1e-9, atol=1e-10)
        assert_allclose(together.emission, alone.emission, rtol=1e-9, atol=1e-10)
        assert together.weight == alone.weight == 2.5


def test_states_that_vanish_are_left_to_the_lanes() -> None:
    """State 0 is almost lost at three outliers, and is then the only one that can go on."""
    pi, A = np.array([1.0, 0]), np.array([[0.5, 0.5], [0, 1.0]])
    likely, outlier = np.array([[1.0], [0.0]]), np.array([[1e-150], [1.0]])
    b = np.hstack([np.repeat(likely, 40, 1), np.repeat(outlier, 3, 1), np.repeat(likely, 40, 1)])
    assert short_posterior(pi, A, b) is None


@pytest.mark.parametrize("power", [60, 110, 160, 240, 300])
def test_a_state_that_falls_below_the_range_and_comes_back_is_not_lost(power: int) -> None:
    """State 0 falls by 10^-power twice, state 1 three times later on; neither can change."""
    pi, A = np.array([0.5, 0.5]), np.eye(2)
    b = np.ones((2, 150))
    b[0, [8, 30]] = b[1, [70, 90, 120]] = 10.0**-power
    found = short_posterior(pi, A, b)
    if power == 60:  # 1e-120 is far from the bounds
        assert found is not None
    if found is not None:
        expected = np.log(0.5) - 2 * power * np.log(10)
        assert_allclose(found.log_likelihood, expected, rtol=1e-12)
        assert_allclose(found.gamma[0], 1.0)


def test_a_state_that_the_filter_has_lost_and_the_future_needs_is_seen_by_beta() -> None:
    """State 0 falls by 1e-340 and then 0; state 1 falls by 1e-400, once in each half."""
    pi, A = np.array([0.5, 0.5]), np.eye(2)
    b = np.ones((2, 128))
    b[0, [8, 20]], b[1, [40, 100]] = 1e-170, 1e-200
    assert short_posterior(pi, A, b) is None


@pytest.mark.parametrize("N", [900, 5000])
def test_fit_takes_the_tree_for_short_sequences_alone(N: int, monkeypatch: Any) -> None:
    calls: list[int] = []

    def counted(pi: Any, A: Any, b: Any) -> Any:
        calls.append(b.shape[-1])
        return short_posterior(pi, A, b)

    monkeypatch.setattr(byhand.hmm.e_step, "short_posterior", counted)
    x = np.random.default_rng(0).integers(0, 3, N)[:, None]
    CategoricalHMM(2, n_iter=2, tol=0, random_state=0).fit(x)
    assert calls == ([900] * 3 if N == 900 else [])
