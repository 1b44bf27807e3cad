# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: D401  docstrings of checks are claims, and their lambdas run at once
"""Rules 14, 15, 17, 19 and 20 for models: scale, histories, probabilities, recursion, files."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from pathlib import Path

import numpy as np

from .check import Check, when
from .compare import same
from .guards import quiet, shallow
from .rows import EstimatorRow, fit, learned

__all__ = ["CHECKS"]


# ------------------------------------------------------------------ 14 laws


def law(row: EstimatorRow, kind: str) -> None:
    """What the row says of shifted, scaled or reordered data holds."""
    data = row.example
    n, d = data.X.shape
    with quiet():
        base = row.outputs_of(fit(row.make(), data), data)
        if kind == "shift":
            far = data.but(X=np.round(data.X * 2**20) / 2**20 + 1e8)  # exact before rounding to 1e8
            near = data.but(X=far.X - 1e8)
            base = row.outputs_of(fit(row.make(), near), near)
            got = row.outputs_of(fit(row.make(), far), far)
            same(base, got, rtol=1e-6, at="1e8 from the origin")
        elif kind == "scale":
            for power in (2.0**300, 2.0**-300):
                scaled = data.but(X=data.X * power)
                method = row.outputs[0]
                got = row.outputs_of(fit(row.make(), scaled), scaled)[method]
                same(base[method], got, rtol=1e-6, at=f"{method} of X * {power:.0e}")
        elif kind == "order":
            order = np.random.default_rng(0).permutation(n)
            model = fit(row.make(), data.rows(order))
            same(
                base, row.outputs_of(model, data), rtol=row.weight_rtol, at="rows in another order"
            )
        elif kind == "columns":
            turned = data.but(X=np.ascontiguousarray(data.X[:, np.arange(d)[::-1]]))
            got = row.outputs_of(fit(row.make(), turned), turned)
            names = [m for m in row.outputs if m != "transform"]
            for m in names:
                same(base[m], got[m], rtol=row.weight_rtol, at=f"{m}, columns in another order")
        else:
            raise AssertionError(f"laws must be of shift, scale, order, columns, got {kind!r}")


def far_scales_are_finite(row: EstimatorRow, kind: str) -> None:
    """Very large and very small X gives finite results or a ValueError, and no warning."""
    power = {"1e100": 1e100, "1e-100": 1e-100, "1e-300": 1e-300, "1e300": 1e300}[kind]
    data = row.example.but(X=row.example.X / np.abs(row.example.X).max() * power)
    with quiet():
        try:
            got = row.outputs_of(fit(row.make(), data), data)
        except ValueError:
            return
    for method, value in got.items():
        a = np.asarray(value)
        if a.dtype.kind == "f" and np.isnan(a).any():
            raise AssertionError(f"X of size {kind}: {method} gives NaN")


# ------------------------------------------------------------------ 15 histories


def history_never_worsens(row: EstimatorRow, _: str) -> None:
    """The objective moves one way, to 1e-9 relative; the last one is the model's own."""
    data = row.example
    with quiet():
        model = fit(row.make(), data)
    history = np.asarray(model.history_, dtype=float)
    if len(history) != model.n_iter_ + 1:
        raise AssertionError(f"{model.n_iter_} iterations, but history_ has {len(history)} entries")
    if np.isnan(history).any():
        raise AssertionError("history_ holds NaN")
    if row.history:
        steps = np.diff(history) * (1 if row.history == "rises" else -1)
        allowed = -1e-9 * np.maximum(1.0, np.abs(history[1:]))
        if (steps < allowed).any():
            i = int((steps < allowed).argmax())
            raise AssertionError(
                f"history_ should go on that it {row.history}: step {i + 1} from "
                f"{history[i]!r} to {history[i + 1]!r}"
            )
    if row.objective is not None:
        got = row.objective(model, data)
        same(np.float64(got), history[-1], rtol=1e-9, at="objective and history_[-1]")


def convergence_is_told(row: EstimatorRow, _: str) -> None:
    """converged_ is False exactly when a ConvergenceWarning was given (tol > 0)."""
    tol = {"tol": 1e-12} if "tol" in row.parameters else {}
    for changed in ({**tol, _limit(row): 1}, {}):
        model = row.make(**changed)
        with quiet() as caught:
            fit(model, row.example)
        warned = any(w.category.__name__ == "ConvergenceWarning" for w in caught)
        if getattr(model, "tol", 1) and warned == bool(model.converged_):
            raise AssertionError(
                f"with {changed} converged_ is {model.converged_}, and a "
                f"ConvergenceWarning was {'' if warned else 'not '}given"
            )


def _limit(row: EstimatorRow) -> str:
    """Name of the parameter that bounds the iterations."""
    return next((name for name in ("max_iter", "n_iter") if name in row.domains), "")


# ------------------------------------------------------------------ 17 probabilities


def probabilities(row: EstimatorRow, _: str) -> None:
    """predict_proba lies in [0, 1], sums to 1 within 4 ulp times the number, and leads predict."""
    data = row.example
    with quiet():
        model = fit(row.make(), data)
        far = data.but(X=data.X * 1e6) if row.on_floats else data
        for what, X in (("X", data.X), ("X far away", far.X)):
            p = np.asarray(model.predict_proba(X, **data.predict))
            if p.ndim != 2 or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
                raise AssertionError(f"predict_proba of {what} leaves [0, 1] or is no table")
            k = p.shape[1]
            worst = np.abs(p.sum(axis=1) - 1).max()
            if worst > 4 * k * np.finfo(p.dtype).eps:
                raise AssertionError(f"probabilities of {what} sum to 1 +- {worst:.3g}")
        if not row.on_sequences:
            best = model.predict_proba(data.X).argmax(axis=1)
            names = getattr(model, "classes_", np.arange(k))
            chosen = model.predict(data.X)
            same(names[best].tolist(), chosen.tolist(), at="predict and the largest probability")
        if "predict_log_proba" in row.outputs:
            with np.errstate(divide="ignore"):
                log = np.log(model.predict_proba(data.X, **data.predict))
            got = model.predict_log_proba(data.X, **data.predict)
            same(np.exp(log), np.exp(got), rtol=1e-12, at="predict_log_proba")


# ------------------------------------------------------------------ 19 recursion


def recursion_is_shallow(row: EstimatorRow, _: str) -> None:
    """The depth of recursion does not grow with the data."""
    data = row.example
    repeat = 10
    X = np.concatenate([data.X + (0.1 * i if row.on_floats else 0) for i in range(repeat)])
    y = None if data.y is None else np.tile(data.y, repeat)
    if isinstance(y, np.ndarray) and y.dtype.kind == "i":  # alternating labels: the deepest tree
        y = np.take(np.unique(y), np.argsort(np.argsort(X[:, 0])) % len(np.unique(y)))
    more = {"lengths": [len(X)]} if row.on_sequences else {}
    big = data.but(X=X, y=y, fit={**data.fit, **more}, predict={**data.predict, **more})
    with quiet():
        row.outputs_of(fit(row.make(), data), data)  # lazy imports first
        with shallow(60):
            row.outputs_of(fit(row.make(), big), big)


# ------------------------------------------------------------------ 20 files


def model_saves(row: EstimatorRow, suffix: str) -> None:
    """Save and load give the same model back."""
    persist = importlib.import_module("byhand.utils.persist")
    with quiet(), tempfile.TemporaryDirectory() as folder:
        model = fit(row.make(), row.example)
        path = Path(folder) / f"model.{suffix}"
        persist.save(model, path)
        twin = persist.load(path)
    if type(twin) is not type(model):
        raise AssertionError(f"load gave a {type(twin).__name__}")
    with quiet():
        same(learned(model), learned(twin), at=f"after .{suffix}")
        expected = row.outputs_of(model, row.example)
        same(expected, row.outputs_of(twin, row.example), at=f"after .{suffix}")
    same(
        {k: repr(v) for k, v in model.get_params().items()},
        {k: repr(v) for k, v in twin.get_params().items()},
        at="parameters",
    )


# ------------------------------------------------------------------ which cases apply


def _has_history(row: EstimatorRow) -> bool:
    return bool(row.history) or row.objective is not None


def _tells_convergence(row: EstimatorRow) -> bool:
    return bool(_limit(row) and row.history)


def _saves(row: EstimatorRow) -> tuple[str, ...]:
    package = row.cls.__module__.split(".")[:2]
    public = len(package) == 2 and package[0] == "byhand"
    # find_spec imports the parents, which may be missing
    if not public or importlib.util.find_spec("byhand.utils") is None:
        return ()
    found = importlib.util.find_spec("byhand.utils.persist") is not None
    return ("npz", "safetensors") if found else ()


def _deep(row: EstimatorRow) -> bool:
    return row.on_arrays and bool(row.example.X.ndim == 2)


CHECKS = (
    Check("law", 14, EstimatorRow, law, lambda row: row.laws),
    Check(
        "far_scales",
        14,
        EstimatorRow,
        far_scales_are_finite,
        when(lambda r: r.on_floats, "1e100", "1e-100", "1e-300", "1e300"),
    ),
    Check("history", 15, EstimatorRow, history_never_worsens, when(_has_history)),
    Check("convergence", 15, EstimatorRow, convergence_is_told, when(_tells_convergence)),
    Check(
        "probabilities",
        17,
        EstimatorRow,
        probabilities,
        when(lambda r: "predict_proba" in r.outputs),
    ),
    Check("recursion", 19, EstimatorRow, recursion_is_shallow, when(_deep)),
    Check("files", 20, EstimatorRow, model_saves, _saves),
)
