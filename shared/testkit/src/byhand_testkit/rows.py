# SPDX-License-Identifier: BSD-3-Clause
"""Rows: what a package says about each of its public names, so that the checks can use it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from .datasets import Data, named_data
from .domains import Domain

__all__ = [
    "CallRow",
    "ClassRow",
    "Door",
    "EstimatorRow",
    "ExemptRow",
    "FunctionRow",
    "LayerRow",
    "Refusal",
    "Row",
    "fit",
    "learned",
]

OUTPUTS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score_samples",
)


class Door(NamedTuple):
    """A way for an array to come in, which must check what comes."""

    name: str  # of the argument, which messages must hold
    where: str  # "fit", "predict" or the function
    value: Any  # a valid one
    call: Callable[[Any], Any]  # with another value


@dataclass(frozen=True, eq=False, kw_only=True)
class Row:
    """What all rows have: a label where one name has several rows, and expected failures."""

    label: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)  # check: reason; the check must fail

    @property
    def public(self) -> tuple[Any, ...]:
        """The public objects that this row covers."""
        raise TypeError(f"{type(self).__name__} is not a kind of row")

    @property
    def name(self) -> str:
        """How tests and messages call it."""
        name: str = self.public[0].__name__
        return f"{name}, {self.label}" if self.label else name


@dataclass(frozen=True, eq=False)
class EstimatorRow(Row):
    """Anything with fit. See the README for the fields."""

    cls: type[Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    data: str | Callable[[], Data] = "blobs"
    domains: Mapping[str, Domain] = field(default_factory=dict)
    methods: tuple[str, ...] | None = None
    laws: tuple[str, ...] = ()
    history: str = ""
    objective: Callable[[Any, Data], float] | None = None
    dtype: str = "float64"
    ndim: tuple[int, ...] = (2,)
    rtol: float = 1e-12
    weight_rtol: float = 1e-7
    nan: str = "refused"
    rowwise: bool = True

    @property
    def public(self) -> tuple[Any, ...]:
        """The class."""
        return (self.cls,)

    def make(self, **changed: Any) -> Any:
        """Return a new, unfitted estimator."""
        return self.cls(**{**self.params, **changed})

    @cached_property
    def example(self) -> Data:
        """Valid input; copy before writing."""
        return named_data(self.data) if isinstance(self.data, str) else self.data()

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The methods whose results are compared."""
        if self.methods is not None:
            return self.methods
        model = self.make()
        return tuple(m for m in OUTPUTS if hasattr(model, m))

    def outputs_of(self, model: Any, data: Data) -> dict[str, Any]:
        """Return what the compared methods of a fitted model give for the data."""
        return {name: getattr(model, name)(data.X, **data.predict) for name in self.outputs}

    def outcome(self, data: Data, **changed: Any) -> dict[str, Any]:
        """Fit a new model and return all that it learned and gives."""
        model = fit(self.make(**changed), data)
        return {**learned(model), **self.outputs_of(model, data)}

    def arguments(self) -> dict[str, Any]:
        """Return X, and y if there is one; copy before writing."""
        y = self.example.y
        return {"X": self.example.X} if y is None else {"X": self.example.X, "y": y}

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Fit to arguments by name and return what is compared."""
        return self.outcome(self.example.but(**arguments))

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arguments that are arrays of numbers or of numbered labels."""
        return _arrays(self.arguments(), "biuf") if self.on_arrays else ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the arguments that hold numbers, not labels."""
        return ("X", *_arrays({"y": self.example.y}, "f")) if self.on_arrays else ()

    @property
    def takes_lists(self) -> bool:
        """Whether lists of numbers are arrays."""
        return self.on_arrays

    def doors(self) -> list[Door]:
        """Ways in: fit for each argument that holds numbers, and each method for X."""
        data, model = self.example, fit(self.make(), self.example)
        made = [
            Door(name, "fit", value, partial(self._fit_with, name))
            for name, value in self.arguments().items()
            if name in self.numbers
        ]
        for method in self.outputs:
            bound = getattr(model, method)
            made.append(Door("X", method, data.X, partial(bound, **data.predict)))
        return made

    def _fit_with(self, name: str, value: Any) -> Any:
        return fit(self.make(), self.example.but(**{name: value}))

    @cached_property
    def fit_parameters(self) -> tuple[str, ...]:
        """Names of the arguments of fit."""
        return tuple(inspect.signature(self.cls.fit).parameters)[1:]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the hyper-parameters."""
        if self.cls.__init__ is object.__init__:
            return ()
        parameters = list(inspect.signature(self.cls.__init__).parameters.values())[1:]
        stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return tuple(p.name for p in parameters if p.kind not in stars)

    @property
    def on_arrays(self) -> bool:
        """Whether X is an array of numbers."""
        X = self.example.X
        return isinstance(X, np.ndarray) and X.dtype.kind in "biuf"

    @property
    def on_floats(self) -> bool:
        """Whether X may be any real numbers (symbols and counts are integers)."""
        return self.on_arrays and self.example.X.dtype.kind == "f"

    @property
    def on_sequences(self) -> bool:
        """Whether rows depend on their neighbours."""
        return "lengths" in self.example.fit


@dataclass(frozen=True, eq=False)
class Refusal:
    """A wrong call: arguments, the exception, and what its message must say."""

    args: tuple[Any, ...]
    error: type[Exception]
    match: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class CallRow(Row):
    """Something that is called with arrays: what functions and plain classes have in common."""

    kwargs: Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]] = field(
        default_factory=dict
    )
    nan: str | tuple[str, ...] = "refused"
    lists: bool = True
    dtype: str = "float64"
    refuses: tuple[Refusal, ...] = ()
    rtol: float = 1e-12
    atol: float = 0.0

    @property
    def target(self) -> Callable[..., Any]:
        """What is called."""
        target: Callable[..., Any] = self.public[0]
        return target

    def arguments(self, seed: int = 0) -> dict[str, Any]:
        """Make valid arguments by name, anew each time; those after * are called *1, *2."""
        args = self.positional(np.random.default_rng(seed))
        if not isinstance(args, tuple):
            raise TypeError(f"{self.name}: make must return a tuple, got {type(args).__name__}")
        names = positional_names(self.target, len(args))
        return {**dict(zip(names, args, strict=True)), **self.keywords(seed)}

    def keywords(self, seed: int = 0) -> dict[str, Any]:
        """Make the keyword arguments, anew if kwargs is a function."""
        made = (
            self.kwargs(np.random.default_rng(seed + 1)) if callable(self.kwargs) else self.kwargs
        )
        return dict(made)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arguments that are arrays of numbers."""
        return _arrays(self.arguments(), "biufc")

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the arguments that are arrays of floats."""
        return _arrays(self.arguments(), "f")

    @property
    def takes_lists(self) -> bool:
        """Whether lists of numbers are arrays."""
        return self.lists

    def doors(self) -> list[Door]:
        """Ways in: each argument of the call that is an array of floats."""
        return [
            Door(name, self.name, self.arguments()[name], partial(self._call_with, name))
            for name in self.numbers
        ]

    def _call_with(self, name: str, value: Any) -> Any:
        return self.call(self.arguments() | {name: value})

    def positional(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Make positional arguments."""
        raise TypeError(f"{type(self).__name__} is not a kind of row")

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call with arguments by name and return what is compared."""
        return self.value(self.run(arguments))

    def run(self, arguments: Mapping[str, Any]) -> Any:
        """Call with arguments by name, the positional ones by position."""
        names = self.keywords()
        positional = [value for name, value in arguments.items() if name not in names]
        return self.target(*positional, **{n: v for n, v in arguments.items() if n in names})

    def value(self, result: Any) -> Any:
        """Return what is compared of a result."""
        return result


@dataclass(frozen=True, eq=False)
class FunctionRow(CallRow):
    """A function on arrays, or with grad the pair of a function and its gradient."""

    func: Callable[..., Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    grad: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.grad is not None:  # nn functions trust the layer for rank, dtype and values
            object.__setattr__(self, "lists", False)
            object.__setattr__(self, "nan", "passes" if self.nan == "refused" else self.nan)
            object.__setattr__(self, "dtype", "kept" if self.dtype == "float64" else self.dtype)

    @property
    def public(self) -> tuple[Any, ...]:
        """The function, and its gradient."""
        return (self.func,) if self.grad is None else (self.func, self.grad)

    def positional(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Make positional arguments."""
        return self.make(rng)

    def value(self, result: Any) -> Any:
        """Drop the cache of a pair."""
        return result[0] if self.grad is not None and isinstance(result, tuple) else result


@dataclass(frozen=True, eq=False)
class ClassRow(CallRow):
    """A class that is neither estimator nor layer; probe(instance) makes what is compared."""

    cls: type[Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    probe: Callable[[Any], Any]

    @property
    def public(self) -> tuple[Any, ...]:
        """The class."""
        return (self.cls,)

    def positional(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Make positional arguments."""
        return self.make(rng)

    def value(self, result: Any) -> Any:
        """Probe the instance."""
        return self.probe(result)


@dataclass(frozen=True, eq=False)
class LayerRow(Row):
    """An nn module; make() builds one without parameters, inputs(rng, n) a batch of n."""

    cls: type[Any]
    make: Callable[[], Any]
    inputs: Callable[[np.random.Generator, int], tuple[Any, ...]]
    options: Callable[[np.random.Generator, int], dict[str, Any]] | None = None
    training: tuple[bool, ...] = (False, True)
    batches: tuple[int, ...] = (0, 1, 2)
    rowwise: bool = True
    wrong: Callable[[], tuple[Any, ...]] | None = None
    wrong_match: str = ""
    rtol: float = 1e-6
    atol: float = 1e-7

    @property
    def public(self) -> tuple[Any, ...]:
        """The class."""
        return (self.cls,)


@dataclass(frozen=True, eq=False)
class ExemptRow(Row):
    """A public name that only the checks of documentation apply to."""

    obj: Any
    reason: str

    @property
    def public(self) -> tuple[Any, ...]:
        """The object."""
        return (self.obj,)


def fit(model: Any, data: Data, **more: Any) -> Any:
    """Fit a model to data."""
    keywords = {**data.fit, **more}
    target = () if data.y is None else (data.y,)
    return model.fit(data.X, *target, **keywords)


def learned(model: Any) -> dict[str, Any]:
    """Return what fit has set: attributes that end in one underscore and do not begin with one."""
    return {
        name: value
        for name, value in sorted(vars(model).items())
        if name.endswith("_") and not name.startswith("_")
    }


def _arrays(arguments: Mapping[str, Any], kinds: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, value in arguments.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in kinds
    )


def positional_names(function: Callable[..., Any], count: int) -> list[str]:
    """Names of the first arguments of a function, for messages."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"*{i}" for i in range(1, count + 1)])[:count]
