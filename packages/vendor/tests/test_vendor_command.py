# SPDX-License-Identifier: BSD-3-Clause
"""The command as a user runs it, and everything that it refuses."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byhand.vendor.cli import main

Write = Callable[[str, str], None]
Text = Callable[[str], str]
Capture = pytest.CaptureFixture[str]


pytestmark = pytest.mark.usefixtures("elsewhere")


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_list_shows_names_lines_and_what_they_are(capsys: Capture) -> None:
    assert main(["list", "toy"]) == 0
    out = capsys.readouterr().out
    assert "toy.Net" in out
    assert "toy.fit_net" in out
    assert "Net: a toy." in out
    assert main(["list", "HALF"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    main(["show", "half"])
    lines = len(capsys.readouterr().out.splitlines())
    assert line.split()[:3] == ["utils.half", str(lines), "lines"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("toy.*", ["toy.Kind", "toy.Net", "toy.fit_net"]),
        ("byhand.toy.?et", ["toy.Net"]),
        ("*NET", ["toy.Net", "toy.fit_net"]),
        ("toy.[kf]*", ["toy.Kind", "toy.fit_net"]),
        ("toy.", ["toy.Kind", "toy.Net", "toy.fit_net"]),
        ("byhand.utils", ["utils.Core", "utils.Estimator", "utils.half"]),
    ],
)
def test_list_takes_parts_and_patterns(capsys: Capture, pattern: str, found: list[str]) -> None:
    assert main(["list", pattern]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == found


def test_a_file_named_after_a_name_says_what_it_is_else_its_first_sentence(
    capsys: Capture,
) -> None:
    main(["list", "toy.*"])
    told = [line.split("lines  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert told == ["Kind.", "Net: a toy.", "Fit."]


def test_list_with_nothing_found_says_what_is_near(capsys: Capture) -> None:
    assert main(["list", "nett"]) == 1
    assert "did you mean Net" in capsys.readouterr().err


def test_show_prints_what_add_writes(capsys: Capture, elsewhere: Path) -> None:
    main(["show", "half"])
    text = capsys.readouterr().out
    assert main(["add", "half", "--into", "lib/ml"]) == 0
    assert (elsewhere / "lib/ml/half.py").read_text() == text
    assert capsys.readouterr().out.split()[0] == "create"


def test_add_again_changes_nothing(capsys: Capture, elsewhere: Path) -> None:
    main(["add", "half", "--into", "."])
    before = (elsewhere / "half.py").stat().st_mtime_ns
    assert main(["add", "half", "--into", "."]) == 0
    assert (elsewhere / "half.py").stat().st_mtime_ns == before
    assert "unchanged" in capsys.readouterr().out


def test_add_writes_one_file_for_each_name_or_one_together(elsewhere: Path) -> None:
    assert main(["add", "half", "Net", "--into", "a"]) == 0
    assert main(["add", "half", "Net", "--into", "b", "--together", "--name", "both.py"]) == 0
    assert main(["add", "Net", "--into", "c", "--private"]) == 0
    assert files(elsewhere) == ["a/half.py", "a/net.py", "b/both.py", "c/_net.py"]


def test_a_dry_run_writes_nothing(capsys: Capture, elsewhere: Path) -> None:
    assert main(["add", "half", "--into", "lib", "--dry-run"]) == 0
    assert "create" in capsys.readouterr().out
    assert files(elsewhere) == []
    assert not (elsewhere / "lib").exists()


def test_nothing_is_written_where_one_of_several_is_refused(elsewhere: Path) -> None:
    (elsewhere / "net.py").write_text("mine = 1\n")
    assert main(["add", "half", "Net", "--into", "."]) == 1
    assert files(elsewhere) == ["net.py"]


@pytest.mark.parametrize("content", ["mine = 1\n", "", "\x00\xff"])
def test_a_foreign_file_is_kept(capsys: Capture, elsewhere: Path, content: str) -> None:
    path = elsewhere / "half.py"
    path.write_text(content, encoding="latin-1")
    assert main(["add", "half", "--into", "."]) == 1
    assert "byhand-vendor did not write it" in capsys.readouterr().err
    assert path.read_text(encoding="latin-1") == content
    assert main(["add", "half", "--into", ".", "--force"]) == 0
    assert "def half" in path.read_text()


def test_an_edited_file_is_kept(capsys: Capture, elsewhere: Path) -> None:
    main(["add", "half", "--into", "."])
    path = elsewhere / "half.py"
    path.write_text(path.read_text().replace("SIZE = 2", "SIZE = 3"))
    assert main(["add", "half", "--into", "."]) == 1
    assert "was edited since" in capsys.readouterr().err
    assert "SIZE = 3" in path.read_text()


@pytest.mark.parametrize(
    "name", ["../half.py", "/half.py", "a/b.py", "half", "half.txt", "..", "", "a b.py", "a\x1b.py"]
)
def test_a_name_that_leads_elsewhere_is_refused(
    capsys: Capture, elsewhere: Path, name: str
) -> None:
    assert main(["add", "half", "--into", ".", f"--name={name}"]) == (0 if name == "" else 1)
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert files(elsewhere.parent / "project") == ([] if name else ["half.py"])
    assert not (elsewhere.parent / "half.py").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_is_not_followed(capsys: Capture, elsewhere: Path) -> None:
    outside = elsewhere.parent / "outside.py"
    outside.write_text("precious = 1\n")
    (elsewhere / "half.py").symlink_to(outside)
    for force in ([], ["--force"]):
        assert main(["add", "half", "--into", ".", *force]) == 1
        assert "is a link" in capsys.readouterr().err
    assert outside.read_text() == "precious = 1\n"
    assert (elsewhere / "half.py").is_symlink()


def test_into_a_file_is_refused(capsys: Capture, elsewhere: Path) -> None:
    (elsewhere / "lib").write_text("a file")
    assert main(["add", "half", "--into", "lib"]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err


def test_a_folder_of_that_name_is_refused(capsys: Capture, elsewhere: Path) -> None:
    (elsewhere / "half.py").mkdir()
    assert main(["add", "half", "--into", ".", "--force"]) == 1
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "number", "reason"),
    [
        ("open", 13, "Permission denied"),
        ("open", 30, "Read-only file system"),
        ("fsync", 28, "No space left on device"),
        ("replace", 28, "No space left on device"),
    ],
)
def test_a_full_disk_or_a_read_only_folder_leaves_the_old_file(
    capsys: Capture,
    elsewhere: Path,
    step: str,
    number: int,
    reason: str,
    toys: Write,
    toy_text: Text,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main(["add", "half", "--into", "."])
    old = (elsewhere / "half.py").read_bytes()
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))

    real = open

    def full(*arguments: Any, **options: Any) -> Any:
        if step == "open" and arguments[1:] != ("xb",):  # to read is possible
            return real(*arguments, **options)
        raise OSError(number, reason)

    monkeypatch.setattr(builtins if step == "open" else os, step, full)
    assert main(["add", "half", "--into", "."]) == 1
    assert f"cannot be written: {reason}" in capsys.readouterr().err
    monkeypatch.undo()
    assert (elsewhere / "half.py").read_bytes() == old
    assert files(elsewhere) == ["half.py"]


def test_check_tells_the_four_states_apart(
    capsys: Capture, elsewhere: Path, toys: Write, toy_text: Text
) -> None:
    main(["add", "half", "Kind", "Core", "--into", "lib"])
    main(["add", "half", "--into", "lib", "--name", "both.py"])
    (elsewhere / "lib" / "mine.py").write_text("x = 1\n")
    assert main(["check", "lib"]) == 0
    capsys.readouterr()
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))
    for name in ("kind.py", "both.py"):
        path = elsewhere / "lib" / name
        path.write_text(path.read_text().replace('"""\n\n', '"""\n\nEDIT = 1\n\n', 1))
    assert main(["check", "lib"]) == 1
    told = {Path(line.rsplit(maxsplit=1)[1]).name: line.rsplit(maxsplit=1)[0].strip()
            for line in capsys.readouterr().out.splitlines()}  # fmt: skip
    assert told == {
        "core.py": "untouched",
        "half.py": "outdated",
        "kind.py": "edited",
        "both.py": "edited and outdated",
    }


@pytest.mark.parametrize(
    ("old", "new"), [("/ SIZE", "/SIZE"), ("return x", "return   x"), ("\n\n\n", "\n\n\n\n")]
)
def test_a_formatter_is_no_edit(elsewhere: Path, old: str, new: str) -> None:
    main(["add", "half", "--into", "."])
    path = elsewhere / "half.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert main(["check"]) == 0


def test_a_comment_or_licence_changed_by_hand_is_an_edit(elsewhere: Path) -> None:
    main(["add", "half", "--into", "."])
    path = elsewhere / "half.py"
    for old, new in (("# Why this", "# why this"), ("# THIS SOFTWARE", "# That software")):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        assert main(["check"]) == 1
        path.write_text(text)


def test_a_file_that_is_no_longer_python_is_edited(capsys: Capture, elsewhere: Path) -> None:
    main(["add", "half", "--into", "."])
    path = elsewhere / "half.py"
    path.write_text(path.read_text().replace("def half(x):", "def half(x:"))
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("edited ")


def test_diff_shows_what_an_update_would_change(
    capsys: Capture, elsewhere: Path, toys: Write, toy_text: Text
) -> None:
    main(["add", "half", "--into", "lib"])
    assert main(["diff", "half"]) == 0
    capsys.readouterr()
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))
    for name in ("half", "lib/half.py"):
        assert main(["diff", name]) == 1
        out = capsys.readouterr().out
        assert "-SIZE = 2" in out
        assert "+SIZE = 4" in out


def test_diff_of_a_name_that_is_not_vendored_is_refused(capsys: Capture) -> None:
    assert main(["diff", "half"]) == 1
    assert "half is not vendored in ." in capsys.readouterr().err


def test_update_writes_outdated_files_and_refuses_edited_ones(
    capsys: Capture, elsewhere: Path, toys: Write, toy_text: Text
) -> None:
    main(["add", "half", "--into", "."])
    main(["add", "half", "--into", ".", "--name", "edited.py"])
    edited = elsewhere / "edited.py"
    edited.write_text(edited.read_text().replace("SIZE = 2", "SIZE = 3"))
    toys("utils/maths.py", toy_text("utils/maths.py").replace("SIZE = 2", "SIZE = 4"))
    assert main(["update", "--dry-run"]) == 1
    assert "SIZE = 2" in (elsewhere / "half.py").read_text()
    assert main(["update"]) == 1
    assert "refused" in capsys.readouterr().out
    assert "SIZE = 4" in (elsewhere / "half.py").read_text()
    assert "SIZE = 3" in edited.read_text()
    assert main(["update", "--force"]) == 0
    assert "SIZE = 4" in edited.read_text()
    assert main(["check"]) == 0


def test_an_edited_file_that_is_up_to_date_is_left_in_peace(elsewhere: Path) -> None:
    main(["add", "half", "--into", "."])
    path = elsewhere / "half.py"
    path.write_text(path.read_text().replace("SIZE = 2", "SIZE = 3"))
    assert main(["update"]) == 0
    assert "SIZE = 3" in path.read_text()


def test_check_of_no_folder_is_refused(capsys: Capture) -> None:
    assert main(["check", "nowhere"]) == 1
    assert "nowhere is no folder" in capsys.readouterr().err


def test_two_names_for_one_file_are_refused(capsys: Capture, toys: Write, toy_text: Text) -> None:
    assert main(["add", "half", "Net", "--into", ".", "--name", "x.py"]) == 1
    assert "--name is for one file" in capsys.readouterr().err
    assert main(["add", "half", "utils.half", "--into", "."]) == 1
    assert "two names would be written to the same file" in capsys.readouterr().err


def test_without_arguments_it_prints_its_help(capsys: Capture) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("list", "show", "add", "check", "diff", "update"))
    assert "Exit status: 0" in out


@pytest.mark.parametrize("arguments", [["add", "half"], ["nonsense"], ["list", "a", "b"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
