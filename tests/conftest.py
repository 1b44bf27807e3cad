# SPDX-License-Identifier: BSD-3-Clause
"""What several test files of this folder use."""

from __future__ import annotations

from pathlib import Path

import pytest

from byhand.vendor import PublicName, public_names, render
from byhand.vendor.render import file_name


def module_of(public: PublicName) -> str:
    """A file of its own for each name: Softmax and softmax would both be softmax.py."""
    kind = "class" if public.name[0].isupper() else "function"
    return f"{public.package}_{kind}_{file_name(public.name).removesuffix('.py')}"


@pytest.fixture(scope="session")
def vendored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file for each public name, by full name, in a package ``vendored``."""
    folder = tmp_path_factory.mktemp("project") / "vendored"
    folder.mkdir()
    (folder / "__init__.py").touch()
    files = {public.full: folder / f"{module_of(public)}.py" for public in public_names()}
    for name, path in files.items():
        path.write_text(render([name]), encoding="utf-8")
    return files
