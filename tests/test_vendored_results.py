# SPDX-License-Identifier: BSD-3-Clause
"""Vendored, every public name gives the same bits as the installed one.

The rows of the conformance kit say how each name is called. They are loaded twice, as they are and
with what a vendored file holds in the place of what is installed, and every array, attribute and
message that comes out is compared byte for byte; so are the values of the examples in docstrings.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
import doctest
import functools
import hashlib
import importlib
import importlib.util
import inspect
import io
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.doctest import _get_checker, _get_number_flag

from byhand import nn
from byhand.utils import interop
from byhand.vendor import PublicName, public_names, render
from byhand.vendor.closure import closure_of
from byhand.vendor.sources import Definition, find_public_name
from byhand_testkit import CallRow, EstimatorRow, FunctionRow, LayerRow, Row, load_rows
from byhand_testkit.gradcheck import cotangent
from byhand_testkit.modules import batch, built, gradients, run
from byhand_testkit.rows import fit, learned

ROOT = Path(__file__).resolve().parents[1]
NAMES = public_names()
# Modules are made of modules of one file: what belongs together is vendored with --together.
TOGETHER = {
    "byhand.nn.Sequential": ["nn.Conv2D", "nn.Dense", "nn.Dropout", "nn.Flatten", "nn.ReLU"],
    "byhand.nn.Network": ["nn.Dense"],
}
# Names with neither a row nor an example.
CALLED_HERE: dict[str, Callable[[Any], Any]] = {
    "byhand.nn.dropout_grad": lambda grad: grad(
        np.arange(6.0), nn.dropout(np.ones(6), 0.5, rng=np.random.default_rng(0))[1]
    ),
}
# Methods that are ties to scikit-learn, which a vendored class does without; and fit, which ran.
TIES = [thing for thing in vars(interop).values() if isinstance(thing, type)]
LEFT_OUT = {"fit", *(name for tie in TIES for name in vars(tie))}
Swaps = dict[int, Any]  # id of an installed object: the vendored one


# ---- the same rows twice: byhand as it is, and byhand with vendored objects


class Swapped(types.ModuleType):
    """A module of byhand in which some names are vendored."""

    def __init__(self, real: types.ModuleType, swaps: Swaps) -> None:
        super().__init__(real.__name__)
        vars(self).update(_real=real, _swaps=swaps)

    def __getattr__(self, name: str) -> Any:
        value = getattr(vars(self)["_real"], name)
        if isinstance(value, types.ModuleType) and value.__name__.startswith("byhand."):
            return Swapped(value, vars(self)["_swaps"])
        return vars(self)["_swaps"].get(id(value), value)


@contextlib.contextmanager
def modules_kept() -> Iterator[dict[str, types.ModuleType]]:
    """Leave sys.modules as it was: what other tests pickle is found there."""
    before = {n: m for n, m in sys.modules.items() if n.startswith("byhand")}
    try:
        yield before
    finally:
        for name in [n for n in sys.modules if n.startswith("byhand_rows_")]:
            del sys.modules[name]
        sys.modules.update(before)


@contextlib.contextmanager
def byhand_with(swaps: Swaps) -> Iterator[None]:
    """Let imports of byhand give vendored objects where there are some."""
    for public in NAMES:  # so that none is imported for the first time by a stand-in
        importlib.import_module(public.module)
    with modules_kept() as before:
        for name, real in before.items():
            if name.split(".")[0] == "byhand":
                sys.modules[name] = Swapped(real, swaps)
        yield


def imported(path: Path) -> types.ModuleType:
    """Import a vendored file."""
    spec = importlib.util.spec_from_file_location(f"vendored_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses ask there
    spec.loader.exec_module(module)
    return module


def swaps_of(names: list[PublicName], module: types.ModuleType) -> Swaps:
    """Say which object of a vendored file stands for which installed one."""
    swaps = {}
    for name, home in closure_of([(p.module, p.name) for p in names]).names().items():
        real = getattr(importlib.import_module(home), name)
        if isinstance(real, type | types.FunctionType):
            swaps[id(real)] = getattr(module, name)
    return swaps


@functools.cache
def rows_of(package: str) -> list[Row]:
    with modules_kept():
        return load_rows(ROOT / "packages" / package / "tests" / "conformance.py")


# ---- what a row computes


def outcome(row: Row) -> Iterator[tuple[str, Any]]:
    """Everything that comes out of a row, with its place."""
    if isinstance(row, EstimatorRow):
        yield from of_estimator(row)
    elif isinstance(row, FunctionRow) and row.grad is not None:
        result = row.run(row.arguments())
        pair = isinstance(result, tuple) and len(result) == 2
        dy = cotangent(np.random.default_rng(0), result[0] if pair else result)
        rest = (result[1],) if pair else tuple(row.arguments().values())
        yield "value", result[0] if pair else result  # a cache may hold memory never written
        yield "gradient", row.grad(dy, *rest)
    elif isinstance(row, CallRow):
        made = row.run(row.arguments())
        yield "result", made
        yield "value", row.value(made)
    elif isinstance(row, LayerRow):
        yield from of_layer(row)
    for i, refusal in enumerate(getattr(row, "refuses", ())):
        yield f"refusal {i}", told(row.target, *refusal.args, **refusal.kwargs)  # type: ignore[attr-defined]


def of_estimator(row: EstimatorRow) -> Iterator[tuple[str, Any]]:
    """What fit learns, and what each public method that takes the data gives."""
    model = fit(row.make(), row.example)
    yield "learned", learned(model)
    yield "parameters", model.get_params()
    data: dict[str, Any] = {"X": row.example.X, "y": row.example.y, "random_state": 0}
    data = {name: value for name, value in data.items() if value is not None}
    for name, method in inspect.getmembers(row.cls, inspect.isfunction):
        parameters = inspect.signature(method).parameters.values()
        needed = {p.name for p in parameters if p.default is p.empty and p.kind == 1}
        if name[0] != "_" and name not in LEFT_OUT and needed - {"self"} <= set(data):
            given = {p.name: data[p.name] for p in parameters if p.name in data}
            more = row.example.predict if "X" in given else {}
            more = {
                key: value for key, value in more.items() if key in {p.name for p in parameters}
            }
            yield name, told(getattr(copy.deepcopy(model), name), **given, **more)


def of_layer(row: LayerRow) -> Iterator[tuple[str, Any]]:
    """Outputs, gradients and buffers, for each size of batch."""
    module = built(row)
    yield "parameters", vars(module)
    for n in row.batches:
        for training in row.training:
            inputs, options = batch(row, n)
            y, cache = run(module, inputs, options, training)
            dx = module.backward(cotangent(np.random.default_rng(0), y), cache)
            yield f"batch {n}, training {training}", (y, dx, gradients(module))


def told(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a call returns, all of a generator, or its error and message."""
    try:
        result = call(*args, **kwargs)
        return list(result) if isinstance(result, Iterator) else result
    except Exception as error:  # noqa: BLE001  whatever it raises, both sides must raise it
        return type(error).__name__, str(error)


# ---- what the examples of a docstring compute


def example_values(thing: Any, names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Run the examples of a docstring; give the value of each expression."""
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""):
        at = f">>> {example.source.strip()}"
        printed = io.StringIO()
        try:
            code = compile(example.source, "<example>", "eval", dont_inherit=True)
        except SyntaxError:
            code = compile(example.source, "<example>", "exec", dont_inherit=True)
        with contextlib.redirect_stdout(printed):
            value = told(eval, code, names) if example.exc_msg else eval(code, names)
        yield at, value
        yield f"{at} prints", printed.getvalue()


# ---- comparing


def leaves(value: Any, at: str, above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Take a value apart into places and bits."""
    kind = type(value).__name__
    if id(value) in above:
        yield at, "itself"
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
        yield f"{at}.shape", value.shape
        yield from leaves(value.ravel().tolist(), at, above)
    elif isinstance(value, np.ndarray | np.generic | float | complex):
        a = np.asarray(value)
        yield at, (kind, a.dtype.str, a.shape, a.tobytes())
    elif isinstance(value, str | bytes | int | type(None) | np.dtype):
        yield at, (kind, value)
    elif isinstance(value, type | types.FunctionType | types.MethodType | functools.partial):
        yield at, (kind, getattr(value, "__qualname__", ""))
    elif type(value).__module__.startswith("matplotlib"):
        yield at, (kind, picture(value))
    elif isinstance(value, np.random.Generator):
        yield at, repr(value.bit_generator.state)
    elif isinstance(value, Mapping):
        yield at, (kind, len(value))
        for key, part in value.items():
            yield from leaves(key, f"{at}, key", (*above, id(value)))
            yield from leaves(part, f"{at}[{key!r}]", (*above, id(value)))
    elif isinstance(value, set | frozenset):
        yield at, (kind, sorted(map(repr, value)))
    elif isinstance(value, list | tuple):
        yield at, (kind, len(value))
        for i, part in enumerate(value):
            yield from leaves(part, f"{at}[{i}]", (*above, id(value)))
    else:
        yield at, kind
        parts = vars(value) if hasattr(value, "__dict__") else {}
        slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
        parts = parts | {name: getattr(value, name) for name in slots if hasattr(value, name)}
        for name, part in parts.items():
            yield from leaves(part, f"{at}.{name}", (*above, id(value)))


def picture(drawn: Any) -> bytes:
    """Draw the figure that something of matplotlib belongs to; give a hash of its pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = getattr(drawn, "figure", None)
    if figure is None:
        return b""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return hashlib.sha256(canvas.buffer_rgba()).digest()


def recorded(places: Iterator[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Take all apart at once, before anything changes what was given."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        taken = [leaf for place, value in places for leaf in leaves(value, place)]
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")  # the next one draws on paper of its own
    return taken


def compare(installed: list[tuple[str, Any]], vendored: list[tuple[str, Any]]) -> int:
    """Count the compared places; fail at the first that differs."""
    for a, b in zip(installed, vendored, strict=False):
        if a != b:
            raise AssertionError(f"{a[0]}: {a[1]!s:.200} installed, {b[0]}: {b[1]!s:.200} vendored")
    assert len(installed) == len(vendored)
    return len(installed)


def code_of(tree: ast.stmt) -> str:
    """Spell a definition without its documentation and without ties to scikit-learn."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
        if isinstance(node, ast.ClassDef):
            node.bases = [b for b in node.bases if ast.unparse(b) not in vars(interop)]
    return ast.dump(tree)


@functools.cache
def installed_code_of(definition: Definition) -> str:
    return code_of(copy.deepcopy(definition.node))


# ---- the tests


def check_name(public: PublicName, path: Path) -> dict[str, int]:
    """Compare a vendored file with what is installed; count what was compared."""
    names = [public]
    if public.full in TOGETHER:
        names += [p for p in NAMES if p.full.removeprefix("byhand.") in TOGETHER[public.full]]
        path = path.parent.with_name(f"together_{path.name}")
        path.write_text(render([p.full for p in names]), encoding="utf-8")
    module = imported(path)
    swaps = swaps_of(names, module)
    real = getattr(importlib.import_module(public.module), public.name)
    counted = {"rows": 0, "examples": 0, "calls": 0, "code": 0}
    ours = rows_of(public.package)
    with byhand_with(swaps):
        theirs = load_rows(ROOT / "packages" / public.package / "tests" / "conformance.py")
    for a, b in zip(ours, theirs, strict=True):
        if any(thing is real for thing in a.public):
            assert a.name == b.name
            assert any(thing is getattr(module, public.name) for thing in b.public)
            counted["rows"] += compare(recorded(outcome(a)), recorded(outcome(b)))
    found = dict(vars(importlib.import_module(public.module)))
    other = {name: swaps.get(id(value), value) for name, value in found.items()}
    installed = recorded(example_values(real, found))
    with byhand_with(swaps):
        counted["examples"] = compare(installed, recorded(example_values(real, other)))
    if call := CALLED_HERE.get(public.full):
        both = [iter([("call", call(f))]) for f in (real, getattr(module, public.name))]
        counted["calls"] = compare(*map(recorded, both))
    counted["code"] = compare_code(names, path)
    assert counted["rows"] + counted["examples"] + counted["calls"] or is_never_called(real)
    return counted


def is_never_called(thing: Any) -> bool:
    """Errors, mixins and types of results: at work in the rows of others, here compared as code."""
    result = dataclasses.is_dataclass(thing) or issubclass(thing, BaseException | tuple)
    return result or thing.__name__.endswith("Mixin")


def compare_code(names: list[PublicName], path: Path) -> int:
    """Count the definitions of a file; fail at one that is not as it stands in its package."""
    needed = closure_of([(p.module, p.name) for p in names]).definitions.values()
    installed = sorted(map(installed_code_of, needed))
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kept = [n for n in body if not isinstance(n, ast.Expr | ast.Import | ast.ImportFrom)]
    vendored = sorted(map(code_of, kept[1:]))  # below __all__
    for a, b in zip(installed, vendored, strict=True):
        if a != b:
            raise AssertionError(f"{a:.300} installed, {b:.300} vendored")
    return len(vendored)


@pytest.mark.parametrize("public", NAMES, ids=lambda p: p.full.removeprefix("byhand."))
def test_a_vendored_name_gives_the_bits_of_the_installed_one(
    public: PublicName, vendored: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # examples may write files
    assert check_name(public, vendored[public.full])["code"] > 0


def test_the_examples_in_every_vendored_file_run_there(
    vendored: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``pytest --doctest-modules`` would: with the names of the file and no others."""
    monkeypatch.chdir(tmp_path)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | _get_number_flag()
    failed: list[str] = []
    seen = set()
    for path in vendored.values():
        module = imported(path)
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            if test.examples and test.docstring not in seen:
                seen.add(test.docstring)
                runner = doctest.DocTestRunner(_get_checker(), verbose=False, optionflags=options)
                runner.run(test, out=failed.append)
    assert not failed, "".join(failed)[:3000]
    assert len(seen) > 150


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        ("hmm.viterbi", "score.argmax(axis=0)", "score.argmin(axis=0)", "result"),
        ("hmm.forward", "rows[t - 1]", "rows[t - 2]", "result"),
        ("nn.Dense", "math.sqrt(6 /", "math.sqrt(7 /", "parameters"),
        ("gmm.KMeans", "n_iter_=result.n_iter", "n_iter_=1 + result.n_iter", "learned"),
        ("utils.check_scalar", "must be", "should be", "refusal"),
        ("utils.clone", "[clone(one) for", "[one for", "FunctionDef"),
        ("utils.NotFittedError", "ValueError", "KeyError", "ClassDef"),
    ],
)
def test_a_mistake_in_a_vendored_file_is_found(
    name: str, old: str, new: str, where: str, tmp_path: Path
) -> None:
    public, text, path = find_public_name(name), render([name]), tmp_path / "planted.py"
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(AssertionError, match=where):
        check_name(public, path)
