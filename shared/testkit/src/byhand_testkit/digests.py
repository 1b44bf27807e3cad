# SPDX-License-Identifier: BSD-3-Clause
"""``python -m byhand_testkit.digests conformance.py``: a hash of the result of every row."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .compare import digest
from .modules import batch, built, run
from .rows import CallRow, EstimatorRow, LayerRow, Row
from .suite import load_rows


def result(row: Row) -> Any:
    """Return all that a row computes."""
    if isinstance(row, EstimatorRow):
        return row.outcome(row.example)
    if isinstance(row, CallRow):
        return row.call(row.arguments())
    if isinstance(row, LayerRow):
        return run(built(row), *batch(row, max(row.batches)), training=False)[0]
    return None


def main() -> None:
    """Print one line a row."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for row in load_rows(Path(sys.argv[1])):
        sys.stdout.write(f"{row.name} {digest(result(row))}\n")


if __name__ == "__main__":
    main()
