# SPDX-License-Identifier: BSD-3-Clause
"""Initialisers: limits and moments against closed forms, orthogonality, dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand import nn

SHAPE = (784, 256)


def draw(name: str, shape: Any = SHAPE, seed: int = 0, **options: Any) -> Any:
    return getattr(nn, name)(np.random.default_rng(seed), shape, **options)


@pytest.mark.parametrize(
    ("name", "sd"),
    [
        ("glorot_uniform", 0.0759554525 / np.sqrt(3)),
        ("glorot_normal", np.sqrt(2 / 1040)),
        ("he_uniform", 0.0505076272),
        ("he_normal", 0.0505076272),
        ("standard_normal", 1.0),
        ("truncated_normal", 1.0),
    ],
)
def test_the_standard_deviation_is_the_closed_form(name: str, sd: float) -> None:
    W = draw(name)
    n = W.size
    assert abs(W.mean()) < 5 * sd / np.sqrt(n)  # five standard errors
    assert abs(W.std() / sd - 1) < 5 / np.sqrt(2 * n)


def test_uniform_limits() -> None:
    assert 0.0759 < np.abs(draw("glorot_uniform")).max() <= 0.0759554525 + 1e-9
    assert 0.0874 < np.abs(draw("he_uniform")).max() <= np.sqrt(6 / 784)


def test_the_standard_deviation_lost_by_cutting_is_given_back() -> None:
    """A normal cut at 2 has standard deviation .8796256610; the tails are cut there."""
    z = draw("truncated_normal", (1000, 1000), sd=3.0)
    limit = 2 * 3 / 0.8796256610
    assert 0.999 * limit < np.abs(z).max() <= limit * (1 + 1e-9)
    assert abs(z.std() - 3) < 0.01


def test_a_kernel_multiplies_both_fans() -> None:
    W = draw("he_normal", (5, 5, 32, 64))
    assert abs(W.std() / np.sqrt(2 / (25 * 32)) - 1) < 0.02
    W = draw("glorot_normal", (3, 32, 64))
    assert abs(W.std() / np.sqrt(2 / (3 * 96)) - 1) < 0.05


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (2, 3, 4), (3, 2, 2, 20)], ids=str)
def test_orthogonal_is_orthonormal_on_its_short_side(shape: Any) -> None:
    Q = draw("orthogonal", shape, gain=2.0).reshape(-1, shape[-1])
    gram = Q.T @ Q if Q.shape[0] >= Q.shape[1] else Q @ Q.T
    assert np.allclose(gram, 4 * np.eye(len(gram)), rtol=0, atol=1e-13)


def test_orthogonal_has_no_preferred_sign() -> None:
    diagonals = [np.diagonal(draw("orthogonal", (3, 3), seed=s)) for s in range(400)]
    assert np.all(np.abs(np.mean(diagonals, axis=0)) < 0.15)  # QR alone: all of one sign


@pytest.mark.parametrize("name", [
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "orthogonal", "standard_normal",
    "truncated_normal",
])  # fmt: skip
def test_dtypes_share_their_numbers(name: str) -> None:
    wide, narrow = draw(name, (5, 4)), draw(name, (5, 4), dtype=np.float32)
    assert wide.dtype == np.float64
    assert narrow.dtype == np.float32
    assert np.array_equal(wide.astype(np.float32), narrow)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "orthogonal"])
def test_one_axis_has_no_fans(name: str) -> None:
    with pytest.raises(ValueError, match=r"two axes.*\(3,\)"):
        draw(name, (3,))
