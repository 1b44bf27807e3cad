# SPDX-License-Identifier: BSD-3-Clause
"""Distances against scikit-learn and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.utils.distances import pairwise_distances

peer = pytest.importorskip("sklearn.metrics")
spatial = pytest.importorskip("scipy.spatial.distance")
testkit = pytest.importorskip("byhand_testkit")

METRICS: dict[str, dict[str, Any]] = {
    "chebyshev": {},
    "cosine": {},
    "euclidean": {},
    "hamming": {},
    "jaccard": {},
    "mahalanobis": {"VI": np.diag([1.0, 2, 3, 4, 5, 6])},
    "manhattan": {},
    "minkowski": {"p": 2.5},
    "sqeuclidean": {},
}


@pytest.mark.parametrize("metric", list(METRICS))
@pytest.mark.parametrize("library", ["scikit-learn", "scipy"])
def test_agrees_with_peers(metric: str, library: str) -> None:
    rng = np.random.default_rng(0)
    X: np.ndarray = rng.normal(size=(300, 6))
    Y: np.ndarray = rng.normal(size=(270, 6))
    if metric in ("hamming", "jaccard"):
        X, Y = X > 0, Y > 0
    ours = pairwise_distances(X, Y, metric=metric, **METRICS[metric])
    theirs = (
        peer.pairwise_distances(X, Y, metric=metric, **METRICS[metric])
        if library == "scikit-learn"
        else spatial.cdist(X, Y, {"manhattan": "cityblock"}.get(metric, metric), **METRICS[metric])
    )
    testkit.agreement(
        f"pairwise_distances, {metric}", library, "300 x 270, 6 features",
        float(np.max(np.abs(ours - theirs))), 1e-12,
    )  # fmt: skip
