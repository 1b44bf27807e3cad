# SPDX-License-Identifier: BSD-3-Clause
"""Each check of functions, pairs and plain classes fails for what was broken for it alone."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest

from byhand.utils.validation import check_array
from byhand_testkit import CallRow, ClassRow, FunctionRow, Refusal, failures

calls = {"number": 0}


def spread(a: Any, power: float = 2.0) -> Any:
    """Mean distance of each row from the mean, to a power.

    Parameters
    ----------
    a : (n, d) array
        Rows.
    power : float, default 2.0
        Positive.

    Examples
    --------
    >>> spread([[0.0], [2.0]])
    array([1., 1.])
    """
    a = check_array(a, "a")
    if power <= 0:
        raise ValueError(f"power must be > 0, got {power}")
    return (np.abs(a - a.mean(axis=0)) ** power).mean(axis=1)


def wrong_in_fortran(a: Any) -> Any:
    contiguous = not isinstance(a, np.ndarray) or a.flags.c_contiguous
    return spread(a) + (not contiguous)


def wrong_for_tuples(a: Any) -> Any:
    return spread(a) + isinstance(a, tuple)


def wraps_int8_only(a: Any) -> Any:
    return spread(a * np.int8(50) if getattr(a, "dtype", None) == np.int8 else a)


def stays_float32(a: Any) -> Any:
    y = spread(a)
    return y.astype(np.float32) if getattr(a, "dtype", None) == np.float32 else y


def misreads_big_endian(a: Any) -> Any:
    return spread(a) * (1 + (getattr(a, "dtype", None) == ">f8"))


def drops_the_mask(a: Any) -> Any:
    return spread(a.data if isinstance(a, np.ma.MaskedArray) else a)


def writes_its_argument(a: Any) -> Any:
    y = spread(a)
    if isinstance(a, np.ndarray) and a.flags.writeable and a.dtype == float:
        a[0, 0] += 0.0 if np.isnan(a[0, 0]) else 1e-9
    return y


def nan_of_nothing(a: Any) -> Any:
    if isinstance(a, np.ndarray) and len(a) == 0:
        return np.full(0, np.nan).sum(keepdims=True) + np.nan
    return spread(a)


def nan_for_ties(a: Any) -> Any:
    y = spread(a)
    return y * np.nan if y.size and len(np.unique(np.asarray(a))) < np.size(a) / 2 else y


def lets_nan_pass(a: Any) -> Any:
    clean = isinstance(a, np.ndarray) and a.dtype == float and type(a) is np.ndarray
    return spread(np.nan_to_num(a) if clean else a)


def prints(a: Any) -> Any:
    sys.stdout.write("hello\n")
    return spread(a)


def sets_print_options(a: Any) -> Any:
    np.set_printoptions(precision=4 + calls["number"] % 7)
    calls["number"] += 1
    return spread(a)


def counts_its_calls(a: Any) -> Any:
    calls["number"] += 1
    return spread(a) * (1 + 1e-14 * (calls["number"] % 5))


def underflows(a: Any) -> Any:
    np.exp(np.float64(-800))
    return spread(a)


def takes_any_power(a: Any, power: float = 2.0) -> Any:
    return spread(a, abs(power) or 1.0)


def rows(rng: np.random.Generator) -> tuple[Any, ...]:
    return (rng.standard_normal((6, 3)),)


def function_row(f: Any, **fields: Any) -> FunctionRow:
    """Row of spread, or of a broken form of it, with the documentation of the good one."""
    if f is not spread:
        power = "power : float, default 2.0\n    Positive.\n"
        kept = power if f is takes_any_power else ""
        f.__doc__ = (inspect.getdoc(spread) or "").replace(power, kept)
    return FunctionRow(f, rows, **fields)


def failing(row: CallRow) -> set[str]:
    """Names of the checks that fail."""
    return {check.partition("[")[0] for check in failures(row)}


POWERS = (Refusal((np.ones((2, 2)), -1.0), ValueError, r"power must be > 0, got -1\.0"),)

BROKEN: list[tuple[str, CallRow]] = [
    ("memory", function_row(wrong_in_fortran)),
    ("containers", function_row(wrong_for_tuples)),
    ("dtypes", function_row(wraps_int8_only)),
    ("float32", function_row(stays_float32)),
    ("big_endian", function_row(misreads_big_endian)),
    ("hostile_types", function_row(drops_the_mask)),
    ("arguments_unchanged", function_row(writes_its_argument)),
    ("empty", function_row(nan_of_nothing)),
    ("any_input", function_row(nan_for_ties)),
    ("not_finite", function_row(lets_nan_pass)),
    ("pristine", function_row(prints)),
    ("pristine", function_row(sets_print_options)),
    ("calls_identical", function_row(counts_its_calls)),
    ("float_errors", function_row(underflows)),
    ("refusals", function_row(takes_any_power, refuses=POWERS)),
]


def test_a_good_function_passes_every_check() -> None:
    assert failing(function_row(spread, refuses=POWERS)) == set()


@pytest.mark.parametrize(
    ("check", "broken"), BROKEN, ids=[f"{name}-{r.name}" for name, r in BROKEN]
)
def test_a_broken_function_is_caught_by_its_check_alone(check: str, broken: CallRow) -> None:
    options = np.get_printoptions()
    try:
        assert failing(broken) == {check}
    finally:
        np.set_printoptions(**options)


# ------------------------------------------------------------------ pairs


def tanh_dense(x: Any, W: Any, b: Any, scale: float = 1.0) -> tuple[Any, Any]:
    """Multiply, add and squash.

    Parameters
    ----------
    x, W, b : arrays
        (n, i), (i, o) and (o,).
    scale : float, default 1.0
        Of the output.

    Examples
    --------
    >>> tanh_dense(np.zeros((1, 1)), np.ones((1, 1)), np.zeros(1))[0]
    array([[0.]])
    """
    if x.shape[-1] != W.shape[0]:
        raise ValueError(f"x has width {x.shape[-1]}, W {W.shape[0]}")
    t = np.tanh(x @ W + b)
    return scale * t, (x, W, t, scale)


def tanh_dense_grad(dy: Any, cache: Any) -> tuple[Any, Any, Any]:
    """Gradients of `tanh_dense`."""
    x, W, t, scale = cache
    da = dy * (1 - t * t) * t.dtype.type(scale)
    return da @ W.T, x.T @ da, da.sum(axis=0)


def flipped_sign(dy: Any, cache: Any) -> tuple[Any, Any, Any]:
    """Gradients of `tanh_dense`, db wrong."""
    dx, dW, db = tanh_dense_grad(dy, cache)
    return dx, dW, -db


def spends_its_cache(dy: Any, cache: Any) -> tuple[Any, Any, Any]:
    """Gradients of `tanh_dense`, once."""
    gradients = tanh_dense_grad(dy, cache)
    cache[2][...] = 0.0
    return gradients


def double_gradients(dy: Any, cache: Any) -> tuple[Any, ...]:
    """Gradients of `tanh_dense` in float64 always."""
    return tuple(g.astype(np.float64) for g in tanh_dense_grad(dy, cache))


def tanh_dense_row(grad: Any) -> FunctionRow:
    """A pair."""
    return FunctionRow(
        tanh_dense,
        lambda rng: tuple(rng.standard_normal(s) for s in ((4, 3), (3, 2), (2,))),
        grad,
        kwargs={"scale": 0.5},
    )


def test_a_good_pair_passes_every_check() -> None:
    assert failing(tanh_dense_row(tanh_dense_grad)) == set()


@pytest.mark.parametrize(
    ("check", "grad"),
    [
        ("gradient", flipped_sign),
        ("gradient_repeatable", spends_its_cache),
        ("gradient_dtype", double_gradients),
    ],
)
def test_a_broken_gradient_is_caught_by_its_check_alone(check: str, grad: Any) -> None:
    assert failing(tanh_dense_row(grad)) == {check}


def drop(x: Any, *, p: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Zero out at random.

    Parameters
    ----------
    x : array
        Any.
    p : float
        Probability.
    rng : Generator
        Source of randomness.

    Examples
    --------
    >>> drop(np.ones(2), p=0.0, rng=np.random.default_rng(0))[0]
    array([1., 1.])
    """
    keep = (rng.random(x.shape) >= p).astype(x.dtype)
    return x * keep, keep


def drop_grad(dy: Any, keep: Any) -> Any:
    """Gradient of `drop`."""
    return dy * keep


def test_a_random_pair_gets_the_same_generator_each_time() -> None:
    row = FunctionRow(
        drop,
        lambda rng: (rng.standard_normal((4, 3)),),
        drop_grad,
        kwargs=lambda rng: {"p": 0.5, "rng": rng},
    )
    assert failing(row) == set()


# ------------------------------------------------------------------ plain classes


class Quantiles:
    """Sorted values that can be asked for ranks.

    Parameters
    ----------
    values : (n,) array
        Finite.

    Examples
    --------
    >>> Quantiles([3.0, 1.0]).rank(2.0)
    1
    """

    def __init__(self, values: Any) -> None:
        self.sorted = np.sort(check_array(values, "values", ndim=1))

    def rank(self, x: float) -> int:
        """Count the values below x."""
        return int(np.searchsorted(self.sorted, x))


class ForgetsWhenCopied(Quantiles):
    __doc__ = Quantiles.__doc__

    def __getstate__(self) -> dict[str, Any]:
        return {"sorted": self.sorted[:1]}


class SortsTheCallersArray(Quantiles):
    __doc__ = Quantiles.__doc__

    def __init__(self, values: Any) -> None:
        super().__init__(values)
        if type(values) is np.ndarray and values.flags.writeable and values.dtype == float:
            values.sort()


def class_row(cls: type[Any]) -> ClassRow:
    """Row of Quantiles or of a broken child."""
    return ClassRow(cls, lambda rng: (rng.standard_normal(9),), lambda q: (q.sorted, q.rank(0.0)))


def test_a_good_class_passes_every_check() -> None:
    assert failing(class_row(Quantiles)) == set()


@pytest.mark.parametrize(
    ("check", "cls"),
    [("copies", ForgetsWhenCopied), ("arguments_unchanged", SortsTheCallersArray)],
)
def test_a_broken_class_is_caught_by_its_check_alone(check: str, cls: type[Any]) -> None:
    assert failing(class_row(cls)) == {check}
