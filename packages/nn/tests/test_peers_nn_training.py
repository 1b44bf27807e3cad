# SPDX-License-Identifier: BSD-3-Clause
"""Optimisers and whole training runs against PyTorch, float64, to 1e-10."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand import nn
from byhand_testkit import agreement

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: nn.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
        (
            lambda: nn.Adam(0.02, 0.8, 0.95, 1e-3),
            lambda p: torch.optim.Adam(p, 0.02, betas=(0.8, 0.95), eps=1e-3),
        ),
        (lambda: nn.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (lambda: nn.SGD(0.1, 0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
        (
            lambda: nn.SGD(0.1, 0.9, nesterov=True),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        ),
    ],
)
def test_optimisers_agree(ours: Any, theirs: Any) -> None:
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(30)
    parameter = torch.nn.Parameter(torch.tensor(theta.copy()))
    mine, other = ours(), theirs([parameter])
    for _ in range(20):
        g = rng.standard_normal(30)
        mine.step(theta, g)
        parameter.grad = torch.tensor(g)
        other.step()
    worst = float(np.abs(theta - parameter.detach().numpy()).max())
    agreement(f"byhand.nn.{type(mine).__name__}", "torch", "20 steps", worst, 1e-10)


def test_a_training_run_agrees() -> None:
    """Convolution, batch normalisation, pooling, dense: thirty steps from the same weights."""
    rng = np.random.default_rng(0)
    X, t = rng.standard_normal((12, 8, 8, 2)), rng.integers(0, 3, 12)
    net = nn.Sequential(
        nn.Conv2D(4, 3, padding=1),
        nn.BatchNorm2D(),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Conv2D(5, 3, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Dense(3),
    ).init(X, rng=0)
    other = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 5, 3, stride=2),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(5, 3),
    ).double()
    with torch.no_grad():
        for i, j in ((0, 0), (4, 4)):
            other[j].weight.copy_(torch.tensor(net.layers[i].W.transpose(3, 2, 0, 1).copy()))
            other[j].bias.copy_(torch.tensor(net.layers[i].b))
        other[7].weight.copy_(torch.tensor(net.layers[7].W.T.copy()))
        other[7].bias.copy_(torch.tensor(net.layers[7].b))
    mine, theirs = nn.Adam(0.01), torch.optim.Adam(other.parameters(), 0.01)
    images = torch.tensor(X).movedim(-1, 1)
    for _ in range(30):
        logits, cache = net.forward(X, training=True, rng=rng)
        loss, dlogits = nn.cross_entropy(logits, t)
        net.grad.fill(0)
        net.backward(dlogits, cache, need_dx=False)
        mine.step(net.theta, net.grad)
        theirs.zero_grad()
        expected = torch.nn.functional.cross_entropy(other(images), torch.tensor(t))
        expected.backward()
        theirs.step()
    other.eval()
    worst = float(np.abs(net(X) - other(images).detach().numpy()).max())
    # thirty steps of Adam amplify rounding where a gradient is near 0
    agreement("byhand.nn.Sequential", "torch", "logits after 30 steps", worst, 1e-8)
    assert abs(loss - expected.item()) < 1e-9
