# SPDX-License-Identifier: BSD-3-Clause
"""Sequences as users pass them: X with lengths, or a list of arrays.

Source:  hmmlearn's ``(X, lengths)`` convention.
Differs: a list or tuple of arrays is a list of sequences; 1-D arrays in it are single columns.
Cost:    one copy where a list has to be joined.
Checked: both forms give the same model; each message by a test.
"""
# N rows of all S sequences together   lengths (S,)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.validation import check_array

__all__ = ["check_lengths", "check_rows", "given_lengths", "is_sequence_list", "join_sequences"]


def is_sequence_list(X: object) -> bool:
    """Whether X is a list or tuple of arrays, as opposed to rows written as lists."""
    return (
        isinstance(X, (list, tuple))
        and len(X) > 0
        and all(hasattr(x, "shape") and len(x.shape) > 0 for x in X)
    )


def join_sequences(
    X: list[object] | tuple[object, ...], lengths: object
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One array (N, D) and the lengths of the sequences in it."""
    if lengths is not None:
        raise ValueError("lengths must be None where X is a list of sequences")
    arrays = [check_rows(x, f"X[{i}]") for i, x in enumerate(X)]
    for i, a in enumerate(arrays):
        if a.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"X must hold sequences with the same number of features: X[0] has"
                f" {arrays[0].shape[1]}, X[{i}] has {a.shape[1]}"
            )
    return np.concatenate(arrays), np.array([len(a) for a in arrays], dtype=np.int64)


def check_rows(x: object, name: str) -> NDArray[np.float64]:
    """One sequence as rows (T, D); a vector is a single column."""
    a: NDArray[np.float64] = check_array(x, name, ndim=None, allow_nan=True)
    if a.ndim not in (1, 2):
        raise ValueError(f"Expected 2D array, got {a.ndim}D array instead: {name}")
    return a[:, None] if a.ndim == 1 else a


def given_lengths(X: Any, y: Any, lengths: Any) -> Any:
    """Tell hmmlearn's ``fit(X, lengths)`` from scikit-learn's ``fit(X, y)``.

    A second argument with one entry for each row of X is a target, which is ignored, unless all
    are 1: lengths of as many sequences of one row.
    """
    if y is None or lengths is not None or is_sequence_list(X):
        return y if lengths is None else lengths
    entries = np.asarray(y)
    is_target = entries.ndim > 0 and len(entries) == len(X) and not (entries == 1).all()
    return None if is_target else y


def check_lengths(lengths: object, n_rows: int) -> NDArray[np.int64]:
    """Lengths (S,) of sequences that fill n_rows rows; None is one sequence."""
    if lengths is None:
        return np.array([n_rows], dtype=np.int64)
    given = check_array(lengths, "lengths", ndim=1)
    whole = given.astype(np.int64)
    if (whole != given).any():
        raise TypeError(f"lengths must hold whole numbers, got {given[whole != given][0]}")
    if (whole < 1).any():
        raise ValueError(f"lengths must hold numbers >= 1, got {int(whole.min())}")
    if whole.sum() != n_rows:
        raise ValueError(
            f"lengths must sum to {n_rows}, the number of rows of X, got {int(whole.sum())}"
        )
    return whole
