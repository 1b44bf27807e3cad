# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the repository, each a test: what may import what, sizes, cards, versions."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
FAMILIES = [name for name in PACKAGES if name not in {"utils", "vendor"}]
SOURCES = sorted(ROOT.glob("packages/*/src/byhand/*/**/*.py"))
EVERY_FILE = [
    path
    for pattern in ("noxfile.py", "conftest.py", "packages/**/*.py", "shared/**/*.py", "tests/*.py")
    for path in sorted(ROOT.glob(pattern))
    if not {".nox", ".venv", "build", "dist"} & set(path.parts)
]
CARD_PARTS = ("Source:", "Differs:", "Cost:", "Checked:")
OPTIONAL = {"matplotlib", "tqdm"}  # imported inside the function that needs them


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "packages").parts[0]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.Import | ast.ImportFrom]]:
    """Absolute imports: the module's dotted name and the statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node


def algorithm_files() -> list[Path]:
    return [path for path in SOURCES if path.name not in {"__init__.py", "__main__.py"}]


def every(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def test_there_is_no_package_file_in_the_namespace() -> None:
    assert not list(ROOT.glob("packages/*/src/byhand/__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_its_files(package: str) -> None:
    home = ROOT / "packages" / package
    for name in ("README.md", "CHANGELOG.md", "LICENSE", f"src/byhand/{package}/py.typed"):
        assert (home / name).is_file(), f"packages/{package}/{name} is missing"
    assert list((home / "tests").glob("test_*.py")), f"packages/{package}/tests has no test"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_built_like_the_others(package: str) -> None:
    settings, model = (
        toml(f"packages/{package}/pyproject.toml"),
        toml("packages/hmm/pyproject.toml"),
    )
    for settings_of_one in (settings, model):
        for key in ("description", "keywords", "scripts", "dependencies", "name"):
            settings_of_one["project"].pop(key, None)
        settings_of_one["tool"]["hatch"].pop("version")
    assert settings == model


@pytest.mark.parametrize("package", PACKAGES)
def test_the_declared_dependencies_are_numpy_and_utils_alone(package: str) -> None:
    project = toml(f"packages/{package}/pyproject.toml")["project"]
    assert project["name"] == f"byhand-{package}"
    declared = project["dependencies"]
    if package == "vendor":
        assert declared == []
        return
    assert declared[0] == "numpy>=2.0"
    if package == "utils":
        assert len(declared) == 1
        return
    lower = re.fullmatch(r"byhand-utils>=(\d+)\.(\d+),<1", declared[1])
    assert lower
    assert len(declared) == 2
    assert tuple(map(int, lower.groups())) <= version("utils")[:2]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_licence_is_the_one_of_the_repository(package: str) -> None:
    ours = (ROOT / "packages" / package / "LICENSE").read_bytes()
    assert ours == (ROOT / "LICENSE").read_bytes()


def version(package: str) -> tuple[int, ...]:
    init = (ROOT / f"packages/{package}/src/byhand/{package}/__init__.py").read_text("utf-8")
    literal = re.search(r'^__version__ = "(\d+)\.(\d+)\.(\d+)"$', init, re.MULTILINE)
    assert literal, f"{package}: __version__ must be a literal like 0.1.0"
    return tuple(map(int, literal.groups()))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_version_is_the_newest_one_in_the_changelog(package: str) -> None:
    text = (ROOT / "packages" / package / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    released = [h for h in headings if h != "Unreleased"]
    dated = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - \d{4}-\d\d-\d\d", released[0])
    assert dated, f"a heading reads '## 0.1.0 - 2026-11-25', not '{released[0]}'"
    assert tuple(map(int, dated.groups())) == version(package)


def test_the_root_lists_every_package() -> None:
    root = toml("pyproject.toml")
    extras = root["project"]["optional-dependencies"]
    for package in PACKAGES:
        direct = f"byhand-{package} @ {{root:uri}}/packages/{package}"
        utils = [] if package in {"utils", "vendor"} else ["byhand[utils]"]
        assert extras[package] == [*utils, direct]
    everything = re.fullmatch(r"byhand\[(.+)\]", extras["all"][0])
    assert everything
    assert sorted(everything[1].split(",")) == PACKAGES
    assert sorted(extras) == sorted([*PACKAGES, "all", "plot", "progress"])
    sources = [f"packages/{package}/src" for package in PACKAGES]
    assert root["tool"]["mypy"]["mypy_path"] == [*sources, "shared/testkit/src"]
    assert root["tool"]["coverage"]["run"]["source_pkgs"] == [f"byhand.{p}" for p in PACKAGES]
    assert sorted(root["tool"]["coverage"]["paths"]) == PACKAGES


@every(SOURCES)
def test_a_package_imports_numpy_the_standard_library_itself_and_utils(path: Path) -> None:
    package = package_of(path)
    tree = parse(path)
    at_import = {id(node) for node in tree.body}
    for module, node in imports(tree):
        where = f"line {node.lineno}: {module}"
        top, *below = module.split(".")
        if module == "byhand" and package == "vendor":
            continue  # the namespace itself, to see where packages are installed
        if top == "byhand":
            assert package not in {"utils", "vendor"}, (
                f"{where}: {package} imports no byhand package"
            )
            if path.name != "__main__.py":
                assert below[:1] == ["utils"], f"{where}: a family imports utils alone"
                assert len(below) == 2, f"{where}: say from byhand.utils.module import name"
                assert isinstance(node, ast.ImportFrom), f"{where}: say from ... import ..."
        elif top in OPTIONAL:
            assert id(node) not in at_import, f"{where}: import it in the function that needs it"
        elif package == "vendor":
            assert top in sys.stdlib_module_names, f"{where}: vendor is standard library only"
        elif not (package == "utils" and path.name == "interop.py" and top == "sklearn"):
            assert top == "numpy" or top in sys.stdlib_module_names, f"{where}: not declared"
            assert top not in {"pickle", "shelve", "marshal", "importlib"} or (
                top == "importlib" and package == "utils"
            ), f"{where}: loads code"


@every(SOURCES)
def test_library_code_has_no_assert_print_or_global_random_state(path: Path) -> None:
    demo = path.name == "__main__.py" or package_of(path) == "vendor"
    for node in ast.walk(parse(path)):
        where = f"{name_of(path)}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Assert), f"{where}: assert in library code"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert demo or called != "print", f"{where}: print"
            assert called not in {"eval", "exec", "np.seterr"}, f"{where}: {called}"
            assert not re.fullmatch(r"np\.random\.[a-z_]+", called) or called.endswith(
                "default_rng"
            ), f"{where}: the global random state"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) != "np.testing", f"{where}: np.testing"


@every(EVERY_FILE)
def test_a_source_file_names_its_licence_and_leaves_nothing_to_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name != "noxfile.py":  # begins with its script header
        assert text.startswith("# SPDX-License-Identifier: BSD-3-Clause\n")
    marks = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"))
    found = re.search(rf"\b({marks})\b", text)
    assert found is None, f"{name_of(path)}: {found}"


@every(algorithm_files())
def test_a_card_says_source_difference_cost_and_check(path: Path) -> None:
    card = ast.get_docstring(parse(path)) or ""
    assert card, "no module docstring"
    missing = [part for part in CARD_PARTS if not re.search(rf"^{part} +\S", card, re.MULTILINE)]
    assert not missing, f"the card lacks {missing}"
    assert len(card.splitlines()) <= 25, "a card is 6 to 15 lines or so"


def size_exceptions() -> dict[str, str]:
    return dict(toml("tests/size_exceptions.toml"))


@every(EVERY_FILE)
def test_a_file_reads_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400 or name_of(path) in size_exceptions(), f"{lines} lines"


def long_functions(path: Path) -> list[str]:
    """Functions of more than 60 lines, without their docstrings."""
    found = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None and first.end_lineno:
                lines -= first.end_lineno - first.lineno + 1
            if lines > 60:
                found.append(f"{name_of(path)}::{node.name}")
    return found


@every(EVERY_FILE)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    assert [f for f in long_functions(path) if f not in size_exceptions()] == []


def test_every_size_exception_is_needed_and_has_a_reason() -> None:
    needed = {name for path in EVERY_FILE for name in long_functions(path)}
    needed |= {
        name_of(path)
        for path in EVERY_FILE
        if len(path.read_text(encoding="utf-8").splitlines()) > 400
    }
    given = size_exceptions()
    assert set(given) <= needed, "an exception that nothing needs"
    assert all(len(reason) >= 20 for reason in given.values())


def code_lines(path: Path) -> int:
    """Lines that hold code: no docstrings, comments and blank lines."""
    text = path.read_text(encoding="utf-8")
    documentation = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in layout
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - documentation)


def test_utils_stays_thin() -> None:
    files = list((ROOT / "packages/utils/src").rglob("*.py"))
    assert sum(code_lines(path) for path in files) <= 3000


def test_utils_holds_only_what_two_families_or_the_contract_need() -> None:
    """The admission rule: asked for by name, contract code, or imported by two families."""
    asked = {
        "alias_sampler", "ball_tree", "distances", "execute", "kernels", "optimize",
        "priority_queue", "special",
        "euclidean_distances", "nearest",  # what distances and ball_tree are made of
    }  # fmt: skip
    contract = {
        "em", "estimator", "interop", "persist", "progress", "random", "validation",
        "npz_file", "safetensors_file",  # the two formats of persist
    }  # fmt: skip
    homes = ROOT / "packages/utils/src/byhand/utils"
    modules = {p.stem for p in homes.glob("*.py")} - {"__init__"}
    users: dict[str, set[str]] = {module: set() for module in modules}
    for path in SOURCES:
        for module, _ in imports(parse(path)):
            if module.startswith("byhand.utils."):
                users[module.split(".")[2]].add(package_of(path))
        if package_of(path) == "utils":
            for node in ast.walk(parse(path)):
                if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module in users:
                    users[node.module].add(path.stem)
    idle = {m for m in modules - asked - contract if len(users[m]) < 2}
    assert not idle, f"used by fewer than two: {idle}"


def test_no_text_points_outside_the_repository() -> None:
    outside = re.compile(r"(?<![A-Za-z0-9_./])/(tmp|root|home|work)/[a-z.]")
    for path in [*EVERY_FILE, *ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md")]:
        found = outside.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{name_of(path)}: {found}"
