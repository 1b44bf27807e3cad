# SPDX-License-Identifier: BSD-3-Clause
"""Interop: what scikit-learn asks of an estimator beyond fit and predict, without importing it.

Source:  scikit-learn's developer guide and public protocols, versions 1.6 to 1.9.
Differs: everything is looked up when scikit-learn (or the user) asks; set_output needs pandas or
         polars, not scikit-learn. Vendored files leave this module out.
Cost:    no import time; 2 us per predict or transform.
Checked: check_estimator on toy estimators of seven kinds and on every public estimator.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .estimator import Core as _InteropBase
else:
    _InteropBase = object

__all__ = ["AlsoSklearn", "SklearnInterop"]


class AlsoSklearn(Exception):  # noqa: N818
    """Base of errors and warnings that are scikit-learn's own too, once that is loaded.

    The class of an instance derives from both, so that ``except sklearn.exceptions.X`` works,
    whichever was imported first. Warn with an instance: of a class, `warnings` makes none.
    """

    def __new__(cls, *args: object) -> Self:
        """Make an instance of a class that derives from scikit-learn's too, if that is loaded."""
        peer = getattr(sys.modules.get("sklearn.exceptions"), cls.__name__, cls)
        both: type[Self] = cls if issubclass(cls, peer) else _derive_from_both(cls, peer)  # type: ignore[arg-type]
        return super().__new__(both, *args)

    def __reduce__(self) -> tuple[Any, ...]:  # the derived class has no name to be pickled by
        return getattr(type(self), "_importable", type(self)), self.args, self.__dict__ or None


@functools.cache
def _derive_from_both(cls: Any, peer: Any) -> Any:
    body = {"__module__": cls.__module__, "__doc__": cls.__doc__, "_importable": cls}
    return type(cls.__name__, (cls, peer), body)


class _TransformersOnly:
    """A method that exists on classes with `transform` alone."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: object, owner: type) -> Any:
        if not hasattr(owner, "transform"):
            name = self.function.__name__
            raise AttributeError(f"{owner.__name__!r} object has no attribute {name!r}")
        return self.function.__get__(instance, owner)


def _request_setter(method: str) -> Callable[..., Any]:
    def set_request(self: Any, **requests: bool | str | None) -> Any:
        routing = self.get_metadata_routing()
        for name, alias in requests.items():
            if name not in getattr(routing, method).requests:
                raise TypeError(f"{type(self).__name__}.{method} takes no {name!r} to be routed")
            getattr(routing, method).add_request(param=name, alias=alias)
        self._metadata_request = routing
        return self

    set_request.__name__ = f"set_{method}_request"
    set_request.__doc__ = f"Say which metadata scikit-learn passes on to `{method}`."
    return set_request


class SklearnInterop(_InteropBase):
    """Tags, metadata routing, set_output, feature names and HTML, around `Core`'s hooks."""

    feature_names_in_: NDArray[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("transform", "fit_transform"):
            if name in vars(cls):
                setattr(cls, name, _wrap_in_frame(vars(cls)[name]))

    def _check_X(self, X: object, *, fitting: bool = False, **options: Any) -> NDArray[Any]:  # noqa: N802
        if not fitting:
            self._check_fitted()
            _compare_feature_names(self, X)
        return super()._check_X(X, fitting=fitting, **options)

    def _fitted(self, X: Any, *, reset: bool = True, **attributes: Any) -> Self:
        names = _feature_names(X) if reset else None
        if names is not None:
            attributes["feature_names_in_"] = names
        return super()._fitted(X, reset=reset, **attributes)

    def __sklearn_is_fitted__(self) -> bool:
        return any(name.endswith("_") for name in vars(self))

    def __sklearn_tags__(self) -> Any:
        make = importlib.import_module("sklearn.utils")
        kind = getattr(self, "_estimator_type", None)
        keeps = ["float64", "float32"] if self._tags.get("keeps_float32") else ["float64"]
        tags = make.Tags(
            estimator_type=kind,
            target_tags=make.TargetTags(required=kind in ("classifier", "regressor")),
            transformer_tags=make.TransformerTags(keeps) if hasattr(self, "transform") else None,
            classifier_tags=make.ClassifierTags() if kind == "classifier" else None,
            regressor_tags=make.RegressorTags() if kind == "regressor" else None,
        )
        parts = (tags, tags.input_tags, tags.target_tags, tags.classifier_tags, tags.regressor_tags)
        for name, value in self._tags.items():
            for part in [part for part in parts if hasattr(part, name)][:1]:
                setattr(part, name, value)
        return tags

    def get_metadata_routing(self) -> Any:
        """Metadata that the methods of this estimator take, and which of it was requested."""
        module = importlib.import_module("sklearn.utils.metadata_routing")
        if hasattr(self, "_metadata_request"):
            return module.get_routing_for_object(self._metadata_request)
        routing = module.MetadataRequest(owner=type(self).__name__)
        for method, requests in vars(routing).items():
            function = getattr(type(self), method, None)
            if hasattr(requests, "add_request") and callable(function):
                for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
                    if name not in {"X", "y"} and parameter.kind != parameter.VAR_KEYWORD:
                        requests.add_request(param=name, alias=None)
        return routing

    set_fit_request = _request_setter("fit")
    set_partial_fit_request = _request_setter("partial_fit")
    set_predict_request = _request_setter("predict")
    set_score_request = _request_setter("score")
    set_transform_request = _request_setter("transform")

    @_TransformersOnly
    def set_output(self, *, transform: str | None = None) -> Any:
        """Choose what `transform` returns: "default" (arrays), "pandas" or "polars" frames."""
        if transform not in (None, "default", "pandas", "polars"):
            raise ValueError(
                f"transform must be 'default', 'pandas', 'polars' or None, got {transform!r}"
            )
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    @_TransformersOnly
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns of `transform`: those of the input, or classname0, classname1..."""
        self._check_fitted()
        names, width = getattr(self, "feature_names_in_", None), self.n_features_in_
        given = names if input_features is None else np.asarray(input_features, dtype=object)
        if given is None:
            given = np.asarray([f"x{i}" for i in range(width)], dtype=object)
        if names is not None and not np.array_equal(given, names):
            raise ValueError("input_features is not equal to feature_names_in_")
        if len(given) != width:
            raise ValueError(
                f"input_features should have length equal to number of features ({width}),"
                f" got {len(given)}"
            )
        n_out, prefix = getattr(self, "_n_features_out", None), type(self).__name__.lower()
        if n_out is None:
            return given
        return np.asarray([f"{prefix}{i}" for i in range(n_out)], dtype=object)

    @property
    def _repr_html_(self) -> Callable[[], str]:
        if "sklearn" not in sys.modules:
            raise AttributeError("_repr_html_ exists once scikit-learn is imported")
        show = importlib.import_module("sklearn.utils").estimator_html_repr
        return functools.partial(show, self)


def _wrap_in_frame(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make `transform` return what set_output (or scikit-learn's configuration) asks for."""

    @functools.wraps(method)
    def wrapped(self: Any, X: object, *args: Any, **kwargs: Any) -> Any:
        Z = method(self, X, *args, **kwargs)
        library = getattr(self, "_sklearn_output_config", {}).get("transform")
        if library is None and "sklearn" in sys.modules:
            library = sys.modules["sklearn"].get_config()["transform_output"]
        if library in (None, "default") or not isinstance(Z, np.ndarray):
            return Z
        names = self.get_feature_names_out()
        frame = importlib.import_module(library).DataFrame
        if library == "polars":
            return frame(Z, schema=list(names), orient="row")
        return frame(Z, index=X.index if isinstance(X, frame) else None, columns=names)

    return wrapped


def _feature_names(X: object) -> NDArray[Any] | None:
    """Column names of a data frame if all are strings, None if there are none of them."""
    columns = getattr(X, "columns", None)
    if columns is None or callable(columns):
        return None
    names = list(columns)
    are_strings = {isinstance(name, str) for name in names}
    if are_strings == {True, False}:
        raise TypeError(
            "Feature names are only supported if all input features have string names: X has"
            " columns of strings and of other types"
        )
    return np.asarray(names, dtype=object) if are_strings == {True} else None


def _compare_feature_names(model: Any, X: object) -> None:
    fitted, given = getattr(model, "feature_names_in_", None), _feature_names(X)
    name = type(model).__name__
    if fitted is None and given is None:
        return
    if fitted is None:
        text = f"X has feature names, but {name} was fitted without feature names"
        warnings.warn(text, stacklevel=4)
    elif given is None:
        text = f"X does not have valid feature names, but {name} was fitted with feature names"
        warnings.warn(text, stacklevel=4)
    elif not np.array_equal(fitted, given):
        parts = ["The feature names should match those that were passed during fit.\n"]
        unseen, missing = sorted({*given} - {*fitted}), sorted({*fitted} - {*given})
        if unseen:
            parts += ["Feature names unseen at fit time:\n", _first_names(unseen)]
        if missing:
            parts += ["Feature names seen at fit time, yet now missing:\n", _first_names(missing)]
        if not unseen and not missing:
            parts += ["Feature names must be in the same order as they were in fit.\n"]
        raise ValueError("".join(parts))


def _first_names(names: list[str], most: int = 5) -> str:
    return "".join(f"- {name}\n" for name in names[:most]) + "- ...\n" * (len(names) > most)
