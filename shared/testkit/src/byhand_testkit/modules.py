# SPDX-License-Identifier: BSD-3-Clause
"""Build and run modules of byhand.nn by what they offer, without importing it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .rows import LayerRow

__all__ = ["batch", "built", "cast", "gradients", "modules", "parameters", "run", "zero_gradients"]


def built(row: LayerRow, dtype: Any = np.float64, seed: int = 0) -> Any:
    """Build the row's module with parameters of the dtype."""
    n = max(1, *row.batches)
    rng = np.random.default_rng(seed)
    inputs = row.inputs(rng, n)
    options = row.options(rng, n) if row.options else {}
    module = row.make()
    module.init(*inputs, rng=np.random.default_rng(seed), dtype=dtype, **options)
    for _, _, parameter in parameters(module):  # away from zero biases and unit gains
        parameter += 0.1 * rng.standard_normal(parameter.shape).astype(parameter.dtype)
    return module


def batch(row: LayerRow, n: int, dtype: Any = np.float64) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Make inputs of n examples, floats in the dtype, and options."""
    rng = np.random.default_rng(100 + n)
    inputs = tuple(
        a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in row.inputs(rng, n)
    )
    return inputs, row.options(rng, n) if row.options else {}


def modules(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield (path, module) from here down."""
    yield from module.walk() if hasattr(module, "walk") else [("", module)]


def parameters(module: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield (module, name, array) of everything learned."""
    for _, m in modules(module):
        for name in m.params:
            yield m, name, getattr(m, name)


def zero_gradients(module: Any) -> None:
    """Fill every gradient with zero."""
    for _, m in modules(module):
        for g in (m.grads or {}).values():
            g.fill(0)


def gradients(module: Any) -> dict[str, Any]:
    """Copy the gradients of all parameters, by path."""
    return {
        f"{path}.{name}": g.copy()
        for path, m in modules(module)
        for name, g in (m.grads or {}).items()
    }


def run(module: Any, inputs: tuple[Any, ...], options: dict[str, Any], training: bool) -> Any:
    """Forward with a generator of the same seed each time, buffers as they were before."""
    saved = [
        (m, name, copy.copy(getattr(m, name))) for _, m in modules(module) for name in m.buffers
    ]
    try:
        rng = np.random.default_rng(9)
        return module.forward(*inputs, training=training, rng=rng, **options)
    finally:
        for m, name, value in saved:
            setattr(m, name, value)


def cast(value: Any, dtype: Any) -> Any:
    """Convert an array, or each of a tuple."""
    if isinstance(value, tuple):
        return tuple(cast(part, dtype) for part in value)
    return np.asarray(value, dtype)
