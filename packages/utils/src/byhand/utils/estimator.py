# SPDX-License-Identifier: BSD-3-Clause
"""Estimator: hyper-parameters, learned attributes and scores, the same for every model.

Source:  scikit-learn's estimator interface (Buitinck et al., 2013).
Differs: NumPy alone; fit assigns all learned attributes in one step at its end, so that an
         interrupt leaves the old model or an unfitted one; set_params sets all or nothing.
Cost:    8 us for the check in predict of a small array, 80 us for get_params.
Checked: scikit-learn's check_estimator on toy estimators of all seven kinds; see also interop.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .interop import AlsoSklearn, SklearnInterop
from .validation import (
    DataConversionWarning,
    check_array,
    check_column,
    check_sample_weight,
    check_target,
)

__all__ = [
    "ClassifierMixin",
    "ClusterMixin",
    "ConvergenceWarning",
    "Core",
    "DataConversionWarning",
    "DensityMixin",
    "Estimator",
    "NotFittedError",
    "OutlierMixin",
    "RegressorMixin",
    "TransformerMixin",
    "clone",
]


class NotFittedError(AlsoSklearn, ValueError, AttributeError):
    """A model was used before it was fitted."""


class ConvergenceWarning(AlsoSklearn, UserWarning):
    """An iteration ended before it had converged."""


class Core:
    """Parameters, repr, input check and the fitted state; `Estimator` adds scikit-learn's rest."""

    _tags: ClassVar[dict[str, bool]] = {}
    n_features_in_: int

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Hyper-parameters by name; if deep, those of nested estimators as ``name__parameter``."""
        params = {name: getattr(self, name) for name in _init_defaults(type(self))}
        for name, value in list(params.items()) if deep else ():
            if hasattr(value, "get_params") and not isinstance(value, type):
                params |= {f"{name}__{inner}": v for inner, v in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set hyper-parameters by name, ``name__parameter`` in a nested estimator; return self."""
        valid, nested = _init_defaults(type(self)), dict[str, dict[str, Any]]()
        for key, value in params.items():
            name, inside, inner = key.partition("__")
            owner = params.get(name, getattr(self, name, None))
            if name not in valid or (inside and not hasattr(owner, "set_params")):
                raise ValueError(
                    f"Invalid parameter {key!r} for estimator {self}. Valid parameters are:"
                    f" {list(valid)}."
                )
            if inside:
                nested.setdefault(name, {})[inner] = value
        for name in params.keys() & valid.keys():
            setattr(self, name, params[name])
        for name, inner_params in nested.items():
            getattr(self, name).set_params(**inner_params)
        return self

    def __repr__(self) -> str:
        defaults, values = _init_defaults(type(self)), self.get_params(deep=False)
        changed = [f"{k}={v!r}" for k, v in values.items() if repr(v) != repr(defaults[k])]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _check_fitted(self) -> None:
        if not any(name.endswith("_") for name in vars(self)):
            text = f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with"
            raise NotFittedError(f"{text} appropriate arguments before using this estimator.")

    def _check_X(self, X: object, *, fitting: bool = False, **options: Any) -> NDArray[Any]:  # noqa: N802
        """X checked by `check_array`; unless fitting, in the width that fit has seen."""
        if not fitting:
            self._check_fitted()
        Z, model = check_array(X, "X", **options), type(self).__name__
        n, width = Z.shape[1], None if fitting else getattr(self, "n_features_in_", None)
        if width not in (None, n):
            text = f"X has {n} features, but {model} is expecting {width} features as input."
            raise ValueError(text)
        if self._tags.get("positive_only") and np.any(Z < 0):
            raise ValueError(f"Negative values in data passed to {model} (X).")
        return Z

    def _fitted(self, X: Any, *, reset: bool = True, **attributes: Any) -> Self:
        """Set what fit has learned in one assignment; reset drops what an earlier fit left."""
        state = {k: v for k, v in vars(self).items() if not (reset and k.endswith("_"))}
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        if reset and len(shape) == 2:
            state["n_features_in_"] = int(shape[1])
        self.__dict__ = state | attributes  # an interrupt comes before or after it, not amid
        return self


def _init_defaults(cls: type) -> dict[str, Any]:
    stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.kind not in stars}


class Estimator(SklearnInterop, Core):
    """Base of all estimators: hyper-parameters, learned attributes, scikit-learn's protocols.

    A subclass stores its hyper-parameters in ``__init__`` and does nothing else there. Its
    ``fit`` begins with ``Z = self._check_X(X, fitting=True)`` and ends with
    ``return self._fitted(X, name_=value, ...)``, which drops whatever an earlier fit has left;
    ``partial_fit`` says ``reset=False`` from the second call on. Its other methods begin with
    ``Z = self._check_X(X)``. A transformer whose output has other columns than its input has an
    attribute or property ``_n_features_out``. ``_tags`` holds facts for scikit-learn, such as
    ``{"allow_nan": True}``, by the names of its tags.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns that fit has seen.
    feature_names_in_ : (n_features_in_,) array of str
        Their names; only if fit was given a data frame whose column names are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> class Nearest(ClassifierMixin, Estimator):
    ...     def __init__(self, power=2):
    ...         self.power = power
    ...
    ...     def fit(self, X, y):
    ...         Z = self._check_X(X, fitting=True)
    ...         return self._fitted(X, points_=Z, labels_=np.asarray(y))
    ...
    ...     def predict(self, X):
    ...         Z = self._check_X(X)
    ...         far = (np.abs(Z[:, None] - self.points_) ** self.power).sum(-1)
    ...         return self.labels_[far.argmin(1)]
    >>> model = Nearest(power=1).fit([[0.0], [4.0]], ["low", "high"])
    >>> model, model.n_features_in_, model.score([[1.0], [9.0]], ["low", "low"])
    (Nearest(power=1), 1, 0.5)
    """


class ClassifierMixin:
    """Accuracy as `score`."""

    _estimator_type: ClassVar[str] = "classifier"

    def score(self: Any, X: object, y: object, sample_weight: object = None) -> float:
        """Weighted fraction of the samples whose label is predicted."""
        predicted = self.predict(X)
        hits = check_column(y, "y", len(predicted)) == predicted
        return float(np.average(hits, weights=check_sample_weight(sample_weight, len(hits))))


class RegressorMixin:
    """Coefficient of determination as `score`."""

    _estimator_type: ClassVar[str] = "regressor"

    def score(self: Any, X: object, y: object, sample_weight: object = None) -> float:
        """R^2, the mean over outputs; for a constant y 1 if it is met and 0 if not."""
        predicted = self.predict(X)
        target = check_target(y, len(predicted), multi_output=predicted.ndim == 2)
        predicted = predicted.reshape(target.shape)  # a column and a vector are the same
        w = check_sample_weight(sample_weight, len(target))
        spread = target - np.average(target, axis=0, weights=w)
        scale = np.abs(spread).max() or 1.0  # the squares neither overflow nor vanish
        total = np.average((spread / scale) ** 2, axis=0, weights=w)
        rest = np.average(((target - predicted) / scale) ** 2, axis=0, weights=w)
        flat = np.where(rest > 0, 0.0, 1.0)
        return float(np.where(total > 0, 1 - rest / np.where(total > 0, total, 1), flat).mean())


class TransformerMixin:
    """`fit_transform` by `fit` and `transform`."""

    def fit_transform(self: Any, X: object, y: object = None, **fit_params: Any) -> NDArray[Any]:
        """Fit to X (and y, if given) and transform X."""
        fitted = self.fit(X, **fit_params) if y is None else self.fit(X, y, **fit_params)
        return fitted.transform(X)  # type: ignore[no-any-return]


class ClusterMixin:
    """`fit_predict` by `fit` and its ``labels_``."""

    _estimator_type: ClassVar[str] = "clusterer"

    def fit_predict(self: Any, X: object, y: object = None, **fit_params: Any) -> NDArray[Any]:
        """Fit to X and return the cluster of each sample; y is ignored."""
        return self.fit(X, **fit_params).labels_  # type: ignore[no-any-return]


class DensityMixin:
    """Mean log-likelihood as `score`."""

    _estimator_type: ClassVar[str] = "density_estimator"

    def score(self: Any, X: object, y: object = None) -> float:
        """Mean of ``score_samples(X)``: log-likelihood per sample, nats; y is ignored."""
        return float(np.mean(self.score_samples(X)))


class OutlierMixin:
    """`fit_predict` by `fit` and `predict`."""

    _estimator_type: ClassVar[str] = "outlier_detector"

    def fit_predict(self: Any, X: object, y: object = None, **fit_params: Any) -> NDArray[Any]:
        """Fit to X and return 1 for its inliers, -1 for its outliers; y is ignored."""
        return self.fit(X, **fit_params).predict(X)  # type: ignore[no-any-return]


def clone(estimator: Any) -> Any:
    """Make an unfitted estimator with the same hyper-parameters.

    Parameters
    ----------
    estimator : estimator, or list, tuple or dict of estimators
        Left as it is. Hyper-parameters that are estimators are cloned, others copied.

    Returns
    -------
    A new estimator (or list, tuple, dict). Settings of ``set_output`` are kept.

    Raises
    ------
    TypeError
        If estimator has no get_params, or is a class.

    Examples
    --------
    >>> class Model(Estimator):
    ...     def __init__(self, alpha=1.0):
    ...         self.alpha = alpha
    >>> clone([Model(alpha=2.0)])
    [Model(alpha=2.0)]
    """
    if isinstance(estimator, list | tuple):
        return type(estimator)([clone(one) for one in estimator])
    if isinstance(estimator, dict):
        return {key: clone(one) for key, one in estimator.items()}
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(f"clone takes an estimator with get_params, got {estimator!r}")
    if hasattr(estimator, "__sklearn_clone__"):
        return estimator.__sklearn_clone__()
    new = type(estimator)(
        **{k: _clone_parameter(v) for k, v in estimator.get_params(deep=False).items()}
    )
    for name in ("_metadata_request", "_sklearn_output_config"):
        if name in vars(estimator):
            setattr(new, name, copy.deepcopy(getattr(estimator, name)))
    return new


def _clone_parameter(value: Any) -> Any:
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(_clone_parameter(one) for one in value)
    is_estimator = hasattr(value, "get_params") and not isinstance(value, type)
    return clone(value) if is_estimator else copy.deepcopy(value)
