# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the conformance kit for everything public of byhand.utils."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from byhand.utils import (
    distances,
    em,
    estimator,
    execute,
    gaussian,
    kernels,
    optimize,
    persist,
    progress,
    special,
    validation,
)
from byhand.utils.alias_sampler import AliasSampler, alias_table
from byhand.utils.ball_tree import BallTree
from byhand.utils.kmeans_plus_plus import kmeans_plus_plus
from byhand.utils.nearest import nearest_neighbors
from byhand.utils.priority_queue import PriorityQueue
from byhand.utils.random import check_random_state
from byhand.utils.safetensors_file import read_safetensors, write_safetensors
from byhand_testkit import ClassRow, ExemptRow, FunctionRow, Refusal, Row

Maker = Callable[[np.random.Generator], tuple[Any, ...]]
ONES = np.ones((3, 2))


def normals(*shapes: tuple[int, ...]) -> Maker:
    """Standard normal arrays of these shapes."""
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def positive(*shapes: tuple[int, ...]) -> Maker:
    """Absolute values of them."""
    return lambda rng: tuple(np.abs(rng.standard_normal(shape)) for shape in shapes)


def simplex(rng: np.random.Generator) -> tuple[Any, ...]:
    """Seven probabilities."""
    p = rng.exponential(size=7)
    return (p / p.sum(),)


# ---- kernels and distances

WIDTHS = (Refusal((ONES, np.ones((3, 4))), ValueError, "2.*4|4.*2"),)
MATRIX_KERNELS = ("linear_kernel", "polynomial_kernel", "rbf_kernel", "sigmoid_kernel",
                  "laplacian_kernel", "cosine_similarity")  # fmt: skip
GAMMA = (*WIDTHS, Refusal((ONES,), ValueError, "gamma", {"gamma": -1.0}))
ROWS: list[Row] = [
    *(
        FunctionRow(getattr(kernels, name), normals((5, 3), (4, 3)), refuses=WIDTHS)
        for name in MATRIX_KERNELS
    ),
    *(
        FunctionRow(getattr(kernels, name), normals((5, 3)), label="X with itself")
        for name in ("linear_kernel", "rbf_kernel", "cosine_similarity")
    ),
    FunctionRow(kernels.chi2_kernel, positive((5, 3), (4, 3)), refuses=GAMMA),
    FunctionRow(
        kernels.polynomial_kernel,
        normals((5, 3)),
        kwargs={"degree": 2, "gamma": 0.5, "coef0": 0.0},
        label="with options",
        refuses=(
            Refusal((ONES,), TypeError, "degree", {"degree": 2.5}),
            Refusal((ONES,), ValueError, "degree", {"degree": 0}),
            Refusal((ONES,), ValueError, "gamma", {"gamma": float("nan")}),
        ),
    ),
]
METRICS: dict[str, dict[str, Any]] = {
    "euclidean": {},
    "sqeuclidean": {},
    "manhattan": {},
    "chebyshev": {},
    "minkowski": {"p": 3},
    "hamming": {},
    "cosine": {},
    "jaccard": {},
    "mahalanobis": {"VI": np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 3.0]])},
}
ROWS += [
    FunctionRow(
        distances.pairwise_distances,
        normals((5, 3), (4, 3)),
        kwargs={"metric": metric, **options},
        label=metric,
        refuses=(
            Refusal((ONES, np.ones((3, 4))), ValueError, "2.*4|4.*2"),
            Refusal((ONES,), ValueError, "euclidean.*got 'taxi'", {"metric": "taxi"}),
            Refusal((ONES,), TypeError, "'q'", {"q": 1}),
        ),
    )
    for metric, options in METRICS.items()
]
LENGTHS = (Refusal((np.ones(2), np.ones(3)), ValueError, "2.*3"),)
NO_SECTION = {"parameters_documented": "two vectors, and the sentence says what is done with them"}
ROWS += [
    FunctionRow(
        getattr(distances, metric),
        normals((4,), (4,)),
        kwargs={k: np.eye(4) if k == "VI" else v for k, v in METRICS[metric].items()},
        refuses=LENGTHS if metric != "mahalanobis" else (),
        exempt=NO_SECTION,
    )
    for metric in METRICS
    if metric != "sqeuclidean"
]

# ---- ball trees


def asked(tree: BallTree) -> Any:
    """Neighbours of some points."""
    Q = np.linspace(-1, 1, 12).reshape(4, 3)
    return tree.query(Q, k=3), tree.query_radius(Q, 1.0)


ROWS += [
    ClassRow(
        BallTree,
        normals((60, 3)),
        asked,
        kwargs={"leaf_size": 5, "metric": metric, **METRICS[metric]},
        label=metric,
        refuses=(
            Refusal((ONES,), ValueError, "leaf_size.*0", {"leaf_size": 0}),
            Refusal((ONES,), ValueError, "'euclidean'.*taxi", {"metric": "taxi"}),
            Refusal((ONES,), ValueError, "cosine", {"metric": "cosine"}),
        ),
    )
    for metric in METRICS
    if metric not in ("sqeuclidean", "cosine")
]

ROWS += [
    FunctionRow(
        nearest_neighbors,
        normals((30, 3), (4, 3)),
        kwargs={"k": 3, "metric": metric, **METRICS[metric]},
        label=metric,
        refuses=(
            Refusal((ONES, ONES), ValueError, "k.*4", {"k": 4}),
            Refusal((ONES, np.ones((3, 4))), ValueError, "2.*4|4.*2"),
        ),
    )
    for metric in ("euclidean", "manhattan", "mahalanobis")
]

# ---- special functions: NaN gives NaN

SPECIAL: dict[str, Maker] = {
    "gammaln": positive((4, 3)),
    "digamma": positive((4, 3)),
    "trigamma": positive((4, 3)),
    "erf": normals((4, 3)),
    "ndtr": normals((4, 3)),
    "ndtri": lambda rng: (rng.random((4, 3)),),
}
ROWS += [
    FunctionRow(getattr(special, name), make, nan="handled", dtype="kept")
    for name, make in SPECIAL.items()
]
ROWS += [
    FunctionRow(
        function, normals((4, 3)), kwargs={"axis": axis}, nan="handled", dtype="kept", label=label
    )
    for function in (special.logsumexp, special.softmax)
    for axis, label in ((0, "axis 0"), (-1, "axis -1"), ((0, 1), "both axes"))
]

# ---- queue and sampler


def drained(queue: PriorityQueue[Any]) -> Any:
    """Everything that a queue does, on a copy of it."""
    for item, priority in (("b", 2), ("a", 1.5), ("c", 3), ("d", 1.5)):
        queue.push(item, priority)
    queue.update("c", 0)
    queue.remove("b")
    seen = [len(queue), "a" in queue, queue["a"], queue.peek(), list(queue), queue.pop()]
    while len(queue):
        queue.pop()
    return seen


ROWS += [
    ClassRow(PriorityQueue, lambda rng: (), drained, lists=False, nan="passes", dtype="any"),
    ClassRow(
        PriorityQueue,
        lambda rng: ("max", 3),
        drained,
        lists=False,
        nan="passes",
        dtype="any",
        label="of capacity 3",
        refuses=(
            Refusal(("middle",), ValueError, "'min', 'max'"),
            Refusal(("min", 0), ValueError, "capacity.*0"),
            Refusal(("min", 2.5), TypeError, "capacity"),
        ),
    ),
    ClassRow(
        AliasSampler,
        simplex,
        lambda s: (s.probabilities, s.sample(50), s.sample(4, replace=False)),
        kwargs={"random_state": 0},
        refuses=(
            Refusal(([0.5, 0.6],), ValueError, "sum to 1"),
            Refusal(([1.5, -0.5],), ValueError, r"probabilities.*-0\.5"),
            Refusal(([1.0], "seed"), TypeError, "random_state"),
        ),
    ),
    FunctionRow(alias_table, simplex),
]

# ---- optimisation and EM


def bowl(x: Any) -> tuple[float, Any]:
    """(sum of x^4 + x^2, its gradient)."""
    return float((x**4 + x**2).sum()), 4 * x**3 + 2 * x


def downhill(rng: np.random.Generator) -> tuple[Any, ...]:
    """Arguments of a line search."""
    x = rng.standard_normal(3)
    value, grad = bowl(x)
    return bowl, x, -grad, value, grad


class Coins(NamedTuple):
    """Statistics of the smallest EM."""

    heads: float
    objective: float


def coins(q: float) -> Coins:
    """E-step."""
    return Coins(60 * q / (q + 0.8), 60 * np.log((q + 0.8) / 2) + 40 * np.log(1 - (q + 0.8) / 2))


def rate(s: Coins) -> float:
    """M-step, damped."""
    return s.heads / 60


def of_calls(function: Any, *args: Any, **fields: Any) -> FunctionRow:
    """Row of a function of functions and numbers."""
    settings: dict[str, Any] = {"lists": False, "nan": "passes", "dtype": "any"}
    return FunctionRow(function, lambda rng: args, **{**settings, **fields})


ROWS += [
    FunctionRow(
        optimize.lbfgs,
        lambda rng: (bowl, rng.standard_normal(3)),
        refuses=(
            Refusal((bowl, np.ones(2)), ValueError, "max_iter", {"max_iter": -1}),
            Refusal((lambda x: (np.nan, x), np.ones(2)), ValueError, "x0"),
        ),
    ),
    FunctionRow(optimize.line_search, downhill, lists=False, nan="passes", dtype="any"),
    of_calls(em.em, 0.3, coins, rate, kwargs={"max_iter": 5, "tol": 0.0}),
    of_calls(
        execute.map_reduce,
        sum,
        [[1, 2], [3]],
        operator.add,
        refuses=(
            Refusal((sum, [], operator.add), ValueError, "at least one shard"),
            Refusal((sum, [[1]], operator.add, 3), TypeError, "submit"),
        ),
    ),
]

# ---- Gaussians

UNCHECKED: dict[str, Any] = {"lists": False, "nan": "passes", "dtype": "any"}
U = {
    "full": np.stack([np.eye(2)] * 3),
    "tied": np.eye(2),
    "diag": np.ones((3, 2)),
    "spherical": np.ones(3),
}
ROWS += [
    FunctionRow(
        gaussian.log_density,
        lambda rng, t=t: (rng.standard_normal((6, 2)), rng.standard_normal((3, 2)), U[t], t),  # type: ignore[misc]
        label=t,
        **UNCHECKED,
    )
    for t in gaussian.COVARIANCE_TYPES
]
ROWS += [
    FunctionRow(
        gaussian.weighted_moments,
        lambda rng: (rng.standard_normal((6, 2)), rng.random((6, 3)), "full"),
        **UNCHECKED,
    ),
    FunctionRow(
        gaussian.covariances_from_moments,
        lambda rng: (gaussian.weighted_moments(rng.random((6, 2)), rng.random((6, 3)), "full"),),
        **UNCHECKED,
    ),
    FunctionRow(gaussian.precision_cholesky, lambda rng: (U["full"] * 4.0, "full"), **UNCHECKED),
    FunctionRow(
        kmeans_plus_plus,
        lambda rng: (rng.standard_normal((12, 2)), 3),
        kwargs=lambda rng: {"rng": rng},
        **UNCHECKED,
    ),
]

# ---- validation, random state

Z = np.zeros(3)
ROWS += [
    FunctionRow(validation.check_array, lambda rng: (rng.standard_normal((3, 2)), "a")),
    FunctionRow(validation.check_target, lambda rng: (rng.standard_normal(5), 5), nan=("y",)),
    FunctionRow(
        validation.check_labels,
        lambda rng: (rng.integers(0, 3, 8), 8),
        nan="passes",
        refuses=(
            Refusal((np.array([0.5, 1.0]), 2), ValueError, "y"),
            Refusal((np.array([0, 1]), 3), ValueError, "2.*3|3.*2"),
        ),
    ),
    FunctionRow(
        validation.check_sample_weight,
        lambda rng: (rng.random(5), 5),
        nan=("sample_weight",),
        refuses=(
            Refusal((Z, 3), ValueError, "zero"),
            Refusal((Z - 1, 3), ValueError, "sample_weight"),
            Refusal((Z, 4), ValueError, "3.*4|4.*3"),
        ),
    ),
    of_calls(
        validation.check_scalar,
        3,
        "n",
        kwargs={"integer": True, "low": 1},
        refuses=(
            Refusal((True, "n"), TypeError, "n .*True"),
            Refusal((2.5, "n"), TypeError, r"n .*2\.5", {"integer": True}),
            Refusal((0, "n"), ValueError, "n .*0", {"low": 0, "low_open": True}),
            Refusal((float("nan"), "n"), ValueError, "n .*nan"),
        ),
    ),
    of_calls(
        validation.check_choice,
        "a",
        "kind",
        ("a", "b"),
        refuses=(Refusal(("c", "kind", ("a", "b")), ValueError, "kind .*'a', 'b'.*'c'"),),
    ),
    of_calls(
        check_random_state,
        0,
        refuses=(
            Refusal((1.5,), TypeError, "random_state"),
            Refusal((True,), TypeError, "random_state"),
            Refusal((-1,), ValueError, "random_state.*-1"),
            Refusal((np.random,), TypeError, "random_state"),
        ),
    ),
]

# ---- what has tests of its own

ROWS += [
    ExemptRow(estimator.Estimator, "a base; tests/test_sklearn_conformance.py runs children of it"),
    ExemptRow(estimator.Core, "a base; as Estimator"),
    ExemptRow(estimator.ClassifierMixin, "a mixin"),
    ExemptRow(estimator.RegressorMixin, "a mixin"),
    ExemptRow(estimator.TransformerMixin, "a mixin"),
    ExemptRow(estimator.ClusterMixin, "a mixin"),
    ExemptRow(estimator.DensityMixin, "a mixin"),
    ExemptRow(estimator.OutlierMixin, "a mixin"),
    ExemptRow(estimator.NotFittedError, "an error"),
    ExemptRow(estimator.ConvergenceWarning, "a warning"),
    ExemptRow(estimator.DataConversionWarning, "a warning"),
    ExemptRow(estimator.clone, "takes estimators; test_utils_estimator.py"),
    ExemptRow(persist.save, "writes files; test_utils_persist.py"),
    ExemptRow(persist.load, "reads files; test_utils_persist_fuzz.py"),
    ExemptRow(persist.ModelFormatError, "an error"),
    ExemptRow(read_safetensors, "reads bytes; test_utils_persist_fuzz.py"),
    ExemptRow(write_safetensors, "makes bytes; test_utils_persist.py"),
    ExemptRow(progress.ProgressBar, "draws on a terminal; test_utils_progress.py"),
    ExemptRow(progress.terminal_progress, "asks whether there is a terminal"),
]
