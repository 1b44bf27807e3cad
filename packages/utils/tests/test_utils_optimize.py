# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS and its line search: closed forms, hard functions, the Wolfe conditions, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from byhand.utils.optimize import lbfgs, line_search


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b = x[:-1], x[1:]
    g = np.zeros_like(x)
    g[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    g[1:] += 200 * (b - a**2)
    return float(np.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2)), g


def quadratic(n: int, condition: float) -> tuple[np.ndarray, np.ndarray, Callable[..., Any]]:
    rng = np.random.default_rng(n)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = Q * np.geomspace(1, condition, n) @ Q.T
    b = rng.normal(size=n)
    return A, b, lambda x: (float(x @ A @ x / 2 - b @ x), A @ x - b)


@pytest.mark.parametrize("n", [2, 10, 100])
def test_rosenbrock_ends_at_ones(n: int) -> None:
    x0 = np.tile([-1.2, 1.0], n // 2)
    result = lbfgs(rosenbrock, x0, tol=1e-9, max_iter=1000)
    assert result.converged
    assert_allclose(result.x, 1, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("n", "condition"), [(1, 1), (5, 10), (50, 1e3), (20, 1e4)])
def test_quadratic_ends_at_the_solution_of_its_linear_system(n: int, condition: float) -> None:
    A, b, f = quadratic(n, condition)
    tol = 1e-10 * condition  # rounding errors of A x grow with A
    result = lbfgs(f, np.zeros(n), tol=tol, max_iter=2000)
    assert result.converged
    # an error e has a gradient A e: |e| <= |gradient| / 1, the least eigenvalue
    assert_allclose(result.x, np.linalg.solve(A, b), rtol=0, atol=tol * math.sqrt(n))


def test_quadratic_is_solved_in_few_more_steps_than_it_has_distinct_eigenvalues() -> None:
    d = np.repeat([1.0, 3.0, 10.0], 20)
    result = lbfgs(lambda x: (float(x @ (d * x)) / 2, d * x), np.ones(60), tol=1e-10)
    assert result.converged
    assert result.n_iter <= 14


def test_logistic_regression_ends_where_newtons_method_ends() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = (rng.random(200) < 1 / (1 + np.exp(-X @ [1.0, -2.0, 0.5, 0.0]))).astype(float)

    def f(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = X @ w
        return (
            float(np.sum(np.logaddexp(0, z) - y * z) + w @ w / 2),
            X.T @ (1 / (1 + np.exp(-z)) - y) + w,
        )

    w = np.zeros(4)
    for _ in range(30):
        mu = 1 / (1 + np.exp(-X @ w))
        hessian = (X * (mu * (1 - mu))[:, None]).T @ X + np.eye(4)
        w = w - np.linalg.solve(hessian, X.T @ (mu - y) + w)
    result = lbfgs(f, np.zeros(4), tol=1e-10)
    assert result.converged
    assert_allclose(result.x, w, rtol=0, atol=1e-11)
    assert result.n_evaluations <= 40


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6, 1e12, 1e16])
def test_badly_scaled_variables_are_no_obstacle(scale: float) -> None:
    result = lbfgs(
        lambda x: (float(np.sum((x / scale - 3) ** 2)), 2 * (x / scale - 3) / scale),
        np.zeros(3),
        tol=1e-9 / scale,
    )
    assert result.converged
    assert_allclose(result.x, 3 * scale, rtol=1e-8)


def test_a_minimum_far_from_zero_is_reached_despite_rounding_of_the_values() -> None:
    # f = 1e8 + ...: differences of values vanish long before the gradient does
    result = lbfgs(
        lambda x: (1e8 + float(np.sum((x - 1) ** 2)), 2 * (x - 1)), [5.0, -3.0], tol=1e-10
    )
    assert result.converged


def test_a_barrier_of_infinite_or_undefined_values_is_stepped_back_from() -> None:
    def f(x: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(all="ignore"):
            return float(10 * x[0] - np.log(x[0])), 10 - 1 / x  # NaN for x < 0, inf at 0

    result = lbfgs(f, [5.0], tol=1e-9)
    assert result.converged
    assert_allclose(result.x, 0.1, rtol=1e-9)


def test_a_region_without_a_slope_is_stepped_back_from() -> None:
    def f(x: np.ndarray) -> tuple[float, np.ndarray]:
        return (float((x[0] - 1) ** 2), 2 * (x - 1)) if x[0] > 0 else (-1.0, np.array([np.nan]))

    x = np.array([30.0])
    value, grad = f(x)
    found = line_search(f, x, np.array([-1.0]), value, grad, step=100.0)
    assert found.success
    assert 0 < found.step < 30


def test_a_tolerance_beyond_rounding_ends_at_the_minimum_with_a_message() -> None:
    A, b, f = quadratic(20, 1e5)
    result = lbfgs(f, np.zeros(20), tol=1e-13, max_iter=20_000)
    assert not result.converged
    assert "no step decreases the function" in result.message
    assert_allclose(result.x, np.linalg.solve(A, b), rtol=0, atol=1e-4)


def test_values_never_rise_and_belong_to_the_points() -> None:
    seen: list[tuple[int, float]] = []

    def on_step(iteration: int, value: float, x: np.ndarray) -> None:
        assert rosenbrock(x)[0] == value
        seen.append((iteration, value))

    result = lbfgs(rosenbrock, [-1.2, 1.0], on_step=on_step)
    assert [v for _, v in seen] == result.values[1:]
    assert [i for i, _ in seen] == list(range(1, result.n_iter + 1))
    assert np.all(np.diff(result.values) <= 0)
    assert result.values[-1] == result.value == rosenbrock(result.x)[0]
    assert_array_equal(result.grad, rosenbrock(result.x)[1])


def test_stops_at_max_iter_or_when_asked_and_says_so() -> None:
    result = lbfgs(rosenbrock, [-1.2, 1.0], max_iter=3)
    assert (result.n_iter, result.converged, result.message) == (
        3,
        False,
        "max_iter steps were made",
    )
    result = lbfgs(rosenbrock, [-1.2, 1.0], on_step=lambda i, v, x: i == 2)
    assert (result.n_iter, result.message) == (2, "on_step asked to stop")
    result = lbfgs(rosenbrock, [1.0, 1.0], max_iter=0)
    assert result.converged
    assert result.n_iter == 0


def test_a_wrong_gradient_ends_with_a_message_instead_of_a_loop() -> None:
    result = lbfgs(lambda x: (float(x @ x), -2 * x), [1.0, 2.0])
    assert not result.converged
    assert "wrong gradient" in result.message
    assert_array_equal(result.x, [1, 2])


@settings(max_examples=60, deadline=None)
@given(st.floats(-3, 3), st.floats(1e-4, 1e4), st.floats(1e-4, 0.45), st.integers(0, 3))
def test_a_successful_step_satisfies_the_strong_wolfe_conditions(
    shift: float, step: float, c1: float, kind: int
) -> None:
    functions: list[Callable[[np.ndarray], tuple[float, np.ndarray]]] = [
        lambda x: (float(np.sum((x - shift) ** 2)), 2 * (x - shift)),
        lambda x: (float(np.sum((x - shift) ** 4)), 4 * (x - shift) ** 3),
        lambda x: (
            float(np.sum(np.cosh(np.clip(x - shift, -300, 300)))),
            np.sinh(np.clip(x - shift, -300, 300)),
        ),
        lambda x: (float(np.sum(x**2 / 9 + np.sin(3 * x))), 2 * x / 9 + 3 * np.cos(3 * x)),
    ]
    f = functions[kind]
    x = np.array([5.0])
    value, grad = f(x)
    p = -grad
    c2 = min(1.5 * c1 + 0.2, 0.9)
    found = line_search(f, x, p, value, grad, step=step, c1=c1, c2=c2, max_evaluations=80)
    slope = float(grad @ p)
    if slope == 0:
        return
    assert found.success
    assert found.step > 0
    v, g = f(x + found.step * p)
    assert (v, g) == (found.value, found.grad)
    assert v <= value + c1 * found.step * slope + 1e-13 * abs(value)
    assert abs(float(g @ p)) <= -c2 * slope


def test_start_is_not_written_and_may_be_read_only_a_list_or_single_precision() -> None:
    x0 = np.array([-1.2, 9.0, 1.0, 9.0])[::2]
    x0.flags.writeable = False
    result = lbfgs(rosenbrock, x0)
    assert_array_equal(x0, [-1.2, 1.0])
    assert_array_equal(lbfgs(rosenbrock, [-1.2, 1.0]).x, result.x)
    assert lbfgs(rosenbrock, np.float32([-1.2, 1])).x.dtype == np.float64  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lbfgs(rosenbrock, [[1.0, 2.0]]), "x0"),
        (lambda: lbfgs(rosenbrock, [np.nan, 2.0]), "x0 contains NaN"),
        (lambda: lbfgs(rosenbrock, [1.0, 2.0], max_iter=-1), "max_iter"),
        (lambda: lbfgs(rosenbrock, [1.0, 2.0], tol=float("nan")), "tol"),
        (lambda: lbfgs(rosenbrock, [1.0, 2.0], history=0), "history"),
        (
            lambda: lbfgs(lambda x: (0.0, x[:1]), [1.0, 2.0]),
            r"gradient of shape \(2,\), got \(1,\)",
        ),
        (lambda: lbfgs(lambda x: (np.inf, x), [1.0]), "must be finite at x0"),
        (
            lambda: line_search(rosenbrock, np.ones(2), np.ones(2), 0.0, np.ones(2)),
            "p must point downhill",
        ),
        (
            lambda: line_search(
                rosenbrock, np.ones(2), -np.ones(2), 0.0, np.ones(2), c1=0.5, c2=0.1
            ),
            "c2",
        ),
        (
            lambda: line_search(rosenbrock, np.ones(2), -np.ones(2), 0.0, np.ones(2), step=0),
            "step",
        ),
    ],
)
def test_bad_input_is_refused_with_the_argument_named(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()
