# SPDX-License-Identifier: BSD-3-Clause
"""Module, the base of every layer, and Network, the base of whatever has layers in it.

Source:  no paper; the contract of byhand's layers.
Differs: forward returns its cache instead of storing it, so one layer may serve two branches or
         two threads; training and rng are arguments of the call, not a mode of the object.
Cost:    a call adds about 0.3 us to the maths; a parameter is a view of one flat vector.
Checked: siamese and tied use against central differences; copies and pickles; four threads.
"""
# theta (P,) all that a network learns, in one vector    grad (P,) dL/dtheta
# cache: what forward leaves for backward    path: where a module sits, "encoder.0.attention"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

__all__ = ["Module", "Network"]

_Result = TypeVar("_Result")


class Module:
    """A function with parameters, and its gradient by hand.

    A layer sets `params`, `build`, `forward` and `backward`. `forward(x, *, training=False,
    rng=None)` returns the output and a cache; `backward(dy, cache, need_dx=True)` returns dL/dx
    and adds the gradients of the parameters to `grads`.

    Examples
    --------
    >>> import numpy as np
    >>> class Double(Module):
    ...     def forward(self, x, *, training=False, rng=None):
    ...         return 2 * x, None
    ...     def backward(self, dy, cache, need_dx=True):
    ...         return 2 * dy
    >>> Double()(np.ones(2))
    array([2., 2.])
    """

    forward: Callable[..., Any]  # (x, ..., *, training=False, rng=None) -> y, cache
    backward: Callable[..., Any]  # (dy, cache, need_dx=True) -> dx; accumulates
    build: Callable[..., None]  # (rng, dtype, x, ...): sets params and buffers
    params: tuple[str, ...] = ()  # learned, in the order of accumulate
    buffers: tuple[str, ...] = ()  # saved, not learned
    name = ""  # path from the root, for messages
    frozen = False
    grads: Any = None  # {parameter: its gradient}, {} if frozen
    _start: Any = None  # (rng, dtype) until built

    def __call__(self, *x: Any, **options: Any) -> Any:
        """Inference: the output alone, no cache is kept."""
        return self.forward(*x, **options)[0]

    def init(self, *x: Any, rng: Any, dtype: Any = None, **options: Any) -> Any:
        """Build by one forward pass over example input (no row is needed); returns self."""
        x = tuple(np.asarray(a) for a in x)
        floats = (a.dtype for a in x if a.dtype.kind == "f")
        dtype = np.dtype(dtype or next(floats, np.float32))
        x = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in x)
        rng = np.random.default_rng(rng)
        for path, m in self.walk():
            m.name, m._start = path, (rng, dtype)
        self.forward(*x, rng=rng, **options)
        return self.flatten()

    def build_now(self, *x: Any) -> None:
        """Build; forward calls it where the parameters are missing."""
        if self._start is None:
            raise self.error("no parameters yet: call init(x, rng=0) first")
        if any(np.ndim(a) == 0 for a in x):
            raise self.error("input must be an array with at least one axis, got a number")
        self.build(*self._start, *x)

    def accumulate(self, *grads: Any) -> None:
        """Add the gradients of params, in that order."""
        if self.grads is None:
            live = () if self.frozen else self.params
            self.grads = {p: np.zeros_like(getattr(self, p)) for p in live}
        for total, g in zip(self.grads.values(), grads, strict=False):
            total += g

    def walk(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) from here down, parents first, each once."""
        yield path, self

    def flatten(self) -> Any:
        """Gather the parameters; a single layer has nothing to gather."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave gradients out of copies and pickles."""
        return {**vars(self), "grads": None}

    def error(self, message: str, kind: type[Exception] = ValueError) -> Exception:
        """Error that names the layer and its path."""
        name = f"{type(self).__name__} {self.name}".strip()
        return kind(f"{name}: {message}")

    def call(self, function: Callable[..., _Result], *args: Any, **options: Any) -> _Result:
        """Call a function of arrays; what it finds wrong is told with the name of the layer."""
        try:
            return function(*args, **options)
        except (TypeError, ValueError) as fault:
            kind = TypeError if isinstance(fault, TypeError) else ValueError
            raise self.error(str(fault), kind) from None

    def count(self, name: str, value: Any) -> int:
        """Return an option that must be an int >= 1."""
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise self.error(f"{name} must be an int >= 1, got {value!r}")
        return int(value)

    def accept(self, x: Any, shape: tuple[int | str, ...], like: Any = None) -> Any:
        """Return x as an array of floats, if its axes fit `shape` (a str fits any size).

        A leading "..." allows any leading axes. The dtype becomes that of the parameter `like`,
        but a wider float is refused: nothing is rounded silently.
        """
        x = np.asarray(x)
        tail = shape[1:] if shape[0] == "..." else shape
        sizes = zip(reversed(tail), reversed(x.shape), strict=False)
        if (
            x.ndim < len(tail)
            or (tail is shape and x.ndim > len(tail))
            or any(n != size and not isinstance(n, str) for n, size in sizes)
        ):
            raise self.error(f"input must have shape ({', '.join(map(str, shape))}), got {x.shape}")
        kind = x.dtype.kind
        dtype = like.dtype if like is not None else x.dtype if kind == "f" else np.dtype(float)
        if kind not in "biuf" or (kind == "f" and x.itemsize > dtype.itemsize):
            raise self.error(f"input has dtype {x.dtype}, which is not safe as {dtype}: convert it")
        return x if x.dtype is dtype else x.astype(dtype.newbyteorder("="), copy=False)

    def own(self, cache: Any, kind: type) -> Any:
        """Return the cache, if it is what forward of this kind of layer returns."""
        if not isinstance(cache, kind):
            raise self.error(f"backward needs the cache of forward, got {type(cache).__name__}")
        return cache


class Network(Module):
    """A module made of modules: attributes or lists of them, set in __init__.

    The tree is fixed in `__init__`; sizes and arrays come with `init`, which also moves every
    parameter into the vector `theta` and every gradient into `grad`, of which layers hold views.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense
    >>> class Residual(Network):
    ...     def __init__(self, body):
    ...         self.body = body
    ...     def forward(self, x, *, training=False, rng=None):
    ...         y, cache = self.body.forward(x, training=training, rng=rng)
    ...         return x + y, cache
    ...     def backward(self, dy, cache, need_dx=True):
    ...         return dy + self.body.backward(dy, cache)
    >>> net = Residual(Dense(4)).init(np.zeros((1, 4)), rng=0)
    >>> net.theta.size, [path for path, _ in net.walk()]
    (20, ['', 'body'])
    """

    theta: Any = None  # every parameter below is a view of it
    grad: Any = None  # the same of gradients; both are parts of the parent's

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly below, in order of assignment."""
        for key, value in vars(self).items():
            if isinstance(value, Module):
                yield key, value
            elif isinstance(value, list):
                yield from ((f"{key}.{i}", m) for i, m in enumerate(value) if isinstance(m, Module))

    def walk(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) from here down, parents first, each once."""
        seen = {id(self)}
        yield path, self
        for key, child in self.children():
            for below, m in child.walk(f"{path}.{key}" if path else key):
                if id(m) not in seen:
                    seen.add(id(m))
                    yield below, m

    def flatten(self) -> Any:
        """Move all parameters that are not frozen into one new vector, in the order of walk."""
        live = [(m, p) for _, m in self.walk() if not m.frozen for p in m.params]
        for m, p in live:
            if getattr(m, p, None) is None:
                raise m.error(f"no {p} yet: the forward pass of init did not come here")
        arrays = [getattr(m, p) for m, p in live]
        theta = np.concatenate([a.ravel() for a in arrays]) if live else np.empty(0)
        grad, end = np.zeros_like(theta), 0
        span: dict[Module, list[int]] = {}
        for _, m in self.walk():
            m.grads, m._start, span[m] = {}, None, [end, end]
            for p in () if m.frozen else m.params:
                shape, here = getattr(m, p).shape, slice(end, end := end + getattr(m, p).size)
                setattr(m, p, theta[here].reshape(shape))
                m.grads[p] = grad[here].reshape(shape)
            span[m][1] = end
        for _, m in reversed(list(self.walk())):  # children before parents
            if isinstance(m, Network):
                span[m][1] = max([span[m][1]] + [span[c][1] for _, c in m.children()])
                m.theta, m.grad = theta[slice(*span[m])], grad[slice(*span[m])]
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Hold each number once in a copy or pickle."""
        flat = self.theta is not None
        return {**super().__getstate__(), "theta": None, "grad": None, "flat": flat}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Flatten again, as the original was."""
        flat = state.pop("flat")
        vars(self).update(state)
        if flat:
            self.flatten()
