# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark cases of histogram boosting: 100 trees, 255 bins, 31 leaves."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from shared.bench.harness import Case

ROUNDS = 100
SETTINGS: dict[str, Any] = {"max_iter": ROUNDS, "early_stopping": False}


def samples(n: int, d: int) -> tuple[Any, ...]:
    """Numbers to learn and as many again to predict, at most 10,000; the sign is the class."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + min(n, 10_000), d))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:8].sum(axis=1) / 2
    y += 0.3 * rng.standard_normal(len(X))
    return X[:n], y[:n], X[n:], y[n:]


def our_model(classes: bool) -> Any:
    from byhand.trees import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(**SETTINGS)


def scikit_learn(classes: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(**SETTINGS)


def lightgbm(classes: bool) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    warnings.simplefilter("ignore")  # it names features and misses the names later
    kind = LGBMClassifier if classes else LGBMRegressor
    return kind(n_estimators=ROUNDS, n_jobs=1, verbose=-1)


def fits(make: Callable[[bool], Any], classes: bool) -> Callable[..., Callable[[], Any]]:
    """Time fit; the result is the held-out score."""

    def prepare(X: Any, y: Any, X_out: Any, y_out: Any) -> Callable[[], Any]:
        target, held = (y > 0, y_out > 0) if classes else (y, y_out)
        model = make(classes)
        return lambda: (model.fit(X, target), held, X_out)

    return prepare


def predicts(make: Callable[[bool], Any], classes: bool) -> Callable[..., Callable[[], Any]]:
    """Time the prediction of a fitted model."""

    def prepare(X: Any, y: Any, X_out: Any, y_out: Any) -> Callable[[], Any]:
        model = make(classes).fit(X, y > 0 if classes else y)
        if classes:
            return lambda: (model.predict_proba(X_out)[:, 1], y_out > 0)
        return lambda: (model.predict(X_out), y_out)

    return prepare


def score_below(ours: Any, theirs: Any) -> float:
    """How far our held-out accuracy or R2 stays behind the peer's."""
    scores = [model.score(X_out, held) for model, held, X_out in (ours, theirs)]
    return max(0.0, float(scores[1] - scores[0]))


def fit_below(ours: Any, theirs: Any) -> float:
    """How far our squared error of held-out predictions lies above the peer's, in variances."""
    errors = [float(((p - held) ** 2).mean() / held.var()) for p, held in (ours, theirs)]
    return max(0.0, errors[0] - errors[1])


SIZES = (
    {"n": 1000, "d": 10},
    {"n": 1000, "d": 50},
    {"n": 10_000, "d": 10},
    {"n": 10_000, "d": 50},
    {"n": 100_000, "d": 10},
)
PEERS = {"scikit-learn": ("scikit-learn", scikit_learn), "LightGBM": ("lightgbm", lightgbm)}

CASES = [
    *(
        Case(
            f"histogram boosting fit, {loss}, {name}",
            peer,
            SIZES,
            samples,
            fits(our_model, classes),
            fits(make, classes),
            bar=2.0,
            tolerance=0.03,
            deviation=score_below,
            repeats=5,
        )
        for name, (peer, make) in PEERS.items()
        for loss, classes in (("squared error", False), ("log-loss", True))
    ),
    *(
        Case(
            f"histogram boosting predict, {loss}, {name}",
            peer,
            SIZES[::2],
            samples,
            predicts(our_model, classes),
            predicts(make, classes),
            bar=1.5,
            tolerance=0.03,
            deviation=fit_below,
        )
        for name, (peer, make) in PEERS.items()
        for loss, classes in (("squared error", False), ("log-loss", True))
    ),
]
