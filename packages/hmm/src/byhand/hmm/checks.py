# SPDX-License-Identifier: BSD-3-Clause
"""Checks at the door of the hidden Markov functions: shapes, probabilities, symbols.

Source:  the input contract of this repository.
Differs: log-probabilities may be any numbers below infinity, so that unnormalised models work too.
Cost:    one pass over the input.
Checked: each message by a test.
"""
# T steps, K states, V symbols
# log_pi (K,)  log_A (K, K) from row to column  log_b (T, K) log p(x_t | z_t = k)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.validation import check_array

__all__ = ["check_log_model", "check_stochastic", "check_symbols", "exact_log", "normalised"]

Floats = NDArray[np.float64]


def check_log_model(
    log_pi: ArrayLike, log_A: ArrayLike, log_b: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Arrays of agreeing shapes, holding -inf or finite numbers; else ValueError."""
    pi, A, b = (
        _log_array(log_pi, "log_pi"),
        _log_array(log_A, "log_A"),
        _log_array(log_b, "log_b"),
    )
    if pi.ndim != 1 or len(pi) == 0:
        raise ValueError(f"log_pi must have shape (K,) with K >= 1, got {pi.shape}")
    K = len(pi)
    if A.shape != (K, K):
        raise ValueError(
            f"log_A must have shape ({K}, {K}) as log_pi has {K} states, got {A.shape}"
        )
    if b.ndim != 2 or b.shape[1] != K or len(b) == 0:
        raise ValueError(f"log_b must have shape (T, {K}) with T >= 1, got {b.shape}")
    return pi, A, b


def check_stochastic(a: object, name: str, shape: tuple[int | None, ...]) -> Floats:
    """Probabilities along the last axis: right shape (None is any length), >= 0, sum 1."""
    p: Floats = check_array(a, name, ndim=None)
    fits = p.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, p.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(
            f"{name} must have shape ({wanted}{',' if len(shape) == 1 else ''}), got {p.shape}"
        )
    if (p < 0).any():
        where = tuple(int(i) for i in np.argwhere(p < 0)[0])
        raise ValueError(f"{name} must hold probabilities >= 0, got {p[where]} at {where}")
    total = p.sum(axis=-1)
    wrong = ~np.isclose(total, 1.0, rtol=0, atol=1e-6)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        what = f"row {where[0]} of {name}" if where else name
        raise ValueError(
            f"{name} must sum to 1{' in each row' if where else ''}: {what} sums to"
            f" {float(total[where]):.9g}"
        )
    return p


def check_symbols(x: object, name: str, n_symbols: int | None = None) -> NDArray[np.int64]:
    """Symbols 0, 1, ..., V - 1 as int64, of any shape; fractions are a TypeError."""
    a = check_array(x, name, ndim=None)
    symbols = a.astype(np.int64)
    if not np.array_equal(symbols, a):
        where = tuple(int(i) for i in np.argwhere(symbols != a)[0])
        raise TypeError(f"{name} must hold whole numbers (symbols), got {a[where]} at {where}")
    if symbols.min() < 0:
        where = tuple(int(i) for i in np.argwhere(symbols < 0)[0])
        raise ValueError(f"{name} must hold symbols >= 0, got {symbols[where]} at {where}")
    if n_symbols is not None and symbols.max() >= n_symbols:
        where = tuple(int(i) for i in np.argwhere(symbols >= n_symbols)[0])
        raise ValueError(
            f"{name} must hold symbols below {n_symbols}, the number of columns of the emission"
            f" probabilities, got {symbols[where]} at {where}"
        )
    return symbols


def exact_log(p: Floats) -> Floats:
    """Natural logarithm with log 0 = -inf, and no warning about it."""
    return np.log(p, out=np.full(p.shape, -np.inf), where=p > 0)


def normalised(counts: Floats, fallback: Floats) -> Floats:
    """Divide counts by their sum along the last axis; rows without any take the fallback's."""
    total = counts.sum(axis=-1, keepdims=True)
    some = total > 0
    with np.errstate(under="ignore"):
        return np.where(some, counts / np.where(some, total, 1.0), fallback)


def as_sequences(x: object, name: str) -> Sequence[object]:
    """One sequence or a list of them, as a list: arrays inside a list are sequences."""
    many = isinstance(x, (list, tuple)) and len(x) > 0 and all(np.ndim(s) > 0 for s in x)
    return x if many else [x]  # type: ignore[return-value]


def _log_array(a: object, name: str) -> Floats:
    """Finite numbers and -inf (log 0), which `check_array` alone would refuse."""
    if hasattr(type(a), "toarray") or hasattr(type(a), "filled"):
        check_array(a, name, ndim=None)  # sparse or masked: says what to do
    try:
        x = np.asarray(a)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from None
    if x.dtype.kind not in "fiubO":
        check_array(x, name, ndim=None)  # strings, dates, complex numbers: says what is wrong
    impossible = x == -np.inf
    finite = check_array(np.where(impossible, 0, x), name, ndim=None, min_rows=0)
    return np.where(impossible, -np.inf, finite)
