# SPDX-License-Identifier: BSD-3-Clause
"""The command: byhand-vendor list | show | add | check | diff | update.

Source:  the commands of shadcn/ui, for Python files.
Differs: works on what is installed, with no network and no configuration.
Cost:    a fraction of a second.
Checked: each command and each refusal as a user runs it.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import __version__
from .files import (
    State,
    difference,
    header_of,
    shown,
    state_of,
    target_file,
    vendored_files,
    write_file,
)
from .render import file_name, line_count, render
from .sources import PublicName, VendorError, find_public_name, load_module, public_names

__all__ = ["main"]

HIDDEN = sys.stdlib_module_names | {"numpy"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.

    Returns
    -------
    int
        The exit status: 0 if all is well; 1 if something was refused, or check or diff found
        something; 2 if the arguments are wrong.

    Examples
    --------
    >>> main(["show", "vendor.digest"])
    # SPDX-License-Identifier: BSD-3-Clause
    # Copyright (c) 2026, byhand contributors...
    0
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.run is None:
        _say(parser.format_help(), end="")
        return 0
    try:
        status = int(chosen.run(chosen))
        sys.stdout.flush()
        return status
    except VendorError as error:
        print(f"byhand-vendor: {shown(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `byhand-vendor list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush at exit
        return 1


def _say(text: str, end: str = "\n") -> None:
    """Print, whatever the terminal can show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end=end)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong without control characters."""

    def error(self, message: str) -> NoReturn:
        super().error(shown(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="byhand-vendor",
        description="Add a byhand algorithm to your own source tree: one file, NumPy alone.",
        epilog="Exit status: 0 all is well; 1 refused, or check or diff found something;"
        " 2 wrong arguments.",
    )
    parser.set_defaults(run=None)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND")

    listed = commands.add_parser("list", help="public names, with the lines of their file")
    listed.add_argument("pattern", nargs="?", default="", help="part of a name, or such as 'hmm.*'")
    listed.set_defaults(run=_list)

    show = commands.add_parser("show", help="print the file that add would write")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)

    add = commands.add_parser("add", help="write one file for each name")
    add.add_argument("names", nargs="+", metavar="NAME")
    add.add_argument("--into", required=True, type=Path, metavar="DIR", help="the folder")
    add.add_argument("--name", metavar="FILE", help="file name, by default after NAME")
    add.add_argument("--together", action="store_true", help="one file for all names")
    add.add_argument("--private", action="store_true", help="begin the file name with _")
    add.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add.add_argument("--force", action="store_true", help="overwrite edited and foreign files")
    add.set_defaults(run=_add)

    check = commands.add_parser("check", help="tell untouched, edited and outdated files apart")
    check.add_argument("places", nargs="*", default=[Path()], type=Path, metavar="PATH")
    check.set_defaults(run=_check)

    diff = commands.add_parser("diff", help="compare a vendored file with what is installed")
    diff.add_argument("name", metavar="NAME", help="a file, or a name vendored below --into")
    diff.add_argument("--into", default=Path(), type=Path, metavar="DIR")
    diff.set_defaults(run=_diff)

    update = commands.add_parser("update", help="write outdated files anew")
    update.add_argument("places", nargs="*", default=[Path()], type=Path, metavar="PATH")
    update.add_argument("--dry-run", action="store_true", help="only show the differences")
    update.add_argument(
        "--force", action="store_true", help="update edited files, losing the edits"
    )
    update.set_defaults(run=_update)
    return parser


def _list(chosen: argparse.Namespace) -> int:
    found = [p for p in public_names() if _matches(p, chosen.pattern)]
    if not found:
        find_public_name(chosen.pattern)  # says what is near
    wide = max((len(p.full) for p in found), default=0) - len("byhand.")
    for public in found:
        name = public.full.removeprefix("byhand.")
        _say(f"{name:{wide}} {line_count(public):5} lines  {_summary(public)}")
    return 0


def _matches(public: PublicName, pattern: str) -> bool:
    """Whether a name holds a text, or matches a pattern with * ? [ as in a shell, in any case."""
    full, pattern = public.full.lower(), pattern.lower()
    if not set(pattern) & set("*?["):
        return pattern in full
    spellings = (full, full.removeprefix("byhand."), public.name.lower())
    return any(fnmatch.fnmatchcase(spelling, pattern) for spelling in spellings)


def _summary(public: PublicName) -> str:
    """Take the card of a file that is named after it, else the first sentence on it."""
    module = load_module(public.module)
    own = file_name(public.name).removesuffix(".py")
    if own.replace("_", "") == public.module.split(".")[-1].replace("_", ""):
        return module.card.split("\n\n")[0].replace("\n", " ")
    node = module.definitions[public.name].node
    documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
    text = ast.get_docstring(node) if documented else None  # type: ignore[arg-type]
    return (text or module.card).split("\n\n")[0].replace("\n", " ")


def _show(chosen: argparse.Namespace) -> int:
    sys.stdout.flush()
    text = render([chosen.name])
    if hasattr(sys.stdout, "buffer"):  # the bytes that add writes, whatever the terminal's encoding
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(text)
    return 0


def _add(chosen: argparse.Namespace) -> int:
    groups = [chosen.names] if chosen.together else [[name] for name in chosen.names]
    if chosen.name and len(groups) > 1:
        raise VendorError("--name is for one file: give one NAME, or --together")
    planned = []
    for names in groups:
        text = render(names)
        file = chosen.name or file_name(names[0])
        file = f"_{file}" if chosen.private and not file.startswith("_") else file
        path = target_file(chosen.into, file)
        write_file(path, text, force=chosen.force, dry_run=True)  # refuse before the first write
        planned.append((path, text))
    if len({path for path, _ in planned}) < len(planned):
        raise VendorError("two names would be written to the same file: --together, or --name")
    for path, text in planned:
        done = write_file(path, text, force=chosen.force, dry_run=chosen.dry_run)
        _say(f"{done:9} {shown(path)}  ({len(text.splitlines())} lines)")
        if path.stem in HIDDEN and not (path.parent / "__init__.py").exists():
            _say(f"note: beside a script, {path.name} hides Python's own module; see --private")
    return 0


def _check(chosen: argparse.Namespace) -> int:
    states = [(path, state_of(path)) for path in _found_in(chosen.places)]
    for path, state in states:
        _say(f"{state:19} {shown(path)}")
    if not states:
        _say(f"no vendored file in {', '.join(map(shown, chosen.places))}")
    return int(any(state != State.UNTOUCHED for _, state in states))


def _found_in(places: list[Path]) -> list[Path]:
    return list(dict.fromkeys(path for place in places for path in vendored_files(place)))


def _diff(chosen: argparse.Namespace) -> int:
    path = Path(chosen.name)
    if not path.is_file():
        path = _file_that_holds(find_public_name(chosen.name), chosen.into)
    return int(_show_difference(path))


def _show_difference(path: Path) -> bool:
    lines = difference(path).splitlines()
    for line in lines:
        _say(shown(line))
    return bool(lines)


def _file_that_holds(public: PublicName, folder: Path) -> Path:
    for path in vendored_files(folder):
        header = header_of(path)
        if header and public.full in header.names:
            return path
    raise VendorError(f"{public.name} is not vendored in {shown(folder)}")


def _update(chosen: argparse.Namespace) -> int:
    refused = 0
    for path in _found_in(chosen.places):
        state = state_of(path)
        if state == State.UNKNOWN or (state == State.BOTH and not chosen.force):
            why = "see diff, or --force" if state == State.BOTH else "install its packages"
            _say(f"refused   {shown(path)}  ({state}: {why})")
            refused = 1
        elif state in (State.OUTDATED, State.BOTH):
            _show_difference(path)
            header = header_of(path)
            fresh = render(header.names if header else ())
            done = write_file(path, fresh, force=chosen.force, dry_run=chosen.dry_run)
            _say(f"{done:9} {shown(path)}")
    return refused
