# SPDX-License-Identifier: BSD-3-Clause
"""GaussianHMM: a hidden Markov model whose states emit Gaussian vectors.

Source:  Rabiner (1989), section IV-A; Gauvain & Lee (1994) for the priors; hmmlearn's interface.
Differs: NaN is a missing feature and is integrated out exactly; covariances that collapse get
         min_covar on their diagonal and a warning.
Cost:    O(T K (K + F)) per step of EM, F features of a Gaussian.
Checked: hmmlearn, all four shapes; enumeration; moments by literal loops.
"""
# N rows, D features, K states
# mu (K, D) means   S covariances: full (K, D, D), tied (D, D), diag (K, D), spherical (K,)

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.gaussian import COVARIANCE_TYPES, Moments
from byhand.utils.validation import check_array, check_choice, check_scalar

from .base import BaseHMM, check_width
from .e_step import Model
from .gaussian_emission import GaussianEmission
from .gaussian_m_step import (
    GaussianPrior,
    check_covars,
    gaussian_log_prior,
    gaussian_prior,
    most_likely_covariances,
    most_likely_means,
    repaired_covariances,
)
from .start_means import filled_in, start_means

__all__ = ["GaussianHMM"]

Floats = NDArray[np.float64]


class GaussianHMM(BaseHMM):
    """Hidden Markov model whose states emit Gaussian vectors.

    Parameters
    ----------
    n_components : int, default 1
        Number of states K.
    covariance_type : {"spherical", "diag", "full", "tied"}, default "diag"
        A variance per state, variances per state, a matrix per state, one matrix for all.
    min_covar : float, default 1e-3
        Added to the variances of the first guess, and of a covariance that collapses.
    startprob_prior, transmat_prior : float or array, default 1.0
        Dirichlet parameters of the start (K,) and of each row of the transitions (K, K); 1 is no
        prior.
    means_prior, means_weight : float or array, default 0.0
        Normal prior of the means: where, and worth how many observations.
    covars_prior : float or array, default 1e-2
        Added to the scatter of a state: twice the scale of an inverse gamma prior (spherical,
        diag), or the scale of an inverse Wishart prior (full, tied; a number fills the matrix).
    covars_weight : float or array, default 1.0
        Degrees of freedom of that prior; what exceeds 1 (D for matrices) adds to the count.
    algorithm : {"viterbi", "map"}, default "viterbi"
        What `decode` and `predict` maximise: the whole path, or each state by itself.
    random_state : None, int, SeedSequence or Generator, default None
        Draws the first guess, and samples.
    n_iter : int, default 100
        Largest number of EM steps.
    tol : float, default 1e-2
        EM stops when a step raises the objective by less than this (nats, over all data).
    params, init_params : str, default "stmc"
        What fit learns, and what it draws a first guess of: "s" startprob_, "t" transmat_, "m"
        means_, "c" covars_. What init_params leaves
        out starts from the attribute, where there is one.
    n_init : int, default 1
        Number of first guesses, which advance together; the best model is kept.

    Attributes
    ----------
    startprob_ : (K,) array
        Initial probabilities.
    transmat_ : (K, K) array
        Transition probabilities, from row to column. Zeros stay zero in training.
    means_ : (K, D) array
        Means.
    covars_ : array
        Covariances: (K,), (K, D), (K, D, D) or (D, D), by covariance_type.
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
    set by hand instead of calling fit, covars_ also as full matrices (K, D, D).

    Examples
    --------
    Two levels, and where the series changes from one to the other:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.r_[rng.normal(0.0, 1.0, 50), rng.normal(5.0, 1.0, 30)]
    >>> model = GaussianHMM(n_components=2, random_state=0).fit(x[:, None])
    >>> states = model.predict(x[:, None])
    >>> int(np.flatnonzero(np.diff(states))[0]) + 1, np.sort(model.means_.ravel()).round(1)
    (50, array([0.1, 5.1]))
    """

    _letters: ClassVar[dict[str, str]] = {**BaseHMM._letters, "m": "means_", "c": "covars_"}
    means_: Floats
    covars_: Floats

    def __init__(
        self,
        n_components: int = 1,
        covariance_type: str = "diag",
        min_covar: float = 1e-3,
        startprob_prior: ArrayLike = 1.0,
        transmat_prior: ArrayLike = 1.0,
        means_prior: ArrayLike = 0.0,
        means_weight: ArrayLike = 0.0,
        covars_prior: ArrayLike = 1e-2,
        covars_weight: ArrayLike = 1.0,
        algorithm: str = "viterbi",
        random_state: Any = None,
        n_iter: int = 100,
        tol: float = 1e-2,
        params: str = "stmc",
        init_params: str = "stmc",
        n_init: int = 1,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.min_covar = min_covar
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.means_prior = means_prior
        self.means_weight = means_weight
        self.covars_prior = covars_prior
        self.covars_weight = covars_weight
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
        return int(np.shape(self._given("means_"))[1])

    def _check_hyperparameters(self) -> None:
        super()._check_hyperparameters()
        check_choice(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        check_scalar(self.min_covar, "min_covar", low=0)
        for name in ("means_prior", "means_weight", "covars_prior", "covars_weight"):
            check_array(getattr(self, name), name, ndim=None)

    def _check_emission(self) -> GaussianEmission:
        means = check_array(self._given("means_"), "means_")
        if len(means) != self.n_components:
            raise ValueError(
                f"means_ must have n_components={self.n_components} rows, got {means.shape}"
            )
        covars = check_covars(self._given("covars_"), self.covariance_type, *means.shape)
        return GaussianEmission(means, covars, self.covariance_type)

    def _check_width(self, Z: Floats, model: Model) -> None:
        check_width(Z, model.emission.means.shape[1])

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> GaussianEmission:
        K, D, kind = self.n_components, Z.shape[1], self.covariance_type
        self._prior((K, D))
        filled = filled_in(Z)
        if self._draws("m"):
            means = start_means(filled, K, rng)
        else:
            means = check_array(self._given("means_"), "means_")
            if means.shape != (K, D):
                raise ValueError(f"means_ must have shape ({K}, {D}), got {means.shape}")
        if self._draws("c"):
            covars = spread_of_all(filled, K, kind, self.min_covar)
        else:
            covars = check_covars(self._given("covars_"), kind, K, D)
        return GaussianEmission(means, covars, kind)

    def _most_likely_emission(
        self, statistics: Moments, emission: GaussianEmission
    ) -> GaussianEmission:
        means, covars = emission.means, emission.covars
        prior = self._prior(means.shape)
        if "m" in self.params:
            means = most_likely_means(statistics, prior, means)
        if "c" in self.params:
            covars = most_likely_covariances(statistics, prior, means, covars)
            covars = repaired_covariances(covars, self.covariance_type, self.min_covar)
        return GaussianEmission(means, covars, self.covariance_type)

    def _prior(self, shape: tuple[int, ...]) -> GaussianPrior:
        K, D = shape
        return gaussian_prior(
            self.means_prior,
            self.means_weight,
            self.covars_prior,
            self.covars_weight,
            self.covariance_type,
            (K, D),
        )

    def _log_prior(self, emission: GaussianEmission) -> float:
        prior = self._prior(emission.means.shape)
        return gaussian_log_prior(emission.means, emission.covars, self.covariance_type, prior)

    def _emission_attributes(self, emission: GaussianEmission) -> dict[str, Any]:
        return {"means_": emission.means, "covars_": emission.covars}

    def _n_emission_parameters(self) -> int:
        return int(np.size(self.means_)) + n_covariance_parameters(
            self.covariance_type, *np.shape(self.means_)
        )


def spread_of_all(X: Floats, n_states: int, covariance_type: str, min_covar: float) -> Floats:
    """Covariance of all rows plus min_covar on its diagonal, for each state; 1 if that is 0."""
    D = X.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        S = np.atleast_2d(np.cov(X.T)) if len(X) > 1 else np.zeros((D, D))
    if not np.isfinite(S).all():
        raise ValueError("X must be of a scale at which its variances are finite: divide it first")
    S = S + np.diag(np.where(S.diagonal() + min_covar > 0, min_covar, 1.0))
    spread = {
        "full": np.repeat(S[None], n_states, axis=0),
        "tied": S,
        "diag": np.repeat(S.diagonal()[None], n_states, axis=0),
        "spherical": np.full(n_states, S.diagonal().mean()),
    }
    return np.asarray(spread[covariance_type])


def n_covariance_parameters(covariance_type: str, n_states: int, n_features: int) -> int:
    """Count the free parameters of covariances."""
    triangle = n_features * (n_features + 1) // 2
    counts = {
        "full": n_states * triangle,
        "tied": triangle,
        "diag": n_states * n_features,
        "spherical": n_states,
    }
    return counts[covariance_type]
