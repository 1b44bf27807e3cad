# SPDX-License-Identifier: BSD-3-Clause
"""The demo: learns the digits in the wheel, and says what it needs for the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from byhand.nn import __main__ as demo


def test_the_network_reads_98_of_100_digits_that_it_has_not_seen() -> None:
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # products are small
    text = subprocess.run(
        [sys.executable, "-m", "byhand.nn", "--epochs", "15"],
        env={**os.environ, **one_thread},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"held out: (\d+) of 449 right, ([\d.]+) %", text)
    assert found, text
    assert float(found[2]) >= 98
    assert "parameters in float32" in text


def test_the_digits_are_the_repositorys() -> None:
    """Sums of the UCI test set: 1,797 images, 561,718 in all pixels, three pixels always 0."""
    X, y, X_test, y_test = demo._read_digits()
    pixels = np.concatenate([X, X_test]).reshape(-1, 64) * 16
    assert pixels.shape == (1797, 64)
    assert pixels.sum() == 561718
    assert np.flatnonzero(pixels.max(axis=0) == 0).tolist() == [0, 32, 39]
    labels = np.concatenate([y, y_test])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    zeros, ones = (pixels[labels == k].mean(axis=0).reshape(8, 8) for k in (0, 1))
    assert zeros[3:5, 3:5].mean() < 3  # a hole
    assert ones[3:5, 3:5].mean() > 10  # a stroke


def test_the_data_take_less_than_40_kb_and_name_their_licence() -> None:
    folder = Path(demo.__file__).parent / "_demo"
    assert sum(f.stat().st_size for f in folder.iterdir()) <= 40_000
    assert "CC BY 4.0" in (folder / "PROVENANCE.md").read_text(encoding="utf-8")


def test_missing_clothes_are_said_to_be_installable(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(demo, "FASHION", tmp_path / "nothing")
    with pytest.raises(SystemExit, match="apt install dataset-fashion-mnist"):
        demo.main(["--fashion"])
