# SPDX-License-Identifier: BSD-3-Clause
"""The tools themselves: comparison, guards, the gradient check."""

from __future__ import annotations

import copyreg
import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest

import byhand_testkit as kit
from byhand_testkit import (
    gradcheck,
    nan_from_singular,
    pristine,
    quiet,
    refused,
    same,
    shallow,
    strict,
    untouched,
)

# ------------------------------------------------------------------ same


@pytest.mark.parametrize(
    ("a", "b", "rtol", "place"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), 1e-3, r"result\[1\]"),
        (np.array([1.0]), np.array([1], dtype=np.float32), 0.0, "dtypes"),
        (np.array([1.0]), np.array([[1.0]]), 1.0, "shapes"),
        (np.array([np.nan]), np.array([1.0]), 1.0, r"result\[0\]"),
        (np.array([np.inf]), np.array([-np.inf]), 1.0, r"result\[0\]"),
        (np.array([np.inf]), np.array([1e308]), 1.0, r"result\[0\]"),
        ({"x": [1, 2]}, {"x": [1, 3]}, 0.0, r"result\['x'\]\[1\]"),
        ({"x": 1}, {"y": 1}, 0.0, "keys"),
        ([1, 2], [1], 0.0, "lengths"),
        (1.0, 1.0 + 1e-9, 1e-12, "result"),
        ("a", "b", 0.0, "'a' and 'b'"),
        (np.array(["a"]), np.array(["b"]), 0.0, r"result\[0\]"),
        (np.array([{"k": 1}]), np.array([{"k": 2}]), 0.0, r"\['k'\]"),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2), 0.0, r"\['a'\]"),
        (np.random.default_rng(0), np.random.default_rng(1), 0.0, "state"),
        (1, None, 0.0, "None"),
    ],
)
def test_same_finds_a_difference_and_names_its_place(
    a: Any, b: Any, rtol: float, place: str
) -> None:
    same(a, a)
    same(b, b)
    with pytest.raises(AssertionError, match=place):
        same(a, b, rtol=rtol)


def test_same_allows_rounding_relative_to_the_largest_entry() -> None:
    a = np.array([1e300, 1e-300, np.nan, np.inf, -np.inf])
    same(a, a * (1 + 1e-13), rtol=1e-12)
    same(np.array([1e308, -1e308]), np.array([1e308, -1e308]) * (1 - 1e-14), rtol=1e-12)


# ------------------------------------------------------------------ guards


def test_untouched_finds_one_changed_byte() -> None:
    changes: list[tuple[Any, Any]] = [
        (np.zeros(3), lambda v: v.__setitem__(1, -0.0)),
        ([1, 2], lambda v: v.append(3)),
        ({"a": 1}, lambda v: v.update(a=2)),
        (np.array([[1], [2]], dtype=object), lambda v: v.__setitem__((0, 0), 5)),
    ]
    for value, change in changes:
        with pytest.raises(AssertionError, match="x of the caller was changed"), untouched(x=value):
            change(value)
        with untouched(x=value):
            pass


@pytest.mark.parametrize(
    "change",
    [
        lambda: np.random.seed(3),  # noqa: NPY002
        lambda: __import__("random").random(),
        lambda: np.set_printoptions(precision=3),
        lambda: np.seterr(all="ignore"),
        lambda: warnings.simplefilter("ignore"),
        lambda: sys.stdout.write("x"),
        lambda: sys.stderr.write("x"),
        lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    ],
)
def test_pristine_finds_every_change_of_global_state(change: Any) -> None:
    errors, options, limit = np.geterr(), np.get_printoptions(), sys.getrecursionlimit()
    try:
        with (
            warnings.catch_warnings(),
            pytest.raises(AssertionError, match=r"global state|printed"),
            pristine(),
        ):
            change()
    finally:
        np.seterr(**errors)
        np.set_printoptions(**options)
        sys.setrecursionlimit(limit)


def test_quiet_tolerates_convergence_alone() -> None:
    class ConvergenceWarning(UserWarning):
        pass

    with quiet() as caught:
        warnings.warn("slow", ConvergenceWarning, stacklevel=1)
    assert len(caught) == 1
    with pytest.raises(AssertionError, match="RuntimeWarning"), quiet():
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)


def test_strict_raises_on_underflow() -> None:
    with pytest.raises(FloatingPointError), strict():
        np.exp(np.float64(-800))


class UnpicklableError(ValueError):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"X is {a} and {b}")


def test_refused_wants_the_exception_the_words_and_a_pickle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # some libraries (tblib, with distributed) teach pickle every exception there is
    monkeypatch.delitem(copyreg.dispatch_table, UnpicklableError, raising=False)

    def fail(error: Exception) -> Any:
        def call() -> None:
            raise error

        return call

    refused(fail(ValueError("X has 3 features")), ValueError, "X", "3")
    for error, match in (
        (ValueError("max has 3"), "does not say 'X'"),
        (ValueError("X has 33"), "does not say '3'"),
        (KeyError("X 3"), "expected ValueError, got KeyError"),
        (UnpicklableError(3, 4), "pickl"),
        (ValueError("X 3 \x1b[31m"), "control"),
    ):
        with pytest.raises((AssertionError, TypeError), match=f"{match}|missing"):
            refused(fail(error), ValueError, "X", "3")
    with pytest.raises(AssertionError, match="accepted, and gave 5"):
        refused(lambda: 5, ValueError)


def test_linear_algebra_gives_nan_instead_of_errors_inside_and_errors_outside() -> None:
    singular = np.zeros((2, 2))
    with nan_from_singular():
        assert np.isnan(np.linalg.inv(singular)).all()
        assert np.isnan(np.linalg.cholesky(-np.eye(2))).all()
        assert np.linalg.inv(np.eye(2)).tolist() == np.eye(2).tolist()
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(singular)


def test_shallow_stops_deep_recursion_only() -> None:
    def depth(n: int) -> int:
        return 1 + depth(n - 1) if n else 0

    with shallow(60):
        assert depth(20) == 20
    with pytest.raises(RecursionError), shallow(60):
        depth(200)


def two_lines(log: list[int]) -> None:
    log.append(1)
    log.append(2)


def test_an_interrupt_comes_at_exactly_the_line_asked_for() -> None:
    inside = (__name__,)
    assert kit.count_lines(lambda: two_lines([]), inside) == 3  # the lambda's own line counts
    for stop, expected in ((1, []), (2, [1])):
        log: list[int] = []
        with pytest.raises(KeyboardInterrupt), kit.interrupting(stop, inside):
            two_lines(log)
        assert log == expected


# ------------------------------------------------------------------ gradcheck


def test_gradcheck_accepts_right_gradients_in_every_form() -> None:
    x, W = np.random.default_rng(0).standard_normal((2, 3, 3))
    gradcheck(np.sin, lambda dy, x: dy * np.cos(x), x)
    gradcheck(lambda x, W: (x @ W, (x, W)), lambda dy, c: (dy @ c[1].T, c[0].T @ dy), x, W)
    gradcheck(lambda x: float((x**2).sum()), lambda dy, x: 2 * dy * x, x)
    gradcheck(lambda x: (x + 1, x * 2, x * x), lambda dy, x: dy[0] + 2 * dy[1] + 2 * x * dy[2], x)
    gradcheck(lambda x: (x, x * x), lambda dy, x: dy[0] + 2 * x * dy[1], x, cache=False)
    index = np.array([2, 0, 0])

    def take(E: Any, i: Any) -> Any:
        return E[i], (E.shape, i)

    def take_grad(dy: Any, cache: Any) -> Any:
        dE = np.zeros(cache[0])
        np.add.at(dE, cache[1], dy)
        return dE, None

    gradcheck(take, take_grad, x, index)


@pytest.mark.parametrize(
    ("grad", "match"),
    [
        (lambda dy, c: (dy @ c[1].T, -c[0].T @ dy), r"gradient of W at \["),
        (lambda dy, c: (dy @ c[1].T * (1 + 3e-6), c[0].T @ dy), r"gradient of x at \["),
        (lambda dy, c: (dy @ c[1].T, c[0].T @ dy[:, :1]), r"gradient of W: shape \(3, 1\)"),
        (lambda dy, c: dy @ c[1].T, "1 gradients for 2 arguments"),
        (lambda dy, c: (dy @ c[1].T, None), "gradient of W: got None"),
        (lambda dy, c: (dy @ c[1].T * np.nan, c[0].T @ dy), "gradient of x"),
    ],
)
def test_gradcheck_finds_a_wrong_gradient_and_names_it(grad: Any, match: str) -> None:
    def product(x: Any, W: Any) -> Any:
        return x @ W, (x, W)

    x, W = np.random.default_rng(0).standard_normal((2, 3, 3))
    with pytest.raises(AssertionError, match=match):
        gradcheck(product, grad, x, W)


def test_gradcheck_finds_one_wrong_entry_by_its_index() -> None:
    def grad(dy: Any, x: Any) -> Any:
        g = 3 * x * x * dy
        g[1, 2] += 1e-4
        return g

    with pytest.raises(AssertionError, match=r"gradient of x at \[1, 2\].*1 of 6"):
        gradcheck(lambda x: x**3, grad, np.ones((2, 3)))
