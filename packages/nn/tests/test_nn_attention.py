# SPDX-License-Identifier: BSD-3-Clause
"""Attention against a literal loop over queries and keys; masks, blocks and dropout."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import numpy as np
import pytest

from byhand.nn import DotProductAttention, dot_product_attention, dot_product_attention_grad
from byhand_testkit import gradcheck

MODULE = importlib.import_module("byhand.nn.attention")
SHAPES = [
    # leading axes, queries, keys, width of keys, width of values
    ((2, 3), 4, 5, 3, 2),
    ((), 3, 3, 1, 2),
    ((1,), 6, 4, 2, 3),
    ((2,), 1, 1, 1, 1),
    ((0,), 2, 3, 2, 2),
    ((2,), 0, 3, 2, 1),
    ((2,), 3, 0, 2, 1),
]
SHAPE_NAMES = [str(s).replace(" ", "") for s in SHAPES]


def arguments(lead: Any, T: int, S: int, d: int, e: int, seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((*lead, *s)) for s in ((T, d), (S, d), (S, e)))


def mask_of(kind: str, lead: Any, T: int, S: int) -> Any:
    rng = np.random.default_rng(7)
    shape = {
        "full": (*lead, T, S),
        "keys": (*lead, 1, S),
        "queries": (*lead, T, 1),
        "shared": (T, S),
        "row": (S,),
    }[kind]
    mask = rng.random(shape) < 0.6
    if mask.ndim > 1 and mask.shape[-2] > 1:
        mask[..., 0, :] = False  # a query that may attend to nothing
    return mask


def literal(args: Any, mask: Any, causal: bool, scale: bool) -> Any:
    """One weight at a time."""
    q, k, v = args
    lead, T, S, d = q.shape[:-2], q.shape[-2], k.shape[-2], q.shape[-1]
    allowed = np.broadcast_to(True if mask is None else mask, (*lead, T, S))
    y = np.zeros((*lead, T, v.shape[-1]))
    for at in itertools.product(*map(range, lead)):
        for t in range(T):
            weights = {}
            for s in range(S):
                if allowed[(*at, t, s)] and (not causal or s <= t):
                    score = sum(q[(*at, t, j)] * k[(*at, s, j)] for j in range(d))
                    weights[s] = math.exp(score / math.sqrt(d) if scale else score)
            for s, w in weights.items():
                y[(*at, t)] += w / sum(weights.values()) * v[(*at, s)]
    return y


@pytest.fixture(params=[1 << 19, 8 * 40, 8 * 7], ids=["one block", "40 scores", "7 scores"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Sizes of block that cut between batch entries, within one, and not at all."""
    monkeypatch.setattr(MODULE, "ATTENTION_BLOCK_BYTES", request.param)
    size: int = request.param
    return size


OPTIONS = [
    {},
    {"causal": True},
    {"scale": False},
    {"mask": "full"},
    {"mask": "keys"},
    {"mask": "queries"},
    {"mask": "shared", "causal": True},
    {"mask": "row"},
]


def with_mask(options: dict[str, Any], lead: Any, T: int, S: int) -> dict[str, Any]:
    if "mask" not in options:
        return options
    return {**options, "mask": mask_of(options["mask"], lead, T, S)}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_NAMES)
def test_every_weight_is_that_of_the_literal_loop(shape: Any, options: Any, block: int) -> None:
    args = arguments(*shape)
    options = with_mask(options, *shape[:3])
    y, _ = dot_product_attention(*args, **options)
    expected = literal(
        args, options.get("mask"), options.get("causal", False), options.get("scale", True)
    )
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", [*OPTIONS, {"dropout": 0.4}, {"dropout": 1.0}], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_NAMES)
def test_gradients_are_central_differences(shape: Any, options: Any) -> None:
    options = with_mask(options, *shape[:3])

    def f(q: Any, k: Any, v: Any) -> Any:  # the same dropout for every difference
        return dot_product_attention(q, k, v, **options, rng=np.random.default_rng(1))

    gradcheck(f, dot_product_attention_grad, *arguments(*shape))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES[:3], ids=SHAPE_NAMES[:3])
def test_gradients_do_not_depend_on_the_blocks(
    shape: Any, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    args, options = arguments(*shape), with_mask(options, *shape[:3])
    dy = np.random.default_rng(3).standard_normal((*shape[0], shape[1], shape[4]))
    expected = dot_product_attention_grad(dy, dot_product_attention(*args, **options)[1])
    for scores in (40, 7):
        monkeypatch.setattr(MODULE, "ATTENTION_BLOCK_BYTES", 8 * scores)
        grads = dot_product_attention_grad(dy, dot_product_attention(*args, **options)[1])
        for a, b in zip(grads, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_dropout_falls_on_the_same_weights_in_both_passes_of_every_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MODULE, "ATTENTION_BLOCK_BYTES", 8 * 7)

    def f(q: Any, k: Any, v: Any) -> Any:
        rng = np.random.default_rng(1)
        return dot_product_attention(q, k, v, dropout=0.4, causal=True, rng=rng)

    gradcheck(f, dot_product_attention_grad, *arguments((1,), 4, 4, 2, 2))


def test_identity_mixes_two_positions() -> None:
    """K12: exp(1 / sqrt(2)) / (exp(1 / sqrt(2)) + 1) of each, the rest of the other."""
    y, _ = dot_product_attention(np.eye(2), np.eye(2), np.eye(2))
    expected = [[0.66976155, 0.33023845], [0.33023845, 0.66976155]]
    np.testing.assert_allclose(y, expected, rtol=0, atol=5e-9)


def test_a_query_that_may_attend_to_nothing_gives_zeros_and_no_gradient() -> None:
    q, k, v = arguments((2,), 3, 4, 2, 2)
    mask = np.ones((2, 3, 4), bool)
    mask[0, 1] = False
    with np.errstate(all="raise"):
        y, cache = dot_product_attention(q, k, v, mask=mask)
        dq, _, _ = dot_product_attention_grad(np.ones_like(y), cache)
    assert not y[0, 1].any()
    assert not dq[0, 1].any()
    assert y[0, 0].all()
    y, cache = dot_product_attention(q, k, v, mask=np.zeros((1, 1), bool))
    assert not any(g.any() for g in (y, *dot_product_attention_grad(np.ones_like(y), cache)))


def test_masked_keys_equal_keys_that_are_not_there() -> None:
    q, k, v = arguments((2,), 3, 5, 2, 2)
    mask = np.array([True, False, True, True, False])
    y, cache = dot_product_attention(q, k, v, mask=mask)
    short, cache_short = dot_product_attention(q, k[:, mask], v[:, mask])
    np.testing.assert_allclose(y, short, rtol=1e-14, atol=0)
    _, dk, dv = dot_product_attention_grad(np.ones_like(y), cache)
    _, dk_short, dv_short = dot_product_attention_grad(np.ones_like(y), cache_short)
    assert not dk[:, ~mask].any()
    assert not dv[:, ~mask].any()
    np.testing.assert_allclose(dk[:, mask], dk_short, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dv[:, mask], dv_short, rtol=1e-12, atol=1e-15)


def test_a_masked_score_does_not_push_the_others_to_zero() -> None:
    """The largest score is masked by a thousand: the rest must not underflow."""
    q, k, v = np.ones((1, 1)), np.array([[1000.0], [1.0], [2.0]]), np.eye(3)
    y, _ = dot_product_attention(q, k, v, mask=np.array([False, True, True]))
    np.testing.assert_allclose(y[0], [0, 1 / (1 + math.e), math.e / (1 + math.e)], rtol=1e-14)


def test_scores_of_a_thousand_do_not_overflow() -> None:
    q, k = np.array([[1e3]]), np.array([[1.0], [1.0], [0.999]])
    y, cache = dot_product_attention(q, k, np.eye(3))
    expected = np.array([1, 1, math.exp(-1)]) / (2 + math.exp(-1))
    np.testing.assert_allclose(y[0], expected, rtol=1e-12)  # 1000 - 999 loses three digits
    assert np.isfinite(dot_product_attention_grad(y, cache)[0]).all()


def test_causal_queries_never_see_the_future() -> None:
    q, k, v = arguments((2,), 5, 5, 3, 2)
    y, _ = dot_product_attention(q, k, v, causal=True)
    k[:, 3:], v[:, 3:] = 99, 99
    changed, _ = dot_product_attention(q, k, v, causal=True)
    np.testing.assert_array_equal(y[:, :3], changed[:, :3])
    assert (y[:, 3:] != changed[:, 3:]).all()


def test_dropout_keeps_the_mean_of_the_output() -> None:
    q, k, v = arguments((), 4, 6, 3, 2)
    rng = np.random.default_rng(0)
    many = [np.repeat(a[None], 20_000, axis=0) for a in (q, k, v)]
    y, _ = dot_product_attention(*many, dropout=0.3, rng=rng)
    expected, _ = dot_product_attention(q, k, v)
    error = np.abs(y.mean(axis=0) - expected) / (y.std(axis=0) / math.sqrt(20_000))
    assert error.max() < 4  # standard errors, of eight numbers
    assert len(np.unique(y[:, 0, 0])) > 30


def test_dropout_of_everything_gives_zeros() -> None:
    args = arguments((2,), 3, 3, 2, 2)
    y, _ = dot_product_attention(*args, dropout=1.0, rng=np.random.default_rng(0))
    assert not y.any()


def test_float32_stays_and_agrees_with_float64_to_its_precision(block: int) -> None:
    args = arguments((2,), 5, 6, 3, 2)
    y, cache = dot_product_attention(*(a.astype(np.float32) for a in args), causal=True)
    y64, cache64 = dot_product_attention(*args, causal=True)
    grads = dot_product_attention_grad(y, cache)
    assert all(a.dtype == np.float32 for a in (y, *grads))
    expected = (y64, *dot_product_attention_grad(y64, cache64))
    for a, b in zip((y, *grads), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_backward_mirrors_forward(inputs: int) -> None:
    x, memory, value = arguments((2,), 4, 4, 3, 5)
    layer = DotProductAttention()
    given = (x, memory, value)[:inputs]
    q, k, v = ((x, x, x), (x, memory, memory), given)[inputs - 1]
    y, cache = layer.forward(*given)
    plain, plain_cache = dot_product_attention(q, k, v)
    np.testing.assert_array_equal(y, plain)
    dq, dk, dv = dot_product_attention_grad(y, plain_cache)
    back = layer.backward(y, cache)
    if inputs == 1:
        np.testing.assert_array_equal(back, dq + dk + dv)
    elif inputs == 2:
        np.testing.assert_array_equal(back, (dq, dk + dv))
    else:
        assert all((a == b).all() for a, b in zip(back, (dq, dk, dv), strict=True))
    assert layer.backward(y, cache, need_dx=False) is None


def test_dropout_is_for_training_alone() -> None:
    x = arguments((2,), 4, 4, 3, 3)[0]
    layer, plain = DotProductAttention(dropout=0.5), DotProductAttention()
    np.testing.assert_array_equal(layer(x), plain(x))
    y, _ = layer.forward(x, training=True, rng=np.random.default_rng(0))
    assert (y != plain(x)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(np.ones(3)), r"^DotProductAttention: input must have shape \(..., T, d\)"),
        (lambda f: f(np.ones((4, 3)), np.ones((5, 2))), r"shape \(..., S, 3\), got \(5, 2\)"),
        (lambda f: f(np.ones((4, 3)), None, np.ones((5, 2))), "value was given without key"),
        (lambda f: f(np.ones((2, 4, 3)), np.ones((3, 4, 3))), r"disagree: got \(2, 4, 3\)"),
        (lambda f: f(np.eye(3), mask=np.ones((2, 3), bool)), r"\(3, 3\), got shape \(2, 3\)"),
        (lambda f: f.forward(np.eye(3), training=True), "needs a generator"),
        (lambda f: f.backward(np.eye(3), None), "backward needs the cache"),
        (lambda f: DotProductAttention(dropout=1.5), r"dropout must be in \[0, 1\], got 1.5"),
        (
            lambda f: dot_product_attention(np.eye(2), np.eye(2), np.eye(2), dropout=0.1),
            "dropout needs a generator",
        ),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(DotProductAttention(dropout=0.5))


def test_a_mask_that_is_not_boolean_is_refused() -> None:
    with pytest.raises(TypeError, match="mask must be boolean, True where a query may attend"):
        DotProductAttention()(np.eye(3), mask=np.eye(3))
