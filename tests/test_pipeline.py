# SPDX-License-Identifier: BSD-3-Clause
"""The packages together, inside scikit-learn, on real data: handwritten digits of 8 x 8 pixels.

Each figure is well above what is left if one part breaks (a constant guess is right in 10 %).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest

from byhand.gmm import GaussianMixture
from byhand.hmm import GaussianHMM
from byhand.nn import Adam, Dense, ReLU, Sequential, cross_entropy, minibatch
from byhand.trees import HistGradientBoostingClassifier, RandomForestClassifier
from byhand.utils.estimator import ClassifierMixin, Estimator
from byhand.utils.persist import load, save
from byhand.utils.validation import check_labels

pytest.importorskip("sklearn")
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class MixtureClassifier(ClassifierMixin, Estimator):
    """One Gaussian mixture for each class, and Bayes' rule."""

    classes_: Any
    mixtures_: Any
    prior_: Any

    def __init__(self, covariance_type: str = "full", seed: int = 0) -> None:
        self.covariance_type = covariance_type
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        Z = self._check_X(X, fitting=True)
        classes, codes = check_labels(y, len(Z))
        mixtures = [
            GaussianMixture(
                2, covariance_type=self.covariance_type, reg_covar=0.05, random_state=self.seed
            ).fit(Z[codes == k])
            for k in range(len(classes))
        ]
        return self._fitted(X, classes_=classes, mixtures_=mixtures, prior_=np.bincount(codes))

    def predict(self, X: Any) -> Any:
        Z = self._check_X(X)
        joint = [m.score_samples(Z) for m in self.mixtures_] + np.log(self.prior_)[:, None]
        return self.classes_[np.argmax(joint, axis=0)]


class NetworkClassifier(ClassifierMixin, Estimator):
    """Two dense layers trained with Adam."""

    classes_: Any
    net_: Any

    def __init__(self, width: int = 64, epochs: int = 30, seed: int = 0) -> None:
        self.width = width
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        Z = self._check_X(X, fitting=True)
        classes, codes = check_labels(y, len(Z))
        rng = np.random.default_rng(self.seed)
        net = Sequential(Dense(self.width), ReLU(), Dense(len(classes))).init(Z[:1], rng=rng)
        optimizer = Adam(lr=0.003)
        for _ in range(self.epochs):
            for x, t in minibatch(Z, codes, size=64, rng=rng):
                logits, cache = net.forward(x, training=True, rng=rng)
                net.grad.fill(0)
                net.backward(cross_entropy(logits, t)[1], cache, need_dx=False)
                optimizer.step(net.theta, net.grad)
        return self._fitted(X, classes_=classes, net_=net)

    def predict(self, X: Any) -> Any:
        return self.classes_[self.net_(self._check_X(X)).argmax(axis=1)]


@pytest.fixture(scope="module")
def digits() -> Any:
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)


CASES: dict[str, tuple[Any, dict[str, list[Any]], float]] = {
    "mixture": (
        make_pipeline(StandardScaler(), PCA(20, random_state=0), MixtureClassifier()),
        {"mixtureclassifier__covariance_type": ["spherical", "tied"]},
        0.96,
    ),
    "forest": (
        make_pipeline(StandardScaler(), RandomForestClassifier(60, random_state=0)),
        {"randomforestclassifier__max_depth": [2, None]},
        0.95,
    ),
    "boosting": (
        make_pipeline(
            StandardScaler(),
            HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=8, learning_rate=0.3),
        ),
        {"histgradientboostingclassifier__max_features": [0.3]},
        0.92,
    ),
    "network": (
        make_pipeline(StandardScaler(), NetworkClassifier()),
        {"networkclassifier__epochs": [1, 30]},
        0.96,
    ),
}


@pytest.mark.filterwarnings("ignore:.*collapsed onto fewer samples")  # odd digits of one kind
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_search_over_a_pipeline_reads_digits(name: str, digits: Any) -> None:
    X, X_test, y, y_test = digits
    pipeline, grid, least = CASES[name]
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.score(X_test, y_test) >= least
    if len(search.cv_results_["mean_test_score"]) > 1:
        worst, best = np.sort(search.cv_results_["mean_test_score"])[[0, -1]]
        assert best > worst + 0.02  # the setting that is too small is told from the other


def test_a_searched_model_is_saved_and_read_back(digits: Any, tmp_path: Any) -> None:
    X, X_test, y, _ = digits
    search = GridSearchCV(
        RandomForestClassifier(10, random_state=0), {"max_depth": [3, 8]}, cv=3
    ).fit(X, y)
    save(search.best_estimator_, tmp_path / "forest.safetensors")
    again = load(tmp_path / "forest.safetensors")
    assert np.array_equal(again.predict(X_test), search.predict(X_test))


def test_strokes_of_a_digit_are_told_apart_by_a_model_of_each(digits: Any) -> None:
    """Rows of pixels from top to bottom are a sequence; one hidden Markov model for each digit."""
    X, X_test, y, y_test = digits
    models = []
    for digit in (0, 1, 7):
        rows = X[y == digit].reshape(-1, 8) / 16
        lengths = [8] * (len(rows) // 8)
        model = GaussianHMM(10, covariance_type="diag", min_covar=1e-2, n_iter=300, tol=0.5)
        models.append(model.set_params(random_state=0).fit(rows, lengths))
    keep = np.isin(y_test, (0, 1, 7))
    scores = [[m.score(x.reshape(8, 8) / 16) for m in models] for x in X_test[keep]]
    found = np.array((0, 1, 7))[np.argmax(scores, axis=1)]
    assert (found == y_test[keep]).mean() >= 0.95
