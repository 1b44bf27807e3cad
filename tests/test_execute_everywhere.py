# SPDX-License-Identifier: BSD-3-Clause
"""map_reduce gives the same bits here, in threads, in processes, on loky and on Dask."""

from __future__ import annotations

import multiprocessing
import operator
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from byhand.utils.execute import map_reduce
from byhand.utils.special import logsumexp


def shards() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 3)) * 10.0**n for n in (30, 1, 7, 20)]


@contextmanager
def executor(kind: str) -> Iterator[Any]:
    pool: Any
    if kind == "threads":
        pool = ThreadPoolExecutor(2)
    elif kind == "loky":
        pool = pytest.importorskip("loky").get_reusable_executor(max_workers=2)
    else:
        pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(kind))
    with pool:
        yield pool


@pytest.mark.parametrize(
    "kind",
    [
        "threads",
        pytest.param(
            "fork", marks=pytest.mark.skipif(sys.platform != "linux", reason="no safe fork there")
        ),
        "spawn",
        "loky",
    ],
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_an_executor_gives_the_bits_of_the_serial_run(kind: str) -> None:
    serial = map_reduce(logsumexp, shards(), operator.add)
    with executor(kind) as pool:
        assert map_reduce(logsumexp, shards(), operator.add, pool) == serial


@pytest.mark.filterwarnings("ignore")  # distributed's own, at start and stop
def test_dask_gives_the_bits_of_the_serial_run_with_the_data_sent_once() -> None:
    distributed = pytest.importorskip("distributed")
    serial = map_reduce(logsumexp, shards(), operator.add)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        sent = client.scatter(shards())
        for _ in range(2):  # the second iteration finds the data where they are
            again = map_reduce(logsumexp, sent, operator.add, client.get_executor())
            assert again == serial
