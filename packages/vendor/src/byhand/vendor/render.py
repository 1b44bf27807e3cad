# SPDX-License-Identifier: BSD-3-Clause
"""Render: the text of a vendored file, and what can be read back from its header.

Source:  the manner of shadcn/ui: code is copied, owned by whoever copies it, and knows its origin.
Differs: bases from byhand.utils.interop are left out, so a class has no ties to scikit-learn;
         examples lose their import of byhand, or go where they need what is not there.
Cost:    a few milliseconds for each file.
Checked: every public name: ruff, import without byhand, same results, the same bytes each time.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from .closure import INTEROP, Closure, closure_of
from .digest import digest
from .examples import lines_without_place
from .sources import (
    Definition,
    Import,
    PublicName,
    VendorError,
    find_public_name,
    load_module,
    package_version,
)

__all__ = ["Header", "file_name", "line_count", "read_header", "render", "render_needs"]

LICENCE = """
Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its
   contributors may be used to endorse or promote products derived from
   this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
AS_COMMENT: Any = {"initial_indent": "# ", "subsequent_indent": "# "}
COPYRIGHT = "Copyright (c) 2026, byhand contributors. The licence stands at the end of this file."
PROMISE = "`byhand-vendor check` tells whether code or comments changed."
HEADER = re.compile(
    r"^(?P<head># SPDX-License-Identifier: BSD-3-Clause\n"
    rf"# {re.escape(COPYRIGHT)}\n"
    r"# Vendored from (?P<versions>.+) by `byhand-vendor add (?P<names>[\w. ]+)`\n)"
    rf"# Digest (?P<digest>sha256:[0-9a-f]{{32}}): {re.escape(PROMISE)}\n",
    re.MULTILINE,
)
TRACE = re.compile(  # what is left of it where somebody changed it
    rf"^# (?:{re.escape(COPYRIGHT)}$|Vendored from byhand-.+ by `byhand-vendor add "
    r"|Digest sha256:\w+: `)",
    re.MULTILINE,
)
TOP = 4000  # characters in which a header is looked for: others may have written above it


class Header(NamedTuple):
    """What a vendored file says of itself; nothing where its header was damaged."""

    names: tuple[str, ...]  # byhand.hmm.viterbi, ...
    versions: str  # byhand-hmm 0.1.0, byhand-utils 0.1.0
    digest: str  # of head and body as they were written
    head: str  # the lines of the header above the digest
    body: str  # all but the header


def render(names: Sequence[str]) -> str:
    """Write one self-contained module with some public names and all that they need.

    Parameters
    ----------
    names : sequence of str
        Such as ``["viterbi"]`` or ``["hmm.viterbi"]``; each once.

    Returns
    -------
    str
        The file; byte for byte the same whenever the packages are the same.

    Raises
    ------
    VendorError
        If a name is unknown or cannot be lifted out.

    Examples
    --------
    >>> text = render(["vendor.digest"])
    >>> "def digest(" in text, "import numpy" in text
    (True, False)
    """
    public = [find_public_name(name) for name in names]
    if not public:
        raise VendorError("no name was given")
    if len(set(public)) < len(public):
        raise VendorError("a name was given twice")
    needs = [(p.module, p.name) for p in public]
    closure = closure_of(needs)
    body = _body(needs, closure)
    packages = sorted({module.split(".")[1] for module in closure.needs})
    versions = ", ".join(f"byhand-{p} {package_version(p)}" for p in packages)
    head = (
        "# SPDX-License-Identifier: BSD-3-Clause\n"
        f"# {COPYRIGHT}\n"
        f"# Vendored from {versions} by `byhand-vendor add {' '.join(p.full for p in public)}`\n"
    )
    return f"{head}# Digest {digest(head + body)}: {PROMISE}\n{body}"


def line_count(public: PublicName) -> int:
    """Count the lines of the file that `render` writes, in half of its time.

    Parameters
    ----------
    public : PublicName

    Returns
    -------
    int

    Examples
    --------
    >>> line_count(find_public_name("vendor.digest")) == len(render(["vendor.digest"]).splitlines())
    True
    """
    header = 4
    return header + render_needs([(public.module, public.name)]).count("\n")


def read_header(text: str) -> Header | None:
    """Read back what `render` wrote at the top; None for any other file.

    Parameters
    ----------
    text : str
        A whole file.

    Returns
    -------
    Header or None

    Examples
    --------
    >>> read_header(render(["vendor.digest"])).names
    ('byhand.vendor.digest',)
    >>> read_header("print(1)") is None
    True
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = HEADER.search(text[:TOP])
    if not found:
        return Header((), "", "", "", text) if TRACE.search(text[:TOP]) else None
    body = text[: found.start()] + text[found.end() :]
    names = tuple(found["names"].split())
    return Header(names, found["versions"], found["digest"], found["head"], body)


def file_name(name: str) -> str:
    """Name a file after a public name.

    Parameters
    ----------
    name : str
        Such as ``"CategoricalHMM"``.

    Returns
    -------
    str

    Examples
    --------
    >>> file_name("CategoricalHMM"), file_name("MaxPool2D"), file_name("viterbi")
    ('categorical_hmm.py', 'max_pool2d.py', 'viterbi.py')
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z])", "_", name.split(".")[-1])
    return f"{words.lower()}.py"


def render_needs(needs: Sequence[tuple[str, str]]) -> str:
    """Write a module with definitions given as (module, name); the body of every vendored file.

    Parameters
    ----------
    needs : sequence of (module, name)
        Such as ``("byhand.hmm.viterbi", "viterbi")``, public or not.

    Returns
    -------
    str
        The module, without a header, with its licence at the end.

    Raises
    ------
    VendorError
        If something cannot be lifted out.

    Examples
    --------
    >>> "_tree_words" in render_needs([("byhand.vendor.digest", "digest")])
    True
    """
    return _body(needs, closure_of(list(needs)))


def _body(needs: Sequence[tuple[str, str]], closure: Closure) -> str:
    names = [name for _, name in dict.fromkeys(needs)]
    card = load_module(needs[0][0]).card_source
    if len(names) > 1:
        card = f'"""{", ".join(names)}: algorithms of byhand in one file."""'
    parts = [card, "from __future__ import annotations", *_imports_text(closure.imports)]
    parts.append(f"__all__ = {sorted(names, key=_linters_order)!r}".replace("'", '"'))
    for module in closure.order:
        told = len(names) == 1 and module == needs[0][0]  # by the card above
        parts += _module_text(module, closure, told)
    licence = "".join(f"# {line}".rstrip() + "\n" for line in LICENCE.strip().splitlines())
    return "\n\n".join(part for part in parts if part.strip()) + "\n\n\n" + licence


def _linters_order(name: str) -> tuple[bool, bool, list[tuple[str, int]]]:
    """Sort constants before classes before functions, and conv2 before conv10."""
    words = [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+)(\d*)", name)]
    return not name.isupper(), not name[0].isupper(), words


def _imports_text(imports: set[tuple[str, Import]]) -> list[str]:
    """Import statements, standard library first, one for each module."""
    whole: list[tuple[str, str]] = []
    parts: dict[str, list[str]] = {}
    for local, (module, name) in sorted(imports, key=str):
        if module == "__future__":
            continue
        if name is None:
            whole.append((module, f"import {module}" + (f" as {local}" if local != module else "")))
        else:
            parts.setdefault(module, []).append(name if name == local else f"{name} as {local}")
    lines = [*whole, *((m, _from_import(m, n)) for m, n in parts.items())]
    groups: dict[bool, list[str]] = {True: [], False: []}
    for module, line in sorted(lines, key=lambda pair: (pair[1].startswith("from"), pair)):
        groups[module.split(".")[0] in sys.stdlib_module_names].append(line)
    return ["\n".join(group) for group in groups.values()]


def _from_import(module: str, names: list[str]) -> str:
    """Write one import as linters want it: in their order, and within 88 columns."""
    names = sorted(names, key=_linters_order)
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 88:
        return line
    return "\n    ".join([f"from {module} import (", *(f"{name}," for name in names)]) + "\n)"


def _module_text(name: str, closure: Closure, told: bool) -> list[str]:
    """Write the definitions that come from one module, below its legend."""
    module = load_module(name)
    found = sorted(
        (d for d in closure.definitions.values() if d.module == name), key=lambda d: d.first
    )
    known = closure.names().keys() | {local for local, _ in closure.imports}
    summary = module.card.split("\n\n")[0].replace("\n", " ")
    title = [] if len(closure.order) == 1 else [f"# ---- from {name}"]
    title += [] if told else textwrap.wrap(summary, 98, **AS_COMMENT)
    text = ["\n" + "\n".join([*title, *module.legend])]
    previous: Definition | None = None
    for definition in found:
        lines = _definition_lines(definition, known)
        block = isinstance(definition.node, ast.FunctionDef | ast.ClassDef)
        if previous is not None and not block and definition.first == previous.last + 1:
            text[-1] += "\n" + "\n".join(lines)  # constants that stand together stay so
        else:
            text.append(("\n" if block else "") + "\n".join(lines))
        previous = definition
    return text


def _definition_lines(definition: Definition, known: Collection[str]) -> list[str]:
    source = load_module(definition.module).lines
    numbers = range(definition.first, definition.last + 1)
    dropped = lines_without_place(definition.node, source, known)
    lines = [source[number - 1] for number in numbers if number not in dropped]
    if dropped:  # a docstring of which one line is left ends on that line
        text = re.sub(r'("""[^"\n]{,90})\n +"""$', r'\1"""', "\n".join(lines), flags=re.MULTILINE)
        lines = text.split("\n")
    lines = _without_interop_bases(definition, lines)
    return [re.sub(r"  # noqa: .*", "", line) for line in lines]  # means byhand's linter


def _without_interop_bases(definition: Definition, lines: list[str]) -> list[str]:
    """Take bases defined in interop out of a class, and refuse any other use of them."""
    imports = load_module(definition.module).imports
    if all(source.module != INTEROP for source in imports.values()):
        return lines
    dropped = {name for name, source in imports.items() if source.module == INTEROP}
    node = definition.node
    used = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in dropped]
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    if any(name not in bases for name in used):
        raise VendorError(
            f"{definition.module} line {node.lineno}: {definition.names[0]} uses {used[0].id} of"
            " interop otherwise than as a base"
        )
    if not used or not isinstance(node, ast.ClassDef):
        return lines
    kept: list[ast.expr | ast.keyword] = [*(b for b in bases if b not in used), *node.keywords]
    inside = ", ".join(ast.unparse(k) for k in kept)
    head = f"class {node.name}({inside}):" if kept else f"class {node.name}:"
    at = node.lineno - definition.first
    end = max(base.end_lineno or 0 for base in bases) - definition.first
    while not lines[end].rstrip().endswith(":"):
        end += 1
    return [*lines[:at], head, *lines[end + 1 :]]
