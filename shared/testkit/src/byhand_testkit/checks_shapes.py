# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023, D401  docstrings of checks are claims, and their lambdas run at once
"""Rules 5-7: degenerate and empty data, NaN and infinity, shapes, use before fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from .check import Check, always, when
from .checks_input import Refused, floats_of, result_or_error
from .datasets import Data
from .guards import nan_from_singular, quiet, refused
from .rows import CallRow, EstimatorRow, fit

__all__ = ["CHECKS"]

DataRow = EstimatorRow | CallRow

# ------------------------------------------------------------------ 5 degenerate data

DEGENERATE: dict[str, Callable[[Any], Any]] = {
    "identical rows": lambda X: np.repeat(X[:1], len(X), axis=0),
    "all zeros": np.zeros_like,
    "one feature": lambda X: X[:, :1],
    "a constant feature": lambda X: np.column_stack([X, np.full(len(X), X.flat[0])]),
    "duplicated columns": lambda X: np.column_stack([X, X]),
}
FEW = {"one row": 1, "two rows": 2}


def degenerate(row: EstimatorRow, kind: str) -> None:
    """One row, constant or identical data: no NaN, or a ValueError; no warning.

    Also where numpy.linalg gives NaN instead of errors, as in WebAssembly (rule 18).
    """
    data = row.example
    if kind in FEW:
        n = FEW[kind]
        other = data.rows(np.arange(n))
        other = other.but(fit=_lengths(data.fit, [n]), predict=_lengths(data.predict, [n]))
    elif kind == "one value of y":
        other = data.but(y=np.repeat(data.y[:1], len(data.y)))
    else:
        other = data.but(X=DEGENERATE[kind](data.X))
    for webassembly in (False, True):
        with ExitStack() as stack:
            stack.enter_context(quiet())
            if webassembly:
                stack.enter_context(nan_from_singular())
            try:
                results = row.outcome(other)
            except ValueError:
                continue
        for method in row.outputs:
            if any(np.isnan(a).any() for a in floats_of(results[method])):
                raise AssertionError(f"{kind}: {method} gives NaN")


def _lengths(keywords: Any, lengths: list[int]) -> dict[str, Any]:
    return {**keywords, "lengths": lengths} if "lengths" in keywords else dict(keywords)


def empty_table(row: EstimatorRow, kind: str) -> None:
    """No rows or no features: ValueError naming X, in fit and in the methods."""
    data = row.example
    rows = kind == "no rows"
    bad = data.X[:0] if rows else data.X[:, :0]
    y = data.y[:0] if rows and data.y is not None else data.y
    keywords = _lengths(data.fit, []) if rows else data.fit
    refused(lambda: fit(row.make(), Data(bad, y, keywords)), ValueError, "X", what=f"fit, {kind}")
    with quiet():
        model = fit(row.make(), data)
    for method in row.outputs:
        refused(lambda: getattr(model, method)(bad), ValueError, what=f"{method}, {kind}")


def empty_argument(row: CallRow, _: str) -> None:
    """Arrays of no rows: a result without NaN, or ValueError; nothing else, no warning."""
    for name in row.arrays:
        value = row.arguments()[name]
        if value.ndim and len(value):
            arguments = row.arguments() | {name: value[:0]}
            got = result_or_error(lambda: row.call(arguments))
            if isinstance(got, Refused) and got.error is not ValueError:
                raise AssertionError(f"{name} of no rows: TypeError instead of ValueError")
            if any(np.isnan(a).any() for a in floats_of(got)):
                raise AssertionError(f"{name} of no rows: the result holds NaN")


# ------------------------------------------------------------------ 6 NaN and inf

NOT_FINITE = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


def not_finite(row: DataRow, kind: str) -> None:
    """NaN (and infinity, in estimators) is refused with the argument's name and first index."""
    with quiet():
        doors = row.doors()
    only = row.nan if isinstance(row.nan, tuple) else ()
    word = "NaN" if kind == "nan" else "inf"
    for door in doors:
        value = np.array(door.value, dtype=float)
        if value.size == 0 or value.ndim == 0 or (only and door.name not in only):
            continue
        place = tuple(int(i) for i in np.unravel_index(value.size // 2, value.shape))
        value[place] = value.flat[-1] = NOT_FINITE[kind]
        what = f"{kind} in {door.name} of {door.where}"
        error = refused(lambda: door.call(value), ValueError, door.name, what=what)
        message = str(error)
        index = r"\D{1,20}?".join(rf"\b{i}\b" for i in place)
        if word.lower() not in message.lower() or not re.search(index, message):
            raise AssertionError(f"{what}: the message lacks {word} or {place}: {message!r}")


# ------------------------------------------------------------------ 7 shapes


def wrong_rank(row: EstimatorRow, _: str) -> None:
    """X of no, one or three dimensions is refused by name, in fit and in the methods."""
    X = row.example.X
    with quiet():
        doors = [door for door in row.doors() if door.name == "X"]
    for ndim, bad in {0: np.asarray(1.0), 1: X[:, 0], 3: X[None]}.items():
        for door in doors if ndim not in row.ndim else ():
            what = f"{door.where}, X of {ndim} dimensions"
            refused(lambda: door.call(bad), ValueError, "X", what=what)


def wrong_length(row: EstimatorRow, kind: str) -> None:
    """Y or weights of another length: both lengths are named; y must be given."""
    data, n = row.example, len(row.example.X)
    if kind == "y":
        short = data.but(y=data.y[:-1])
        refused(lambda: fit(row.make(), short), ValueError, str(n), str(n - 1), what="y")
        none = data.but(y=None, fit={**data.fit, "y": None})
        refused(lambda: fit(row.make(), none), ValueError, "y", what="y=None")
        return
    for w in (np.ones(n - 1), np.ones((n, 2))):
        what = f"weights of shape {w.shape}"
        error = refused(lambda: fit(row.make(), data, sample_weight=w), ValueError, what=what)
        if "weight" not in str(error):
            raise AssertionError(f"{what}: the message names no weight: {str(error)!r}")


def wrong_width(row: EstimatorRow, _: str) -> None:
    """X of another width than in fit: both widths are named."""
    data, d = row.example, row.example.X.shape[1]
    with quiet():
        model = fit(row.make(), data)
    for bad in (data.X[:, :-1], np.column_stack([data.X, data.X[:, :1]])):
        for method in row.outputs if bad.shape[1] else ():
            refused(
                lambda: getattr(model, method)(bad, **data.predict),
                ValueError,
                str(d),
                str(bad.shape[1]),
                what=method,
            )


def sequence_lengths_are_checked(row: EstimatorRow, _: str) -> None:
    """Lengths that do not add up, that are not positive or not whole are refused by name."""
    data, n = row.example, len(row.example.X)
    either = (TypeError, ValueError)
    for bad, errors in (
        ([n + 1], ValueError),
        ([n - 1], ValueError),
        ([n + 5, -5], ValueError),
        ([n, 0], ValueError),
        ([n / 2, n / 2 + 0.5, -0.5], either),
        ([], ValueError),
        ("all", either),
    ):
        other = data.but(fit={**data.fit, "lengths": bad})
        refused(lambda: fit(row.make(), other), errors, "lengths", what=f"lengths={bad}")


def not_fitted(row: EstimatorRow, _: str) -> None:
    """Before fit every method raises NotFittedError, which is a ValueError and AttributeError."""
    for method in row.outputs:
        model = row.make()
        error = refused(
            lambda: getattr(model, method)(row.example.X, **row.example.predict),
            (ValueError, AttributeError),
            type(model).__name__,
            what=f"{method} before fit",
        )
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if not {"NotFittedError", "ValueError", "AttributeError"} <= kinds:
            raise AssertionError(f"{method} before fit raises a {type(error).__name__}")


def refuses(row: CallRow, _: str) -> None:
    """The wrong calls that the row lists are refused in the words that it lists."""
    for wrong in row.refuses:
        what = f"{row.name}{wrong.args!r:.80}"
        error = refused(
            lambda: row.value(row.target(*wrong.args, **wrong.kwargs)), wrong.error, what=what
        )
        if not re.search(wrong.match, str(error)):
            raise AssertionError(f"{what}: {wrong.match!r} not found in {str(error)!r}")


# ------------------------------------------------------------------ which cases apply


def _is_table(row: EstimatorRow) -> bool:
    return row.on_arrays and bool(row.example.X.ndim == 2)


def _degenerate_cases(row: EstimatorRow) -> tuple[str, ...]:
    if not _is_table(row):
        return ()
    of_X = tuple(DEGENERATE) if row.on_floats else ("identical rows", "all zeros")
    return (*FEW, *of_X, *(("one value of y",) if isinstance(row.example.y, np.ndarray) else ()))


def _not_finite_cases(row: DataRow) -> tuple[str, ...]:
    if isinstance(row, CallRow):
        return () if row.nan in ("passes", "handled") else ("nan",)
    if not row.on_floats:
        return ()
    return tuple(NOT_FINITE)[1:] if row.nan == "handled" else tuple(NOT_FINITE)


def _length_cases(row: EstimatorRow) -> tuple[str, ...]:
    if not row.on_arrays:
        return ()
    weighted = "sample_weight" in row.fit_parameters and not row.on_sequences
    return (*(("y",) if row.example.y is not None else ()), *(("weights",) if weighted else ()))


CHECKS = (
    Check("degenerate", 5, EstimatorRow, degenerate, _degenerate_cases),
    Check("empty", 5, EstimatorRow, empty_table, when(_is_table, "no rows", "no features")),
    Check("empty", 5, CallRow, empty_argument, always),
    Check("not_finite", 6, DataRow, not_finite, _not_finite_cases),
    Check("rank", 7, EstimatorRow, wrong_rank, when(_is_table)),
    Check("length", 7, EstimatorRow, wrong_length, _length_cases),
    Check("width", 7, EstimatorRow, wrong_width, when(lambda r: r.on_floats)),
    Check("lengths", 7, EstimatorRow, sequence_lengths_are_checked, when(lambda r: r.on_sequences)),
    Check("not_fitted", 7, EstimatorRow, not_fitted, always),
    Check("refusals", 7, CallRow, refuses, when(lambda r: bool(r.refuses))),
)
