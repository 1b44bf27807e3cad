# SPDX-License-Identifier: BSD-3-Clause
"""The suite: every check that applies to every row of a package, as one parametrised test."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from . import (
    checks_docs,
    checks_fit,
    checks_fuzz,
    checks_gradients,
    checks_input,
    checks_layers,
    checks_numerics,
    checks_shapes,
    checks_state,
)
from .check import Check
from .rows import Row

__all__ = ["CHECKS", "Case", "cases_of", "conformance", "failures", "load_rows"]

CHECKS: tuple[Check, ...] = (
    *checks_input.CHECKS,
    *checks_shapes.CHECKS,
    *checks_fuzz.CHECKS,
    *checks_fit.CHECKS,
    *checks_state.CHECKS,
    *checks_numerics.CHECKS,
    *checks_gradients.CHECKS,
    *checks_layers.CHECKS,
    *checks_docs.CHECKS,
)
# Rules to which only these kinds of exception exist.
GUARDED = (8, 11)
REASONS = ("rows depend on their neighbours", "random resampling", "random initialisation")


@dataclasses.dataclass(frozen=True)
class Case:
    """One check of one row in one case."""

    row: Row
    check: Check
    case: str

    @property
    def check_id(self) -> str:
        """As exemptions name it."""
        return f"{self.check.name}[{self.case}]" if self.case else self.check.name

    def run(self) -> None:
        """Run the check; one that the row exempts must fail."""
        reason = self.row.exempt.get(self.check_id)
        if reason is None:
            self.check.run(self.row, self.case)
            return
        if self.check.rule in GUARDED and not reason.lower().startswith(REASONS):
            raise AssertionError(
                f"an exemption of rule {self.check.rule} must begin with {REASONS}"
            )
        try:
            self.check.run(self.row, self.case)
        except AssertionError:
            return
        raise AssertionError(f"{self.check_id} holds for {self.row.name}: remove the exemption")


def cases_of(row: Row) -> list[Case]:
    """Every case that applies to a row."""
    return [Case(row, check, case) for check in CHECKS for case in check.applies(row)]


def failures(row: Row) -> dict[str, str]:
    """Run every case of a row and return what went wrong, by check."""
    failed = {}
    for case in cases_of(row):
        try:
            case.run()
        except Exception as error:  # noqa: BLE001  what is broken may raise anything
            failed[case.check_id] = f"{type(error).__name__}: {error}"
    return failed


def load_rows(path: Path) -> list[Row]:
    """Import a conformance.py by its path and return its ROWS."""
    name = f"byhand_rows_{path.parent.parent.name}_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what the rows define can be pickled
    spec.loader.exec_module(module)
    rows = module.ROWS
    for row in rows:
        if not isinstance(row, Row):
            raise TypeError(f"{path}: {row!r} is no row")
    return list(rows)


def conformance(test_file: str, package: str | None = None) -> Callable[[Any], None]:
    """Make the test that runs every check over the rows in conformance.py beside the test file.

    Parameters
    ----------
    test_file : str
        ``__file__`` of the test module.
    package : str, optional
        The package whose names need rows; by default ``byhand.<folder above tests>``.

    Returns
    -------
    callable
        A parametrised test; assign it to a name that begins with ``test_``.
    """
    path = Path(test_file).with_name("conformance.py")
    package = package or f"byhand.{path.parent.parent.name}"
    rows = load_rows(path)
    runs: list[tuple[str, Callable[[], None]]] = [
        ("every public name has a row", lambda: names_have_rows(package, rows)),
        ("names are unique and exemptions known", lambda: rows_are_sound(rows)),
        ("the same bits for any hash seed", lambda: hash_seeds_agree(path)),
    ]
    runs += [(f"{c.row.name}: {c.check_id}", c.run) for row in rows for c in cases_of(row)]
    params = [pytest.param(run, id=name) for name, run in runs]
    ten = partial(hash_seeds_agree, path, tuple(range(10)))
    params.append(pytest.param(ten, id="the same bits for ten hash seeds", marks=pytest.mark.slow))

    @pytest.mark.parametrize("check", params)
    def test_conformance(check: Callable[[], None]) -> None:
        check()

    return test_conformance


# ------------------------------------------------------------------ checks of the table itself


def public_names(package: str) -> Iterator[tuple[str, Any]]:
    """Yield (name, object) of everything public."""
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if not isinstance(value, ModuleType):
            yield name, value


def names_have_rows(package: str, rows: list[Row]) -> None:
    """Fail where a public name has no row; types that only hold results need none."""
    covered = {id(obj) for row in rows for obj in row.public}
    missing = sorted(
        name
        for name, value in public_names(package)
        if id(value) not in covered and not holds_results(value)
    )
    if missing:
        raise AssertionError(f"{package}: public names without a row in conformance.py: {missing}")


def holds_results(value: Any) -> bool:
    """Whether a name is a NamedTuple, a dataclass, a constant or a type alias."""
    if isinstance(value, type):
        named_tuple = issubclass(value, tuple) and hasattr(value, "_fields")
        return named_tuple or dataclasses.is_dataclass(value)
    return not callable(value) or type(value).__module__ == "typing"


def rows_are_sound(rows: list[Row]) -> None:
    """Fail on two rows of one name, and on exemptions of checks that do not apply."""
    names = [row.name for row in rows]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise AssertionError(f"give rows of one name a label each: {twice}")
    for row in rows:
        known = {case.check_id for case in cases_of(row)}
        if unknown := sorted(set(row.exempt) - known):
            raise AssertionError(f"{row.name}: exemptions of checks that do not apply: {unknown}")


def hash_seeds_agree(path: Path, seeds: tuple[int, ...] = (0, 77)) -> None:
    """Run every row in child processes of different hash seeds and compare all bits."""
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "byhand_testkit.digests", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
        )
        for seed in seeds
    ]
    results = []
    for child in children:
        out, err = child.communicate(timeout=600)
        if child.returncode:
            raise AssertionError(f"a child process failed:\n{err[-2000:]}")
        results.append(out.splitlines())
    for lines in results[1:]:
        different = [a for a, b in zip(results[0], lines, strict=True) if a != b]
        if different:
            raise AssertionError(f"other bits with another hash seed: {different}")
