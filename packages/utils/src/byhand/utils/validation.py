# SPDX-License-Identifier: BSD-3-Clause
"""Validation: what users pass becomes checked arrays and numbers, or an error that says why.

Source:  the input contract of scikit-learn's estimators, whose key phrases the messages keep.
Differs: strings, datetimes, masked and sparse arrays are a TypeError that names the way out;
         NaN and infinity are reported with the index of the first one.
Cost:    one pass over the array without a temporary; 5 us for a small clean one. No copy is
         made of an array that already has the right type: the caller's data are only read.
Checked: hostile inputs by type and message; scikit-learn's check_estimator on toy estimators.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .interop import AlsoSklearn

__all__ = [
    "DataConversionWarning",
    "check_array",
    "check_choice",
    "check_column",
    "check_labels",
    "check_sample_weight",
    "check_scalar",
    "check_target",
]


class DataConversionWarning(AlsoSklearn, UserWarning):
    """Data were reshaped, which the caller may not have meant."""


def _to_array(a: object, name: str) -> NDArray[Any]:
    """Convert to a plain ndarray of any dtype; sparse, masked and ragged are refused."""
    if hasattr(type(a), "toarray"):
        raise TypeError(f"{name} is sparse, which is not supported: pass {name}.toarray()")
    if hasattr(type(a), "filled"):
        raise TypeError(f"{name} is a masked array: pass {name}.filled(value), or what is unmasked")
    try:
        return np.asarray(a)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from None


def _to_numbers(x: NDArray[Any], name: str, dtype: Any = np.float64) -> NDArray[Any]:
    """Convert to a numeric dtype; strings, dates, complex numbers and objects are refused."""
    kind = x.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}")
    if kind not in "fiubO" or (kind == "O" and any(isinstance(v, str | bytes) for v in x.flat)):
        found = "strings" if kind == "O" else x.dtype
        raise TypeError(f"{name} must hold numbers, got {found}: encode or drop what is none")
    if isinstance(dtype, str) and dtype == "float":
        dtype = np.float32 if kind == "f" and x.dtype.itemsize == 4 else np.float64
    if kind == "O":  # pandas marks what is missing in a column of integers by an object
        x = np.where(np.reshape([type(v).__name__ == "NAType" for v in x.flat], x.shape), np.nan, x)
    try:
        with np.errstate(all="ignore"):  # a fraction or overflow is found below
            z = x.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        kind_of_error = TypeError if isinstance(error, TypeError) else ValueError
        raise kind_of_error(f"{name} must hold numbers: {error}") from None
    if z.dtype.kind in "iu" and z is not x and np.any(z != x):
        _check_finite(x, name)
        raise TypeError(f"{name} must hold whole numbers within {z.dtype}")
    return z


def _check_finite(x: NDArray[Any], name: str, allow_nan: bool = False) -> None:
    """Refuse infinity, and NaN unless allowed, naming the index of the first one."""
    with np.errstate(all="ignore"):
        # a sum needs no temporary, and is as fast as isfinite(x).all() or faster
        if x.dtype.kind != "f" or math.isfinite(x.sum()):
            return
    bad = np.isinf(x) if allow_nan else ~np.isfinite(x)
    if bad.any():
        index = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        what = "NaN" if np.isnan(x[index]) else f"infinity or a value too large for {x.dtype!r}"
        raise ValueError(f"Input {name} contains {what}. The first is at index {index}.")


def _check_length(v: NDArray[Any], name: str, n_samples: int) -> None:
    if len(v) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples:"
            f" X has {n_samples}, {name} has {len(v)}"
        )


def check_array(
    a: object,
    name: str,
    *,
    ndim: int | None = 2,
    dtype: Any = np.float64,
    allow_nan: bool = False,
    min_rows: int = 1,
) -> NDArray[Any]:
    """Convert to a numeric array of the right shape without NaN and infinity, or refuse.

    Parameters
    ----------
    a : array-like
        An array, nested lists, a pandas or polars frame or column.
    name : str
        How messages call it.
    ndim : int or None, default 2
        Number of axes; None takes any.
    dtype : dtype or "float", default np.float64
        "float" keeps float32 and makes all else float64; integer dtypes take whole numbers only.
    allow_nan : bool, default False
        Let NaN pass; infinity never does.
    min_rows : int, default 1
        Least length of the first axis. A second axis must not be empty.

    Returns
    -------
    ndarray
        Shares memory with a where no conversion was needed: never write to it.

    Raises
    ------
    TypeError
        If a is sparse, masked, or holds anything but numbers.
    ValueError
        If a is complex or ragged, of another number of axes, too short, or holds NaN or infinity.

    Examples
    --------
    >>> check_array([[1, 2], [3, 4]], "X")
    array([[1., 2.],
           [3., 4.]])
    """
    x = _to_numbers(_to_array(a, name), name, dtype)
    if ndim is not None and x.ndim != ndim:
        raise ValueError(
            f"Expected {ndim}D array, got {x.ndim}D array instead: {name} has shape {x.shape}."
            " Reshape your data, for instance with array.reshape(-1, 1) if it has a single feature"
            " or array.reshape(1, -1) if it is a single sample."
        )
    for n, what, least in zip(x.shape, ("sample", "feature"), (min_rows, 1), strict=False):
        if n < least:
            raise ValueError(
                f"Found array with {n} {what}(s) (shape={x.shape}) while a minimum of {least} is"
                f" required. It is {name}."
            )
    _check_finite(x, name, allow_nan)
    return x


def check_column(y: object, name: str, n_samples: int) -> NDArray[Any]:
    """One value of any kind a sample; a column (n_samples, 1) is flattened, with a warning."""
    if y is None:
        raise ValueError(f"This method requires y to be passed, but the target y is None ({name})")
    v = _to_array(y, name)
    if v.ndim == 2 and v.shape[1] == 1:
        text = (
            f"A column-vector {name} was passed when a 1d array was expected. Please change the"
            f" shape of {name} to (n_samples, ), for example using ravel()."
        )
        warnings.warn(DataConversionWarning(text), stacklevel=4)
        v = v[:, 0]
    if v.ndim != 1:
        raise ValueError(f"{name} should be a 1d array, got an array of shape {v.shape} instead.")
    _check_length(v, name, n_samples)
    return v


def check_labels(y: object, n_samples: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct labels and, for each sample, the position of its label among them.

    Parameters
    ----------
    y : array-like
        Labels of any kind that can be sorted: strings, numbers without fractions, booleans.
        A column of shape (n_samples, 1) is flattened with a DataConversionWarning.
    n_samples : int
        Number of rows of X.

    Returns
    -------
    classes : (n_classes,) array
        Sorted.
    codes : (n_samples,) array of int64
        ``classes[codes]`` is y.

    Raises
    ------
    ValueError
        If y is None, of another shape or length, complex, or holds NaN, infinity, fractions
        (a regression target) or labels without an order.

    Examples
    --------
    >>> check_labels(["spam", "ham", "spam"], 3)
    (array(['ham', 'spam'], dtype='<U4'), array([1, 0, 1]))
    """
    v = check_column(y, "y", n_samples)
    if v.dtype.kind == "O" and all(isinstance(label, numbers.Number) for label in v):
        v = np.asarray(v.tolist())  # numbers in an object array
    if v.dtype.kind == "c":
        raise ValueError("Complex data not supported: y is complex")
    _check_finite(v, "y")
    if v.dtype.kind == "f" and np.any(v != np.floor(v)):
        raise ValueError("Unknown label type: continuous. y holds fractions, classes are discrete.")
    try:
        classes, codes = np.unique(v, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"Unknown label type: y holds labels without order: {error}") from None
    return classes, codes.astype(np.int64, copy=False)


def check_target(y: object, n_samples: int, *, multi_output: bool = False) -> NDArray[np.float64]:
    """Convert a regression target to float64, or refuse.

    Parameters
    ----------
    y : array-like
        One number a sample. A column of shape (n_samples, 1) is flattened with a
        DataConversionWarning.
    n_samples : int
        Number of rows of X.
    multi_output : bool, default False
        Take shape (n_samples, n_outputs) as it is.

    Returns
    -------
    (n_samples,) or (n_samples, n_outputs) array

    Raises
    ------
    TypeError
        If y is sparse, masked, or holds anything but numbers.
    ValueError
        If y is None, complex, of another shape or length, or holds NaN or infinity.

    Examples
    --------
    >>> check_target([1, 2], 2)
    array([1., 2.])
    """
    if multi_output and y is not None and _to_array(y, "y").ndim == 2:
        v = check_array(y, "y", min_rows=0)
        _check_length(v, "y", n_samples)
        return v
    v = _to_numbers(check_column(y, "y", n_samples), "y")
    _check_finite(v, "y")
    return v


def check_sample_weight(sample_weight: object, n_samples: int) -> NDArray[np.float64] | None:
    """Convert weights to float64, or refuse; None stays None.

    Parameters
    ----------
    sample_weight : array-like or None
        One number >= 0 a sample, not all of them zero.
    n_samples : int
        Number of rows of X.

    Returns
    -------
    (n_samples,) array or None

    Raises
    ------
    TypeError
        If sample_weight is sparse, masked, or holds anything but numbers.
    ValueError
        If it is of another shape or length, negative somewhere, zero everywhere, or not finite.

    Examples
    --------
    >>> check_sample_weight([0, 2], 2)
    array([0., 2.])
    """
    if sample_weight is None:
        return None
    w = check_array(sample_weight, "sample_weight", ndim=1)
    _check_length(w, "sample_weight", n_samples)
    if w.min() < 0:
        i = int(w.argmin())
        raise ValueError(f"sample_weight must be >= 0, got {w[i]} at index {i}")
    if not w.any():
        raise ValueError("sample_weight must hold a weight other than zero, all are zero")
    return w


def check_scalar(
    value: Any,
    name: str,
    *,
    integer: bool = False,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
) -> Any:
    """Check the type and the range of a number, and return it.

    Parameters
    ----------
    value : number
        What was given; booleans and NaN are refused.
    name : str
        How messages call it.
    integer : bool, default False
        Refuse floats.
    low, high : float or None, default None
        Ends of the range; None is minus or plus infinity.
    low_open, high_open : bool, default False
        Refuse the end itself.

    Raises
    ------
    TypeError
        If value is not such a number.
    ValueError
        If value is outside of the range, or NaN.

    Examples
    --------
    >>> check_scalar(0, "max_iter", integer=True, low=1)
    Traceback (most recent call last):
    ValueError: max_iter must be an integer in [1, inf), got 0
    """
    kind: Any = numbers.Integral if integer else numbers.Real
    words = "an integer" if integer else "a number"
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be {words}, got {value!r} of type {type(value).__name__}")
    start, end = -math.inf if low is None else low, math.inf if high is None else high
    above = value > start if low_open else value >= start
    below = value < end if high_open else value <= end
    if not (above and below):  # NaN is neither
        left = "(" if low_open or (integer and low is None) else "["
        right = ")" if high_open or (integer and high is None) else "]"
        raise ValueError(f"{name} must be {words} in {left}{start}, {end}{right}, got {value}")
    return value


def check_choice(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """Check that a value is one of a few, and return it.

    Parameters
    ----------
    value : str or other
        What was given.
    name : str
        How messages call it.
    choices : sequence
        What is allowed.

    Raises
    ------
    TypeError
        If value is of the type of no choice.
    ValueError
        If value is no choice; the message lists them.

    Examples
    --------
    >>> check_choice("tide", "covariance_type", ("full", "tied"))
    Traceback (most recent call last):
    ValueError: covariance_type must be one of 'full', 'tied', got 'tide'
    """
    alike = [choice for choice in choices if type(choice) is type(value)]
    if value in alike:
        return value
    error = ValueError if alike else TypeError
    raise error(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
