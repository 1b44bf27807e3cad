# SPDX-License-Identifier: BSD-3-Clause
"""Viterbi decoding: the single most probable state path of a hidden Markov model.

Source:  Viterbi (1967); Rabiner (1989), section III-B, eq. 32-35.
Differs: works on log-probabilities, so that no product underflows; log 0 is -inf, and an
         impossible sequence has probability 0 (log-probability -inf) instead of an error.
Cost:    O(T K^2) time, O(T K) memory for the back-pointers.
Checked: enumeration of all K^T paths; the ice-cream example of Jurafsky & Martin (H C H, 0.0128).
"""
# T steps, K states
# log_pi (K,)  log_A (K, K) from row to column  log_b (T, K) log p(x_t | z_t = k)
# delta (K,) best log-probability of any path ending in k    back (T, K) where that path came from

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_log_model

__all__ = ["Path", "viterbi"]


class Path(NamedTuple):
    """A decoded path."""

    states: NDArray[np.int64]  # (T,) argmax over z_1..T of p(z, x)
    log_probability: float  # log p(z, x) of that path, nats


def viterbi(log_pi: ArrayLike, log_A: ArrayLike, log_b: ArrayLike) -> Path:
    """Most probable state path given all observations.

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
    Path
        The states and the log-probability of the path jointly with the observations.
        Equal paths are broken towards the lower state number.

    Raises
    ------
    ValueError
        If the shapes disagree, T is 0, or an entry is NaN or +inf.

    Examples
    --------
    Ice creams eaten on three days (3, 1, 3), states hot and cold (Jurafsky & Martin):

    >>> import numpy as np
    >>> A, b = [[0.6, 0.4], [0.5, 0.5]], [[0.4, 0.1], [0.2, 0.5], [0.4, 0.1]]
    >>> path = viterbi(np.log([0.8, 0.2]), np.log(A), np.log(b))
    >>> path.states, round(float(np.exp(path.log_probability)), 6)
    (array([0, 1, 0]), 0.0128)
    """
    pi, A, b = check_log_model(log_pi, log_A, log_b)
    T, K = b.shape
    back = np.zeros((T, K), dtype=np.int64)
    delta = pi + b[0]  # (K,)  Rabiner 32
    for t in range(1, T):
        score = delta[:, None] + A  # (K, K) best path into row, then the step to column
        back[t] = score.argmax(axis=0)
        delta = score.max(axis=0) + b[t]  # (K,)  Rabiner 33

    states = np.empty(T, dtype=np.int64)
    states[-1] = delta.argmax()
    for t in range(T - 1, 0, -1):
        states[t - 1] = back[t, states[t]]  # Rabiner 35
    return Path(states, float(delta.max()))
