# SPDX-License-Identifier: BSD-3-Clause
"""Contexts that notice what code under test must not do, and inject what it must survive."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from .compare import same, state

__all__ = [
    "count_lines",
    "interrupting",
    "nan_from_singular",
    "pristine",
    "quiet",
    "refused",
    "shallow",
    "strict",
    "untouched",
]

TOLERATED = ("ConvergenceWarning", "DataConversionWarning")  # what a model may say of its data


@contextlib.contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Let a model warn about convergence, which few iterations cause; any other warning fails."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
    for warning in caught:
        if warning.category.__name__ not in TOLERATED:
            name = warning.category.__name__
            raise AssertionError(
                f"{name} at {warning.filename}:{warning.lineno}: {warning.message}"
            )


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Raise on every floating-point event, and fail on every warning but that of convergence."""
    with quiet(), np.errstate(all="raise"):
        yield


@contextlib.contextmanager
def untouched(**values: Any) -> Iterator[None]:
    """Fail if a value of the caller's differs afterwards by one byte."""
    before = {name: state(value) for name, value in values.items()}
    yield
    for name, value in values.items():
        if state(value) != before[name]:
            raise AssertionError(f"{name} of the caller was changed")


@contextlib.contextmanager
def pristine() -> Iterator[None]:
    """Fail if global state differs afterwards: random, errors, warnings, printing; or on output."""
    out, err = io.StringIO(), io.StringIO()
    saved = np.random.get_state()  # noqa: NPY002
    np.random.seed(987_654_321)  # noqa: NPY002  a state that no code under test has left
    before = _global_state()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
        after = _global_state()
    finally:
        np.random.set_state(saved)  # noqa: NPY002
    for name, old in before.items():
        try:
            same(old, after[name], at=name)
        except AssertionError as difference:
            raise AssertionError(f"global state was changed: {difference}") from None
    if text := out.getvalue() + err.getvalue():
        raise AssertionError(f"something was printed: {text[:200]!r}")


def _global_state() -> dict[str, Any]:
    return {
        "numpy.random state": np.random.get_state(),  # noqa: NPY002  to see that nobody uses it
        "random state": random.getstate(),
        "numpy error state": np.geterr(),
        "numpy print options": {k: repr(v) for k, v in np.get_printoptions().items()},
        "warning filters": [repr(f) for f in warnings.filters],
        "recursion limit": sys.getrecursionlimit(),
    }


def refused(
    call: Callable[[], Any],
    errors: type[Exception] | tuple[type[Exception], ...],
    *words: str,
    what: str = "the input",
) -> Exception:
    """Require that a call raises one of the errors, with a message that holds every word.

    Words are matched whole and in any case ("X" is not found in "max"). The message must hold no
    control characters, which a terminal would obey, and the exception must survive pickling, or a
    worker's error would never reach the caller.
    """
    try:
        with quiet():
            result = call()
    except errors as error:
        message = str(error)
        for word in words:
            if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message, re.IGNORECASE):
                raise AssertionError(
                    f"{what}: the {type(error).__name__} does not say {word!r}: {message!r}"
                ) from error
        if any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in message):
            raise AssertionError(f"{what}: control characters in {message!r}") from error
        if str(pickle.loads(pickle.dumps(error))) != message:
            raise AssertionError(f"{what}: the exception does not survive pickling") from error
        return error
    except Exception as error:
        raise AssertionError(
            f"{what}: expected {_names(errors)}, got {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{what}: accepted, and gave {_short(result)}; expected {_names(errors)}")


def _names(errors: type[Exception] | tuple[type[Exception], ...]) -> str:
    several = errors if isinstance(errors, tuple) else (errors,)
    return " or ".join(e.__name__ for e in several)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."


class _Tracer:
    """Counts lines run in byhand's own code, and raises at one of them."""

    def __init__(self, stop: int | None, inside: tuple[str, ...]) -> None:
        self.lines, self.stop, self.inside = 0, stop, inside
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(self.inside):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.stop:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self


@contextlib.contextmanager
def interrupting(stop: int | None, inside: tuple[str, ...] = ("byhand.",)) -> Iterator[_Tracer]:
    """Raise KeyboardInterrupt at the stop-th line run in modules whose name begins so.

    A line event also comes when a with block ends, before its exit is called; no real interrupt
    falls between the two. So the state that such blocks guard is put back here.
    """
    tracer, previous = _Tracer(stop, inside), sys.gettrace()
    errors, filters = np.geterr(), list(warnings.filters)
    sys.settrace(tracer)
    try:
        yield tracer
    finally:
        sys.settrace(previous)
        np.seterr(**errors)
        warnings.filters[:] = filters  # type: ignore[index]


def count_lines(call: Callable[[], Any], inside: tuple[str, ...] = ("byhand.",)) -> int:
    """Count the lines that a call runs in modules whose name begins so."""
    with interrupting(None, inside) as tracer:
        call()
    return tracer.lines


@contextlib.contextmanager
def nan_from_singular() -> Iterator[None]:
    """Let numpy.linalg return NaN where it raises LinAlgError, as builds for WebAssembly do."""
    names = ("cholesky", "inv", "solve", "eigh", "eig", "svd", "lstsq", "qr", "pinv", "eigvalsh")
    originals = {name: getattr(np.linalg, name) for name in names}

    def lenient(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(a: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(a, *args, **kwargs)
            except np.linalg.LinAlgError:
                if not np.all(np.isfinite(a)):
                    raise
                healthy = original(np.eye(*np.shape(a)[-2:]) + 0 * a, *args, **kwargs)
                return _all_nan(healthy)

        return call

    for name, original in originals.items():
        setattr(np.linalg, name, lenient(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(np.linalg, name, original)


def _all_nan(result: Any) -> Any:
    if isinstance(result, tuple):
        parts = [_all_nan(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return np.full_like(result, np.nan) if np.asarray(result).dtype.kind in "fc" else result


@contextlib.contextmanager
def shallow(frames: int) -> Iterator[None]:
    """Allow only so many further frames of recursion."""
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
