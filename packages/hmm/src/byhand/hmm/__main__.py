# SPDX-License-Identifier: BSD-3-Clause
"""Vowels and consonants, found unaided: ``python -m byhand.hmm [--plot FILE] [--progress]``.

Source:  Cave & Neuwirth (1980), "Hidden Markov models for English".
Differs: the text is the beginning of the Psalms (King James Version), as it comes with the package.
Cost:    a few seconds.
Checked: each state emits what this program says; the five vowels share one state.
"""
# T characters of text, K = 2 states, V = 27 symbols: a to z and the space

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.progress import ProgressBar

from .categorical import CategoricalHMM

__all__ = ["main"]

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn a model of the letters, print what its states emit, and draw it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m byhand.hmm", description=_summary())
    parser.add_argument("--plot", metavar="FILE", help="draw the emission probabilities")
    parser.add_argument("--progress", action="store_true", help="show a bar (needs tqdm)")
    options = parser.parse_args(arguments)

    text = _read_text()
    X = np.array([SYMBOLS.index(c) for c in text])[:, None]
    model = CategoricalHMM(2, n_features=len(SYMBOLS), n_iter=500, n_init=5, random_state=0)
    model.fit(X, callback=ProgressBar() if options.progress else None)
    vowels = int(model.emissionprob_[:, SYMBOLS.index("e")].argmax())

    print(f"{len(text)} characters of the Psalms, two states, no other hint")
    print(f"best of {model.n_init} starts: {model.n_iter_} iterations of EM")
    print(f"log-likelihood per character: {model.history_[-1] / len(text):.4f} nats")
    for name, state in (("state V", vowels), ("state C", 1 - vowels)):
        print(f"{name} emits: {_letters(model, state)}")
    for word in ("blessed", "scornful", "righteous"):
        states = model.predict(np.array([SYMBOLS.index(c) for c in word])[:, None])
        print(f"{word:>12} -> {''.join('VC'[int(s != vowels)] for s in states)}")
    if options.plot:
        _draw(model, vowels, options.plot)
        print(f"emission probabilities drawn to {options.plot}")


def _summary() -> str:
    return "Learn a two-state model of English letters: it finds vowels and consonants."


def _read_text() -> str:
    """Lower-case letters; whatever lies between two words is one space."""
    raw = (Path(__file__).parent / "_demo" / "psalms.txt").read_text(encoding="ascii")
    return re.sub("[^a-z]+", " ", raw.lower()).strip()


def _letters(model: CategoricalHMM, state: int) -> str:
    """Symbols that this state emits more often than the other, most probable first."""
    p = model.emissionprob_
    here = [v for v in np.argsort(-p[state]) if p[state, v] > p[1 - state, v]]
    return " ".join("space" if v == 0 else SYMBOLS[v] for v in here)


def _draw(model: CategoricalHMM, vowels: int, file: str) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes: Any = figure.add_subplot()
    at: NDArray[np.int64] = np.arange(len(SYMBOLS))
    axes.bar(at - 0.2, model.emissionprob_[vowels], 0.4, label="state V")
    axes.bar(at + 0.2, model.emissionprob_[1 - vowels], 0.4, label="state C")
    axes.set_xticks(at, ["space", *SYMBOLS[1:]])
    axes.tick_params(axis="x", labelrotation=0)
    axes.set_ylabel("p(letter | state)")
    axes.set_title("A two-state hidden Markov model of English finds the vowels")
    axes.legend()
    figure.savefig(file)


if __name__ == "__main__":
    main()
