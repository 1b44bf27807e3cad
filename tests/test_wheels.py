# SPDX-License-Identifier: BSD-3-Clause
"""What the wheels hold, how large they are, and that they come out the same everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
# bytes; a demo's data come on top
LARGEST = {"nn": 110_000, "utils": 85_000}
LARGEST_OTHER = 100_000
DEMO = 40_000


def checkout(target: Path) -> Path:
    """Copy what a clone would hold, with other times and permissions."""
    leave = shutil.ignore_patterns("__pycache__", "dist", "build", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT / "packages", target / "packages", ignore=leave)
    shutil.copy(ROOT / ".gitignore", target)
    (target / ".git").mkdir()  # hatchling looks for the .gitignore beside it
    for path in target.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return target


def build(root: Path) -> dict[str, dict[str, bytes]]:
    """Build every package: {package: {file name: content}} of its wheel and sdist."""
    made: dict[str, dict[str, bytes]] = {}
    for package in PACKAGES:
        out = root / "out" / package
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
        subprocess.run(command, cwd=root / "packages" / package, check=True, capture_output=True)
        made[package] = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    return build(checkout(tmp_path_factory.mktemp("one")))


def contents(files: dict[str, bytes], folder: Path) -> dict[str, int]:
    (name,) = [name for name in files if name.endswith(".whl")]
    path = folder / name
    path.write_bytes(files[name])
    with zipfile.ZipFile(path) as wheel:
        return {info.filename: info.file_size for info in wheel.infolist()}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_its_own_sources_and_nothing_else(
    package: str, built: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    home = ROOT / "packages" / package / "src"
    sources = {
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = contents(built[package], tmp_path)
    metadata = {name for name in held if name.split("/")[0].endswith(".dist-info")}
    assert set(held) - metadata == sources
    assert any(name.endswith("licenses/LICENSE") for name in metadata)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_is_small(package: str, built: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    held = contents(built[package], tmp_path)
    demo = sum(size for name, size in held.items() if "/_demo/" in name)
    assert demo <= 1.1 * DEMO, f"{demo} bytes of demo data and licence"
    (wheel,) = [data for name, data in built[package].items() if name.endswith(".whl")]
    assert len(wheel) <= LARGEST.get(package, LARGEST_OTHER) + demo


def test_wheels_and_sdists_are_the_same_bytes_from_two_checkouts(
    built: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    again = build(checkout(tmp_path / "a folder elsewhere"))
    different = [
        name for package in PACKAGES for name in again[package] if again[package] != built[package]
    ]
    assert different == []
