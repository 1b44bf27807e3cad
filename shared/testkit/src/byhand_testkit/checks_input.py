# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023, D401  docstrings of checks are claims, and their lambdas run at once
"""Rules 1-4: the same numbers in other memory, containers and types; the caller's own things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .check import Check, always, when
from .compare import same
from .generators import DTYPES, LAYOUTS, DuckArray, hostile_values, layout
from .guards import quiet, refused, untouched
from .rows import CallRow, EstimatorRow, fit, learned

__all__ = ["CHECKS", "Refused", "expect_dtypes", "floats_of", "result_or_error"]

DataRow = EstimatorRow | CallRow


@dataclass(frozen=True)
class Refused:
    """What stands for the result of a call that raised."""

    error: type[Exception]


def result_or_error(call: Callable[[], Any]) -> Any:
    """Return the result, or Refused for a ValueError or TypeError: input may become invalid."""
    try:
        with quiet():
            return call()
    except (ValueError, TypeError) as error:
        return Refused(type(error))


def floats_of(value: Any) -> Iterator[Any]:
    """Yield every float array in a result."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from floats_of(part)


def expect_dtypes(value: Any, dtype: Any, what: str) -> None:
    """Require every float array in a result to have the dtype."""
    for a in floats_of(value):
        if a.dtype != dtype:
            raise AssertionError(f"{what}: the result is {a.dtype}, expected {np.dtype(dtype)}")


def _same_with(row: DataRow, name: str, before: Any, after: Any, what: str) -> None:
    """The result, or refusal, is the same for two forms of one argument."""
    before = before.copy()  # a function that writes to it shall not change the other form
    expected, got = (
        result_or_error(lambda: row.call(row.arguments() | {name: value}))
        for value in (before, after)
    )
    same(expected, got, rtol=row.rtol, atol=getattr(row, "atol", 0.0), at=f"{name} {what}")


# ------------------------------------------------------------------ 1, 2 memory and containers


def other_memory(row: DataRow, kind: str) -> None:
    """The result is the same whatever memory an array lies in."""
    for name in row.arrays:
        value = row.arguments()[name]
        _same_with(row, name, value, layout(value, kind), f"in memory that is {kind}")


def _as_tuples(a: Any) -> Any:
    return tuple(_as_tuples(part) for part in a) if np.ndim(a) else a.item()


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "lists": lambda a: a.tolist(),
    "tuples": _as_tuples,
    "objects": lambda a: a.astype(object),
    "frame": DuckArray,
}


def other_containers(row: DataRow, kind: str) -> None:
    """Lists, tuples, object arrays and frames of numbers equal the array of them."""
    for name in row.arrays:
        value = row.arguments()[name]
        _same_with(row, name, value, CONTAINERS[kind](value), f"as {kind}")


def feature_names_are_remembered(row: EstimatorRow, _: str) -> None:
    """A frame's column names are kept, and other names at predict are refused."""
    data, d = row.example, row.example.X.shape[1]
    names = [f"column {i}" for i in range(d)]
    other = DuckArray(data.X, [*names[:-1], "another"])
    with quiet():
        model = fit(row.make(), data.but(X=DuckArray(data.X, names)))
        same(model.feature_names_in_.tolist(), names, at="feature_names_in_")
        if row.outputs:
            call = getattr(model, row.outputs[0])
            call(DuckArray(data.X, names), **data.predict)
            refused(lambda: call(other, **data.predict), ValueError, "another", what="other names")
        fit(model, data)
        if hasattr(model, "feature_names_in_"):
            raise AssertionError("feature_names_in_ is stale after a fit to an array")


def sequences_as_lists(row: EstimatorRow, _: str) -> None:
    """A list of sequences equals one array with lengths."""
    data = row.example
    parts = np.split(data.X, np.cumsum(data.fit["lengths"])[:-1])
    rest = {k: v for k, v in data.fit.items() if k != "lengths"}
    with quiet():
        other = learned(fit(row.make(), data.but(X=parts, fit=rest)))
        same(learned(fit(row.make(), data)), other, rtol=row.rtol, at="with a list of sequences")


# ------------------------------------------------------------------ 3 types


def other_dtypes(row: DataRow, kind: str) -> None:
    """Whole numbers of any type give what the same numbers in float64 (or int64) give."""
    for name in row.numbers:
        value = row.arguments()[name]
        whole = _whole(value, kind)
        native = whole.astype(np.float64 if value.dtype.kind == "f" else np.int64)
        _same_with(row, name, native, whole, f"of {kind}")


def _whole(a: Any, kind: str) -> Any:
    """Whole numbers that the type holds, its extremes for the widest type."""
    if a.dtype.kind != "f":
        return a.astype(kind)
    if kind == "bool":
        return np.asarray(a) > np.mean(a)
    if kind == "int64":  # differences of these wrap around in int64
        sign = np.where(a > np.median(a), 1, -1)
        return sign * (2**62 + np.round(a * 2**40).astype(np.int64))
    steps = np.round(4 * (a - (a.min() if "u" in kind and a.size else 0.0)))
    return np.clip(steps, 0 if "u" in kind else -127, 127).astype(kind)


def big_endian(row: DataRow, _: str) -> None:
    """Numbers of the other byte order are the same numbers."""
    for name in row.arrays:
        value = row.arguments()[name]
        _same_with(row, name, value, value.astype(value.dtype.newbyteorder(">")), "big-endian")


def float32(row: DataRow, _: str) -> None:
    """float32 is computed in float64, or stays float32 where the row says so."""
    narrow = {n: _cast(v, np.float64, np.float32) for n, v in row.arguments().items()}
    wide = row.arguments()  # made anew, for a generator among them moves on
    wide |= {n: _cast(v, np.float32, np.float64) for n, v in narrow.items() if n in row.arrays}
    got, expected = (
        result_or_error(lambda: row.call(narrow)),
        result_or_error(lambda: row.call(wide)),
    )
    given = got
    if isinstance(row, EstimatorRow) and isinstance(got, dict):
        methods = ("transform",) if row.dtype == "kept" else row.outputs
        given = {m: got[m] for m in methods if m in got}
    expect_dtypes(given, np.float32 if row.dtype == "kept" else np.float64, "float32 input")
    if row.dtype != "kept":
        same(expected, got, rtol=row.rtol, atol=getattr(row, "atol", 0.0), at="float32 input")
    elif isinstance(row, CallRow):
        same(expected, got, rtol=1e-3, atol=1e-3, at="float32 input")


def _cast(value: Any, old: Any, new: Any) -> Any:
    return value.astype(new) if isinstance(value, np.ndarray) and value.dtype == old else value


def hostile_types(row: DataRow, _: str) -> None:
    """Strings, dates, masked, sparse, complex and ragged input is refused by name."""
    with quiet():
        doors = row.doors()
    for door in doors:
        for what, value, error in hostile_values(door.value):
            if value is None and isinstance(row, CallRow):  # may be the default
                continue
            errors = (TypeError, ValueError) if error is Exception else error
            words = () if door.name.startswith("*") else (door.name,)
            what = f"{door.where}, {door.name}: {what}"
            refused(lambda: door.call(value), errors, *words, what=what)


# ------------------------------------------------------------------ 4 the caller's own


def fit_leaves_arguments(row: EstimatorRow, _: str) -> None:
    """Fit and the methods change no byte of X, y, weights, keywords or hyper-parameters."""
    data = row.example
    model = row.make()
    more: dict[str, Any] = {}
    if "sample_weight" in row.fit_parameters and not row.on_sequences:
        more["sample_weight"] = np.full(len(data.X), 2.0)
    before = model.get_params(deep=False) if hasattr(model, "get_params") else dict(vars(model))
    caller = {"X": data.X, "y": data.y, **data.fit, **more, **row.params}
    with quiet(), untouched(**caller, **{f"parameter {k}": v for k, v in before.items()}):
        fit(model, data, **more)
        row.outputs_of(model, data)
        if hasattr(model, "score") and data.y is not None:
            model.score(data.X, data.y, **data.predict)
    for name, value in before.items():
        if getattr(model, name) is not value:
            raise AssertionError(f"fit replaced the hyper-parameter {name}")


def call_leaves_arguments(row: CallRow, _: str) -> None:
    """A call changes no byte of its arguments."""
    arguments = row.arguments()
    data = {
        name: v
        for name, v in arguments.items()
        if isinstance(v, np.ndarray | list | tuple | dict | set)
    }
    with quiet(), untouched(**data):
        row.call(arguments)


# ------------------------------------------------------------------ which cases apply


def _dtype_cases(row: DataRow) -> tuple[str, ...]:
    if not row.takes_lists:
        return ()
    whole = isinstance(row, EstimatorRow) and not row.on_floats
    return tuple(kind for kind in DTYPES if kind != "bool" or not whole)


def _is_checked(row: DataRow) -> bool:
    if isinstance(row, EstimatorRow):
        return row.on_arrays and bool(row.example.X.ndim == 2)
    return row.lists and row.nan != "passes"


def _has_float32(row: DataRow) -> bool:
    return row.on_floats if isinstance(row, EstimatorRow) else row.dtype != "any"


def _is_sequence(row: EstimatorRow) -> bool:
    return row.on_sequences


CHECKS = (
    Check("memory", 1, DataRow, other_memory, when(lambda r: bool(r.arrays), *LAYOUTS)),
    Check("containers", 2, DataRow, other_containers, when(lambda r: r.takes_lists, *CONTAINERS)),
    Check("feature_names", 2, EstimatorRow, feature_names_are_remembered, when(_has_float32)),
    Check("lists_of_sequences", 2, EstimatorRow, sequences_as_lists, when(_is_sequence)),
    Check("dtypes", 3, DataRow, other_dtypes, _dtype_cases),
    Check("big_endian", 3, DataRow, big_endian, when(lambda r: r.takes_lists)),
    Check("float32", 3, DataRow, float32, when(_has_float32)),
    Check("hostile_types", 3, DataRow, hostile_types, when(_is_checked)),
    Check("arguments_unchanged", 4, EstimatorRow, fit_leaves_arguments, always),
    Check("arguments_unchanged", 4, CallRow, call_leaves_arguments, always),
)
