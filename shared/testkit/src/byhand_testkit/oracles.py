# SPDX-License-Identifier: BSD-3-Clause
"""Real data and certified results, read from shared/data of the checkout."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["NistProblem", "data_folder", "earthquakes", "faithful", "nist"]


class NistProblem(NamedTuple):
    """A linear regression problem of NIST's Statistical Reference Datasets."""

    X: NDArray[np.float64]  # (n, p) predictors, powers of the first one where the model is one
    y: NDArray[np.float64]  # (n,)
    intercept: bool  # whether the model has one; its coefficient comes first in beta
    beta: NDArray[np.float64]  # certified
    se: NDArray[np.float64]  # certified standard errors
    residual_sd: float | None  # certified, where it stands in the file


@cache
def data_folder() -> Path:
    """Return shared/data, above this file (a checkout) or above the working directory (a wheel)."""
    for start in (Path(__file__).resolve(), Path.cwd() / "here"):
        for folder in start.parents:
            if (folder / "shared" / "data").is_dir():
                return folder / "shared" / "data"
    raise FileNotFoundError("shared/data was not found: run the tests from the checkout")


def _columns(name: str) -> NDArray[np.float64]:
    with (data_folder() / name).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(line for line in file if not line.startswith("#")) if row]
    return np.array(rows[1:], dtype=np.float64)


def faithful() -> NDArray[np.float64]:
    """Old Faithful: (272, 2), duration of an eruption and waiting time to the next, minutes."""
    return _columns("faithful.csv")


def earthquakes() -> NDArray[np.int64]:
    """Major earthquakes in the world per year, 1900-2006: (107,) counts."""
    return _columns("earthquakes.csv")[:, 1].astype(np.int64)


def nist(name: str) -> NistProblem:
    """Return one of Norris, Pontius, NoInt1, Filip, Longley, Wampler1 to Wampler5."""
    problems: dict[str, Any] = json.loads((data_folder() / "nist.json").read_text("utf-8"))
    if name not in problems:
        raise ValueError(f"name must be one of {', '.join(problems)}, got {name!r}")
    p = problems[name]
    X = np.array(p["X"], dtype=np.float64)
    if p["poly"]:
        X = X ** np.arange(1, p["poly"] + 1)
    return NistProblem(
        X,
        np.array(p["y"], dtype=np.float64),
        bool(p["intercept"]),
        np.array(p["beta"], dtype=np.float64),
        np.array(p["se"], dtype=np.float64),
        p["resid_sd"],
    )
