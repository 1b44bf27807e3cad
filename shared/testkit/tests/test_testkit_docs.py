# SPDX-License-Identifier: BSD-3-Clause
"""Each check of documentation fails for the docstring that was broken for it alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand_testkit import ClassRow, ExemptRow, FunctionRow, Row, cases_of
from byhand_testkit.checks_docs import documented_parameters

DOCS = ("summary", "example", "parameters_documented", "defaults_documented")

GOOD = """Sum with options.

    A second paragraph: with a colon.

    Parameters
    ----------
    a, b : (n,) arrays
        Numbers. Note : a colon in the text.
    rate : float in [0, 1], default 0.5
        A rate.
    kind : {"x", "y"}, default "x"
        An option
        of two lines.
    dtype : dtype, default float64
        Of the result.
    seed : int, optional
        A seed.
    power : float, default 1e-05
        A power.
    *rest : arrays
        Others.

    Returns
    -------
    total : array
        The sum; not a parameter.

    Examples
    --------
    >>> 1
    1
    """


def documented(doc: str | None) -> Any:
    """A function with this docstring."""

    def total(
        a: Any,
        b: Any,
        *rest: Any,
        rate: float = 0.5,
        kind: str = "x",
        dtype: Any = np.float64,
        seed: int | None = None,
        power: float = 1e-5,
    ) -> Any:
        return a + b

    total.__doc__ = doc
    return total


def failing(row: Row) -> set[str]:
    """Names of the checks of documentation that fail."""
    failed = set()
    for case in cases_of(row):
        if case.check.name in DOCS:
            try:
                case.run()
            except AssertionError:
                failed.add(case.check.name)
    return failed


def row(f: Any) -> FunctionRow:
    """A row of it."""
    return FunctionRow(f, lambda rng: (np.ones(2), np.ones(2)))


def test_a_good_docstring_passes() -> None:
    assert failing(row(documented(GOOD))) == set()


@pytest.mark.parametrize(
    ("check", "before", "after"),
    [
        ("summary", "Sum with options.", "Sum with options"),
        ("example", ">>> 1", "1 is"),
        ("parameters_documented", "    *rest : arrays\n        Others.\n", ""),
        ("parameters_documented", "a, b : (n,)", "a, b, c : (n,)"),
        ("defaults_documented", "default 0.5", "default 0.25"),
        ("defaults_documented", ", default 0.5", ""),
        ("defaults_documented", 'default "x"', 'default "y"'),
        ("defaults_documented", "default float64", "default float32"),
        ("defaults_documented", "int, optional", "int"),
        ("defaults_documented", "int, optional", "int, default 0"),
        ("defaults_documented", "default 1e-05", "default 1e-06"),
        ("defaults_documented", "(n,) arrays", "(n,) arrays, optional"),
    ],
)
def test_a_broken_docstring_is_caught_by_its_check_alone(
    check: str, before: str, after: str
) -> None:
    assert before in GOOD
    assert failing(row(documented(GOOD.replace(before, after)))) == {check}


def test_no_docstring_at_all_fails() -> None:
    assert "summary" in failing(row(documented(None)))


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("int, default 3", "3"),
        ("int, default=3", "3"),
        ("int, default: 3", "3"),
        ("int, by default 3", "3"),
        ('{"full", "tied"}, default "full"', '"full"'),
        ("callable", None),
    ],
)
def test_defaults_are_read_in_every_common_form(text: str, default: str | None) -> None:
    doc = f"Do.\n\nParameters\n----------\nx : {text}\n    Text.\n"
    assert documented_parameters(doc)["x"].default == default


class Documented:
    """A class.

    Parameters
    ----------
    x : int, default 1
        A number.

    Examples
    --------
    >>> Documented()
    Documented()
    """

    def __init__(self, x: int = 1) -> None:
        self.x = x

    def add(self, y: int = 2) -> int:
        """Add.

        Parameters
        ----------
        y : int, default 2
            A number.
        """
        return self.x + y


class MethodWithoutDocstring(Documented):
    """A class.

    Parameters
    ----------
    x : int, default 1
        A number.

    Examples
    --------
    >>> 1
    1
    """

    def take(self) -> int:
        return self.x


class MethodWithWrongDefault(Documented):
    __doc__ = MethodWithoutDocstring.__doc__

    def add(self, y: int = 3) -> int:
        """Add.

        Parameters
        ----------
        y : int, default 2
            A number.
        """
        return self.x + y


@pytest.mark.parametrize(
    ("cls", "failed"),
    [
        (Documented, set()),
        (MethodWithoutDocstring, {"summary"}),
        (MethodWithWrongDefault, {"defaults_documented"}),
    ],
)
def test_methods_are_documented_too(cls: type[Any], failed: set[str]) -> None:
    assert failing(ClassRow(cls, lambda rng: (), vars)) == failed


def test_an_exempt_name_still_needs_a_docstring() -> None:
    assert failing(ExemptRow(documented(GOOD.replace(">>> 1", "")), "draws")) == set()
    assert failing(ExemptRow(documented(None), "draws")) == {"summary"}
