# SPDX-License-Identifier: BSD-3-Clause
"""Sources: the installed byhand packages as text and syntax trees, without importing any.

Source:  PEP 420 (namespace packages); the ast module.
Differs: nothing is run, so a package can be vendored where NumPy is not even installed.
Cost:    each module is parsed once per process.
Checked: every public name of every package is found where its package's __init__ says.
"""
# module: one file    definition: one statement at its top level, with the comments above it
# names: what a statement binds

from __future__ import annotations

import ast
import difflib
import functools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Definition",
    "Import",
    "Module",
    "PublicName",
    "VendorError",
    "find_public_name",
    "load_module",
    "package_version",
    "public_names",
]


Folder = Path | zipfile.Path


class VendorError(Exception):
    """Something that cannot be vendored, or not written; the message says why."""


class Import(NamedTuple):
    """What a name at the top of a module stands for."""

    module: str  # absolute: "numpy", "byhand.utils.em"
    name: str | None  # None: the module itself, as in `import numpy as np`


class Definition(NamedTuple):
    """A statement at the top level of a module that binds names."""

    module: str
    names: tuple[str, ...]
    node: ast.stmt
    first: int  # line of its first comment, decorator or word; from 1
    last: int

    @property
    def key(self) -> tuple[str, int]:
        """Where it stands; comparable and hashable."""
        return self.module, self.first


@dataclass(frozen=True)
class Module:
    """A file of a byhand package."""

    name: str  # byhand.hmm.viterbi
    lines: list[str]
    card: str  # its docstring
    card_source: str  # the docstring as it is written, with its quotes
    legend: list[str]  # the comment lines below the docstring
    definitions: dict[str, Definition] = field(default_factory=dict)  # by each name bound
    imports: dict[str, Import] = field(default_factory=dict)  # by local name


class PublicName(NamedTuple):
    """A name in the ``__all__`` of a package."""

    package: str  # hmm
    name: str  # viterbi
    module: str  # byhand.hmm.viterbi, where it is defined

    @property
    def full(self) -> str:
        """The name as one would import it."""
        return f"byhand.{self.package}.{self.name}"


def _package_folders() -> dict[str, Folder]:
    import byhand

    found: dict[str, Folder] = {}
    for home in map(_folder, byhand.__path__):
        insides: list[Folder] = list(home.iterdir()) if home else []
        for inside in insides:
            if inside.joinpath("__init__.py").is_file():
                found.setdefault(inside.name, inside)
    return found


def _folder(place: str) -> Folder | None:
    """Find a folder, also inside of a zip file such as a zipapp; None if there is none."""
    path = Path(place)
    if path.is_dir():
        return path
    for archive in path.parents:
        if archive.is_file() and zipfile.is_zipfile(archive):
            return zipfile.Path(archive, path.relative_to(archive).as_posix() + "/")
    return None


def _init_text(package: str) -> str:
    folder = _package_folders().get(package)
    if folder is None:
        raise VendorError(f"byhand-{package} is not installed")
    return (folder / "__init__.py").read_text(encoding="utf-8")


def package_version(package: str) -> str:
    """Return the ``__version__`` of an installed package."""
    for node in ast.parse(_init_text(package)).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise VendorError(f"byhand.{package} has no __version__")


def public_names(package: str | None = None) -> list[PublicName]:
    """List every public name of the installed packages, or of one of them.

    Parameters
    ----------
    package : str, optional
        Such as ``"hmm"``; all of them by default.

    Returns
    -------
    list of PublicName
        Sorted by package and name; this tool's own names only if asked for.

    Raises
    ------
    VendorError
        If the package is not installed.

    Examples
    --------
    >>> public_names("vendor")[3].full, public_names("vendor")[3].module
    ('byhand.vendor.digest', 'byhand.vendor.digest')
    """
    found: list[PublicName] = []
    for name in [package] if package else sorted(set(_package_folders()) - {"vendor"}):
        found += _names_of(name, _init_text(name))
    return found


@functools.cache
def _names_of(package: str, text: str) -> list[PublicName]:
    """List the names of a package, given its ``__init__.py``."""
    listed: list[str] = []
    homes: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = [str(n) for n in ast.literal_eval(node.value) if not n.startswith("__")]
        elif isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            homes |= {a.asname or a.name: f"byhand.{package}.{node.module}" for a in node.names}
    missing = sorted(set(listed) - set(homes))
    if missing:
        raise VendorError(f"byhand.{package} imports no {', '.join(missing)} of its __all__")
    return [PublicName(package, public, homes[public]) for public in sorted(listed)]


def find_public_name(wanted: str) -> PublicName:
    """Find a public name written as ``viterbi``, ``hmm.viterbi`` or ``byhand.hmm.viterbi``.

    Parameters
    ----------
    wanted : str
        What the user typed.

    Returns
    -------
    PublicName

    Raises
    ------
    VendorError
        If there is none (the nearest are named), or more than one.

    Examples
    --------
    >>> find_public_name("vendor.read_header").module
    'byhand.vendor.render'
    """
    short = wanted.removeprefix("byhand.")
    known = public_names("vendor" if short.startswith("vendor.") else None)
    found = [p for p in known if short in _spellings(p)]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{p.package}.{p.name}" for p in found)
        raise VendorError(f"{wanted!r} is in several packages: say {choices}")
    raise VendorError(f"no installed byhand package has {wanted!r}{_hint(short, known)}")


def _spellings(public: PublicName) -> set[str]:
    """Ways to write a name: viterbi, hmm.viterbi, hmm.viterbi.viterbi."""
    module = public.module.removeprefix("byhand.")
    return {public.name, f"{public.package}.{public.name}", f"{module}.{public.name}"}


def _hint(wanted: str, known: list[PublicName]) -> str:
    """Guess what was meant by a name that does not exist."""
    if not known:
        return ": install one, such as byhand-hmm"
    if any(p.package == wanted for p in known):
        return f", which is a package: byhand-vendor list '{wanted}.*' shows what is in it"
    above, _, last = wanted.rpartition(".")
    for p in known:
        if above and above in _spellings(p):
            return f": {last} comes along with {p.package}.{p.name}"
    folded: dict[str, set[str]] = {}
    for p in known:
        twice = sum(p.name == other.name for other in known) > 1
        spelled = f"{p.package}.{p.name}" if twice else p.name
        folded.setdefault(p.name.lower(), set()).add(spelled)
    near = difflib.get_close_matches(last.lower(), folded, n=3, cutoff=0.6)
    names = [name for close in near for name in sorted(folded[close])]
    return f": did you mean {', '.join(names[:4])}?" if names else ""


@functools.cache
def load_module(name: str) -> Module:
    """Parse a module of an installed package, such as ``byhand.hmm.viterbi``."""
    _, package, *inside = name.split(".")
    folder = _package_folders().get(package)
    path = folder.joinpath(*inside[:-1], f"{inside[-1]}.py") if folder and inside else None
    if path is None or not path.is_file():
        raise VendorError(f"there is no module {name}: import from the module that defines a name")
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    card = ast.get_docstring(tree) or ""
    start = tree.body[0].end_lineno or 0 if card else 0
    card_source = "\n".join(lines[tree.body[0].lineno - 1 : start])
    module = Module(name, lines, card, card_source, _comment_block(lines, start))
    end = start
    for node in tree.body[1 if card else 0 :]:
        first = _with_comments(lines, end, node)
        end = node.end_lineno or node.lineno
        imports = dict(_imports(node, name))
        if imports:
            module.imports.update(imports)
            continue
        names = tuple(_bound_names(node))
        if names != ("__all__",):
            made = Definition(name, names, node, first, end)
            # a statement that binds nothing (a registration, say) is found and refused by number
            module.definitions.update(dict.fromkeys(names or (f"<line {node.lineno}>",), made))
    return module


def _comment_block(lines: list[str], start: int) -> list[str]:
    """Comment lines right below the docstring: the legend of the letters."""
    block = []
    for line in lines[start:]:
        if not line.startswith("#"):
            break
        block.append(line)
    return block


def _with_comments(lines: list[str], end: int, node: ast.stmt) -> int:
    """Return the first line of a statement's decorators and of the comments above them."""
    decorators = getattr(node, "decorator_list", [])
    first: int = min([node.lineno, *(d.lineno for d in decorators)])
    while first - 1 > end and lines[first - 2].startswith("#"):
        first -= 1
    return first


def _imports(node: ast.stmt, module: str) -> Iterator[tuple[str, Import]]:
    """Local names that an import statement binds; also those under ``if TYPE_CHECKING``."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for inner in node.body:
            yield from _imports(inner, module)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0], Import(alias.name, None)
    elif isinstance(node, ast.ImportFrom):
        base = ".".join(module.split(".")[: -node.level]) if node.level else ""
        source = ".".join(part for part in (base, node.module) if part)
        for alias in node.names:
            yield alias.asname or alias.name, Import(source, alias.name)


def _bound_names(node: ast.AST) -> list[str]:
    """Names that a statement binds at its own level."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
        case ast.Assign():
            parts: list[ast.AST] = [*node.targets]
        case ast.AnnAssign() | ast.AugAssign():
            parts = [node.target]
        case ast.If() | ast.Try() | ast.With() | ast.For() | ast.Tuple() | ast.List():
            parts = list(ast.iter_child_nodes(node))
        case ast.ExceptHandler() | ast.withitem():
            parts = list(ast.iter_child_nodes(node))
        case _:
            return []
    return list(dict.fromkeys(name for part in parts for name in _bound_names(part)))
