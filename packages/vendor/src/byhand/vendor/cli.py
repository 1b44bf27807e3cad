# SPDX-License-Identifier: BSD-3-Clause
"""The command: byhand-vendor list | show | add | check | diff | update.

Source:  the commands of shadcn/ui, for Python files.
Differs: works on what is installed, with no network and no configuration.
Cost:    a fraction of a second.
Checked: each command and each refusal as a user runs it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .files import State, difference, shown, state_of, target_file, vendored_files, write_file
from .render import file_name, read_header, render
from .sources import PublicName, VendorError, find_public_name, load_module, public_names

__all__ = ["main"]


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
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except VendorError as error:
        print(f"byhand-vendor: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `byhand-vendor list | head`
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="byhand-vendor",
        description="Add a byhand algorithm to your own source tree: one file, NumPy alone.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listed = commands.add_parser("list", help="public names, with the lines of their file")
    listed.add_argument("pattern", nargs="?", default="", help="part of a name")
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
    check.add_argument("folder", nargs="?", default=Path(), type=Path, metavar="DIR")
    check.set_defaults(run=_check)

    diff = commands.add_parser("diff", help="compare a vendored file with what is installed")
    diff.add_argument("name", metavar="NAME", help="a file, or a name vendored below --into")
    diff.add_argument("--into", default=Path(), type=Path, metavar="DIR")
    diff.set_defaults(run=_diff)

    update = commands.add_parser("update", help="write outdated files anew")
    update.add_argument("folder", nargs="?", default=Path(), type=Path, metavar="DIR")
    update.add_argument("--dry-run", action="store_true", help="only show the differences")
    update.add_argument(
        "--force", action="store_true", help="update edited files, losing the edits"
    )
    update.set_defaults(run=_update)
    return parser


def _list(chosen: argparse.Namespace) -> int:
    found = [p for p in public_names() if chosen.pattern.lower() in p.full.lower()]
    if not found:
        find_public_name(chosen.pattern)  # says what is near
    wide = max((len(p.full) for p in found), default=0) - len("byhand.")
    for public in found:
        lines = len(render([public.full]).splitlines())
        name = public.full.removeprefix("byhand.")
        print(f"{name:{wide}} {lines:5} lines  {_summary(public)}")
    return 0


def _summary(public: PublicName) -> str:
    return load_module(public.module).card.split("\n\n")[0].replace("\n", " ")


def _show(chosen: argparse.Namespace) -> int:
    sys.stdout.write(render([chosen.name]))
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
        raise VendorError("two names would be written to the same file: add them one by one")
    for path, text in planned:
        done = write_file(path, text, force=chosen.force, dry_run=chosen.dry_run)
        print(f"{done:9} {shown(path)}  ({len(text.splitlines())} lines)")
    return 0


def _check(chosen: argparse.Namespace) -> int:
    states = [(path, state_of(path)) for path in vendored_files(chosen.folder)]
    for path, state in states:
        print(f"{state:19} {shown(path)}")
    if not states:
        print(f"no vendored file in {shown(chosen.folder)}")
    return int(any(state != State.UNTOUCHED for _, state in states))


def _diff(chosen: argparse.Namespace) -> int:
    path = Path(chosen.name)
    if not path.is_file():
        path = _file_that_holds(find_public_name(chosen.name), chosen.into)
    text = difference(path)
    sys.stdout.write("".join(shown(line) + "\n" for line in text.splitlines()))
    return int(bool(text))


def _file_that_holds(public: PublicName, folder: Path) -> Path:
    for path in vendored_files(folder):
        header = read_header(path.read_text(encoding="utf-8"))
        if header and public.full in header.names:
            return path
    raise VendorError(f"{public.name} is not vendored in {shown(folder)}")


def _update(chosen: argparse.Namespace) -> int:
    refused = 0
    for path in vendored_files(chosen.folder):
        state = state_of(path)
        if state == State.BOTH and not chosen.force:
            print(f"refused   {shown(path)}  (edited and outdated: see diff, or --force)")
            refused = 1
        elif state in (State.OUTDATED, State.BOTH):
            text = difference(path)
            sys.stdout.write("".join(shown(line) + "\n" for line in text.splitlines()))
            header = read_header(path.read_text(encoding="utf-8"))
            fresh = render(header.names if header else ())
            done = write_file(path, fresh, force=chosen.force, dry_run=chosen.dry_run)
            print(f"{done:9} {shown(path)}")
    return refused
