# SPDX-License-Identifier: BSD-3-Clause
"""MultinomialHMM: a hidden Markov model whose states emit counts of several trials.

Source:  Bishop, PRML (2006), eq. 2.34; the interface of hmmlearn.
Differs: a row that is all NaN is missing.
Cost:    O(T K (K + V)) per step of EM.
Checked: the density written out; with one trial it is CategoricalHMM; hmmlearn.
"""
# N rows, V categories, K states
# x (V, n) counts, each column n_trials in all   gamma (K, n)   B (K, V) probabilities

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.special import gammaln
from byhand.utils.validation import check_array

from .base import BaseHMM, check_width
from .checks import check_stochastic, exact_log, normalised
from .e_step import Model, fill_blocks
from .poisson_hmm import check_counts

__all__ = ["MultinomialHMM"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MultinomialEmission:
    """Probabilities of the categories in each state."""

    has_table = False

    def __init__(self, emissionprob: Floats, n_trials: int | None) -> None:
        self.emissionprob, self.n_trials = emissionprob, n_trials
        self.log_b = exact_log(emissionprob)
        zero = emissionprob == 0
        self.zero = zero.astype(np.float64) if zero.any() else None

    def prepare(self, X: Floats) -> Floats:
        """Observations (V, N)."""
        return np.ascontiguousarray(X.T)

    def log_likelihood(self, observations: Floats) -> Floats:
        """Return log p(x_t | z_t = k), (K, n)."""
        x = np.where(np.isnan(observations), 0.0, observations)
        ways = gammaln(x.sum(axis=0) + 1) - gammaln(x + 1).sum(axis=0)  # (n,)
        log_p = np.where(self.emissionprob > 0, self.log_b, 0.0) @ x + ways  # Bishop 2.34
        if self.zero is not None:
            log_p[self.zero @ (x > 0) > 0] = -np.inf
        return np.asarray(log_p)

    def log_table(self, observations: Floats) -> tuple[Floats, Ints | None]:
        """Return the logarithms; each observation is its own."""
        return self.log_likelihood(observations), None

    def fill(self, observations: Floats, out: Floats) -> Floats:
        """Write likelihoods into blocks (steps, K, n), the largest of each column 1."""
        return fill_blocks(self.log_likelihood(observations), out)

    def collector(self, observations: Floats) -> _MultinomialSums:
        """Begin to sum counts."""
        return _MultinomialSums(observations, np.zeros(self.emissionprob.shape))

    def sample(self, states: Ints, rng: np.random.Generator) -> Ints:
        """Draw one observation for each state: (N, V)."""
        if self.n_trials is None:
            raise ValueError("n_trials must be one number to sample, got several")
        return rng.multinomial(self.n_trials, self.emissionprob[states]).astype(np.int64)


class _MultinomialSums:
    def __init__(self, observations: Floats, counts: Floats) -> None:
        self.observations = observations
        self.counts = counts

    def add(self, columns: Any, gamma: Floats) -> None:
        x = self.observations[:, columns]
        self.counts += gamma @ np.where(np.isnan(x), 0.0, x).T

    def total(self) -> Floats:
        return self.counts


class MultinomialHMM(BaseHMM):
    """Hidden Markov model whose states emit counts of several trials.

    Parameters
    ----------
    n_components : int, default 1
        Number of states K.
    n_trials : int, array or None, default None
        What the rows of X sum to; None takes the sums as they are.
    startprob_prior, transmat_prior : float or array, default 1.0
        Dirichlet parameters of the start (K,) and of each row of the transitions (K, K); 1 is no
        prior.
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
        Probability of each category in each state.
    n_trials_ : int or None
        Number of trials of the rows of X, None if they differ; `sample` draws as many.
    history_ : list of float
        The objective (log-likelihood plus log-priors, nats) before each step, last that of the
        model; it never falls.
    n_iter_ : int
        Steps made.
    converged_ : bool
        Whether the last step gained less than tol.

    Notes
    -----
    X has one row of V counts a step; a row that is all NaN is missing. Attributes may be set by
    hand instead of calling fit.

    Examples
    --------
    Ten throws a day, first of a fair coin, then of one that prefers heads:

    >>> import numpy as np
    >>> heads = np.array([5, 4, 6, 5, 5, 9, 10, 9, 8, 9])
    >>> X = np.stack([heads, 10 - heads], axis=1)
    >>> model = MultinomialHMM(n_components=2, n_trials=10, random_state=0).fit(X)
    >>> np.sort(model.emissionprob_[:, 0]).round(2)
    array([0.5, 0.9])
    """

    _letters: ClassVar[dict[str, str]] = {**BaseHMM._letters, "e": "emissionprob_"}
    _tags: ClassVar[dict[str, bool]] = {
        "allow_nan": False,  # a row may be all NaN, but not in part
        "positive_only": True,
        "categorical": True,
    }
    emissionprob_: Floats

    def __init__(
        self,
        n_components: int = 1,
        n_trials: ArrayLike | None = None,
        startprob_prior: ArrayLike = 1.0,
        transmat_prior: ArrayLike = 1.0,
        algorithm: str = "viterbi",
        random_state: Any = None,
        n_iter: int = 100,
        tol: float = 1e-2,
        params: str = "ste",
        init_params: str = "ste",
        n_init: int = 1,
    ) -> None:
        self.n_components = n_components
        self.n_trials = n_trials
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.algorithm = algorithm
        self.random_state = random_state
        self.n_iter = n_iter
        self.tol = tol
        self.params = params
        self.init_params = init_params
        self.n_init = n_init

    @property
    def n_features(self) -> int:
        """Number of categories V."""
        return int(np.shape(self._given("emissionprob_"))[1])

    def _check_hyperparameters(self) -> None:
        super()._check_hyperparameters()
        if self.n_trials is not None:
            trials = check_array(self.n_trials, "n_trials", ndim=None)
            if trials.ndim > 1 or (trials < 1).any():
                raise ValueError(f"n_trials must hold numbers >= 1, got {self.n_trials!r}")
            if (trials != np.floor(trials)).any():
                raise TypeError(f"n_trials must hold whole numbers, got {self.n_trials!r}")

    def _check_observations(self, Z: Floats) -> Floats:
        missing = np.isnan(Z)
        if (missing.any(axis=1) != missing.all(axis=1)).any():
            row = int((missing.any(axis=1) != missing.all(axis=1)).argmax())
            raise ValueError(f"X must have rows that are whole or all NaN, row {row} is neither")
        check_counts(Z)
        if self.n_trials is not None:
            total = np.where(missing.all(axis=1), self.n_trials, Z.sum(axis=1))
            if np.shape(self.n_trials) not in ((), (len(Z),)) or (total != self.n_trials).any():
                raise ValueError(
                    "Total count for each sample should add up to the number of trials: rows of X"
                    f" must sum to n_trials={self.n_trials!r}"
                )
        return Z

    def _trials(self) -> int | None:
        """Return the number of trials if it is the same for all rows."""
        given = self.n_trials if self.n_trials is not None else getattr(self, "n_trials_", None)
        distinct = [] if given is None else np.unique(np.asarray(given)).tolist()
        return int(distinct[0]) if len(distinct) == 1 else None

    def _check_emission(self) -> MultinomialEmission:
        given = check_stochastic(
            self._given("emissionprob_"), "emissionprob_", (self.n_components, None)
        )
        return MultinomialEmission(given, self._trials())

    def _check_width(self, Z: Floats, model: Model) -> None:
        check_width(Z, model.emission.emissionprob.shape[1])

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> MultinomialEmission:
        if not self._draws("e"):
            return self._check_emission()
        total = np.nansum(Z, axis=0) + 1
        B = total * rng.standard_exponential((self.n_components, Z.shape[1]))
        trials = np.unique(Z[~np.isnan(Z).any(axis=1)].sum(axis=1))
        return MultinomialEmission(
            B / B.sum(axis=1, keepdims=True), int(trials[0]) if len(trials) == 1 else None
        )

    def _most_likely_emission(
        self, statistics: Floats, emission: MultinomialEmission
    ) -> MultinomialEmission:
        if "e" not in self.params:
            return emission
        B = normalised(statistics, emission.emissionprob)
        return MultinomialEmission(B, emission.n_trials)

    def _emission_attributes(self, emission: MultinomialEmission) -> dict[str, Any]:
        return {"emissionprob_": emission.emissionprob, "n_trials_": emission.n_trials}

    def _n_emission_parameters(self) -> int:
        K, V = np.shape(self.emissionprob_)
        return int(K * (V - 1))
