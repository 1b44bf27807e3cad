# SPDX-License-Identifier: BSD-3-Clause
"""Time ours against a peer in one process, alternating; measure memory in processes of their own.

A child process handles one size of one case. It is started with one BLAS thread, before NumPy
loads, and without OPENBLAS_CORETYPE, which slows NumPy's BLAS and not the peer's.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Case", "load_cases", "measure", "run_child"]

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SAMPLE_SECONDS = 0.02  # shorter work is repeated inside one sample
MARK = "byhand-bench "


def largest_deviation(ours: Any, theirs: Any) -> float:
    """Largest difference over all arrays of two results, relative to the peer's largest entry."""
    if isinstance(ours, tuple | list):
        return max(largest_deviation(a, b) for a, b in zip(ours, theirs, strict=True))
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if a.shape != b.shape:
        return float("inf")
    finite = np.isfinite(b)
    if not np.array_equal(np.isfinite(a), finite) or not np.array_equal(a[~finite], b[~finite]):
        return float("inf")
    a, b = a[finite], b[finite]
    largest = float(np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0)) / (largest or 1.0)


@dataclass(frozen=True)
class Case:
    """A piece of work that ours and a peer both do. See shared/bench/README.md."""

    work: str  # as it stands in the table
    peer: str  # distribution name
    sizes: Sequence[Mapping[str, Any]]  # keyword arguments of make; the first is the quick one
    make: Callable[..., tuple[Any, ...]]
    ours: Callable[..., Callable[[], Any]]  # (*inputs) -> the function that is timed
    theirs: Callable[..., Callable[[], Any]]
    bar: float | Sequence[float | None] | None = None  # of ours / peer; one, or one per size
    tolerance: float = 1e-9
    deviation: Callable[[Any, Any], float] = field(default=largest_deviation)
    dtype: str = "float64"
    memory: bool = True
    repeats: int = 7  # at least five

    def bar_of(self, size: int) -> float | None:
        """Bar of one size."""
        return self.bar[size] if isinstance(self.bar, Sequence) else self.bar


def load_cases(package: str) -> list[Case]:
    """CASES of shared/bench/cases/<package>.py."""
    path = ROOT / "shared" / "bench" / "cases" / f"{package}.py"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.py")))
        raise SystemExit(f"no cases for {package!r}; there are some for: {known}")
    spec = importlib.util.spec_from_file_location(f"byhand_bench_{package}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return list(module.CASES)


# ------------------------------------------------------------------ in the child


def one_sample(work: Callable[[], Any], loops: int, clock: Callable[[], float]) -> float:
    """Seconds of one call."""
    start = clock()
    for _ in range(loops):
        work()
    return (clock() - start) / loops


def loops_for(work: Callable[[], Any], clock: Callable[[], float]) -> int:
    """How many calls make a sample long enough for the clock."""
    loops = 1
    while one_sample(work, loops, clock) * loops < SAMPLE_SECONDS and loops < 10**6:
        loops *= 4
    return loops


def compare(case: Case, size: int, repeats: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Time both, alternating, and compare their results."""
    inputs = case.make(**case.sizes[size])
    ours, theirs = case.ours(*inputs), case.theirs(*inputs)
    deviation = float(case.deviation(ours(), theirs()))  # warms both up
    loops = loops_for(ours, clock), loops_for(theirs, clock)
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    for _ in range(repeats):
        times[0].append(one_sample(ours, loops[0], clock))
        times[1].append(one_sample(theirs, loops[1], clock))
    gc.enable()
    medians = [statistics.median(t) for t in times]
    pairwise = sorted(a / b for a, b in zip(*times, strict=True))
    return {
        "ours_seconds": medians[0],
        "peer_seconds": medians[1],
        "ratio": medians[0] / medians[1],
        "ratio_low": pairwise[0],
        "ratio_high": pairwise[-1],
        "repeats": repeats,
        "deviation": deviation,
    }


def peak_memory(case: Case, size: int, who: str) -> dict[str, Any]:
    """Peak resident memory of one run, above what was there once the inputs were made, MiB."""
    small = case.sizes[0]
    inputs = case.make(**case.sizes[size])
    prepare = case.ours if who == "ours" else case.theirs
    if size:
        prepare(*case.make(**small))()  # imports and pools do not count
    work = prepare(*inputs)
    before, reset = resident(), reset_peak()
    result = work()
    peak = high_water() if reset else max(high_water(), before)
    del result
    return {f"{who}_mib": max(0.0, peak - before) / 2**20}


def resident() -> int:
    """Bytes in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return high_water()


def high_water() -> int:
    """Most bytes ever in memory (since the last reset)."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> bool:
    """Forget the high-water mark, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def environment(case: Case) -> dict[str, Any]:
    """What a figure depends on: processor, versions, BLAS."""
    return {
        "cpu": cpu_name(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "peer_version": distribution_version(case.peer),
        "blas": blas_name(),
    }


def distribution_version(name: str) -> str:
    """Version of an installed distribution, or an empty string."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def cpu_name() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def blas_name() -> str:
    """Name, kernel and threads of NumPy's BLAS."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        config: Any = np.show_config(mode="dicts")
        blas = config["Build Dependencies"]["blas"]
        return f"{blas['name']} {blas['version']}"
    for pool in threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:  # SciPy brings its own
            kernel, threads = pool.get("architecture", ""), pool["num_threads"]
            return f"{pool['internal_api']} {pool['version']} {kernel}, {threads} thread(s)"
    return ""


def run_child(package: str, index: int, size: int, mode: str, repeats: int) -> None:
    """Do one measurement and print it as one line of JSON."""
    case = load_cases(package)[index]
    if mode == "time":
        found = compare(case, size, repeats, time.process_time) | environment(case)
    elif mode == "threads":
        found = compare(case, size, repeats, time.perf_counter)
        found = {"ratio_threads": found["ratio"], "blas_threads": blas_name()}
    else:
        found = peak_memory(case, size, mode)
    sys.stdout.write(MARK + json.dumps(found) + "\n")


# ------------------------------------------------------------------ in the parent


def child(
    package: str, index: int, size: int, mode: str, repeats: int, one_thread: bool
) -> dict[str, Any]:
    """Run a measurement in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE" and k not in THREADS}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    if one_thread:
        env |= dict.fromkeys(THREADS, "1")
    run = str(Path(__file__).with_name("run.py"))
    command = [sys.executable, run, "--child", package, str(index), str(size), mode, str(repeats)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise RuntimeError(f"the child failed:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    return found


def measure(
    package: str, index: int, case: Case, size: int, *, quick: bool, threads: bool
) -> dict[str, Any]:
    """All figures of one size of one case."""
    repeats = 5 if quick else max(5, case.repeats)
    record: dict[str, Any] = {
        "work": case.work,
        "size": dict(case.sizes[size]),
        "dtype": case.dtype,
        "peer": case.peer,
        "bar": case.bar_of(size),
        "tolerance": case.tolerance,
        "quick": quick,
        "date": time.strftime("%Y-%m-%d"),
    }
    record |= child(package, index, size, "time", repeats, one_thread=True)
    if case.memory:
        for who in ("ours", "theirs"):
            record |= child(package, index, size, who, repeats, one_thread=True)
    if threads:
        record |= child(package, index, size, "threads", repeats, one_thread=False)
    return record
