# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for everything public of byhand.nn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from byhand import nn
from byhand_testkit import ClassRow, ExemptRow, FunctionRow, LayerRow, Refusal, load_rows

Maker = Callable[[np.random.Generator], tuple[Any, ...]]


def normals(*shapes: tuple[int, ...]) -> Maker:
    """Standard normal arrays of these shapes."""
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def examples(*shape: int) -> Callable[[np.random.Generator, int], tuple[Any, ...]]:
    """A batch of n standard normal examples of this shape."""
    return lambda rng, n: (rng.standard_normal((n, *shape)),)


def wrong(*shape: int) -> Callable[[], tuple[Any, ...]]:
    """An input that the layer must refuse."""
    return lambda: (np.zeros(shape),)


def distinct(rng: np.random.Generator, *shape: int) -> Any:
    """Numbers at least 1/4 apart and not near 0: no kink and no tie within a difference."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n // 2) / 4 + 0.1).reshape(shape)


def apart(*shape: int) -> Callable[[np.random.Generator, int], tuple[Any, ...]]:
    return lambda rng, n: (distinct(rng, n, *shape),)


def optimised(optimizer: Any) -> Any:
    """Parameters after three steps on a quadratic."""
    theta = np.linspace(-1, 1, 7)
    for _ in range(3):
        optimizer.step(theta, 2 * theta)
    return theta


def small_net() -> Any:
    return nn.Sequential(nn.Conv2D(2, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Dense(2))


def refuses(*cases: tuple[tuple[Any, ...], str], **kwargs: Any) -> tuple[Refusal, ...]:
    return tuple(Refusal(args, ValueError, match, kwargs=kwargs) for args, match in cases)


IMAGES = (2, 5, 4, 3)
ACTIVATIONS = [
    *((getattr(nn, n), getattr(nn, n.lower()), getattr(nn, n.lower() + "_grad")) for n in (
        "ReLU", "Tanh", "Affine", "Sigmoid", "ELU", "SELU", "GELU", "Exponential", "Softplus",
        "Identity", "SiLU",
    )),
    (nn.LeakyReLU, nn.leaky_relu, nn.leaky_relu_grad),
    (nn.HardSigmoid, nn.hard_sigmoid, nn.hard_sigmoid_grad),
]  # fmt: skip

LAYERS = [
    LayerRow(nn.Dense, lambda: nn.Dense(3), examples(5), wrong=wrong(2, 4), wrong_match="5"),
    LayerRow(nn.Dense, lambda: nn.Dense(3), examples(2, 5), label="sequences"),
    LayerRow(
        nn.Conv1D,
        lambda: nn.Conv1D(3, 3, padding="causal", dilation=2),
        examples(7, 2),
        wrong=wrong(2, 7, 3),
        wrong_match="T, 2",
    ),
    LayerRow(
        nn.Conv2D,
        lambda: nn.Conv2D(3, (3, 2), stride=(2, 1), padding=((1, 0), (0, 2)), dilation=(1, 2)),
        examples(6, 5, 2),
        wrong=wrong(2, 6, 5, 3),
        wrong_match="H, W, 2",
    ),
    LayerRow(nn.Conv2D, lambda: nn.Conv2D(3, 1), examples(3, 2, 2), label="1 x 1"),
    LayerRow(
        nn.ConvTranspose2D,
        lambda: nn.ConvTranspose2D(2, 3, stride=2, padding=1),
        examples(3, 2, 2),
        wrong=wrong(2, 3, 2, 3),
        wrong_match="H, W, 2",
    ),
    LayerRow(nn.MaxPool2D, lambda: nn.MaxPool2D(3, 2, 1), apart(5, 4, 2), wrong=wrong(2, 5, 4)),
    LayerRow(nn.AvgPool2D, lambda: nn.AvgPool2D(3, 2, 1), examples(5, 4, 2), wrong=wrong(2, 5, 4)),
    LayerRow(nn.GlobalAvgPool2D, nn.GlobalAvgPool2D, examples(3, 2, 2), wrong=wrong(2, 3)),
    LayerRow(nn.Softmax, nn.Softmax, examples(4)),
    LayerRow(nn.Add, nn.Add, lambda rng, n: tuple(rng.standard_normal((3, n, 2)))),
    LayerRow(nn.Multiply, nn.Multiply, lambda rng, n: tuple(rng.standard_normal((3, n, 2)))),
    LayerRow(nn.Flatten, nn.Flatten, examples(3, 2)),
    LayerRow(nn.Reshape, lambda: nn.Reshape(2, -1), examples(6), wrong=wrong(2, 5)),
    LayerRow(nn.Dropout, lambda: nn.Dropout(0.4), examples(6)),
    LayerRow(
        nn.BatchNorm1D,
        nn.BatchNorm1D,
        examples(3),
        training=(False,),
        wrong=wrong(2, 4),
        wrong_match="3",
    ),
    LayerRow(nn.BatchNorm1D, nn.BatchNorm1D, examples(3), batches=(2, 3), label="batches of 2, 3"),
    LayerRow(nn.BatchNorm1D, nn.BatchNorm1D, examples(4, 3), label="sequences"),
    LayerRow(
        nn.BatchNorm2D, nn.BatchNorm2D, examples(3, 2, 2), wrong=wrong(2, 2, 2), wrong_match="4"
    ),
    LayerRow(
        nn.LayerNorm,
        lambda: nn.LayerNorm(axes=2),
        examples(3, 2),
        wrong=wrong(2, 3, 4),
        wrong_match="3, 2",
    ),
    LayerRow(nn.Sequential, small_net, examples(4, 5, 2), wrong=wrong(2, 4, 5, 3)),
    *(LayerRow(layer, layer, apart(3)) for layer, _, _ in ACTIVATIONS),
    LayerRow(nn.GELU, lambda: nn.GELU("tanh"), examples(3), label="tanh"),
]

FUNCTIONS = [
    FunctionRow(nn.dense, normals((2, 5), (5, 3), (3,)), grad=nn.dense_grad),
    FunctionRow(
        nn.conv1d,
        normals((2, 7, 2), (3, 2, 3), (3,)),
        grad=nn.conv1d_grad,
        kwargs={"stride": 2, "padding": "same", "dilation": 2},
    ),
    FunctionRow(
        nn.conv2d,
        normals(IMAGES, (3, 2, 3, 2), (2,)),
        grad=nn.conv2d_grad,
        kwargs={"stride": 2, "padding": 1},
        refuses=(
            *refuses(((np.ones(IMAGES), np.ones((3, 3, 3, 1)), np.ones(1)), "stride"), stride=0),
            *refuses(
                ((np.ones(IMAGES), np.ones((3, 3, 3, 1)), np.ones(1)), "dilation"), dilation=0
            ),
            *refuses(((np.ones(IMAGES), np.ones((7, 3, 3, 1)), np.ones(1)), "padded input of 5")),
            *refuses(((np.ones(IMAGES), np.ones((3, 3, 2, 1)), np.ones(1)), "disagree")),
        ),
    ),
    FunctionRow(
        nn.conv_transpose2d,
        normals(IMAGES, (3, 4, 3, 2), (2,)),
        grad=nn.conv_transpose2d_grad,
        kwargs={"stride": (2, 3), "padding": 1},
    ),
    FunctionRow(
        nn.max_pool2d,
        lambda rng: (distinct(rng, *IMAGES), 2),
        grad=nn.max_pool2d_grad,
        refuses=refuses(
            ((np.ones(IMAGES), 0), "kernel_size"), ((np.ones(IMAGES), 6), "padded input of 5")
        ),
    ),
    FunctionRow(
        nn.avg_pool2d,
        lambda rng: (rng.standard_normal(IMAGES), 2),
        grad=nn.avg_pool2d_grad,
        kwargs={"padding": 1, "count_padding": False},
    ),
    FunctionRow(nn.global_avg_pool2d, normals(IMAGES), grad=nn.global_avg_pool2d_grad),
    FunctionRow(nn.softmax, normals((3, 4)), grad=nn.softmax_grad),
    FunctionRow(nn.add, normals((3, 4), (3, 4)), grad=nn.add_grad),
    FunctionRow(nn.multiply, normals((3, 4), (3, 4), (3, 4)), grad=nn.multiply_grad),
    FunctionRow(nn.flatten, normals((3, 4, 2)), grad=nn.flatten_grad),
    FunctionRow(
        nn.reshape, lambda rng: (rng.standard_normal((3, 4)), (2, 2)), grad=nn.reshape_grad
    ),
    FunctionRow(nn.batch_norm, normals((4, 3, 2), (2,), (2,)), grad=nn.batch_norm_grad),
    FunctionRow(nn.layer_norm, normals((4, 3, 2), (3, 2), (3, 2)), grad=nn.layer_norm_grad),
    *(
        FunctionRow(function, lambda rng: (distinct(rng, 3, 4),), grad=grad)
        for _, function, grad in ACTIVATIONS
    ),
    FunctionRow(
        nn.im2col, lambda rng: (rng.standard_normal(IMAGES), (2, 3)), nan="passes", dtype="kept"
    ),
    FunctionRow(
        nn.col2im,
        lambda rng: (rng.standard_normal((18, 16)), IMAGES, (2, 3)),
        nan="passes",
        dtype="kept",
    ),
    FunctionRow(nn.pad, lambda rng: (rng.standard_normal(IMAGES), 1), nan="passes", dtype="kept"),
    FunctionRow(
        nn.dilate, lambda rng: (rng.standard_normal(IMAGES), 2), nan="passes", dtype="kept"
    ),
]

OTHERS = [
    *(
        FunctionRow(getattr(nn, name), lambda rng: (rng, (4, 3)))
        for name in (
            "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "orthogonal",
            "standard_normal", "truncated_normal",
        )
    ),
    ClassRow(nn.Adam, lambda rng: (0.1,), optimised),
    ClassRow(nn.SGD, lambda rng: (0.1, 0.9, True), optimised),
    ClassRow(nn.CrossEntropy, lambda rng: (), lambda loss: loss(np.eye(3), np.arange(3))),
    ExemptRow(nn.dropout, "random: tested in test_nn_dropout.py"),
    ExemptRow(nn.dropout_grad, "random: tested in test_nn_dropout.py"),
    ExemptRow(nn.cross_entropy, "gives loss and gradient: tested in test_nn_cross_entropy.py"),
    ExemptRow(nn.minibatch, "a generator: tested in test_nn_minibatch.py"),
    ExemptRow(nn.Module, "the base: tested in test_nn_module.py"),
    ExemptRow(nn.Network, "the base: tested in test_nn_module.py"),
    *(
        ExemptRow(getattr(nn, name), "takes modules: tested in test_nn_weights.py")
        for name in ("cast", "freeze", "load_state_dict", "select", "state_dict", "unfreeze")
    ),
]  # fmt: skip

SEQUENCES = load_rows(Path(__file__).with_name("conformance_sequences.py"))

ROWS = [*LAYERS, *FUNCTIONS, *OTHERS, *SEQUENCES]
