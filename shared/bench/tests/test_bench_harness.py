# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark harness: it alternates, it compares results, it measures what it says."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from shared.bench import harness, report, run  # noqa: E402
from shared.bench.harness import Case, compare, largest_deviation, peak_memory  # noqa: E402


def busy(seconds: float, log: list[str], name: str) -> Callable[[], Any]:
    """Work that takes so much CPU time."""

    def work() -> Any:
        log.append(name)
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return np.ones(3)

    return work


def case(log: list[str], **fields: Any) -> Case:
    """Ours takes a third of the peer's time."""
    settings: dict[str, Any] = {
        "ours": lambda n: busy(0.01 * n, log, "ours"),
        "theirs": lambda n: busy(0.03 * n, log, "peer"),
    }
    settings["make"] = lambda n: (n,)
    return Case("wait", "numpy", ({"n": 1},), **{**settings, **fields})


def test_ours_and_the_peer_alternate_and_the_ratio_is_ours_over_theirs() -> None:
    log: list[str] = []
    found = compare(case(log), 0, 5, time.process_time)
    assert 0.25 < found["ratio"] < 0.45
    assert found["ratio_low"] <= found["ratio"] <= found["ratio_high"]
    runs = [name for i, name in enumerate(log) if i == 0 or name != log[i - 1]]
    assert runs[-10:] == ["ours", "peer"] * 5


def test_results_are_compared_in_the_same_run() -> None:
    log: list[str] = []
    wrong = case(log, ours=lambda n: lambda: np.array([1.0, 1.0, 1.5]))
    assert compare(wrong, 0, 5, time.process_time)["deviation"] == 0.5
    record = {"deviation": 0.5, "tolerance": 1e-9, "bar": None, "ratio": 1.0}
    assert "WRONG" in run.verdict(record)
    assert "WRONG" in run.verdict({**record, "deviation": float("nan")})
    assert "above" in run.verdict({**record, "deviation": 0.0, "bar": 0.5})
    assert run.verdict({**record, "deviation": 0.0, "bar": 1.0}) == ""


def test_peak_memory_is_above_the_inputs() -> None:
    def allocate(n: int) -> Callable[[], Any]:
        return lambda: np.ones(n * 2**17).sum()

    big = case([], ours=allocate, make=lambda n: (64 * n,))
    found = peak_memory(big, 0, "ours")["ours_mib"]
    assert 50 < found < 90


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.5]), 0.2),
        (np.array([1.0]), np.array([[1.0]]), np.inf),
        (np.array([np.nan]), np.array([1.0]), np.inf),
        (np.array([np.inf, 1.0]), np.array([np.inf, 1.0]), 0.0),
        (np.array([np.inf]), np.array([-np.inf]), np.inf),
        ((1.0, 2.0), (1.0, 4.0), 0.5),
        (np.zeros(2), np.zeros(2), 0.0),
    ],
)
def test_deviation_is_relative_to_the_largest_entry(
    ours: Any, theirs: Any, expected: float
) -> None:
    assert largest_deviation(ours, theirs) == expected


CASES = """
import os
import numpy as np
from shared.bench.harness import Case

def check(x):
    assert "OPENBLAS_CORETYPE" not in os.environ
    return lambda: x.sum()

CASES = [Case("sum", "numpy", ({"n": 1000}, {"n": 5000}), lambda n: (np.ones(n),), check, check,
              bar=(100, None))]
"""


def test_a_run_prints_a_table_and_writes_json_and_the_report_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """End to end, in a copy of the folder."""
    home = tmp_path / "shared" / "bench"
    (home / "cases").mkdir(parents=True)
    for name in ("harness.py", "run.py", "report.py"):
        (home / name).write_text((ROOT / "shared" / "bench" / name).read_text("utf-8"))
    (home / "cases" / "demo.py").write_text(CASES)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    for module in (harness, run):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(run, "RESULTS", home / "results")
    monkeypatch.setattr(harness, "__file__", str(home / "harness.py"))
    assert run.main(["demo", "--quick"]) == 0
    assert "sum" in capsys.readouterr().out
    assert run.main(["demo", "--threads"]) == 0
    records = json.loads((home / "results" / "demo.json").read_text())
    assert [r["size"] for r in records] == [{"n": 1000}, {"n": 5000}]
    assert {"cpu", "numpy", "blas", "ratio", "ours_mib", "theirs_mib", "ratio_threads"} <= set(
        records[0]
    )
    assert [r["bar"] for r in records] == [100, None]
    rows = [
        {
            "algorithm": "f",
            "peer": "numpy",
            "version": "2",
            "work": "w",
            "deviation": d,
            "tolerance": 1,
        }
        for d in (0.5, 0.25)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (home / "results" / "agreement.jsonl").write_text(lines)
    assert report.main(home / "results", tmp_path / "docs") == 0
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| sum | n=5k | float64 |" in page
    agreement = (tmp_path / "docs" / "agreement.md").read_text()
    assert "2.5e-01" in agreement
    assert "5.0e-01" not in agreement
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"


@pytest.mark.parametrize(
    ("value", "text"),
    [(10_000, "10k"), (1_500_000, "1.5M"), (999, "999"), (True, "True"), (0.5, "0.5")],
)
def test_sizes_are_short(value: Any, text: str) -> None:
    assert report.short(value) == text
