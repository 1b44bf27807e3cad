# SPDX-License-Identifier: BSD-3-Clause
"""Hidden Markov models by hand: Baum-Welch, Viterbi, filtering."""

from .backward import Backward, backward
from .baum_welch import BaumWelch, baum_welch
from .categorical import CategoricalHMM
from .forward import Forward, forward
from .forward_backward import Posterior, forward_backward
from .gaussian_hmm import GaussianHMM
from .gmm_hmm import GMMHMM
from .multinomial_hmm import MultinomialHMM
from .plots import HistoryDisplay, MatrixDisplay, PathDisplay
from .poisson_hmm import PoissonHMM
from .viterbi import Path, viterbi

__version__ = "0.1.0"

__all__ = [
    "GMMHMM",
    "Backward",
    "BaumWelch",
    "CategoricalHMM",
    "Forward",
    "GaussianHMM",
    "HistoryDisplay",
    "MatrixDisplay",
    "MultinomialHMM",
    "Path",
    "PathDisplay",
    "PoissonHMM",
    "Posterior",
    "backward",
    "baum_welch",
    "forward",
    "forward_backward",
    "viterbi",
]
