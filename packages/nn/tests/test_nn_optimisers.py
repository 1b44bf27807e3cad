# SPDX-License-Identifier: BSD-3-Clause
"""Adam and SGD: five steps on x^2, the papers' rules written literally, blocks, messages."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from byhand.nn import SGD, Adam, Dense, Sequential, freeze


def path(optimizer: Any, steps: int = 5) -> list[float]:
    x, values = np.array([1.0]), []
    for _ in range(steps):
        optimizer.step(x, 2 * x)
        values.append(float(x[0]))
    return values


def test_five_steps_of_adam_on_a_parabola() -> None:
    expected = [0.9000000005, 0.8004122287, 0.7015862729, 0.6039390606, 0.5079636593]
    assert np.allclose(path(Adam(lr=0.1)), expected, rtol=0, atol=1e-10)


def test_five_steps_of_momentum_on_a_parabola() -> None:
    expected = [0.8, 0.46, 0.062, -0.3086, -0.58042]
    assert np.allclose(path(SGD(lr=0.1, momentum=0.9)), expected, rtol=0, atol=1e-14)


def test_adam_is_algorithm_1_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    theta, literal = rng.standard_normal((2, 50))
    literal[:] = theta
    m = v = np.zeros(50)
    adam = Adam(lr=0.02, beta1=0.8, beta2=0.95, eps=0.01)
    for t in range(1, 9):
        g = rng.standard_normal(50)
        adam.step(theta, g)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
        m_hat, v_hat = m / (1 - 0.8**t), v / (1 - 0.95**t)
        literal -= 0.02 * m_hat / (np.sqrt(v_hat) + 0.01)
    assert np.allclose(theta, literal, rtol=0, atol=1e-13)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_its_rule(nesterov: bool) -> None:
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(50)
    literal, v = theta.copy(), np.zeros(50)
    sgd = SGD(lr=0.1, momentum=0.7, nesterov=nesterov)
    for _ in range(6):
        g = rng.standard_normal(50)
        sgd.step(theta, g)
        v = 0.7 * v + g
        literal = literal - 0.1 * (g + 0.7 * v if nesterov else v)
    assert np.allclose(theta, literal, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "make", [Adam, SGD, lambda: SGD(momentum=0.9), lambda: SGD(0.1, 0.9, True)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 40000])
def test_blocks_do_not_change_a_step(make: Any, dtype: Any, size: int) -> None:
    rng = np.random.default_rng(0)
    theta, g = rng.standard_normal((2, size)).astype(dtype)
    g.flags.writeable = False
    parts = [theta[s : s + 1000].copy() for s in range(0, size, 1000)]
    together, apart = make(), [make() for _ in parts]
    for _ in range(3):
        together.step(theta, g)
        for one, part, s in zip(apart, parts, range(0, size, 1000), strict=True):
            one.step(part, g[s : s + 1000])
    assert theta.dtype == dtype
    assert np.array_equal(theta, np.concatenate(parts))


@pytest.mark.parametrize("optimizer", [Adam(), SGD(momentum=0.5)])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_goes_on_as_the_original(optimizer: Any, duplicate: Any) -> None:
    theta = np.ones(3)
    optimizer.step(theta, np.ones(3))
    twin, other = duplicate(optimizer), theta.copy()
    optimizer.step(theta, np.ones(3))
    twin.step(other, np.ones(3))
    assert np.array_equal(theta, other)


def frozen() -> Any:
    net = Sequential(Dense(2)).init(np.ones((1, 3)), rng=0)
    freeze(net, net)
    return net


@pytest.mark.parametrize("make", [Adam, SGD])
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda o: o.step(None, None), ["no parameters", "init"]),
        (lambda o: o.step(frozen().theta, frozen().grad), ["no parameters", "frozen"]),
        (lambda o: o.step(frozen().layers[0].W, np.ones((3, 2))), ["read-only", "frozen"]),
        (lambda o: o.step(np.ones(3), np.ones(4)), ["(3,)", "(4,)"]),
        (lambda o: o.step(np.ones((4, 4))[:, 1], np.ones(4)), ["C-contiguous"]),
        (lambda o: o.step(np.ones(3, int), np.ones(3)), ["floats"]),
    ],
)
def test_a_wrong_step_is_named(make: Any, call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=make.__name__) as caught:
        call(make())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(momentum=0.5)])
def test_theta_of_another_size_needs_a_new_optimiser(optimizer: Any) -> None:
    optimizer.step(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="4 numbers, earlier steps had 3"):
        optimizer.step(np.ones(4), np.ones(4))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Adam(lr=-1),
        lambda: Adam(eps=-1),
        lambda: Adam(beta1=1),
        lambda: Adam(beta2=-0.1),
        lambda: Adam(lr=float("nan")),
        lambda: SGD(lr=-1),
        lambda: SGD(momentum=1),
        lambda: SGD(nesterov=True),
    ],
)
def test_an_option_out_of_range_is_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"(Adam|SGD): .* got "):
        call()
