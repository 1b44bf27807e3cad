# SPDX-License-Identifier: BSD-3-Clause
"""Every example runs, and what it shows holds on other data too."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "shared" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_prints(path: Path) -> None:
    ran = subprocess.run([sys.executable, str(path)], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    assert f"shared/examples/{path.name}" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(8))
def test_the_textbook_s_tree_is_byhand_s(seed: int) -> None:
    """Two to four classes, with ties between rows, columns and gains."""
    from byhand.trees import DecisionTreeClassifier

    plain, rng = load("plain_cart"), np.random.default_rng(seed)
    X = np.round(rng.normal(size=(40, 3)), seed % 3)
    X[:, 2] = X[:, 0] if seed % 2 else X[:, 2]
    y = np.array(list("abcd"))[rng.integers(0, 2 + seed % 3, 40)]
    tree = plain.grow(X.tolist(), y.tolist())
    assert plain.same_tree(tree, DecisionTreeClassifier().fit(X, y))
    assert len(list(plain.nodes(tree))) > 5
