# SPDX-License-Identifier: BSD-3-Clause
"""Parameters round-trip, fits are one step, and scores are their formulas; NumPy alone."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

import byhand.utils.estimator
import byhand.utils.interop
from byhand.utils.estimator import (
    ClassifierMixin,
    ClusterMixin,
    ConvergenceWarning,
    Core,
    DataConversionWarning,
    DensityMixin,
    Estimator,
    NotFittedError,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
)

BASES = pytest.mark.parametrize("base", [Core, Estimator])  # vendored files have Core


class Frame:
    """A data frame, as far as byhand looks: columns and __array__."""

    def __init__(self, data: Any, columns: Any) -> None:
        self.data, self.columns = np.asarray(data, dtype=float), columns

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.data


class Means(TransformerMixin, Estimator):
    """Learns the column means; an attribute more when given `extra`."""

    mean_: Any

    def __init__(self, shift: float = 0.0, extra: Any = None, *, inner: Any = None) -> None:
        self.shift = shift
        self.extra = extra
        self.inner = inner

    def fit(self, X: Any, y: Any = None) -> Any:
        Z = self._check_X(X, fitting=True)
        learned = {} if self.extra is None else {"extra_": self.extra}
        return self._fitted(X, mean_=Z.mean(axis=0) + self.shift, **learned)

    def transform(self, X: Any) -> Any:
        return self._check_X(X) - self.mean_


X = np.array([[1.0, 2.0], [3.0, 6.0]])


# ---- parameters


def test_parameters_are_those_of_init_with_those_of_nested_estimators() -> None:
    model = Means(1.5, inner=Means(extra="e"))
    assert model.get_params(deep=False) == {"shift": 1.5, "extra": None, "inner": model.inner}
    deep = {"inner__shift": 0.0, "inner__extra": "e", "inner__inner": None}
    assert model.get_params() == model.get_params(deep=False) | deep


def test_a_class_as_a_parameter_is_no_nested_estimator() -> None:
    assert Means(inner=Means).get_params() == {"shift": 0.0, "extra": None, "inner": Means}


def test_parameters_are_set_by_name_and_in_nested_estimators() -> None:
    model = Means(inner=Means(inner=Means()))
    assert model.set_params(shift=2.0, inner__inner__shift=3.0, inner__extra=1) is model
    assert (model.shift, model.inner.extra, model.inner.inner.shift) == (2.0, 1, 3.0)
    for outer in (model, Means()):
        outer.set_params(inner__shift=9.0, inner=Means())  # in the new one, whatever the order
        assert (outer.inner.shift, outer.inner.extra) == (9.0, None)


@pytest.mark.parametrize("wrong", ["scale", "scale__x", "shift__x", "extra__x", "fit", "inner__"])
def test_an_unknown_parameter_is_refused_and_nothing_is_set(wrong: str) -> None:
    model = Means()
    with pytest.raises(ValueError, match=rf"Invalid parameter '{wrong}' for estimator Means\(\)"):
        model.set_params(shift=5.0, **{wrong: 1})
    assert model.get_params() == Means().get_params()
    assert "scale" not in vars(model)


def test_the_repr_shows_what_was_changed() -> None:
    assert repr(Means()) == "Means()"
    assert repr(Means(0.0, inner=Means(2))) == "Means(inner=Means(shift=2))"
    assert repr(Means(extra=np.arange(3))) == "Means(extra=array([0, 1, 2]))"
    assert eval(repr(Means(-0.0, "a'b"))).extra == "a'b"


def test_an_estimator_without_init_has_no_parameters() -> None:
    class Empty(Estimator):
        pass

    assert Empty().get_params() == {}
    assert repr(Empty()) == "Empty()"


# ---- fitting


@BASES
def test_use_before_fit_names_the_class_and_the_way_out(base: type) -> None:
    class Model(base):  # type: ignore[misc]
        pass

    with pytest.raises(NotFittedError, match=r"This Model instance is not fitted yet\. Call 'fit'"):
        Model()._check_X(X)
    assert issubclass(NotFittedError, ValueError)
    assert issubclass(NotFittedError, AttributeError)


@BASES
def test_a_fit_sets_the_width_and_leaves_nothing_stale(base: type) -> None:
    model = base()
    assert model._fitted(X, old_=1, list_=[2]) is model
    assert vars(model) == {"n_features_in_": 2, "old_": 1, "list_": [2]}
    model.note = "kept"
    model._fitted([[1, 2, 3]], new_=3)
    assert vars(model) == {"note": "kept", "n_features_in_": 3, "new_": 3}
    model._fitted(None, new_=4)
    assert vars(model) == {"note": "kept", "new_": 4}


def test_a_part_of_a_fit_keeps_the_rest() -> None:
    model = Means().fit(Frame(X, ["a", "b"]))
    model._fitted(Frame(np.ones((1, 3)), ["c", "d", "e"]), reset=False, mean_=1)
    assert model.n_features_in_ == 2
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.mean_ == 1


@BASES
def test_another_width_at_predict_is_refused_with_both_widths(base: type) -> None:
    class Model(base):  # type: ignore[misc]
        pass

    model = Model()._fitted(X, mean_=0)
    with pytest.raises(ValueError, match="X has 3 features, but Model is expecting 2 features as"):
        model._check_X(np.ones((1, 3)))
    assert model._check_X(np.ones((1, 3)), fitting=True).shape == (1, 3)


def test_a_model_of_positive_data_refuses_negative_ones() -> None:
    class Counts(Estimator):
        _tags = {"positive_only": True}  # noqa: RUF012

    assert Counts()._check_X([[0.0, 1.0]], fitting=True).tolist() == [[0.0, 1.0]]
    with pytest.raises(ValueError, match="Negative values in data passed to Counts"):
        Counts()._check_X([[0.0, -1.0]], fitting=True)


def interrupted(model: Means, at: int) -> bool:
    """Refit, with a KeyboardInterrupt before the at-th bytecode of the base's own code."""
    files = {byhand.utils.estimator.__file__, byhand.utils.interop.__file__}
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == at:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # else Python 3.12 reports none at all
    sys.settrace(trace)
    try:
        model.set_params(extra=None)._fitted(np.ones((1, 3)), mean_="new", more_="new")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts CPython's bytecodes")
def test_an_interrupt_at_any_instruction_leaves_the_old_model_or_the_new_one() -> None:
    seen = set()
    for at in range(1, 2000):
        model = Means(extra="old").fit(X)
        if not interrupted(model, at):
            break
        learned = {k: v for k, v in vars(model).items() if k.endswith("_")}
        learned["mean_"] = str(learned["mean_"])
        seen.add(tuple(sorted(learned.items())))
    assert at > 100
    old = {"extra_": "old", "mean_": "[2. 4.]", "n_features_in_": 2}
    new = {"mean_": "new", "more_": "new", "n_features_in_": 3}
    assert seen == {tuple(sorted(old.items())), tuple(sorted(new.items()))}


# ---- copies


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_is_the_same_model(again: Any) -> None:
    model = Means(1.0).fit(Frame(X, ["a", "b"])).set_output(transform="pandas")
    twin = again(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert twin.mean_.tolist() == model.mean_.tolist()
    assert twin.feature_names_in_.tolist() == ["a", "b"]
    assert twin._sklearn_output_config == {"transform": "pandas"}


def test_a_clone_is_unfitted_and_shares_nothing_that_can_change() -> None:
    weights = np.arange(3)
    model = Means(extra=weights, inner=[Means(2.0), {"k": [1]}]).fit(X)
    twin = clone(model.set_output(transform="pandas"))
    assert twin._sklearn_output_config == {"transform": "pandas"}
    assert twin._sklearn_output_config is not model._sklearn_output_config
    assert not [name for name in vars(twin) if name.endswith("_")]
    assert twin.extra.tolist() == [0, 1, 2]
    assert twin.extra is not weights
    assert repr(twin.inner) == repr(model.inner)
    assert twin.inner[0] is not model.inner[0]
    assert twin.inner[1]["k"] is not model.inner[1]["k"]


def test_lists_tuples_and_dicts_of_estimators_are_cloned() -> None:
    first, (second, third) = clone([Means(1.0), (Means(2.0), Means(3.0))])
    assert [m.shift for m in (first, second, third)] == [1.0, 2.0, 3.0]
    assert clone({"a": Means(4.0)})["a"].shift == 4.0


@pytest.mark.parametrize("wrong", [3, "x", Means, None])
def test_only_estimators_are_cloned(wrong: Any) -> None:
    with pytest.raises(TypeError, match="clone takes an estimator with get_params"):
        clone(wrong)


def test_an_object_that_clones_itself_is_asked() -> None:
    class Frozen(Estimator):
        def __sklearn_clone__(self) -> Any:
            return self

    frozen = Frozen()
    assert clone(frozen) is frozen
    assert clone(Means(inner=frozen)).inner is frozen


@pytest.mark.parametrize("kind", [NotFittedError, ConvergenceWarning, DataConversionWarning])
def test_an_exception_survives_pickling(kind: Any) -> None:
    error = kind("what happened", 3)
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, kind)
    assert again.args == ("what happened", 3)
    assert again.__notes__ == ["a note"]


# ---- scores


class Fixed(Estimator):
    """Predicts what it was made with."""

    rest_: Any

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def fit(self, X: Any, y: Any = None, **rest: Any) -> Any:
        return self._fitted(X, labels_=np.asarray(self.answer), rest_=rest)

    def predict(self, X: Any) -> Any:
        return np.asarray(self.answer)

    score_samples = predict


class FixedClassifier(ClassifierMixin, Fixed):
    pass


class FixedRegressor(RegressorMixin, Fixed):
    pass


class FixedClusters(ClusterMixin, Fixed):
    pass


class FixedDensity(DensityMixin, Fixed):
    pass


class FixedOutliers(OutlierMixin, Fixed):
    pass


def test_the_score_of_a_classifier_is_the_weighted_fraction_of_hits() -> None:
    model = FixedClassifier(["a", "b", "b"])
    assert model.score(None, ["a", "b", "a"]) == pytest.approx(2 / 3)
    assert model.score(None, ["a", "b", "a"], sample_weight=[1, 1, 6]) == pytest.approx(2 / 8)
    assert model.score(None, np.array(["a", "b", "b"], object)) == 1.0
    assert model.score(None, [1, 2, 3]) == 0.0
    with pytest.warns(DataConversionWarning, match=r"to \(n_samples, \), for example"):
        assert model.score(None, [["a"], ["b"], ["a"]]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="X has 3, y has 2"):
        model.score(None, ["a", "b"])


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e200])
def test_the_score_of_a_regressor_is_r2_at_any_scale(scale: float) -> None:
    """By hand: squares of the residuals 1 + 0 + 4, of the deviations 4 + 0 + 4."""
    model = FixedRegressor(np.array([2.0, 3.0, 7.0]) * scale)
    y = np.array([1.0, 3.0, 5.0]) * scale
    assert model.score(None, y) == pytest.approx(1 - 5 / 8)
    repeated = FixedRegressor(np.array([2.0, 3.0, 7.0, 7.0]) * scale)
    weighted = model.score(None, y, sample_weight=[1, 1, 2])
    assert weighted == pytest.approx(repeated.score(None, [*y, y[2]]))


def test_the_score_of_a_regressor_is_the_mean_over_outputs() -> None:
    model = FixedRegressor([[2.0, 1.0], [3.0, 2.0], [7.0, 3.0]])
    y = [[1.0, 1.0], [3.0, 2.0], [5.0, 3.0]]
    assert model.score(None, y) == pytest.approx(((1 - 5 / 8) + 1) / 2)
    with pytest.raises(ValueError, match="cannot reshape"):
        model.score(None, [1.0, 3.0, 5.0])


def test_a_column_of_predictions_is_scored_like_a_vector() -> None:
    column = FixedRegressor([[2.0], [3.0], [7.0]])
    assert column.score(None, [1.0, 3.0, 5.0]) == pytest.approx(1 - 5 / 8)
    assert column.score(None, [[1.0], [3.0], [5.0]]) == pytest.approx(1 - 5 / 8)


def test_r2_of_a_constant_target_is_one_where_met_and_zero_where_not() -> None:
    with np.errstate(all="raise"):
        assert FixedRegressor([2.0, 2.0]).score(None, [2.0, 2.0]) == 1.0
        assert FixedRegressor([2.0, 3.0]).score(None, [2.0, 2.0]) == 0.0


def test_the_other_mixins_are_their_one_line() -> None:
    assert FixedDensity([1.0, 4.0]).score(None) == 2.5
    clusters = FixedClusters([0, 1])
    assert clusters.fit_predict(X, "ignored", sample_weight=3).tolist() == [0, 1]
    assert clusters.rest_ == {"sample_weight": 3}
    assert FixedOutliers([1, -1]).fit_predict(X, sample_weight=3).tolist() == [1, -1]
    assert Means().fit_transform(X).tolist() == [[-1.0, -2.0], [1.0, 2.0]]
    assert Means().fit_transform(X, [0, 1]).tolist() == [[-1.0, -2.0], [1.0, 2.0]]


# ---- what it costs


def test_the_core_is_small_enough_to_travel_with_every_vendored_file() -> None:
    assert len(inspect.getsource(Core).splitlines()) <= 70  # 51 of them code


@pytest.mark.parametrize("module", ["estimator", "validation", "random", "interop"])
def test_nothing_but_numpy_is_loaded(module: str) -> None:
    program = f"""
import sys, numpy
before = set(sys.modules)
import byhand.utils.{module}
print(*sorted(m for m in set(sys.modules) - before))
"""
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True
    )
    loaded = {m for m in told.stdout.split() if m.split(".")[0] not in sys.stdlib_module_names}
    needed = {
        "estimator": {"estimator", "interop", "validation"},
        "validation": {"interop", "validation"},
    }
    mine = {f"byhand.utils.{name}" for name in needed.get(module, {module})}
    assert (
        loaded - {"byhand", "byhand.utils"} - {m for m in loaded if m.startswith("numpy.")} == mine
    )
