# SPDX-License-Identifier: BSD-3-Clause
"""The sessions of byhand-vendor in the READMEs: the commands are run, their output is written.

``generate.py`` calls this, and its ``--check`` fails where the command would print something else.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = ".venv/bin/byhand-vendor"
INSTALL = '$ python3 -m venv .venv && .venv/bin/pip install ".[vendor,hmm]"     # in a checkout'
# A newer byhand-hmm, made up for the session: one comment of the installed one differs.
OLD, NEW = "# (K,)  Rabiner 33", "# (K,)  Rabiner (1989), eq. 33"


def replace(path: Path, old: str, new: str) -> None:
    """Replace what must be there."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise SystemExit(f"{path.name} has no {old!r}: change the session in {__file__}")
    path.write_text(text.replace(old, new), encoding="utf-8")


class Session:
    """A folder in which commands run one after the other, as a user would type them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.newer = folder / "newer"
        self.path = [os.environ.get("PYTHONPATH", "")]

    def vendor(self, arguments: str, status: bool = False, head: int = 0) -> str:
        """Run byhand-vendor; with status, echo its exit status; with head, show some lines."""
        ran = subprocess.run(
            [sys.executable, "-m", "byhand.vendor", *shlex.split(arguments)],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(self.path), "COLUMNS": "100"},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out = ran.stdout.decode().splitlines()
        out = [*(out[:head] if head else out), *([str(ran.returncode)] if status else [])]
        more = f" | head -{head}" if head else "; echo $?" if status else ""
        return "\n".join([f"$ {COMMAND} {arguments}{more}", *out])

    def edit(self, file: str, old: str, new: str) -> str:
        """Change a line as sed would."""
        replace(self.folder / file, old, new)
        return f"$ sed -i 's/{old}/{new}/' {file}"

    def upgrade(self) -> str:
        """Let a changed copy of byhand-hmm be the installed one."""
        import byhand.hmm

        home = Path(byhand.hmm.__file__).parent
        copy = self.newer / "byhand" / "hmm"
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("__pycache__", "_demo"))
        version = byhand.hmm.__version__
        major, minor, *_ = version.split(".")
        replace(copy / "__init__.py", f'"{version}"', f'"{major}.{int(minor) + 1}.0"')
        replace(copy / "viterbi.py", OLD, NEW)
        self.path.insert(0, str(self.newer))
        return "$ .venv/bin/pip install --upgrade byhand-hmm     # here one whose comment differs"


def whole_session() -> str:
    """Return the session in the README of byhand-vendor."""
    with tempfile.TemporaryDirectory() as folder:
        run = Session(Path(folder))
        lines = [
            INSTALL,
            run.vendor("list viterbi"),
            run.vendor("show viterbi", head=5),
            run.vendor("add viterbi --into src/mylib"),
            run.vendor("check", status=True),
            run.edit("src/mylib/viterbi.py", "float(delta.max())", "delta.max().item()"),
            run.vendor("check", status=True),
            run.vendor("diff viterbi"),
            run.vendor("add viterbi --into src/mylib", status=True),
            run.vendor("add viterbi --into src/mylib --force"),
            run.upgrade(),
            run.vendor("check", status=True),
            run.vendor("update"),
            run.vendor("check", status=True),
        ]
    return "\n".join(["```console", *lines, "```"])


def short_session() -> str:
    """Return the session in the README of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            '$ .venv/bin/pip install ".[vendor,hmm]"',
            Session(Path(folder)).vendor("add viterbi --into src/mylib"),
        ]
    return "\n".join(["```console", *lines, "```"])
