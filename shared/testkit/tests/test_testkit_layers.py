# SPDX-License-Identifier: BSD-3-Clause
"""Each check of layers fails for the broken layer made for it, and for no good one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from byhand.nn.module import Module, Network
from byhand_testkit import LayerRow, failures

shared = {"number": 0}


class Square(Module):
    """Multiply by a matrix and square.

    Parameters
    ----------
    units : int
        Width of the output.

    Examples
    --------
    >>> Square(2).init(np.zeros((1, 3)), rng=0)(np.zeros((1, 3))).shape
    (1, 2)
    """

    params: tuple[str, ...] = ("W", "b")
    buffers: tuple[str, ...] = ("seen",)
    W: Any = None
    b: Any = None
    seen: Any = None

    def __init__(self, units: int) -> None:
        self.units = units

    def build(self, rng: Any, dtype: Any, x: Any) -> None:
        """Draw W."""
        self.W = rng.uniform(-0.5, 0.5, (x.shape[-1], self.units)).astype(dtype)
        self.b = np.zeros(self.units, dtype)
        self.seen = np.zeros(1)

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        """Return (x W + b)^2 and a cache."""
        if self.W is None:
            self.build_now(x)
        if x.shape[-1] != len(self.W):
            raise self.error(f"input must have width {len(self.W)}, got {x.shape[-1]}")
        if x.dtype.itemsize > self.W.itemsize:
            raise self.error(f"input is {x.dtype}, parameters are {self.W.dtype}")
        if training:
            self.seen = self.seen + len(x)
        a = x @ self.W + self.b
        return a * a, (x, a)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add gradients, return dx."""
        if not isinstance(cache, tuple):
            raise self.error("backward needs the cache of forward")
        x, a = cache
        da = 2 * dy * a
        self.accumulate(x.T @ da, da.sum(axis=0))
        return da @ self.W.T


class Noise(Module):
    """Zero out at random in training.

    Examples
    --------
    >>> Noise()(np.ones((1, 2)))
    array([[1., 1.]])
    """

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        """Return x, masked in training."""
        mask = (rng.random(x.shape) < 0.5).astype(x.dtype) if training else np.ones_like(x)
        return x * mask, (mask,)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx."""
        if not isinstance(cache, tuple):
            raise self.error("backward needs the cache of forward")
        return dy * cache[0]


class Stack(Network):
    """A square and noise around a skip.

    Examples
    --------
    >>> Stack().init(np.zeros((1, 3)), rng=0).theta.size
    12
    """

    def __init__(self) -> None:
        self.square, self.noise = Square(3), Noise()

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        """Run both."""
        h, first = self.square.forward(x, training=training, rng=rng)
        y, second = self.noise.forward(h, training=training, rng=rng)
        return x + y, (first, second)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Go back through both."""
        if not isinstance(cache, tuple):
            raise self.error("backward needs the cache of forward")
        return dy + self.square.backward(self.noise.backward(dy, cache[1]), cache[0])


# ------------------------------------------------------------------ broken ones


class WrongInTheBias(Square):
    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        dx = super().backward(dy, cache, need_dx)
        _, a = cache
        self.accumulate(np.zeros_like(self.W), 0.01 * (dy * a).sum(axis=0))
        return dx


class Overwrites(Square):
    def accumulate(self, *grads: Any) -> None:
        if self.grads is None:
            self.grads = {p: np.zeros_like(getattr(self, p)) for p in self.params}
        for total, g in zip(self.grads.values(), grads, strict=True):
            total[...] = g


class ForgetsGradientsWithoutDx(Square):
    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        return super().backward(dy, cache) if need_dx else None


class SpendsItsCache(Square):
    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        dx = super().backward(dy, cache)
        cache[1][...] = 0
        return dx


class BroadcastsItsGradient(Square):
    params = ("W", "b", "c")
    c: Any = None

    def build(self, rng: Any, dtype: Any, x: Any) -> None:
        super().build(rng, dtype, x)
        self.c = np.zeros((1, self.units), dtype)

    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        y, cache = super().forward(x, training=training, rng=rng)
        return y + self.c, cache

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        if not isinstance(cache, tuple):
            raise self.error("backward needs the cache of forward")
        x, a = cache
        da = 2 * dy * a
        self.accumulate(x.T @ da, da.sum(axis=0), dy.sum(axis=0))  # (O,) for (1, O)
        return da @ self.W.T


class AlwaysFloat64(Square):
    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        return super().backward(dy, cache, need_dx).astype(np.float64)


class RoundsWiderInput(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        x = x if self.W is None else x.astype(self.W.dtype)
        return super().forward(x, training=training, rng=rng)


class DependsOnMemory(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        y, cache = super().forward(x, training=training, rng=rng)
        return (y if x.flags.c_contiguous else y + 1), cache


class WritesItsInput(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        result = super().forward(x.copy(), training=training, rng=rng)
        if x.flags.writeable and not x.flags.c_contiguous:
            x[...] = 0
        return result


class LooksAtTheWholeBatch(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        y, cache = super().forward(x, training=training, rng=rng)
        return (y * (1 + 1e-3 * (len(x) == 3)), cache) if not training else (y, cache)


class SaysNothingOfWidths(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        if self.W is not None and x.shape[-1] != len(self.W):
            raise ValueError("shapes not aligned")
        return super().forward(x, training=training, rng=rng)


class CallTrains(Square):
    def __call__(self, *x: Any, **options: Any) -> Any:
        return self.forward(*x, **options)[0] * 2


class BuildsItself(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        if self.W is None and self._start is None:
            return np.zeros((len(x), self.units)), None
        return super().forward(x, training=training, rng=rng)


class OwnGenerator(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        y, cache = super().forward(x, training=training, rng=rng)
        shared["number"] += 1
        return (y * (1 + 1e-13 * (shared["number"] % 5)) if training else y), cache


class CountsInInference(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        result = super().forward(x, training=training, rng=rng)
        self.seen = self.seen + 1
        return result


class SharesItsWeights(Square):
    def __deepcopy__(self, memo: Any) -> Any:
        twin = type(self)(self.units)
        vars(twin).update(vars(self), grads=None)
        return twin


class Underflows(Square):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        np.exp(np.float64(-800))
        return super().forward(x, training=training, rng=rng)


class TakesAnyCache(Square):
    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        return super().backward(dy, cache) if isinstance(cache, tuple) else dy


class KeepsTrainingToItself(Stack):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        h, first = self.square.forward(x, rng=rng)
        y, second = self.noise.forward(h, training=training, rng=rng)
        return x + y, (first, second)


class KeepsTheGeneratorToItself(Stack):
    def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, Any]:
        h, first = self.square.forward(x, training=training)
        y, second = self.noise.forward(h, training=training, rng=rng)
        return x + y, (first, second)


def row(cls: type[Any], **fields: Any) -> LayerRow:
    """Row of Square, Stack or a broken child."""
    parent = Stack if issubclass(cls, Stack) else Square
    cls.__doc__ = parent.__doc__
    for name in ("forward", "backward", "build"):
        if name in vars(cls):
            vars(cls)[name].__doc__ = getattr(parent, name).__doc__
    if parent is Square:
        settings: dict[str, Any] = {
            "wrong": lambda: (np.zeros((2, 5)),),
            "wrong_match": "width 3, got 5",
        }
        make = lambda: cls(2)  # noqa: E731
    else:
        settings, make = {}, cls
    return LayerRow(
        cls, make, lambda rng, n: (rng.standard_normal((n, 3)),), **{**settings, **fields}
    )


def failing(chosen: LayerRow) -> set[str]:
    """Names of the checks that fail."""
    return {check.partition("[")[0] for check in failures(chosen)}


BROKEN = [
    ("gradients", WrongInTheBias),
    ("accumulate", Overwrites),
    ("accumulate", ForgetsGradientsWithoutDx),
    ("accumulate", SpendsItsCache),
    ("gradient_shapes", BroadcastsItsGradient),
    ("dtype", AlwaysFloat64),
    ("wider_input", RoundsWiderInput),
    ("memory", DependsOnMemory),
    ("memory", WritesItsInput),
    ("batch_equals_rows", LooksAtTheWholeBatch),
    ("wrong_width", SaysNothingOfWidths),
    ("call_equals_forward", CallTrains),
    ("not_built", BuildsItself),
    ("options_reach_children", KeepsTrainingToItself),
    ("options_reach_children", KeepsTheGeneratorToItself),
    ("training_repeatable", OwnGenerator),
    ("inference_writes_nothing", CountsInInference),
    ("copies", SharesItsWeights),
    ("float_errors", Underflows),
    ("foreign_cache", TakesAnyCache),
]


@pytest.mark.parametrize("cls", [Square, Stack])
def test_a_good_layer_passes_every_check(cls: type[Any]) -> None:
    assert failing(row(cls)) == set()


@pytest.mark.parametrize(("check", "cls"), BROKEN)
def test_a_broken_layer_is_caught_by_its_check_alone(check: str, cls: type[Any]) -> None:
    assert failing(row(cls)) == {check}
