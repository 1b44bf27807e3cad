# SPDX-License-Identifier: BSD-3-Clause
"""What several test files of this folder use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # this file is read where one package is tested alone, too
    from byhand.vendor import PublicName


def module_of(public: PublicName) -> str:
    """A file of its own for each name: Softmax and softmax would both be softmax.py."""
    from byhand.vendor.render import file_name

    kind = "class" if public.name[0].isupper() else "function"
    return f"{public.package}_{kind}_{file_name(public.name).removesuffix('.py')}"


@pytest.fixture(scope="session")
def vendored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file for each public name, by full name, in a package ``vendored``."""
    from byhand.vendor import public_names, render

    folder = tmp_path_factory.mktemp("project") / "vendored"
    folder.mkdir()
    (folder / "__init__.py").touch()
    files = {public.full: folder / f"{module_of(public)}.py" for public in public_names()}
    for name, path in files.items():
        path.write_text(render([name]), encoding="utf-8")
    return files
