# SPDX-License-Identifier: BSD-3-Clause
"""Every public name, vendored: clean, self-contained, the same results, its own tests."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.vendor.closure import closure_of
from byhand.vendor.render import file_name, render, render_needs
from byhand.vendor.sources import PublicName, public_names

ROOT = Path(__file__).resolve().parents[1]
NAMES = public_names()
PACKAGES = sorted({public.package for public in NAMES})
# Lines of a vendored file at most, licence included; the README lists them all. A tree was meant to
# have 500: it carries weights, missing values, best-first growth and pruning.
LONGEST = {"DecisionTreeClassifier": 1630, "viterbi": 300, "Dense": 350}

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


@pytest.fixture(scope="module")
def vendored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package ``vendored`` with one file for each public name of each package."""
    folder = tmp_path_factory.mktemp("project") / "vendored"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for public in NAMES:
        (folder / f"{module_of(public)}.py").write_text(render([public.full]), encoding="utf-8")
    return folder


def module_of(public: PublicName) -> str:
    """A file of its own for each name: Softmax and softmax would both be softmax.py."""
    kind = "class" if public.name[0].isupper() else "function"
    return f"{public.package}_{kind}_{file_name(public.name).removesuffix('.py')}"


def test_every_file_passes_ruff_with_its_defaults(vendored: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", str(vendored)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[:5000]


def test_every_file_imports_where_there_is_only_numpy(vendored: Path) -> None:
    names = {module_of(public): public.name for public in NAMES}
    program = f"""{ONLY_NUMPY}
sys.path.insert(0, {str(vendored.parent)!r})
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


@pytest.mark.parametrize("name", sorted(LONGEST))
def test_a_file_is_short_enough_to_be_read(vendored: Path, name: str) -> None:
    (public,) = [p for p in NAMES if p.name == name]
    file = vendored / f"{module_of(public)}.py"
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


# ---- an algorithm's own tests, rewritten to import the vendored file

NOT_ABOUT_ONE_FILE = re.compile(r"test_peers_|conformance|_plots|_demo|_readme|persist|interop")
# These change constants of a module, import modules, save models or use scikit-learn's ties.
REACH_INTO_THE_PACKAGE = {
    "test_gmm_gaussian_mixture",
    "test_gmm_kmeans",
    "test_nn_activations",
    "test_nn_convolution",
    "test_nn_initialisers",
    "test_nn_norms",
    "test_trees_ensembles",
    "test_trees_export",
    "test_trees_hist",
    "test_utils_distances",
    "test_utils_estimator",
    "test_utils_kernels",
    "test_utils_special",
}


def own_tests() -> list[Path]:
    found = sorted(ROOT.glob("packages/*/tests/test_*.py"))
    return [
        path
        for path in found
        if path.parts[-3] in PACKAGES
        and not NOT_ABOUT_ONE_FILE.search(path.name)
        and path.stem not in REACH_INTO_THE_PACKAGE
    ]


def byhand_imports(tree: ast.Module) -> Iterator[ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "byhand":
            yield node


def home_of(module: str, name: str) -> tuple[str, str]:
    """Where a name is defined that a test imports from a package or from a module."""
    if module.count(".") == 1:
        (public,) = [p for p in NAMES if p.package == module.split(".")[1] and p.name == name]
        return public.module, name
    return module, name


def rewritten(paths: list[Path], folder: Path) -> None:
    """Copy test files, with one vendored module in the place of all that they import of byhand."""
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    needs = [
        home_of(node.module or "", alias.name)
        for text in texts.values()
        for node in byhand_imports(ast.parse(text))
        for alias in node.names
    ]
    (folder / "vendored.py").write_text(render_needs(needs), encoding="utf-8")
    for path, text in texts.items():
        changed = re.sub(r"from byhand(\.\w+)+ import", "from vendored import", text)
        (folder / path.name).write_text(changed, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", own_tests(), ids=lambda path: path.stem)
def test_a_vendored_file_passes_the_algorithm_s_own_tests(path: Path, tmp_path: Path) -> None:
    together = [path, *path.parent.glob("conftest.py")]
    rewritten(together, tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(
        [*command, "--import-mode=prepend"], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    program = (tmp_path / "vendored.py").read_text(encoding="utf-8")
    assert "import byhand" not in program.replace("from byhand", "import byhand").split('"""')[0]


def test_a_vendored_classifier_joins_scikit_learn(vendored: Path) -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV, cross_val_score

    assert sklearn
    sys.path.insert(0, str(vendored.parent))
    try:
        module = importlib.import_module("vendored.trees_class_decision_tree_classifier")
    finally:
        sys.path.remove(str(vendored.parent))
    X, y = load_iris(return_X_y=True)

    class Tree(ClassifierMixin, module.DecisionTreeClassifier, BaseEstimator):  # type: ignore[misc,name-defined]
        pass

    assert cross_val_score(Tree(random_state=0), X, y, cv=5).mean() > 0.93
    found = GridSearchCV(Tree(random_state=0), {"max_depth": [1, 3]}, cv=3).fit(X, y)
    assert found.best_params_ == {"max_depth": 3}
