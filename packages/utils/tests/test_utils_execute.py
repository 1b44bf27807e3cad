# SPDX-License-Identifier: BSD-3-Clause
"""map_reduce: same bits on every executor, in the order of the shards."""

from __future__ import annotations

import multiprocessing
import operator
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from byhand.utils.execute import map_reduce


def gram(X: Any) -> Any:
    return np.asarray(X).T @ X


def load_and_sum(path: Any) -> float:
    return float(np.load(path, mmap_mode="r").sum())


def slow_first(pair: tuple[float, str]) -> str:
    time.sleep(pair[0])
    return pair[1]


def fails(x: int) -> int:
    if x == 1:
        raise ValueError("shard 1 is bad")
    return x


def shards() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 5)) * 10.0**n for n in (3, 1, 7, 2)]


def processes(method: str) -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


class OneAtATime:
    """The least that an executor may be: submit alone."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


def test_the_result_is_the_sum_in_the_order_of_the_shards() -> None:
    parts = [s.T @ s for s in shards()]
    expected = ((parts[0] + parts[1]) + parts[2]) + parts[3]
    assert np.array_equal(map_reduce(gram, shards(), operator.add), expected)


def test_threads_and_a_minimal_executor_give_the_same_bits() -> None:
    serial = map_reduce(gram, shards(), operator.add)
    with ThreadPoolExecutor(3) as pool:
        assert np.array_equal(map_reduce(gram, shards(), operator.add, pool), serial)
    assert np.array_equal(map_reduce(gram, shards(), operator.add, OneAtATime()), serial)


def test_the_order_is_that_of_the_shards_when_a_later_one_is_done_first() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert map_reduce(slow_first, [(0.05, "a"), (0.0, "b")], operator.add, pool) == "ab"


def test_shards_may_be_files_to_map(tmp_path: Any) -> None:
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", np.arange(i + 1.0))
    assert map_reduce(load_and_sum, sorted(tmp_path.glob("*.npy")), operator.add) == 0 + 1 + 3


def test_one_shard_is_not_combined_and_a_generator_serves() -> None:
    assert map_reduce(sum, iter([[1, 2]]), operator.sub) == 3


def test_a_result_of_none_is_a_result() -> None:
    def nothing(_: int) -> Any:
        return None

    def pair(a: Any, b: Any) -> Any:
        return a, b

    assert map_reduce(nothing, [1, 2], pair) == (None, None)


def test_no_shard_is_refused() -> None:
    with pytest.raises(ValueError, match="shards must hold at least one shard"):
        map_reduce(sum, [], operator.add)


def test_an_executor_without_submit_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"executor must be None or have a method submit.*got int"):
        map_reduce(sum, [[1]], operator.add, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor(1)])
def test_an_error_in_a_shard_reaches_the_caller(pool: Executor | None) -> None:
    with pytest.raises(ValueError, match="shard 1 is bad"):
        map_reduce(fails, [0, 1, 2], operator.add, pool)


def test_tasks_that_have_not_begun_are_cancelled_on_an_error() -> None:
    begun: list[int] = []

    def task(x: int) -> int:
        begun.append(x)
        time.sleep(0.05)
        return fails(x)

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="shard 1"):
        map_reduce(task, [1, *range(2, 40)], operator.add, pool)
    assert len(begun) < 10
