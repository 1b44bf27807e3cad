# SPDX-License-Identifier: BSD-3-Clause
"""Weights by name: round trips, faults listed and nothing changed, freezing, casting, selecting."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    Adam,
    BatchNorm1D,
    Dense,
    Sequential,
    Tanh,
    cast,
    cross_entropy,
    freeze,
    load_state_dict,
    select,
    state_dict,
    unfreeze,
)

X = np.random.default_rng(0).standard_normal((6, 4))


def network(seed: int = 0, dtype: Any = np.float64) -> Any:
    net = Sequential(Dense(5), BatchNorm1D(), Tanh(), Sequential(Dense(3)))
    return net.init(X.astype(dtype), rng=seed)


def train(net: Any, steps: int = 3) -> None:
    optimizer = Adam(0.01)
    for _ in range(steps):
        logits, cache = net.forward(X, training=True)
        _, dlogits = cross_entropy(logits, np.arange(6) % 3)
        net.grad.fill(0)
        net.backward(dlogits, cache, need_dx=False)
        optimizer.step(net.theta, net.grad)


def test_a_state_is_a_copy_with_buffers() -> None:
    net = network()
    state = state_dict(net)
    assert list(state) == ["0.W", "0.b", "1.gain", "1.shift", "1.mean", "1.var", "3.0.W", "3.0.b"]
    train(net)
    assert not np.array_equal(state["0.W"], net.layers[0].W)
    assert not np.array_equal(state["1.mean"], net.layers[1].mean)


@pytest.mark.parametrize("built", [True, False])
def test_loading_gives_the_same_outputs_and_goes_on_learning(built: bool) -> None:
    net = network()
    train(net)
    other = (
        network(1) if built else Sequential(Dense(5), BatchNorm1D(), Tanh(), Sequential(Dense(3)))
    )
    load_state_dict(other, state_dict(net))
    assert np.array_equal(other(X), net(X))
    train(net)
    train(other)
    assert np.allclose(other.theta, net.theta, rtol=0, atol=1e-9)  # moments of Adam start anew
    assert not np.shares_memory(other.theta, net.theta)


def test_loading_writes_into_the_theta_of_the_parent() -> None:
    net = network()
    load_state_dict(net.layers[3], {"0.W": np.ones((5, 3)), "0.b": np.ones(3)})
    assert np.array_equal(net.theta[-18:], np.ones(18))


def test_loading_lists_every_fault_and_changes_nothing() -> None:
    net = network()
    before = net.theta.copy()
    state = state_dict(network(1))
    del state["0.b"]
    state["0.W"] = np.ones((4, 6))
    state["extra"] = np.ones(1)
    state["1.gain"] = np.array(["a"] * 5)
    with pytest.raises(ValueError, match="cannot load") as caught:
        load_state_dict(net, state)
    for fault in ("0.b is missing", "(4, 6)", "(4, 5)", "extra is unknown", "1.gain has dtype"):
        assert fault in str(caught.value)
    assert np.array_equal(net.theta, before)


def test_a_frozen_layer_keeps_its_bytes_and_leaves_theta() -> None:
    net = network()
    freeze(net.layers[0], net)
    assert net.theta.size == 5 + 5 + 18
    kept = net.layers[0].W.copy(), net.layers[0].b.copy()
    train(net)
    assert np.array_equal(net.layers[0].W, kept[0])
    assert np.array_equal(net.layers[0].b, kept[1])
    with pytest.raises(ValueError, match="read-only"):
        net.layers[0].W[0, 0] = 1
    assert state_dict(net)["0.W"].flags.writeable


def test_an_unfrozen_layer_learns_again() -> None:
    net = network()
    freeze(net, net)
    assert net.theta.size == 0
    unfreeze(net.layers[3], net)
    unfreeze(net.layers[0], net)
    assert net.theta.size == 25 + 18
    before = net.layers[0].W.copy()
    train(net)
    assert not np.array_equal(net.layers[0].W, before)


def test_a_single_layer_freezes_too() -> None:
    layer = Dense(2).init(X, rng=0)
    freeze(layer, layer)
    _, cache = layer.forward(X)
    layer.backward(np.ones((6, 2)), cache)
    assert layer.grads == {}
    twin = copy.deepcopy(layer)
    twin.backward(np.ones((6, 2)), cache)
    assert twin.grads == {}
    unfreeze(layer, layer)
    layer.backward(np.ones((6, 2)), cache)
    assert np.any(layer.grads["W"])


@pytest.mark.parametrize("frozen", [False, True])
def test_cast_converts_everything_that_floats(frozen: bool) -> None:
    net = network()
    train(net)
    wide = net(X)
    if frozen:
        freeze(net.layers[0], net)
    cast(net, np.float32)
    assert {a.dtype for a in state_dict(net).values()} == {np.dtype(np.float32)}
    assert np.allclose(net(X.astype(np.float32)), wide, rtol=0, atol=1e-5)  # float32
    assert net.layers[0].W.flags.writeable != frozen
    with pytest.raises(ValueError, match="float64"):
        net(X)


def test_select_spreads_a_rule_over_theta() -> None:
    net = network()
    freeze(net.layers[1], net)
    decay = select(net, lambda name, a: 0.1 if name.endswith("W") else 0.0)
    assert decay.shape == net.theta.shape
    assert np.array_equal(decay[:20], np.full(20, 0.1))
    assert decay.sum() == pytest.approx(0.1 * (20 + 15))
    inner = select(net.layers[3], lambda name, a: float(a.size))
    assert inner.tolist() == [15.0] * 15 + [3.0] * 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: state_dict(Dense(2)), ["Dense", "W", "init"]),
        (lambda: freeze(Dense(2), Dense(2)), ["Dense", "W", "init"]),
        (lambda: cast(network(), int), ["floating", "int64"]),
        (lambda: select(Sequential(Dense(2)), lambda name, a: 0.0), ["Sequential", "init"]),
    ],
)
def test_a_wrong_call_is_named(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    for word in words:
        assert word in str(caught.value)
