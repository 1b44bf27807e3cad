# SPDX-License-Identifier: BSD-3-Clause
"""minibatch: every row once, aligned, repeatable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn import minibatch


@pytest.mark.parametrize("n", [0, 1, 6, 7])
@pytest.mark.parametrize("seed", [None, 0])
def test_every_row_comes_once_and_arrays_stay_aligned(n: int, seed: int | None) -> None:
    X, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    rng = None if seed is None else np.random.default_rng(seed)
    parts = list(minibatch(X, y, size=3, rng=rng))
    assert [len(t) for _, t in parts] == [3] * (n // 3) + [n % 3] * (n % 3 > 0)
    rows = [int(r) for _, t in parts for r in t]
    assert sorted(rows) == list(range(n))
    assert all(np.array_equal(x, X[t]) for x, t in parts)
    if seed is None:
        assert rows == list(range(n))


def test_the_same_generator_gives_the_same_order_and_another_epoch_another() -> None:
    y = np.arange(50)
    rng = np.random.default_rng(0)
    first, second = ([t.tolist() for (t,) in minibatch(y, rng=rng, size=7)] for _ in range(2))
    again = [t.tolist() for (t,) in minibatch(y, rng=np.random.default_rng(0), size=7)]
    assert first == again
    assert first != second


def test_in_order_parts_are_views_and_a_short_last_one_may_be_left_out() -> None:
    y = np.arange(7)
    parts = [t for (t,) in minibatch(y, size=3, drop_last=True)]
    assert [t.tolist() for t in parts] == [[0, 1, 2], [3, 4, 5]]
    assert np.shares_memory(parts[0], y)
    assert len(list(minibatch(y[:6], size=3, drop_last=True))) == 2
    assert not list(minibatch(y, size=8, drop_last=True))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: minibatch(np.ones(3), np.ones(4)), ["[3, 4]"]),
        (lambda: minibatch(), ["one length"]),
        (lambda: minibatch(np.ones(())), ["one length"]),
        (lambda: minibatch(np.ones(3), size=0), ["size", "0"]),
    ],
)
def test_a_wrong_call_fails_where_it_is_made(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        call()  # before the first part is asked for
    for word in words:
        assert word in str(caught.value)
