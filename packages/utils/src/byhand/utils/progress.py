# SPDX-License-Identifier: BSD-3-Clause
"""A progress bar for the ``callback=`` of every fit, on tqdm.

Source:  the callback contract of byhand: ``callback(estimator, info)`` once per iteration.
Differs: shows on a terminal and stays silent in a pipe or a log file.
Cost:    tqdm's, about a microsecond an iteration; tqdm is imported when the first bar is drawn.
Checked: a pseudo-terminal shows it, a pipe does not.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Self, TextIO

__all__ = ["ProgressBar", "terminal_progress"]


class ProgressBar:
    """A callback that draws one bar per fit.

    Parameters
    ----------
    file : text stream, optional
        Where to draw, by default the standard error stream.

    Raises
    ------
    ImportError
        At the first iteration on a terminal, if tqdm is not installed (``pip install tqdm``).

    Examples
    --------
    >>> import io
    >>> bar = ProgressBar(file=io.StringIO())  # no terminal: draws nothing
    >>> bar(None, {"iteration": 1, "max_iter": 2, "objective": -3.5})
    >>> bar(None, {"iteration": 2, "max_iter": 2, "objective": -3.1})
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file
        self._bar: Any = None

    def __call__(self, estimator: object, info: Mapping[str, Any]) -> None:
        """Move to ``info["iteration"]`` of ``info["max_iter"]`` and show ``info["objective"]``."""
        stream = sys.stderr if self.file is None else self.file
        if not stream.isatty():
            return
        iteration, total = info["iteration"], info["max_iter"]
        if self._bar is None or iteration <= self._bar.n:  # a new fit, or the next restart
            self.close()
            self._bar = _new_progress_bar(type(estimator).__name__, total, stream)
        self._bar.set_postfix_str(f"objective {info['objective']:.6g}", refresh=False)
        self._bar.update(iteration - self._bar.n)
        if iteration >= total:
            self.close()

    def close(self) -> None:
        """Finish the bar; needed only where a fit converged before ``max_iter``."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def terminal_progress() -> ProgressBar | None:
    """Give a bar where one can be seen: on a terminal, with tqdm installed.

    Returns
    -------
    ProgressBar or None
        None is no callback; so ``fit(X, callback=terminal_progress())`` always works.

    Examples
    --------
    >>> bar = terminal_progress()
    >>> bar is None or isinstance(bar, ProgressBar)
    True
    """
    seen = sys.stderr.isatty() and find_spec("tqdm") is not None
    return ProgressBar() if seen else None


def _new_progress_bar(name: str, total: int, file: TextIO) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError("ProgressBar needs tqdm: pip install tqdm") from None
    return tqdm(desc=name, total=total, file=file)
