# SPDX-License-Identifier: BSD-3-Clause
"""RBM against the enumeration of all states of small machines."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    RBM,
    SGD,
    Sequential,
    contrastive_divergence,
    free_energy,
    gibbs_sample,
    rbm,
    rbm_grad,
)
from byhand_testkit import gradcheck


def machine(V: int, H: int, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((V, H)), rng.standard_normal(V), rng.standard_normal(H)


def states(n: int) -> Any:
    return np.array(list(itertools.product([0.0, 1.0], repeat=n))).reshape(2**n, n)


def joint(W: Any, a: Any, b: Any) -> Any:
    """p(v, h) of all states, one exponential each: (2^V, 2^H)."""
    p = np.array([
        [math.exp(float(v @ W @ h + a @ v + b @ h)) for h in states(len(b))] for v in states(len(a))
    ])  # fmt: skip
    return p / p.sum()


def exact_gradient(data: Any, W: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """d/d(W, a, b) of the mean of -log p(v), by sums over all states."""
    p, vs, hs = joint(W, a, b), states(len(a)), states(len(b))
    model = np.einsum("vh,vi,hj->ij", p, vs, hs), p.sum(1) @ vs, p.sum(0) @ hs
    rows = [int(np.flatnonzero((vs == v).all(axis=1))[0]) for v in data]
    given = [p[r] / p[r].sum() for r in rows]  # p(h | v)
    from_data = (
        np.mean([np.outer(v, g @ hs) for v, g in zip(data, given, strict=True)], axis=0),
        data.mean(axis=0),
        np.mean([g @ hs for g in given], axis=0),
    )
    return tuple(m - d for m, d in zip(model, from_data, strict=True))


def test_one_unit_of_each_kind() -> None:
    """K21: a = .5, b = -.3, w = .8."""
    W, a, b = np.array([[0.8]]), np.array([0.5]), np.array([-0.3])
    weight = np.exp(-free_energy(states(1), W, a, b))
    np.testing.assert_allclose(weight.sum(), 6.1078213198, rtol=0, atol=5e-11)
    np.testing.assert_allclose(weight[1] / weight.sum(), 0.7149854049, rtol=0, atol=5e-11)


@pytest.mark.parametrize(("V", "H"), [(1, 1), (3, 2), (4, 3), (2, 0)])
def test_free_energy_is_the_sum_over_hidden_states(V: int, H: int) -> None:
    W, a, b = machine(V, H)
    weight = np.exp(-free_energy(states(V), W, a, b))
    np.testing.assert_allclose(weight / weight.sum(), joint(W, a, b).sum(axis=1), rtol=1e-12)


def test_free_energy_does_not_overflow() -> None:
    W, a, b = np.full((1, 1), 1e4), np.zeros(1), np.zeros(1)
    assert free_energy(np.array([1.0]), W, a, b) == -1e4


@pytest.mark.parametrize(("V", "H"), [(3, 2), (4, 3)])
def test_the_layer_gives_the_posterior_of_the_hidden_units(V: int, H: int) -> None:
    W, a, b = machine(V, H)
    p = joint(W, a, b)
    posterior = (p / p.sum(axis=1, keepdims=True)) @ states(H)
    np.testing.assert_allclose(rbm(states(V), W, b)[0], posterior, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(4, 3), (3,), (0, 3), (1, 3), (2, 2, 3)])
def test_gradients_of_the_layer_are_central_differences(shape: Any) -> None:
    W, _, b = machine(3, 2)
    gradcheck(rbm, rbm_grad, np.random.default_rng(1).random(shape), W, b)


def test_gibbs_sampling_leaves_the_model_unchanged() -> None:
    """Chains started in the exact distribution stay there: counts of all 8 x 4 states."""
    W, a, b = machine(3, 2)
    p, N = joint(W, a, b), 40_000
    rng = np.random.default_rng(0)
    start = states(3)[rng.choice(8, N, p=p.sum(axis=1))]
    v, h = gibbs_sample(start, W, a, b, 1, rng=rng)
    for sample, expected in ((v, p.sum(axis=1)), (h, p.sum(axis=0))):
        code = (sample @ 2.0 ** np.arange(sample.shape[1])[::-1]).astype(int)
        counts = np.bincount(code, minlength=len(expected))
        error = (counts - N * expected) / np.sqrt(N * expected * (1 - expected))
        assert np.abs(error).max() < 4  # standard errors, of twelve


def test_a_long_chain_forgets_its_start() -> None:
    W, a, b = machine(3, 2)
    v, _ = gibbs_sample(np.ones((20_000, 3)), W, a, b, 50, rng=np.random.default_rng(0))
    expected = joint(W, a, b).sum(axis=1) @ states(3)
    np.testing.assert_allclose(v.mean(axis=0), expected, rtol=0, atol=4 * 0.5 / 20_000**0.5)


def test_long_contrastive_divergence_is_the_exact_gradient() -> None:
    W, a, b = machine(3, 2)
    data = states(3)[[0, 3, 3, 5, 7]]
    chain = np.repeat(data, 8_000, axis=0)
    grads, _ = contrastive_divergence(data, W, a, b, 30, chain=chain, rng=np.random.default_rng(0))
    for g, expected in zip(grads, exact_gradient(data, W, a, b), strict=True):
        # four standard errors of a mean of 40,000 numbers in [0, 1]
        np.testing.assert_allclose(g, expected, rtol=0, atol=4 * 0.5 / 40_000**0.5)


def test_the_data_part_of_the_gradient_is_exact() -> None:
    """Chains that stand in the model's distribution leave the exact gradient but for counting."""
    W, a, b = machine(3, 2)
    data = states(3)[[1, 6]]
    expected = exact_gradient(data, W, a, b)
    p = joint(W, a, b).sum(axis=1)
    rng = np.random.default_rng(0)
    total = [np.zeros_like(e) for e in expected]
    for _ in range(20):
        chain = states(3)[rng.choice(8, 2000, p=p)]
        grads, _ = contrastive_divergence(data, W, a, b, chain=chain, rng=rng)
        total = [t + g / 20 for t, g in zip(total, grads, strict=True)]
    for t, e in zip(total, expected, strict=True):
        np.testing.assert_allclose(t, e, rtol=0, atol=4 * 0.5 / 40_000**0.5)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("n_steps", [1, 3])
def test_descending_the_estimate_raises_the_exact_likelihood(
    n_steps: int, persistent: bool
) -> None:
    data = np.repeat(states(4)[[3, 12, 15]], 20, axis=0)
    rng = np.random.default_rng(0)
    net = Sequential(RBM(3, n_steps)).init(data[:1], rng=rng)
    layer = next(m for _, m in net.walk() if m.params)
    optimizer, chain = SGD(0.2), None

    def log_likelihood() -> float:
        F = layer.free_energy(states(4))
        log_Z = np.logaddexp.reduce(-F)
        return float(np.mean(-layer.free_energy(data) - log_Z))

    before = log_likelihood()
    np.testing.assert_allclose(before, -4 * math.log(2), rtol=0, atol=0.05)  # about uniform
    for _ in range(600):
        net.grad.fill(0)
        moved = layer.contrastive_divergence(data, chain=chain, rng=rng)
        chain = moved if persistent else None
        optimizer.step(net.theta, net.grad)
    assert log_likelihood() > -1.5  # log 3 = 1.0986 is the best that there is


def test_persistent_chains_go_on_where_they_stood() -> None:
    W, a, b = machine(4, 3)
    data, chain = np.zeros((5, 4)), np.ones((7, 4))
    (dW, da, _), moved = contrastive_divergence(
        data, W, a, b, 2, chain=chain, rng=np.random.default_rng(3)
    )
    expected, _ = gibbs_sample(chain, W, a, b, 2, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_allclose(da, expected.mean(axis=0), rtol=1e-14)  # the data are zeros
    assert dW.shape == (4, 3)
    assert (chain == 1).all()


def test_hidden_states_are_those_that_the_visible_ones_were_drawn_from() -> None:
    """With certain couplings v copies h."""
    W, a, b = 200 * np.eye(3), np.full(3, -100.0), np.zeros(3) - 100
    v, h = gibbs_sample(states(3), W, a, b, 1, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(h, states(3))
    np.testing.assert_array_equal(v, h)


def test_no_data_give_no_gradient_and_float32_stays() -> None:
    W, a, b = (p.astype(np.float32) for p in machine(4, 3))
    rng = np.random.default_rng(0)
    empty, _ = contrastive_divergence(np.zeros((0, 4), np.float32), W, a, b, rng=rng)
    grads, chain = contrastive_divergence(np.ones((2, 4), np.float32), W, a, b, rng=rng)
    assert not any(g.any() for g in empty)
    assert all(g.dtype == np.float32 for g in (*grads, chain))


def test_methods_add_to_the_gradients_and_leave_the_weights() -> None:
    data = states(3)
    layer = RBM(2).init(data[:1], rng=0)
    once, _ = contrastive_divergence(data, layer.W, layer.a, layer.b, rng=np.random.default_rng(1))
    for _ in range(2):
        layer.contrastive_divergence(data, rng=np.random.default_rng(1))
    for g, total in zip(once, layer.grads.values(), strict=True):
        np.testing.assert_allclose(total, 2 * g, rtol=1e-14, atol=1e-16)
    v, h = layer.gibbs_sample(data, 2, rng=np.random.default_rng(0))
    assert set(np.unique(v)) | set(np.unique(h)) <= {0.0, 1.0}


def test_as_a_layer_the_bias_of_the_visible_units_has_no_gradient() -> None:
    layer = RBM(2).init(np.ones((1, 3)), rng=0)
    p, cache = layer.forward(states(3))
    dv = layer.backward(np.ones_like(p), cache)
    expected = rbm_grad(np.ones_like(p), cache)
    for a, b in zip((dv, layer.grads["W"], layer.grads["b"]), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not layer.grads["a"].any()
    assert layer.backward(p, cache, need_dx=False) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones((2, 4))), r"^RBM: input must have shape \(..., 3\), got \(2, 4\)"),
        (lambda f: f.free_energy(np.ones((2, 4))), r"^RBM: input must have shape \(N, 3\)"),
        (lambda f: RBM(2).free_energy(np.ones((2, 3))), "^RBM: no parameters yet: call init"),
        (lambda f: RBM(2, n_steps=0), "n_steps must be at least 1, got 0"),
        (
            lambda f: f.contrastive_divergence(np.full((1, 3), 2.0), rng=np.random.default_rng(0)),
            r"v must be in \[0, 1\], got",
        ),
        (
            lambda f: f.gibbs_sample(np.ones((1, 3)), 0, rng=np.random.default_rng(0)),
            "n_steps must be at least 1, got 0",
        ),
        (
            lambda f: free_energy(np.ones(3), np.ones((2, 2)), np.ones(2), np.ones(2)),
            r"disagree: got \(3,\), \(2, 2\), \(2,\) and \(2,\)",
        ),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    layer = RBM(2).init(np.ones((1, 3)), rng=0)
    with pytest.raises(ValueError, match=message):
        call(layer)
