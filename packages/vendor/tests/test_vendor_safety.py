# SPDX-License-Identifier: BSD-3-Clause
"""Links, full disks, interrupts and control characters."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand.vendor import VendorError
from byhand.vendor.cli import main

pytestmark = pytest.mark.usefixtures("elsewhere")
Write = Callable[[str, str], None]
Text = Callable[[str], str]
Capture = pytest.CaptureFixture[str]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_are_not_followed_out_of_a_folder(
    half: Path, elsewhere: Path, toys: Write, toy_text: Text, capsys: Capture
) -> None:
    outside = elsewhere.parent / "outside"
    outside.mkdir()
    (outside / "half.py").write_bytes(half.read_bytes())
    (elsewhere / "lib").mkdir()
    (elsewhere / "lib" / "folder").symlink_to(outside)
    (elsewhere / "lib" / "half.py").symlink_to(outside / "half.py")
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))
    capsys.readouterr()
    assert main(["check", "lib"]) == 0
    assert capsys.readouterr().out == "no vendored file in lib\n"
    assert main(["update", "lib", "--force"]) == 0
    assert (outside / "half.py").read_bytes() == half.read_bytes()
    (elsewhere / "nowhere").symlink_to(elsewhere.parent / "missing")
    assert main(["add", "half", "--into", "nowhere"]) == 1
    assert "is a link that leads nowhere" in capsys.readouterr().err
    assert not (elsewhere.parent / "missing").exists()


@pytest.mark.skipif(os.name == "nt", reason="no limits of resources there")
def test_a_disk_that_fills_leaves_the_old_file_whole(
    half: Path, elsewhere: Path, toys: Write, toy_text: Text
) -> None:
    before = half.read_bytes()
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"sys.path[:] = {[p for p in sys.path if p]!r}; sys.dont_write_bytecode = True\n"
        "from byhand.vendor.cli import main\n"
        "raise SystemExit(main(['add', 'half', '--into', '.']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "cannot be written: File too large" in ran.stderr
    assert half.read_bytes() == before
    assert [p.name for p in elsewhere.iterdir()] == ["half.py"]


def test_an_interrupt_leaves_the_old_file_whole(
    half: Path, elsewhere: Path, toys: Write, toy_text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = half.read_bytes()
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                main(["add", "half", "--into", "."])
        assert half.read_bytes() == before
        assert [p.name for p in elsewhere.iterdir()] == ["half.py"]


HOSTILE = "a\x1b[2J\u202eb"


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", HOSTILE],
        ["list", f"{HOSTILE}*"],
        ["add", "half", "--into", HOSTILE, "--name", HOSTILE],
        ["check", HOSTILE],
        ["diff", HOSTILE],
        ["update", HOSTILE],
        [HOSTILE],
        ["check", ".", f"--{HOSTILE}"],
        ["add", "half", "--into", HOSTILE],
        ["check", f"{HOSTILE}/half.py"],
    ],
)
def test_no_control_character_reaches_the_terminal(
    capsys: Capture, elsewhere: Path, arguments: list[str]
) -> None:
    if os.name != "nt":
        (elsewhere / HOSTILE).mkdir()
        (elsewhere / HOSTILE / "half.py").write_text(HOSTILE)
    with contextlib.suppress(SystemExit):
        assert main(arguments) in (0, 1)
    told = capsys.readouterr()
    assert not re.search(r"[^\n -~]", told.out + told.err)


def test_a_difference_shows_control_characters_as_text(half: Path, capsys: Capture) -> None:
    half.write_text(half.read_text().replace("# Why", "# \x1b[2JWhy"), encoding="utf-8")
    assert main(["diff", "half.py"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "-# \\x1b[2JWhy" in out


def test_its_error_survives_a_pickle() -> None:
    again = pickle.loads(pickle.dumps(VendorError("why")))
    assert (type(again), again.args) == (VendorError, ("why",))
