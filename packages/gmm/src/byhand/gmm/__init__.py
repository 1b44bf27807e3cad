# SPDX-License-Identifier: BSD-3-Clause
"""byhand.gmm: Gaussian mixtures and k-means, by hand in NumPy."""

from .conditional import Conditional, conditional
from .em_gaussian import (
    MixtureParams,
    MixtureStatistics,
    gaussian_mixture_e_step,
    gaussian_mixture_m_step,
)
from .gaussian_mixture import GaussianMixture
from .kmeans import KMeans
from .lloyd import LloydResult, lloyd
from .missing import impute
from .plots import BICDisplay, MixtureDisplay, ResponsibilityDisplay, covariance_ellipse

__version__ = "0.1.0"

__all__ = [
    "BICDisplay",
    "Conditional",
    "GaussianMixture",
    "KMeans",
    "LloydResult",
    "MixtureDisplay",
    "MixtureParams",
    "MixtureStatistics",
    "ResponsibilityDisplay",
    "conditional",
    "covariance_ellipse",
    "gaussian_mixture_e_step",
    "gaussian_mixture_m_step",
    "impute",
    "lloyd",
]
