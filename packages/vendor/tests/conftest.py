# SPDX-License-Identifier: BSD-3-Clause
"""Two toy packages in the namespace, with one of everything that vendoring meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from byhand.vendor.cli import main
from byhand.vendor.sources import load_module

TOYS = {
    "utils/__init__.py": """
__version__ = "0.3.0"
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from .base import Core, Estimator
    from .maths import half
__all__ = ["Core", "Estimator", "half"]
""",
    "utils/interop.py": '''
"""Interop."""
class SklearnInterop:
    pass
class AlsoSklearn:
    pass
''',
    "utils/base.py": '''
# SPDX-License-Identifier: BSD-3-Clause
"""Base: parameters.

Source:  nobody.
"""
# W weights

from __future__ import annotations

from typing import Any

from .interop import AlsoSklearn, SklearnInterop


class NotFitted(AlsoSklearn, ValueError, AttributeError):
    """Not fitted."""


class Core:
    """Core."""

    def check(self) -> Any:
        raise NotFitted("no")


class Estimator(SklearnInterop, Core):
    """Estimator."""


class Other:
    """Nobody needs it."""
''',
    "utils/maths.py": '''
"""Maths: halves.

Source:  nobody.
"""
import numpy as np
from math import pi, tau

__all__ = ["half", "unused"]

SIZE = 2  # what one divides by
TABLE = {"pi": pi}

# Why this is so.
def half(x):
    """Halve.

    >>> from byhand.utils.maths import half
    >>> half(2)
    1.0
    """
    unused = 1  # a local, not the function below
    return x / SIZE * unused  # noqa: XYZ


def unused(x):
    return np.asarray(x) * tau
''',
    "toy/__init__.py": '''
"""Toy."""
from .net import Net, fit_net
from .solo import Kind
__version__ = "1.2.3"
__all__ = ["Kind", "Net", "fit_net"]
''',
    "toy/net.py": '''
# SPDX-License-Identifier: BSD-3-Clause
r"""Net: a toy.

Source:  nobody.
"""
# x input   y output

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.utils.base import Estimator
from byhand.utils.maths import half

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Net", "fit_net"]

Floats = NDArray[np.float64]


class Result(NamedTuple):
    """A result."""

    y: float  # half of x


# Above the function.
# Two lines of it.
def fit_net(xs: Sequence[float]) -> Result:
    """Fit."""
    return Result(half(sum(xs)))  # the sum, halved


@staticmethod
def decorated() -> None: ...


class Net(Estimator):
    """Net."""

    half = 1.0

    def fit(self, xs: Floats) -> Net:
        self.y_ = fit_net(xs).y
        return self
''',
    "toy/solo.py": '''
"""Solo."""
class Kind:
    """Kind."""
''',
}


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install the toy packages, and give a function that rewrites one of their files."""
    home = tmp_path / "toys" / "byhand"

    def write(name: str, text: str) -> None:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
        load_module.cache_clear()

    for name, text in TOYS.items():
        write(name, text)
    monkeypatch.syspath_prepend(str(tmp_path / "toys"))
    yield write
    load_module.cache_clear()


@pytest.fixture
def toy_text() -> Callable[[str], str]:
    """Give the text of a toy file, to be changed and written anew."""
    return lambda name: TOYS[name].lstrip("\n")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toys: object) -> Path:
    """Work in an empty folder, with the toys installed."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def half(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A vendored file."""
    main(["add", "half", "--into", "."])
    capsys.readouterr()
    return elsewhere / "half.py"
