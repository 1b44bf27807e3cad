# SPDX-License-Identifier: BSD-3-Clause
"""What users, their tools and their machines do to vendored files and to the command."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import tokenize
import zipapp
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from byhand.vendor import State, read_header, state_of
from byhand.vendor.cli import main

pytestmark = pytest.mark.usefixtures("elsewhere")
Write = Callable[[str, str], None]
Text = Callable[[str], str]
Capture = pytest.CaptureFixture[str]


def run(*arguments: str, flags: tuple[str, ...] = (), **options: object) -> tuple[int, str, str]:
    """Run the command in a process of its own, where it finds the toys."""
    paths = [p for p in sys.path if p]
    program = f"import sys; sys.path[:] = {paths!r}; from byhand.vendor.cli import main\n"
    program += f"raise SystemExit(main({list(arguments)!r}))"
    ran = subprocess.run(  # type: ignore[call-overload]
        [sys.executable, *flags, "-c", program], check=False, capture_output=True, **options
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


# ---- what is an edit


def meaning(text: str) -> tuple[str, list[str]]:
    """What a file says: its syntax, docstrings without white space, and its comments."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "".join(str(node.value.value).split())
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return ast.dump(tree), [t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT]


def test_any_byte_changed_by_hand_is_reported(half: Path) -> None:
    """Of 400 random changes of one character, all but those that say the same."""
    rng, text = np.random.default_rng(0), half.read_text(encoding="utf-8")
    same = 0
    for _ in range(400):
        i, character = int(rng.integers(len(text))), chr(rng.choice(list(b"x0 #\"'\n=,)")))
        changed = f"{text[:i]}{character}{text[i + int(rng.integers(2)) :]}"
        half.write_text(changed, encoding="utf-8")
        if changed != text and state_of(half) == State.UNTOUCHED:
            assert meaning(changed) == meaning(text), (i, character)
            same += 1
    assert same < 100


@pytest.mark.parametrize("place", ["# Why", "return", "# Copyright", "# Vendored", "# THIS"])
def test_a_byte_that_is_no_text_is_an_edit(half: Path, capsys: Capture, place: str) -> None:
    data = half.read_bytes()
    assert place.encode() in data
    half.write_bytes(data.replace(place.encode(), b"\xff" + place.encode()[1:], 1))
    assert main(["check"]) == 1
    assert capsys.readouterr().out.startswith("edited ")
    assert main(["add", "half", "--into", "."]) == 1
    main(["diff", "half.py"])
    assert "\udcff" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Copyright (c) 2026", "# Copyright (c) 2027"),
        ("byhand-utils 0.3.0", "byhand-utils 0.3.1"),
        ("stands at the end", "is somewhere"),
        ("whether code or comments changed", "nothing"),
        ("# SPDX-License-Identifier: BSD-3-Clause\n", ""),
        ("# SPDX", "# Mine\n# SPDX"),
        ("# Digest sha256:", "# Digest sha256:0"),
        ("`byhand-vendor add byhand.utils.half`", "`byhand-vendor add`"),
    ],
)
def test_a_header_changed_by_hand_is_an_edit(
    half: Path, capsys: Capture, old: str, new: str
) -> None:
    text = half.read_text()
    assert old in text
    half.write_text(text.replace(old, new, 1))
    if "vendor add`" in new:
        half.write_text(text.replace("# Digest ", "# digest "))
    assert main(["check"]) == 1
    assert capsys.readouterr().out.startswith("edited ")
    assert main(["add", "half", "--into", "."]) == 1
    assert "was edited since it was vendored" in capsys.readouterr().err
    main(["update"])
    assert half.read_text() != text


def test_another_file_does_not_become_one_by_naming_the_command(elsewhere: Path) -> None:
    (elsewhere / "x.py").write_text("# made by `byhand-vendor add viterbi`\n")
    assert read_header((elsewhere / "x.py").read_text()) is None


def test_a_checkout_with_windows_line_ends_or_a_mark_of_utf_8_is_no_edit(
    half: Path, capsys: Capture
) -> None:
    data = half.read_bytes()
    for changed in (data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data):
        half.write_bytes(changed)
        assert main(["check"]) == 0
        assert main(["diff", "half.py"]) == 0
        assert main(["add", "half", "--into", "."]) == 0
        half.write_bytes(data)
    assert "overwrite" in capsys.readouterr().out


def test_other_tools_may_sort_split_and_wrap_imports(half: Path, elsewhere: Path) -> None:
    main(["add", "Net", "--into", "."])
    net = elsewhere / "net.py"
    text = net.read_text()
    line = "from typing import Any, NamedTuple\n"
    assert line in text
    for new in (
        "from typing import NamedTuple\nfrom typing import Any\n",
        "from typing import (\n    NamedTuple,\n    Any,\n)\n",
    ):
        net.write_text(text.replace(line, new))
        assert state_of(net) == State.UNTOUCHED
    net.write_text(text.replace(line, "from typing import Any\n"))
    assert state_of(net) == State.EDITED


@pytest.mark.parametrize(
    "options",
    [["--line-length=60"], ["--line-length=160"], ["--config", "format.quote-style='single'"]],
)
def test_formatting_with_ruff_is_no_edit(
    elsewhere: Path, options: list[str], toys: Write, toy_text: Text
) -> None:
    pytest.importorskip("ruff")
    long = "(\n    xs: Sequence[float],\n    weight_of_each_of_them: float = 1.0\n)"
    toys("toy/net.py", toy_text("toy/net.py").replace("(xs: Sequence[float])", long))
    main(["add", "half", "Net", "--into", "."])
    before = (elsewhere / "net.py").read_text()
    command = [sys.executable, "-m", "ruff", "format", "-q", "--isolated", *options, "."]
    subprocess.run(command, check=True)
    assert (elsewhere / "net.py").read_text() != before
    assert main(["check"]) == 0


# ---- names


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("HALF", ": did you mean half?"),
        ("toy", ", which is a package: byhand-vendor list 'toy.*' shows what is in it"),
        ("Net.fit", ": fit comes along with toy.Net"),
        ("toy.Net.fit", ": fit comes along with toy.Net"),
        ("C:\\lib\\half", ""),
        ("", ""),
    ],
)
def test_a_wrong_name_says_what_to_write(capsys: Capture, wanted: str, hint: str) -> None:
    assert main(["show", wanted]) == 1
    expected = f"byhand-vendor: no installed byhand package has {wanted!r}{hint}\n"
    assert capsys.readouterr().err == expected


def test_a_name_may_be_given_with_its_module(capsys: Capture) -> None:
    assert main(["show", "byhand.utils.maths.half"]) == 0


@pytest.mark.parametrize("name", ["class.py", "con.py", "NUL.py", "lpt1.py", "a\\b.py", "C:x.py"])
def test_a_file_that_cannot_be_imported_or_opened_is_refused(capsys: Capture, name: str) -> None:
    assert main(["add", "half", "--into", ".", "--name", name]) == 1
    assert "is no file name for a Python module" in capsys.readouterr().err


def test_a_name_that_hides_a_module_of_python_is_noted(capsys: Capture, elsewhere: Path) -> None:
    main(["add", "half", "--into", ".", "--name", "select.py"])
    assert "select.py hides Python's own module" in capsys.readouterr().out
    (elsewhere / "lib").mkdir()
    (elsewhere / "lib" / "__init__.py").touch()
    main(["add", "half", "--into", "lib", "--name", "select.py"])
    assert "hides" not in capsys.readouterr().out


def test_a_file_that_holds_another_name_is_kept(half: Path, capsys: Capture) -> None:
    before = half.read_text()
    assert main(["add", "Kind", "--into", ".", "--name", "half.py"]) == 1
    assert "holds byhand.utils.half: --name for another file" in capsys.readouterr().err
    assert half.read_text() == before
    assert main(["add", "Kind", "--into", ".", "--name", "half.py", "--force"]) == 0


# ---- places


def test_paths_are_shown_from_here_or_else_in_full(capsys: Capture, elsewhere: Path) -> None:
    main(["add", "half", "--into", "src/lib"])
    assert capsys.readouterr().out.split()[:2] == ["create", str(Path("src/lib/half.py"))]
    main(["add", "half", "--into", str(elsewhere.parent / "other")])
    assert str(elsewhere.parent / "other" / "half.py") in capsys.readouterr().out


def test_check_and_update_take_files_and_several_folders(half: Path, capsys: Capture) -> None:
    main(["add", "Net", "--into", "a"])
    main(["add", "Kind", "--into", "b"])
    capsys.readouterr()
    assert main(["check", "half.py", "a", "a/net.py"]) == 0
    assert capsys.readouterr().out.split() == [
        "untouched", "half.py", "untouched", str(Path("a/net.py"))
    ]  # fmt: skip
    Path("mine.py").touch()
    assert main(["check", "mine.py"]) == 1
    assert "mine.py is no vendored file" in capsys.readouterr().err
    assert main(["update", "a", "b"]) == 0


def test_environments_and_hidden_folders_are_left_out(half: Path, elsewhere: Path) -> None:
    for folder in (".hidden", "env/lib"):
        (elsewhere / folder).mkdir(parents=True)
        (elsewhere / folder / "half.py").write_text(half.read_text() + "EDIT = 1\n")
    assert main(["check"]) == 1
    (elsewhere / "env" / "pyvenv.cfg").touch()
    assert main(["check"]) == 0


def test_a_file_whose_package_is_gone_is_reported_and_left(
    half: Path, capsys: Capture, toys: Write, toy_text: Text
) -> None:
    main(["add", "Kind", "--into", "."])
    init = (
        toy_text("utils/__init__.py").replace('"half"', '"Core"').replace("import half", "import x")
    )
    toys("utils/__init__.py", init)
    before = half.read_bytes()
    capsys.readouterr()
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "not installed       half.py",
        "untouched           kind.py",
    ]
    assert main(["update", "--force"]) == 1
    assert "refused   half.py  (not installed: install its packages)" in capsys.readouterr().out
    assert half.read_bytes() == before


def test_a_new_version_that_changes_nothing_is_no_news(
    half: Path, toys: Write, toy_text: Text
) -> None:
    toys("utils/__init__.py", toy_text("utils/__init__.py").replace("0.3.0", "0.4.0"))
    assert state_of(half) == State.UNTOUCHED
    assert main(["update"]) == 0
    assert "byhand-utils 0.3.0" in half.read_text()


# ---- encodings and ways to run


def test_a_terminal_without_unicode_shows_all_and_show_writes_the_bytes_of_add(
    half: Path, toys: Write, toy_text: Text
) -> None:
    toys(
        "utils/maths.py", toy_text("utils/maths.py").replace("Maths: halves", "Maths: \u00fc\u2192")
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    code, out, err = run("update", env=environment)
    assert (code, err) == (0, "")
    assert '+"""Maths: \\xfc\\u2192.' in out
    code, out, err = run("show", "half", env=environment)
    assert (code, err) == (0, "")
    assert out.encode() == half.read_bytes()


@pytest.mark.parametrize("flag", ["-O", "-OO", "-I", "-B", "-Werror"])
def test_it_runs_with_any_flag_of_python(half: Path, flag: str) -> None:
    assert run("check", flags=(flag,)) == (0, "untouched           half.py\n", "")


def test_it_runs_from_a_zip_file(half: Path, elsewhere: Path, tmp_path: Path) -> None:
    import byhand.vendor

    home = tmp_path / "toys"
    for path in Path(byhand.vendor.__file__).parent.glob("*.py"):
        copy = home / "byhand" / "vendor" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    app = tmp_path / "app.pyz"
    zipapp.create_archive(home, app, main="byhand.vendor.cli:main")
    command = [sys.executable, "-I", str(app)]
    ran = subprocess.run([*command, "list", "half"], check=True, capture_output=True, text=True)
    assert ran.stdout.startswith("utils.half")
    shown = subprocess.run([*command, "show", "half"], check=True, capture_output=True)
    assert shown.stdout == half.read_bytes()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_stops_early_is_no_error(elsewhere: Path, unbuffered: str) -> None:
    paths = [p for p in sys.path if p]
    program = f"import sys; sys.path[:] = {paths!r}; from byhand.vendor.cli import main\n"
    program += "import time; time.sleep(0.2); raise SystemExit(main(['list', 'toy']))"
    writer = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 1
