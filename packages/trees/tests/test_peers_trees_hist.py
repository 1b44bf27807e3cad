# SPDX-License-Identifier: BSD-3-Clause
"""Held-out scores of histogram boosting beside scikit-learn's and LightGBM's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.trees import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from byhand_testkit import agreement

datasets = pytest.importorskip("sklearn.datasets")
ensemble = pytest.importorskip("sklearn.ensemble")
lightgbm = pytest.importorskip("lightgbm")

SPLITS = 5
ROUNDS = 20
# of a mean of five held-out scores, each a share of 50 to 200 rows or an R2: the two libraries
# differ from each other by up to as much
NOISE = {"iris": 0.03, "wine": 0.03, "breast_cancer": 0.015, "digits": 0.03, "diabetes": 0.03}


def bundled(name: str) -> Any:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "digits":
        X, y = X[:400], y[:400]
    return X, y


def models(classes: bool, **options: Any) -> list[Any]:
    """Ours and scikit-learn's, with the same settings."""
    kind = "Classifier" if classes else "Regressor"
    options = {"max_iter": ROUNDS, "early_stopping": False} | options
    ours = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return [ours(**options), getattr(ensemble, f"HistGradientBoosting{kind}")(**options)]


def mean_scores(X: Any, y: Any, models: list[Any], fraction: float = 0.3) -> list[float]:
    """Mean held-out score of each model over splits at random, the same for all."""
    scores = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(X))
        out, kept = np.split(order, [int(fraction * len(X))])
        scores.append([m.fit(X[kept], y[kept]).score(X[out], y[out]) for m in models])
    return [float(score) for score in np.mean(scores, axis=0)]


def shortfall(ours: float, theirs: float) -> float:
    """How far ours stays behind."""
    return max(0.0, theirs - ours)


def name_of(classes: bool) -> str:
    return f"byhand.trees.HistGradientBoosting{'Classifier' if classes else 'Regressor'}"


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("data", sorted(NOISE))
def test_held_out_scores_are_the_peers_within_noise(data: str) -> None:
    X, y = bundled(data)
    classes = data != "diabetes"
    light = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    light = light(n_estimators=ROUNDS, n_jobs=1, verbose=-1)
    ours, *theirs = mean_scores(X, y, [*models(classes), light])
    work = f"held-out {'accuracy' if classes else 'R2'} below the peer's, {data}, {SPLITS} splits"
    for peer, score in zip(("scikit-learn", "lightgbm"), theirs, strict=True):
        agreement(name_of(classes), peer, work, shortfall(ours, score), NOISE[data])


@pytest.mark.parametrize("missing", [0.1, 0.5])
@pytest.mark.parametrize("data", ["breast_cancer", "diabetes"])
def test_held_out_scores_with_missing_values_are_the_peers_within_noise(
    data: str, missing: float
) -> None:
    X, y = bundled(data)
    X = np.where(np.random.default_rng(0).random(X.shape) < missing, np.nan, X)
    classes = data != "diabetes"
    scores = mean_scores(X, y, models(classes))
    work = f"the same with {missing:.0%} of the values missing, {data}"
    agreement(name_of(classes), "scikit-learn", work, shortfall(*scores), 2 * NOISE[data])


@pytest.mark.parametrize("classes", [True, False])
def test_held_out_scores_with_categories_are_the_peers_within_noise(classes: bool) -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.integers(0, 40, (1500, 2)), rng.normal(size=(1500, 2))]
    effect = rng.normal(size=(40, 2))
    y = effect[X[:, 0].astype(int), 0] * X[:, 2] + effect[X[:, 1].astype(int), 1]
    y = y + 0.3 * rng.normal(size=1500)
    if classes:
        y = np.digitize(y, [-0.5, 0.5])
    scores = mean_scores(X, y, models(classes, categorical_features=[0, 1]))
    work = "held-out score below the peer's, two features of 40 categories"
    agreement(name_of(classes), "scikit-learn", work, shortfall(*scores), 0.03)


def test_one_tree_is_scikit_learns() -> None:
    """Few distinct values: the same edges, so the same cuts, and leaves of the same mean."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, (600, 4)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0], nan=60.0) * np.sin(np.nan_to_num(X[:, 1])) + rng.normal(size=600)
    options = {"max_iter": 1, "learning_rate": 1.0, "max_leaf_nodes": 9}
    ours, theirs = (m.fit(X, y) for m in models(False, **options))
    deviation = np.abs(ours.predict(X) - theirs.predict(X)).max() / np.abs(y).max()
    work = "prediction of one tree of 9 leaves, 50 values and missing ones"
    # the peer keeps slopes in float32
    agreement(name_of(False), "scikit-learn", work, deviation, 1e-6)


@pytest.mark.parametrize("data", ["breast_cancer", "diabetes"])
def test_early_stopping_stops_near_where_the_peer_stops(data: str) -> None:
    """Other samples are held out, so rounds agree in size only, and scores within noise."""
    X, y = bundled(data)
    classes = data != "diabetes"
    options = {"early_stopping": True, "max_iter": 300, "n_iter_no_change": 5, "random_state": 0}
    pair = models(classes, **options)
    rounds = []
    for seed in range(SPLITS):
        for model in pair:
            rounds.append(model.set_params(random_state=seed).fit(X, y).n_iter_)
    ours, theirs = (np.mean(rounds[k::2]) for k in (0, 1))
    assert max(rounds) < 300
    work = f"log ratio of mean rounds until early stopping, {data}"
    agreement(name_of(classes), "scikit-learn", work, abs(np.log(ours / theirs)), np.log(2))
    scores = mean_scores(X, y, pair)
    work = f"held-out score below the peer's with early stopping, {data}"
    agreement(name_of(classes), "scikit-learn", work, shortfall(*scores), 2 * NOISE[data])
