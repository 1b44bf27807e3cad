# SPDX-License-Identifier: BSD-3-Clause
"""Compare two results of any shape: arrays, tuples, models; say where they differ."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["digest", "same", "state"]

_NUMERIC = (np.ndarray, np.generic, float, complex)
_PLAIN = (str, bytes, bool, type(None), type, types.FunctionType, np.dtype)


def same(a: Any, b: Any, *, rtol: float = 0.0, atol: float = 0.0, at: str = "result") -> None:
    """Raise AssertionError, naming the place, unless a and b are equal within rtol.

    Arrays differ by at most ``rtol`` times the largest finite entry of either, plus ``atol``; NaN
    and infinities must agree in place and sign. With rtol 0 every bit counts, dtype included.
    """
    if isinstance(a, _NUMERIC) or isinstance(b, _NUMERIC):
        _same_arrays(np.asarray(a), np.asarray(b), rtol, atol, at)
    elif isinstance(a, Mapping) and isinstance(b, Mapping):
        _require(list(a) == list(b), at, f"keys {list(a)} and {list(b)}")
        for key in a:
            same(a[key], b[key], rtol=rtol, atol=atol, at=f"{at}[{key!r}]")
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
        _require(len(a) == len(b), at, f"lengths {len(a)} and {len(b)}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, rtol=rtol, atol=atol, at=f"{at}[{i}]")
    elif isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        same(a.bit_generator.state, b.bit_generator.state, at=at)
    elif isinstance(a, _PLAIN) or isinstance(b, _PLAIN) or isinstance(a, int):
        _require(a == b, at, f"{a!r} and {b!r}")
    elif type(a) is not type(b):
        _require(False, at, f"{type(a).__name__} and {type(b).__name__}")
    elif isinstance(a, set | frozenset):
        _require(a == b, at, f"{a!r} and {b!r}")
    elif dict(_parts(a)) or dict(_parts(b)):
        same(dict(_parts(a)), dict(_parts(b)), rtol=rtol, atol=atol, at=at)


def _require(condition: bool, at: str, what: str) -> None:
    if not condition:
        raise AssertionError(f"{at} differs: {what}")


def _parts(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yield attributes of an object, of dataclasses and slots too."""
    if dataclasses.is_dataclass(obj):
        yield from ((f.name, getattr(obj, f.name, None)) for f in dataclasses.fields(obj))
    elif hasattr(obj, "__dict__"):
        yield from vars(obj).items()
    else:
        for cls in type(obj).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(obj, name):
                    yield name, getattr(obj, name)


def _same_arrays(a: Any, b: Any, rtol: float, atol: float, at: str) -> None:
    _require(a.shape == b.shape, at, f"shapes {a.shape} and {b.shape}")
    if rtol == 0 and atol == 0:
        _require(a.dtype == b.dtype, at, f"dtypes {a.dtype} and {b.dtype}")
    if a.dtype.kind not in "biufc" or b.dtype.kind not in "biufc":
        if a.dtype.kind == "O" or b.dtype.kind == "O":
            same(a.tolist(), b.tolist(), rtol=rtol, atol=atol, at=at)
            return
        wrong = np.asarray(a != b)
    else:
        wrong = ~_close(a, b, rtol, atol)
    if wrong.any():
        i = tuple(int(n) for n in np.argwhere(wrong)[0])
        count = f" ({wrong.sum()} of {wrong.size} entries)" if wrong.size > 1 else ""
        _require(False, f"{at}{list(i) if i else ''}", f"{a[i]!r} and {b[i]!r}{count}")


def _close(a: Any, b: Any, rtol: float, atol: float) -> Any:
    if a.dtype.kind not in "fc" and b.dtype.kind not in "fc":
        return np.asarray(a == b)
    with np.errstate(all="ignore"):
        largest = max(
            (float(np.max(np.abs(c), where=np.isfinite(c), initial=0.0)) for c in (a, b)),
            default=0.0,
        )
        equal = (a == b) | (np.isnan(a) & np.isnan(b))
        near = np.abs(a / 2 - b / 2) <= (rtol * largest + atol) / 2  # halves: no overflow
        return np.asarray(equal | (np.isfinite(a) & np.isfinite(b) & near))


def state(value: Any) -> Any:
    """Copy a value so deeply that later writing cannot change the copy."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return [state(v) for v in value.ravel()]
        return (value.shape, value.dtype.str, value.strides, value.tobytes())
    if isinstance(value, Mapping):
        return {key: state(v) for key, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [type(value).__name__, *(state(v) for v in value)]
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return "a generator, whose state moves on"
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, (*_PLAIN, int, *_NUMERIC)):
        return value
    parts = {name: state(part) for name, part in _parts(value)}
    return [type(value).__name__, parts] if parts else id(value)


def digest(value: Any) -> str:
    """Return a hash of every bit of a result."""
    return hashlib.sha256(repr(_for_digest(value)).encode()).hexdigest()[:16]


def _for_digest(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return [_for_digest(v) for v in value.ravel()]
        return (value.shape, value.dtype.str, np.ascontiguousarray(value).tobytes())
    if isinstance(value, Mapping):
        return [(repr(k), _for_digest(v)) for k, v in value.items()]
    if isinstance(value, set | frozenset):
        return sorted(repr(v) for v in value)
    if isinstance(value, list | tuple):
        return [_for_digest(v) for v in value]
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, (*_PLAIN, int, *_NUMERIC)):
        return repr(value)
    return [type(value).__name__, [(n, _for_digest(v)) for n, v in _parts(value)]]
