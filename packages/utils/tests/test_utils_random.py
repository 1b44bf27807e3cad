# SPDX-License-Identifier: BSD-3-Clause
"""One seed, one stream; the global state of NumPy is neither read nor written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.utils.random import check_random_state


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.uint8(0), 2**200])
def test_a_seed_gives_the_stream_that_numpy_gives(seed: Any) -> None:
    ours = check_random_state(seed).random(5)
    assert ours.tolist() == np.random.default_rng(seed).random(5).tolist()


def test_zero_is_a_seed() -> None:
    assert check_random_state(0).random() == check_random_state(0).random()


def test_a_seed_sequence_is_a_seed_and_is_not_used_up() -> None:
    sequence = np.random.SeedSequence(5)
    draws = [check_random_state(sequence).random() for _ in range(2)]
    assert draws[0] == draws[1] == np.random.default_rng(np.random.SeedSequence(5)).random()


def test_a_generator_goes_on() -> None:
    rng = np.random.default_rng(1)
    assert check_random_state(rng) is rng


def test_none_is_fresh_entropy_and_not_the_global_state() -> None:
    draws = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        draws.append(check_random_state(None).random())
    assert draws[0] != draws[1]


def test_the_global_state_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    for state in (None, 0, np.random.SeedSequence(0)):
        check_random_state(state).random(100)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize(
    "wrong", ["0", 1.0, True, np.random.RandomState(0), np.random, [1, 2], np.array([1])]
)
def test_anything_else_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"random_state must be None, an int, .* got "):
        check_random_state(wrong)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="random_state must be >= 0, got -1"):
        check_random_state(-1)
