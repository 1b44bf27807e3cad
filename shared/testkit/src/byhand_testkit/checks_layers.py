# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: D401  docstrings of checks are claims
"""The contract of layers: dtypes, memory, widths, calls, options that are passed on, copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .check import Check, always
from .checks_input import expect_dtypes
from .compare import same
from .generators import LAYOUTS, layout
from .gradcheck import cotangent
from .guards import pristine, quiet, refused, strict, untouched
from .modules import batch, built, cast, gradients, modules, parameters, run
from .rows import LayerRow

__all__ = ["CHECKS"]

# ------------------------------------------------------------------ data


def layer_dtype(row: LayerRow, kind: str) -> None:
    """The dtype that goes in comes out, forward and backward."""
    dtype = np.dtype(kind)
    module = built(row, dtype)
    inputs, options = batch(row, max(row.batches), dtype)
    for training in row.training:
        y, cache = run(module, inputs, options, training)
        expect_dtypes(y, dtype, "forward")
        v = cast(cotangent(np.random.default_rng(0), y), dtype)
        expect_dtypes(module.backward(v, cache), dtype, "backward")
    for name, g in gradients(module).items():
        expect_dtypes(g, dtype, f"gradient of {name}")


def wider_input_is_refused(row: LayerRow, _: str) -> None:
    """A float64 input to float32 parameters is refused, naming layer and dtypes."""
    module = built(row, np.float32)
    inputs, options = batch(row, max(row.batches), np.float64)
    refused(
        lambda: module.forward(*inputs, **options),
        ValueError,
        "float64",
        "float32",
        what="float64 input to a float32 layer",
    )


def layer_memory(row: LayerRow, kind: str) -> None:
    """The result is the same whatever memory the input lies in, and the input is not changed."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    y, cache = run(module, inputs, options, False)
    v = cotangent(np.random.default_rng(0), y)
    dx = module.backward(v, cache)
    other = tuple(layout(a, kind) for a in inputs)
    with untouched(**{f"input {i}": a for i, a in enumerate(other)}, **options):
        got, cache = run(module, other, options, False)
        back = module.backward(v, cache)
    same(y, got, rtol=1e-12, at=f"forward of {kind} input")
    same(dx, back, rtol=1e-12, at=f"backward of {kind} input")
    v = tuple(layout(p, kind) for p in v) if isinstance(v, tuple) else layout(v, kind)
    _, cache = run(module, inputs, options, False)
    with untouched(dy=v):
        same(dx, module.backward(v, cache), rtol=1e-12, at=f"backward of {kind} dy")


def layer_batch_equals_rows(row: LayerRow, _: str) -> None:
    """An example's output does not depend on the others in the batch."""
    module = built(row)
    inputs, options = batch(row, 3)
    y, _ = run(module, inputs, options, False)
    for i in range(3):
        one = tuple(a[i : i + 1] for a in inputs)
        chosen = {
            k: o[i : i + 1] if isinstance(o, np.ndarray) and len(o) == 3 else o
            for k, o in options.items()
        }
        single, _ = run(module, one, chosen, False)
        expected = tuple(p[i : i + 1] for p in y) if isinstance(y, tuple) else y[i : i + 1]
        same(expected, single, rtol=1e-12, at=f"example {i} alone")


def wrong_width(row: LayerRow, _: str) -> None:
    """Input of a wrong width is refused, naming the layer and both widths."""
    assert row.wrong is not None
    module, bad = built(row), row.wrong()
    error = refused(lambda: module.forward(*bad), ValueError, what="input of a wrong width")
    names = {type(m).__name__ for _, m in modules(module)}
    if not any(name in str(error) for name in names):
        raise AssertionError(f"the message names no layer of {sorted(names)}: {str(error)!r}")
    if row.wrong_match not in str(error):
        raise AssertionError(f"the message lacks {row.wrong_match!r}: {str(error)!r}")


# ------------------------------------------------------------------ calls


def call_equals_forward(row: LayerRow, _: str) -> None:
    """module(x) is the output of forward(x) without a cache."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    expected, _ = module.forward(*inputs, **options)
    same(expected, module(*inputs, **options), at="module(x) and forward(x)[0]")


def before_init(row: LayerRow, _: str) -> None:
    """A module without parameters says so and names init; one that needs none works."""
    module = row.make()
    inputs, options = batch(row, max(row.batches))
    if any(True for _ in built(row).params) or list(parameters(built(row))):
        refused(lambda: module.forward(*inputs, **options), ValueError, "init", what="before init")


def options_reach_children(row: LayerRow, _: str) -> None:
    """A composite hands training and rng on to every module below that it calls."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    rng = np.random.default_rng(0)
    seen: list[tuple[str, Any, Any]] = []
    called: set[int] = set()

    def watch(m: Any, path: str) -> Callable[..., Any]:
        original = m.forward

        def forward(*x: Any, training: bool = False, rng: Any = None, **rest: Any) -> Any:
            called.add(id(m))
            seen.append((f"{type(m).__name__} {path}", training, rng))
            return original(*x, training=training, rng=rng, **rest)

        return forward

    below = [(path, m) for path, m in modules(module) if m is not module]
    with _methods(below, "forward", watch):
        module.forward(*inputs, training=True, rng=rng, **options)
    for name, training, generator in seen:
        if training is not True:
            raise AssertionError(f"{name} was called without training=True")
        if generator is not rng:
            raise AssertionError(f"{name} was called without the rng")
    if dead := [f"{type(m).__name__} {p}" for p, m in below if id(m) not in called and m.params]:
        raise AssertionError(f"never called: {dead}")


@contextmanager
def _methods(
    chosen: list[tuple[str, Any]], name: str, make: Callable[[Any, str], Callable[..., Any]]
) -> Iterator[None]:
    for path, m in chosen:
        setattr(m, name, make(m, path))
    try:
        yield
    finally:
        for _, m in chosen:
            vars(m).pop(name, None)


def training_is_repeatable(row: LayerRow, _: str) -> None:
    """The same generator state gives the same training pass; nothing global is read or written."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    with quiet(), pristine():
        first, _ = run(module, inputs, options, True)
        again, _ = run(module, inputs, options, True)
    same(first, again, at="a second training pass")
    same(dict(state_of(built(row))), dict(state_of(built(row))), at="a second init")


def state_of(module: Any) -> Iterator[tuple[str, Any]]:
    """(path, copy) of parameters and buffers."""
    for path, m in modules(module):
        for name in (*m.params, *m.buffers):
            yield f"{path}.{name}", copy.copy(getattr(m, name))


def inference_writes_nothing(row: LayerRow, _: str) -> None:
    """An inference pass leaves parameters and buffers alone."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    before = dict(state_of(module))
    module.forward(*inputs, **options)
    module(*inputs, **options)
    same(before, dict(state_of(module)), at="after inference")


def layer_copies(row: LayerRow, kind: str) -> None:
    """A pickled or deep-copied module gives the same, and is independent."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    expected, _ = run(module, inputs, options, False)
    twin = pickle.loads(pickle.dumps(module)) if kind == "pickle" else copy.deepcopy(module)
    same(expected, run(twin, inputs, options, False)[0], at=kind)
    for _, _, array in parameters(twin):
        array += 1.0
    same(expected, run(module, inputs, options, False)[0], at="after the copy was changed")
    y, cache = run(twin, inputs, options, row.training[-1])
    twin.backward(cotangent(np.random.default_rng(0), y), cache)  # gradients are in place again


def layer_raises_no_float_error(row: LayerRow, _: str) -> None:
    """Both passes are well under errstate raise."""
    module = built(row)
    for n in row.batches:
        inputs, options = batch(row, n)
        for training in row.training:
            with strict():
                y, cache = run(module, inputs, options, training)
                module.backward(cotangent(np.random.default_rng(0), y), cache)


def cache_is_refused(row: LayerRow, _: str) -> None:
    """Backward with something that is no cache of this layer is an error, not a wrong number."""
    module = built(row)
    inputs, options = batch(row, max(row.batches))
    y, _ = run(module, inputs, options, False)
    v = cotangent(np.random.default_rng(0), y)
    refused(lambda: module.backward(v, object()), (ValueError, TypeError), what="a foreign cache")


# ------------------------------------------------------------------ which cases apply


def _learns(row: LayerRow) -> tuple[str, ...]:
    return ("",) if list(parameters(built(row))) else ()


def _takes_floats(row: LayerRow) -> tuple[str, ...]:
    first = row.inputs(np.random.default_rng(0), 1)[0]
    return _learns(row) if np.asarray(first).dtype.kind == "f" else ()


def _composite(row: LayerRow) -> tuple[str, ...]:
    return ("",) if len(list(modules(built(row)))) > 1 else ()


CHECKS = (
    Check("dtype", 3, LayerRow, layer_dtype, lambda row: ("float32", "float64")),
    Check("wider_input", 3, LayerRow, wider_input_is_refused, _takes_floats),
    Check("memory", 1, LayerRow, layer_memory, lambda row: LAYOUTS),
    Check("batch_equals_rows", 11, LayerRow, layer_batch_equals_rows, lambda r: ("",) * r.rowwise),
    Check("wrong_width", 7, LayerRow, wrong_width, lambda row: ("",) if row.wrong else ()),
    Check("call_equals_forward", 16, LayerRow, call_equals_forward, always),
    Check("not_built", 7, LayerRow, before_init, _learns),
    Check("options_reach_children", 16, LayerRow, options_reach_children, _composite),
    Check("training_repeatable", 9, LayerRow, training_is_repeatable, always),
    Check("inference_writes_nothing", 4, LayerRow, inference_writes_nothing, always),
    Check("copies", 11, LayerRow, layer_copies, lambda row: ("pickle", "deepcopy")),
    Check("float_errors", 13, LayerRow, layer_raises_no_float_error, always),
    Check("foreign_cache", 7, LayerRow, cache_is_refused, always),
)
