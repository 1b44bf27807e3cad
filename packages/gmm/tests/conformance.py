# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for everything public of byhand.gmm."""

from __future__ import annotations

from typing import Any

import numpy as np

from byhand.gmm import (
    BICDisplay,
    GaussianMixture,
    KMeans,
    MixtureDisplay,
    MixtureParams,
    ResponsibilityDisplay,
    conditional,
    covariance_ellipse,
    gaussian_mixture_e_step,
    gaussian_mixture_m_step,
    impute,
    lloyd,
)
from byhand_testkit import (
    Choice,
    EstimatorRow,
    ExemptRow,
    Flag,
    Free,
    FunctionRow,
    Integer,
    Real,
)

MEANS = [[5.0, 0.0], [0.0, 5.0], [0.0, 0.0]]  # near the centres of "blobs"


def mixture(**hyperparameters: Any) -> GaussianMixture:
    """Return a mixture of known parameters."""
    S = np.tile(np.array([[1.0, 0.3], [0.3, 1.0]]), (3, 1, 1))
    return GaussianMixture.from_parameters([0.2, 0.3, 0.5], MEANS, S, **hyperparameters)


def params() -> MixtureParams:
    """Return parameters of a mixture."""
    return mixture()._params()


MIXTURE_DOMAINS = {
    "n_components": Integer(1),
    "covariance_type": Choice("full", "tied", "diag", "spherical"),
    "tol": Real(0),
    "reg_covar": Real(0),
    "max_iter": Integer(0),
    "n_init": Integer(1),
    "init_params": Choice("kmeans", "k-means++", "random", "random_from_data"),
    "weights_init": Free("array: test_gmm_gaussian_mixture.py"),
    "means_init": Free("array: test_gmm_gaussian_mixture.py"),
    "precisions_init": Free("array: test_gmm_gaussian_mixture.py"),
    "frozen_components": Free("array: test_gmm_gaussian_mixture.py"),
    "allow_nan": Flag(),
    "warm_start": Flag(),
}

ROWS = [
    *(
        EstimatorRow(
            GaussianMixture,
            {"n_components": 3, "covariance_type": kind, "reg_covar": 0.0, "random_state": 0},
            label=kind,
            domains=MIXTURE_DOMAINS,
            laws=("shift", "scale", "columns"),
            history="rises",
            objective=lambda model, data: model.score(data.X),
        )
        for kind in ("full", "tied", "diag", "spherical")
    ),
    EstimatorRow(
        GaussianMixture,
        {"n_components": 3, "allow_nan": True, "random_state": 0},
        label="NaN allowed",
        domains=MIXTURE_DOMAINS,
        laws=("shift", "columns"),
        history="rises",
        objective=lambda model, data: model.score(data.X),
        nan="handled",
    ),
    EstimatorRow(
        KMeans,
        {"n_clusters": 3, "random_state": 0},
        domains={
            "n_clusters": Integer(1),
            "init": Free("name, array or function: test_gmm_kmeans.py"),
            "n_init": Integer(1) | Choice("auto"),
            "max_iter": Integer(1),
            "tol": Real(0),
            "algorithm": Choice("lloyd"),
        },
        laws=("shift", "scale", "columns"),
        history="falls",
        objective=lambda model, data: -model.score(data.X),
        dtype="kept",
    ),
    FunctionRow(conditional, lambda rng: (mixture(), rng.normal(size=(5, 1)), [0]), nan=("X",)),
    FunctionRow(
        impute, lambda rng: (mixture(allow_nan=True), rng.normal(size=(5, 2))), nan="handled"
    ),
    FunctionRow(
        lloyd, lambda rng: (rng.normal(size=(30, 2)), np.array(MEANS)), nan="passes", lists=False
    ),
    FunctionRow(
        gaussian_mixture_e_step,
        lambda rng: (params(), rng.normal(size=(30, 2))),
        nan="passes",
        lists=False,
    ),
    FunctionRow(
        gaussian_mixture_m_step,
        lambda rng: (gaussian_mixture_e_step(params(), rng.normal(size=(30, 2))),),
        nan="passes",
        lists=False,
    ),
    FunctionRow(covariance_ellipse, lambda rng: (rng.normal(size=2), np.eye(2)), nan="passes"),
    ExemptRow(BICDisplay, "draws; tested in test_gmm_plots.py"),
    ExemptRow(MixtureDisplay, "draws; tested in test_gmm_plots.py"),
    ExemptRow(ResponsibilityDisplay, "draws; tested in test_gmm_plots.py"),
]
