# SPDX-License-Identifier: BSD-3-Clause
"""CategoricalHMM: a hidden Markov model whose states emit symbols.

Source:  Rabiner (1989), section III and eq. 40c; the interface of hmmlearn.
Differs: NaN is a missing symbol and is summed over exactly; several columns are several symbols
         of one step, drawn independently from the state's distribution.
Cost:    O(T K^2) per step of EM.
Checked: `baum_welch` on the same start; enumeration; hmmlearn.
"""
# N steps, D symbols each (mostly 1), K states, V symbols
# observations (D, N) symbols, V where missing   B (K, V)   table (K, V + 1) with 1 for missing

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.validation import check_scalar

from .base import BaseHMM, check_prior
from .checks import check_stochastic, exact_log, normalised
from .e_step import Model, fill_blocks
from .training import log_dirichlet

__all__ = ["CategoricalEmission", "CategoricalHMM"]

Floats = NDArray[np.float64]


class CategoricalEmission(NamedTuple):
    """Probabilities of the symbols in each state."""

    emissionprob_: Floats  # (K, V)

    @property
    def has_table(self) -> bool:
        """Whether likelihoods are looked up: always."""
        return True

    def prepare(self, X: Floats) -> NDArray[np.int64]:
        """Symbols (D, N); a missing one is V."""
        missing = np.isnan(X)
        if missing.any():
            X = np.where(missing, self.emissionprob_.shape[1], X)
        return X.T.astype(np.int64, order="C")

    def log_likelihood(self, observations: NDArray[np.int64]) -> Floats:
        """Return log p(x_t | z_t = k), (K, N)."""
        table = _with_missing(exact_log(self.emissionprob_), 0.0)
        return np.asarray(sum(np.take(table, x, axis=1) for x in observations))

    def log_table(self, observations: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64] | None]:
        """Return the logarithms (K, V + 1) and the symbols that point into them."""
        if len(observations) > 1:
            return self.log_likelihood(observations), None
        return _with_missing(exact_log(self.emissionprob_), 0.0), observations[0]

    def fill(self, observations: NDArray[np.int64], out: Floats) -> Floats:
        """Write likelihoods into blocks (steps, K, n), the largest of each column 1."""
        if len(observations) > 1:
            return fill_blocks(self.log_likelihood(observations), out)
        top = self.emissionprob_.max(axis=0)  # (V,)
        table = _with_missing(self.emissionprob_ / np.where(top > 0, top, 1.0), 1.0)
        log_top = np.append(exact_log(top), 0.0)
        if out[0].size < 512:  # one call for all steps, and a copy
            b = np.take(table, observations[0], axis=1)
            out[...] = np.moveaxis(b.reshape(len(b), len(out), -1), 1, 0)
        else:
            for x_t, b_t in zip(observations[0].reshape(len(out), -1), out, strict=True):
                np.take(table, x_t, axis=1, out=b_t, mode="clip")  # "clip": no copy of out
        return np.asarray(log_top[observations[0]])

    def collector(self, observations: NDArray[np.int64]) -> _SymbolCounts:
        """Begin to count symbols."""
        return _SymbolCounts(observations, np.zeros(np.add(self.emissionprob_.shape, (0, 1))))

    def sample(self, states: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw one symbol for each state: (N, 1)."""
        V = self.emissionprob_.shape[1]
        upto = np.cumsum(self.emissionprob_, axis=1)
        u = rng.random(len(states)) * upto[states, -1]
        x = np.empty(len(states), dtype=np.int64)
        for k in range(len(upto)):
            here = states == k
            x[here] = np.searchsorted(upto[k], u[here], side="right")
        return np.asarray(np.minimum(x, V - 1)[:, None])


class _SymbolCounts:
    def __init__(self, observations: NDArray[np.int64], counts: Floats) -> None:
        self.observations = observations  # (D, N)
        self.counts = counts  # (K, V + 1)

    def add(self, columns: Any, gamma: Floats) -> None:
        V = self.counts.shape[1]
        for x in self.observations[:, columns]:
            for k, weights in enumerate(gamma):
                self.counts[k] += np.bincount(x, weights, V)

    def total(self) -> Floats:
        return self.counts[:, :-1]


class CategoricalHMM(BaseHMM):
    """Hidden Markov model whose states emit symbols 0, 1, ..., V - 1.

    Parameters
    ----------
    n_components : int, default 1
        Number of states K.
    startprob_prior, transmat_prior : float or array, default 1.0
        Dirichlet parameters of the start (K,) and of each row of the transitions (K, K); 1 is no
        prior.
    emissionprob_prior : float or array, default 1.0
        Dirichlet parameters of each row of the emissions (K, V).
    n_features : int or None, default None
        Number of symbols V; None takes the largest symbol of the data plus 1.
    algorithm : {"viterbi", "map"}, default "viterbi"
        What `decode` and `predict` maximise: the whole path, or each state by itself.
    random_state : None, int, SeedSequence or Generator, default None
        Draws the first guess, and samples.
    n_iter : int, default 100
        Largest number of EM steps.
    tol : float, default 1e-2
        EM stops when a step raises the objective by less than this (nats, over all data).
    params, init_params : str, default "ste"
        What fit learns, and what it draws a first guess of: "s" startprob_, "t" transmat_, "e"
        emissionprob_. What init_params leaves
        out starts from the attribute, where there is one.
    n_init : int, default 1
        Number of first guesses, which advance together; the best model is kept.

    Attributes
    ----------
    startprob_ : (K,) array
        Initial probabilities.
    transmat_ : (K, K) array
        Transition probabilities, from row to column. Zeros stay zero in training.
    emissionprob_ : (K, V) array
        Probability of each symbol in each state.
    history_ : list of float
        The objective (log-likelihood plus log-priors, nats) before each step, last that of the
        model; it never falls.
    n_iter_ : int
        Steps made.
    converged_ : bool
        Whether the last step gained less than tol.

    Notes
    -----
    X has one column of whole numbers; NaN is a missing symbol. Attributes may be set by hand
    instead of calling fit. A list of arrays is a list of sequences, as are X and `lengths`.

    Examples
    --------
    The weather of two friends (Wikipedia, "Viterbi algorithm"): rainy 0, sunny 1; walk, shop,
    clean.

    >>> import numpy as np
    >>> model = CategoricalHMM(n_components=2)
    >>> model.startprob_ = np.array([0.6, 0.4])
    >>> model.transmat_ = np.array([[0.7, 0.3], [0.4, 0.6]])
    >>> model.emissionprob_ = np.array([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]])
    >>> log_probability, states = model.decode([[0], [1], [2]])
    >>> round(float(np.exp(log_probability)), 5), states
    (0.01344, array([1, 0, 0]))
    """

    _tags: ClassVar[dict[str, bool]] = {**BaseHMM._tags, "positive_only": True, "categorical": True}
    _letters: ClassVar[dict[str, str]] = {**BaseHMM._letters, "e": "emissionprob_"}
    emissionprob_: Floats

    def __init__(
        self,
        n_components: int = 1,
        startprob_prior: ArrayLike = 1.0,
        transmat_prior: ArrayLike = 1.0,
        *,
        emissionprob_prior: ArrayLike = 1.0,
        n_features: int | None = None,
        algorithm: str = "viterbi",
        random_state: Any = None,
        n_iter: int = 100,
        tol: float = 1e-2,
        params: str = "ste",
        init_params: str = "ste",
        n_init: int = 1,
    ) -> None:
        self.n_components = n_components
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.emissionprob_prior = emissionprob_prior
        self.n_features = n_features
        self.algorithm = algorithm
        self.random_state = random_state
        self.n_iter = n_iter
        self.tol = tol
        self.params = params
        self.init_params = init_params
        self.n_init = n_init

    def _check_hyperparameters(self) -> None:
        super()._check_hyperparameters()
        if self.n_features is not None:
            check_scalar(self.n_features, "n_features", integer=True, low=1)

    def _check_observations(self, Z: Floats) -> Floats:
        odd = np.floor(Z) != Z  # NaN too
        if odd.any() and not np.isnan(Z[odd]).all():
            fraction = Z[odd & ~np.isnan(Z)][0]
            raise TypeError(f"X must hold whole numbers (symbols 0, 1, ...), got {fraction}")
        if np.min(Z, initial=0.0, where=~odd) < 0:
            raise ValueError("Negative values in data: X must hold symbols >= 0")
        return Z

    def _check_symbol_range(self, Z: Floats, n_symbols: int) -> None:
        largest = np.max(Z, initial=-1, where=~np.isnan(Z))
        if largest >= n_symbols:
            raise ValueError(
                f"X must hold symbols below {n_symbols}, the number that the model knows"
                f" (n_features or the columns of emissionprob_), got {int(largest)}"
            )

    def _check_width(self, Z: Floats, model: Model) -> None:
        self._check_symbol_range(Z, model.emission.emissionprob_.shape[1])

    def _emission_attributes(self, emission: CategoricalEmission) -> dict[str, Any]:
        return {"emissionprob_": emission.emissionprob_}

    def _check_emission(self) -> CategoricalEmission:
        given = self._given("emissionprob_")
        shape = (self.n_components, self.n_features)
        return CategoricalEmission(check_stochastic(given, "emissionprob_", shape))

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> CategoricalEmission:
        if not self._draws("e"):
            emission = self._check_emission()
            self._check_symbol_range(Z, emission.emissionprob_.shape[1])
            return emission
        if Z.shape[0] == 1 < Z.shape[1]:
            raise ValueError(
                f"X has one row (n_samples = 1) of {Z.shape[1]} symbols: a sequence is a column,"
                " X.reshape(-1, 1)"
            )
        seen = Z[~np.isnan(Z)].astype(np.int64)
        if len(seen) == 0:
            raise ValueError("X must hold at least one symbol that is not missing (NaN)")
        V = self.n_features or int(seen.max()) + 1
        self._check_symbol_range(Z, V)
        check_prior(self.emissionprob_prior, "emissionprob_prior", (self.n_components, V))
        frequency = (np.bincount(seen, minlength=V) + 1) / (len(seen) + V)
        B = frequency * rng.standard_exponential((self.n_components, V))
        return CategoricalEmission(B / B.sum(axis=1, keepdims=True))

    def _most_likely_emission(
        self, statistics: Floats, emission: CategoricalEmission
    ) -> CategoricalEmission:
        if "e" not in self.params:
            return emission
        prior = np.asarray(self.emissionprob_prior, dtype=np.float64)
        counts = np.maximum(prior - 1 + statistics, 0.0)
        return CategoricalEmission(normalised(counts, emission.emissionprob_))  # Rabiner 40c

    def _log_prior(self, emission: CategoricalEmission) -> float:
        return log_dirichlet(emission.emissionprob_, self.emissionprob_prior)

    def _n_emission_parameters(self) -> int:
        return int(self.n_components * (self.emissionprob_.shape[1] - 1))


def _with_missing(table: Floats, value: float) -> Floats:
    return np.concatenate([table, np.full((len(table), 1), value)], axis=1)
