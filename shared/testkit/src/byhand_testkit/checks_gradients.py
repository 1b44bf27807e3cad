# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: D401  docstrings of checks are claims
"""Rule 16: gradients of function pairs and layers against central differences."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .check import Check, always
from .checks_input import expect_dtypes
from .compare import same
from .gradcheck import compare_gradient, cotangent, gradcheck, inner
from .guards import pristine, quiet, untouched
from .modules import batch, built, cast, gradients, modules, parameters, run, zero_gradients
from .rows import FunctionRow, LayerRow

__all__ = ["CHECKS"]

MODES = {"inference": False, "training": True}


class _Pair(NamedTuple):
    f: Callable[..., Any]  # of the positional arguments, generators started anew each time
    arguments: dict[str, Any]
    dy: Any
    rest: tuple[Any, ...]  # what grad gets after dy


def _pair(row: FunctionRow, dtype: Any) -> _Pair:
    keywords = row.keywords()
    arguments = {
        name: a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for name, a in row.arguments().items()
        if name not in keywords
    }

    def f(*args: Any) -> Any:
        again = [copy.deepcopy(a) if isinstance(a, np.random.Generator) else a for a in args]
        with quiet():
            return row.func(*again, **row.keywords())

    kind = inspect.Parameter.POSITIONAL_ONLY
    names = [n if n.isidentifier() else f"argument_{i}" for i, n in enumerate(arguments)]
    f.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kind) for n in names]
    )
    result = f(*arguments.values())
    has_cache = isinstance(result, tuple) and len(result) == 2
    dy = cast(cotangent(np.random.default_rng(0), result[0] if has_cache else result), dtype)
    return _Pair(f, arguments, dy, (result[1],) if has_cache else tuple(arguments.values()))


def pair_gradient(row: FunctionRow, _: str) -> None:
    """The gradient function is the derivative of the function, in every floating argument."""
    pair = _pair(row, np.float64)
    gradcheck(pair.f, _grad(row), *pair.arguments.values())


def pair_leaves_cache(row: FunctionRow, _: str) -> None:
    """The gradient function changes neither dy nor the cache: a second call gives the same."""
    pair, grad = _pair(row, np.float64), _grad(row)
    data = {n: a for n, a in pair.arguments.items() if isinstance(a, np.ndarray)}
    with quiet(), pristine(), untouched(dy=pair.dy, **data):
        first = copy.deepcopy(grad(pair.dy, *pair.rest))
        same(first, grad(pair.dy, *pair.rest), at="a second call of the gradient")


def pair_gradient_dtype(row: FunctionRow, _: str) -> None:
    """float32 arguments give float32 gradients."""
    pair = _pair(row, np.float32)
    found = _grad(row)(pair.dy, *pair.rest)
    expect_dtypes(found, np.float32, "gradients of float32 arguments")


def _grad(row: FunctionRow) -> Callable[..., Any]:
    if row.grad is None:
        raise TypeError(f"{row.name} has no gradient")
    return row.grad


def layer_gradients(row: LayerRow, case: str) -> None:
    """Backward gives the derivative in every input and every parameter."""
    mode, size = case.split(", batch ")
    training, n = MODES[mode], int(size)
    module = built(row)
    inputs, options = batch(row, n)
    current = list(inputs)
    rng = np.random.default_rng(3)
    y, cache = run(module, inputs, options, training)
    v = cotangent(rng, y)
    zero_gradients(module)
    dx = module.backward(v, cache)
    claimed = gradients(module)

    def value() -> float:
        return inner(v, run(module, tuple(current), options, training)[0])

    floating = [i for i, a in enumerate(inputs) if np.asarray(a).dtype.kind == "f"]
    several = dx if isinstance(dx, tuple) else (dx,)
    if len(several) not in (len(inputs), len(floating)):
        raise AssertionError(f"backward gives {len(several)} gradients for {len(inputs)} inputs")
    for i in floating:
        g = several[i] if len(several) == len(inputs) else several[floating.index(i)]
        if g is None:
            raise AssertionError(f"backward gives None for input {i}")

        def set_input(a: Any, i: int = i) -> None:
            current[i] = a

        name = f"input {i}" if len(inputs) > 1 else "the input"
        compare_gradient(value, set_input, inputs[i], g, name, row.rtol, row.atol, rng)
    for path, m in modules(module):
        for parameter in m.params:
            view = getattr(m, parameter)

            def write(a: Any, view: Any = view) -> None:
                view[...] = a

            name = f"{path}.{parameter}"
            if name not in claimed:
                raise AssertionError(f"backward left no gradient of {name.strip('.')}")
            compare_gradient(
                value, write, view.copy(), claimed[name], name.strip("."), row.rtol, row.atol, rng
            )


def gradients_accumulate(row: LayerRow, _: str) -> None:
    """A second backward adds, from an unchanged cache; need_dx=False gives the same gradients."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    y, cache = run(module, inputs, options, row.training[-1])
    v = cotangent(np.random.default_rng(3), y)
    zero_gradients(module)
    with untouched(dy=v, **{f"input {i}": a for i, a in enumerate(inputs)}):
        dx = copy.deepcopy(module.backward(v, cache))
        once = gradients(module)
        same(dx, module.backward(v, cache), at="dx of a second backward")
    twice = gradients(module)
    same({k: 2 * g for k, g in once.items()}, twice, rtol=1e-12, at="gradients after two backwards")
    zero_gradients(module)
    module.backward(v, cache, need_dx=False)
    same(once, gradients(module), rtol=1e-12, at="gradients with need_dx=False")


def gradients_have_the_shape_of_parameters(row: LayerRow, _: str) -> None:
    """No gradient is broadcast into its parameter: accumulate gets exactly the right shapes."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    y, cache = run(module, inputs, options, row.training[-1])
    faults: list[str] = []

    def watch(m: Any, path: str) -> Callable[..., None]:
        original = m.accumulate

        def accumulate(*grads: Any) -> None:
            name = f"{type(m).__name__} {path}".strip()
            if len(grads) != len(m.params) and not m.frozen:
                faults.append(f"{name}: {len(grads)} gradients for parameters {m.params}")
            for parameter, g in zip(m.params, grads, strict=False):
                expected = getattr(m, parameter).shape
                if g is not None and np.shape(g) != expected:
                    faults.append(
                        f"{name}: gradient of {parameter} has shape {np.shape(g)}, not {expected}"
                    )
            original(*grads)

        return accumulate

    for path, m in modules(module):
        m.accumulate = watch(m, path)
    try:
        module.backward(cotangent(np.random.default_rng(3), y), cache)
    except ValueError as error:
        faults.append(str(error))
    finally:
        for _, m in modules(module):
            del m.accumulate
    if faults:
        raise AssertionError("; ".join(faults))


# ------------------------------------------------------------------ which cases apply


def _is_pair(row: FunctionRow) -> tuple[str, ...]:
    return ("",) if row.grad is not None else ()


def _gradient_cases(row: LayerRow) -> tuple[str, ...]:
    modes = [mode for mode, training in MODES.items() if training in row.training]
    return tuple(f"{mode}, batch {n}" for mode in modes for n in row.batches)


def _learns(row: LayerRow) -> tuple[str, ...]:
    return ("",) if list(parameters(built(row))) else ()


CHECKS = (
    Check("gradient", 16, FunctionRow, pair_gradient, _is_pair),
    Check("gradient_repeatable", 16, FunctionRow, pair_leaves_cache, _is_pair),
    Check("gradient_dtype", 16, FunctionRow, pair_gradient_dtype, _is_pair),
    Check("gradients", 16, LayerRow, layer_gradients, _gradient_cases),
    Check("accumulate", 16, LayerRow, gradients_accumulate, always),
    Check("gradient_shapes", 16, LayerRow, gradients_have_the_shape_of_parameters, _learns),
)
