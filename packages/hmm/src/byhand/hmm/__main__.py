# SPDX-License-Identifier: BSD-3-Clause
"""Vowels and earthquakes: ``python -m byhand.hmm [--plot FILE]``.

Source:  Cave & Neuwirth (1980), "Hidden Markov models for English"; Zucchini, MacDonald &
         Langrock, Hidden Markov Models for Time Series, chapters 3 and 4.
Differs: the text is the beginning of the Psalms (King James Version), as it comes with the package.
Cost:    a few seconds.
Checked: the five vowels share one state; the earthquakes' likelihood and means are the book's.
"""
# T characters of text, K = 2 states, V = 27 symbols: a to z and the space
# N = 107 years, K = 3 states that emit counts

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.progress import terminal_progress

from .categorical import CategoricalHMM
from .plots import PathDisplay
from .poisson_hmm import PoissonHMM

__all__ = ["main"]

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"
DEMO = Path(__file__).parent / "_demo"


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn from letters and from earthquakes, print what the states are, draw it if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m byhand.hmm",
        description="Learn hidden Markov models of English letters and of earthquakes.",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw what the states emit")
    options = parser.parse_args(arguments)

    letters = _learn_letters()
    quakes, counts = _learn_earthquakes()
    if options.plot:
        _draw(letters, quakes, counts, options.plot)
        print(f"drawn to {options.plot}")


def _learn_letters() -> NDArray[np.float64]:
    """Emission probabilities (2, V), the state of the vowels first."""
    text = _read_text()
    model = CategoricalHMM(2, n_features=len(SYMBOLS), n_iter=500, n_init=5, random_state=0)
    model.fit(_codes(text), callback=terminal_progress())
    vowels = int(model.emissionprob_[:, SYMBOLS.index("e")].argmax())
    emissions: NDArray[np.float64] = model.emissionprob_[[vowels, 1 - vowels]]

    print(f"{len(text)} characters of the Psalms, two states, no other hint")
    print(f"best of {model.n_init} starts: {model.n_iter_} iterations of EM")
    print(f"log-likelihood per character: {model.history_[-1] / len(text):.4f} nats")
    for state, name in enumerate(("state V", "state C")):
        print(f"{name} emits: {_letters(emissions, state)}")
    for word in ("blessed", "scornful", "righteous"):
        states = model.predict(_codes(word))
        print(f"{word:>12} -> {''.join('VC'[int(s != vowels)] for s in states)}")
    return emissions


def _learn_earthquakes() -> tuple[PoissonHMM, NDArray[np.int64]]:
    years, counts = np.loadtxt(
        DEMO / "earthquakes.csv", delimiter=",", skiprows=3, dtype=np.int64, unpack=True
    )
    X = counts[:, None]
    model = PoissonHMM(3, n_init=10, n_iter=500, tol=1e-6, random_state=0).fit(X)
    order = np.argsort(model.lambdas_[:, 0])
    means = ", ".join(f"{m:.2f}" for m in model.lambdas_[order, 0])
    print()
    print(f"major earthquakes per year, {years[0]} to {years[-1]}, three states that emit counts")
    print(f"log-likelihood: {model.history_[-1]:.4f} nats, AIC {model.aic(X):.1f}")
    print(f"means: {means}")
    states = np.argsort(order)[model.predict(X)]
    begins = np.flatnonzero(np.diff(states, prepend=-1))
    spans = [f"{years[b]} {['low', 'mid', 'high'][states[b]]}" for b in begins]
    print(f"most probable history: {', '.join(spans)}")
    return model, counts


def _read_text() -> str:
    """Lower-case letters; whatever lies between two words is one space."""
    raw = (DEMO / "psalms.txt").read_text(encoding="ascii")
    return re.sub("[^a-z]+", " ", raw.lower()).strip()


def _codes(text: str) -> NDArray[np.int64]:
    return np.array([SYMBOLS.index(c) for c in text], dtype=np.int64)[:, None]


def _letters(p: NDArray[np.float64], state: int) -> str:
    """Symbols that this state emits more often than the other, most probable first."""
    here = [v for v in np.argsort(-p[state]) if p[state, v] > p[1 - state, v]]
    return " ".join("space" if v == 0 else SYMBOLS[v] for v in here)


def _draw(
    letters: NDArray[np.float64], quakes: PoissonHMM, counts: NDArray[np.int64], file: str
) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(9, 7), layout="constrained")
    top, bottom = figure.subplots(2)
    axes: Any = top
    at: NDArray[np.int64] = np.arange(len(SYMBOLS))
    axes.bar(at - 0.2, letters[0], 0.4, label="state V")
    axes.bar(at + 0.2, letters[1], 0.4, label="state C")
    axes.set_xticks(at, ["space", *SYMBOLS[1:]])
    axes.set_ylabel("p(letter | state)")
    axes.set_title("A two-state hidden Markov model of English finds the vowels")
    axes.legend()
    years = np.arange(1900, 1900 + len(counts))
    PathDisplay.from_estimator(quakes, counts[:, None], times=years, ax=bottom)
    bottom.set_title("Major earthquakes per year, and the rate that the states expect")
    figure.savefig(file)


if __name__ == "__main__":
    main()
