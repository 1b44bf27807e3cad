# SPDX-License-Identifier: BSD-3-Clause
"""Attention against PyTorch's scaled_dot_product_attention to 1e-10 in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import dot_product_attention, dot_product_attention_grad
from byhand_testkit import agreement

torch = pytest.importorskip("torch")

TOLERANCE = 1e-10
SHAPES = [((2, 3), 5, 7, 4, 6), ((), 4, 4, 3, 3), ((2,), 400, 300, 8, 8)]  # the last in blocks


@pytest.mark.parametrize("kind", ["plain", "causal", "unscaled", "mask", "padding"])
@pytest.mark.parametrize(("lead", "T", "S", "d", "e"), SHAPES)
def test_outputs_and_all_gradients_agree(
    lead: Any, T: int, S: int, d: int, e: int, kind: str
) -> None:
    rng = np.random.default_rng(0)
    args = [rng.standard_normal((*lead, *s)) for s in ((T, d), (S, d), (S, e))]
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    if kind == "causal":
        ours, theirs = {"causal": True}, {"is_causal": True}
    elif kind == "unscaled":
        ours, theirs = {"scale": False}, {"scale": 1.0}
    elif kind in ("mask", "padding"):
        mask = rng.random((*lead, T if kind == "mask" else 1, S)) < 0.7
        mask[..., 0] = True  # PyTorch's gradient of a query that sees nothing is NaN
        ours, theirs = {"mask": mask}, {"attn_mask": torch.tensor(mask)}
    y, cache = dot_product_attention(*args, **ours)
    dy = rng.standard_normal(y.shape)
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    expected = torch.nn.functional.scaled_dot_product_attention(*tensors, **theirs)
    grads = torch.autograd.grad(expected, tensors, torch.tensor(dy))
    worst = 0.0
    pairs = zip((y, *dot_product_attention_grad(dy, cache)), (expected, *grads), strict=True)
    for a, b in pairs:
        other = b.detach().numpy()
        assert a.shape == other.shape
        worst = max(worst, float(np.abs(a - other).max() / np.abs(other).max()))
    agreement(
        "byhand.nn.dot_product_attention",
        "torch",
        f"{kind}, outputs and all gradients, float64, {(*lead, T, S, d, e)}",
        worst,
        TOLERANCE,
    )
