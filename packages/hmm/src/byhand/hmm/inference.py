# SPDX-License-Identifier: BSD-3-Clause
"""What every hidden Markov model does once it is known: score, decode, filter, sample.

Source:  Rabiner (1989), section III; the interface of hmmlearn.
Differs: attributes set by hand do as well as learned ones; they are checked at each call. `filter`
         and `predict_next` go on from an earlier belief, one observation at a time.
Cost:    O(T K^2) per call.
Checked: the plain recursions; enumeration; hmmlearn.
"""
# N rows of S sequences, D features, K states
# startprob (K,)   transmat (K, K) from row to column   gamma (K, N) state probabilities

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.estimator import Estimator, NotFittedError
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_choice, check_scalar

from .best_paths import best_paths, path_scores
from .checks import check_stochastic
from .e_step import Model, filtered, lay_out, log_likelihoods, posteriors
from .lanes import WIDTH
from .sequences import check_lengths, given_lengths, is_sequence_list, join_sequences

__all__ = ["HMMInference"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class HMMInference(Estimator):
    """Base of the hidden Markov models: all but learning."""

    _tags: ClassVar[dict[str, bool]] = {"allow_nan": True}
    _letters: ClassVar[dict[str, str]] = {"s": "startprob_", "t": "transmat_"}

    n_components: int
    algorithm: str
    random_state: Any
    startprob_: Floats
    transmat_: Floats

    # what a subclass provides

    def _check_emission(self) -> Any:
        """Return the emission made of the attributes, checked."""
        raise TypeError(f"{type(self).__name__} does not say what its states emit")

    def _check_observations(self, Z: Floats) -> Floats:
        """Check rows beyond being numbers."""
        return Z

    def _n_emission_parameters(self) -> int:
        """Count the free parameters of the emission."""
        return 0

    def score(
        self, X: ArrayLike, y: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Log-likelihood of the sequences.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        y, lengths : (S,) array of int, optional
            Lengths of the sequences in X, as for `fit`.

        Returns
        -------
        float
            Summed over the sequences, nats; -inf if one is impossible.
        """
        model, Z, sizes = self._for_use(X, given_lengths(X, y, lengths))
        data = lay_out(Z, sizes, None, model.emission, self.n_components)
        return float(log_likelihoods(model, data).sum())

    def score_samples(self, X: ArrayLike, lengths: ArrayLike | None = None) -> tuple[float, Floats]:
        """Log-likelihood of the sequences, and the probability of each state at each row.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.

        Returns
        -------
        log_likelihood : float
            As `score` gives it.
        posteriors : (N, K) array
            Rows sum to 1.

        Raises
        ------
        ValueError
            If a sequence is impossible: its states have no probabilities.
        """
        model, Z, sizes = self._for_use(X, lengths)
        data = lay_out(Z, sizes, None, model.emission, self.n_components)
        log_likelihood, gamma = posteriors(model, data)
        out = np.empty((len(Z), self.n_components))
        out[data.lanes.order] = gamma.T
        return float(log_likelihood.sum()), out

    def predict_proba(self, X: ArrayLike, lengths: ArrayLike | None = None) -> Floats:
        """Probability of each state at each row, given its whole sequence.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.

        Returns
        -------
        (N, K) array
            Rows sum to 1.

        Raises
        ------
        ValueError
            If a sequence is impossible: its states have no probabilities.
        """
        return self.score_samples(X, lengths)[1]

    def decode(
        self, X: ArrayLike, lengths: ArrayLike | None = None, algorithm: str | None = None
    ) -> tuple[float, Ints]:
        """Most probable states, of the whole path or row by row.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.
        algorithm : {"viterbi", "map"}, optional
            The best path, or the best state of each row; by default that of the model.

        Returns
        -------
        log_probability : float
            Of the states jointly with the observations, nats. Row by row the best states need not
            make a possible path: it may be -inf.
        states : (N,) array of int64
            Equal paths are broken towards the lower state.
        """
        chosen = self.algorithm if algorithm is None else algorithm
        check_choice(chosen, "algorithm", ("viterbi", "map"))
        model, Z, sizes = self._for_use(X, lengths)
        K = self.n_components
        if chosen == "viterbi":
            data = lay_out(Z, sizes, None, model.emission, K**2, 4 * WIDTH)
            log_probability, states = best_paths(model, data)
        else:
            data = lay_out(Z, sizes, None, model.emission, K)
            states = posteriors(model, data)[1].argmax(axis=0).astype(np.int64)
            log_probability, _ = path_scores(model, data, states)
        out = np.empty(len(Z), dtype=np.int64)
        out[data.lanes.order] = states
        return float(log_probability.sum()), out

    def predict(self, X: ArrayLike, lengths: ArrayLike | None = None) -> Ints:
        """Most probable states, by the model's `algorithm`.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.

        Returns
        -------
        (N,) array of int64
            States 0 to K - 1.
        """
        return self.decode(X, lengths)[1]

    def filter(
        self,
        X: ArrayLike,
        lengths: ArrayLike | None = None,
        *,
        belief: ArrayLike | None = None,
    ) -> Floats:
        """Probability of each state at each row, given the rows up to it and none after.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.
        belief : (K,) array, optional
            State probabilities at the step before the first row, to go on from: the last row of
            an earlier call. By default sequences begin by startprob_.

        Returns
        -------
        (N, K) array
            p(z_t = k | x_1..t); rows sum to 1.

        Raises
        ------
        ValueError
            If a sequence is impossible.

        Examples
        --------
        One observation at a time gives what all together give:

        >>> import numpy as np
        >>> from byhand.hmm import CategoricalHMM
        >>> model = CategoricalHMM(2)
        >>> model.startprob_ = np.array([0.5, 0.5])
        >>> model.transmat_ = np.array([[0.9, 0.1], [0.1, 0.9]])
        >>> model.emissionprob_ = np.array([[0.8, 0.2], [0.3, 0.7]])
        >>> first = model.filter([[0]])
        >>> model.filter([[1]], belief=first[-1]).round(4)
        array([[0.3797, 0.6203]])
        >>> model.filter([[0], [1]])[-1].round(4)
        array([0.3797, 0.6203])
        """
        model, Z, sizes = self._for_use(X, lengths)
        if belief is not None:
            given = check_stochastic(belief, "belief", (self.n_components,))
            model = model._replace(startprob=given @ model.transmat)
        data = lay_out(Z, sizes, None, model.emission, self.n_components)
        out = np.empty((len(Z), self.n_components))
        out[data.lanes.order] = filtered(model, data).T
        return out

    def predict_next(
        self,
        X: ArrayLike,
        lengths: ArrayLike | None = None,
        *,
        belief: ArrayLike | None = None,
    ) -> Floats:
        """Probability of each state one step after each row, given the rows up to it.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.
        belief : (K,) array, optional
            As for `filter`.

        Returns
        -------
        (N, K) array
            p(z_t+1 = k | x_1..t). Times emissionprob_, it is the distribution of the next symbol;
            times means_ or lambdas_, the expected next observation.

        Raises
        ------
        ValueError
            If a sequence is impossible.
        """
        beliefs = self.filter(X, lengths, belief=belief)
        return np.asarray(beliefs @ self._check_model().transmat)

    def sample(
        self, n_samples: int = 1, random_state: Any = None, currstate: int | None = None
    ) -> tuple[NDArray[Any], Ints]:
        """Draw a sequence and its states from the model.

        Parameters
        ----------
        n_samples : int, default 1
            Steps.
        random_state : None, int, SeedSequence or Generator, default None
            None takes that of the model.
        currstate : int, optional
            State of the first step; by default drawn from startprob_.

        Returns
        -------
        X : (n_samples, D) array
            Observations.
        states : (n_samples,) array of int64
            Their states.
        """
        check_scalar(n_samples, "n_samples", integer=True, low=1)
        model = self._check_model()
        rng = check_random_state(self.random_state if random_state is None else random_state)
        K = self.n_components
        if currstate is not None:
            check_scalar(currstate, "currstate", integer=True, low=0, high=K - 1)
        upto = np.vstack([np.cumsum(model.startprob), np.cumsum(model.transmat, axis=1)])
        u = rng.random(n_samples)
        states = np.empty(n_samples, dtype=np.int64)
        state = -1  # row 0 of upto: the start
        for t in range(n_samples):
            row = upto[state + 1]
            state = int(row.searchsorted(u[t] * row[-1], side="right"))
            if t == 0 and currstate is not None:
                state = int(currstate)
            states[t] = state
        return model.emission.sample(states, rng), states

    def stationary_distribution(self) -> Floats:
        """Long-run share of each state: p with p = p A and sum 1.

        Returns
        -------
        (K,) array
            Of least norm where it is not unique.
        """
        K = self.n_components
        A = check_stochastic(self._given("transmat_"), "transmat_", (K, K))
        system = np.vstack([A.T - np.eye(K), np.ones(K)])
        p = np.linalg.lstsq(system, np.eye(K + 1)[K], rcond=None)[0]
        p = np.maximum(p, 0.0)
        return np.asarray(p / p.sum())

    def get_stationary_distribution(self) -> Floats:
        """Return `stationary_distribution()`, under hmmlearn's name.

        Returns
        -------
        (K,) array
            As there.
        """
        return self.stationary_distribution()

    def aic(self, X: ArrayLike, lengths: ArrayLike | None = None) -> float:
        """Akaike's information criterion, -2 log L + 2 (free parameters).

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.

        Returns
        -------
        float
            Lower is better.
        """
        return -2 * self.score(X, lengths=lengths) + 2 * self._n_parameters()

    def bic(self, X: ArrayLike, lengths: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + (free parameters) log N.

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            As for `fit`.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X.

        Returns
        -------
        float
            Lower is better.
        """
        n_rows = len(self._check_sequences(X, lengths, fitting=False)[0])
        return -2 * self.score(X, lengths=lengths) + self._n_parameters() * float(np.log(n_rows))

    def _n_parameters(self) -> int:
        K = self.n_components
        return (K - 1) + K * (K - 1) + self._n_emission_parameters()

    # checks

    def _check_sequences(
        self, X: Any, lengths: ArrayLike | None, *, fitting: bool
    ) -> tuple[Floats, Ints]:
        sizes = None
        if is_sequence_list(X):
            X, sizes = join_sequences(X, lengths)
        Z = self._check_observations(self._check_X(X, fitting=fitting, allow_nan=True))
        return Z, check_lengths(lengths, len(Z)) if sizes is None else sizes

    def _for_use(self, X: ArrayLike, lengths: ArrayLike | None) -> tuple[Model, Floats, Ints]:
        model = self._check_model()
        Z, sizes = self._check_sequences(X, lengths, fitting=False)
        self._check_width(Z, model)
        return model, Z, sizes

    def _check_width(self, Z: Floats, model: Model) -> None:
        """Check that the emission takes rows as wide as these."""

    def _check_model(self) -> Model:
        K = check_scalar(self.n_components, "n_components", integer=True, low=1)
        return Model(
            check_stochastic(self._given("startprob_"), "startprob_", (K,)),
            check_stochastic(self._given("transmat_"), "transmat_", (K, K)),
            self._check_emission(),
        )

    def _given(self, name: str) -> Any:
        """Return an attribute that fit or the caller has set."""
        if not hasattr(self, name):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet: it has no {name}. Call"
                " 'fit' with appropriate arguments, or set it by hand."
            )
        return getattr(self, name)
