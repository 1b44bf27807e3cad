# SPDX-License-Identifier: BSD-3-Clause
"""Backward recursion: how probable the rest of a sequence is, given the state now.

Source:  Baum et al. (1970); Rabiner (1989), eq. 23-25.
Differs: works on log-probabilities; rows are shifted to a largest entry of 0, as in `forward`.
Cost:    O(T K^2) time, O(T K) memory.
Checked: enumeration of all K^T paths; its log-likelihood equals that of `forward`.
"""
# T steps, K states
# log_pi (K,)  log_A (K, K) from row to column  log_b (T, K) log p(x_t | z_t = k)
# log_beta (T, K) log p(x_t+1..T | z_t = k) = rows + (sum of the shifts from t on)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_log_model

__all__ = ["Backward", "backward", "backward_rows"]


class Backward(NamedTuple):
    """What the backward recursion gives."""

    log_beta: NDArray[np.float64]  # (T, K) log p(x_t+1..T | z_t = k)
    log_likelihood: float  # log p(x_1..T), nats


def backward(log_pi: ArrayLike, log_A: ArrayLike, log_b: ArrayLike) -> Backward:
    """Log-probability of the observations still to come, given each state.

    Parameters
    ----------
    log_pi : (K,) array
        Log initial probabilities; -inf where a state cannot start.
    log_A : (K, K) array
        Log transition probabilities, from row to column.
    log_b : (T, K) array
        Log-likelihood of each observation in each state, natural log.

    Returns
    -------
    Backward
        `log_beta` (T, K), whose last row is 0, and `log_likelihood` in nats.

    Raises
    ------
    ValueError
        If the shapes disagree, T is 0, or an entry is NaN or +inf.

    Examples
    --------
    Ice creams eaten on three days (3, 1, 3), states hot and cold (Jurafsky & Martin):

    >>> import numpy as np
    >>> A, b = [[0.6, 0.4], [0.5, 0.5]], [[0.4, 0.1], [0.2, 0.5], [0.4, 0.1]]
    >>> result = backward(np.log([0.8, 0.2]), np.log(A), np.log(b))
    >>> np.exp(result.log_beta[1]).round(4)
    array([0.28, 0.25])
    """
    pi, A, b = check_log_model(log_pi, log_A, log_b)
    rows, shift = backward_rows(A, b)
    with np.errstate(under="ignore"):
        log_likelihood = np.logaddexp.reduce(pi + b[0] + rows[0]) + shift.sum()
    return Backward(rows + np.cumsum(shift[::-1])[::-1, None], float(log_likelihood))


def backward_rows(
    log_A: NDArray[np.float64], log_b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of log_beta, each less its largest entry, and those entries' differences (T,)."""
    T, K = log_b.shape
    rows, shift = np.zeros((T, K)), np.zeros(T)  # Rabiner 24
    with np.errstate(under="ignore"):
        for t in range(T - 2, -1, -1):
            step = log_A + (log_b[t + 1] + rows[t + 1])  # (K, K) in row now, in column next
            row = np.logaddexp.reduce(step, axis=1)  # (K,)  Rabiner 25
            top = row.max()
            if top > -np.inf:  # an impossible rest stays -inf
                shift[t] = top
            rows[t] = row - shift[t]
    return rows, shift
