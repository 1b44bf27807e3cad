# SPDX-License-Identifier: BSD-3-Clause
"""Order: what a vendored file is about stands first, what it builds on below.

Source:  the newspaper's order of Martin, Clean Code (2008), chapter 5.
Differs: what runs when the file is imported (bases, decorators, defaults, constants) needs its
         names above; functions find theirs when they are called, so that the modules of most files
         stand in the reverse order of their imports.
Cost:    under a millisecond a definition.
Checked: every vendored file imports, and begins with its own module unless that has bases.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from .sources import Definition, load_module

__all__ = ["reading_order"]

Uses = Callable[[Definition], Iterable[str]]


def reading_order(
    first: Iterable[str],
    bottom_up: list[str],
    definitions: Iterable[Definition],
    uses: Uses,
) -> list[str]:
    """Order the modules of a file for a reader.

    Parameters
    ----------
    first : iterable of str
        The modules that the file is about.
    bottom_up : list of str
        All modules, each after those that it imports.
    definitions : iterable of Definition
        All that the file holds.
    uses : callable
        Names that a definition takes from its module.

    Returns
    -------
    list of str

    Examples
    --------
    >>> reading_order(["byhand.b"], ["byhand.a", "byhand.b"], [], lambda definition: [])
    ['byhand.b', 'byhand.a']
    """
    above: dict[str, set[str]] = {module: set() for module in bottom_up}
    for definition in definitions:
        for expression, called in _run_at_import(definition.node):
            for name in _names(expression):
                above[definition.module] |= set(_modules_behind(definition, name, called, uses))
    done: list[str] = []

    def place(module: str, waiting: tuple[str, ...] = ()) -> None:
        if module in done or module in waiting:
            return
        for needed in sorted(above[module] & above.keys(), key=bottom_up.index):
            place(needed, (*waiting, module))
        done.append(module)

    for module in [*first, *reversed(bottom_up)]:
        place(module)
    return done


def _run_at_import(node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """Yield expressions that are evaluated when a statement runs, and whether they call."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            for decorator in getattr(node, "decorator_list", []):
                yield decorator, True
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    yield from _run_at_import(default)
        case ast.ClassDef():
            for decorator in node.decorator_list:
                yield decorator, True
            for part in [*node.bases, *node.keywords, *node.body]:
                yield from _run_at_import(part)
        case ast.AnnAssign():  # annotations are not evaluated
            if node.value is not None:
                yield from _run_at_import(node.value)
        case ast.Call():
            yield node, True
        case ast.expr():
            yield node, any(isinstance(inner, ast.Call) for inner in ast.walk(node))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _run_at_import(child)


def _names(expression: ast.expr) -> set[str]:
    names = (node for node in ast.walk(expression) if isinstance(node, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Load)}


def _modules_behind(by: Definition, name: str, called: bool, uses: Uses) -> set[str]:
    """Modules that must stand above for a name: where it is from, and all it uses if called."""
    found = _found(by.module, name)
    if found is None:
        return set()
    modules, waiting = {found.module}, [found] if called else []
    seen = {found.key}
    while waiting:
        definition = waiting.pop()
        for used in uses(definition):
            inner = _found(definition.module, used)
            if inner is not None and inner.key not in seen:
                seen.add(inner.key)
                modules.add(inner.module)
                waiting.append(inner)
    return modules - {by.module}


def _found(module: str, name: str) -> Definition | None:
    """Find the definition that a name of a module stands for."""
    there = load_module(module)
    if name in there.definitions:
        return there.definitions[name]
    source = there.imports.get(name)
    if source is None or not source.module.startswith("byhand.") or source.name is None:
        return None
    return load_module(source.module).definitions.get(source.name)
