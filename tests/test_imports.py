# SPDX-License-Identifier: BSD-3-Clause
"""What an import loads, and how long it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
UTILS = sorted(
    path.stem
    for path in ROOT.glob("packages/utils/src/byhand/utils/*.py")
    if path.stem != "__init__"
)
BUDGET = 30_000  # microseconds above `import numpy`


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def loaded_by(module: str) -> set[str]:
    """Modules that an import loads on top of numpy."""
    code = f"import sys, numpy; a = set(sys.modules); import {module}; print(*set(sys.modules) - a)"
    return set(run("-c", code).stdout.split())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_loads_numpy_utils_and_itself_alone(package: str) -> None:
    loaded = loaded_by(f"byhand.{package}")
    mine = {f"byhand.{package}", "byhand.utils", "byhand"}
    strange = {
        module
        for module in loaded
        if ".".join(module.split(".")[:2]) not in mine
        and module.split(".")[0] not in {"numpy", *sys.stdlib_module_names}
    }
    assert strange == set()


def test_hmm_does_not_load_what_it_does_not_use() -> None:
    loaded = loaded_by("byhand.hmm")
    idle = {"kernels", "distances", "ball_tree", "optimize", "persist", "priority_queue"}
    assert {f"byhand.utils.{name}" for name in idle} & loaded == set()


@pytest.mark.parametrize("module", UTILS)
def test_each_module_of_utils_can_be_imported_alone(module: str) -> None:
    assert f"byhand.utils.{module}" in loaded_by(f"byhand.utils.{module}")


def test_utils_itself_loads_none_of_its_modules() -> None:
    assert {name for name in loaded_by("byhand.utils") if name.startswith("byhand.utils.")} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_an_import_takes_at_most_thirty_milliseconds(package: str) -> None:
    """Best of several, as the machine may be busy; what numpy takes is not counted."""
    best = BUDGET + 1
    for _ in range(40):
        told = run("-X", "importtime", "-c", f"import numpy; import byhand.{package}").stderr
        (line,) = re.findall(rf"\| +(\d+) \| +byhand\.{package}$", told, re.MULTILINE)
        best = min(best, int(line))
        if best <= BUDGET:
            return
    assert best <= BUDGET, f"{best} us"
