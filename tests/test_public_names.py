# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented, with an example, and stands in the README's table."""

from __future__ import annotations

import ast
import doctest
import enum
import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
NAMES = [
    (package, name)
    for package in PACKAGES
    for name in importlib.import_module(f"byhand.{package}").__all__
    if not name.startswith("__")
]


def public(package: str, name: str) -> Any:
    return getattr(importlib.import_module(f"byhand.{package}"), name)


def needs_example(name: str, thing: Any) -> bool:
    """Results, errors, mixins and gradients (shown with their forward) need none."""
    if inspect.isclass(thing):
        result = issubclass(thing, BaseException | tuple | enum.Enum) or is_dataclass(thing)
        return not result and not name.endswith("Mixin")
    return callable(thing) and not name.endswith("_grad")


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[".".join(pair) for pair in NAMES])
def test_a_public_name_is_documented_with_an_example(package: str, name: str) -> None:
    thing = public(package, name)
    text = inspect.getdoc(thing) or ""
    assert text, "no docstring"
    if inspect.isclass(thing):
        assert "__doc__" in vars(thing), "its docstring is that of its base"
    if needs_example(name, thing):
        assert doctest.DocTestParser().get_examples(text), "no example"


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[".".join(pair) for pair in NAMES])
def test_a_documented_default_is_the_one_of_the_signature(package: str, name: str) -> None:
    thing = public(package, name)
    try:
        parameters = inspect.signature(thing).parameters
    except ValueError:
        return  # a builtin class, such as a NamedTuple's base
    text = inspect.getdoc(thing) or ""
    for names, default in re.findall(r"^(\w[\w, ]*) : .*default (\S+?)\.?$", text, re.MULTILINE):
        for parameter in names.split(", "):
            if parameter in parameters:
                actual = parameters[parameter].default
                assert is_written(actual, default), f"{parameter}: {default}, is {actual!r}"


def is_written(actual: object, text: str) -> bool:
    """Whether a documented default, such as 1e-3 or "full", is this value."""
    try:
        return bool(ast.literal_eval(text) == actual)
    except (ValueError, SyntaxError):
        return text.removeprefix("np.") in (str(actual), getattr(actual, "__name__", ""))


def test_the_tables_of_algorithms_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "shared/docs/generate.py"), "--check"]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
