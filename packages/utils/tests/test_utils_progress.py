# SPDX-License-Identifier: BSD-3-Clause
"""The progress bar: drawn on a terminal, silent in a pipe, clear without tqdm."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from byhand.utils.progress import ProgressBar, terminal_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Model:
    pass


def info(iteration: int, max_iter: int = 4) -> dict[str, Any]:
    return {"iteration": iteration, "max_iter": max_iter, "objective": -10.0 / iteration}


def test_without_tqdm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        ProgressBar(file=Terminal())(Model(), info(1))


def test_a_terminal_shows_the_estimator_the_step_and_the_objective() -> None:
    pytest.importorskip("tqdm")
    screen = Terminal()
    bar = ProgressBar(file=screen)
    for i in range(1, 5):
        bar(Model(), info(i))
    assert "Model" in screen.getvalue()
    assert "4/4" in screen.getvalue()
    assert "objective -2.5" in screen.getvalue()


def test_a_pipe_shows_nothing_and_needs_no_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    pipe = io.StringIO()
    with ProgressBar(file=pipe) as bar:
        bar(Model(), info(1))
        bar(Model(), info(2))
    assert pipe.getvalue() == ""


def test_a_second_fit_gets_a_bar_of_its_own() -> None:
    pytest.importorskip("tqdm")
    screen = Terminal()
    bar = ProgressBar(file=screen)
    for i in (1, 2, 1, 2, 3, 4):  # the first fit converged after two steps
        bar(Model(), info(i))
    assert screen.getvalue().count("0/4") == 2


def test_it_never_asks_a_fit_to_stop() -> None:
    pytest.importorskip("tqdm")
    assert not ProgressBar(file=io.StringIO())(Model(), info(1))


def test_a_demo_gets_a_bar_on_a_terminal_with_tqdm_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert terminal_progress() is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert terminal_progress() is None
    monkeypatch.undo()
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(terminal_progress(), ProgressBar)
