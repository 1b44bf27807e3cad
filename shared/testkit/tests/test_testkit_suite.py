# SPDX-License-Identifier: BSD-3-Clause
"""The suite: rows are complete, exemptions needed, results the same for any hash seed."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import byhand_testkit as kit
from byhand_testkit import (
    Data,
    EstimatorRow,
    ExemptRow,
    FunctionRow,
    Row,
    cases_of,
    conformance,
    load_rows,
)
from byhand_testkit.suite import names_have_rows, rows_are_sound

# ------------------------------------------------------------------ suite


def double(a: Any) -> Any:
    """Twice a.

    Parameters
    ----------
    a : array
        Numbers.

    Examples
    --------
    >>> double(2)
    4
    """
    return 2 * np.asarray(a, dtype=float)


def a_row(**fields: Any) -> FunctionRow:
    """Row of double."""
    return FunctionRow(double, lambda rng: (rng.standard_normal((3, 2)),), nan="passes", **fields)


def test_a_public_name_without_a_row_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("a_package")
    module.double, module.other, module.LIMIT = double, test_rows_must_be_rows, 3
    module.__all__ = ["LIMIT", "double", "other"]
    monkeypatch.setitem(sys.modules, "a_package", module)
    with pytest.raises(AssertionError, match=r"without a row.*\['other'\]"):
        names_have_rows("a_package", [a_row()])
    names_have_rows("a_package", [a_row(), ExemptRow(module.other, "a test")])


def test_an_exemption_must_be_needed_known_and_of_an_allowed_reason() -> None:
    def run(row: Row, check: str) -> None:
        next(case for case in cases_of(row) if case.check_id == check).run()

    run(a_row(exempt={}), "empty")
    with pytest.raises(AssertionError, match="remove the exemption"):
        run(a_row(exempt={"empty": "it fails"}), "empty")
    broken = FunctionRow(
        lambda a: np.array([np.nan]), lambda rng: (np.ones(2),), exempt={"empty": "it fails"}
    )
    run(broken, "empty")
    with pytest.raises(AssertionError, match="do not apply"):
        rows_are_sound([a_row(exempt={"emtpy": "misspelt"})])
    with pytest.raises(AssertionError, match="label"):
        rows_are_sound([a_row(), a_row()])
    rows_are_sound([a_row(), a_row(label="again")])


def test_exemptions_of_weights_need_a_reason_that_the_contract_allows() -> None:
    class Model:
        """A model."""

        def fit(self, X: Any, sample_weight: Any = None) -> Any:
            """Fit."""
            return self

    reasons = {"weights_of_zero": "too hard"}
    row = EstimatorRow(Model, data=lambda: Data(np.ones((3, 2))), exempt=reasons)
    case = next(case for case in cases_of(row) if case.check_id == "weights_of_zero")
    with pytest.raises(AssertionError, match="must begin with"):
        case.run()


CONFORMANCE = """
import numpy as np
from byhand_testkit import FunctionRow

def total(a):
    '''Sum over a set.'''
    names = {{str(x) for x in range(9)}}
    return np.array([{value}, float(np.sum(a))])

ROWS = [FunctionRow(total, lambda rng: (rng.standard_normal(3),))]
"""


def test_conformance_makes_one_test_of_all_cases(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "none" / "tests"
    folder.mkdir(parents=True)
    (folder / "conformance.py").write_text(CONFORMANCE.format(value="0.0"))
    test: Any = conformance(str(folder / "test_none.py"), "byhand_testkit")
    ids = [param.id for param in test.pytestmark[0].args[1]]
    assert "every public name has a row" in ids
    assert "total: memory[fortran]" in ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("value", "differs"), [("0.0", False), ("float(sorted(names, key=hash)[0])", True)]
)
def test_results_that_depend_on_the_hash_seed_are_found(
    tmp_path: Path, value: str, differs: bool
) -> None:
    path = tmp_path / "conformance.py"
    path.write_text(CONFORMANCE.format(value=value))
    if differs:
        with pytest.raises(AssertionError, match="hash seed"):
            kit.suite.hash_seeds_agree(path)
    else:
        kit.suite.hash_seeds_agree(path)


def test_the_readme_names_every_check() -> None:
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    assert [check.name for check in kit.CHECKS if f"`{check.name}`" not in readme] == []


def test_rows_must_be_rows(tmp_path: Path) -> None:
    path = tmp_path / "conformance.py"
    path.write_text("ROWS = [3]")
    with pytest.raises(TypeError, match="no row"):
        load_rows(path)


class Stored:
    """A fitted model for the check of files."""

    def __init__(self) -> None:
        self.a_ = np.arange(3.0)

    def fit(self, X: Any) -> Stored:
        """Fit."""
        return self

    def get_params(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def predict(self, X: Any) -> Any:
        """Sum."""
        return self.a_.sum() * np.ones(len(X))


@pytest.mark.parametrize("faithful_copy", [True, False])
def test_a_file_that_changes_a_model_is_found(
    monkeypatch: pytest.MonkeyPatch, faithful_copy: bool
) -> None:
    persist: Any = types.ModuleType("byhand.utils.persist")

    def save(model: Any, path: Path) -> None:
        if not faithful_copy:
            model = Stored()
            model.a_ = model.a_.astype(np.float32)
        path.write_bytes(pickle.dumps(model))

    persist.save, persist.load = save, lambda path: pickle.loads(path.read_bytes())
    monkeypatch.setitem(sys.modules, "byhand.utils.persist", persist)
    row = EstimatorRow(Stored, data="blobs")
    if faithful_copy:
        kit.checks_numerics.model_saves(row, "npz")
    else:
        with pytest.raises(AssertionError, match="dtypes"):
            kit.checks_numerics.model_saves(row, "npz")
