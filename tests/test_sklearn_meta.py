# SPDX-License-Identifier: BSD-3-Clause
"""Every public classifier, regressor and mixture inside scikit-learn's meta-estimators and frames.

What is held to is that it runs without a warning, and a figure that would drop if a part broke.
"""
# ruff: noqa: E402  imports come after the check that their library is there

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byhand.trees
from byhand.gmm import GaussianMixture, KMeans

X, number = load_iris(return_X_y=True)
y = np.array(["setosa", "versicolor", "virginica"])[number]
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])


def models(kind: str) -> list[Any]:
    few: Any = {"n_estimators": 10, "max_iter": 10, "random_state": 0}
    found = []
    for name in byhand.trees.__all__:
        if name.endswith(kind):
            model = getattr(byhand.trees, name)()
            found.append(model.set_params(**{k: few[k] for k in few if k in model.get_params()}))
    return found


CLASSIFIERS, REGRESSORS = models("Classifier"), models("Regressor")
WITH_IMPORTANCES = [m for m in CLASSIFIERS if hasattr(type(m), "feature_importances_")]
each_classifier = pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
each_regressor = pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)

AROUND = {
    "votes": lambda m: VotingClassifier([("a", m), ("b", clone(m))], voting="soft"),
    "stacks": lambda m: StackingClassifier([("a", m)], final_estimator=clone(m), cv=3),
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=3),
    "one against the rest": OneVsRestClassifier,
    "boosted": lambda m: AdaBoostClassifier(m, n_estimators=2),
    "bagged": lambda m: BaggingClassifier(m, n_estimators=2, random_state=0),
    "searched": lambda m: GridSearchCV(
        make_pipeline(StandardScaler(), m),
        {f"{type(m).__name__.lower()}__max_depth": [6, 8]},
        cv=3,
        scoring="roc_auc_ovr",
    ),
}


@each_classifier
@pytest.mark.parametrize("around", AROUND)
def test_a_classifier_works_inside(model: Any, around: str) -> None:
    assert AROUND[around](clone(model)).fit(X, y).predict(X).tolist().count("setosa") == 50


@each_classifier
def test_folds_in_two_processes_are_folds_in_one(model: Any) -> None:
    one, two = (cross_val_score(model, FRAME, y, cv=3, n_jobs=n) for n in (1, 2))
    assert one.tolist() == two.tolist()
    assert one.min() > 0.85


@each_classifier
@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(y, dtype="category"),
        pd.Series(y, dtype="string"),
        pd.Series(y, dtype=object),
        pd.Series(number, dtype="Int64"),
        pd.Series(number > 0),
    ],
    ids=lambda s: str(s.dtype),
)
def test_a_frame_of_any_dtype_is_its_array(model: Any, labels: Any) -> None:
    from_frame = clone(model).fit(FRAME.convert_dtypes(), labels)
    from_array = clone(model).fit(X, labels.to_numpy())
    assert list(from_frame.feature_names_in_) == list(FRAME.columns)
    predicted = from_frame.predict(FRAME.convert_dtypes())
    assert predicted.tolist() == from_array.predict(X).tolist()


@each_classifier
def test_a_polars_frame_is_its_array(model: Any) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X, schema=list(FRAME.columns))
    predicted = clone(model).fit(frame, polars.Series(y)).predict(frame)
    assert predicted.tolist() == clone(model).fit(X, y).predict(X).tolist()


@each_classifier
def test_weights_are_routed_through_a_search_and_a_pipeline(model: Any) -> None:
    w = np.where(y == "virginica", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = (
            clone(model).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(asks, {"max_depth": [2]}, cv=3).fit(X, y, sample_weight=w)
        scale = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scale, asks).fit(X, y, sample_weight=w)
    assert "virginica" not in {*search.predict(X), *pipe.predict(X)}


@pytest.mark.parametrize("model", WITH_IMPORTANCES, ids=lambda m: type(m).__name__)
def test_importances_choose_the_petals(model: Any) -> None:
    assert SelectFromModel(clone(model)).fit(X, y).get_support().tolist()[2:] == [True, True]
    assert RFE(clone(model), n_features_to_select=2).fit(X, y).support_.sum() == 2


@each_classifier
def test_inspection_finds_the_petals(model: Any) -> None:
    fitted = clone(model).fit(X, y)
    shuffled = permutation_importance(fitted, X, y, n_repeats=2, random_state=0)
    assert shuffled.importances_mean.argmax() in (2, 3)
    curve = partial_dependence(clone(model).fit(X, y == "setosa"), X, [2, 3], method="brute")
    assert np.ptp(curve["average"]) > 0.2


@each_classifier
def test_a_pickled_model_predicts_the_same(model: Any) -> None:
    fitted = clone(model).fit(FRAME, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict_proba(FRAME).tolist() == fitted.predict_proba(FRAME).tolist()
    assert not hasattr(clone(fitted), "classes_")


@each_regressor
def test_a_regressor_works_inside_others(model: Any) -> None:
    Z, t = load_diabetes(return_X_y=True)
    logs = TransformedTargetRegressor(clone(model), func=np.log, inverse_func=np.exp).fit(Z, t)
    both = MultiOutputRegressor(clone(model)).fit(Z, np.c_[t, -t])
    bag = BaggingRegressor(clone(model), n_estimators=2, random_state=0).fit(Z, t)
    assert min(logs.score(Z, t), both.score(Z, np.c_[t, -t]), bag.score(Z, t)) > 0.3
    frame = pd.DataFrame(Z).rename(columns=str).convert_dtypes()
    from_frame = clone(model).fit(frame, pd.Series(t, dtype="Float64"))
    assert from_frame.predict(frame).tolist() == clone(model).fit(Z, t).predict(Z).tolist()


def test_a_search_chooses_the_mixture_of_least_bic() -> None:
    grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "spherical"]}

    def minus_bic(model: Any, Z: Any, y: Any = None) -> float:
        return -float(model.bic(Z))

    search = GridSearchCV(GaussianMixture(random_state=0), grid, scoring=minus_bic, cv=3)
    mixed = X[np.arange(150).reshape(3, 50).T.ravel()]  # all species in each fold
    assert search.fit(mixed).best_params_["n_components"] > 1


def test_clusters_are_columns_of_a_frame_in_a_pipeline() -> None:
    pipe = make_pipeline(StandardScaler(), KMeans(3, random_state=0))
    frame = pipe.set_output(transform="pandas").fit_transform(FRAME)
    assert list(frame.columns) == ["kmeans0", "kmeans1", "kmeans2"]
    nearest = frame.to_numpy().argmin(axis=1)
    assert nearest.tolist() == pipe.fit_predict(FRAME).tolist() == pipe.predict(FRAME).tolist()
