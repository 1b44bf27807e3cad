# SPDX-License-Identifier: BSD-3-Clause
"""RNN, LSTM and GRU, full and ragged, from a state, against PyTorch to 1e-10 in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import gru, gru_grad, lstm, lstm_grad, rnn, rnn_grad
from byhand_testkit import agreement

torch = pytest.importorskip("torch")
rnn_utils = torch.nn.utils.rnn

TOLERANCE = 1e-10
SIZES = [
    # sequences, steps, inputs, units, lengths
    (5, 7, 3, 4, None),
    (5, 7, 3, 4, [7, 1, 3, 3, 6]),
    (1, 1, 1, 1, None),
    (16, 20, 40, 70, None),  # wide enough for products in panels
]


FUNCTIONS: dict[str, Any] = {
    "RNN": (rnn, rnn_grad),
    "LSTM": (lstm, lstm_grad),
    "GRU": (gru, gru_grad),
}


def case(kind: str, N: int, T: int, C: int, H: int) -> tuple[Any, Any, list[Any]]:
    """PyTorch's layer with random weights, its parameters, and (x, states, weights) for ours."""
    torch.manual_seed(0)
    mode, _, nonlinearity = kind.partition(" ")
    options = {"nonlinearity": nonlinearity} if nonlinearity else {}
    peer = getattr(torch.nn, mode)(C, H, batch_first=True, dtype=torch.float64, **options)
    with torch.no_grad():
        for p in peer.parameters():
            p.normal_(std=0.4)
    Wx, Wh, bx, bh = (p.detach().numpy().copy() for p in peer.parameters())
    b = bx + bh
    extra = []
    if mode == "GRU":  # the candidate keeps two biases
        b[2 * H :] = bx[2 * H :]
        extra = [bh[2 * H :]]
    rng = np.random.default_rng(0)
    states = [rng.standard_normal((N, H)) for _ in range(2 if mode == "LSTM" else 1)]
    ours = [rng.standard_normal((N, T, C)), *states, Wx.T.copy(), Wh.T.copy(), b, *extra]
    return peer, mode, ours


def theirs(peer: Any, mode: str, args: list[Any], lengths: Any, douts: list[Any]) -> list[Any]:
    """Outputs and the gradients of x, states and weights, in our shapes."""
    states = args[1 : 3 if mode == "LSTM" else 2]
    x, *s = (torch.tensor(a, requires_grad=True) for a in (args[0], *states))
    start = tuple(a[None] for a in s)
    given = x
    if lengths is not None:
        given = rnn_utils.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y, last = peer(given, start if mode == "LSTM" else start[0])
    if lengths is not None:
        y, _ = rnn_utils.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    outputs = [y, *(a[0] for a in (last if mode == "LSTM" else [last]))]
    parameters = list(peer.parameters())
    grads = torch.autograd.grad(outputs, [x, *s, *parameters], [torch.tensor(d) for d in douts])
    dWx, dWh, db, dbh = (g.numpy() for g in grads[-4:])
    ours = [dWx.T, dWh.T, db] + ([dbh[2 * len(dWh.T) :]] if mode == "GRU" else [])
    return [a.detach().numpy() for a in (*outputs, *grads[:-4])] + ours


@pytest.mark.parametrize(("N", "T", "C", "H", "lengths"), SIZES)
@pytest.mark.parametrize("kind", ["RNN tanh", "RNN relu", "LSTM", "GRU"])
def test_outputs_and_all_gradients_agree(
    kind: str, N: int, T: int, C: int, H: int, lengths: Any
) -> None:
    peer, mode, args = case(kind, N, T, C, H)
    if kind == "RNN relu":  # 20 steps of gain > 1 would leave no digit
        with torch.no_grad():
            for p in peer.parameters():
                p.mul_(0.2)
        args[2:] = [0.2 * a for a in args[2:]]
    function, grad = FUNCTIONS[mode]
    options = {"nonlinearity": "relu"} if kind == "RNN relu" else {}
    out, cache = function(*args, lengths=None if lengths is None else np.array(lengths), **options)
    rng = np.random.default_rng(1)
    douts = [rng.standard_normal(a.shape) for a in out]
    ours = [*out, *grad(tuple(douts), cache)]
    worst = 0.0
    for a, b in zip(ours, theirs(peer, mode, args, lengths, douts), strict=True):
        assert a.shape == b.shape
        worst = max(worst, float(np.abs(a - b).max() / np.abs(b).max()))
    ragged = "full" if lengths is None else "ragged"
    agreement(
        f"byhand.nn.{mode.lower()}",
        "torch",
        f"{kind}, outputs and all gradients, float64, {ragged}, N={N} T={T} C={C} H={H}",
        worst,
        TOLERANCE,
    )
