# SPDX-License-Identifier: BSD-3-Clause
"""Forward-backward: the probability of each state at each step, given the whole sequence.

Source:  Baum et al. (1970); Rabiner (1989), eq. 27 (gamma) and 37 (xi).
Differs: xi is summed over t = 1..T-1 at once, as only the sum is needed to learn.
Cost:    O(T K^2) time, O(T K) memory.
Checked: enumeration of all K^T paths; xi sums to T - 1; gamma to 1 in each row.
"""
# T steps, K states
# log_pi (K,)  log_A (K, K) from row to column  log_b (T, K) log p(x_t | z_t = k); pi, A, b once
# they are checked

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .backward import backward_rows
from .checks import check_log_model
from .forward import forward_rows

__all__ = ["Posterior", "forward_backward"]


class Posterior(NamedTuple):
    """Posterior probabilities of states and of transitions."""

    log_likelihood: float  # log p(x_1..T), nats
    gamma: NDArray[np.float64]  # (T, K) p(z_t = k | x_1..T)
    xi: NDArray[np.float64]  # (K, K) sum_t p(z_t = i, z_t+1 = j | x_1..T)


def forward_backward(log_pi: ArrayLike, log_A: ArrayLike, log_b: ArrayLike) -> Posterior:
    """Posterior probabilities of the states, given all observations.

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
    Posterior
        `log_likelihood` in nats, `gamma` (T, K) with rows that sum to 1, `xi` (K, K) with sum
        T - 1.

    Raises
    ------
    ValueError
        If the shapes disagree, T is 0, an entry is NaN or +inf, or the sequence is impossible
        (its states then have no posterior).

    Examples
    --------
    Ice creams eaten on three days (3, 1, 3), states hot and cold (Jurafsky & Martin):

    >>> import numpy as np
    >>> A, b = [[0.6, 0.4], [0.5, 0.5]], [[0.4, 0.1], [0.2, 0.5], [0.4, 0.1]]
    >>> result = forward_backward(np.log([0.8, 0.2]), np.log(A), np.log(b))
    >>> result.gamma.round(4)
    array([[0.9366, 0.0634],
           [0.3961, 0.6039],
           [0.8226, 0.1774]])
    """
    pi, A, b = check_log_model(log_pi, log_A, log_b)
    log_alpha, shift = forward_rows(pi, A, b)
    log_beta, _ = backward_rows(A, b)
    with np.errstate(under="ignore"):
        log_likelihood = float(np.logaddexp.reduce(log_alpha[-1]) + shift.sum())
        if log_likelihood == -np.inf:
            raise ValueError(
                "log_b holds a sequence that is impossible under the model (log-likelihood -inf):"
                " its states have no posterior"
            )
        # both are known up to a constant for each t: scaling to sum 1 makes up for it
        gamma = np.exp(_less_max(log_alpha + log_beta, axes=1))  # (T, K)  Rabiner 27
        gamma /= gamma.sum(axis=1, keepdims=True)
        xi = np.zeros(A.shape)
        for t in range(len(b) - 1):
            pair = log_alpha[t][:, None] + A + (b[t + 1] + log_beta[t + 1])  # (K, K)
            p = np.exp(_less_max(pair, axes=(0, 1)))  # Rabiner 37
            xi += p / p.sum()
    return Posterior(log_likelihood, gamma, xi)


def _less_max(a: NDArray[np.float64], axes: int | tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(a - a.max(axis=axes, keepdims=True))
