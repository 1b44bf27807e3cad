# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for everything public of byhand.hmm."""

from __future__ import annotations

from typing import Any

import numpy as np

from byhand.hmm import (
    GMMHMM,
    CategoricalHMM,
    GaussianHMM,
    HistoryDisplay,
    MatrixDisplay,
    MultinomialHMM,
    PathDisplay,
    PoissonHMM,
    backward,
    baum_welch,
    forward,
    forward_backward,
    viterbi,
)
from byhand_testkit import Choice, Data, EstimatorRow, ExemptRow, Free, FunctionRow, Integer, Real

COMMON: dict[str, Any] = {
    "n_components": Integer(1),
    "startprob_prior": Real(0, low_open=True) | Free("array: test_hmm_categorical.py"),
    "transmat_prior": Real(0, low_open=True) | Free("array: test_hmm_categorical.py"),
    "algorithm": Choice("viterbi", "map"),
    "n_iter": Integer(1),
    "tol": Free("any number but NaN: test_hmm_categorical.py"),
    "params": Free("letters: test_hmm_categorical.py"),
    "init_params": Free("letters: test_hmm_categorical.py"),
    "n_init": Integer(1),
}
FEW: dict[str, Any] = {"n_components": 2, "n_iter": 2, "tol": 0.0, "random_state": 0}
METHODS = ("predict", "predict_proba", "filter", "predict_next")
TYPES = Choice("spherical", "diag", "full", "tied")


def logs(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return a random model and the log-likelihoods of ten observations."""
    K = 3
    start, moves = rng.dirichlet(np.ones(K)), rng.dirichlet(np.ones(K), K)
    return np.log(start), np.log(moves), np.log(rng.random((10, K)))


def symbols(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return random probabilities and a sequence of symbols."""
    K, V = 2, 3
    return (
        rng.dirichlet(np.ones(K)),
        rng.dirichlet(np.ones(K), K),
        rng.dirichlet(np.ones(V), K),
        rng.integers(0, V, 12),
    )


def counts(width: int) -> Data:
    """Return sequences of counts whose rows sum to 9 if there are two of them."""
    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 2, 12), 5)
    first = rng.binomial(9, 0.2 + 0.6 * state)
    X = first[:, None] if width == 1 else np.stack([first, 9 - first], axis=1)
    lengths = {"lengths": [25, 15, 20]}
    return Data(X, fit=lengths, predict=lengths)


def log_posterior(model: Any, data: Data) -> float:
    """Return the objective of the returned parameters, recomputed."""
    log_prior = model._log_priors(model._check_model())
    return float(model.score(data.X, **data.predict) + log_prior)


SHARED: dict[str, Any] = {
    "methods": METHODS,
    "history": "rises",
    "objective": log_posterior,
    "nan": "handled",
}

ROWS = [
    EstimatorRow(
        CategoricalHMM,
        FEW,
        data="symbols",
        domains=COMMON
        | {
            "emissionprob_prior": Real(0, low_open=True) | Free("array"),
            "n_features": Integer(5, none=True),
        },
        **SHARED,
    ),
    EstimatorRow(
        GaussianHMM,
        FEW,
        data="sequences",
        domains=COMMON
        | {
            "covariance_type": TYPES,
            "min_covar": Real(0),
            "means_prior": Free("number or array: test_hmm_emissions.py"),
            "means_weight": Real(0) | Free("array: test_hmm_emissions.py"),
            "covars_prior": Real(0) | Free("array: test_hmm_emissions.py"),
            "covars_weight": Real(0) | Free("array: test_hmm_emissions.py"),
        },
        laws=("shift",),
        **SHARED,
    ),
    EstimatorRow(
        GMMHMM,
        FEW | {"n_mix": 2},
        data="sequences",
        domains=COMMON
        | {
            "n_mix": Integer(1),
            "covariance_type": TYPES,
            "min_covar": Real(0),
            "weights_prior": Real(0, low_open=True) | Free("array"),
            "means_prior": Free("number or array: test_hmm_emissions.py"),
            "means_weight": Free("number or array: test_hmm_emissions.py"),
            "covars_prior": Free("number, array or None: test_hmm_emissions.py"),
            "covars_weight": Free("number, array or None: test_hmm_emissions.py"),
        },
        laws=("shift",),
        **SHARED,
    ),
    EstimatorRow(
        PoissonHMM,
        FEW,
        data=lambda: counts(1),
        domains=COMMON
        | {
            "lambdas_prior": Real(0) | Free("array: test_hmm_counts.py"),
            "lambdas_weight": Real(0) | Free("array: test_hmm_counts.py"),
        },
        **SHARED,
    ),
    EstimatorRow(
        MultinomialHMM,
        FEW,
        data=lambda: counts(2),
        domains=COMMON | {"n_trials": Free("number, array or None: test_hmm_counts.py")},
        **SHARED,
    ),
    *(FunctionRow(f, logs) for f in (forward, backward, forward_backward, viterbi)),
    FunctionRow(baum_welch, symbols, kwargs={"n_iter": 3, "tol": 0.0}),
    ExemptRow(HistoryDisplay, "draws: test_hmm_plots.py"),
    ExemptRow(MatrixDisplay, "draws: test_hmm_plots.py"),
    ExemptRow(PathDisplay, "draws: test_hmm_plots.py"),
]
