# SPDX-License-Identifier: BSD-3-Clause
"""Agreement with other libraries: asserted, and recorded for the page that says so."""

from __future__ import annotations

import json
import math
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["agreement"]


def agreement(algorithm: str, peer: str, work: str, deviation: float, tolerance: float) -> None:
    """Require that a deviation from a peer library is within tolerance, and record it.

    Parameters
    ----------
    algorithm : str
        The public name that agrees, ``byhand.hmm.viterbi``.
    peer : str
        Distribution name of the other library, ``scikit-learn``; its version is looked up.
    work : str
        What was compared, on which data: ``log-likelihood of 100 sequences, K=8``.
    deviation : float
        The largest, relative unless work says otherwise.
    tolerance : float
        What it may be.

    Raises
    ------
    AssertionError
        If deviation is larger, or NaN.

    Notes
    -----
    A line of JSON is appended to the file that the environment variable BYHAND_AGREEMENT names.
    """
    deviation = float(deviation)
    if math.isnan(deviation) or deviation > tolerance:
        raise AssertionError(
            f"{algorithm} and {peer}, {work}: deviation {deviation:.3g}, tolerance {tolerance:.3g}"
        )
    if target := os.environ.get("BYHAND_AGREEMENT"):
        row = {
            "algorithm": algorithm,
            "peer": peer,
            "version": _version(peer),
            "work": work,
            "deviation": deviation,
            "tolerance": tolerance,
        }
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _version(peer: str) -> str:
    try:
        return version(peer)
    except PackageNotFoundError:
        return ""
