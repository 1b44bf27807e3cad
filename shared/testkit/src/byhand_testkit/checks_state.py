# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: B023, D401  docstrings of checks are claims, and their lambdas run at once
"""Rules 9, 12, 13, 18: randomness, global state, interrupts, callbacks, float errors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .check import Check, always, when
from .checks_fit import reference
from .compare import same
from .guards import count_lines, interrupting, pristine, quiet, refused, strict
from .rows import CallRow, EstimatorRow, fit, learned

__all__ = ["CHECKS"]

# ------------------------------------------------------------------ 9 randomness


def random_state_kinds(row: EstimatorRow, kind: str) -> None:
    """Every kind of seed is taken, and equal seeds give equal bits."""
    make: Callable[[], Any] = {
        "0": lambda: 0,
        "numpy int": lambda: np.int64(3),
        "SeedSequence": lambda: np.random.SeedSequence(5),
        "Generator": lambda: np.random.default_rng(7),
        "PCG64DXSM": lambda: np.random.Generator(np.random.PCG64DXSM(7)),
        "None": lambda: None,
    }[kind]
    with quiet():
        first = row.outcome(row.example, random_state=make())
        if kind != "None":
            same(first, row.outcome(row.example, random_state=make()), at=f"random_state={kind}")


def random_state_others(row: EstimatorRow, _: str) -> None:
    """What is no seed is refused by name; the global RandomState of NumPy too."""
    for bad in ("0", 1.5, True, np.random, [1], np.random.RandomState(0)):
        errors = (TypeError, ValueError)
        what = f"random_state={bad!r:.40}"
        refused(
            lambda: fit(row.make(random_state=bad), row.example),
            errors,
            "random_state",
            what=what,
        )
    refused(
        lambda: fit(row.make(random_state=-1), row.example), ValueError, "random_state", what="-1"
    )


def refits_are_identical(row: EstimatorRow, _: str) -> None:
    """A second fit of the same model, and of a new one, gives the same bits."""
    data = row.example
    with quiet():
        model = fit(row.make(), data)
        first = {**learned(model), **row.outputs_of(model, data)}
        first = copy.deepcopy(first)
        fit(model, data)
        same(first, {**learned(model), **row.outputs_of(model, data)}, at="a second fit")
        same(first, row.outcome(data), at="a new model")


def global_random_state_is_not_read(row: EstimatorRow, _: str) -> None:
    """Seeding NumPy's global generator changes nothing; the global state stays as it was."""
    saved = np.random.get_state()  # noqa: NPY002
    try:
        results = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002
            with quiet():
                results.append(row.outcome(row.example))
        same(*results, at="another global seed")
    finally:
        np.random.set_state(saved)  # noqa: NPY002


def leaves_global_state(row: EstimatorRow | CallRow, _: str) -> None:
    """It prints nothing and leaves random, error, warning and print state alone."""
    arguments = row.arguments()
    with quiet(), pristine():
        row.call(arguments)


def calls_are_identical(row: CallRow, _: str) -> None:
    """Equal arguments give equal bits."""
    same(row.call(row.arguments()), row.call(row.arguments()), at="a second call")


# ------------------------------------------------------------------ 12 interrupts, callbacks


def interrupted_fit(row: EstimatorRow, kind: str) -> None:
    """KeyboardInterrupt at any line of fit leaves the old model, an unfitted one or the new one."""
    data = row.example
    inside = ("byhand.", row.cls.__module__)
    n = len(data.X)
    other = data.rows(np.arange(n)[::-1])
    if row.on_floats:
        other = other.but(X=other.X * 1.25)
    with quiet():
        new = learned(fit(row.make(), other))
        old_model = fit(row.make(), data)
        old = copy.deepcopy(learned(old_model))
        total = count_lines(lambda: fit(copy.deepcopy(old_model), other), inside)
        last = np.arange(max(1, total - 25), total + 1)
        for stop in sorted({*np.linspace(1, total, 12).astype(int).tolist(), *last.tolist()}):
            model = row.make() if kind == "first fit" else copy.deepcopy(old_model)
            try:
                with interrupting(stop, inside) as tracer:
                    fit(model, other)
            except KeyboardInterrupt:
                pass
            now = learned(model)
            wholes = ({}, new) if kind == "first fit" else (old, {}, new)
            if not any(_equal(now, whole) for whole in wholes):
                raise AssertionError(
                    f"interrupted at {tracer.where} the model is neither old, unfitted nor new: "
                    f"it has {sorted(now)}"
                )


def _equal(a: Any, b: Any) -> bool:
    try:
        same(a, b)
    except AssertionError:
        return False
    return True


def callback_contract(row: EstimatorRow, _: str) -> None:
    """A callback sees every iteration and changes nothing, may stop a fit, and may fail."""
    data, seen = row.example, []

    def watch(model: Any, info: Any) -> None:
        seen.append((model, dict(info)))

    with quiet():
        model = row.make()
        fit(model, data, callback=watch)
        same(
            reference(row), {**learned(model), **row.outputs_of(model, data)}, at="with a callback"
        )
        if not seen or any(m is not model for m, _ in seen):
            raise AssertionError("the callback was not called with (estimator, info)")
        for field in ("iteration", "max_iter", "objective", "params"):
            if any(field not in info for _, info in seen):
                raise AssertionError(f"the callback's info lacks {field!r}: {sorted(seen[0][1])}")
        iterations = [info["iteration"] for _, info in seen]
        if iterations[0] != 1 or iterations[-1] > seen[-1][1]["max_iter"]:
            raise AssertionError(f"iterations are {iterations}, expected 1 to max_iter")
        calls = SimpleNamespace(n=0)

        def stop(model: Any, info: Any) -> bool:
            calls.n += 1
            return True

        row.outputs_of(fit(row.make(), data, callback=stop), data)
        if calls.n > max(1, iterations.count(1)):
            raise AssertionError(f"a callback that returned True was called {calls.n} times")

        def fail(model: Any, info: Any) -> None:
            raise RuntimeError("stop here")

        before = copy.deepcopy(learned(model))
        refused(lambda: fit(model, data, callback=fail), RuntimeError, what="a failing callback")
        same(before, learned(model), at="after a callback that failed")
    refused(lambda: fit(row.make(), data, callback=3), (TypeError, ValueError), what="callback=3")


# ------------------------------------------------------------------ 13 floating-point errors


def raises_no_float_error(row: EstimatorRow | CallRow, _: str) -> None:
    """All is well under errstate raise: nothing overflows, underflows or makes NaN."""
    arguments = row.arguments()
    with strict():
        row.call(arguments)


def uses_no_float_warning(row: EstimatorRow | CallRow, _: str) -> None:
    """Nothing is found out by a floating-point warning: errstate ignore changes nothing."""
    with quiet():
        expected = row.call(row.arguments())
        with np.errstate(all="ignore"):
            got = row.call(row.arguments())
        same(expected, got, rtol=row.rtol, at="under errstate ignore")


# ------------------------------------------------------------------ which cases apply

SEEDS = ("0", "numpy int", "SeedSequence", "Generator", "PCG64DXSM", "None")


def _is_random(row: EstimatorRow) -> bool:
    return "random_state" in row.parameters


def _takes_callback(row: EstimatorRow) -> bool:
    return "callback" in row.fit_parameters


def _on_arrays(row: EstimatorRow) -> bool:
    return row.on_arrays


CHECKS = (
    Check("random_state", 9, EstimatorRow, random_state_kinds, when(_is_random, *SEEDS)),
    Check("bad_random_state", 9, EstimatorRow, random_state_others, when(_is_random)),
    Check("refits_identical", 9, EstimatorRow, refits_are_identical, always),
    Check("global_seed", 9, EstimatorRow, global_random_state_is_not_read, always),
    Check("pristine", 9, EstimatorRow | CallRow, leaves_global_state, always),
    Check("calls_identical", 9, CallRow, calls_are_identical, always),
    Check("interrupts", 12, EstimatorRow, interrupted_fit, when(_on_arrays, "first fit", "refit")),
    Check("callback", 12, EstimatorRow, callback_contract, when(_takes_callback)),
    Check("float_errors", 13, EstimatorRow | CallRow, raises_no_float_error, always),
    Check("float_warnings_unused", 18, EstimatorRow | CallRow, uses_no_float_warning, always),
)
