# SPDX-License-Identifier: BSD-3-Clause
"""How every hidden Markov model learns: Baum-Welch, labelled states, a stream of batches.

Source:  Rabiner (1989), eq. 40; Cappe & Moulines (2009), Liang & Klein (2009) for `partial_fit`.
Differs: history_ holds the objective, log-likelihood plus log-priors, which never falls; a state
         that nothing visits keeps its probabilities and is reported; zeros stay zero.
Cost:    O(T K^2) per step of EM and start.
Checked: `baum_welch`; hmmlearn; planted parameters found again.
"""
# N rows of S sequences, D features, K states

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.em import em
from byhand.utils.estimator import ConvergenceWarning
from byhand.utils.execute import Executor, map_reduce
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_array, check_choice, check_scalar

from .checks import check_stochastic
from .e_step import Data, Model, Statistics
from .inference import HMMInference
from .sequences import given_lengths, is_sequence_list
from .shards import Survey, add_statistics, are_shards, data_shards, shard_statistics, survey_shard
from .training import (
    Run,
    em_in_lockstep,
    labelled_statistics,
    log_dirichlet,
    posterior_mode,
    stepwise,
)

__all__ = ["BaseHMM", "check_prior", "check_width"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Callback = Callable[[Any, Mapping[str, Any]], object]

TOGETHER = 4_000_000  # likelihoods of all starts: 32 MB; beyond, starts run one after the other


class Expected(NamedTuple):
    """An E-step as the EM loop wants it."""

    objective: float  # log-likelihood plus log-priors, nats
    statistics: Statistics
    model: Model  # that they were computed under


class BaseHMM(HMMInference):
    """Base of the hidden Markov models; a subclass says what a state emits."""

    startprob_prior: ArrayLike
    transmat_prior: ArrayLike
    n_iter: int
    tol: float
    params: str
    init_params: str
    n_init: int
    history_: list[float]
    n_iter_: int
    converged_: bool

    # what a subclass provides

    def _initial_emission(self, Z: Floats, rng: np.random.Generator) -> Any:
        """Return a first guess of the emission; parts that init_params leaves out are kept."""
        raise TypeError(f"{type(self).__name__} does not say what its states emit")

    def _most_likely_emission(self, statistics: Any, emission: Any) -> Any:
        """M-step of the emission; parts that params leaves out are kept."""
        raise TypeError(f"{type(self).__name__} does not say what its states emit")

    def _emission_attributes(self, emission: Any) -> dict[str, Any]:
        """Return the learned attributes of an emission."""
        raise TypeError(f"{type(self).__name__} does not say what its states emit")

    def _log_prior(self, emission: Any) -> float:
        """Log-density of the emission's parameters under the prior, up to a constant."""
        return 0.0

    # learning

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        *,
        states: ArrayLike | None = None,
        sequence_weight: ArrayLike | None = None,
        executor: Executor | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Learn from sequences by Baum-Welch, or from labelled states by counting.

        Parameters
        ----------
        X : (N, D) array, or list of arrays (T, D) or (T,)
            Rows of all sequences, or the sequences themselves. NaN is a missing value. With an
            executor also a list of shards: paths of .npy files, pairs (X, lengths), functions that
            return one of these, or the executor's own futures.
        y : (S,) array of int, optional
            `lengths` by position, as in hmmlearn; one entry a row is a target and ignored, so that
            the model works in scikit-learn's tools.
        lengths : (S,) array of int, optional
            Lengths of the sequences in X; None is one sequence.
        states : (N,) array of int, or list of arrays, optional
            The state of every row, where it is known: no posterior is computed then.
        sequence_weight : (S,) array, optional
            How often each sequence counts; by default once.
        executor : object with ``submit(fn, *args).result()``, optional
            Where the E-steps run; by default here. Same shards, same bits, whatever it is.
        callback : callable, optional
            ``callback(self, info)`` after each step, info with "iteration", "max_iter",
            "objective" and "params"; a true return stops.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For wrong data or settings; also if a sequence is impossible under the first guess.

        Warns
        -----
        ConvergenceWarning
            If the last of n_iter steps still gained tol or more, or a state lost all its data.
        """
        self._check_hyperparameters()
        self._warn_of_overwriting()
        lengths = given_lengths(X, y, lengths)
        rng = check_random_state(self.random_state)
        parts: list[Any]
        if are_shards(X):
            if states is not None or sequence_weight is not None or lengths is not None:
                raise ValueError("lengths, states and sequence_weight must be None for shards")
            check = functools.partial(survey_shard, self._check_observations)
            parts = list(X)  # type: ignore[arg-type]
            survey = map_reduce(check, parts, Survey.join, executor)
            rows = survey.rows
            starts = [self._initial_model(rows, rng) for _ in range(self.n_init)]
        else:
            rows, sizes = self._check_sequences(X, lengths, fitting=True)
            weight = self._check_weight(sequence_weight, len(sizes))
            seen = np.repeat(weight > 0, sizes)
            starts = [
                self._initial_model(rows if seen.all() else rows[seen], rng)
                for _ in range(1 if states is not None else self.n_init)
            ]
            parts = data_shards(rows, sizes, weight, starts[0], len(starts))
            if states is not None:
                labels = self._check_states(states, sizes)[seen]
                run = self._fit_labelled(starts[0], parts, labels, callback)
                return self._learned(rows if is_sequence_list(X) else X, run)
        run = self._best_run(starts, parts, executor, callback)
        return self._learned(rows if isinstance(X, (list, tuple)) else X, run)

    def _best_run(
        self,
        starts: list[Model],
        shards: list[Any],
        executor: Executor | None,
        callback: Callback | None,
    ) -> Run:
        options: Any = {
            "max_iter": self.n_iter,
            "tol": self.tol,
            "on_step": self._on_step(callback),
        }
        e_step = functools.partial(self._e_step, shards, executor)
        numbers = sum(d.lanes.order.size for d in shards if isinstance(d, Data))
        together = numbers * self.n_components * len(starts) <= TOGETHER
        if len(starts) > 1 and together:
            runs: list[Any] = list(em_in_lockstep(starts, e_step, self._m_step, **options))
        else:
            runs = [
                em(start, lambda model: e_step([model])[0], self._m_step, **options)
                for start in starts
            ]
        best = max(runs, key=lambda run: run.history[-1])
        if len(starts) > 1 and together and best.n_iter == self.n_iter and not best.converged:
            text = f"the best of {len(starts)} starts had not converged after n_iter={self.n_iter}"
            warnings.warn(ConvergenceWarning(f"{text} steps: raise n_iter or tol"), stacklevel=3)
        return Run(*best)

    def _fit_labelled(
        self, start: Model, shards: list[Data], labels: Ints, callback: Callback | None
    ) -> Run:
        """Count known states; EM goes on for missing values and mixtures only."""
        ends = np.cumsum([0, *(len(d.lanes.order) for d in shards)])
        columns = [
            labels[a : a + len(d.lanes.order)][d.lanes.order]
            for a, d in zip(ends, shards, strict=False)
        ]

        def e_step(model: Model) -> Expected:
            parts = [labelled_statistics(model, d, z) for d, z in zip(shards, columns, strict=True)]
            statistics = functools.reduce(Statistics.__add__, parts)
            return Expected(statistics.log_likelihood + self._log_priors(model), statistics, model)

        run = em(
            start,
            e_step,
            self._m_step,
            max_iter=self.n_iter,
            tol=self.tol,
            on_step=self._on_step(callback),
        )
        return Run(*run)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Take one step of stepwise EM on a further batch of sequences.

        The k-th batch (k = 0, 1, ...) enters the running statistics with weight (k + 1)^-0.7, so
        early guesses fade (Cappe & Moulines, 2009; Liang & Klein, 2009).

        Parameters
        ----------
        X : (N, D) array, or list of arrays
            The batch, as for `fit`. A first batch draws the first guess.
        y, lengths : (S,) array of int, optional
            Lengths of the sequences in X, as for `fit`.

        Returns
        -------
        self
            history_ has the objective of each batch before its step.

        Raises
        ------
        ValueError, TypeError
            As for `fit`.
        """
        self._check_hyperparameters()
        lengths = given_lengths(X, y, lengths)
        going_on = hasattr(self, "statistics_")
        Z, sizes = self._check_sequences(X, lengths, fitting=not going_on)
        if going_on or all(hasattr(self, name) for name in self._letters.values()):
            model = self._check_model()
            self._check_width(Z, model)
        else:
            model = self._initial_model(Z, check_random_state(self.random_state))
        (expected,) = self._e_step(data_shards(Z, sizes, np.ones(len(sizes)), model), None, [model])
        history = [*(self.history_ if going_on else []), expected.objective]
        before = getattr(self, "statistics_", None)
        running, statistics = stepwise(expected.statistics, len(Z), before, len(history) - 1)
        updated = self._m_step(expected._replace(statistics=statistics))
        run = Run(updated, None, history, len(history), False)
        return self._learned(Z if is_sequence_list(X) else X, run, statistics_=running)

    def _learned(self, X: Any, run: Run, **more: Any) -> Self:
        model = run.params
        if run.stats is not None:
            s = run.stats.statistics
            self._warn_of_lost_states(s.start + s.moves.sum(axis=0))
        return self._fitted(
            X,
            startprob_=model.startprob,
            transmat_=model.transmat,
            **self._emission_attributes(model.emission),
            history_=run.history,
            n_iter_=run.n_iter,
            converged_=run.converged,
            **more,
        )

    def _warn_of_lost_states(self, visits: Floats) -> None:
        lost = np.flatnonzero(visits < 1e-6)
        if len(lost):
            text = f"states {lost.tolist()} lost all their data: they keep their parameters."
            advice = "Fewer states, another start or priors avoid it"
            warnings.warn(ConvergenceWarning(f"{text} {advice}"), stacklevel=4)

    def _on_step(self, callback: Callback | None) -> Callable[[int, float, Model], object] | None:
        if callback is None:
            return None

        def on_step(iteration: int, objective: float, model: Model) -> object:
            info = {
                "iteration": iteration,
                "max_iter": self.n_iter,
                "objective": objective,
                "params": model,
            }
            return callback(self, info)

        return on_step

    def _e_step(
        self, shards: list[Any], executor: Executor | None, models: list[Model]
    ) -> list[Expected]:
        fn = functools.partial(shard_statistics, models)
        totals = map_reduce(fn, shards, add_statistics, executor)
        return [
            Expected(s.log_likelihood + self._log_priors(model), s, model)
            for s, model in zip(totals, models, strict=True)
        ]

    @np.errstate(under="ignore")  # shares that vanish are 0
    def _m_step(self, expected: Expected) -> Model:
        statistics, (startprob, transmat, emission) = expected.statistics, expected.model
        if "s" in self.params:
            startprob = posterior_mode(statistics.start, self.startprob_prior, startprob)
        if "t" in self.params:
            transmat = posterior_mode(statistics.moves, self.transmat_prior, transmat)
        emission = self._most_likely_emission(statistics.emission, emission)
        return Model(startprob, transmat, emission)

    @np.errstate(under="ignore")
    def _log_priors(self, model: Model) -> float:
        return (
            log_dirichlet(model.startprob, self.startprob_prior)
            + log_dirichlet(model.transmat, self.transmat_prior)
            + self._log_prior(model.emission)
        )

    def _initial_model(self, Z: Floats, rng: np.random.Generator) -> Model:
        K = self.n_components
        startprob = rng.dirichlet(np.ones(K))
        transmat = rng.dirichlet(np.ones(K), K)
        if not self._draws("s"):
            startprob = check_stochastic(self._given("startprob_"), "startprob_", (K,))
        if not self._draws("t"):
            transmat = check_stochastic(self._given("transmat_"), "transmat_", (K, K))
        return Model(startprob, transmat, self._initial_emission(Z, rng))

    def _draws(self, letter: str) -> bool:
        """Whether a part of the first guess is drawn: if it is to be, or there is none to take."""
        return letter in self.init_params or not hasattr(self, self._letters[letter])

    def _warn_of_overwriting(self) -> None:
        """Warn of parameters set by hand that fit draws anew."""
        if hasattr(self, "history_"):
            return  # they were learned, not set
        lost = {c: name for c, name in self._letters.items() if c in self.init_params}
        lost = {c: name for c, name in lost.items() if hasattr(self, name)}
        if lost:
            warnings.warn(
                f"{', '.join(lost.values())} will be overwritten by a first guess: leave"
                f" {''.join(lost)!r} out of init_params to start from what was set",
                UserWarning,
                stacklevel=3,
            )

    # checks

    def _check_hyperparameters(self) -> None:
        check_scalar(self.n_components, "n_components", integer=True, low=1)
        check_scalar(self.n_iter, "n_iter", integer=True, low=1)
        check_scalar(self.n_init, "n_init", integer=True, low=1)
        check_scalar(self.tol, "tol")
        check_choice(self.algorithm, "algorithm", ("viterbi", "map"))
        K = self.n_components
        for name, shape in (("startprob_prior", (K,)), ("transmat_prior", (K, K))):
            check_prior(getattr(self, name), name, shape)
        for name in ("params", "init_params"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a string of letters, got {value!r}")
            if not set(value) <= set(self._letters):
                letters = ", ".join(f"{k!r} ({v})" for k, v in self._letters.items())
                raise ValueError(f"{name} must be made of the letters {letters}, got {value!r}")

    def _check_weight(self, sequence_weight: ArrayLike | None, n_sequences: int) -> Floats:
        if sequence_weight is None:
            return np.ones(n_sequences)
        w: Floats = check_array(sequence_weight, "sequence_weight", ndim=1, min_rows=0)
        if len(w) != n_sequences:
            raise ValueError(
                f"sequence_weight must hold one weight for each of the {n_sequences} sequences,"
                f" got {len(w)}"
            )
        if (w < 0).any() or not w.any():
            raise ValueError("sequence_weight must hold weights >= 0, not all of them 0")
        return w

    def _check_states(self, states: Any, sizes: Ints) -> Ints:
        n_rows = int(sizes.sum())
        if isinstance(states, (list, tuple)) and all(np.ndim(z) > 0 for z in states):
            found = [np.size(z) for z in states]
            if found != sizes.tolist():
                raise ValueError(
                    f"states must hold one array for each sequence, of lengths {sizes.tolist()},"
                    f" got {found}"
                )
            states = np.concatenate([np.ravel(z) for z in states])
        given = check_array(states, "states", ndim=1)
        labels = given.astype(np.int64)
        if (labels != given).any():
            raise TypeError("states must hold whole numbers, one for each row of X")
        if len(labels) != n_rows:
            raise ValueError(
                f"states must hold one state for each of {n_rows} rows, got {len(labels)}"
            )
        if labels.min() < 0 or labels.max() >= self.n_components:
            raise ValueError(
                f"states must be 0 to n_components - 1 = {self.n_components - 1}, got"
                f" {labels.min()} to {labels.max()}"
            )
        return labels


def check_prior(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Floats:
    """Dirichlet parameters: one number or an array that broadcasts to `shape`, all > 0."""
    a: Floats = check_array(value, name, ndim=None)
    try:
        np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(f"{name} must be a number or have shape {shape}, got {a.shape}") from None
    if (a <= 0).any():
        raise ValueError(f"{name} must be > 0, got {float(a.min())}")
    return a


def check_width(Z: Floats, n_features: int) -> None:
    """Check that rows are as wide as the emissions."""
    if Z.shape[1] != n_features:
        raise ValueError(
            f"X has {Z.shape[1]} features, but the model is expecting {n_features} features as"
            " input"
        )
