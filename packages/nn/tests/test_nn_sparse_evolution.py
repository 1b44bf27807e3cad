# SPDX-License-Identifier: BSD-3-Clause
"""SET: the number of links and where they are; a masked dense layer as the oracle of the maths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import (
    SparseEvolution,
    erdos_renyi_links,
    evolve_links,
    load_state_dict,
    sparse_evolution,
    sparse_evolution_grad,
    state_dict,
)
from byhand_testkit import gradcheck


def masked(x: Any, w: Any, links: Any, b: Any) -> Any:
    """A dense layer, filled link by link."""
    W = np.zeros((x.shape[-1], len(b)))
    for weight, place in zip(w, links, strict=True):
        W[place // len(b), place % len(b)] = weight
    return x @ W + b


@pytest.mark.parametrize("shape", [(4, 5), (5,), (0, 5), (1, 5), (2, 3, 5)])
@pytest.mark.parametrize("L", [0, 1, 7, 15])
def test_the_layer_is_a_masked_dense_one(shape: Any, L: int) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal(shape), rng.standard_normal(L), rng.standard_normal(3)
    links = rng.permutation(15)[:L]
    y, _ = sparse_evolution(x, w, links, b)
    np.testing.assert_allclose(y, masked(x, w, links, b), rtol=1e-13, atol=1e-14)
    gradcheck(sparse_evolution, sparse_evolution_grad, x, w, links, b)


def test_the_published_example_has_35680_links() -> None:
    """K15: 784 x 1000, epsilon 20."""
    links = erdos_renyi_links(784, 1000, 20, rng=np.random.default_rng(0))
    assert len(links) == 35_680
    np.testing.assert_allclose(len(links) / 784_000, 0.0455102041, rtol=0, atol=5e-11)


def test_every_place_is_as_probable_as_any_other() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros(24)
    for _ in range(4000):
        links = erdos_renyi_links(6, 4, 0.7, rng=rng)
        assert len(np.unique(links)) == len(links) == 7
        counts[links] += 1
    p = 7 / 24
    assert np.abs(counts - 4000 * p).max() < 4 * (4000 * p * (1 - p)) ** 0.5


def test_a_layer_that_would_need_more_links_than_it_has_is_dense() -> None:
    links = erdos_renyi_links(6, 4, 20, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(links, np.arange(24))
    assert len(erdos_renyi_links(0, 4, 20, rng=np.random.default_rng(0))) == 0


@pytest.mark.parametrize("zeta", [0.0, 0.3, 0.5, 1.0])
def test_the_number_of_links_never_changes(zeta: float) -> None:
    rng = np.random.default_rng(0)
    links = erdos_renyi_links(30, 20, 3, rng=rng)
    w: Any = rng.standard_normal(len(links))
    for _ in range(20):
        w, links = evolve_links(w, links, 600, zeta, 0.1, rng=rng)
        assert len(w) == len(links) == len(np.unique(links)) == 150
        assert 0 <= links.min() <= links.max() < 600


def test_the_weakest_of_either_sign_go_and_the_others_stay_where_they_are() -> None:
    w = np.array([0.5, -0.01, 3.0, 0.02, -2.0, -0.4, 0.03, -0.05, 0.9, -1.0])
    links = np.arange(10) * 7
    w2, links2 = evolve_links(w, links, 100, 0.4, 1e-3, rng=np.random.default_rng(0))
    pruned = [3, 6, 1, 7]  # two of five positive ones, two of five negative ones
    stay = np.setdiff1d(np.arange(10), pruned)
    np.testing.assert_array_equal(w2[stay], w[stay])
    np.testing.assert_array_equal(links2[stay], links[stay])
    assert (np.abs(w2[pruned]) <= 1e-3).all()
    assert (links2[pruned] != links[pruned]).any()


def test_new_links_fall_on_every_free_place_alike() -> None:
    rng = np.random.default_rng(0)
    w, links = np.array([1.0, 0.1, 2.0, -1.0]), np.array([0, 5, 9, 3])
    counts = np.zeros(12)
    for _ in range(3000):
        _, moved = evolve_links(w, links, 12, 0.34, 0.1, rng=rng)  # one positive link moves
        counts[moved[1]] += 1
    assert not counts[[0, 9, 3]].any()
    p = 1 / 9  # the place that it left is free too
    free = np.delete(counts, [0, 9, 3])
    assert np.abs(free - 3000 * p).max() < 4 * (3000 * p * (1 - p)) ** 0.5


def test_evolve_moves_links_in_place_and_writes_no_argument() -> None:
    layer = SparseEvolution(20, epsilon=2, zeta=0.5).init(np.zeros((1, 30)), rng=0)
    view, w, links = layer.w, layer.w.copy(), layer.links
    before = links.copy()
    layer.evolve(rng=np.random.default_rng(0))
    assert layer.w is view  # a view of theta in a network
    assert layer.w.shape == w.shape
    assert 40 <= (layer.w != w).sum() <= 50  # int(half) of each sign
    np.testing.assert_array_equal(links, before)
    assert (layer.links != before).sum() > 40


def test_a_state_dict_brings_its_topology_to_a_layer_that_was_never_built() -> None:
    layer = SparseEvolution(4, epsilon=1).init(np.zeros((1, 5)), rng=0)
    layer.evolve(rng=np.random.default_rng(1))
    other = SparseEvolution(4, epsilon=1)
    load_state_dict(other, state_dict(layer))
    x = np.random.default_rng(2).standard_normal((3, 5))
    np.testing.assert_array_equal(layer(x), other(x))
    other.evolve(rng=np.random.default_rng(0))


def test_weights_start_with_the_variance_of_glorot_for_as_many_links() -> None:
    layer = SparseEvolution(1000).init(np.zeros((1, 784)), rng=0)
    limit = (6 / (35_680 / 784 + 35_680 / 1000)) ** 0.5
    assert 0.999 * limit < np.abs(layer.w).max() <= limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype: Any) -> None:
    layer = SparseEvolution(4, epsilon=1).init(np.zeros((1, 5), dtype), rng=0)
    y, cache = layer.forward(np.ones((2, 5), dtype))
    dx = layer.backward(y, cache)
    layer.evolve(rng=np.random.default_rng(0))
    arrays = y, dx, layer.w, layer.grads["w"], layer.grads["b"]
    assert all(a.dtype == dtype for a in arrays)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones((2, 4))), r"^SparseEvolution: input must have shape \(..., 5\)"),
        (lambda f: SparseEvolution(4, epsilon=0), "epsilon must be > 0, got 0"),
        (lambda f: SparseEvolution(4, zeta=1.5), r"zeta must be in \[0, 1\], got 1.5"),
        (
            lambda f: SparseEvolution(4).evolve(rng=np.random.default_rng(0)),
            "^SparseEvolution: no parameters yet: call init",
        ),
        (
            lambda f: evolve_links(f.w, f.links, 20, -0.1, 1.0, rng=np.random.default_rng(0)),
            r"zeta must be in \[0, 1\], got -0.1",
        ),
        (
            lambda f: erdos_renyi_links(3, 3, float("nan"), rng=np.random.default_rng(0)),
            "epsilon must be > 0, got nan",
        ),
        (
            lambda f: sparse_evolution(np.ones(5), f.w, f.links[:2], f.b),
            r"w and links must have one shape \(L,\)",
        ),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    layer = SparseEvolution(4, epsilon=1).init(np.zeros((1, 5)), rng=0)
    with pytest.raises(ValueError, match=message):
        call(layer)


def test_a_frozen_layer_does_not_evolve() -> None:
    layer = SparseEvolution(4, epsilon=1).init(np.zeros((1, 5)), rng=0)
    layer.frozen = True
    with pytest.raises(ValueError, match="SparseEvolution: is frozen"):
        layer.evolve(rng=np.random.default_rng(0))
