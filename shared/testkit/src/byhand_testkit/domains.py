# SPDX-License-Identifier: BSD-3-Clause
"""Domains of hyper-parameters: which values are valid, and which must be refused how."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Bad", "Choice", "Domain", "Either", "Flag", "Free", "Integer", "Real"]


class Bad(NamedTuple):
    """A value outside of a domain and how it must be refused."""

    value: Any
    error: type[Exception]
    words: tuple[str, ...] = ()  # what the message must hold besides the parameter's name


@dataclass(frozen=True)
class Domain:
    """A set of valid values."""

    def bad(self) -> Iterator[Bad]:
        """Values to refuse."""
        yield from ()

    def holds(self, value: Any) -> bool:
        """Whether the value is valid, so that another domain's bad value is not bad here."""
        return False

    def __or__(self, other: Domain) -> Either:
        return Either(self, other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Integer(Domain):
    """Whole numbers from low to high, both included."""

    low: int | None = None
    high: int | None = None
    none: bool = False

    def bad(self) -> Iterator[Bad]:
        """Strings, fractions, bools, NaN; one below and one above."""
        yield Bad("3", TypeError)
        yield Bad(2.5, TypeError)
        yield Bad(True, TypeError)
        yield Bad([2], TypeError)
        if not self.none:
            yield Bad(None, TypeError)
        for value in (
            self.low is not None and self.low - 1,
            self.high is not None and self.high + 1,
        ):
            if value is not False:
                yield Bad(value, ValueError, (str(value),))
        if self.low is not None:
            yield Bad(-(10**6), ValueError, ("-1000000",))

    def holds(self, value: Any) -> bool:
        """None if allowed, else an int within the bounds."""
        if value is None:
            return self.none
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True)
class Real(Domain):
    """Numbers from low to high, ends included unless open; NaN never."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    none: bool = False

    def bad(self) -> Iterator[Bad]:
        """Strings, bools, lists, NaN; the open ends and what lies beyond."""
        yield Bad("0.5", TypeError)
        yield Bad(True, TypeError)
        yield Bad([0.5], TypeError)
        yield Bad(1j, TypeError)
        if not self.none:
            yield Bad(None, TypeError)
        yield Bad(float("nan"), ValueError, ("nan",))
        if self.low is not None:
            low = self.low if self.low_open else self.low - 1e-3
            yield Bad(low, ValueError, (str(low),))
            yield Bad(float("-inf"), ValueError, ("-inf",))
        if self.high is not None:
            high = self.high if self.high_open else self.high + 1e-3
            yield Bad(high, ValueError, (str(high),))

    def holds(self, value: Any) -> bool:
        """None if allowed, else a number within the bounds."""
        if value is None:
            return self.none
        if not _is_number(value) or math.isnan(value):
            return False
        above = self.low is None or (value > self.low if self.low_open else value >= self.low)
        below = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return above and below


class Choice(Domain):
    """One of some words; a word that is none of them is answered with the list."""

    def __init__(self, *words: str, none: bool = False) -> None:
        self.words, self.none = words, none

    def bad(self) -> Iterator[Bad]:
        """Words that are none of them, the wrong case of one, and a list."""
        yield Bad("no such option", ValueError, self.words)
        yield Bad("__import__('os').getcwd()", ValueError, self.words)
        yield Bad("\x1b[31mred\x07", ValueError, self.words)
        yield Bad(self.words[0].upper() + " ", ValueError, self.words)
        if not self.none:
            yield Bad(None, Exception)
        yield Bad([self.words[0]], Exception)

    def holds(self, value: Any) -> bool:
        """One of the words, or None if allowed."""
        return value in self.words if isinstance(value, str) else value is None and self.none


@dataclass(frozen=True)
class Flag(Domain):
    """True or False."""

    def bad(self) -> Iterator[Bad]:
        """Words and None; numbers are left to the estimator."""
        yield Bad("yes", Exception)
        yield Bad(None, Exception)

    def holds(self, value: Any) -> bool:
        """Hold for a bool."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class Free(Domain):
    """Tested elsewhere, for the reason given."""

    reason: str

    def holds(self, value: Any) -> bool:
        """Anything may be valid."""
        return True


class Either(Domain):
    """Valid in one domain or the other; the kind of exception is then free (both are right)."""

    def __init__(self, *parts: Domain) -> None:
        self.parts = parts

    def bad(self) -> Iterator[Bad]:
        """Bad values of one part that the other does not hold."""
        for part in self.parts:
            for bad in part.bad():
                if not self.holds(bad.value):
                    yield Bad(bad.value, Exception)

    def holds(self, value: Any) -> bool:
        """Held by any part."""
        return any(part.holds(value) for part in self.parts)
