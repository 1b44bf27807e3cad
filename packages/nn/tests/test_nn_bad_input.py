# SPDX-License-Identifier: BSD-3-Clause
"""Bad input: the message names the layer, what it expected and what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand import nn

IMAGES, SEQUENCES = np.zeros((1, 8, 8, 2)), np.zeros((1, 6, 2))
X = np.zeros((1, 4))
HALVES: Any = 2.5


def built(layer: Any, x: Any) -> Any:
    return layer.init(x, rng=0)


@pytest.mark.parametrize(
    ("layer", "x", "wrong"),
    [
        (nn.Dense(3), X, np.zeros((2, 5))),
        (nn.Conv2D(3, 3), IMAGES, np.zeros((8, 8, 2))),
        (nn.Conv2D(3, 3), IMAGES, np.zeros((1, 8, 8, 3))),
        (nn.Conv1D(3, 3), SEQUENCES, np.zeros((1, 6, 3))),
        (nn.ConvTranspose2D(3, 3), IMAGES, np.zeros((1, 8, 8, 5))),
        (nn.MaxPool2D(2), IMAGES, np.zeros((8, 8, 2))),
        (nn.AvgPool2D(2), IMAGES, np.zeros((8, 8, 2))),
        (nn.GlobalAvgPool2D(), IMAGES, np.zeros((8, 2))),
        (nn.BatchNorm2D(), IMAGES, np.zeros((1, 8, 8, 3))),
        (nn.LayerNorm(), X, np.zeros((2, 5))),
        (nn.RNN(3), SEQUENCES, np.zeros((1, 6, 3))),
        (nn.LSTM(3), SEQUENCES, np.zeros((6, 2))),
        (nn.GRU(3), SEQUENCES, np.zeros((1, 6, 3))),
        (nn.RBM(3), X, np.zeros((2, 5))),
    ],
    ids=lambda p: type(p).__name__ if isinstance(p, nn.Module) else str(p.shape),
)
def test_a_wrong_rank_or_width_names_layer_expected_and_given(
    layer: Any, x: Any, wrong: Any
) -> None:
    layer = built(layer, x)
    with pytest.raises(ValueError, match=f"^{type(layer).__name__}: input must have") as caught:
        layer(wrong)
    assert str(wrong.shape) in str(caught.value)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nn.Dense(0), ValueError, ["Dense: units", ">= 1", "got 0"]),
        (lambda: nn.LSTM(HALVES), ValueError, ["LSTM: units", "got 2.5"]),
        (lambda: nn.GRU(-1), ValueError, ["GRU: units", "got -1"]),
        (lambda: nn.RNN(True), ValueError, ["RNN: units", "got True"]),
        (lambda: nn.RBM(0), ValueError, ["RBM: units", "got 0"]),
        (lambda: nn.SparseEvolution(0), ValueError, ["SparseEvolution: units", "got 0"]),
        (lambda: nn.Conv1D(-1, 3), ValueError, ["Conv1D: channels", "got -1"]),
        (lambda: nn.Conv2D(-1, 3), ValueError, ["Conv2D: channels", "got -1"]),
        (lambda: nn.ConvTranspose2D(0, 3), ValueError, ["ConvTranspose2D: channels", "got 0"]),
        (lambda: nn.Embedding(-1, 3), ValueError, ["Embedding: num_embeddings", "got -1"]),
        (lambda: nn.Embedding(3, 0), ValueError, ["Embedding: embedding_dim", "got 0"]),
        (lambda: nn.BatchNorm1D(eps=-1), ValueError, ["BatchNorm1D: eps", "got -1"]),
        (lambda: nn.LayerNorm(eps=float("nan")), ValueError, ["LayerNorm: eps", "got nan"]),
        (lambda: built(nn.Conv2D(3, 0), IMAGES), ValueError, ["Conv2D: kernel_size", "got 0"]),
        (lambda: built(nn.Conv2D(3, 3, stride=0), IMAGES), ValueError, ["Conv2D: stride", "got 0"]),
        (
            lambda: built(nn.Conv1D(3, 3, dilation=0), SEQUENCES),
            ValueError,
            ["Conv1D: dilation", "got 0"],
        ),
        (lambda: built(nn.Conv2D(3, 11, padding=1), IMAGES), ValueError, ["Conv2D: ", "11", "10"]),
        (lambda: nn.MaxPool2D(2, padding=2)(IMAGES), ValueError, ["MaxPool2D: ", "2 + 2"]),
        (
            lambda: built(nn.RNN(3), SEQUENCES)(SEQUENCES, lengths=[7]),
            ValueError,
            ["RNN: lengths", "[0, 6]", "got 7"],
        ),
        (
            lambda: built(nn.GRU(3), SEQUENCES)(SEQUENCES, lengths=[1, 1]),
            ValueError,
            ["GRU: lengths", "(1,)", "(2,)"],
        ),
        (
            lambda: built(nn.LSTM(3), SEQUENCES)(SEQUENCES, lengths=[1.5]),
            TypeError,
            ["LSTM: lengths", "float64"],
        ),
        (
            lambda: built(nn.Embedding(5, 3), np.zeros(1, int))(np.array([5])),
            ValueError,
            ["Embedding: ids", "[0, 5)", "got 5"],
        ),
        (
            lambda: nn.DotProductAttention()(X[None], mask=np.ones((1, 1))),
            TypeError,
            ["DotProductAttention: mask", "float64"],
        ),
        (
            lambda: built(nn.RBM(3), X).contrastive_divergence(X + 2, rng=None),
            ValueError,
            ["RBM: v must be in [0, 1]"],
        ),
    ],
)
def test_a_fault_of_an_option_names_the_layer(call: Any, kind: Any, words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_a_layer_within_a_network_is_named_with_its_path() -> None:
    net = built(nn.Sequential(nn.Embedding(5, 3), nn.LSTM(2)), np.zeros((1, 4), int))
    with pytest.raises(ValueError, match=r"^Embedding 0: ids must be in \[0, 5\)"):
        net(np.full((1, 4), 9))


@pytest.mark.parametrize(
    "layer",
    [nn.Dense(3), nn.LSTM(3), nn.BatchNorm1D(), nn.ReLU(), nn.Sequential(nn.Dense(3))],
    ids=lambda layer: type(layer).__name__,
)
def test_backward_before_forward_is_named(layer: Any) -> None:
    layer = built(layer, SEQUENCES)
    with pytest.raises(ValueError, match=f"{type(layer).__name__}: backward needs the cache"):
        layer.backward(np.zeros((1, 6, 3)), None)


@pytest.mark.parametrize("optimizer", [nn.Adam(), nn.SGD(momentum=0.9)])
def test_a_step_of_what_is_frozen_is_named(optimizer: Any) -> None:
    name = type(optimizer).__name__
    net = built(nn.Sequential(nn.Dense(3), nn.Dense(2)), X)
    optimizer.step(net.theta, net.grad)
    nn.freeze(net.layers[0], net)
    with pytest.raises(ValueError, match=f"^{name}: theta has 8 numbers, earlier steps had 23"):
        optimizer.step(net.theta, net.grad)
    nn.freeze(net, net)
    with pytest.raises(ValueError, match=f"^{name}: theta holds no parameters"):
        optimizer.step(net.theta, net.grad)
    with pytest.raises(ValueError, match=f"^{name}: theta is read-only: its layer is frozen"):
        optimizer.step(net.layers[0].W, net.layers[0].W)
