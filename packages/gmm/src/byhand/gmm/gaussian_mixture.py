# SPDX-License-Identifier: BSD-3-Clause
"""Gaussian mixture: samples drawn from one of K Gaussians, fitted by EM.

Source:  Dempster, Laird & Rubin (1977); Bishop, PRML (2006), section 9.2.
Differs: weighted samples, missing values, data in shards and in batches, frozen components; the
         reported bound is that of the returned parameters.
Cost:    an E-step and an M-step cost O(N K D^2), diagonal shapes O(N K D); extra memory is that of
         one block of rows, whatever N.
Checked: Old Faithful against R's mclust and mixtools; enumeration; scikit-learn from one start.
"""
# N samples, D features, K components   Z (N, D) checked X   w (N,) weights or None

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.estimator import DensityMixin, Estimator
from byhand.utils.gaussian import (
    COVARIANCE_TYPES,
    precisions_from_cholesky,
)
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_choice, check_sample_weight, check_scalar

from .em_gaussian import (
    MixtureParams,
    MixtureStatistics,
    gaussian_mixture_m_step,
    normalise_log_joint,
)
from .mixture_density import count_mixture_parameters, log_joint_blocks, sample_mixture
from .mixture_fit import fit_mixture, moments_of_params, warn_of_fit, with_frozen
from .mixture_start import (
    INIT_PARAMS,
    check_frozen,
    check_given_start,
    check_mixture_params,
    fill_by_means,
    start_mixture,
)
from .shards import gather_rows, is_list_of_shards, shard_e_step

__all__ = ["GaussianMixture"]


class GaussianMixture(DensityMixin, Estimator):
    """Gaussian mixture model, fitted by expectation-maximisation.

    Parameters
    ----------
    n_components : int, default 1
        Number of Gaussians.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        A covariance matrix each, one for all, variances each, or one variance each.
    tol : float, default 1e-3
        EM stops when a step raises the mean log-likelihood of a sample by less than this.
    reg_covar : float, default 1e-6
        Added to every variance: the floor below which no component collapses.
    max_iter : int, default 100
        Most EM steps; 0 keeps the start.
    n_init : int, default 1
        Starts, of which the one of highest likelihood stays.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default "kmeans"
        How samples are shared out at the start: by k-means; to the nearest of points drawn far
        apart, or at random; or in random shares.
    weights_init : (n_components,) array, optional
        Mixture weights to start from.
    means_init : (n_components, n_features) array, optional
        Means to start from.
    precisions_init : array, optional
        Inverse covariances to start from, in the shape of the covariance type.
    frozen_components : array of int, optional
        Components whose mean and covariance stay as they start (given by `means_init` and
        `precisions_init`, or by an earlier fit with `warm_start`); their weights are learned.
    allow_nan : bool, default False
        Whether NaN means a missing value, which is integrated out exactly; else it is an error.
    random_state : None, int, SeedSequence or Generator, default None
        Source of the start and of `sample`.
    warm_start : bool, default False
        Whether fit starts from the result of the last fit, if there is one.

    Attributes
    ----------
    weights_ : (n_components,) array
        Mixture weights.
    means_ : (n_components, n_features) array
        Means.
    covariances_, precisions_, precisions_cholesky_ : arrays
        Covariances, their inverses and the upper factors U of these (U U^T), of shape (K, D, D),
        (D, D), (K, D) or (K,), by type.
    converged_ : bool
        Whether EM converged in the best start.
    n_iter_ : int
        EM steps of the best start.
    lower_bound_ : float
        Mean log-likelihood of a training sample under these parameters, nats.
    lower_bounds_ : list of float
        The same after each step of the best start.
    history_ : list of float
        The same before the first step and after each.
    n_samples_seen_ : float
        Total weight of the samples learned from.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 2], [2, 4], [1, 0], [10, 2], [12, 4], [11, 0]])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> sorted(mixture.means_.round(6).tolist()), mixture.weights_
    ([[1.0, 2.0], [11.0, 2.0]], array([0.5, 0.5]))
    """

    weights_: NDArray[np.float64]
    means_: NDArray[np.float64]
    covariances_: NDArray[np.float64]
    precisions_: NDArray[np.float64]
    precisions_cholesky_: NDArray[np.float64]
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    history_: list[float]
    n_samples_seen_: float

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        frozen_components: ArrayLike | None = None,
        allow_nan: bool = False,
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.frozen_components = frozen_components
        self.allow_nan = allow_nan
        self.random_state = random_state
        self.warm_start = warm_start

    def fit(
        self,
        X: Any,
        y: object = None,
        sample_weight: object = None,
        *,
        callback: Callable[[Any, dict[str, Any]], object] | None = None,
        executor: Any = None,
    ) -> Self:
        """Estimate the parameters by EM.

        Parameters
        ----------
        X : (n_samples, n_features) array, or list of shards
            Samples. A shard is an array, a pair (array, weights), the path of an .npy file, a
            function without arguments that returns one, or a future of the executor; the start
            is then taken from a sample of at most 50,000 rows.
        y : object, default None
            Ignored.
        sample_weight : (n_samples,) array, optional
            How many times each sample counts; by default once.
        callback : callable, optional
            ``callback(self, info)`` after each step, info holding iteration, max_iter, objective
            (the mean log-likelihood) and params; a true return ends the fit.
        executor : object with ``submit(fn, *args).result()``, optional
            Where the E-steps of the shards run (an array is cut into eight); by default here.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument or hyper-parameter is not as described above, or a covariance of the
            start is singular in spite of `reg_covar`.

        Warns
        -----
        ConvergenceWarning
            If the best start did not converge, or a component collapsed.
        """
        self._check_parameters()
        rng = check_random_state(self.random_state)
        shards, Z, w = gather_rows(
            X,
            sample_weight,
            partial(self._check_X, fitting=True, dtype="float", allow_nan=self.allow_nan),
            n_components=self.n_components,
            allow_nan=self.allow_nan,
            executor=executor,
        )

        def on_step(iteration: int, objective: float, params: MixtureParams) -> object:
            info = {"iteration": iteration, "max_iter": self.max_iter, "objective": objective}
            return callback is not None and callback(self, info | {"params": params})

        run = partial(
            fit_mixture,
            shards,
            frozen=self._frozen(),
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            tol=self.tol,
            allow_nan=self.allow_nan,
            executor=executor,
            on_step=on_step,
        )
        best = max(map(run, self._starts(Z, w, rng)), key=lambda fit: fit.history[-1])
        warn_of_fit(best, self.max_iter, self.tol, self.reg_covar)
        return self._fitted(
            None if is_list_of_shards(X) else X,
            **_learned_params(best.params, best.weight),
            n_features_in_=Z.shape[1],
            converged_=best.converged,
            n_iter_=len(best.history) - 1,
            lower_bound_=best.history[-1],
            lower_bounds_=best.history[1:],
            history_=best.history,
        )

    def partial_fit(self, X: Any, y: object = None, sample_weight: object = None) -> Self:
        """Take one EM step on a further batch, which adds to all samples seen before.

        The first batch is fitted by `fit`. The statistics of earlier batches stay as they were
        taken, under the parameters of their time (Neal & Hinton, 1998); `lower_bound_` is that of
        the last batch before its step.

        Parameters
        ----------
        X : (n_samples, n_features) array
            The batch.
        y : object, default None
            Ignored.
        sample_weight : (n_samples,) array, optional
            How many times each sample counts; by default once.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As for `fit`; also if the number of features differs from that of the first batch.
        """
        if not hasattr(self, "weights_"):
            return self.fit(X, sample_weight=sample_weight)
        self._check_parameters()
        Z = self._check_X(X, dtype="float", allow_nan=self.allow_nan)
        w = check_sample_weight(sample_weight, len(Z))
        params, seen = self._params(), self.n_samples_seen_
        batch = shard_e_step(self.allow_nan, params, (Z, w))
        moments = batch.moments
        if seen > 0:
            moments = moments_of_params(params, seen, self.reg_covar) + moments
        stats = MixtureStatistics(moments, batch.log_likelihood, seen + batch.weight)
        updated = gaussian_mixture_m_step(stats, self.reg_covar)
        history = [*self.history_, batch.objective]
        return self._fitted(
            X,
            reset=False,
            **_learned_params(with_frozen(updated, params, self._frozen()), stats.weight),
            converged_=False,
            n_iter_=self.n_iter_ + 1,
            lower_bound_=batch.objective,
            lower_bounds_=history[1:],
            history_=history,
        )

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: str = "full",
        **hyperparameters: Any,
    ) -> Self:
        """Make a fitted mixture of known parameters.

        Parameters
        ----------
        weights : (K,) array
            Mixture weights, which sum to 1.
        means : (K, D) array
            Means.
        covariances : array
            Of shape (K, D, D), (D, D), (K, D) or (K,), by type; positive definite.
        covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
            Which.
        **hyperparameters : optional
            Further arguments of the class, such as random_state.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If a shape or value is not as described.

        Examples
        --------
        >>> mixture = GaussianMixture.from_parameters(
        ...     [0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0], covariance_type="spherical"
        ... )
        >>> mixture.predict([[-2.0], [0.5]])
        array([0, 1])
        """
        params = check_mixture_params(weights, means, covariances, covariance_type)
        K, D = params.means.shape
        mixture = cls(K, covariance_type=covariance_type, **hyperparameters)
        return mixture._fitted(
            None,
            **_learned_params(params, 0.0),
            n_features_in_=D,
            converged_=True,
            n_iter_=0,
            lower_bound_=float("nan"),
            lower_bounds_=[],
            history_=[],
        )

    def predict(self, X: object) -> NDArray[np.int64]:
        """Return the most probable component of each sample."""
        return self._per_row(X, lambda log_p: log_p.argmax(axis=0))

    def predict_proba(self, X: object) -> NDArray[np.float64]:
        """Return the probability of each component for each sample, (n_samples, n_components)."""

        def responsibilities(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
            normalise_log_joint(log_p)
            return log_p.T

        return self._per_row(X, responsibilities)

    def score_samples(self, X: object) -> NDArray[np.float64]:
        """Return the log-density of each sample, nats; with NaN, that of its observed values."""
        return self._per_row(X, normalise_log_joint)

    def fit_predict(
        self, X: object, y: object = None, sample_weight: object = None
    ) -> NDArray[np.int64]:
        """Fit, and return the most probable component of each sample."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def bic(self, X: object) -> float:
        """Bayesian information criterion on X: the lower, the better (Schwarz, 1978)."""
        log_p = self.score_samples(X)
        return float(-2 * log_p.sum() + self._n_parameters() * np.log(len(log_p)))

    def aic(self, X: object) -> float:
        """Akaike information criterion on X: the lower, the better."""
        return float(-2 * self.score_samples(X).sum() + 2 * self._n_parameters())

    def sample(self, n_samples: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw samples, grouped by component.

        Parameters
        ----------
        n_samples : int, default 1
            How many.

        Returns
        -------
        X : (n_samples, n_features) array
        y : (n_samples,) array
            Component of each.

        Raises
        ------
        ValueError
            If n_samples is less than 1.
        """
        params = self._params()
        if check_scalar(n_samples, "n_samples", integer=True) < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one"
                " sample."
            )
        return sample_mixture(params, n_samples, check_random_state(self.random_state))

    def _n_parameters(self) -> int:
        return count_mixture_parameters(self._params())

    def _params(self) -> MixtureParams:
        self._check_fitted()
        S, U = self.covariances_, self.precisions_cholesky_
        return MixtureParams(self.weights_, self.means_, S, U, self.covariance_type)

    def _per_row(
        self, X: object, result: Callable[[NDArray[np.float64]], NDArray[Any]]
    ) -> NDArray[Any]:
        """Apply a function to log p(x, k), (K, B), of blocks of rows and join what it gives."""
        Z = self._check_X(X, dtype="float", allow_nan=self.allow_nan)
        return np.concatenate([result(p) for p in log_joint_blocks(self._params(), Z)])

    def _starts(
        self, Z: NDArray[np.floating], w: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> Iterator[MixtureParams]:
        """Yield the parameters from which EM starts, one set for each run."""
        K, kind = self.n_components, self.covariance_type
        inits = self.weights_init, self.means_init, self.precisions_init
        given = check_given_start(*inits, K, Z.shape[1], kind)
        if self.warm_start and hasattr(self, "weights_"):
            yield self._params()
            return
        if self.frozen_components is not None and (
            given.means is None or given.covariances is None
        ):
            raise ValueError(
                "frozen_components needs means_init and precisions_init, or warm_start"
            )
        if self.allow_nan:
            Z = fill_by_means(Z, w)
        for _ in range(self.n_init):
            yield start_mixture(Z, w, K, kind, self.init_params, self.reg_covar, given, rng)

    def _check_parameters(self) -> None:
        check_scalar(self.n_components, "n_components", integer=True, low=1)
        check_choice(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        check_scalar(self.tol, "tol", low=0.0, high=np.inf, high_open=True)
        check_scalar(self.reg_covar, "reg_covar", low=0.0, high=np.inf, high_open=True)
        check_scalar(self.max_iter, "max_iter", integer=True, low=0)
        check_scalar(self.n_init, "n_init", integer=True, low=1)
        check_choice(self.init_params, "init_params", INIT_PARAMS)
        check_choice(self.allow_nan, "allow_nan", (False, True))
        check_choice(self.warm_start, "warm_start", (False, True))

    def _frozen(self) -> NDArray[np.int64]:
        return check_frozen(self.frozen_components, self.n_components, self.covariance_type)


def _learned_params(params: MixtureParams, weight: float) -> dict[str, Any]:
    """Attributes of a fitted mixture."""
    return {
        "weights_": params.weights,
        "means_": params.means,
        "covariances_": params.covariances,
        "precisions_cholesky_": params.precisions_cholesky,
        "precisions_": precisions_from_cholesky(params.precisions_cholesky, params.covariance_type),
        "n_samples_seen_": weight,
    }
