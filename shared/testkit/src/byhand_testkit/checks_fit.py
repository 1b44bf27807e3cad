# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023, D401  docstrings of checks are claims, and their lambdas run at once
"""Rules 8, 10 and 11: labels, weights, hyper-parameters, batches, refits, copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from .check import Check, always, when
from .compare import same
from .datasets import Data
from .guards import quiet, refused
from .rows import CallRow, EstimatorRow, fit, learned

__all__ = ["CHECKS", "reference"]


def reference(row: EstimatorRow) -> dict[str, Any]:
    """Return what a new model learns and gives, warnings of convergence aside."""
    with quiet():
        return row.outcome(row.example)


# ------------------------------------------------------------------ 8 labels and weights

LABELS: dict[str, Callable[[Any], Any]] = {
    "strings": lambda k: np.array(["zebra", "ant", "mole"])[k],
    "objects": lambda k: np.array(["zebra", "ant", "mole"], dtype=object)[k],
    "negative": lambda k: np.array([5, -3, -1])[k],
    "with gaps": lambda k: np.array([7, 10**12, 9])[k],
    "floats": lambda k: np.array([0.0, 2.0, 1.0])[k],
    "uint8": lambda k: np.array([255, 0, 1], dtype=np.uint8)[k],
    "bools": lambda k: np.array([True, False])[k],
    "a list": lambda k: [("b", "a", "c")[i] for i in k],
}


def labels_of_any_kind(row: EstimatorRow, kind: str) -> None:
    """Labels are names: other labels in the same order of classes give the renamed predictions."""
    data = row.example
    _, codes = np.unique(data.y, return_inverse=True)
    renamed = LABELS[kind](codes)
    classes, order = np.unique(np.asarray(renamed), return_inverse=True)
    with quiet():
        plain = fit(row.make(), data.but(y=order))
        model = fit(row.make(), data.but(y=renamed))
        same(model.classes_.tolist(), classes.tolist(), at="classes_")
        expected = classes[np.asarray(plain.predict(data.X, **data.predict), dtype=int)]
        got = model.predict(data.X, **data.predict)
    same(got.tolist(), expected.tolist(), at=f"predict with labels that are {kind}")
    if got.dtype.kind != classes.dtype.kind:
        raise AssertionError(f"predict gives {got.dtype} for labels of {classes.dtype}")


def bad_labels(row: EstimatorRow, _: str) -> None:
    """Labels that are fractions or of two dimensions are no labels."""
    data = row.example
    n = len(data.X)
    continuous = data.but(y=np.linspace(0, 1, n) + 0.01)
    refused(lambda: fit(row.make(), continuous), ValueError, "y", what="fractions as labels")
    square = data.but(y=np.zeros((n, 2)))
    refused(lambda: fit(row.make(), square), ValueError, "y", what="two columns of labels")


def weights_repeat_rows(row: EstimatorRow, _: str) -> None:
    """A weight of 2 is the row twice, also next to other weights."""
    data = row.example
    w = np.tile([1, 2, 3, 1], len(data.X))[: len(data.X)]
    _same_weighted(row, data, w, data.rows(np.repeat(np.arange(len(w)), w)), "weights 1, 2, 3")


def weights_of_zero(row: EstimatorRow, _: str) -> None:
    """A weight of 0 is the row removed, whatever it holds."""
    data = row.example
    n = len(data.X)
    w = (np.arange(n) % 5 != 2).astype(float)
    wild = data.X.copy()
    if row.on_floats:
        wild[w == 0] *= 100
    _same_weighted(row, data.but(X=wild), w, data.rows(np.flatnonzero(w)), "weights 0 and 1")


def weights_of_one(row: EstimatorRow, _: str) -> None:
    """Weights that are all 1 are no weights; a list of them is an array."""
    data = row.example
    _same_weighted(row, data, [1] * len(data.X), data, "weights of 1")


def _same_weighted(row: EstimatorRow, data: Data, w: Any, other: Data, what: str) -> None:
    with quiet():
        weighted = row.outputs_of(fit(row.make(), data, sample_weight=w), row.example)
        plain = row.outputs_of(fit(row.make(), other), row.example)
    same(plain, weighted, rtol=row.weight_rtol, at=what)


def bad_weights(row: EstimatorRow, kind: str) -> None:
    """Weights that are negative, NaN, infinite, all zero or no numbers are refused."""
    data = row.example
    w: Any = np.ones(len(data.X))
    if kind == "all zero":
        w[:] = 0
    elif kind == "words":
        w = np.full(len(w), "1")
    else:
        w[3] = {"negative": -1.0, "nan": np.nan, "infinite": np.inf}[kind]
    errors = TypeError if kind == "words" else ValueError
    error = refused(lambda: fit(row.make(), data, sample_weight=w), errors, what=f"{kind} weights")
    if "weight" not in str(error):
        raise AssertionError(f"the message does not name sample_weight: {str(error)!r}")


# ------------------------------------------------------------------ 10 hyper-parameters


def every_parameter_has_a_domain(row: EstimatorRow, _: str) -> None:
    """Each parameter of __init__ (but random_state) is declared in domains, and no other."""
    names = set(row.parameters) - {"random_state"}
    if missing := names - set(row.domains):
        raise AssertionError(f"parameters without a domain in the row: {sorted(missing)}")
    if unknown := set(row.domains) - names:
        raise AssertionError(f"domains of parameters that do not exist: {sorted(unknown)}")


def bad_hyper_parameters(row: EstimatorRow, name: str) -> None:
    """Fit (never __init__) refuses a wrong type, value or option by parameter, value and range."""
    domain = row.domains[name]
    for bad in domain.bad():
        if domain.holds(bad.value):
            continue
        model = row.make(**{name: bad.value})
        before = dict(vars(model))
        errors = (TypeError, ValueError) if bad.error is Exception else bad.error
        refused(
            lambda: fit(model, row.example),
            errors,
            name,
            *bad.words,
            what=f"{name}={bad.value!r}",
        )
        if dict(vars(model)) != before:
            raise AssertionError(f"{name}={bad.value!r}: the refused fit changed the model")


def numpy_scalars(row: EstimatorRow, _: str) -> None:
    """Hyper-parameters that are NumPy scalars equal Python's numbers."""
    changed = {
        name: np.int64(value) if isinstance(value, int) else np.float64(value)
        for name, value in row.params.items()
        if type(value) in (int, float) and name != "random_state"
    }
    with quiet():
        model = fit(row.make(**changed), row.example)
        got = row.outputs_of(model, row.example)
        plain = row.outputs_of(fit(row.make(), row.example), row.example)
    same(plain, got, at="with NumPy scalars")


# ------------------------------------------------------------------ 11 batches, copies


def batch_equals_rows(row: EstimatorRow, _: str) -> None:
    """Each row's result does not depend on the other rows in the batch, nor on their order."""
    data = row.example
    with quiet():
        model = fit(row.make(), data)
        whole = row.outputs_of(model, data)
        chosen = np.random.default_rng(0).permutation(len(data.X))[:12]
        for method, expected in whole.items():
            call = getattr(model, method)
            single = [call(data.X[i : i + 1], **data.predict)[0] for i in chosen]
            at = f"{method} row by row"
            same(np.asarray(expected)[chosen], np.asarray(single), rtol=row.rtol, at=at)
            some = call(data.X[chosen], **data.predict)
            same(np.asarray(expected)[chosen], some, rtol=row.rtol, at=f"{method} of some rows")


def refit_leaves_nothing_stale(row: EstimatorRow, _: str) -> None:
    """After a fit to other data the model is what a new model would be."""
    data = row.example
    half = data.rows(np.arange(len(data.X))[::2])
    if row.on_floats and data.X.ndim == 2:
        half = half.but(X=half.X[:, :-1] if half.X.shape[1] > 1 else np.column_stack([half.X] * 2))
    if row.on_sequences:
        half = half.but(fit={**data.fit, "lengths": [len(half.X)]})
        half = half.but(predict={**data.predict, "lengths": [len(half.X)]})
    with quiet():
        model = fit(row.make(), half)
        row.outputs_of(model, half)
        fit(model, data)
        again = {**learned(model), **row.outputs_of(model, data)}
        same(reference(row), again, at="after an earlier fit to other data")


def parameters_round_trip(row: EstimatorRow, _: str) -> None:
    """get_params gives what __init__ got; set_params and clone make the same; repr works."""
    model = row.make()
    params = model.get_params()
    names = row.parameters
    if missing := [n for n in names if n not in params]:
        raise AssertionError(f"get_params lacks {missing}")
    for name in names:
        if name in row.params and params[name] is not row.params[name]:
            raise AssertionError(f"__init__ stored {name} as {params[name]!r}")
    other = copy.copy(model).set_params(**{n: params[n] for n in names})
    same({n: other.get_params()[n] for n in names}, {n: params[n] for n in names}, at="set_params")
    refused(lambda: row.make().set_params(no_such=1), ValueError, "no_such", what="set_params")
    if type(model).__name__ not in repr(model):
        raise AssertionError(f"repr does not name the class: {model!r}")
    with quiet():
        fitted = fit(row.make(), row.example)
        copied = row.cls(**{n: fitted.get_params()[n] for n in names})
        if learned(copied):
            raise AssertionError("__init__ sets learned attributes")
        fit(copied, row.example)
        got = {**learned(copied), **row.outputs_of(copied, row.example)}
        same(reference(row), got, at="a clone")


def model_copies(row: EstimatorRow, kind: str) -> None:
    """A pickled, copied or deep-copied model is the same; the copy is independent."""
    with quiet():
        model = fit(row.make(), row.example)
        expected = copy.deepcopy(row.outputs_of(model, row.example))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            if kind == "pickle":
                twin = pickle.loads(pickle.dumps(model, protocol))
                unfitted = pickle.loads(pickle.dumps(row.make(), protocol))
                same(learned(unfitted), {}, at="an unfitted model")
            else:
                twin = copy.deepcopy(model)
            same(expected, row.outputs_of(twin, row.example), at=kind)
            same(learned(model), learned(twin), at=kind)
        half = row.example.rows(slice(None, None, 2))
        if not row.on_sequences:
            fit(twin, half)
            same(expected, row.outputs_of(model, row.example), at="after a fit of the copy")


def instance_copies(row: CallRow, kind: str) -> None:
    """A pickled or deep-copied instance is the same."""
    instance = row.run(row.arguments())
    twin = pickle.loads(pickle.dumps(instance)) if kind == "pickle" else copy.deepcopy(instance)
    same(row.value(instance), row.value(twin), at=kind)


# ------------------------------------------------------------------ which cases apply

BAD_WEIGHTS = ("negative", "nan", "infinite", "all zero", "words")


def _is_classifier(row: EstimatorRow) -> bool:
    y = row.example.y
    return isinstance(y, np.ndarray) and y.dtype.kind == "i" and "predict" in row.outputs


def _label_cases(row: EstimatorRow) -> tuple[str, ...]:
    if not _is_classifier(row):
        return ()
    two = len(np.unique(row.example.y)) == 2
    return tuple(kind for kind in LABELS if two or kind != "bools")


def _is_weighted(row: EstimatorRow) -> bool:
    return "sample_weight" in row.fit_parameters and row.on_arrays and not row.on_sequences


def _is_rowwise(row: EstimatorRow) -> bool:
    return row.rowwise and row.on_arrays and not row.on_sequences


def _is_class(row: CallRow) -> bool:
    return isinstance(row.public[0], type)


def _on_arrays(row: EstimatorRow) -> bool:
    return row.on_arrays


CHECKS = (
    Check("labels", 8, EstimatorRow, labels_of_any_kind, _label_cases),
    Check("bad_labels", 8, EstimatorRow, bad_labels, when(_is_classifier)),
    Check("weights_repeat_rows", 8, EstimatorRow, weights_repeat_rows, when(_is_weighted)),
    Check("weights_of_zero", 8, EstimatorRow, weights_of_zero, when(_is_weighted)),
    Check("weights_of_one", 8, EstimatorRow, weights_of_one, when(_is_weighted)),
    Check("bad_weights", 8, EstimatorRow, bad_weights, when(_is_weighted, *BAD_WEIGHTS)),
    Check("domains_complete", 10, EstimatorRow, every_parameter_has_a_domain, always),
    Check("hyper_parameters", 10, EstimatorRow, bad_hyper_parameters, lambda r: tuple(r.domains)),
    Check("numpy_scalars", 10, EstimatorRow, numpy_scalars, always),
    Check("batch_equals_rows", 11, EstimatorRow, batch_equals_rows, when(_is_rowwise)),
    Check("refit_not_stale", 11, EstimatorRow, refit_leaves_nothing_stale, when(_on_arrays)),
    Check("parameters", 11, EstimatorRow, parameters_round_trip, always),
    Check("copies", 11, EstimatorRow, model_copies, when(_on_arrays, "pickle", "deepcopy")),
    Check("copies", 11, CallRow, instance_copies, when(_is_class, "pickle", "deepcopy")),
)
