# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for sequences: recurrent layers, attention, embedding, RBM, SET."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from byhand import nn
from byhand_testkit import FunctionRow, LayerRow, Refusal

Inputs = Callable[[np.random.Generator, int], tuple[Any, ...]]


def batches(*shapes: tuple[int, ...]) -> Inputs:
    """Standard normal arrays (n, *shape)."""
    return lambda rng, n: tuple(rng.standard_normal((n, *shape)) for shape in shapes)


def lengths(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Sequences of 0 to 4 steps, the first of 4."""
    return {"lengths": np.array([4, 0, 2][:n], np.int64)}


def masks(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """A mask for each of n entries, in which the first query may attend to nothing."""
    mask = rng.random((n, 4, 4)) < 0.6
    mask[:, 0] = False
    return {"mask": mask}


def weights(gates: int, states: int, *biases: int) -> Callable[[np.random.Generator], Any]:
    """Arguments (x, states, Wx, Wh, biases): 3 sequences of 4 steps and 2 inputs, 3 units."""
    shapes = [
        (3, 4, 2),
        *[(3, 3)] * states,
        (2, 3 * gates),
        (3, 3 * gates),
        *((b,) for b in biases),
    ]
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def refusal(
    make: Callable[[np.random.Generator], Any], place: int, a: Any, match: str, **kwargs: Any
) -> Refusal:
    """Replace the argument at a place by one that must be refused."""
    args = list(make(np.random.default_rng(0)))
    args[place] = a
    return Refusal(tuple(args), ValueError, match, kwargs=kwargs)


def unit(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Examples of five numbers in [0, 1]."""
    return (rng.random((n, 5)),)


def machine(rng: np.random.Generator) -> tuple[Any, ...]:
    """Six states of a Boltzmann machine with five visible and three hidden units, and weights."""
    v = rng.integers(0, 2, (6, 5)).astype(float)
    return v, rng.standard_normal((5, 3)), rng.standard_normal(5), rng.standard_normal(3)


def generator(rng: np.random.Generator) -> dict[str, Any]:
    """The option rng."""
    return {"rng": rng}


GENERATOR = np.random.default_rng(0)
RNN, LSTM, GRU = weights(1, 1, 3), weights(4, 2, 12), weights(3, 1, 9, 3)
RAGGED = np.array([4, 0, 2], np.int64)

LAYERS = [
    *(
        LayerRow(
            layer,
            partial(layer, 3),
            batches((4, 2)),
            wrong=lambda: (np.zeros((2, 4, 5)),),
            wrong_match="N, T, 2",
        )
        for layer in (nn.RNN, nn.LSTM, nn.GRU)
    ),
    *(
        LayerRow(
            layer,
            partial(layer, 3),
            batches((4, 2), *[(3,)] * states),
            options=lengths,
            batches=(0, 1, 3),
            label="ragged, from a state",
        )
        for layer, states in ((nn.RNN, 1), (nn.LSTM, 2), (nn.GRU, 1))
    ),
    LayerRow(nn.RNN, lambda: nn.RNN(3, "relu"), batches((4, 2)), label="relu"),
    LayerRow(nn.LSTM, lambda: nn.LSTM(1), batches((1, 1)), label="one unit, one step"),
    LayerRow(nn.GRU, lambda: nn.GRU(2), batches((0, 3)), label="no step"),
    LayerRow(nn.DotProductAttention, nn.DotProductAttention, batches((4, 3))),
    LayerRow(
        nn.DotProductAttention,
        lambda: nn.DotProductAttention(dropout=0.4, causal=True),
        batches((2, 4, 3), (2, 5, 3)),
        label="to a memory, causal, dropout",
    ),
    LayerRow(
        nn.DotProductAttention,
        lambda: nn.DotProductAttention(scale=False),
        batches((4, 3), (4, 3), (4, 2)),
        options=masks,
        wrong=lambda: (np.zeros((2, 4, 3)), np.zeros((2, 4, 2))),
        wrong_match="S, 3",
        label="masked",
    ),
    LayerRow(
        nn.Embedding, lambda: nn.Embedding(5, 3), lambda rng, n: (rng.integers(0, 5, (n, 6)),)
    ),
    LayerRow(nn.RBM, lambda: nn.RBM(3), unit, wrong=lambda: (np.zeros((2, 4)),), wrong_match="5"),
    LayerRow(
        nn.SparseEvolution,
        lambda: nn.SparseEvolution(4, epsilon=1.5),
        batches((5,)),
        wrong=lambda: (np.zeros((2, 3)),),
        wrong_match="5",
    ),
]

FUNCTIONS = [
    FunctionRow(
        nn.rnn,
        RNN,
        grad=nn.rnn_grad,
        kwargs={"lengths": RAGGED},
        refuses=(
            refusal(RNN, 0, np.ones((3, 2)), r"x must have shape \(N, T, C\)"),
            refusal(RNN, 1, np.ones((2, 3)), r"h0 must have shape \(3, 3\)"),
            refusal(RNN, 4, np.ones(4), r"b must have shape \(3,\).* got \(4,\)"),
        ),
    ),
    FunctionRow(nn.rnn, RNN, grad=nn.rnn_grad, kwargs={"nonlinearity": "relu"}, label="relu"),
    FunctionRow(
        nn.lstm,
        LSTM,
        grad=nn.lstm_grad,
        kwargs={"lengths": RAGGED},
        refuses=(
            refusal(LSTM, 2, np.ones((3, 2)), r"c0 must have shape \(3, 3\)"),
            refusal(LSTM, 3, np.ones((2, 9)), r"Wx must have shape \(2, 12\)"),
            Refusal(
                LSTM(np.random.default_rng(0)),
                ValueError,
                r"lengths must be in \[0, 4\] as x has 4 steps, got 5",
                kwargs={"lengths": np.array([1, 5, 2])},
            ),
            Refusal(
                LSTM(np.random.default_rng(0)),
                ValueError,
                r"lengths must have shape \(3,\)",
                kwargs={"lengths": np.array([1, 2])},
            ),
            Refusal(
                LSTM(np.random.default_rng(0)),
                TypeError,
                "lengths must be integers",
                kwargs={"lengths": np.array([1.0, 2, 3])},
            ),
        ),
    ),
    FunctionRow(
        nn.gru,
        GRU,
        grad=nn.gru_grad,
        kwargs={"lengths": RAGGED},
        refuses=(refusal(GRU, 5, np.ones(2), r"bq must have shape \(3,\)"),),
    ),
    FunctionRow(
        nn.dot_product_attention,
        lambda rng: tuple(rng.standard_normal(s) for s in ((2, 4, 3), (2, 5, 3), (2, 5, 2))),
        grad=nn.dot_product_attention_grad,
        kwargs={"mask": np.tri(4, 5, -1, dtype=bool)},
        refuses=(
            Refusal((np.ones((4, 3)), np.ones((5, 2)), np.ones((5, 2))), ValueError, "disagree"),
            Refusal(
                (np.eye(2), np.eye(2), np.eye(2)),
                TypeError,
                "mask must be boolean",
                kwargs={"mask": np.eye(2)},
            ),
            Refusal(
                (np.eye(2), np.eye(2), np.eye(2)),
                ValueError,
                "mask must broadcast",
                kwargs={"mask": np.ones((2, 3), bool)},
            ),
            Refusal(
                (np.eye(2), np.eye(2), np.eye(2)),
                ValueError,
                r"dropout must be in \[0, 1\], got 1.5",
                kwargs={"dropout": 1.5},
            ),
        ),
    ),
    FunctionRow(
        nn.embedding,
        lambda rng: (rng.integers(0, 5, (2, 6)), rng.standard_normal((5, 3))),
        grad=nn.embedding_grad,
        refuses=(
            Refusal(
                (np.array([1, -1]), np.eye(3)), ValueError, r"ids must be in \[0, 3\).* got -1"
            ),
            Refusal((np.array([1, 3]), np.eye(3)), ValueError, r"ids must be in \[0, 3\).* got 3"),
            Refusal((np.array([1.0]), np.eye(3)), TypeError, "ids must be integers"),
        ),
    ),
    FunctionRow(
        nn.rbm,
        lambda rng: (rng.random((4, 5)), rng.standard_normal((5, 3)), rng.standard_normal(3)),
        grad=nn.rbm_grad,
        refuses=(Refusal((np.ones((4, 2)), np.ones((5, 3)), np.ones(3)), ValueError, "disagree"),),
    ),
    FunctionRow(
        nn.sparse_evolution,
        lambda rng: (
            rng.standard_normal((4, 5)),
            rng.standard_normal(6),
            np.array([0, 3, 7, 8, 11, 14], np.int64),
            rng.standard_normal(3),
        ),
        grad=nn.sparse_evolution_grad,
        refuses=(
            Refusal(
                (np.ones((4, 5)), np.ones(1), np.array([15]), np.ones(3)),
                ValueError,
                r"links must be in \[0, 15\)",
            ),
        ),
    ),
    FunctionRow(nn.erdos_renyi_links, lambda rng: (7, 5, 2.0), kwargs=generator),
    FunctionRow(
        nn.evolve_links,
        lambda rng: (
            rng.standard_normal(9),
            rng.permutation(20)[:9].astype(np.int64),
            20,
            0.4,
            0.1,
        ),
        kwargs=generator,
        lists=False,
        nan="passes",
        dtype="kept",
    ),
    FunctionRow(
        nn.free_energy,
        machine,
        lists=False,
        nan="passes",
        dtype="kept",
        refuses=(refusal(machine, 2, np.ones(4), "disagree"),),
    ),
    FunctionRow(
        nn.gibbs_sample, machine, kwargs=generator, lists=False, nan="passes", dtype="kept"
    ),
    FunctionRow(
        nn.contrastive_divergence,
        machine,
        kwargs=generator,
        lists=False,
        nan="passes",
        dtype="kept",
        refuses=(
            refusal(machine, 0, np.full((6, 5), 1.5), r"v must be in \[0, 1\]", rng=GENERATOR),
            refusal(machine, 0, np.ones((6, 3)), "disagree", rng=GENERATOR),
        ),
    ),
]

ROWS = [*LAYERS, *FUNCTIONS]
