# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of bad input is refused with its reason; good input comes back unchanged in value."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand.utils.validation import (
    DataConversionWarning,
    check_array,
    check_choice,
    check_labels,
    check_sample_weight,
    check_scalar,
    check_target,
)

TABLE = np.arange(12.0).reshape(4, 3)


class Sparse:
    """Looks like a matrix of scipy.sparse."""

    shape = (2, 2)

    def toarray(self) -> Any:
        raise AssertionError("must not be densified behind the caller's back")


class Duck:
    """Only __array__, and no part in NumPy's functions, like scikit-learn's _NotAnArray."""

    def __init__(self, data: Any) -> None:
        self.data = np.asarray(data)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.data

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise TypeError(f"no part in {func}")


NAType = type("NAType", (), {"__float__": None})  # as pandas calls its mark for missing

GOOD: dict[str, Callable[[], Any]] = {
    "itself": lambda: TABLE,
    "list": TABLE.tolist,
    "tuple of arrays": lambda: tuple(TABLE),
    "Fortran order": lambda: np.asfortranarray(TABLE),
    "reversed": lambda: TABLE[::-1, ::-1].copy()[::-1, ::-1],
    "strided": lambda: np.repeat(TABLE, 2, axis=1)[:, ::2],
    "big-endian": lambda: TABLE.astype(">f8"),
    "big-endian int16": lambda: TABLE.astype(">i2"),
    "uint8": lambda: TABLE.astype(np.uint8),
    "float16": lambda: TABLE.astype(np.float16),
    "long double": lambda: TABLE.astype(np.longdouble),
    "objects": lambda: TABLE.astype(object),
    "decimals": lambda: [[Decimal(int(v)) for v in row] for row in TABLE],
    "fractions": lambda: [[Fraction(int(v)) for v in row] for row in TABLE],
    "duck": lambda: Duck(TABLE),
    "matrix": lambda: TABLE.view(np.matrix),
}


@pytest.mark.parametrize("kind", GOOD)
def test_numbers_of_any_kind_become_the_same_floats(kind: str) -> None:
    x = check_array(GOOD[kind](), "X")
    assert type(x) is np.ndarray
    assert x.dtype == np.float64
    assert x.dtype.isnative
    np.testing.assert_array_equal(x, TABLE, strict=True)


def test_booleans_become_zero_and_one() -> None:
    assert check_array([[True, False]], "X").tolist() == [[1.0, 0.0]]


def test_an_array_that_is_right_already_is_neither_copied_nor_written(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TABLE)
    for frozen in (np.load(tmp_path / "x.npy", mmap_mode="r"), np.broadcast_to(TABLE[0], (9, 3))):
        assert np.shares_memory(check_array(frozen, "X"), frozen)


def test_a_check_needs_no_memory_beside_the_array() -> None:
    x = np.ones((1000, 1000))
    tracemalloc.start()
    check_array(x, "X")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.size / 10  # bytes; a mask would take one an entry


@pytest.mark.parametrize(
    ("given", "kept"), [("<f4", "f4"), (">f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i4", "f8")]
)
def test_float_keeps_single_precision_alone(given: str, kept: str) -> None:
    x = check_array(TABLE.astype(given), "X", dtype="float")
    assert x.dtype == np.dtype(kept)
    assert x.dtype.isnative


def test_int64_extremes_do_not_wrap() -> None:
    ends = np.array([[np.iinfo(np.int64).min, np.iinfo(np.int64).max]])
    assert check_array(ends, "X").tolist() == [[-(2.0**63), 2.0**63]]
    assert check_array(np.array([[2**64 - 1]], dtype=np.uint64), "X").tolist() == [[2.0**64]]
    assert check_array([[2**70]], "X").tolist() == [[2.0**70]]


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "strings": ([["a", "b"]], TypeError, "spam must hold numbers, got <U1"),
    "digits in a string": ([["1", "2"]], TypeError, "spam must hold numbers"),
    "a string among objects": (np.array([[1, "2"]], object), TypeError, "spam .* strings"),
    "bytes": (np.array([[b"a"]]), TypeError, "spam must hold numbers"),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), TypeError, "spam must hold numbers"),
    "times": (np.array([[3]], "m8[s]"), TypeError, "spam must hold numbers"),
    "records": (np.zeros((2, 2), [("a", float)]), TypeError, "spam must hold numbers"),
    "a dict": ([[{"a": 1}]], TypeError, "spam .* argument must be a string or a real number"),
    "a set": ({1, 2}, TypeError, "spam must hold numbers"),
    "masked": (np.ma.masked_less(TABLE, 3), TypeError, r"spam is a masked .*spam\.filled"),
    "sparse": (Sparse(), TypeError, r"spam is sparse, .*spam\.toarray\(\)"),
    "complex": (TABLE * 1j, ValueError, "Complex data not supported: spam"),
    "ragged": ([[1], [1, 2]], ValueError, "spam must be a rectangular array"),
    "ragged objects": (np.array([[1], [1, 2]], object), ValueError, "spam must hold numbers"),
    "too large an int": ([[10**400]], ValueError, "spam must hold numbers: int too large"),
    "1-D": ([1.0, 2.0], ValueError, r"Expected 2D array, got 1D .*spam.*Reshape your data"),
    "3-D": (TABLE[None], ValueError, r"Expected 2D array, got 3D .*spam has shape \(1, 4, 3\)"),
    "a number": (3.0, ValueError, "Expected 2D array, got 0D array instead: spam"),
    "None": (None, ValueError, "Expected 2D array, got 0D array instead: spam"),
    "no sample": (TABLE[:0], ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) .* 1 is req.*spam"),
    "no feature": (TABLE[:, :0], ValueError, r"0 feature\(s\) \(shape=\(4, 0\)\) while a minimum"),
    "NaN": (np.where(TABLE == 5, np.nan, TABLE), ValueError, r"Input spam contains NaN.*\(1, 2\)"),
    "infinity": (np.where(TABLE == 9, -np.inf, TABLE), ValueError, r"spam .*infinity.*\(3, 0\)"),
    "both infinities": ([[np.inf, -np.inf]], ValueError, r"spam .*infinity.*\(0, 0\)"),
    "None among numbers": ([[1.0, None]], ValueError, r"spam contains NaN.*\(0, 1\)"),
    "missing as in pandas": (np.array([[1, NAType()]], object), ValueError, r"NaN.*\(0, 1\)"),
    "beyond doubles": (np.array([[1e300]], np.longdouble) ** 2, ValueError, "too large for"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_refused_with_its_name_and_reason(kind: str) -> None:
    bad, error, words = BAD[kind]
    if kind == "beyond doubles" and np.finfo(np.longdouble).max == np.finfo(np.float64).max:
        bad = [[np.inf]]  # where a long double is a double
    with np.errstate(all="raise"), pytest.raises(error, match=words):
        check_array(bad, "spam")


def test_the_first_bad_entry_is_named_in_any_memory_order() -> None:
    x = TABLE.copy()
    x[3, 0] = x[1, 2] = np.nan
    for layout in (x, np.asfortranarray(x), x[::-1].copy()[::-1]):
        with pytest.raises(ValueError, match=r"index \(1, 2\)"):
            check_array(layout, "X")


def test_nan_passes_where_allowed_and_infinity_does_not() -> None:
    x = np.where(TABLE == 5, np.nan, TABLE)
    np.testing.assert_array_equal(check_array(x, "X", allow_nan=True), x)
    x[2, 2] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*\(2, 2\)"):
        check_array(x, "X", allow_nan=True)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300, 1.7e308])
def test_large_and_small_numbers_are_finite(scale: float) -> None:
    x = np.full((50, 3), scale)
    with np.errstate(all="raise"):
        assert check_array(x, "X") is x


def test_rows_and_dimensions_asked_for_are_demanded() -> None:
    with pytest.raises(ValueError, match=r"1 sample\(s\) .* minimum of 2"):
        check_array([[1.0]], "X", min_rows=2)
    with pytest.raises(ValueError, match="Expected 1D array, got 2D"):
        check_array(TABLE, "X", ndim=1)
    assert check_array(TABLE[None, None], "X", ndim=None).shape == (1, 1, 4, 3)
    assert check_array([], "x", ndim=1, min_rows=0).shape == (0,)


@pytest.mark.parametrize("whole", [[[1.0, 2.0]], [[1, 2]], np.array([[1, 2]], object)])
def test_an_integer_dtype_takes_whole_numbers(whole: Any) -> None:
    x = check_array(whole, "X", dtype=np.int64)
    assert x.dtype == np.int64
    assert x.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ([[0.5]], TypeError, "X must hold whole numbers"),
        (np.array([[0.5]], object), TypeError, "X must hold whole numbers"),
        ([[1e300]], TypeError, "X must hold whole numbers within int64"),
        (np.array([[2**64 - 1]], np.uint64), TypeError, "whole numbers within int64"),
        ([[1.0, np.nan]], ValueError, r"X contains NaN.*\(0, 1\)"),
    ],
)
def test_an_integer_dtype_never_rounds_or_wraps(
    bad: Any, error: type[Exception], words: str
) -> None:
    with np.errstate(all="raise"), pytest.raises(error, match=words):
        check_array(bad, "X", dtype=np.int64)


# ---- labels


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([7, -1, 7], [-1, 7], [1, 0, 1]),
        ([2.0, 0.0, 5.0], [0.0, 2.0, 5.0], [1, 0, 2]),
        ([True, False, True], [False, True], [1, 0, 1]),
        (np.array([3, 1, 3], object), [1, 3], [1, 0, 1]),
        (np.array(["b", "a", "b"], object), ["a", "b"], [1, 0, 1]),
        (Duck([2, 1, 2]), [1, 2], [1, 0, 1]),
        (np.array(["2021", "2020", "2021"], "M8[Y]"), None, [1, 0, 1]),
    ],
)
def test_labels_of_any_kind_are_numbered_in_order(y: Any, classes: Any, codes: Any) -> None:
    found, numbers = check_labels(y, 3)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == codes
    assert classes is None or found.tolist() == classes


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_classes_at_codes_are_the_labels(y: list[int]) -> None:
    classes, codes = check_labels(y, len(y))
    assert classes[codes].tolist() == y
    assert classes.tolist() == sorted(set(y))


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (None, ValueError, "requires y to be passed, but the target y is None"),
        ([0.5, 1.0, 2.0], ValueError, "Unknown label type: continuous"),
        (np.array([0.5, 1, 2], object), ValueError, "Unknown label type: continuous"),
        ([1, np.nan, 2], ValueError, r"Input y contains NaN.*\(1,\)"),
        (np.array([1, np.nan, 2], object), ValueError, "Input y contains NaN"),
        ([1, 2, np.inf], ValueError, "Input y contains infinity"),
        (np.array(["a", 1, "b"], object), ValueError, "Unknown label type: y holds labels without"),
        (["a", None, "b"], ValueError, "Unknown label type"),
        ([1j, 2, 3], ValueError, "Complex data not supported: y"),
        ([[1, 2]] * 3, ValueError, r"y should be a 1d array, got an array of shape \(3, 2\)"),
        (3, ValueError, r"y should be a 1d array, got an array of shape \(\)"),
        ([1, 2], ValueError, r"inconsistent numbers of samples: X has 3, y has 2"),
        (np.ma.array([1, 2, 3]), TypeError, "y is a masked array"),
        (Sparse(), TypeError, "y is sparse"),
    ],
)
def test_labels_that_are_none_are_refused(y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check_labels(y, 3)


@pytest.mark.parametrize("check", [check_labels, check_target])
def test_a_column_is_flattened_with_a_warning(check: Callable[[Any, int], Any]) -> None:
    with pytest.warns(DataConversionWarning, match=r"A column-vector y was passed .* ravel\(\)"):
        given_column = check([[1], [2]], 2)
    for a, b in zip(np.atleast_2d(given_column), np.atleast_2d(check([1, 2], 2)), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- targets and weights


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (None, ValueError, "requires y to be passed"),
        (["a", "b"], TypeError, "y must hold numbers"),
        ([1, np.nan], ValueError, r"Input y contains NaN.*\(1,\)"),
        ([1, 2j], ValueError, "Complex data not supported: y"),
        ([1, 2, 3], ValueError, "X has 2, y has 3"),
        ([[1, 2], [3, 4]], ValueError, "y should be a 1d array"),
    ],
)
def test_targets_that_are_none_are_refused(y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check_target(y, 2)


def test_several_outputs_are_taken_where_asked_for() -> None:
    assert check_target([[1, 2], [3, 4]], 2, multi_output=True).shape == (2, 2)
    assert check_target([[1], [3]], 2, multi_output=True).shape == (2, 1)
    assert check_target([1, 3], 2, multi_output=True).dtype == np.float64
    for bad in ([[1, 2]] * 3, [[1, np.nan]] * 2, np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="y"):
            check_target(bad, 2, multi_output=True)


@pytest.mark.parametrize(
    ("w", "error", "words"),
    [
        ([1, -2], ValueError, r"sample_weight must be >= 0, got -2.0 at index 1"),
        ([0, 0], ValueError, "sample_weight .* zero"),
        ([1, np.nan], ValueError, "Input sample_weight contains NaN"),
        ([1, np.inf], ValueError, "Input sample_weight contains infinity"),
        ([1], ValueError, "X has 2, sample_weight has 1"),
        ([[1, 1]], ValueError, "Expected 1D array, got 2D array instead: sample_weight"),
        (2.0, ValueError, "Expected 1D array, got 0D array instead: sample_weight"),
        (["1", "2"], TypeError, "sample_weight must hold numbers"),
    ],
)
def test_bad_weights_are_refused(w: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check_sample_weight(w, 2)


def test_good_weights_become_floats_and_none_stays() -> None:
    assert check_sample_weight(None, 2) is None
    weights = check_sample_weight([0, 3], 2)
    assert weights is not None
    assert weights.dtype == np.float64
    assert weights.tolist() == [0.0, 3.0]


# ---- hyper-parameters


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (1, {"integer": True, "low": 1}),
        (np.int32(7), {"integer": True, "high": 7}),
        (10**400, {"integer": True, "low": 0}),
        (0.5, {"low": 0, "high": 1, "low_open": True, "high_open": True}),
        (Fraction(1, 3), {"low": 0, "high": 1}),
        (-math.inf, {}),
    ],
)
def test_a_number_in_its_range_comes_back(value: Any, options: Any) -> None:
    assert check_scalar(value, "alpha", **options) is value


@pytest.mark.parametrize(
    ("value", "options", "error", "words"),
    [
        (True, {}, TypeError, "alpha must be a number, got True of type bool"),
        (np.bool_(True), {}, TypeError, "alpha must be a number"),
        ("1", {}, TypeError, "alpha must be a number, got '1' of type str"),
        (None, {}, TypeError, "alpha must be a number, got None"),
        (1j, {}, TypeError, "alpha must be a number"),
        (2.0, {"integer": True}, TypeError, "alpha must be an integer, got 2.0 of type float"),
        (np.array(3), {"integer": True}, TypeError, "alpha must be an integer"),
        (math.nan, {}, ValueError, r"alpha must be a number in \[-inf, inf\], got nan"),
        (math.nan, {"low": 0}, ValueError, "got nan"),
        (
            0,
            {"integer": True, "low": 1},
            ValueError,
            r"alpha must be an integer in \[1, inf\), got",
        ),
        (4, {"integer": True, "high": 3}, ValueError, r"an integer in \(-inf, 3\], got 4"),
        (0, {"low": 0, "low_open": True}, ValueError, r"in \(0, inf\], got 0"),
        (1, {"low": 0, "high": 1, "high_open": True}, ValueError, r"in \[0, 1\), got 1"),
        (-0.1, {"low": 0, "high": 1}, ValueError, r"in \[0, 1\], got -0.1"),
        (1.1, {"low": 0, "high": 1}, ValueError, r"in \[0, 1\], got 1.1"),
        (math.inf, {"high": math.inf, "high_open": True}, ValueError, r"inf\), got inf"),
    ],
)
def test_a_number_of_a_wrong_type_or_range_is_refused(
    value: Any, options: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        check_scalar(value, "alpha", **options)


@pytest.mark.parametrize("value", ["full", None, 3])
def test_a_choice_comes_back(value: Any) -> None:
    assert check_choice(value, "kind", ("full", "diag", None, 3)) is value


@pytest.mark.parametrize(
    ("value", "error"),
    [("Full", ValueError), ("__import__('os')", ValueError), (1, TypeError), (["full"], TypeError)],
)
def test_what_is_no_choice_is_answered_with_the_list(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"kind must be one of 'full', 'diag', None, got "):
        check_choice(value, "kind", ("full", "diag", None))


def test_true_is_not_the_choice_one() -> None:
    with pytest.raises(TypeError, match="kind must be one of 1, 2, got True"):
        check_choice(True, "kind", (1, 2))
