# SPDX-License-Identifier: BSD-3-Clause
"""Estimators on byhand's base inside scikit-learn: pipelines, searches, processes, notebooks."""
# ruff: noqa: E402  imports come after the check that their library is there

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

import joblib
from sklearn.base import clone as sklearn_clone
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from byhand.gmm import KMeans
from byhand.hmm import GaussianHMM
from byhand.utils import estimator as base
from byhand.utils.estimator import ClassifierMixin, Estimator, TransformerMixin, clone
from byhand.utils.validation import check_labels, check_sample_weight

for name in ("cloudpickle", "joblib.externals.cloudpickle"):  # joblib 1.6 has it no more inside
    if importlib.util.find_spec(name):  # by value: worker processes cannot import this file
        importlib.import_module(name).register_pickle_by_value(sys.modules[__name__])


class Scale(TransformerMixin, Estimator):
    mean_: Any

    def __init__(self, by: float = 1.0) -> None:
        self.by = by

    def fit(self, X: Any, y: Any = None) -> Any:
        Z = self._check_X(X, fitting=True)
        return self._fitted(X, mean_=Z.mean(axis=0))

    def transform(self, X: Any) -> Any:
        return (self._check_X(X) - self.mean_) * self.by


class Means(ClassifierMixin, Estimator):
    classes_: Any
    means_: Any

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        Z = self._check_X(X, fitting=True)
        classes, codes = check_labels(y, len(Z))
        w = check_sample_weight(sample_weight, len(Z))
        w = np.ones(len(Z)) if w is None else w
        means = [np.average(Z[codes == k], axis=0, weights=w[codes == k]) for k in set(codes)]
        return self._fitted(X, classes_=classes, means_=np.array(means), mass_=w.sum())

    def predict(self, X: Any) -> Any:
        Z = self._check_X(X)
        far = (np.abs(Z[:, None] - self.means_) ** self.power).sum(axis=-1)
        return self.classes_[far.argmin(axis=1)]


X, y = load_iris(return_X_y=True)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"], index=[f"row{i}" for i in range(len(X))])
ACCURACY = 139 / 150  # of Means, by its definition; see the first test


def test_a_pipeline_of_byhand_estimators_fits_and_scores() -> None:
    means = np.array([X[y == k].mean(axis=0) for k in range(3)])
    right = ((X[:, None] - means) ** 2).sum(-1).argmin(1) == y
    assert right.mean() == pytest.approx(ACCURACY)
    pipe = make_pipeline(Scale(by=2.0), Means()).fit(X, y)
    assert pipe.score(X, y) == pytest.approx(ACCURACY)
    assert is_classifier(pipe)
    assert not is_regressor(pipe)


def test_a_pipeline_sets_parameters_in_its_steps() -> None:
    pipe = make_pipeline(Scale(), Means()).set_params(scale__by=3.0, means__power=1.0)
    assert (pipe["scale"].by, pipe["means"].power) == (3.0, 1.0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_transformer_gives_frames_with_names(library: str) -> None:
    frames = pytest.importorskip(library)
    data = FRAME if library == "pandas" else frames.DataFrame(X, schema=["a", "b", "c", "d"])
    columns = ColumnTransformer([("s", Scale(by=2.0), ["c", "a"])], remainder="passthrough")
    out = columns.set_output(transform=library).fit_transform(data)
    assert isinstance(out, frames.DataFrame)
    assert list(out.columns) == ["s__c", "s__a", "remainder__b", "remainder__d"]
    np.testing.assert_allclose(out["s__a"].to_numpy(), 2 * (X[:, 0] - X[:, 0].mean()), rtol=1e-12)
    if library == "pandas":
        assert list(out.index) == list(FRAME.index)


def test_a_frame_keeps_its_names_through_a_pipeline() -> None:
    pipe = Pipeline([("scale", Scale()), ("means", Means())]).set_output(transform="pandas")
    pipe.fit(FRAME, y)
    assert list(pipe["means"].feature_names_in_) == ["a", "b", "c", "d"]
    assert list(pipe[:-1].get_feature_names_out()) == ["a", "b", "c", "d"]


def test_a_grid_search_finds_the_best_parameter() -> None:
    search = GridSearchCV(Means(), {"power": [1.0, 2.0, 30.0]}, cv=3).fit(X, y)
    scores = [cross_val_score(Means(power), X, y, cv=3).mean() for power in (1.0, 2.0, 30.0)]
    assert list(search.cv_results_["mean_test_score"]) == scores
    assert search.best_params_["power"] == (1.0, 2.0, 30.0)[int(np.argmax(scores))]


def test_cross_validation_in_two_processes_equals_one() -> None:
    model = make_pipeline(Scale(), Means())
    one, two = (cross_val_score(model, X, y, cv=4, n_jobs=n) for n in (1, 2))
    assert two.tolist() == one.tolist()


def test_bagging_passes_weights_or_samples() -> None:
    bag = BaggingClassifier(Means(), n_estimators=5, random_state=0).fit(X, y)
    assert bag.score(X, y) > 0.85


@pytest.mark.parametrize("cloner", [clone, sklearn_clone])
def test_a_clone_is_unfitted_with_equal_parameters_and_output(cloner: Any) -> None:
    fitted = Scale(by=3.0).set_output(transform="pandas").fit(X)
    copy = cloner(fitted)
    assert copy.get_params() == {"by": 3.0}
    assert not copy.__sklearn_is_fitted__()
    assert isinstance(copy.fit_transform(X), pd.DataFrame)


def test_clone_of_byhand_clones_scikit_learns_estimators_too() -> None:
    pipe = clone(make_pipeline(Scale(by=5.0), Means()).fit(X, y))
    assert pipe["scale"].by == 5.0
    assert pipe["scale"] is not None
    assert not pipe["scale"].__sklearn_is_fitted__()


def test_joblib_brings_back_the_same_model() -> None:
    model, file = Means().fit(FRAME, y), io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    again = joblib.load(file)
    assert again.predict(FRAME).tolist() == model.predict(FRAME).tolist()
    assert list(again.feature_names_in_) == ["a", "b", "c", "d"]


def test_the_html_of_a_notebook_shows_parameters_and_escapes_them() -> None:
    class_of_text: Any = Scale
    html = class_of_text(by="<b>bold</b>")._repr_html_()
    assert "Scale" in html
    assert "&lt;b&gt;bold" in html
    assert "<b>bold" not in html
    assert "Means" in make_pipeline(Scale(), Means()).fit(X, y)._repr_html_()


def test_scikit_learns_exceptions_are_caught_though_it_was_imported_later() -> None:
    """Not in this process, where scikit-learn is loaded already."""
    code = """
import sys, warnings
from byhand.utils.estimator import Estimator, NotFittedError, DataConversionWarning
from byhand.utils.validation import check_target
caught = []
for late in (False, True):
    if late:
        import sklearn.exceptions
    try:
        Estimator()._check_fitted()
    except NotFittedError as error:
        caught.append(late and isinstance(error, sklearn.exceptions.NotFittedError))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check_target([[1.0], [2.0]], 2)
    kind = sklearn.exceptions.DataConversionWarning if late else DataConversionWarning
    caught.append(issubclass(seen[0].category, kind))
print(caught)
"""
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True
    )
    assert told.stdout.strip() == "[False, True, True, True]", told.stderr


def test_errors_are_both_libraries_own_and_survive_pickling() -> None:
    with pytest.raises(NotFittedError, match="Means instance is not fitted yet") as caught:
        Means().predict(X)
    assert isinstance(caught.value, base.NotFittedError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, NotFittedError)
    assert str(again) == str(caught.value)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        Means().fit(X, y[:, None])


def test_a_warning_of_convergence_is_both_libraries_own() -> None:
    """More states, or clusters, than there are distinct points."""
    flat = np.repeat([[0.0], [1.0]], 20, axis=0)
    for model in (GaussianHMM(4, covariance_type="full", random_state=0), KMeans(3)):
        with pytest.warns(sklearn.exceptions.ConvergenceWarning):
            model.fit(flat)


def test_weights_are_routed_where_they_were_requested() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        means = Means().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        pipe = make_pipeline(Scale(), means)
        assert pipe.fit(X, y, sample_weight=np.full(len(X), 2.0))["means"].mass_ == 300.0
        copy = sklearn_clone(means)
        assert get_routing_for_object(copy).fit.requests == {"sample_weight": True}
        assert get_routing_for_object(clone(means)).score.requests == {"sample_weight": False}
        assert get_routing_for_object(Means()).fit.requests == {"sample_weight": None}
        assert get_routing_for_object(Scale()).fit.requests == {}
        with pytest.raises(TypeError, match=r"Means\.fit takes no 'weight'"):
            Means().set_fit_request(weight=True)


def test_the_configuration_of_scikit_learn_chooses_the_output() -> None:
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(Scale().fit(X).transform(X), pd.DataFrame)
        kept = Scale().set_output(transform="default").fit(X)
        assert isinstance(kept.transform(X), np.ndarray)
    assert isinstance(Scale().fit(X).transform(FRAME.to_numpy()), np.ndarray)
