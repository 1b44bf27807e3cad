# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours against scikit-learn's brute force and its ball tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.utils.ball_tree import BallTree
from byhand.utils.nearest import nearest_neighbors

peer = pytest.importorskip("sklearn.neighbors")
testkit = pytest.importorskip("byhand_testkit")

METRICS: dict[str, dict[str, Any]] = {
    "euclidean": {},
    "manhattan": {},
    "chebyshev": {},
    "minkowski": {"p": 3},
    "hamming": {},
    "jaccard": {},
    "mahalanobis": {"VI": np.diag([1.0, 2.0, 3.0, 4.0])},
}


@pytest.mark.parametrize("metric", list(METRICS))
def test_agrees_with_the_ball_tree_of_scikit_learn(metric: str) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(2000, 4)), rng.normal(size=(100, 4))
    if metric in ("hamming", "jaccard"):
        X, Q = np.round(X), np.round(Q)
    kw = METRICS[metric]
    ours, theirs = BallTree(X, metric=metric, **kw), peer.BallTree(X, metric=metric, **kw)
    distance = ours.query(Q, k=10)[0]
    worst = float(np.max(np.abs(distance - theirs.query(Q, k=10)[0])))
    testkit.agreement(f"BallTree, {metric}", "scikit-learn", "10 of 2000 points", worst, 1e-13)
    if metric in ("euclidean", "manhattan", "chebyshev"):
        for a, b in zip(ours.query_radius(Q, 0.5), theirs.query_radius(Q, 0.5), strict=True):
            assert sorted(b) == a.tolist()


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_agrees_with_the_brute_force_of_scikit_learn(metric: str) -> None:
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(3000, 20)), rng.normal(size=(100, 20))
    model = peer.NearestNeighbors(n_neighbors=8, algorithm="brute", metric=metric).fit(X)
    distance, ids = nearest_neighbors(X, Q, k=8, metric=metric)
    theirs = model.kneighbors(Q)
    assert (ids == theirs[1]).all()
    worst = float(np.max(np.abs(distance - theirs[0])))
    testkit.agreement(
        f"nearest_neighbors, {metric}", "scikit-learn", "8 of 3000 points", worst, 1e-13
    )
