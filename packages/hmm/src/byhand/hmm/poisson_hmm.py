# SPDX-License-Identifier: BSD-3-Clause
"""PoissonHMM: a hidden Markov model whose states emit counts.

Source:  Zucchini, MacDonald & Langrock, Hidden Markov Models for Time Series, chapters 1-4;
         the interface of hmmlearn.
Differs: NaN is a missing count and is summed over exactly; with a gamma prior, lambdas_ is the
         posterior mode, state by state.
Cost:    O(T K (K + D)) per step of EM.
Checked: the density written out; enumeration; hmmlearn.
"""
# N rows, D features, K states
# x (D, n) counts   gamma (K, n)   lambdas (K, D) means of the counts

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.special import gammaln
from byhand.utils.validation import check_array

from .base import BaseHMM, check_width
from .e_step import Model, fill_blocks
from .start_means import filled_in

__all__ = ["PoissonHMM"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_WEIGHT = 1e-10  # expected visits below which a state keeps its parameters


@dataclass(frozen=True)
class PoissonCounts:
    """Sums over the posterior, of what was observed."""

    n: Floats  # (K, D) sum of gamma
    total: Floats  # (K, D) sum of gamma x

    def __add__(self, other: PoissonCounts) -> PoissonCounts:
        """Return the sums of both."""
        return PoissonCounts(self.n + other.n, self.total + other.total)

    def scaled(self, factor: float) -> PoissonCounts:
        """Return the sums of data that count `factor` times as much."""
        return PoissonCounts(self.n * factor, self.total * factor)


class PoissonEmission:
    """Independent Poisson counts in each state."""

    has_table = False

    def __init__(self, lambdas: Floats) -> None:
        self.lambdas = lambdas
        zero = lambdas == 0
        self.log_lambdas = np.log(np.where(zero, 1.0, lambdas))
        self.zero = zero.astype(np.float64) if zero.any() else None

    def prepare(self, X: Floats) -> Floats:
        """Observations (D, N)."""
        return np.ascontiguousarray(X.T)

    def log_likelihood(self, observations: Floats) -> Floats:
        """Return log p(x_t | z_t = k), (K, n)."""
        seen = ~np.isnan(observations)
        x = observations if seen.all() else np.where(seen, observations, 0.0)
        log_p = self.log_lambdas @ x - self.lambdas @ seen
        log_p -= np.where(seen, gammaln(x + 1), 0.0).sum(axis=0)
        if self.zero is not None:  # a mean of 0 gives 0 and nothing else
            log_p[self.zero @ (x > 0) > 0] = -np.inf
        return np.asarray(log_p)

    def log_table(self, observations: Floats) -> tuple[Floats, Ints | None]:
        """Return the logarithms; each observation is its own."""
        return self.log_likelihood(observations), None

    def fill(self, observations: Floats, out: Floats) -> Floats:
        """Write likelihoods into blocks (steps, K, n), the largest of each column 1."""
        return fill_blocks(self.log_likelihood(observations), out)

    def collector(self, observations: Floats) -> _PoissonSums:
        """Begin to sum counts."""
        return _PoissonSums(
            observations, np.zeros(self.lambdas.shape), np.zeros(self.lambdas.shape)
        )

    def sample(self, states: Ints, rng: np.random.Generator) -> Ints:
        """Draw one observation for each state: (N, D)."""
        return rng.poisson(self.lambdas[states]).astype(np.int64)


class _PoissonSums:
    def __init__(self, observations: Floats, n: Floats, sums: Floats) -> None:
        self.observations = observations
        self.n = n
        self.sums = sums

    def add(self, columns: Any, gamma: Floats) -> None:
        x = self.observations[:, columns]
        seen = ~np.isnan(x)
        self.n += gamma @ seen.T
        self.sums += gamma @ np.where(seen, x, 0.0).T

    def total(self) -> PoissonCounts:
        return PoissonCounts(self.n, self.sums)


class PoissonHMM(BaseHMM):
    """Hidden Markov model whose states emit Poisson counts.

    Parameters
    ----------
    n_components : int, default 1
        Number of states K.
    startprob_prior, transmat_prior : float or array, default 1.0
        Dirichlet parameters of the start (K,) and of each row of the transitions (K, K); 1 is no
        prior.
    lambdas_prior, lambdas_weight : float or array, default 0.0
        Gamma prior of the means: a count seen beforehand, in how many observations. Numbers, (K,)
        or (K, D).
    algorithm : {"viterbi", "map"}, default "viterbi"
        What `decode` and `predict` maximise: the whole path, or each state by itself.
    random_state : None, int, SeedSequence or Generator, default None
        Draws the first guess, and samples.
    n_iter : int, default 100
        Largest number of EM steps.
    tol : float, default 1e-2
        EM stops when a step raises the objective by less than this (nats, over all data).
    params, init_params : str, default "stl"
        What fit learns, and what it draws a first guess of: "s" startprob_, "t" transmat_, "l"
        lambdas_. What init_params leaves
        out starts from the attribute, where there is one.
    n_init : int, default 1
        Number of first guesses, which advance together; the best model is kept.

    Attributes
    ----------
    startprob_ : (K,) array
        Initial probabilities.
    transmat_ : (K, K) array
        Transition probabilities, from row to column. Zeros stay zero in training.
    lambdas_ : (K, D) array
        Means of the counts.
    history_ : list of float
        The objective (log-likelihood plus log-priors, nats) before each step, last that of the
        model; it never falls.
    n_iter_ : int
        Steps made.
    converged_ : bool
        Whether the last step gained less than tol.

    Notes
    -----
    X has one row of whole numbers a step; NaN is a missing count, which is summed over. Attributes
    may be set by hand instead of calling fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3, 2, 4, 3, 2, 21, 18, 20, 19, 22])
    >>> model = PoissonHMM(n_components=2, random_state=0).fit(x[:, None])
    >>> np.sort(model.lambdas_.ravel()).round(2)
    array([ 2.8, 20. ])
    """

    _letters: ClassVar[dict[str, str]] = {**BaseHMM._letters, "l": "lambdas_"}
    _tags: ClassVar[dict[str, bool]] = {**BaseHMM._tags, "positive_only": True, "categorical": True}
    lambdas_: Floats

    def __init__(
        self,
        n_components: int = 1,
        startprob_prior: ArrayLike = 1.0,
        transmat_prior: ArrayLike = 1.0,
        lambdas_prior: ArrayLike = 0.0,
        lambdas_weight: ArrayLike = 0.0,
        algorithm: str = "viterbi",
        random_state: Any = None,
        n_iter: int = 100,
        tol: float = 1e-2,
        params: str = "stl",
        init_params: str = "stl",
        n_init: int = 1,
    ) -> None:
        self.n_components = n_components
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.lambdas_prior = lambdas_prior
        self.lambdas_weight = lambdas_weight
        self.algorithm = algorithm
        self.random_state = random_state
        self.n_iter = n_iter
        self.tol = tol
        self.params = params
        self.init_params = init_params
        self.n_init = n_init

    @property
    def n_features(self) -> int:
        """Number of features D."""
        return int(np.shape(self._given("lambdas_"))[1])

    def _check_observations(self, Z: Floats) -> Floats:
        return check_counts(Z)

    def _check_hyperparameters(self) -> None:
        super()._check_hyperparameters()
        for name in ("lambdas_prior", "lambdas_weight"):
            a = check_array(getattr(self, name), name, ndim=None)
            if (a < 0).any():
                raise ValueError(f"{name} must be >= 0, got {float(a.min())}")

    def _check_emission(self) -> PoissonEmission:
        lambdas = check_array(self._given("lambdas_"), "lambdas_")
        if len(lambdas) != self.n_components or (lambdas < 0).any():
            raise ValueError(
                f"lambdas_ must hold means >= 0 in n_components={self.n_components} rows, got"
                f" shape {lambdas.shape}, least {float(lambdas.min())}"
            )
        return PoissonEmission(lambdas)

    def _check_width(self, Z: Floats, model: Model) -> None:
        check_width(Z, model.emission.lambdas.shape[1])

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> PoissonEmission:
        self._priors((self.n_components, Z.shape[1]))
        if not self._draws("l"):
            return self._check_emission()
        filled = filled_in(Z)
        mean, var = filled.mean(axis=0), filled.var(axis=0)
        # gamma with the moments of the data: the states' means spread as far as the counts do
        scale = np.where(mean > 0, np.maximum(var, 1e-3) / np.where(mean > 0, mean, 1.0), 1.0)
        lambdas = rng.gamma(np.maximum(mean, 1e-3) / scale, scale, (self.n_components, len(mean)))
        return PoissonEmission(np.maximum(lambdas, 1e-3))

    def _priors(self, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        found = []
        for name in ("lambdas_prior", "lambdas_weight"):
            a = check_array(getattr(self, name), name, ndim=None)
            a = a[:, None] if a.shape == (shape[0],) else a
            if a.ndim and a.shape not in (shape, (shape[0], 1)):
                raise ValueError(f"{name} must be a number or have shape {shape}, got {a.shape}")
            found.append(np.broadcast_to(a, shape))
        return found[0], found[1]

    def _most_likely_emission(
        self, statistics: PoissonCounts, emission: PoissonEmission
    ) -> PoissonEmission:
        if "l" not in self.params:
            return emission
        alpha, beta = self._priors(emission.lambdas.shape)
        count = beta + statistics.n
        visited = statistics.n > SMALLEST_WEIGHT
        mode = (alpha + statistics.total) / np.where(visited, count, 1.0)
        return PoissonEmission(np.where(visited, mode, emission.lambdas))

    def _log_prior(self, emission: PoissonEmission) -> float:
        alpha, beta = self._priors(emission.lambdas.shape)
        return float((alpha * emission.log_lambdas - beta * emission.lambdas).sum())

    def _emission_attributes(self, emission: PoissonEmission) -> dict[str, Any]:
        return {"lambdas_": emission.lambdas}

    def _n_emission_parameters(self) -> int:
        return int(np.size(self.lambdas_))


def check_counts(Z: Floats) -> Floats:
    """Rows of whole numbers >= 0, or NaN where missing."""
    seen = Z[~np.isnan(Z)]
    if (seen < 0).any():
        raise ValueError(
            f"X must hold counts >= 0 (Negative values in data passed to X), got {seen.min():g}"
        )
    if (seen != np.floor(seen)).any():
        odd = seen[seen != np.floor(seen)][0]
        raise TypeError(f"X must hold whole numbers (counts), got {odd}")
    return Z
