# SPDX-License-Identifier: BSD-3-Clause
"""minibatch: walk through arrays in small parts, in order or shuffled.

Source:  Robbins & Monro (1951), stochastic approximation, for the reason.
Differs: several arrays stay aligned; the last part is short unless drop_last.
Cost:    one copy of the rows when shuffled, none in order.
Checked: every row once; alignment; same generator, same order.
"""
# N rows    size: rows of a part

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["minibatch"]


def minibatch(
    *arrays: Any, size: int = 64, rng: np.random.Generator | None = None, drop_last: bool = False
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield aligned parts of arrays along the first axis.

    Parameters
    ----------
    *arrays : arrays of equal length
        Inputs, targets, weights, ...
    size : int, default 64
        Rows of a part.
    rng : Generator, default None
        Shuffles; None keeps the order, and parts are views.
    drop_last : bool, default False
        Leave out a last part that is shorter than size.

    Yields
    ------
    tuple of arrays
        One of each, also where a single array is given.

    Raises
    ------
    ValueError
        If lengths differ, there is no array, or size is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> [t.tolist() for x, t in minibatch(X, y, size=2)]
    [[0, 1], [2, 3], [4]]
    """
    parts = [np.asarray(a) for a in arrays]
    lengths = [len(a) if a.ndim else 0 for a in parts]
    if not lengths or min(lengths) != max(lengths) or any(a.ndim == 0 for a in parts):
        raise ValueError(f"arrays must have one length, got lengths {lengths}")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    return _minibatches(parts, lengths[0], size, rng, drop_last)


def _minibatches(
    arrays: list[NDArray[Any]],
    N: int,
    size: int,
    rng: np.random.Generator | None,
    drop_last: bool,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield the parts; apart from the checks, so that a wrong call fails where it is made."""
    order = None if rng is None else rng.permutation(N)
    for start in range(0, N - size + 1 if drop_last else N, size):
        here = slice(start, start + size)
        yield tuple(a[here] if order is None else a[order[here]] for a in arrays)
