# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of byhand.hmm: EM, likelihoods and Viterbi from one start, against hmmlearn.

hmmlearn runs its fast mode, implementation="scaling". Both make the same number of EM steps; ours
has one E-step more, so that the likelihood that it reports is that of the model it returns.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case

SYMBOLS = 20


def chain(k: int, kind: str) -> tuple[Any, Any, Any]:
    """Start, transition and emission probabilities."""
    rng = np.random.default_rng(0)
    pi, A = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), k)
    B = rng.dirichlet(np.ones(SYMBOLS), k)
    if kind == "sticky":  # and emissions that say next to nothing
        A = np.full((k, k), 0.001 / (k - 1))
        np.fill_diagonal(A, 0.999)
        B = rng.dirichlet(np.full(SYMBOLS, 300.0), k)
    elif kind == "left-right":
        A = np.diag(np.full(k, 0.999)) + np.diag(np.full(k - 1, 0.001), 1)
        A[-1, -1] = 1.0
        pi = np.eye(k)[0]
    return pi, A, B


def walk(pi: Any, A: Any, n: int, rng: Any) -> Any:
    """States of a chain."""
    upto, u = np.cumsum(A, axis=1), rng.random(n)
    states = np.empty(n, dtype=np.int64)
    state = int(rng.choice(len(pi), p=pi))
    for t in range(n):
        states[t] = state
        state = min(int(upto[state].searchsorted(u[t])), len(pi) - 1)
    return states


def symbols(k: int, t: int, s: int, kind: str = "random") -> tuple[Any, ...]:
    """Sequences of symbols drawn from the model, and the model."""
    pi, A, B = chain(k, kind)
    rng = np.random.default_rng(1)
    Z = np.concatenate([walk(pi, A, t, rng) for _ in range(s)])
    upto = np.cumsum(B, axis=1)
    x = np.minimum((upto[Z] < rng.random(len(Z))[:, None]).sum(axis=1), SYMBOLS - 1)
    start = {"startprob_": pi, "transmat_": A, "emissionprob_": B}
    return "CategoricalHMM", x[:, None], [t] * s, start, {}


def vectors(k: int, t: int, s: int, d: int = 4, covariance_type: str = "diag") -> tuple[Any, ...]:
    """Sequences of Gaussian vectors, and the model that EM starts from."""
    pi, A, _ = chain(k, "random")
    rng = np.random.default_rng(1)
    means = 3 * rng.standard_normal((k, d))
    Z = np.concatenate([walk(pi, A, t, rng) for _ in range(s)])
    X = means[Z] + rng.standard_normal((t * s, d))
    covars = {
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
    }[covariance_type]
    moved = means + 0.3 * rng.standard_normal(means.shape)
    start = {"startprob_": pi, "transmat_": A, "means_": moved, "covars_": covars}
    return "GaussianHMM", X, [t] * s, start, {"covariance_type": covariance_type}


def set_up(module: Any, name: str, start: Any, options: Any, **more: Any) -> Any:
    """Make a model of either library that starts where it is told."""
    model = getattr(module, name)(len(start["startprob_"]), init_params="", **options, **more)
    for attribute, value in start.items():
        setattr(model, attribute, value.copy())
    return model


def library(ours: bool) -> tuple[Any, dict[str, Any]]:
    """Import one of the two, and say how it is to run."""
    if ours:
        import byhand.hmm

        return byhand.hmm, {"tol": 0.0}
    import hmmlearn.hmm

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    return hmmlearn.hmm, {"tol": -np.inf, "implementation": "scaling"}


def steps(n_rows: int) -> int:
    """EM steps: fewer where one takes long."""
    return 10 if n_rows <= 100_000 else 4


def fit(ours: bool) -> Callable[..., Callable[[], Any]]:
    def prepare(name: str, X: Any, lengths: Any, start: Any, options: Any) -> Callable[[], Any]:
        module, how = library(ours)
        warnings.simplefilter("ignore")  # no convergence in so few steps

        def run() -> Any:
            model = set_up(module, name, start, options, n_iter=steps(len(X)), **how)
            model.fit(X, lengths)
            return model.transmat_

        return run

    return prepare


def use(ours: bool, method: str) -> Callable[..., Callable[[], Any]]:
    def prepare(name: str, X: Any, lengths: Any, start: Any, options: Any) -> Callable[[], Any]:
        module, how = library(ours)
        model = set_up(module, name, start, options, **how)
        return lambda: getattr(model, method)(X, lengths)

    return prepare


def restarts(ours: bool) -> Callable[..., Callable[[], Any]]:
    """Ten random starts of ten steps; the likelihood of the best."""

    def prepare(name: str, X: Any, lengths: Any, start: Any, options: Any) -> Callable[[], Any]:
        module, how = library(ours)
        warnings.simplefilter("ignore")
        make, k = getattr(module, name), len(start["startprob_"])

        def run_ours() -> Any:
            return make(k, n_init=10, n_iter=10, random_state=0, **how).fit(X, lengths).history_[-1]

        def run_theirs() -> Any:
            fits = [make(k, n_iter=10, random_state=i, **how).fit(X, lengths) for i in range(10)]
            return max(model.monitor_.history[-1] for model in fits)

        return run_ours if ours else run_theirs

    return prepare


def score_gap(a: Any, b: Any) -> float:
    """Compare log-probabilities of decoded paths: equally good ones may differ in states."""
    return float(abs(a[0] / b[0] - 1))


SIZES = (
    {"k": 8, "t": 1000, "s": 1},
    {"k": 8, "t": 100_000, "s": 1},
    {"k": 8, "t": 1_000_000, "s": 1},
    {"k": 8, "t": 100, "s": 1000},
    {"k": 2, "t": 1000, "s": 1},
    {"k": 2, "t": 100_000, "s": 1},
    {"k": 2, "t": 100, "s": 1000},
    {"k": 32, "t": 1000, "s": 1},
    {"k": 32, "t": 100_000, "s": 1},
    {"k": 32, "t": 100, "s": 1000},
)
FIT_BARS = (5.0, 0.6, 0.4, 0.3, 5.0, 0.8, None, 5.0, 0.4, None)
VITERBI_BARS = (None, None, 1.0, 1.0, None, None, None, None, None, None)
HARD = (
    {"k": 8, "t": 100_000, "s": 1, "kind": "sticky"},
    {"k": 8, "t": 100_000, "s": 1, "kind": "left-right"},
)
GAUSSIAN = (
    {"k": 8, "t": 1000, "s": 1},
    {"k": 8, "t": 100_000, "s": 1},
    {"k": 8, "t": 100, "s": 1000},
    {"k": 2, "t": 100_000, "s": 1},
    {"k": 32, "t": 100_000, "s": 1},
    {"k": 8, "t": 100_000, "s": 1, "covariance_type": "full"},
    {"k": 8, "t": 100_000, "s": 1, "covariance_type": "tied"},
)


def case(
    work: str, sizes: Any, make: Any, pair: Any, bar: Any, tolerance: float, **more: Any
) -> Case:
    return Case(
        work,
        peer="hmmlearn",
        sizes=sizes,
        make=make,
        ours=pair(True),
        theirs=pair(False),
        bar=bar,
        tolerance=tolerance,
        **more,
    )


CASES = [
    case("CategoricalHMM, EM", SIZES, symbols, fit, FIT_BARS, 1e-8),
    case(
        "CategoricalHMM, Viterbi",
        SIZES,
        symbols,
        lambda ours: use(ours, "decode"),
        VITERBI_BARS,
        1e-9,
        deviation=score_gap,
    ),
    case("CategoricalHMM, score", SIZES, symbols, lambda ours: use(ours, "score"), None, 1e-9),
    case("CategoricalHMM, EM on chains that do not forget", HARD, symbols, fit, 3.0, 1e-7),
    case(
        "CategoricalHMM, Viterbi on chains that do not forget",
        HARD,
        symbols,
        lambda ours: use(ours, "decode"),
        3.0,
        1e-9,
        deviation=score_gap,
    ),
    case(
        "CategoricalHMM, best of ten starts",
        ({"k": 8, "t": 1000, "s": 1}, {"k": 2, "t": 1000, "s": 1}),
        symbols,
        restarts,
        1.0,
        0.05,  # other random starts: the best of ten differ by a percent or two
    ),
    case("GaussianHMM, EM", GAUSSIAN, vectors, fit, (5.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6), 1e-8),
    case(
        "GaussianHMM, Viterbi",
        GAUSSIAN,
        vectors,
        lambda ours: use(ours, "decode"),
        None,
        1e-9,
        deviation=score_gap,
    ),
]
