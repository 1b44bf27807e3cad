# SPDX-License-Identifier: BSD-3-Clause
"""Baum-Welch: maximum-likelihood learning of a hidden Markov model with categorical emissions.

Source:  Baum et al. (1970); Rabiner (1989), eq. 40 (re-estimation), 109-110 (several sequences).
Differs: starts where the caller says; a state that nothing visits keeps its probabilities, and
         exact zeros stay zero. `CategoricalHMM` runs the same steps many times faster.
Cost:    O(n_iter T K^2) time, O(T K) memory for the longest sequence.
Checked: one step against posteriors by enumeration; hmmlearn; the likelihood never falls.
"""
# T steps of a sequence, K states, V symbols
# pi (K,) start   A (K, K) transitions from row to column   B (K, V) emissions: probabilities

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.em import em
from byhand.utils.validation import check_scalar

from .checks import as_sequences, check_stochastic, check_symbols, exact_log, normalised
from .forward_backward import forward_backward

__all__ = ["BaumWelch", "baum_welch"]

Floats = NDArray[np.float64]


class BaumWelch(NamedTuple):
    """A trained model and how the training went."""

    startprob: Floats  # (K,) pi
    transmat: Floats  # (K, K) A
    emissionprob: Floats  # (K, V) B
    history: list[float]  # log-likelihood before step i + 1, nats; the last: of this model
    n_iter: int  # steps made
    converged: bool  # the last step gained less than tol


class _Model(NamedTuple):
    pi: Floats  # (K,)
    A: Floats  # (K, K)
    B: Floats  # (K, V)


@dataclass(frozen=True)
class _Counts:
    """Expected counts: all that learning needs to know of the data."""

    objective: float  # sum of the log-likelihoods
    start: Floats  # (K,) sum of gamma_1
    moves: Floats  # (K, K) sum of xi
    symbols: Floats  # (K, V) sum of gamma_t where x_t = v

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            self.objective + other.objective,
            self.start + other.start,
            self.moves + other.moves,
            self.symbols + other.symbols,
        )


def baum_welch(
    startprob: ArrayLike,
    transmat: ArrayLike,
    emissionprob: ArrayLike,
    sequences: ArrayLike | Sequence[ArrayLike],
    *,
    n_iter: int = 100,
    tol: float = 1e-6,
) -> BaumWelch:
    """Learn from symbol sequences, beginning at the given probabilities.

    Parameters
    ----------
    startprob : (K,) array
        Initial probabilities.
    transmat : (K, K) array
        Transition probabilities, from row to column.
    emissionprob : (K, V) array
        Probability of each symbol in each state.
    sequences : (T,) array of int, or list of such arrays
        Symbols 0 to V - 1. Numbers in a list are one sequence, arrays or lists in it are several.
    n_iter : int, default 100
        Largest number of steps.
    tol : float, default 1e-6
        Stop when a step raises the log-likelihood by less than this (nats).

    Returns
    -------
    BaumWelch
        The probabilities learned, the `history` of log-likelihoods, `n_iter` and `converged`.

    Raises
    ------
    ValueError
        If probabilities do not sum to 1, a symbol is out of range, or a sequence is impossible.
    TypeError
        If a symbol is not a whole number.

    Warns
    -----
    ConvergenceWarning
        If the last of n_iter steps still gained tol or more.

    Examples
    --------
    One state can only count: it learns the frequencies.

    >>> baum_welch([1.0], [[1.0]], [[0.5, 0.5]], [0, 1, 1, 1]).emissionprob
    array([[0.25, 0.75]])
    """
    pi = check_stochastic(startprob, "startprob", (None,))
    A = check_stochastic(transmat, "transmat", (len(pi), len(pi)))
    B = check_stochastic(emissionprob, "emissionprob", (len(pi), None))
    check_scalar(n_iter, "n_iter", integer=True, low=0)
    check_scalar(tol, "tol", low=0)
    data = [_check_sequence(s, B.shape[1]) for s in as_sequences(sequences, "sequences")]

    def e_step(model: _Model) -> _Counts:
        total = _expected_counts(model, data[0])
        for x in data[1:]:
            total = total + _expected_counts(model, x)
        return total

    last = _Model(pi, A, B)

    def m_step(counts: _Counts) -> _Model:
        nonlocal last
        last = _most_likely(counts, last)
        return last

    result = em(last, e_step, m_step, max_iter=n_iter, tol=tol)
    return BaumWelch(*result.params, result.history, result.n_iter, result.converged)


def _expected_counts(model: _Model, x: NDArray[np.int64]) -> _Counts:
    """E-step: the counts of one sequence, averaged over its possible paths."""
    log_b = exact_log(model.B)[:, x].T  # (T, K)
    posterior = forward_backward(exact_log(model.pi), exact_log(model.A), log_b)
    symbols = np.zeros(model.B.shape)
    np.add.at(symbols.T, x, posterior.gamma)  # (V, K)
    return _Counts(posterior.log_likelihood, posterior.gamma[0], posterior.xi, symbols)


def _most_likely(counts: _Counts, last: _Model) -> _Model:
    """M-step: the model that makes these counts most probable."""
    return _Model(
        normalised(counts.start, last.pi),  # Rabiner 40a
        normalised(counts.moves, last.A),  # Rabiner 40b
        normalised(counts.symbols, last.B),  # Rabiner 40c
    )


def _check_sequence(x: object, n_symbols: int) -> NDArray[np.int64]:
    symbols = check_symbols(x, "sequences", n_symbols)
    if symbols.ndim == 2 and symbols.shape[1] == 1:
        symbols = symbols[:, 0]
    if symbols.ndim != 1:
        raise ValueError(
            f"sequences must hold arrays of shape (T,) or (T, 1), got one of {symbols.shape}"
        )
    return symbols
