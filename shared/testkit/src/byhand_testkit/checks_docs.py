# SPDX-License-Identifier: BSD-3-Clause
# ruff: noqa: D401  docstrings of checks are claims, and their lambdas run at once
"""Docstrings: there, complete, with an example, and their defaults are those of the signature."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any, NamedTuple

from .check import Check
from .rows import ExemptRow, Row

__all__ = ["CHECKS", "documented_parameters", "sections"]

HEADINGS = (
    "Parameters|Other Parameters|Attributes|Methods|Returns|Yields|Raises|Warns|Warnings|Notes"
    "|See Also|References|Examples"
)


class Documented(NamedTuple):
    """A parameter as the docstring has it."""

    kind: str  # what follows the colon
    default: str | None  # what follows "default"
    optional: bool


def sections(doc: str) -> dict[str, str]:
    """Split a numpydoc docstring into its sections; the text before them is under ""."""
    parts = re.split(rf"^({HEADINGS})\n-{{3,}}\n", inspect.cleandoc(doc) + "\n", flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_parameters(doc: str) -> dict[str, Documented]:
    """Parameters of a docstring by name; ``a, b : type`` counts for both."""
    found = {}
    split = sections(doc)
    for text in (split.get("Parameters", ""), split.get("Other Parameters", "")):
        for match in re.finditer(
            r"^(\*{0,2}\w[\w, *]*?) ?: ?(.*(?:\n(?=\S)[^:\n]*$)?)", text, re.MULTILINE
        ):
            kind = match[2]
            default = re.search(r"\bdefault[:= ]+(?:is )?(.+?)\s*$", kind)
            optional = bool(re.search(r"\boptional\b", kind))
            for name in match[1].split(","):
                found[name.strip().lstrip("*")] = Documented(kind, default and default[1], optional)
    return found


def _signature(obj: Any) -> list[inspect.Parameter]:
    target = getattr(obj, "__init__") if isinstance(obj, type) else obj  # noqa: B009
    if target is object.__init__:
        return []
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.name not in ("self", "cls")]


def has_summary(row: Row, _: str) -> None:
    """Every public name and public method has a docstring that begins with a sentence."""
    for obj in row.public:
        doc = inspect.getdoc(obj) if not _only_inherited(obj) else None
        if not doc or not doc.strip():
            raise AssertionError(f"{_name(obj)} has no docstring")
        first = doc.strip().split("\n\n")[0]
        if not first.rstrip().endswith((".", "?", "!", ":", ";")):
            raise AssertionError(f"{_name(obj)}: the docstring does not begin with a sentence")
        for name, member in vars(obj).items() if isinstance(obj, type) else ():
            public = inspect.isfunction(member) and not name.startswith("_")
            if public and not (inspect.getdoc(getattr(obj, name)) or "").strip():
                raise AssertionError(f"{_name(obj)}.{name} has no docstring")


def _only_inherited(obj: Any) -> bool:
    return isinstance(obj, type) and not obj.__dict__.get("__doc__")


def _name(obj: Any) -> str:
    return str(getattr(obj, "__name__", repr(obj)))


def has_example(row: Row, _: str) -> None:
    """The docstring holds an example, for doctest to run."""
    obj = row.public[0]
    if ">>>" not in sections(inspect.getdoc(obj) or "").get("Examples", ""):
        raise AssertionError(f"{_name(obj)} has no Examples section with >>>")


def parameters_are_documented(row: Row, _: str) -> None:
    """Every parameter is documented, and nothing that is none."""
    obj = row.public[0]
    documented = documented_parameters(inspect.getdoc(obj) or "")
    signature = {p.name for p in _signature(obj)}
    if missing := sorted(signature - set(documented)):
        raise AssertionError(f"{_name(obj)}: undocumented parameters {missing}")
    if unknown := sorted(set(documented) - signature):
        raise AssertionError(f"{_name(obj)}: documented, but no parameters: {unknown}")


def defaults_are_documented(row: Row, _: str) -> None:
    """Defaults in the text equal the signature, in the class and its methods too."""
    for obj in row.public:
        _compare_defaults(obj, _name(obj), obj)
        if isinstance(obj, type):
            for name, member in vars(obj).items():
                if inspect.isfunction(member) and not name.startswith("_"):
                    _compare_defaults(member, f"{_name(obj)}.{name}", member)


def _compare_defaults(obj: Any, name: str, documented_by: Any) -> None:
    documented = documented_parameters(inspect.getdoc(documented_by) or "")
    for p in _signature(obj):
        if p.name not in documented or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        said = documented[p.name]
        if p.default is p.empty:
            if said.default is not None or said.optional:
                raise AssertionError(f"{name}: {p.name} has no default, but the text says so")
        elif said.default is None:
            if p.default is not None or not said.optional:
                raise AssertionError(
                    f"{name}: the text does not say that {p.name} has default {p.default!r}"
                )
        elif not _means(said.default, p.default):
            raise AssertionError(
                f"{name}: {p.name} has default {p.default!r}, the text says {said.default!r}"
            )


def _means(text: str, value: Any) -> bool:
    text = text.strip().rstrip(".").strip("`")
    try:
        said = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        names = {repr(value), str(value), getattr(value, "__name__", "")}
        names |= {n.rsplit(".", 1)[-1] for n in names}
        return text in names or text.removeprefix("np.") in names
    if isinstance(said, float | int) and not isinstance(value, str | bytes):
        return bool(said == value) and isinstance(said, bool) == isinstance(value, bool)
    return type(said) is type(value) and bool(said == value)


def _documented(row: Row) -> tuple[str, ...]:
    return () if isinstance(row, ExemptRow) else ("",)


CHECKS = (
    Check("summary", 0, Row, has_summary, lambda row: ("",)),
    Check("example", 0, Row, has_example, _documented),
    Check("parameters_documented", 0, Row, parameters_are_documented, _documented),
    Check("defaults_documented", 0, Row, defaults_are_documented, lambda row: ("",)),
)
