# SPDX-License-Identifier: BSD-3-Clause
"""The contract of modules: names, sharing, copies, threads, messages."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from byhand.nn import BatchNorm1D, Dense, Dropout, Module, Network, ReLU, Sequential, Tanh, freeze


class Siamese(Network):
    """Difference of two inputs through the same body."""

    def __init__(self, body: Module) -> None:
        self.body = body

    def forward(self, a: Any, b: Any, *, training: bool = False, rng: Any = None) -> Any:
        y, left = self.body.forward(a, training=training, rng=rng)
        z, right = self.body.forward(b, training=training, rng=rng)
        return y - z, (left, right)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        left, right = cache  # in the order of forward: no stack is needed
        return self.body.backward(dy, left), self.body.backward(-dy, right)


class TiedAutoencoder(Network):
    """Encode with W, decode with its transpose."""

    def __init__(self) -> None:
        self.encode = Dense(3)

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
        h, cache = self.encode.forward(x)
        return h @ self.encode.W.T, (h, cache)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        h, inner = cache
        self.encode.accumulate(dy.T @ h, np.zeros(3))
        return self.encode.backward(dy @ self.encode.W, inner)


def mlp() -> Sequential:
    return Sequential(Dense(4), Tanh(), Sequential(Dense(3), ReLU()), Dense(2))


def numerical_gradient(net: Network, loss: Any) -> Any:
    gradient = np.empty_like(net.theta)
    for i in range(net.theta.size):
        old, values = net.theta[i], []
        for net.theta[i] in (old + 1e-6, old - 1e-6):
            values.append(loss())
        net.theta[i] = old
        gradient[i] = (values[0] - values[1]) / 2e-6
    return gradient


def test_names_are_attribute_paths() -> None:
    net = mlp().init(np.zeros((1, 5)), rng=0)
    assert [p for p, _ in net.walk()] == ["", "0", "1", "2", "2.0", "2.1", "3"]
    assert net.layers[2].layers[0].name == "2.0"


def test_every_parameter_is_a_view_of_theta_in_the_order_of_the_walk() -> None:
    net = mlp().init(np.zeros((1, 5)), rng=0)
    flat = [getattr(m, p).ravel() for _, m in net.walk() for p in m.params]
    assert np.array_equal(np.concatenate(flat), net.theta)
    net.theta[:] = 7
    assert net.layers[0].W[0, 0] == 7
    net.layers[0].grads["b"][:] = 3
    assert net.grad.sum() == 12


def test_an_inner_network_has_its_part_of_theta() -> None:
    net = mlp().init(np.zeros((1, 5)), rng=0)
    inner = net.layers[2]
    assert inner.theta.size == 4 * 3 + 3
    assert np.shares_memory(inner.theta, net.theta)


def test_init_takes_no_row_and_gives_the_same_for_the_same_seed() -> None:
    one, other = (mlp().init(np.zeros((n, 5)), rng=3) for n in (0, 7))
    assert np.array_equal(one.theta, other.theta)
    assert one.theta.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_init_takes_the_dtype_of_the_example(dtype: Any) -> None:
    net = mlp().init(np.zeros((1, 5), dtype), rng=0)
    assert net.theta.dtype == dtype
    assert net(np.zeros((2, 5), dtype)).dtype == dtype


def test_a_siamese_pair_adds_the_gradients_of_both_branches() -> None:
    rng = np.random.default_rng(0)
    a, b, v = rng.standard_normal((3, 6, 4))
    net = Siamese(Sequential(Dense(3), Tanh(), Dense(4))).init(a, b, rng=0)
    _, cache = net.forward(a, b)
    net.grad.fill(0)
    net.backward(v, cache)
    expected = numerical_gradient(net, lambda: float((net(a, b) * v).sum()))
    assert np.allclose(net.grad, expected, rtol=1e-6, atol=1e-7)


def test_tied_weights_get_both_gradients() -> None:
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 6, 5))
    net = TiedAutoencoder().init(x, rng=0)
    _, cache = net.forward(x)
    net.backward(v, cache)
    expected = numerical_gradient(net, lambda: float((net(x) * v).sum()))
    assert np.allclose(net.grad, expected, rtol=1e-6, atol=1e-7)


def test_a_layer_that_stands_twice_is_walked_once_and_adds() -> None:
    layer = Dense(3)
    x = np.random.default_rng(0).standard_normal((4, 3))
    net = Sequential(layer, Tanh(), layer).init(x, rng=0)
    assert net.theta.size == 12
    _, cache = net.forward(x)
    net.backward(np.ones((4, 3)), cache)
    expected = numerical_gradient(net, lambda: float(net(x).sum()))
    assert np.allclose(net.grad, expected, rtol=1e-6, atol=1e-7)


def test_four_threads_share_one_network() -> None:
    rng = np.random.default_rng(0)
    net = mlp().init(np.zeros((1, 5)), rng=0)
    inputs = list(rng.standard_normal((40, 6, 5)))

    def work(x: Any) -> Any:
        y, cache = net.forward(x)
        return y, net.layers[0].backward(np.ones((6, 4)), cache.caches[0]), cache.caches[0].x

    with ThreadPoolExecutor(4) as pool:
        for x, (y, dx, kept) in zip(inputs, pool.map(work, inputs), strict=True):
            assert np.array_equal(y, net(x))
            assert np.array_equal(dx, np.ones((6, 4)) @ net.layers[0].W.T)
            assert kept is x


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_independent_and_trains(duplicate: Any) -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    net = mlp().init(x, rng=0)
    twin = duplicate(net)
    assert np.array_equal(twin(x), net(x))
    twin.theta += 1
    assert not np.shares_memory(twin.theta, net.theta)
    assert not np.array_equal(twin(x), net(x))
    _, cache = twin.forward(x)
    twin.backward(np.ones((4, 2)), cache)
    assert np.any(twin.grad)
    assert not np.any(net.grad)


def test_a_pickle_holds_each_number_once() -> None:
    net = Sequential(Dense(100)).init(np.zeros((1, 1000)), rng=0)
    net.forward(np.zeros((500, 1000)))
    assert len(pickle.dumps(net)) < 1.01 * net.theta.nbytes


def test_need_dx_false_stops_at_the_lowest_layer_that_learns() -> None:
    net = Sequential(ReLU(), Dense(4), Tanh(), Dense(2)).init(np.zeros((1, 5)), rng=0)
    freeze(net.layers[1], net)
    x = np.ones((3, 5))
    _, cache = net.forward(x)
    reached: list[int] = []
    for i, layer in enumerate(net.layers):
        original = layer.backward

        def watched(*args: Any, i: int = i, original: Any = original) -> Any:
            reached.append(i)
            return original(*args)

        layer.backward = watched
    assert net.backward(np.ones((3, 2)), cache, need_dx=False) is None
    assert reached == [3]
    assert net.backward(np.ones((3, 2)), cache).shape == (3, 5)


def test_need_dx_false_changes_no_gradient_and_is_fine_where_nothing_learns() -> None:
    net, x = mlp().init(np.zeros((1, 5)), rng=0), np.ones((3, 5))
    _, cache = net.forward(x)
    net.backward(np.ones((3, 2)), cache)
    expected = net.grad.copy()
    net.grad.fill(0)
    assert net.backward(np.ones((3, 2)), cache, need_dx=False) is None
    assert np.array_equal(net.grad, expected)
    freeze(net, net)
    assert net.backward(np.ones((3, 2)), cache, need_dx=False) is None


def test_a_layer_in_an_outer_network_still_learns_where_the_inner_theta_is_empty() -> None:
    shared = Dense(3)

    class Outer(Network):
        def __init__(self) -> None:
            self.first, self.again = shared, Sequential(shared)

        def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
            y, one = self.first.forward(x)
            z, two = self.again.forward(y)
            return z, (one, two)

        def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
            self.again.backward(dy, cache[1], need_dx=False)
            return None

    net = Outer().init(np.ones((1, 3)), rng=0)
    assert net.again.theta.size == 0
    _, cache = net.forward(np.ones((2, 3)))
    net.backward(np.ones((2, 3)), cache)
    assert np.all(net.grad[-3:] == 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Dense(3)(np.ones((2, 4))), ["Dense", "init"]),
        (lambda: mlp()(np.ones((2, 4))), ["Dense", "init"]),
        (lambda: mlp().init(np.ones((1, 5)), rng=0)(np.ones((2, 4))), ["Dense 0", "5", "(2, 4)"]),
        (lambda: Dense(3).init(np.ones((1, 5)), rng=0)(np.float64(1)), ["Dense", "()"]),
        (lambda: Dense(3).init(np.float64(1), rng=0), ["Dense", "at least one axis"]),
        (
            lambda: mlp().init(np.ones((1, 5), np.float32), rng=0)(np.ones((2, 5))),
            ["Dense 0", "float64", "float32"],
        ),
        (lambda: mlp().init(np.ones((1, 5)), rng=0)(np.full((2, 5), "a")), ["Dense 0", "<U1"]),
        (lambda: mlp().init(np.ones((1, 5)), rng=0)(np.ones((2, 5), complex)), ["complex128"]),
        (lambda: ReLU()(np.array(["a"])), ["ReLU", "<U1"]),
        (
            lambda: Dense(3).init(np.ones((1, 5)), rng=0).backward(np.ones((2, 3)), None),
            ["Dense", "cache", "NoneType"],
        ),
        (
            lambda: mlp().init(np.ones((1, 5)), rng=0).backward(np.ones((2, 2)), None),
            ["Sequential", "cache"],
        ),
        (
            lambda: Dropout(0.5).forward(np.ones(3), training=True),
            ["Dropout", "generator"],
        ),
        (lambda: BatchNorm1D().init(np.ones((1, 5)), rng=0)(np.ones(5)), ["BatchNorm1D", "2 or 3"]),
    ],
)
def test_a_wrong_call_names_the_layer_and_what_it_expected(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_a_layer_that_init_did_not_reach_is_named() -> None:
    class Broken(Network):
        def __init__(self) -> None:
            self.used, self.unused = Dense(2), Dense(2)

        def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
            return self.used.forward(x)

    with pytest.raises(ValueError, match="Dense unused: no W"):
        Broken().init(np.ones((1, 3)), rng=0)


def test_sequential_takes_modules_only() -> None:
    with pytest.raises(TypeError, match="layer 1 must be a Module, got function"):
        Sequential(Dense(2), lambda x: x)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, bool, ">f8"])
def test_other_numbers_become_the_dtype_of_the_parameters(kind: Any) -> None:
    x = np.arange(10).reshape(2, 5) % 2
    net = mlp().init(np.ones((1, 5)), rng=0)
    y = net(x.astype(kind))
    assert y.dtype == np.float64
    assert np.array_equal(y, net(x.astype(float)))


def test_inference_keeps_no_cache() -> None:
    net = mlp().init(np.ones((1, 5)), rng=0)
    before = {id(m): dict(vars(m)) for _, m in net.walk()}
    net(np.ones((3, 5)))
    net.forward(np.ones((3, 5)))
    for _, m in net.walk():
        assert vars(m).keys() == before[id(m)].keys()
        assert all(vars(m)[k] is v for k, v in before[id(m)].items())
