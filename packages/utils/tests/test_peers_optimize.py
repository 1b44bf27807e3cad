# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS against SciPy: the same minimum, at about the same number of evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.utils.optimize import lbfgs

peer = pytest.importorskip("scipy.optimize")
testkit = pytest.importorskip("byhand_testkit")


def logistic(w: np.ndarray) -> tuple[float, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 20))
    y = (X @ np.arange(-10, 10) / 10 + rng.logistic(size=300) > 0).astype(float)
    z = X @ w
    return (
        float(np.sum(np.logaddexp(0, z) - y * z) + w @ w / 2),
        X.T @ (1 / (1 + np.exp(-z)) - y) + w,
    )


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    return float(peer.rosen(x)), peer.rosen_der(x)


def quadratic(x: np.ndarray) -> tuple[float, np.ndarray]:
    d = np.geomspace(1, 1e4, len(x))
    return float(x @ (d * x)) / 2 - float(x.sum()), d * x - 1


@pytest.mark.parametrize(
    ("name", "f", "n"),
    [("logistic", logistic, 20), ("rosenbrock", rosenbrock, 30), ("quadratic", quadratic, 40)],
)
def test_agrees_with_scipy(name: str, f: object, n: int) -> None:
    x0 = np.zeros(n)
    ours = lbfgs(f, x0, tol=1e-8, max_iter=2000)  # type: ignore[arg-type]
    theirs = peer.minimize(
        f,
        x0,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-8, "ftol": 0, "maxiter": 2000, "maxfun": 5000},
    )
    assert ours.converged
    assert ours.n_evaluations <= 1.5 * theirs.nfev + 10
    testkit.agreement(
        f"lbfgs, {name}", "scipy", f"{n} variables", float(np.max(np.abs(ours.x - theirs.x))), 2e-7
    )
