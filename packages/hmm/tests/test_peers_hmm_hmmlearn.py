# SPDX-License-Identifier: BSD-3-Clause
"""Agreement with hmmlearn from the same start: likelihoods, paths, learned parameters."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from byhand.hmm import GMMHMM, CategoricalHMM, GaussianHMM, MultinomialHMM, PoissonHMM
from byhand_testkit import agreement

hmmlearn = pytest.importorskip("hmmlearn.hmm")
logging.getLogger("hmmlearn").setLevel(logging.ERROR)

LENGTHS = [200, 180, 120]


def gaussian_start(kind: str, K: int, D: int) -> dict[str, Any]:
    full = np.stack([(1.0 + k) * (np.eye(D) + 0.3) for k in range(K)])
    covars = {
        "full": full,
        "tied": full[0],
        "diag": np.einsum("kii->ki", full),
        "spherical": np.arange(1.0, K + 1),
    }[kind]
    rng = np.random.default_rng(5)
    return {"means_": rng.normal(size=(K, D)) * 2, "covars_": covars}


def chain(K: int) -> dict[str, Any]:
    rng = np.random.default_rng(K)
    return {
        "startprob_": rng.dirichlet(np.ones(K)),
        "transmat_": rng.dirichlet(5 * np.ones(K), K),
    }


def series(D: int) -> Any:
    rng = np.random.default_rng(0)
    level = np.repeat(rng.integers(0, 3, 50), 10)[:, None]
    return 3 * level + rng.normal(size=(500, D)) @ rng.normal(size=(D, D))


def both(name: str, start: dict[str, Any], **settings: Any) -> tuple[Any, Any]:
    ours = {
        "CategoricalHMM": CategoricalHMM,
        "GaussianHMM": GaussianHMM,
        "PoissonHMM": PoissonHMM,
        "MultinomialHMM": MultinomialHMM,
        "GMMHMM": GMMHMM,
    }[name]
    K = len(start["startprob_"])
    models = (
        ours(K, init_params="", n_iter=5, tol=0.0, **settings),
        getattr(hmmlearn, name)(K, init_params="", n_iter=5, tol=-np.inf, **settings),
    )
    for model in models:
        for attribute, value in start.items():
            setattr(model, attribute, value.copy())
    return models


CASES: list[Any] = [
    *(
        pytest.param(
            "GaussianHMM",
            chain(3) | gaussian_start(kind, 3, 3),
            {"covariance_type": kind} | prior,
            series(3),
            id=f"{kind}-{len(prior)}",
        )
        for kind in ("spherical", "diag", "full", "tied")
        for prior in (
            {},
            {"covars_prior": 0.3, "covars_weight": 7.0, "means_prior": 0.5, "means_weight": 2.0},
        )
    ),
    *(
        pytest.param(
            "CategoricalHMM",
            chain(K) | {"emissionprob_": np.random.default_rng(1).dirichlet(np.ones(6), K)},
            {"n_features": 6} | prior,
            np.random.default_rng(2).integers(0, 6, (500, 1)),
            id=f"categorical-{K}-{len(prior)}",
        )
        for K in (2, 5)
        for prior in ({}, {"emissionprob_prior": 2.0, "transmat_prior": 1.5})
    ),
    pytest.param(
        "PoissonHMM",
        chain(2) | {"lambdas_": np.array([[1.0, 4.0], [6.0, 2.0]])},
        {},
        np.random.default_rng(3).poisson(np.repeat([[2, 5], [9, 1]], 250, axis=0)),
        id="poisson",
    ),
    pytest.param(
        "MultinomialHMM",
        chain(2) | {"emissionprob_": np.array([[0.3, 0.3, 0.4], [0.1, 0.3, 0.6]])},
        {"n_trials": 10},
        np.random.default_rng(4).multinomial(10, [0.2, 0.3, 0.5], 500),
        id="multinomial",
    ),
]


@pytest.mark.parametrize(("name", "start", "settings", "X"), CASES)
def test_likelihoods_paths_and_parameters_agree(
    name: str, start: Any, settings: Any, X: Any
) -> None:
    ours, theirs = both(name, start, **settings)
    if name == "PoissonHMM":
        theirs.n_features = X.shape[1]
    work = f"500 rows, K={ours.n_components} {settings or ''}".strip()
    public = f"byhand.hmm.{name}"
    for stage in ("at the start", "after 5 steps of EM"):
        gap = abs(ours.score(X, LENGTHS) / theirs.score(X, LENGTHS) - 1)
        agreement(public, "hmmlearn", f"log-likelihood {stage}, {work}", gap, 1e-9)
        a, b = ours.decode(X, LENGTHS), theirs.decode(X, LENGTHS)
        agreement(public, "hmmlearn", f"Viterbi score {stage}, {work}", abs(a[0] / b[0] - 1), 1e-9)
        if name in ("GaussianHMM", "PoissonHMM"):  # symbols that repeat make equally good paths
            agreement(public, "hmmlearn", f"states {stage}, {work}", (a[1] != b[1]).sum(), 0)
        gap = np.abs(ours.predict_proba(X, LENGTHS) - theirs.predict_proba(X, LENGTHS)).max()
        agreement(public, "hmmlearn", f"posteriors {stage}, {work}", gap, 1e-8)
        for criterion in ("aic", "bic"):
            pair = [getattr(m, criterion)(X, LENGTHS) for m in (ours, theirs)]
            agreement(
                public, "hmmlearn", f"{criterion} {stage}, {work}", abs(pair[0] / pair[1] - 1), 1e-9
            )
        if stage == "at the start":
            ours.fit(X, LENGTHS)
            theirs.fit(X, LENGTHS)
    for attribute in start:
        got = getattr(ours, attribute)
        want = theirs._covars_ if attribute == "covars_" else getattr(theirs, attribute)
        if attribute == "covars_" and settings["covariance_type"] == "spherical":
            want = want[:, 0]
        gap = np.abs(got - want).max() / np.abs(want).max()
        agreement(public, "hmmlearn", f"{attribute} after 5 steps of EM, {work}", gap, 1e-8)


@pytest.mark.parametrize("kind", ["spherical", "diag", "full", "tied"])
def test_mixture_likelihoods_and_paths_agree(kind: str) -> None:
    K, M, D = 2, 2, 3
    rng = np.random.default_rng(6)
    flat = gaussian_start("full" if kind == "tied" else kind, K if kind == "tied" else K * M, D)
    covars = (
        flat["covars_"]
        if kind == "tied"
        else flat["covars_"].reshape(K, M, *flat["covars_"].shape[1:])
    )
    start = chain(K) | {
        "weights_": rng.dirichlet(np.ones(M), K),
        "means_": rng.normal(size=(K, M, D)),
        "covars_": covars,
    }
    ours, theirs = both("GMMHMM", start, n_mix=M, covariance_type=kind)
    X = series(D)
    theirs.n_features = D
    gap = abs(ours.score(X, LENGTHS) / theirs.score(X, LENGTHS) - 1)
    agreement("byhand.hmm.GMMHMM", "hmmlearn", f"log-likelihood, {kind}", gap, 1e-9)
    a, b = ours.decode(X, LENGTHS), theirs.decode(X, LENGTHS)
    agreement("byhand.hmm.GMMHMM", "hmmlearn", f"states, {kind}", (a[1] != b[1]).sum(), 0)
    ours.fit(X, LENGTHS)
    theirs.fit(X, LENGTHS)  # centres its covariances on the old means: ours may only be better
    assert ours.score(X, LENGTHS) >= theirs.score(X, LENGTHS) - 1e-6


def test_left_right_models_where_scaling_is_silently_wrong() -> None:
    K, V = 3, 4
    start = {
        "startprob_": np.array([1.0, 0, 0]),
        "transmat_": np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1.0]]),
        "emissionprob_": np.array(
            [[0.5, 0.5, 0, 1e-150], [0, 0.5, 0.5, 1e-150], [0.5, 0, 0.5, 1e-150]]
        ),
    }
    start["emissionprob_"] /= start["emissionprob_"].sum(axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    x = np.r_[
        rng.integers(0, 2, 30), 3, 3, 3, rng.integers(1, 3, 30), 3, rng.integers(0, 2, 30) * 2
    ]
    ours, theirs = both("CategoricalHMM", start, n_features=V)
    gap = abs(ours.score(x[:, None]) / theirs.score(x[:, None]) - 1)  # "log" is its default
    agreement("byhand.hmm.CategoricalHMM", "hmmlearn", "left-right, 1e-150", gap, 1e-9)
    assert ours.n_components == K
