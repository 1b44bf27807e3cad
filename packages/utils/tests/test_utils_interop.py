# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's protocols, tested without scikit-learn: its modules are stood in for.

The real one is in tests/test_sklearn_conformance.py and tests/test_sklearn_workflows.py.
"""

from __future__ import annotations

import pickle
import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest

from byhand.utils.estimator import (
    ClassifierMixin,
    ConvergenceWarning,
    DataConversionWarning,
    Estimator,
    NotFittedError,
    TransformerMixin,
)


class Frame:
    """A data frame, as far as byhand looks, and what set_output makes."""

    def __init__(
        self,
        data: Any,
        columns: Any = None,
        index: Any = None,
        schema: Any = None,
        orient: str = "",
    ) -> None:
        self.data = np.asarray(data, dtype=float)
        self.columns = columns if schema is None else schema
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.data


class Shift(TransformerMixin, Estimator):
    mean_: Any

    def fit(self, X: Any, y: Any = None) -> Any:
        return self._fitted(X, mean_=self._check_X(X, fitting=True).mean(axis=0))

    def transform(self, X: Any) -> Any:
        return self._check_X(X) - self.mean_


class Sums(Shift):
    _n_features_out = 1

    def transform(self, X: Any) -> Any:
        return self._check_X(X).sum(axis=1, keepdims=True)


class Vote(ClassifierMixin, Estimator):
    classes_: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return self._fitted(X, classes_=np.unique(y))

    def predict(self, X: Any) -> Any:
        Z = self._check_X(X)
        return np.repeat(self.classes_[:1], len(Z))


X = np.array([[1.0, 2.0], [3.0, 6.0]])


# ---- exceptions


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """sklearn.exceptions, as far as byhand looks."""
    module = types.ModuleType("sklearn.exceptions")
    module.NotFittedError = type("NotFittedError", (ValueError, AttributeError), {})  # type: ignore[attr-defined]
    module.DataConversionWarning = type("DataConversionWarning", (UserWarning,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn.exceptions", module)
    return module


def test_an_error_is_also_that_of_the_loaded_peer(peers: Any) -> None:
    with pytest.raises(peers.NotFittedError, match="not fitted yet") as caught:
        Vote().predict(X)
    assert isinstance(caught.value, NotFittedError)
    assert type(caught.value).__name__ == "NotFittedError"
    assert type(caught.value).__module__ == NotFittedError.__module__


def test_a_warning_is_also_that_of_the_loaded_peer(peers: Any) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Vote().fit(X, [0, 1]).score(X, [[0], [1]])
    assert len(seen) == 1
    assert issubclass(seen[0].category, peers.DataConversionWarning)
    assert issubclass(seen[0].category, DataConversionWarning)


def test_an_error_without_a_peer_is_itself(monkeypatch: pytest.MonkeyPatch, peers: Any) -> None:
    assert type(ConvergenceWarning("no peer of that name")) is ConvergenceWarning
    monkeypatch.delitem(sys.modules, "sklearn.exceptions")
    assert type(NotFittedError("x")) is NotFittedError


def test_a_pickled_error_needs_no_peer(monkeypatch: pytest.MonkeyPatch, peers: Any) -> None:
    data = pickle.dumps(NotFittedError("x"))
    assert isinstance(pickle.loads(data), peers.NotFittedError)
    monkeypatch.delitem(sys.modules, "sklearn.exceptions")
    assert type(pickle.loads(data)) is NotFittedError
    assert pickle.loads(data).args == ("x",)


# ---- feature names


def test_names_of_a_frame_are_remembered_and_compared() -> None:
    model = Shift().fit(Frame(X, ["a", "b"]))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.feature_names_in_.dtype == object
    assert model.transform(Frame(X, ["a", "b"])).tolist() == [[-1.0, -2.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["b", "a"], "Feature names must be in the same order as they were in fit"),
        (["a", "z"], r"unseen at fit time:\n- z\nFeature names seen.* missing:\n- b\n$"),
        (["a"], r"yet now missing:\n- b\n"),
        ([*"abcdefgh"], r"unseen at fit time:\n- c\n- d\n- e\n- f\n- g\n- \.\.\.\n$"),
    ],
)
def test_other_names_than_in_fit_are_refused(columns: list[str], words: str) -> None:
    model = Shift().fit(Frame(X, ["a", "b"]))
    with pytest.raises(ValueError, match=rf"(?s)The feature names should match.*{words}"):
        model.transform(Frame(np.ones((1, len(columns))), columns))


def test_names_on_one_side_alone_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Shift was"):
        Shift().fit(Frame(X, ["a", "b"])).transform(X)
    with pytest.warns(UserWarning, match="X has feature names, but Shift was fitted without"):
        Shift().fit(X).transform(Frame(X, ["a", "b"]))


def test_a_refit_on_an_array_forgets_the_names() -> None:
    model = Shift().fit(Frame(X, ["a", "b"])).fit(X)
    assert not hasattr(model, "feature_names_in_")


def test_numbered_columns_are_no_names_and_a_mixture_is_refused() -> None:
    assert not hasattr(Shift().fit(Frame(X, [0, 1])), "feature_names_in_")
    with pytest.raises(TypeError, match="only supported if all input features have string names"):
        Shift().fit(Frame(X, ["a", 1]))


# ---- names out, frames out


def test_names_out_are_those_of_the_input() -> None:
    model = Shift().fit(Frame(X, ["a", "b"]))
    assert model.get_feature_names_out().tolist() == ["a", "b"]
    assert Shift().fit(X).get_feature_names_out().tolist() == ["x0", "x1"]
    assert Shift().fit(X).get_feature_names_out(["u", "v"]).tolist() == ["u", "v"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        model.get_feature_names_out(["a", "c"])
    with pytest.raises(ValueError, match=r"should have length equal to number of features \(2\)"):
        Shift().fit(X).get_feature_names_out(["u"])


def test_new_columns_are_named_after_the_class() -> None:
    assert Sums().fit(X).get_feature_names_out().tolist() == ["sums0"]
    with pytest.raises(NotFittedError, match="Sums instance is not fitted"):
        Sums().get_feature_names_out()


def test_a_classifier_has_no_names_out_and_no_set_output() -> None:
    assert not hasattr(Vote(), "get_feature_names_out")
    assert not hasattr(Vote(), "set_output")
    with pytest.raises(AttributeError, match="'Vote' object has no attribute 'set_output'"):
        _ = Vote().set_output


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_makes_frames_with_names_and_index(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, types.SimpleNamespace(DataFrame=Frame))
    model = Shift().set_output(transform=library)
    given = Frame(X, ["a", "b"], index=["r", "s"])
    for out in (model.fit_transform(given), model.transform(given)):
        assert isinstance(out, Frame)
        assert list(out.columns) == ["a", "b"]
        assert out.index == (["r", "s"] if library == "pandas" else None)
        assert np.asarray(out).tolist() == [[-1.0, -2.0], [1.0, 2.0]]
    assert list(Sums().set_output(transform=library).fit_transform(X).columns) == ["sums0"]
    assert isinstance(model.set_output(transform=None).transform(given), Frame)
    assert isinstance(model.set_output(transform="default").transform(given), np.ndarray)


def test_an_unknown_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="transform must be 'default', 'pandas', 'polars' or None"):
        Shift().set_output(transform="os")


# ---- tags, routing, html


def test_tags_come_from_the_mixins_and_from_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def holder(*names: str) -> Any:
        def make(*values: Any, **fields: Any) -> Any:
            return types.SimpleNamespace(**dict.fromkeys(names, False), **fields, values=values)

        return make

    class Tagged(Vote):
        _tags = {"allow_nan": True, "non_deterministic": True, "poor_score": True}  # noqa: RUF012

    stand_in = types.SimpleNamespace(
        Tags=lambda **f: types.SimpleNamespace(
            non_deterministic=False, input_tags=holder("allow_nan")(), **f
        ),
        TargetTags=holder(),
        TransformerTags=holder(),
        ClassifierTags=holder("poor_score"),
        RegressorTags=holder(),
    )
    monkeypatch.setitem(sys.modules, "sklearn.utils", stand_in)
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    tags = Tagged().__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert tags.transformer_tags is tags.regressor_tags is None
    assert tags.input_tags.allow_nan
    assert tags.non_deterministic
    assert tags.classifier_tags.poor_score
    plain = Shift().__sklearn_tags__()
    assert plain.estimator_type is None
    assert not plain.target_tags.required
    assert plain.transformer_tags.values == (["float64"],)
    assert not plain.input_tags.allow_nan


def test_html_exists_once_scikit_learn_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    assert not hasattr(Vote(), "_repr_html_")
    stand_in = types.SimpleNamespace(estimator_html_repr=lambda model: f"<p>{model}</p>")
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.utils", stand_in)
    assert Vote()._repr_html_() == "<p>Vote()</p>"


def test_a_model_is_fitted_after_fit_and_not_before() -> None:
    assert not Vote().__sklearn_is_fitted__()
    assert Vote().fit(X, [0, 1]).__sklearn_is_fitted__()
