# SPDX-License-Identifier: BSD-3-Clause
"""GMMHMM: a hidden Markov model whose states emit from Gaussian mixtures.

Source:  Rabiner (1989), eq. 52-54; the interface of hmmlearn.
Differs: NaN is a missing feature and is integrated out exactly.
Cost:    O(T K (K + M F)) per step of EM, F features of a Gaussian.
Checked: with one component it is GaussianHMM; hmmlearn; the density written out.
"""
# N rows, D features, K states, M components each; all K M Gaussians are kept in one emission
# weights (K, M)   means (K, M, D)   covars: full (K, M, D, D), tied (K, D, D), diag (K, M, D),
# spherical (K, M)   r (K, M, n) share of a component in the density of its state

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.gaussian import COVARIANCE_TYPES, Moments
from byhand.utils.validation import check_array, check_choice, check_scalar

from .base import BaseHMM, check_prior, check_width
from .checks import check_stochastic, exact_log, normalised
from .e_step import Model, fill_blocks
from .gaussian_emission import GaussianEmission, GaussianSums
from .gaussian_hmm import n_covariance_parameters, spread_of_all
from .gaussian_m_step import (
    GaussianPrior,
    check_covars,
    gaussian_log_prior,
    gaussian_prior,
    most_likely_covariances,
    most_likely_means,
    repaired_covariances,
)
from .start_means import filled_in, less_nearest, start_means
from .training import log_dirichlet

__all__ = ["GMMHMM"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class MixtureEmission:
    """A Gaussian mixture for each state."""

    has_table = False

    def __init__(self, weights: Floats, gaussians: GaussianEmission) -> None:
        self.weights, self.gaussians = weights, gaussians
        self.log_weights = exact_log(weights)

    def prepare(self, X: Floats) -> Floats:
        """Observations (D, N)."""
        return self.gaussians.prepare(X)

    def joint(self, observations: Floats) -> Floats:
        """Log-density of each component times its weight, (K, M, n)."""
        log_p = self.gaussians.log_likelihood(observations)
        return log_p.reshape(*self.weights.shape, -1) + self.log_weights[:, :, None]

    def log_likelihood(self, observations: Floats) -> Floats:
        """Return log p(x_t | z_t = k), (K, n)."""
        with np.errstate(under="ignore"):
            return np.asarray(np.logaddexp.reduce(self.joint(observations), axis=1))

    def log_table(self, observations: Floats) -> tuple[Floats, Ints | None]:
        """Return the logarithms; each observation is its own."""
        return self.log_likelihood(observations), None

    def fill(self, observations: Floats, out: Floats) -> Floats:
        """Write likelihoods into blocks (steps, K, n), the largest of each column 1."""
        return fill_blocks(self.log_likelihood(observations), out)

    def collector(self, observations: Floats) -> _MixtureSums:
        """Begin to sum moments."""
        return _MixtureSums(self, observations, self.gaussians.collector(observations))

    def sample(self, states: Ints, rng: np.random.Generator) -> Floats:
        """Draw one observation for each state: (N, D)."""
        M = self.weights.shape[1]
        upto = np.cumsum(self.weights, axis=1)[states]  # (N, M)
        u = rng.random(len(states))[:, None] * upto[:, -1:]
        component = np.minimum((upto <= u).sum(axis=1), M - 1)
        return self.gaussians.sample(states * M + component, rng)


class _MixtureSums:
    def __init__(self, emission: MixtureEmission, observations: Floats, sums: GaussianSums) -> None:
        self.emission = emission
        self.observations = observations
        self.sums = sums

    def add(self, columns: Any, gamma: Floats) -> None:
        with np.errstate(under="ignore"):
            joint = self.emission.joint(self.observations[:, columns])  # (K, M, n)
            top = joint.max(axis=1, keepdims=True)
            r = np.exp(joint - np.where(top > -np.inf, top, 0.0))
            total = r.sum(axis=1, keepdims=True)
            r *= gamma[:, None, :] / np.where(total > 0, total, 1.0)  # Rabiner 54
        self.sums.add(columns, r.reshape(-1, r.shape[2]))

    def total(self) -> Moments:
        return self.sums.total()


class GMMHMM(BaseHMM):
    """Hidden Markov model whose states emit from Gaussian mixtures.

    Parameters
    ----------
    n_components : int, default 1
        Number of states K.
    n_mix : int, default 1
        Number of Gaussians M in each state.
    min_covar : float, default 1e-3
        Added to the variances of the first guess, and of a covariance that collapses.
    startprob_prior, transmat_prior : float or array, default 1.0
        Dirichlet parameters of the start (K,) and of each row of the transitions (K, K); 1 is no
        prior.
    weights_prior : float or array, default 1.0
        Dirichlet parameters of the weights of each state.
    means_prior, means_weight : float or array, default 0.0
        Normal prior of the means: where, and worth how many observations; a number, (M,), or
        (K, M, D).
    covars_prior, covars_weight : float, array or None, default None
        Prior of the covariances as for `GaussianHMM`; None is none.
    algorithm : {"viterbi", "map"}, default "viterbi"
        What `decode` and `predict` maximise: the whole path, or each state by itself.
    covariance_type : {"spherical", "diag", "full", "tied"}, default "diag"
        A variance per Gaussian, variances per Gaussian, a matrix per Gaussian, one matrix for all
        Gaussians of a state.
    random_state : None, int, SeedSequence or Generator, default None
        Draws the first guess, and samples.
    n_iter : int, default 100
        Largest number of EM steps.
    tol : float, default 1e-2
        EM stops when a step raises the objective by less than this (nats, over all data).
    params, init_params : str, default "stmcw"
        What fit learns, and what it draws a first guess of: "s" startprob_, "t" transmat_, "m"
        means_, "c" covars_, "w" weights_. What init_params leaves
        out starts from the attribute, where there is one.
    n_init : int, default 1
        Number of first guesses, which advance together; the best model is kept.

    Attributes
    ----------
    startprob_ : (K,) array
        Initial probabilities.
    transmat_ : (K, K) array
        Transition probabilities, from row to column. Zeros stay zero in training.
    weights_ : (K, M) array
        Weight of each Gaussian in its state.
    means_ : (K, M, D) array
        Means.
    covars_ : array
        Covariances: (K, M), (K, M, D), (K, M, D, D), or (K, D, D) for "tied".
    history_ : list of float
        The objective (log-likelihood plus log-priors, nats) before each step, last that of the
        model; it never falls.
    n_iter_ : int
        Steps made.
    converged_ : bool
        Whether the last step gained less than tol.

    Notes
    -----
    X has one row a step; NaN is a missing feature, which is integrated out. Attributes may be
    set by hand instead of calling fit.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> low, high = rng.choice([-1.0, 1.0], 60), rng.choice([9.0, 11.0], 60)
    >>> x = np.r_[low, high] + 0.1 * rng.normal(size=120)
    >>> model = GMMHMM(n_components=2, n_mix=2, random_state=0).fit(x[:, None])
    >>> np.sort(model.means_.ravel()).round(1)
    array([-1.,  1.,  9., 11.])
    """

    _letters: ClassVar[dict[str, str]] = {
        **BaseHMM._letters,
        "m": "means_",
        "c": "covars_",
        "w": "weights_",
    }
    weights_: Floats
    means_: Floats
    covars_: Floats

    def __init__(
        self,
        n_components: int = 1,
        n_mix: int = 1,
        min_covar: float = 1e-3,
        startprob_prior: ArrayLike = 1.0,
        transmat_prior: ArrayLike = 1.0,
        weights_prior: ArrayLike = 1.0,
        means_prior: ArrayLike = 0.0,
        means_weight: ArrayLike = 0.0,
        covars_prior: ArrayLike | None = None,
        covars_weight: ArrayLike | None = None,
        algorithm: str = "viterbi",
        covariance_type: str = "diag",
        random_state: Any = None,
        n_iter: int = 100,
        tol: float = 1e-2,
        params: str = "stmcw",
        init_params: str = "stmcw",
        n_init: int = 1,
    ) -> None:
        self.n_components = n_components
        self.n_mix = n_mix
        self.min_covar = min_covar
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.weights_prior = weights_prior
        self.means_prior = means_prior
        self.means_weight = means_weight
        self.covars_prior = covars_prior
        self.covars_weight = covars_weight
        self.algorithm = algorithm
        self.covariance_type = covariance_type
        self.random_state = random_state
        self.n_iter = n_iter
        self.tol = tol
        self.params = params
        self.init_params = init_params
        self.n_init = n_init

    @property
    def n_features(self) -> int:
        """Number of features D."""
        return int(np.shape(self._given("means_"))[2])

    def _check_hyperparameters(self) -> None:
        super()._check_hyperparameters()
        check_scalar(self.n_mix, "n_mix", integer=True, low=1)
        check_choice(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        check_scalar(self.min_covar, "min_covar", low=0)
        check_prior(self.weights_prior, "weights_prior", (self.n_components, self.n_mix))

    def _check_emission(self) -> MixtureEmission:
        K, M = self.n_components, self.n_mix
        check_choice(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        weights = check_stochastic(self._given("weights_"), "weights_", (K, M))
        means = self._check_means(None)
        return MixtureEmission(weights, self._gaussians(means, self._check_covars(means.shape[2])))

    def _check_means(self, n_features: int | None) -> Floats:
        K, M = self.n_components, self.n_mix
        means: Floats = check_array(self._given("means_"), "means_", ndim=3)
        if means.shape[:2] != (K, M) or n_features not in (None, means.shape[2]):
            wanted = "n_features" if n_features is None else n_features
            raise ValueError(f"means_ must have shape ({K}, {M}, {wanted}), got {means.shape}")
        return means

    def _check_covars(self, n_features: int) -> Floats:
        """Covariances of all K M Gaussians: (K M, D, D) also for "tied"."""
        K, M, D, kind = self.n_components, self.n_mix, n_features, self.covariance_type
        inner = {"full": (D, D), "tied": (D, D), "diag": (D,), "spherical": ()}[kind]
        shape = (K, *inner) if kind == "tied" else (K, M, *inner)
        covars: Floats = check_array(self._given("covars_"), "covars_", ndim=None)
        if covars.shape != shape:
            raise ValueError(
                f"covars_ must have shape {shape} for covariance_type={kind!r}, got {covars.shape}"
            )
        if kind == "tied":
            covars = np.repeat(covars, M, axis=0)
        flat = covars.reshape(K * M, *inner)
        return check_covars(flat, "full" if kind == "tied" else kind, K * M, D)

    def _gaussians(self, means: Floats, covars: Floats) -> GaussianEmission:
        kind = "full" if self.covariance_type == "tied" else self.covariance_type
        return GaussianEmission(means.reshape(-1, means.shape[-1]), covars, kind)

    def _check_width(self, Z: Floats, model: Model) -> None:
        check_width(Z, model.emission.gaussians.means.shape[1])

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> MixtureEmission:
        K, M, D = self.n_components, self.n_mix, Z.shape[1]
        self._prior(D)
        filled = filled_in(Z)
        spread_of_all(filled, 1, "diag", self.min_covar)  # refuses scales that overflow
        kind = "full" if self.covariance_type == "tied" else self.covariance_type
        if self._draws("m"):
            centres = start_means(filled, K * M, rng)
            means = centres[_grouped(centres, K, rng)].reshape(K, M, D)
        else:
            means = self._check_means(D)
        if self._draws("c"):
            rest = less_nearest(filled, means.reshape(K * M, D))
            covars = spread_of_all(rest, K * M, kind, self.min_covar)
        else:
            covars = self._check_covars(D)
        weights = np.full((K, M), 1.0 / M)
        if not self._draws("w"):
            weights = check_stochastic(self._given("weights_"), "weights_", (K, M))
        return MixtureEmission(weights, self._gaussians(means, covars))

    def _most_likely_emission(
        self, statistics: Moments, emission: MixtureEmission
    ) -> MixtureEmission:
        K, M = emission.weights.shape
        weights, means, covars = (
            emission.weights,
            emission.gaussians.means,
            emission.gaussians.covars,
        )
        prior = self._prior(means.shape[1])
        if "w" in self.params:
            excess = np.asarray(self.weights_prior, dtype=np.float64) - 1
            counts = np.maximum(excess + statistics.n.reshape(K, M), 0.0)
            weights = normalised(counts, weights)  # Rabiner 52
        if "m" in self.params:
            means = most_likely_means(statistics, prior, means)  # Rabiner 53
        if "c" in self.params and self.covariance_type == "tied":
            covars = self._tied_covariances(statistics, prior, means, covars)
        elif "c" in self.params:
            covars = most_likely_covariances(statistics, prior, means, covars)  # Rabiner 54
        kind = "full" if self.covariance_type == "tied" else self.covariance_type
        covars = repaired_covariances(covars, kind, self.min_covar)
        return MixtureEmission(weights, self._gaussians(means, covars))

    def _tied_covariances(
        self, statistics: Moments, prior: GaussianPrior, means: Floats, last: Floats
    ) -> Floats:
        """One covariance for the components of each state."""
        K, M = self.n_components, self.n_mix
        tied = []
        for k in range(K):
            of = slice(k * M, (k + 1) * M)
            n, mean = statistics.n[of], statistics.mean[of]
            pooled = Moments(n, mean, statistics.scatter[of].sum(axis=0), "tied")
            part = GaussianPrior(prior.mean[of], prior.weight[of], prior.beta[of], prior.nu[of])
            lost = n.sum() <= 1e-10
            S = last[k * M] if lost else most_likely_covariances(pooled, part, means[of], last)
            tied.append(np.repeat(S[None], M, axis=0))
        return np.concatenate(tied)

    def _prior(self, n_features: int) -> GaussianPrior:
        K, M, D = self.n_components, self.n_mix, n_features
        kind = "full" if self.covariance_type == "tied" else self.covariance_type
        beta, nu = (
            0.0 if a is None else self._per_gaussian(a)
            for a in (self.covars_prior, self.covars_weight)
        )
        mean, weight = self._per_gaussian(self.means_prior), self._per_gaussian(self.means_weight)
        return gaussian_prior(mean, weight, beta, nu, kind, (K * M, D))

    def _per_gaussian(self, value: ArrayLike) -> ArrayLike:
        """Repeat (M,) numbers for each state; (K, M, ...) becomes (K M, ...)."""
        K, M = self.n_components, self.n_mix
        a = np.asarray(value, dtype=np.float64)
        if a.shape == (M,):
            return np.tile(a, K)
        return a.reshape(K * M, *a.shape[2:]) if a.shape[:2] == (K, M) else a

    def _log_prior(self, emission: MixtureEmission) -> float:
        g = emission.gaussians
        prior = self._prior(g.means.shape[1])
        of_weights = log_dirichlet(emission.weights, self.weights_prior)
        if self.covariance_type == "tied":
            # one covariance a state: what its first component says, and the means of all
            M = self.n_mix
            first = GaussianPrior(
                prior.mean,
                prior.weight,
                prior.beta,
                np.where(np.arange(len(g.means))[:, None, None] % M, 0, prior.nu),
            )
            beta = np.where(np.arange(len(g.means))[:, None, None] % M, 0, prior.beta)
            return of_weights + gaussian_log_prior(
                g.means, g.covars, "full", first._replace(beta=beta)
            )
        return of_weights + gaussian_log_prior(g.means, g.covars, self.covariance_type, prior)

    def _emission_attributes(self, emission: MixtureEmission) -> dict[str, Any]:
        (K, M), g = emission.weights.shape, emission.gaussians
        covars = g.covars.reshape(K, M, *g.covars.shape[1:])
        if self.covariance_type == "tied":
            covars = covars[:, 0]
        return {
            "weights_": emission.weights,
            "means_": g.means.reshape(K, M, -1),
            "covars_": covars,
        }

    def _n_emission_parameters(self) -> int:
        K, M, D = np.shape(self.means_)
        n_covars = K if self.covariance_type == "tied" else K * M
        kind = "full" if self.covariance_type == "tied" else self.covariance_type
        return int(K * (M - 1) + K * M * D + n_covariance_parameters(kind, n_covars, D))


def _grouped(centres: Floats, n_groups: int, rng: np.random.Generator) -> Ints:
    """Order K M centres so that runs of M lie together: greedily, about k-means++ seeds."""
    size = len(centres) // n_groups
    seeds = start_means(centres, n_groups, rng)
    distance = ((centres[:, None, :] - seeds) ** 2).sum(axis=2)  # (K M, K)
    room = np.full(n_groups, size)
    group = np.empty(len(centres), dtype=np.int64)
    for i in np.argsort(distance.min(axis=1), kind="stable"):
        free = np.where(room > 0, distance[i], np.inf)
        group[i] = free.argmin()
        room[group[i]] -= 1
    return np.argsort(group, kind="stable")
