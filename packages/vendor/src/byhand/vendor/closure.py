# SPDX-License-Identifier: BSD-3-Clause
"""Closure: the definitions that a name needs, and nothing else.

Source:  tree shaking as bundlers do it, at the level of top-level definitions.
Differs: follows what the compiled code loads as a global name, so that a local variable never
         pulls in a function of the same name; annotations are followed as well.
Cost:    a few milliseconds for each name.
Checked: every public name imports, passes ruff and gives the same results without byhand.
"""
# need: (module, name) whose definition must come along
# interop: byhand.utils.interop, scikit-learn's protocols, which a vendored file does without

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

from .order import reading_order
from .sources import Definition, Import, VendorError, load_module

__all__ = ["Closure", "closure_of"]

INTEROP = "byhand.utils.interop"


@dataclass
class Closure:
    """What a vendored file consists of."""

    definitions: dict[tuple[str, int], Definition] = field(default_factory=dict)
    imports: set[tuple[str, Import]] = field(default_factory=set)  # (local name, what it is)
    needs: dict[str, set[str]] = field(default_factory=dict)  # module: modules it builds on
    order: list[str] = field(default_factory=list)  # of the modules, for a reader

    def names(self) -> dict[str, str]:
        """Return each name that the definitions bind, with its module."""
        return {name: d.module for d in self.definitions.values() for name in d.names}


def closure_of(needs: list[tuple[str, str]]) -> Closure:
    """Collect all definitions that some names need.

    Parameters
    ----------
    needs : list of (module, name)
        Such as ``("byhand.hmm.viterbi", "viterbi")``.

    Returns
    -------
    Closure

    Raises
    ------
    VendorError
        If something is in the way: a clash of names between modules, an import that is renamed or
        of a whole module, a statement that runs at import and binds nothing.

    Examples
    --------
    >>> sorted(closure_of([("byhand.vendor.digest", "_spell")]).names())
    ['SILENT', '_docstring_words', '_spell']
    """
    made = Closure()
    waiting = list(dict.fromkeys(needs))
    while waiting:
        module, name = waiting.pop()
        definition = load_module(module).definitions.get(name)
        if definition is None:
            raise VendorError(
                f"{module} does not define {name}: import it from where it is defined"
            )
        if definition.key in made.definitions:
            continue
        _check_can_be_lifted(module)
        made.definitions[definition.key] = definition
        made.needs.setdefault(module, set())
        for used in _used_names(definition):
            waiting += _resolve(used, definition, made)
    made.order = reading_order(
        dict.fromkeys(module for module, _ in needs),
        _bottom_up(made),
        made.definitions.values(),
        _used_names,
    )
    _drop_repeats(made)
    _check_clashes(made)
    return made


def _bottom_up(closure: Closure) -> list[str]:
    """List the modules of a closure such that each comes after those it builds on."""
    done: list[str] = []

    def visit(module: str, above: tuple[str, ...]) -> None:
        if module in above:
            raise VendorError(f"modules import one another in a circle: {' > '.join(above)}")
        if module not in done:
            for needed in sorted(closure.needs[module]):
                visit(needed, (*above, module))
            done.append(module)

    for module in sorted(closure.needs):
        visit(module, ())
    return done


def _resolve(used: str, by: Definition, made: Closure) -> Iterator[tuple[str, str]]:
    """Where a used name leads: to more definitions of byhand, to an import, or nowhere."""
    module = load_module(by.module)
    if used in module.definitions:
        yield by.module, used
        return
    source = module.imports.get(used)
    if source is None or source.module == INTEROP:  # a builtin, or what a vendored file drops
        return
    if not source.module.startswith("byhand"):
        made.imports.add((used, source))
        return
    if source.name != used:
        raise VendorError(
            f"{by.module} imports {source.module} {source.name or ''} as {used}: import the name"
            " itself, unchanged"
        )
    made.needs[by.module].add(source.module)
    yield source.module, used


@functools.cache
def _used_names(definition: Definition) -> tuple[str, ...]:
    """Names that a definition takes from its module, annotations included."""
    compiled = compile(
        ast.Module([definition.node], []), definition.module, "exec", dont_inherit=True
    )
    used = dict.fromkeys(_loaded_globals(compiled))
    for node in ast.walk(definition.node):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                names = (n.id for n in ast.walk(annotation) if isinstance(n, ast.Name))
                used |= dict.fromkeys(names)
    return tuple(used)


def _loaded_globals(code: CodeType) -> Iterator[str]:
    """Names that compiled code, or code within it, looks up outside of its functions."""
    for step in dis.get_instructions(code):
        if step.opname.startswith("LOAD_") and step.opname.endswith(
            ("_NAME", "_GLOBAL", "GLOBALS")
        ):
            yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _loaded_globals(inner)


def _check_can_be_lifted(module: str) -> None:
    for name, definition in load_module(module).definitions.items():
        if name.startswith("<"):
            raise VendorError(
                f"{module} line {definition.node.lineno}: a statement that runs at import and binds"
                " no name cannot be lifted out"
            )


def _drop_repeats(made: Closure) -> None:
    """Keep one of several equal constants, such as ``Floats = NDArray[np.float64]``."""
    order = {module: place for place, module in enumerate(made.order)}
    seen: set[str] = set()
    for key, definition in sorted(made.definitions.items(), key=lambda item: order[item[0][0]]):
        if isinstance(definition.node, ast.Assign):
            text = ast.dump(definition.node)
            if text in seen:
                del made.definitions[key]
            seen.add(text)


def _check_clashes(made: Closure) -> None:
    homes: dict[str, str] = {}
    for definition in made.definitions.values():
        for name in definition.names:
            if homes.setdefault(name, definition.module) != definition.module:
                both = sorted((homes[name], definition.module))
                raise VendorError(f"{name} is defined in {both[0]} and in {both[1]}: rename one")
    imported: dict[str, Import] = {}
    for name, source in sorted(made.imports, key=str):
        if imported.setdefault(name, source) != source or name in homes:
            raise VendorError(f"{name} stands for different things in {sorted(made.needs)}")
