# SPDX-License-Identifier: BSD-3-Clause
"""Files: write vendored modules into a source tree, and tell what became of them.

Source:  the file safety of shadcn/ui (planned writes, nothing overwritten unasked) and of pip.
Differs: the state of a file is read from the file itself; there is no list to keep beside it.
Cost:    a check renders each file anew, a few milliseconds.
Checked: traversal, links, edited and unknown files, read-only folders and full disks: a test each.
"""

from __future__ import annotations

import contextlib
import difflib
import keyword
import os
import re
import secrets
from enum import StrEnum
from pathlib import Path

from .digest import digest
from .render import TOP, Header, read_header, render
from .sources import VendorError

__all__ = [
    "State",
    "difference",
    "header_of",
    "shown",
    "state_of",
    "target_file",
    "vendored_files",
    "write_file",
]

FILE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.py")
DEVICES = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9])", re.IGNORECASE
)  # on Windows, whatever the suffix


class State(StrEnum):
    """What became of a vendored file."""

    UNTOUCHED = "untouched"
    EDITED = "edited"
    OUTDATED = "outdated"
    BOTH = "edited and outdated"
    UNKNOWN = "not installed"  # what it was made from, so it cannot be compared


def shown(text: object) -> str:
    r"""Spell a path, from here if it is below, or a name, without control characters.

    Parameters
    ----------
    text : object
        Whatever a user or a file gave.

    Returns
    -------
    str

    Examples
    --------
    >>> print(shown("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    if isinstance(text, Path) and text.is_absolute() and text.is_relative_to(Path.cwd()):
        text = text.relative_to(Path.cwd())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def target_file(into: Path, name: str) -> Path:
    """Find the file to write, inside a folder and nowhere else.

    Parameters
    ----------
    into : Path
        The folder; made by `write_file` if it is missing.
    name : str
        A plain file name such as ``viterbi.py``.

    Returns
    -------
    Path
        Without links on the way.

    Raises
    ------
    VendorError
        If the name is no module name, into is a file, or a link leads elsewhere.

    Examples
    --------
    >>> target_file(Path("."), "../viterbi.py")
    Traceback (most recent call last):
    byhand.vendor.sources.VendorError: ../viterbi.py is no file name for a Python module
    """
    word = name.removesuffix(".py")
    if not FILE_NAME.fullmatch(name) or keyword.iskeyword(word) or DEVICES.fullmatch(word):
        raise VendorError(f"{shown(name)} is no file name for a Python module")
    folder = Path(os.path.realpath(into))
    if into.is_symlink() and not folder.exists():
        raise VendorError(f"--into {shown(into)} is a link that leads nowhere")
    if folder.exists() and not folder.is_dir():
        raise VendorError(f"--into {shown(into)} is a file, not a folder")
    path = folder / name
    if path.is_symlink() or path.is_dir():
        kind = "link" if path.is_symlink() else "folder"
        raise VendorError(f"{shown(path)} is a {kind}: nothing is written through or over it")
    return path


def write_file(path: Path, text: str, *, force: bool = False, dry_run: bool = False) -> str:
    """Write a vendored file whole or not at all; keep what is not ours to overwrite.

    Parameters
    ----------
    path : Path
        From `target_file`.
    text : str
        From `render`.
    force : bool, default False
        Overwrite an edited or a foreign file, or one that holds other names.
    dry_run : bool, default False
        Only say what would be done.

    Returns
    -------
    str
        ``"create"``, ``"overwrite"`` or ``"unchanged"``.

    Raises
    ------
    VendorError
        If the file is edited, not a vendored one or holds other names, and force is not given;
        or if it cannot be written. The old file is then as it was.

    Examples
    --------
    >>> write_file(Path("no_such_folder/x.py"), render(["vendor.digest"]), dry_run=True)
    'create'
    """
    data = text.encode()
    done = "create"
    if path.exists():
        if path.read_bytes() == data:
            return "unchanged"
        if not force:
            _check_may_be_overwritten(path, text)
        done = "overwrite"
    if dry_run:
        return done
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise VendorError(f"{shown(path)} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return done


def _check_may_be_overwritten(path: Path, text: str) -> None:
    old, new = header_of(path), read_header(text)
    if old is None:
        raise VendorError(f"{shown(path)} exists and byhand-vendor did not write it: --force?")
    if _is_edited(old):
        raise VendorError(f"{shown(path)} was edited since it was vendored: --force?")
    if new is not None and set(old.names) != set(new.names):
        raise VendorError(
            f"{shown(path)} holds {' '.join(old.names)}: --name for another file, or --force?"
        )


def vendored_files(folder: Path) -> list[Path]:
    """Find the vendored files in a folder and below; links and environments are left out.

    Parameters
    ----------
    folder : Path
        Where to look; or one vendored file.

    Returns
    -------
    list of Path
        Sorted.

    Raises
    ------
    VendorError
        If there is no such folder, or it is a file and not a vendored one.

    Examples
    --------
    >>> vendored_files(Path("/no such folder"))
    Traceback (most recent call last):
    byhand.vendor.sources.VendorError: /no such folder is no folder
    """
    if folder.is_file():
        _checked_header(folder)
        return [folder]
    if not folder.is_dir():
        raise VendorError(f"{shown(folder)} is no folder")
    found = []
    for home, folders, names in os.walk(folder):
        if "pyvenv.cfg" in names:  # an environment: nothing in it is the user's own
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(home, name)
            if name.endswith(".py") and not path.is_symlink() and header_of(path):
                found.append(path)
    return found


def state_of(path: Path) -> State:
    """Tell whether a vendored file was edited, and whether the packages have moved on.

    Parameters
    ----------
    path : Path
        A vendored file.

    Returns
    -------
    State

    Raises
    ------
    VendorError
        If it is none.

    Examples
    --------
    >>> state_of(Path(__file__))
    Traceback (most recent call last):
    byhand.vendor.sources.VendorError: ...files.py is no vendored file
    """
    header = _checked_header(path)
    edited = _is_edited(header)
    try:
        outdated = bool(header.names) and _is_outdated(header)
    except VendorError:
        return State.UNKNOWN
    if edited and outdated:
        return State.BOTH
    return State.EDITED if edited else State.OUTDATED if outdated else State.UNTOUCHED


def difference(path: Path) -> str:
    """Compare a vendored file with what the installed packages would write now.

    Parameters
    ----------
    path : Path
        A vendored file.

    Returns
    -------
    str
        A unified diff from the file to the new one, empty where they are the same.

    Raises
    ------
    VendorError
        If the file is none of ours, or what it holds is not installed.

    Examples
    --------
    >>> difference(Path(__file__))
    Traceback (most recent call last):
    byhand.vendor.sources.VendorError: ...files.py is no vendored file
    """
    names = _checked_header(path).names
    if not names:
        raise VendorError(f"the header of {shown(path)} was damaged: add it anew with --force")
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    old = text.splitlines(keepends=True)
    name = shown(path)
    new = render(names).splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, name, f"{name} (new)"))


def header_of(path: Path) -> Header | None:
    """Read the header of a file; None where it is no vendored one.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    Header or None

    Examples
    --------
    >>> header_of(Path(__file__)) is None
    True
    """
    try:
        # what is not UTF-8 was changed by hand, and must not hide that
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            top = file.read(TOP)
            return read_header(top + file.read()) if read_header(top) else None
    except OSError:
        return None


def _checked_header(path: Path) -> Header:
    header = header_of(path)
    if header is None:
        raise VendorError(f"{shown(path)} is no vendored file")
    return header


def _is_edited(header: Header) -> bool:
    try:
        return digest(header.head + header.body) != header.digest
    except (SyntaxError, ValueError, RecursionError):  # no longer Python
        return True


def _is_outdated(header: Header) -> bool:
    fresh = read_header(render(header.names))
    # below the old head: a new version of a package that changes nothing here is no news
    return fresh is None or digest(header.head + fresh.body) != header.digest
