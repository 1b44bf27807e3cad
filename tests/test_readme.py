# SPDX-License-Identifier: BSD-3-Clause
"""The examples in every README run and print what they say."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
COMMAND = re.compile(r"(?m)^\$ \S*python -m byhand\.(\w+).*\n((?:(?!\$ |```).+\n)*)")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_python_examples_print_what_they_say(path: Path) -> None:
    examples = "\n".join(block for block in python_blocks(path) if block.startswith(">>>"))
    test = doctest.DocTestParser().get_doctest(examples, {}, path.parent.name, str(path), 0)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=told.append)
    assert not told, "".join(told)
    if path.parent.name != "vendor":
        assert test.examples, "no example"


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"(?ms)^```python\n(.*?)^```", path.read_text(encoding="utf-8"))


def output(*arguments: str, cwd: Path | None = None) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def same(told: str, printed: str) -> bool:
    """Word for word; numbers to 2 %, as float32 training differs between processors."""
    if told == printed:
        return True
    try:
        return float(told.strip("%,")) == pytest.approx(float(printed.strip("%,")), rel=0.02)
    except ValueError:
        return False


def assert_printed(told: str, printed: str) -> None:
    """Find each told line, or a line as good as it, in what was printed, in order."""
    lines = iter(printed.splitlines())
    for line in told.splitlines():
        if line == "...":
            continue
        words = line.split()
        assert any(
            len(words) == len(other.split()) and all(map(same, words, other.split()))
            for other in lines
        ), f"{line!r} is not in, or out of order in\n{printed}"


def shown_demos() -> list[Any]:
    return [
        pytest.param(package, told, id=f"{path.parent.name}-{package}")
        for path in READMES
        for package, told in COMMAND.findall(path.read_text(encoding="utf-8"))
        if told
    ]


@pytest.mark.parametrize(("package", "told"), shown_demos())
def test_the_demo_prints_what_is_shown(package: str, told: str, tmp_path: Path) -> None:
    assert_printed(told, output("-m", f"byhand.{package}", cwd=tmp_path))


def test_a_wrong_line_or_number_would_be_seen() -> None:
    for wrong in ("3 rows", "5 lines", "9.1 %"):
        with pytest.raises(AssertionError, match=re.escape(wrong)):
            assert_printed(f"5 rows\n{wrong}", "5 rows\n99.3 %\n")


def test_the_scripts_print_what_is_said() -> None:
    """Blocks that are no sessions, with "prints `...`" after them."""
    found = 0
    for path in READMES:
        text = path.read_text(encoding="utf-8")
        for block in python_blocks(path):
            said = re.match(r"\s*prints `(.*)`", text.partition(f"{block}```")[2])
            if block.startswith(">>>") or not said:
                continue
            assert_printed(said[1], output("-c", block))
            found += 1
    assert found


def test_every_link_in_a_readme_leads_somewhere() -> None:
    for path in [*READMES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
