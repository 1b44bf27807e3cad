# SPDX-License-Identifier: BSD-3-Clause
"""Every public name, vendored: clean, self-contained, the same results, its own tests."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.vendor import digest, read_header
from byhand.vendor.closure import closure_of
from byhand.vendor.render import render, render_needs
from byhand.vendor.sources import VendorError, load_module, public_names

ROOT = Path(__file__).resolve().parents[1]
NAMES = public_names()
PACKAGES = sorted({public.package for public in NAMES})
# Lines of a vendored file at most, licence included; the README lists them all. A tree was meant to
# have 500: it carries weights, missing values, best-first growth and pruning.
LONGEST = {"DecisionTreeClassifier": 1740, "viterbi": 300, "Dense": 350}

ONLY_NUMPY = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    '''Stands for an environment with nothing but Python and NumPy.'''

    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in {"numpy", "vendored"} and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"not here: {name}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def test_every_file_passes_ruff_with_its_defaults(vendored: dict[str, Path]) -> None:
    folder = next(iter(vendored.values())).parent
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", str(folder)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[:5000]


def test_no_file_is_edited_by_a_formatter(vendored: dict[str, Path], tmp_path: Path) -> None:
    for path in vendored.values():
        shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=70"]
    subprocess.run([*command, "--quiet", str(tmp_path)], check=True)
    for path in tmp_path.iterdir():
        header = read_header(path.read_text(encoding="utf-8"))
        assert header, path.name
        assert digest(header.head + header.body) == header.digest, path.name


def test_every_file_imports_where_there_is_only_numpy(vendored: dict[str, Path]) -> None:
    names = {vendored[public.full].stem: public.name for public in NAMES}
    home = next(iter(vendored.values())).parent.parent
    program = f"""{ONLY_NUMPY}
sys.path.insert(0, {str(home)!r})
import importlib
for file, name in {names!r}.items():
    module = importlib.import_module("vendored." + file)
    assert module.__all__ == [name], name
    assert hasattr(module, name), name
print(sorted(name for name in sys.modules if name.split(".")[0] == "byhand"))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_whole_package_fits_into_one_file(package: str, tmp_path: Path) -> None:
    """No private name stands for two things, and what holds for one name holds for many."""
    found = [p for p in NAMES if p.package == package]
    path = tmp_path / "together.py"
    path.write_text(render([p.full for p in found]), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", str(path)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[:5000]
    program = f"{ONLY_NUMPY}\nimport together; print(*together.__all__)"
    command = [sys.executable, "-c", program.replace('"vendored"', '"together"')]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert set(told.stdout.split()) == {p.name for p in found}


@pytest.mark.parametrize("name", sorted(LONGEST))
def test_a_file_is_short_enough_to_be_read(vendored: dict[str, Path], name: str) -> None:
    (public,) = [p for p in NAMES if p.name == name]
    file = vendored[public.full]
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST[name]


def test_the_estimator_base_and_the_validation_are_small() -> None:
    """What every vendored estimator carries: code lines, without docstrings and blank lines."""
    needs = [("byhand.utils.estimator", "Estimator"), ("byhand.utils.validation", "check_array")]
    lines = 0
    for definition in closure_of(needs).definitions.values():
        lines += len(code_lines(definition.node))
    assert lines <= 120


def code_lines(node: ast.stmt) -> set[int]:
    """Lines of a definition that hold code, without those of docstrings."""
    documentation = {
        line
        for inner in ast.walk(node)
        if isinstance(inner, ast.Expr)
        and isinstance(inner.value, ast.Constant)
        and isinstance(inner.value.value, str)
        for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    }
    held = {
        line
        for inner in ast.walk(node)
        if isinstance(inner, ast.expr | ast.stmt)
        for line in (inner.lineno, inner.end_lineno or inner.lineno)
    }
    return held - documentation


# ---- an algorithm's own tests, for which byhand is one vendored file

NOT_ABOUT_ONE_FILE = re.compile(r"test_peers_|conformance|_plots|_demo|_readme|persist|interop")
# Tests of what a vendored file does without; all others of their files are run.
LEFT_OUT = {
    "test_gmm_kmeans::test_columns_of_transform_are_named_after_the_class": "ties to scikit-learn",
    "test_utils_estimator::test_a_part_of_a_fit_keeps_the_rest": "ties: names of features",
    "test_utils_estimator::test_a_copy_is_the_same_model": "ties: names of features",
    "test_utils_estimator::test_a_clone_is_unfitted_and_shares_nothing_that_can_change": "ties",
    "test_trees_ensembles::test_a_saved_model_predicts_the_same": "saved as a class of a package",
    "test_trees_hist::test_a_saved_model_predicts_the_same": "saved as a class of a package",
}

ALIAS = '''
"""A plugin of pytest: byhand and all of its modules are one vendored file."""

import importlib.abc
import importlib.machinery
import sys
import types

import pytest
import vendored


class Alias(types.ModuleType):
    """Gives and takes the attributes of the vendored file; a package has modules besides."""

    def __getattr__(self, name):
        if self.__name__.endswith("__main__"):
            return lambda *args, **kwargs: pytest.skip("a demo is not vendored")
        return getattr(vendored, name)

    def __setattr__(self, name, value):
        if name.startswith("__") or isinstance(value, Alias):
            if f"{self.__name__}.{name}" not in PUBLIC:
                super().__setattr__(name, value)
        else:
            before.setdefault(name, getattr(vendored, name))
            setattr(vendored, name, value)

    def __delattr__(self, name):  # how a patch of something without that attribute is undone
        setattr(vendored, name, before[name])


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "byhand":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Alias(spec.name)

    def exec_module(self, module):
        pass


before = {}
sys.meta_path.insert(0, Finder())
for name in MODULES:
    importlib.import_module(name)
'''


def own_tests() -> list[Path]:
    found = sorted(ROOT.glob("packages/*/tests/test_*.py"))
    return [
        path
        for path in found
        if path.parts[-3] in PACKAGES and not NOT_ABOUT_ONE_FILE.search(path.name)
    ]


def needs_of(text: str) -> Iterator[tuple[str, str]]:
    """What a test file takes from byhand, by module and name: all of a module that it imports."""
    for node in ast.walk(ast.parse(text)):
        dotted: list[str] = []
        if isinstance(node, ast.ImportFrom):
            dotted = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            dotted = re.findall(r"\bbyhand\.\w+(?:\.\w+)+", node.value)
        for name in dotted:
            if name.startswith("byhand.") and name.split(".")[-1] != "interop":
                yield from found_as(name)


def found_as(dotted: str) -> list[tuple[str, str]]:
    """Definitions that a dotted name stands for: one, or all that a module or package offers."""
    above, _, name = dotted.rpartition(".")
    public = [p for p in NAMES if dotted in (p.full, f"byhand.{p.package}")]
    if public:
        return [(p.module, p.name) for p in public]
    if "__main__" in dotted:
        return []
    try:
        return [(dotted, name) for name in load_module(dotted).definitions]
    except VendorError:
        return [(above, name)] if name in load_module(above).definitions else []


def prepare(path: Path, folder: Path) -> None:
    """Lay a test file, its conftest, what they need in one vendored file, and the plugin."""
    files = [path, *path.parent.glob("conftest.py")]
    for file in (*files, ROOT / "pyproject.toml"):
        shutil.copy(file, folder)
    needs = list(dict.fromkeys(need for f in files for need in needs_of(f.read_text("utf-8"))))
    (folder / "vendored.py").write_text(render_needs(needs), encoding="utf-8")
    modules = sorted({module for module, _ in needs})
    data = f"MODULES = {modules}\nPUBLIC = {[p.full for p in NAMES]}\n"
    (folder / "alias.py").write_text(data + ALIAS, encoding="utf-8")


def run_tests(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    left_out = [
        name.replace("::", ".py::") for name in LEFT_OUT if name.startswith(f"{path.stem}::")
    ]
    options = ["-q", "-p", "no:cacheprovider", "-p", "alias", "--import-mode=prepend"]
    options += [word for name in left_out for word in ("--deselect", name)]
    places = [str(folder), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, path.name],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
    )


def test_every_test_left_out_is_there() -> None:
    for name in LEFT_OUT:
        file, _, test = name.partition("::")
        (path,) = [path for path in own_tests() if path.stem == file]
        assert f"\ndef {test}(" in path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", own_tests(), ids=lambda path: path.stem)
def test_a_vendored_file_passes_the_algorithm_s_own_tests(path: Path, tmp_path: Path) -> None:
    prepare(path, tmp_path)
    ran = run_tests(path, tmp_path)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]


def test_an_algorithm_s_own_tests_see_the_vendored_file(tmp_path: Path) -> None:
    (path,) = [path for path in own_tests() if path.stem == "test_hmm_recursions"]
    prepare(path, tmp_path)
    vendored = tmp_path / "vendored.py"
    text = vendored.read_text(encoding="utf-8")
    assert "score.argmax(axis=0)" in text
    vendored.write_text(text.replace("score.argmax(axis=0)", "score.argmin(axis=0)"))
    assert run_tests(path, tmp_path).returncode == 1


def test_a_vendored_classifier_joins_scikit_learn(vendored: dict[str, Path]) -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV, cross_val_score

    assert sklearn
    path = vendored["byhand.trees.DecisionTreeClassifier"]
    sys.path.insert(0, str(path.parent.parent))
    try:
        module = importlib.import_module(f"vendored.{path.stem}")
    finally:
        sys.path.remove(str(path.parent.parent))
    X, y = load_iris(return_X_y=True)

    class Tree(ClassifierMixin, module.DecisionTreeClassifier, BaseEstimator):  # type: ignore[misc,name-defined]
        pass

    assert cross_val_score(Tree(random_state=0), X, y, cv=5).mean() > 0.93
    found = GridSearchCV(Tree(random_state=0), {"max_depth": [1, 3]}, cv=3).fit(X, y)
    assert found.best_params_ == {"max_depth": 3}
