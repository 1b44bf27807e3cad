# SPDX-License-Identifier: BSD-3-Clause
"""Model files and the official safetensors package read one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from byhand.utils.safetensors_file import read_safetensors, write_safetensors

official = pytest.importorskip("safetensors.numpy")


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {
        f"{np.dtype(code)}": (rng.normal(size=(3, 4)) * 50).astype(code)
        for code in ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
    }
    made["fortran"] = np.asfortranarray(rng.normal(size=(3, 5)))
    made["strided"] = rng.normal(size=(8, 6))[::2, ::-3]
    made["big_endian"] = np.arange(7, dtype=">f4")
    made["empty"] = np.zeros((0, 3))
    made["zero_d"] = np.array(1.5)
    return made


def test_the_official_package_reads_our_files(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    path.write_bytes(b"".join(write_safetensors(arrays(), {"key": "value"})))
    theirs = official.load_file(path)
    assert set(theirs) == set(arrays())
    for name, array in arrays().items():
        assert np.array_equal(theirs[name], array)
        assert theirs[name].shape == array.shape
    with pytest.importorskip("safetensors").safe_open(path, framework="np") as file:
        assert file.metadata() == {"key": "value"}


def test_we_read_the_official_package_s_files(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    native = {
        name: np.array(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays().items()
    }
    official.save_file(native, path, metadata={"key": "value"})
    ours, metadata = read_safetensors(path.read_bytes())
    assert metadata == {"key": "value"}
    assert set(ours) == set(native)
    for name, array in native.items():
        assert ours[name].dtype == array.dtype
        assert np.array_equal(ours[name], array)
