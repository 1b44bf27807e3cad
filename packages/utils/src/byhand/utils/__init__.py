# SPDX-License-Identifier: BSD-3-Clause
"""byhand.utils: what the byhand packages share.

A name is found, and its module loaded, when it is first used, so that `import byhand.utils` costs
nothing. `em` and `kmeans_plus_plus` are in modules of the same name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .alias_sampler import AliasSampler, alias_table
    from .ball_tree import BallTree
    from .distances import (
        chebyshev,
        cosine,
        euclidean,
        hamming,
        jaccard,
        mahalanobis,
        manhattan,
        minkowski,
        pairwise_distances,
    )
    from .em import EMResult
    from .estimator import (
        ClassifierMixin,
        ClusterMixin,
        ConvergenceWarning,
        DensityMixin,
        Estimator,
        NotFittedError,
        OutlierMixin,
        RegressorMixin,
        TransformerMixin,
        clone,
    )
    from .execute import map_reduce
    from .gaussian import (
        Moments,
        covariances_from_moments,
        log_density,
        precision_cholesky,
        weighted_moments,
    )
    from .kernels import (
        chi2_kernel,
        cosine_similarity,
        laplacian_kernel,
        linear_kernel,
        polynomial_kernel,
        rbf_kernel,
        sigmoid_kernel,
    )
    from .nearest import nearest_neighbors
    from .optimize import LBFGSResult, LineSearchResult, lbfgs, line_search
    from .persist import load, save
    from .priority_queue import PriorityQueue
    from .progress import ProgressBar, terminal_progress
    from .random import check_random_state
    from .safetensors_file import ModelFormatError, read_safetensors, write_safetensors
    from .special import digamma, erf, gammaln, logsumexp, ndtr, ndtri, softmax, trigamma
    from .validation import (
        DataConversionWarning,
        check_array,
        check_choice,
        check_labels,
        check_sample_weight,
        check_scalar,
        check_target,
    )

__version__ = "0.1.0"

__all__ = [
    "AliasSampler",
    "BallTree",
    "ClassifierMixin",
    "ClusterMixin",
    "ConvergenceWarning",
    "DataConversionWarning",
    "DensityMixin",
    "EMResult",
    "Estimator",
    "LBFGSResult",
    "LineSearchResult",
    "ModelFormatError",
    "Moments",
    "NotFittedError",
    "OutlierMixin",
    "PriorityQueue",
    "ProgressBar",
    "RegressorMixin",
    "TransformerMixin",
    "alias_table",
    "chebyshev",
    "check_array",
    "check_choice",
    "check_labels",
    "check_random_state",
    "check_sample_weight",
    "check_scalar",
    "check_target",
    "chi2_kernel",
    "clone",
    "cosine",
    "cosine_similarity",
    "covariances_from_moments",
    "digamma",
    "erf",
    "euclidean",
    "gammaln",
    "hamming",
    "jaccard",
    "laplacian_kernel",
    "lbfgs",
    "line_search",
    "linear_kernel",
    "load",
    "log_density",
    "logsumexp",
    "mahalanobis",
    "manhattan",
    "map_reduce",
    "minkowski",
    "ndtr",
    "ndtri",
    "nearest_neighbors",
    "pairwise_distances",
    "polynomial_kernel",
    "precision_cholesky",
    "rbf_kernel",
    "read_safetensors",
    "save",
    "sigmoid_kernel",
    "softmax",
    "terminal_progress",
    "trigamma",
    "weighted_moments",
    "write_safetensors",
]

_NAMES_OF = {
    "alias_sampler": (
        "AliasSampler",
        "alias_table",
    ),
    "ball_tree": ("BallTree",),
    "distances": (
        "chebyshev",
        "cosine",
        "euclidean",
        "hamming",
        "jaccard",
        "mahalanobis",
        "manhattan",
        "minkowski",
        "pairwise_distances",
    ),
    "em": ("EMResult",),
    "estimator": (
        "ClassifierMixin",
        "ClusterMixin",
        "ConvergenceWarning",
        "DensityMixin",
        "Estimator",
        "NotFittedError",
        "OutlierMixin",
        "RegressorMixin",
        "TransformerMixin",
        "clone",
    ),
    "execute": ("map_reduce",),
    "gaussian": (
        "Moments",
        "covariances_from_moments",
        "log_density",
        "precision_cholesky",
        "weighted_moments",
    ),
    "kernels": (
        "chi2_kernel",
        "cosine_similarity",
        "laplacian_kernel",
        "linear_kernel",
        "polynomial_kernel",
        "rbf_kernel",
        "sigmoid_kernel",
    ),
    "nearest": ("nearest_neighbors",),
    "optimize": (
        "LBFGSResult",
        "LineSearchResult",
        "lbfgs",
        "line_search",
    ),
    "persist": (
        "load",
        "save",
    ),
    "priority_queue": ("PriorityQueue",),
    "progress": (
        "ProgressBar",
        "terminal_progress",
    ),
    "random": ("check_random_state",),
    "safetensors_file": (
        "ModelFormatError",
        "read_safetensors",
        "write_safetensors",
    ),
    "special": (
        "digamma",
        "erf",
        "gammaln",
        "logsumexp",
        "ndtr",
        "ndtri",
        "softmax",
        "trigamma",
    ),
    "validation": (
        "DataConversionWarning",
        "check_array",
        "check_choice",
        "check_labels",
        "check_sample_weight",
        "check_scalar",
        "check_target",
    ),
}
_HOME_OF = {name: module for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
