# SPDX-License-Identifier: BSD-3-Clause
"""The demo finds the vowels, says so, and draws them."""

from __future__ import annotations

from typing import Any

import pytest

from byhand.hmm.__main__ import main


def test_the_demo_finds_the_vowels_and_the_books_earthquakes(capsys: Any, tmp_path: Any) -> None:
    arguments = []
    try:
        import matplotlib  # noqa: F401

        arguments = ["--plot", str(tmp_path / "bars.png")]
    except ImportError:
        pass
    main(arguments)
    text = capsys.readouterr().out
    letters = dict(line.split(" emits: ") for line in text.splitlines() if " emits: " in line)
    assert set(letters["state V"].split()) == {"space", "a", "e", "i", "o", "u"}
    assert len(letters["state C"].split()) == 21
    assert "log-likelihood per character: -2.70" in text
    assert "-> CCVCCVC" in text
    assert "log-likelihood: -328.5275 nats, AIC 679.1" in text  # as the book prints them
    assert "means: 13.13, 19.71, 29.71" in text
    if arguments:
        assert (tmp_path / "bars.png").stat().st_size > 5000


def test_the_demo_says_what_it_can_do(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--plot FILE" in capsys.readouterr().out
