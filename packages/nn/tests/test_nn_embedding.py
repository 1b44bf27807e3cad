# SPDX-License-Identifier: BSD-3-Clause
"""Embedding against the product with one-hot rows; repeated ids, padding, bad ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import Embedding, Sequential, embedding, embedding_grad
from byhand_testkit import gradcheck


@pytest.mark.parametrize("shape", [(3,), (2, 5), (), (0,), (3, 0), (400,)])
def test_the_lookup_is_the_product_with_one_hot_rows(shape: Any) -> None:
    rng = np.random.default_rng(0)
    ids, W = rng.integers(0, 5, shape), rng.standard_normal((5, 3))
    one_hot = (ids[..., None] == np.arange(5)).astype(float)
    y, cache = embedding(ids, W)
    np.testing.assert_array_equal(y, one_hot @ W)
    dy = rng.standard_normal((*shape, 3))
    expected = one_hot.reshape(-1, 5).T @ dy.reshape(-1, 3)
    np.testing.assert_allclose(embedding_grad(dy, cache), expected, rtol=1e-12, atol=1e-13)
    gradcheck(embedding, embedding_grad, ids, W)


@pytest.mark.parametrize("V", [300, 70_000])
def test_repeated_ids_accumulate_whatever_their_counts(V: int) -> None:
    """Ids drawn by Zipf's law: one that is half of all, many that occur once, many never."""
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.zipf(1.3, 3000) - 1, V - 1)
    dy = rng.standard_normal((3000, 2))
    _, cache = embedding(ids, np.zeros((V, 2)))
    expected = [np.bincount(ids, dy[:, j], V) for j in range(2)]
    np.testing.assert_allclose(embedding_grad(dy, cache).T, expected, rtol=0, atol=1e-11)
    assert np.bincount(ids).max() > 700


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint64, ">i8"])
def test_any_integers_are_ids(dtype: Any) -> None:
    W = np.arange(8.0).reshape(4, 2)
    y, cache = embedding(np.array([3, 0, 3], dtype), W)
    np.testing.assert_array_equal(y, W[[3, 0, 3]])
    np.testing.assert_array_equal(embedding_grad(np.ones((3, 2)), cache)[:, 0], [1, 0, 0, 2])


def test_the_row_of_padding_idx_starts_at_zero_and_has_no_gradient() -> None:
    layer = Embedding(5, 3, padding_idx=2).init(np.zeros((1, 1), int), rng=0, dtype=np.float64)
    assert not layer.W[2].any()
    assert layer.W[[0, 1, 3, 4]].all()
    ids = np.array([[2, 1, 2], [4, 1, 2]])
    y, cache = layer.forward(ids)
    assert not y[ids == 2].any()
    layer.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(layer.grads["W"][:, 0], [0, 2, 0, 0, 1])
    only_padding, cache = layer.forward(np.array([2, 2]))
    layer.backward(np.ones_like(only_padding), cache)
    np.testing.assert_array_equal(layer.grads["W"][:, 0], [0, 2, 0, 0, 1])


def test_two_backward_passes_and_a_tied_matrix_add_up() -> None:
    net = Sequential(Embedding(4, 2)).init(np.zeros((1, 1), int), rng=0, dtype=np.float64)
    for ids in ([0, 1], [1, 1]):
        y, cache = net.forward(np.array(ids))
        net.backward(np.ones_like(y), cache, need_dx=False)
    np.testing.assert_array_equal(net.grad.reshape(4, 2)[:, 0], [1, 3, 0, 0])
    next(m for _, m in net.walk() if m.params).accumulate(np.full((4, 2), 10.0))
    np.testing.assert_array_equal(net.grad.reshape(4, 2)[:, 0], [11, 13, 10, 10])


def test_a_frozen_table_gathers_no_gradient() -> None:
    layer = Embedding(4, 2).init(np.zeros((1, 1), int), rng=0, dtype=np.float64)
    layer.frozen, layer.grads = True, {}
    y, cache = layer.forward(np.array([0, 1]))
    assert layer.backward(np.ones_like(y), cache) is None
    assert layer.grads == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_table(dtype: Any) -> None:
    layer = Embedding(4, 2).init(np.zeros((1, 1), int), rng=0, dtype=dtype)
    y, cache = layer.forward([3, 0])
    layer.backward(y, cache)
    assert y.dtype == layer.grads["W"].dtype == dtype


def test_rows_are_copies_of_the_table() -> None:
    W = np.ones((3, 2))
    y, _ = embedding(np.array([0, 1]), W)
    y += 1
    assert (W == 1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda W: embedding(np.array([0, -1]), W), ValueError, r"ids must be in \[0, 3\).*got -1"),
        (lambda W: embedding(np.array([3, 0]), W), ValueError, r"ids must be in \[0, 3\).*got 3"),
        (lambda W: embedding(np.array([7, 0]), W), ValueError, r"ids must be in \[0, 3\).*got 7"),
        (lambda W: embedding(np.array([0.0]), W), TypeError, "ids must be integers.*float64"),
        (lambda W: embedding(np.array([True]), W), TypeError, "ids must be integers.*bool"),
        (lambda W: embedding(np.array([0]), W[0]), ValueError, r"W must have shape \(V, D\)"),
        (lambda W: Embedding(3, 2, padding_idx=3), ValueError, r"padding_idx must be in \[0, 3\)"),
        (lambda W: Embedding(3, 2)(np.array([0])), ValueError, "Embedding: no parameters yet"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((3, 2)))
