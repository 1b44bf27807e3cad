# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.8.10"]
# ///
"""Every check and job of this repository.

``python3 noxfile.py`` runs what must pass and needs nothing but Python; ``python3 noxfile.py -l``
lists the rest, ``python3 noxfile.py -s demo`` runs one of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOX = "nox[uv]>=2026.8.10"


def bootstrap() -> int:
    """Run nox, from an environment of its own, and refuse a success in which nothing ran."""
    home, report = ROOT / ".nox" / "bootstrap", ROOT / ".nox" / "report.json"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / f"ready-{sys.version_info[0]}.{sys.version_info[1]}"
    if not ready.exists():
        try:
            venv.create(home, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            print("This Python cannot make environments (Debian: apt install python3-venv).")
            return 1
        subprocess.run([python, "-m", "pip", "install", "-q", NOX], check=True)
        ready.touch()
    report.unlink(missing_ok=True)
    arguments = sys.argv[1:]
    if "--report" not in arguments:
        arguments = ["--report", str(report), *arguments]
    # nox looks for pythonX.Y on PATH: let it find the Python that is running this file first.
    home_of_python = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
    env = {"NOX_PARALLEL": "auto"} | os.environ
    env["PATH"] = home_of_python + os.pathsep + env["PATH"]
    code = subprocess.call([python, "-m", "nox", "-f", __file__, *arguments], env=env)
    if code == 0 and report.exists():
        ran = [s for s in json.loads(report.read_text())["sessions"] if s["result"] == "success"]
        chosen = any(a.startswith(("-s", "-k", "-t", "-e", "--session")) for a in sys.argv[1:])
        if not any(chosen or s["name"].startswith(("tests", "integration")) for s in ran):
            print("No test session ran: this is not a success.")
            return 1
    return code


if __name__ == "__main__":
    raise SystemExit(bootstrap())

import nox  # noqa: E402  only nox itself comes here

nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True
nox.options.allow_parallel = True

DIST = ROOT / "dist"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def answers(version: str) -> bool:
    """Whether pythonX.Y is there and runs (a pyenv shim may be there and refuse)."""
    python = shutil.which(f"python{version}")
    return bool(python) and not subprocess.call(
        [str(python), "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


# Only interpreters that are here become sessions, so none can be skipped without a word.
PYTHONS = [v for v in ("3.11", "3.12", "3.13", "3.14") if v == RUNNING or answers(v)]
OTHERS = [v for v in PYTHONS if v != RUNNING]
LOWEST = PYTHONS[0]
# The oldest NumPy that byhand supports, or the oldest with wheels for that Python.
OLDEST_NUMPY = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}.get(LOWEST, "2.3.2")

nox.options.sessions = [
    "build",
    "lint",
    "typing",
    f"tests-{RUNNING}",
    *(f"integration-{v}" for v in sorted({RUNNING, *OTHERS[:1], *OTHERS[-1:]})),
    "minimum",
]


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of the root pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def install_wheels(session: nox.Session, names: list[str], *extra: str) -> None:
    """Install built wheels with what their metadata asks for, the testkit, and nothing else."""
    for library in ("OPENBLAS", "OMP", "MKL"):
        session.env[f"{library}_NUM_THREADS"] = "1"
    wheels = [f"byhand-{name}" for name in names]
    session.install("-c", str(DIST / "constraints.txt"), *wheels, "./shared/testkit", *extra)


def test_package(session: nox.Session, package: str) -> None:
    """Run one package's tests and the examples in its docstrings."""
    session.run("pytest", "-q", f"packages/{package}/tests", *session.posargs)
    session.run("pytest", "-q", "--doctest-modules", "--pyargs", f"byhand.{package}")


@nox.session
def build(session: nox.Session) -> None:
    """Build every sdist and wheel into dist/, and the constraints that point at the wheels."""
    session.install("build", "hatchling>=1.27")
    shutil.rmtree(DIST, ignore_errors=True)
    for name in PACKAGES:
        command = ["python", "-m", "build", "-q", "--no-isolation", "-o", str(DIST)]
        session.run(*command, f"packages/{name}", silent=True)
    pins = [f"{w.name.split('-')[0]} @ {w.as_uri()}\n" for w in sorted(DIST.glob("*.whl"))]
    (DIST / "constraints.txt").write_text("".join(pins), encoding="utf-8")


@nox.session(python=PYTHONS, requires=["build"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """Test one wheel alone, with its declared dependencies only."""
    install_wheels(session, [package], *group("test"))
    test_package(session, package)


@nox.session(python=LOWEST, requires=["build"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def minimum(session: nox.Session, package: str) -> None:
    """Test one wheel with the oldest NumPy that it claims to support."""
    install_wheels(
        session, [package], f"numpy=={OLDEST_NUMPY}", "--only-binary=numpy", *group("test")
    )
    test_package(session, package)


@nox.session(python=PYTHONS, requires=["build"])
def integration(session: nox.Session) -> None:
    """Test all wheels together: every package's tests in one process, then tests/."""
    install_wheels(session, PACKAGES, *group("integration"))
    session.env["SCIPY_ARRAY_API"] = "1"
    session.run("pytest", "-q", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(*group("typing"))
    session.run("mypy")


@nox.session(requires=["build"])
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the packages' own tests reach."""
    install_wheels(session, PACKAGES, "coverage>=7.6", *group("test"))
    folders = [f"packages/{name}/tests" for name in PACKAGES]
    session.run("coverage", "run", "-m", "pytest", "-q", *folders, *session.posargs)
    session.run("coverage", "report", "--skip-covered", "--sort=cover")


@nox.session(requires=["build"])
def demo(session: nox.Session) -> None:
    """Run every package's main model on real data from its wheel, with plots in plots/."""
    install_wheels(
        session,
        PACKAGES,
        *PROJECT["project"]["optional-dependencies"]["plot"],
        *PROJECT["project"]["optional-dependencies"]["progress"],
    )
    plots = ROOT / "plots"
    plots.mkdir(exist_ok=True)
    for name in PACKAGES:
        if (ROOT / f"packages/{name}/src/byhand/{name}/_demo").is_dir():
            with session.chdir(session.create_tmp()):  # away from the sources
                session.run("python", "-m", f"byhand.{name}", "--plot", str(plots / f"{name}.png"))


@nox.session(requires=["build"])
def bench(session: nox.Session) -> None:
    """Time every case against its peer: -s bench -- hmm --quick."""
    install_wheels(session, PACKAGES, *group("peers"), *group("bench"))
    session.run("python", "shared/bench/run.py", *session.posargs)
    session.run("python", "shared/bench/report.py")


@nox.session(requires=["build"])
def peers(session: nox.Session) -> None:
    """Compare every algorithm with the libraries people use; a missing peer is a failure."""
    install_wheels(session, PACKAGES, *group("peers"), *group("test"))
    session.env["BYHAND_AGREEMENT"] = str(ROOT / "shared/bench/results/agreement.jsonl")
    found = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("packages/*/tests/test_peers_*.py"))
    session.run("pytest", "-q", "--no-skips", *found, *session.posargs)
    session.run("python", "shared/bench/report.py")


@nox.session(requires=["build"])
def docs(session: nox.Session) -> None:
    """Write the generated pages anew and the reference to site/."""
    install_wheels(session, PACKAGES, *group("docs"))
    session.run("python", "shared/docs/generate.py")
    session.run("python", "shared/bench/report.py")
    session.run("pdoc", "-d", "numpy", "-o", "site", *(f"byhand.{name}" for name in PACKAGES))


@nox.session(requires=["build"])
def fuzz(session: nox.Session) -> None:
    """Feed a million mutated files to the loader of models."""
    install_wheels(session, ["utils"], *group("test"))
    session.env["BYHAND_FUZZ_FILES"] = "1000000"
    session.run("pytest", "-q", "packages/utils/tests/test_utils_persist_fuzz.py", *session.posargs)


# Each by its whole name: `requires` takes one session for a name, not every package of it.
ISOLATED = [f"tests-{version}({package})" for version in OTHERS for package in PACKAGES]


@nox.session(requires=["build", "fuzz", *ISOLATED])
def full(session: nox.Session) -> None:
    """Run the slow parts: the other Pythons' isolation, the long fuzzing, tests marked slow."""
    install_wheels(session, PACKAGES, *group("integration"))
    session.run("pytest", "-q", "-m", "slow", *session.posargs)


@nox.session
def dev(session: nox.Session) -> None:
    """Make .venv: every package editable, plus the tools."""
    session.install("uv")
    session.run("uv", "venv", "--clear", ".venv")
    editable = [arg for name in PACKAGES for arg in ("-e", f"packages/{name}")]
    command = ["uv", "pip", "install", "-p", ".venv", *editable, "-e", "shared/testkit"]
    session.run(*command, "--group", "dev")
