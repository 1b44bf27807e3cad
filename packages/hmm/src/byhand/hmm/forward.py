# SPDX-License-Identifier: BSD-3-Clause
"""Forward recursion: how probable a sequence is under a hidden Markov model.

Source:  Baum et al. (1970); Rabiner (1989), eq. 19-21.
Differs: works on log-probabilities, so that no product underflows; log 0 is -inf, and an
         impossible sequence has log-likelihood -inf. Rows are shifted to a largest entry of 0,
         and the shifts are summed pairwise: one running sum of a million terms loses five digits.
Cost:    O(T K^2) time, O(T K) memory.
Checked: enumeration of all K^T paths; the ice-cream example of Jurafsky & Martin (0.028562);
         Rabiner's weather chain (1.536e-4); a million steps of probability 1/2.
"""
# T steps, K states
# log_pi (K,)  log_A (K, K) from row to column  log_b (T, K) log p(x_t | z_t = k)
# log_alpha (T, K) log p(x_1..t, z_t = k) = rows + (sum of the shifts up to t)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_log_model

__all__ = ["Forward", "forward", "forward_rows"]


class Forward(NamedTuple):
    """What the forward recursion gives."""

    log_alpha: NDArray[np.float64]  # (T, K) log p(x_1..t, z_t = k)
    log_likelihood: float  # log p(x_1..T), nats


def forward(log_pi: ArrayLike, log_A: ArrayLike, log_b: ArrayLike) -> Forward:
    """Log-probability of the observations so far, jointly with each state.

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
    Forward
        `log_alpha` (T, K) and `log_likelihood` in nats, -inf for an impossible sequence.

    Raises
    ------
    ValueError
        If the shapes disagree, T is 0, or an entry is NaN or +inf.

    Examples
    --------
    Ice creams eaten on three days (3, 1, 3), states hot and cold (Jurafsky & Martin):

    >>> import numpy as np
    >>> A, b = [[0.6, 0.4], [0.5, 0.5]], [[0.4, 0.1], [0.2, 0.5], [0.4, 0.1]]
    >>> result = forward(np.log([0.8, 0.2]), np.log(A), np.log(b))
    >>> round(float(np.exp(result.log_likelihood)), 6)
    0.028562
    """
    rows, shift = forward_rows(*check_log_model(log_pi, log_A, log_b))
    with np.errstate(under="ignore"):
        log_likelihood = np.logaddexp.reduce(rows[-1]) + shift.sum()
    return Forward(rows + np.cumsum(shift)[:, None], float(log_likelihood))


def forward_rows(
    log_pi: NDArray[np.float64], log_A: NDArray[np.float64], log_b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of log_alpha, each less its largest entry, and those entries' differences (T,)."""
    T, K = log_b.shape
    rows, shift = np.empty((T, K)), np.zeros(T)
    row = log_pi + log_b[0]  # (K,)  Rabiner 19
    with np.errstate(under="ignore"):
        for t in range(T):
            if t > 0:
                step = rows[t - 1][:, None] + log_A  # (K, K) in row before, in column now
                row = np.logaddexp.reduce(step, axis=0) + log_b[t]  # (K,)  Rabiner 20
            top = row.max()
            if top > -np.inf:  # an impossible prefix stays -inf
                shift[t] = top
            rows[t] = row - shift[t]
    return rows, shift
