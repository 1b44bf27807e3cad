# SPDX-License-Identifier: BSD-3-Clause
"""Random state: what users pass as ``random_state`` becomes one generator.

Source:  NumPy's Generator and SeedSequence (NEP 19).
Differs: RandomState and the global state of NumPy are refused: they are shared between callers.
Cost:    about 10 us for a seed, nothing for a generator.
Checked: equal seeds, equal streams; the global state before and after.
"""

from __future__ import annotations

import numbers

import numpy as np

__all__ = ["check_random_state"]


def check_random_state(random_state: object) -> np.random.Generator:
    """Make a generator of what the caller passed.

    Parameters
    ----------
    random_state : None, int, SeedSequence or Generator
        None draws fresh entropy; an int (0 too) or a SeedSequence is a seed; a Generator is
        returned as it is, so that its stream goes on.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    TypeError
        If random_state is anything else.
    ValueError
        If random_state is a negative int.

    Examples
    --------
    >>> check_random_state(0).integers(100, size=3)
    array([85, 63, 51])
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    is_int = isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool)
    if is_int and random_state < 0:  # type: ignore[operator]
        raise ValueError(f"random_state must be >= 0, got {random_state}")
    if random_state is None or is_int or isinstance(random_state, np.random.SeedSequence):
        return np.random.default_rng(random_state)  # type: ignore[arg-type]
    raise TypeError(
        "random_state must be None, an int, a numpy.random.SeedSequence or a"
        f" numpy.random.Generator, got {type(random_state).__name__}"
    )
