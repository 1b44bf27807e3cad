# SPDX-License-Identifier: BSD-3-Clause
"""What goes into a vendored file, and what does not."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from byhand.vendor import VendorError, digest, public_names, read_header, render
from byhand.vendor.render import LICENCE, file_name

Write = Callable[[str, str], None]
Text = Callable[[str], str]


def top_level(text: str) -> list[str]:
    names = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names.append(ast.unparse(node.targets[0]))
    return names


def test_it_holds_what_the_name_needs_and_nothing_else(toys: Write) -> None:
    assert top_level(render(["fit_net"])) == ["__all__", "Result", "fit_net", "SIZE", "half"]


def test_what_a_file_is_about_stands_first_below_its_bases(toys: Write) -> None:
    names = top_level(render(["Net"]))
    assert names.index("Core") < names.index("Estimator") < names.index("Net")
    assert names.index("fit_net") < names.index("half")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Floats = NDArray[np.float64]", "Floats = half(2.0)"),
        ("Floats = NDArray[np.float64]", "def _half():\n    return half(1)\n\n\nFloats = _half()"),
        ("Floats = NDArray[np.float64]", "Floats = [half(x) for x in (1, 2)]"),
        ("Floats = NDArray[np.float64]", "Floats: object = half"),
        ("Floats = NDArray[np.float64]", "if half(2):\n    Floats = 1"),
        ("half = 1.0", "half = half(1.0)"),
        ("(xs: Sequence[float])", "(xs: Sequence[float] = half(1))"),
        ("(xs: Sequence[float])", "(*, xs: Sequence[float] = half(1))"),
        ("    half = 1.0\n", "    @half\n    def a(self):\n        return 1\n"),
        ("class Net(Estimator):", "@half\nclass Net(Estimator):"),
    ],
)
def test_what_runs_at_import_has_what_it_needs_above(
    toys: Write, toy_text: Text, old: str, new: str
) -> None:
    maths = toy_text("utils/maths.py").replace("x / SIZE * unused", "[x, SIZE, unused, DEEP][0]")
    toys("utils/maths.py", maths.replace("import pi", "import pi\nfrom .deep import DEEP\n#"))
    toys("utils/deep.py", '"""Deep."""\nDEEP = 3\n')
    changed = toy_text("toy/net.py")
    assert old in changed
    toys("toy/net.py", changed.replace(old, new))
    text = render(["Net"])
    names = top_level(text)
    assert names.index("half") < names.index("Net")
    assert names.index("DEEP") < names.index("Net") or "object = half" in new  # is not called
    exec(compile(text, "net.py", "exec"), {"__name__": "net"})  # noqa: S102


def test_a_local_name_does_not_pull_in_a_function(toys: Write) -> None:
    assert "unused" not in top_level(render(["half"]))


def test_an_annotation_pulls_in_what_it_names(toys: Write) -> None:
    text = render(["Net"])
    assert "Floats = NDArray[np.float64]" in text
    assert "from collections.abc import Sequence" in text


def test_imports_are_hoisted_once_with_the_standard_library_first(toys: Write) -> None:
    lines = [line for line in render(["Net"]).splitlines() if "import" in line.split()[:3:2]]
    assert lines == [
        "from __future__ import annotations",
        "from collections.abc import Sequence",
        "from typing import Any, NamedTuple",
        "import numpy as np",
        "from numpy.typing import NDArray",
    ]


def test_a_long_import_is_written_over_several_lines(toys: Write, toy_text: Text) -> None:
    names = ["HALF_DAY", "Alpha", "Beta", *(f"function_number_{n}" for n in (2, 10, 11))]
    maths = toy_text("utils/maths.py").replace(
        "from math import", f"from statistics import {', '.join(reversed(names))}\nfrom math import"
    )
    toys("utils/maths.py", maths.replace("unused = 1", f"unused = {', '.join(names)}"))
    inside = "".join(f"    {name},\n" for name in names)
    assert f"\nfrom statistics import (\n{inside})\n" in render(["half"])


def test_only_what_is_used_is_imported(toys: Write) -> None:
    assert "import numpy" not in render(["half"])
    assert "pi" not in render(["half"]).split()


def test_comments_docstrings_and_legends_come_along(toys: Write) -> None:
    text = render(["fit_net"])
    assert 'r"""Net: a toy.' in text
    assert "# x input   y output" in text
    assert "# Above the function.\n# Two lines of it.\ndef fit_net" in text
    assert "# the sum, halved" in text
    assert "SIZE = 2  # what one divides by" in text
    assert "# ---- from byhand.utils.maths\n# Maths: halves." in text
    assert "y: float  # half of x" in text


def test_the_import_of_byhand_in_an_example_and_marks_for_our_linter_go(toys: Write) -> None:
    text = render(["half"])
    assert ">>> from byhand" not in text
    assert ">>> half(2)" in text
    assert "noqa" not in text


def test_an_example_goes_with_its_heading_where_it_needs_what_the_file_does_not_hold(
    toys: Write, toy_text: Text
) -> None:
    kept = (
        '"""Fit.\n\n    Examples\n    --------\n    >>> fit_net([1.0])\n    Result(y=0.5)\n    """'
    )
    strange = kept.replace("fit_net(", "unused(")
    ours = kept.replace("Result(y=0.5)", "Traceback (most recent call last):\n    byhand.x.E: y")
    bound = kept.replace("fit_net(", "(lambda unused: unused)(")
    for docstring, stays in ((kept, True), (strange, False), (ours, False), (bound, True)):
        toys("toy/net.py", toy_text("toy/net.py").replace('"""Fit."""', docstring))
        text = render(["fit_net"])
        assert ("    Examples\n    --------\n    >>> " in text) == stays
        assert stays or '    """Fit."""\n    return Result' in text


def test_an_import_of_byhand_over_several_lines_goes_from_an_example(
    toys: Write, toy_text: Text
) -> None:
    several = ">>> from byhand.utils.maths import (\n    ...     half,\n    ... )"
    maths = toy_text("utils/maths.py").replace(">>> from byhand.utils.maths import half", several)
    toys("utils/maths.py", maths)
    assert '    """Halve.\n\n    >>> half(2)\n' in render(["half"])


def test_bases_from_interop_are_left_out(toys: Write) -> None:
    text = render(["Net"])
    assert "class Estimator(Core):" in text
    assert "class NotFitted(ValueError, AttributeError):" in text
    assert "SklearnInterop" not in text


def test_a_class_whose_only_base_is_interop_has_none(toys: Write, toy_text: Text) -> None:
    toys(
        "utils/base.py",
        toy_text("utils/base.py").replace("(SklearnInterop, Core)", "(\n    SklearnInterop,\n)"),
    )
    assert "class Estimator:\n" in render(["Estimator"])


def test_another_use_of_interop_is_refused(toys: Write, toy_text: Text) -> None:
    changed = toy_text("utils/base.py").replace('NotFitted("no")', "SklearnInterop()")
    toys("utils/base.py", changed)
    with pytest.raises(VendorError, match="Core uses SklearnInterop of interop otherwise than"):
        render(["Core"])


def test_a_statement_that_binds_no_name_is_refused(toys: Write, toy_text: Text) -> None:
    toys("utils/maths.py", toy_text("utils/maths.py") + "\nTABLE['x'] = half\n")
    with pytest.raises(VendorError, match=r"maths line \d+: a statement that runs at import"):
        render(["half"])


def test_a_clash_of_private_names_is_refused(toys: Write, toy_text: Text) -> None:
    changed = toy_text("toy/net.py").replace("return Result(half", "return Result(_x() * half")
    toys("toy/net.py", changed + "\n\ndef _x():\n    return 1\n")
    maths = toy_text("utils/maths.py").replace("return x / SIZE", "return _x() * x / SIZE")
    toys("utils/maths.py", maths + "\n\ndef _x():\n    return 2\n")
    with pytest.raises(
        VendorError, match=r"_x is defined in byhand\.toy\.net and in byhand\.utils"
    ):
        render(["fit_net"])


def test_equal_constants_of_two_modules_are_one(toys: Write, toy_text: Text) -> None:
    changed = toy_text("toy/net.py").replace("Floats = ", "SIZE = 2\nFloats = ")
    toys("toy/net.py", changed.replace("sum(xs)", "sum(xs) * SIZE"))
    assert render(["fit_net"]).count("SIZE = 2") == 1
    toys("toy/net.py", changed.replace("sum(xs)", "sum(xs) * SIZE").replace("SIZE = 2", "SIZE = 3"))
    with pytest.raises(VendorError, match="SIZE is defined in"):
        render(["fit_net"])


def test_a_renamed_import_is_refused(toys: Write, toy_text: Text) -> None:
    changed = toy_text("toy/net.py").replace("import half", "import half as h")
    toys("toy/net.py", changed.replace("Result(half(", "Result(h("))
    with pytest.raises(VendorError, match=r"imports byhand\.utils\.maths half as h"):
        render(["fit_net"])


def test_an_import_from_the_package_instead_of_the_module_is_refused(
    toys: Write, toy_text: Text
) -> None:
    changed = toy_text("toy/net.py").replace("byhand.utils.maths import", "byhand.utils import")
    toys("toy/net.py", changed)
    with pytest.raises(VendorError, match="import from the module that defines a name"):
        render(["fit_net"])


def test_a_circle_of_imports_is_refused(toys: Write, toy_text: Text) -> None:
    maths = toy_text("utils/maths.py").replace("SIZE = 2", "from .base import Core\nSIZE = Core")
    toys("utils/maths.py", maths)
    base = toy_text("utils/base.py").replace('NotFitted("no")', "half")
    toys("utils/base.py", base.replace("from .interop", "from .maths import half\nfrom .interop"))
    with pytest.raises(VendorError, match="in a circle"):
        render(["half"])


@pytest.mark.parametrize("name", ["Net", "toy.Net", "byhand.toy.Net"])
def test_a_name_may_be_written_short_or_long(toys: Write, name: str) -> None:
    assert render([name]) == render(["Net"])


def test_an_unknown_name_suggests_the_nearest(toys: Write) -> None:
    with pytest.raises(VendorError, match=r"has 'fitnet': did you mean fit_net"):
        render(["fitnet"])


def test_a_name_in_two_packages_must_say_which(toys: Write, toy_text: Text) -> None:
    init = toy_text("toy/__init__.py").replace('"Kind"', '"Kind", "half"')
    toys("toy/__init__.py", init + "from .solo import half\n")
    toys("toy/solo.py", toy_text("toy/solo.py") + "\n\ndef half():\n    return 0\n")
    with pytest.raises(VendorError, match=r"say toy\.half, utils\.half"):
        render(["half"])
    with pytest.raises(VendorError, match=r"did you mean toy\.half, utils\.half\?"):
        render(["halv"])


def test_several_names_share_one_file(toys: Write) -> None:
    text = render(["half", "Net"])
    assert '__all__ = ["Net", "half"]' in text  # sorted as linters want it
    assert text.count("def half(") == 1
    assert read_header(text).names == ("byhand.utils.half", "byhand.toy.Net")  # type: ignore[union-attr]


def test_a_name_given_twice_is_refused(toys: Write) -> None:
    with pytest.raises(VendorError, match="given twice"):
        render(["half", "utils.half"])


def test_the_header_says_where_it_comes_from(toys: Write) -> None:
    header = read_header(render(["fit_net"]))
    assert header is not None
    assert header.names == ("byhand.toy.fit_net",)
    assert header.versions == "byhand-toy 1.2.3, byhand-utils 0.3.0"
    assert header.digest == digest(header.head + header.body)


def test_the_licence_is_complete(toys: Write) -> None:
    text = render(["half"])
    assert text.startswith("# SPDX-License-Identifier: BSD-3-Clause\n# Copyright (c) 2026, byhand")
    words = " ".join(line.removeprefix("#").strip() for line in text.splitlines())
    assert " ".join(LICENCE.split()) in " ".join(words.split())


def test_the_same_packages_give_the_same_bytes(toys: Write) -> None:
    program = "import sys; from byhand.vendor import render; sys.stdout.write(render(['Net']))"
    paths = [p for p in sys.path if p]
    again = {
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {paths!r}; {program}"],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert again == {render(["Net"])}


def test_nothing_of_a_package_is_run(toys: Write, toy_text: Text) -> None:
    for name in ("toy/__init__.py", "toy/net.py", "utils/maths.py"):
        toys(name, toy_text(name) + "\nNEVER = 1 / 0\n")
    assert "def fit_net" in render(["fit_net"])


def test_the_file_runs_without_byhand(toys: Write, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(render(["Net"]), encoding="utf-8")
    program = "import sys, net; print(net.Net().fit([1.0, 2.0]).y_, 'byhand' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert told.stdout.split() == ["1.5", "False"]


def test_public_names_are_those_of_all_and_where_they_live(toys: Write) -> None:
    found = {p.full: p.module for p in public_names("toy")}
    assert found == {
        "byhand.toy.Kind": "byhand.toy.solo",
        "byhand.toy.Net": "byhand.toy.net",
        "byhand.toy.fit_net": "byhand.toy.net",
    }


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(VendorError, match="byhand-nosuch is not installed"):
        public_names("nosuch")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("CategoricalHMM", "categorical_hmm.py"),
        ("DecisionTreeClassifier", "decision_tree_classifier.py"),
        ("Conv2D", "conv2d.py"),
        ("LSTM", "lstm.py"),
        ("KMeans", "kmeans.py"),
        ("LBFGSResult", "lbfgs_result.py"),
        ("hmm.viterbi", "viterbi.py"),
    ],
)
def test_a_file_is_called_as_people_would(name: str, file: str) -> None:
    assert file_name(name) == file


CODE = '''
"""Card."""
import numpy as np

# why
def f(x, y=1):
    """Doc.

    Indented.
    """
    return {"a": [x, 'b', y], **{}}  # trailing
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'b'", '"b"'),
        ("[x, 'b', y]", "[\n        x,\n        'b',\n        y,\n    ]"),
        ("def f(x, y=1):", "def f(\n    x,\n    y=1,\n):"),
        ("    return {", "    return  {"),
        ("\n# why", "\n\n\n# why"),
        ("    Indented.\n    ", "    Indented."),
        ("    Indented.\n    ", "    Indented.\n\n    "),
        ("    Indented.\n    ", "    Indented.  \n    "),
        ("Doc.\n\n    Indented.", "Doc.  \n\n  Indented."),
        ('"""Card."""', '"""Card.\n    """'),
    ],
)
def test_a_formatter_leaves_the_digest(old: str, new: str) -> None:
    assert CODE.replace(old, new) != CODE
    assert digest(CODE) == digest(CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("y=1", "y=2"),
        ("'b'", "'c'"),
        ("'b'", "' b'"),
        ("'b'", "'b '"),
        ("# why", "# why not"),
        ("# trailing", "# Trailing"),
        ("Indented.", "Indented!"),
        ("import numpy as np", "import numpy as n"),
        ("[x, 'b', y]", "(x, 'b', y)"),
        ("**{}", "**{1: None}"),
        ("y=1", "y=None"),
        ("y=1", "y=True"),
        ("y=1", "y=1.0"),
        ("y=1", "y='1'"),
        ("y=1", "y=1, /"),
        ("# why\n", ""),
    ],
)
def test_any_other_change_changes_the_digest(old: str, new: str) -> None:
    assert CODE.replace(old, new) != CODE
    assert digest(CODE) != digest(CODE.replace(old, new))


def test_windows_line_ends_are_no_edit(toys: Write) -> None:
    text = render(["half"])
    header: Any = read_header(text.replace("\n", "\r\n"))
    assert digest(header.head + header.body) == header.digest


@pytest.mark.parametrize("text", ["", "x = 1\n", "# SPDX-License-Identifier: BSD-3-Clause\n"])
def test_another_file_has_no_header(text: str) -> None:
    assert read_header(text) is None
