# SPDX-License-Identifier: BSD-3-Clause
"""The examples in every README run and print what they say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_python_examples_print_what_they_say(path: Path) -> None:
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", path.read_text(encoding="utf-8"))
    examples = "\n".join(block for block in blocks if block.lstrip().startswith(">>>"))
    test = doctest.DocTestParser().get_doctest(examples, {}, path.parent.name, str(path), 0)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=told.append)
    assert not told, "".join(told)
    if path.parent.name != "vendor":
        assert test.examples, "no example"


def test_every_link_in_a_readme_leads_somewhere() -> None:
    for path in [*READMES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
