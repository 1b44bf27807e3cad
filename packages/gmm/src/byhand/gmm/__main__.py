# SPDX-License-Identifier: BSD-3-Clause
"""Old Faithful, chosen by BIC: ``python -m byhand.gmm [--plot FILE] [--progress]``.

Source:  Fraley & Raftery (2002) choose mixtures by BIC; the geyser's data come with the package.
Differs: none.
Cost:    a second.
Checked: the log-likelihood of two full components is that of R's mclust and mixtools.
"""
# X (272, 2) minutes of eruption, minutes until the next one

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.gaussian import COVARIANCE_TYPES
from byhand.utils.progress import ProgressBar

from .conditional import conditional
from .gaussian_mixture import GaussianMixture
from .plots import BICDisplay, MixtureDisplay, ResponsibilityDisplay

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit mixtures of one to six Gaussians, choose one by BIC, print and draw it."""
    parser = argparse.ArgumentParser(
        prog="python -m byhand.gmm",
        description="Fit Gaussian mixtures to the eruptions of Old Faithful and choose one by BIC.",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the mixture and the BIC curves")
    parser.add_argument("--progress", action="store_true", help="show bars (needs tqdm)")
    options = parser.parse_args(arguments)

    X = _read_eruptions()
    mixtures = [
        _fit(X, kind, K, options.progress) for kind in COVARIANCE_TYPES for K in range(1, 7)
    ]
    best = min(mixtures, key=lambda mixture: mixture.bic(X))

    print(f"{len(X)} eruptions of Old Faithful: minutes of eruption, minutes until the next one")
    print("BIC             " + "".join(f"{K:>9}" for K in range(1, 7)) + "  components")
    for kind in COVARIANCE_TYPES:
        row = "".join(f"{m.bic(X):9.1f}" for m in mixtures if m.covariance_type == kind)
        print(f"{kind:>16}{row}")
    print(f"lowest: {best.n_components} components, covariance_type={best.covariance_type!r}")
    for k in np.argsort(best.means_[:, 0]):
        minutes, wait = best.means_[k]
        weight = f"  weight {best.weights_[k]:.3f}"
        print(f"{weight}: {minutes:.2f} minutes, then {wait:.1f} minutes of rest")
    two = next(m for m in mixtures if m.n_components == 2 and m.covariance_type == "full")
    log_likelihood = two.score(X) * len(X)
    print(f"log-likelihood of two full components: {log_likelihood:.4f} nats (mclust: -1130.264)")
    answer = conditional(best, [[2.0], [4.5]], given=[0])
    for minutes, wait, variance in zip(
        (2.0, 4.5), answer.mean()[:, 0], answer.covariance()[:, 0, 0], strict=True
    ):
        print(
            f"after {minutes} minutes of eruption, wait {wait:.1f} +- {variance**0.5:.1f} minutes"
        )
    if options.plot:
        _draw_eruptions(X, mixtures, best, options.plot)
        print(f"mixture and BIC curves drawn to {options.plot}")


def _read_eruptions() -> NDArray[np.float64]:
    return np.loadtxt(Path(__file__).parent / "_demo" / "faithful.csv", delimiter=",", skiprows=1)


def _fit(X: NDArray[np.float64], kind: str, n_components: int, progress: bool) -> GaussianMixture:
    mixture = GaussianMixture(
        n_components, covariance_type=kind, n_init=3, tol=1e-7, max_iter=1000, random_state=0
    )
    return mixture.fit(X, callback=ProgressBar() if progress else None)


def _draw_eruptions(
    X: NDArray[np.float64], mixtures: list[GaussianMixture], best: GaussianMixture, file: str
) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(13, 4), layout="constrained")
    axes: Any = figure.subplots(1, 3)
    names = ("eruption, minutes", "wait until the next, minutes")
    MixtureDisplay.from_estimator(best, X, names=names, ax=axes[0])
    ResponsibilityDisplay.from_estimator(best, X, ax=axes[1])
    BICDisplay.from_estimators(mixtures, X, ax=axes[2])
    axes[0].set_title(f"{best.n_components} components, {best.covariance_type}")
    figure.savefig(file)


if __name__ == "__main__":
    main()
