# SPDX-License-Identifier: BSD-3-Clause
"""Embedding against PyTorch's, repeated ids and padding, to 1e-10 in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import embedding, embedding_grad
from byhand_testkit import agreement

torch = pytest.importorskip("torch")

TOLERANCE = 1e-10


@pytest.mark.parametrize("padding_idx", [None, 0])
@pytest.mark.parametrize(
    ("V", "D", "shape"), [(7, 3, (4, 5)), (500, 8, (3000,)), (70_000, 2, (9,))]
)
def test_rows_and_gradient_agree(V: int, D: int, shape: Any, padding_idx: int | None) -> None:
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.zipf(1.4, shape) - 1, V - 1)
    W = rng.standard_normal((V, D))
    y, cache = embedding(ids, W, padding_idx)
    dy = rng.standard_normal(y.shape)
    table = torch.tensor(W, requires_grad=True)
    expected = torch.nn.functional.embedding(torch.tensor(ids), table, padding_idx=padding_idx)
    (dW,) = torch.autograd.grad(expected, [table], torch.tensor(dy))
    np.testing.assert_array_equal(y, expected.detach().numpy())
    worst = np.abs(embedding_grad(dy, cache) - dW.numpy()).max() / np.abs(dW.numpy()).max()
    agreement(
        "byhand.nn.embedding",
        "torch",
        f"gradient, float64, V={V} D={D} ids {shape}, padding {padding_idx}",
        worst,
        TOLERANCE,
    )
