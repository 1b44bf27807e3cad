# SPDX-License-Identifier: BSD-3-Clause
"""Map and reduce over shards of data, in this process or on any executor.

Source:  Dean & Ghemawat (2004), with one reduction in a fixed order.
Differs: the executor is the caller's: anything with ``submit(fn, *args).result()``, such as
         concurrent.futures pools, loky, ``dask.distributed.Client.get_executor()``, MPI, Ray.
Cost:    one task a shard; the results are combined in this process.
Checked: serial, threads, processes (fork and spawn), loky and Dask give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

__all__ = ["Executor", "map_reduce"]

Result = TypeVar("Result")


class Executor(Protocol):
    """Runs functions somewhere; every `concurrent.futures.Executor` is one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Start ``fn(*args)`` and return an object whose ``result()`` waits for its value."""


def map_reduce(
    fn: Callable[[Any], Result],
    shards: Iterable[Any],
    combine: Callable[[Result, Result], Result],
    executor: Executor | None = None,
) -> Result:
    """Combine ``fn(shard)`` over all shards, from the first to the last.

    The order of combination is that of the shards, not that of completion, so that the sum of
    floating-point statistics has the same bits on every executor.

    Parameters
    ----------
    fn : callable
        Applied to each shard. For processes it must be importable (a function of a module, or
        `functools.partial` of one).
    shards : iterable
        At least one; handed to fn as they are (an array, a path, an executor's own future).
    combine : callable
        ``combine(a, b)`` of two results; addition of statistics, mostly.
    executor : object with ``submit(fn, *args).result()``, optional
        Where fn runs; by default here, one shard after the other.

    Returns
    -------
    The combined result.

    Raises
    ------
    ValueError
        If there is no shard.
    TypeError
        If executor has no ``submit``.

    Notes
    -----
    An error of any shard is raised here, after the tasks that have not begun are cancelled.

    Examples
    --------
    >>> import operator
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     map_reduce(sum, [[1, 2], [3, 4], [5]], operator.add, pool)
    15
    """
    if executor is None:
        results: Iterable[Result] = map(fn, shards)
    elif not hasattr(executor, "submit"):
        raise TypeError(
            "executor must be None or have a method submit(fn, *args), as concurrent.futures"
            f" pools do, got {type(executor).__name__}"
        )
    else:
        results = _results_in_order([executor.submit(fn, shard) for shard in shards])
    missing = object()
    total: Any = missing
    for result in results:
        total = result if total is missing else combine(total, result)
    if total is missing:
        raise ValueError("shards must hold at least one shard, got none")
    return total  # type: ignore[no-any-return]


def _results_in_order(futures: list[Any]) -> Iterable[Any]:
    """Yield each future's result and forget it; on an error, cancel what has not begun."""
    futures.reverse()
    try:
        while futures:
            yield futures.pop().result()
    finally:
        for future in futures:
            if hasattr(future, "cancel"):
                future.cancel()
