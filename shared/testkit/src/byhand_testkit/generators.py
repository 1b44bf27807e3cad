# SPDX-License-Identifier: BSD-3-Clause
"""Input: the same numbers in other memory and other containers, hostile values, strategies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

__all__ = [
    "DTYPES",
    "LAYOUTS",
    "DuckArray",
    "DuckSparse",
    "arrays_of",
    "dtypes",
    "hostile_numbers",
    "hostile_values",
    "layout",
    "layouts",
    "scales",
    "shapes",
    "strides",
]

LAYOUTS = (
    "fortran",
    "strided",
    "reversed",
    "sliced",
    "unaligned",
    "read_only",
    "memmap",
    "subclass",
)
DTYPES = ("int8", "uint8", "int32", "int64", "uint64", ">i4", "bool")


class _Subclass(np.ndarray):
    """An array that is not exactly np.ndarray."""


def layout(a: Any, kind: str) -> Any:
    """Return the numbers of a, equal in dtype and shape, in memory of another kind."""
    a = np.asarray(a)
    if a.ndim == 0 and kind in ("strided", "reversed", "sliced", "memmap"):
        return a.copy()
    if kind == "fortran":
        return np.array(a, order="F")
    if kind == "strided":
        wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
        view[...] = a
        return view
    if kind == "reversed":
        back = tuple(slice(None, None, -1) for _ in a.shape)
        return np.ascontiguousarray(a[back])[back]
    if kind == "sliced":  # out of a larger array full of what must not be read
        poison = (
            np.nan if a.dtype.kind in "fc" else np.iinfo(a.dtype).max if a.dtype.kind in "iu" else 0
        )
        wide = np.full(tuple(n + 3 for n in a.shape), poison, a.dtype)
        view = wide[tuple(slice(1, n + 1) for n in a.shape)]
        view[...] = a
        return view
    if kind == "unaligned":
        raw = bytearray(a.nbytes + 1)
        view = np.frombuffer(memoryview(raw)[1:], a.dtype).reshape(a.shape)
        view[...] = a
        return view
    if kind == "read_only":
        copy = a.copy()
        copy.flags.writeable = False
        return copy
    if kind == "memmap":
        if a.size == 0:
            return a.copy()
        with tempfile.TemporaryFile() as file:
            file.write(np.ascontiguousarray(a).tobytes())
            file.flush()
            return np.memmap(file, dtype=a.dtype, mode="r", shape=a.shape)
    if kind == "subclass":
        return a.copy().view(_Subclass)
    raise ValueError(f"layout must be one of {LAYOUTS}, got {kind!r}")


def layouts(a: Any) -> Iterator[tuple[str, Any]]:
    """Yield (kind, array) for every kind of memory."""
    for kind in LAYOUTS:
        yield kind, layout(a, kind)


class DuckArray:
    """What a data frame looks like to code that imports no data frame library."""

    def __init__(self, values: Any, columns: Sequence[str] | None = None) -> None:
        self._values = np.asarray(values)
        self.shape, self.ndim = self._values.shape, self._values.ndim
        if columns is not None:
            self.columns = list(columns)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._values, dtype=dtype)

    def to_numpy(self, dtype: Any = None) -> Any:
        """Return a new array."""
        return np.array(self._values, dtype=dtype)

    def __len__(self) -> int:
        return len(self._values)


class DuckSparse:
    """What a SciPy sparse matrix looks like to code that imports no SciPy."""

    format = "csr"

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)
        self.shape, self.ndim, self.dtype = self._values.shape, 2, self._values.dtype
        self.data = self._values[self._values != 0]
        self.nnz = len(self.data)

    def toarray(self) -> Any:
        """Return the dense array."""
        return self._values.copy()

    def tocsr(self) -> DuckSparse:
        """Return itself."""
        return self

    def __len__(self) -> int:
        raise TypeError("sparse array length is ambiguous; use getnnz() or shape[0]")


def hostile_values(X: Any) -> Iterator[tuple[str, Any, type[Exception]]]:
    """Yield (what, value, exception) of input that no method takes in place of numbers X."""
    X = np.asarray(X)
    words = np.full(X.shape, "blue")
    yield "strings", words, TypeError
    yield "a list of strings", words.tolist(), TypeError
    yield "an object array holding a string", _with(X.astype(object), "blue"), TypeError
    yield "an object array holding a dict", _with(X.astype(object), {"a": 1}), TypeError
    yield "bytes", np.full(X.shape, b"blue"), TypeError
    yield "datetimes", np.full(X.shape, np.datetime64("2026-11-25")), TypeError
    yield "timedeltas", np.full(X.shape, np.timedelta64(3, "D")), TypeError
    yield "a masked array", np.ma.masked_array(X, mask=X.flat[0] == X), TypeError
    yield "a sparse matrix", DuckSparse(X), TypeError
    yield "complex numbers", X + 1j, ValueError
    yield "records", np.zeros(X.shape, [("a", float)]), TypeError
    if X.ndim == 2:
        yield "a ragged list", [[1.0, 2.0], [3.0]], ValueError
    yield "None", None, Exception
    yield "a set", {1.0, 2.0}, Exception
    yield "a generator", (row for row in X), Exception


def _with(a: Any, value: Any) -> Any:
    a[(-1,) * a.ndim] = value
    return a


def hostile_numbers(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float
) -> Any:
    """Draw finite numbers between low and high, with many ties, zeros and extremes among them."""
    few = rng.uniform(low, high, 3).round(2)
    pool = np.array([0.0, -0.0, 1.0, -1.0, low, high, *few, *np.nextafter(few, high)])
    pool = pool[(pool >= low) & (pool <= high)]
    kind = rng.integers(4)
    if kind == 0:
        return rng.uniform(low, high, shape)
    a = rng.choice(rng.choice(pool, 2 if kind == 1 else len(pool)), shape)
    if kind == 3 and a.ndim == 2:
        a[:, rng.integers(a.shape[1])] = rng.choice(pool)  # a constant column
        a[rng.integers(len(a))] = a[0]  # a row twice
    return a


# ---------------------------------------------------------------- strategies of hypothesis


def shapes(
    *, min_dims: int = 1, max_dims: int = 3, min_side: int = 0, max_side: int = 6
) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of small arrays, empty ones too."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def dtypes() -> st.SearchStrategy[Any]:
    """Types of numbers, of both byte orders."""
    names = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
    return st.sampled_from([np.dtype(order + name) for name in names for order in "<>"])


def scales(low: int = -300, high: int = 300) -> st.SearchStrategy[float]:
    """Powers of ten that a result may have to bear."""
    return st.integers(low, high).map(lambda e: float(10.0**e))


def strides(a: Any) -> st.SearchStrategy[Any]:
    """Draw the numbers of a in memory of any kind."""
    return st.sampled_from(LAYOUTS).map(lambda kind: layout(a, kind))


def arrays_of(
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]],
    *,
    low: float = -1e3,
    high: float = 1e3,
    dtype: Any = np.float64,
    any_layout: bool = True,
) -> st.SearchStrategy[Any]:
    """Arrays of finite numbers between low and high, often with ties, zeros and extremes."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        width = 8 * min(dtype.itemsize, 8)
        low, high = float(dtype.type(low)), float(dtype.type(high))
        numbers = st.floats(low, high, width=width, allow_subnormal=False)
        few = [x for x in (0.0, -0.0, 1.0, -1.0, low, high) if low <= x <= high]
        elements = numbers | st.sampled_from(few)
    else:
        elements = st.integers(int(low), int(high))
    arrays = hnp.arrays(dtype, shape, elements=elements)
    return arrays.flatmap(strides) if any_layout else arrays
