# SPDX-License-Identifier: BSD-3-Clause
"""Softmax and cross-entropy: published numbers, central differences, extremes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from byhand.nn import CrossEntropy, cross_entropy, softmax, softmax_grad
from byhand_testkit import gradcheck


def test_softmax_of_minus_1_0_1() -> None:
    y, _ = softmax(np.array([-1.0, 0.0, 1.0]))
    assert np.allclose(y, [0.09003057, 0.24472847, 0.66524096], rtol=0, atol=1e-8)


def test_cross_entropy_of_2_1_01() -> None:
    loss, grad = cross_entropy(np.array([[2.0, 1.0, 0.1]]), np.array([0]))
    assert math.isclose(loss, 0.4170300163, abs_tol=1e-10)
    assert np.allclose(grad, [[-0.34099886, 0.24243297, 0.09856589]], rtol=0, atol=1e-8)


@pytest.mark.parametrize("K", [1, 3, 32, 33, 70])
@pytest.mark.parametrize("dense", [False, True])
def test_the_gradient_is_that_of_the_loss(K: int, dense: bool) -> None:
    rng = np.random.default_rng(K)
    z = 3 * rng.standard_normal((4, 2, K))
    t: Any = rng.integers(0, K, (4, 2))
    if dense:
        t = rng.uniform(size=(4, 2, K))  # need not sum to 1
    gradcheck(lambda z: cross_entropy(z, t)[0], lambda dy, z: dy * cross_entropy(z, t)[1], z)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    chosen = (t * log_p).sum(axis=-1) if dense else np.take_along_axis(log_p, t[..., None], -1)
    assert math.isclose(cross_entropy(z, t)[0], -chosen.mean(), rel_tol=1e-12, abs_tol=1e-14)


def test_one_hot_probabilities_equal_classes() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    one, two = cross_entropy(z, t), cross_entropy(z, np.eye(5)[t])
    assert math.isclose(one[0], two[0], rel_tol=1e-14)
    assert np.allclose(one[1], two[1], rtol=0, atol=1e-15)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (2, 0)], ids=str)
def test_gradients_of_softmax(axis: int, shape: Any) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    gradcheck(lambda x: softmax(x, axis), softmax_grad, x)


def test_nothing_overflows() -> None:
    z = np.array([[1e4, -1e4, 0.0], [-np.inf, 0.0, 0.0]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, grad = cross_entropy(z, np.array([1, 1]))
        y, _ = softmax(z)
    assert math.isclose(loss, (2e4 + math.log(2)) / 2, rel_tol=1e-15)
    assert np.all(np.isfinite(grad))
    assert y.tolist() == [[1, 0, 0], [0, 0.5, 0.5]]


def test_an_impossible_class_costs_infinity() -> None:
    loss, _ = cross_entropy(np.array([[-np.inf, 0.0]]), np.array([0]))
    assert loss == math.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_no_example_costs_nothing(dtype: Any) -> None:
    z = np.zeros((3, 4), dtype)
    z.flags.writeable = False
    for t in (np.zeros(3, np.int8), np.zeros((3, 4))):
        loss, grad = CrossEntropy()(z, t)
        assert isinstance(loss, float)
        assert grad.dtype == dtype
    loss, grad = cross_entropy(z[:0], np.zeros(0, int))
    assert loss == 0
    assert grad.shape == (0, 4)


@pytest.mark.parametrize(
    ("z", "t", "words"),
    [
        (np.ones((2, 3)), np.array([0, 3]), ["0 .. 2", "0 .. 3"]),
        (np.ones((2, 3)), np.array([-1, 0]), ["0 .. 2", "-1 .. 0"]),
        (np.ones((2, 3)), np.array([0]), ["(2, 3)", "(1,)"]),
        (np.ones((2, 3)), np.ones((2, 2)), ["(2, 3)", "(2, 2)"]),
        (np.ones((2, 3)), np.array(["a", "b"]), ["target", "<U1"]),
        (np.ones((2, 0)), np.array([0, 0]), ["(..., K)", "(2, 0)"]),
        (np.ones((2, 3), int), np.array([0, 0]), ["floats", "int64"]),
    ],
)
def test_a_wrong_call_is_named(z: Any, t: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        cross_entropy(z, t)
    for word in words:
        assert word in str(caught.value)
