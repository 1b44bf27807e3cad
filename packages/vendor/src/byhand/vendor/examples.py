# SPDX-License-Identifier: BSD-3-Clause
"""Examples: what becomes of those in the docstrings of a vendored file.

Source:  the doctest module.
Differs: an example keeps no import of byhand; where it needs a name that the file does not
         hold, its whole section is left out, so that doctests of the file fail nowhere.
Cost:    under a millisecond a docstring.
Checked: the examples of every vendored file of every public name run there.
"""
# known: names that the examples find in the file, as its doctests see all of its globals

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import doctest

__all__ = ["lines_without_place"]


def lines_without_place(node: ast.stmt, lines: list[str], known: Collection[str]) -> set[int]:
    """Find the lines of a definition's docstrings that a vendored file does without.

    Parameters
    ----------
    node : ast.stmt
        A definition.
    lines : list of str
        Those of its whole module.
    known : collection of str
        All names of the vendored file.

    Returns
    -------
    set of int
        Numbers of lines, from 1.

    Examples
    --------
    >>> lines = ["def f():", "    'F.", "    Examples", "    >>> g(f)", "    '"]
    >>> text = chr(10).join(lines).replace("'", "\'\'\'")
    >>> lines_without_place(ast.parse(text).body[0], text.splitlines(), {"f"})
    {3, 4}
    """
    from doctest import DocTestParser  # here: a third of what importing this package takes

    dropped: set[int] = set()
    for docstring in _docstrings(node):
        first, last = docstring.lineno, docstring.end_lineno or docstring.lineno
        inside = lines[first - 1 : last]
        found = DocTestParser().get_examples("\n".join(inside) + "\n")
        if _needs_more(found, known):
            start = next((i for i, line in enumerate(inside) if line.strip() == "Examples"), None)
            start = found[0].lineno if start is None else start
            while not inside[start - 1].strip():
                start -= 1
            dropped.update(range(first + start, last))
        else:
            for example in found:
                if re.match(r"(from|import) byhand\b", example.source):
                    at = first + example.lineno
                    dropped.update(range(at, at + example.source.count("\n")))
    return dropped


def _docstrings(node: ast.stmt) -> Iterator[ast.expr]:
    """Yield the docstrings of a definition and of those inside it, if they hold an example."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(inner)
            if text and ">>>" in text and isinstance(inner.body[0], ast.Expr):
                yield inner.body[0].value


def _needs_more(found: list[doctest.Example], known: Collection[str]) -> bool:
    """Whether examples load a name that nothing there binds, or expect one of byhand's errors."""
    bound, loaded = {*known, *dir(builtins), "_", "__file__", "__name__"}, set()
    for example in found:
        for node in ast.walk(ast.parse(example.source)):
            match node:
                case ast.Name(ctx=ast.Load()):
                    loaded.add(node.id)
                case ast.Name():
                    bound.add(node.id)
                case ast.FunctionDef() | ast.ClassDef():
                    bound.add(node.name)
                case ast.arg():
                    bound.add(node.arg)
                case ast.ExceptHandler(name=str(name)):
                    bound.add(name)
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "byhand":
                    pass
                case ast.Import() | ast.ImportFrom():
                    bound.update((a.asname or a.name).split(".")[0] for a in node.names)
    return bool(loaded - bound) or any("byhand." in example.want for example in found)
