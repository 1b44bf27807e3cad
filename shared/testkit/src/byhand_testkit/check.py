# SPDX-License-Identifier: BSD-3-Clause
"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Check", "always", "when"]


@dataclass(frozen=True)
class Check:
    """One rule of the contract, for one kind of row."""

    name: str  # as rows exempt it and tests show it
    rule: int  # as the README numbers them
    kind: Any  # class of rows, or a union
    run: Callable[[Any, str], None]  # (row, case): raises AssertionError where the rule is broken
    cases: Callable[[Any], Iterable[str]]  # those of a row that it applies to

    def applies(self, row: Any) -> list[str]:
        """Cases of the check for a row; none if it does not apply."""
        return list(self.cases(row)) if isinstance(row, self.kind) else []


def always(row: Any) -> tuple[str, ...]:
    """One case, without a name."""
    return ("",)


def when(condition: Callable[[Any], bool], *cases: str) -> Callable[[Any], tuple[str, ...]]:
    """Make a function that gives these cases (or one without a name) where the condition holds."""
    return lambda row: (cases or ("",)) if condition(row) else ()
