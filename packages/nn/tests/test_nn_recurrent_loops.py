# SPDX-License-Identifier: BSD-3-Clause
"""The loops over time of rnn, lstm and gru allocate nothing: each line writes into what stands."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest


def loops(kind: str) -> Iterator[ast.For]:
    """The loops over steps, in the file of one layer."""
    tree = ast.parse(Path(str(sys.modules[f"byhand.nn.{kind}"].__file__)).read_text("utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name.startswith(f"_{kind}_block"):
            yield from (node for node in ast.walk(function) if isinstance(node, ast.For))


def lines(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, with those of both branches in place of a choice."""
    for line in body:
        yield from lines(line.body + line.orelse) if isinstance(line, ast.If) else [line]


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_every_line_of_a_loop_over_steps_writes_into_memory_that_stands(kind: str) -> None:
    import byhand.nn  # noqa: F401

    found = list(loops(kind))
    assert len(found) == 2  # forward and backward
    for line in (line for loop in found for line in lines(loop.body)):
        assert isinstance(line, ast.Expr), ast.unparse(line)
        assert isinstance(line.value, ast.Call), ast.unparse(line)
        ufunc = getattr(np, ast.unparse(line.value.func).removeprefix("np."))
        out = len(line.value.args) == ufunc.nin + 1
        assert out or any(word.arg == "out" for word in line.value.keywords), ast.unparse(line)
        assert all(isinstance(a, ast.Name) for a in line.value.args), ast.unparse(line)  # no views
