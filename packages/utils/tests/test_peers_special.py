# SPDX-License-Identifier: BSD-3-Clause
"""Special functions against mpmath on wide grids, and against SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from byhand.utils import special

mp = pytest.importorskip("mpmath")
sc = pytest.importorskip("scipy.special")
testkit = pytest.importorskip("byhand_testkit")


def around(*centres: float) -> np.ndarray:
    steps = 10.0 ** -np.arange(1.0, 17)
    return np.concatenate(
        [
            [c, *np.nextafter(c, [-np.inf, np.inf]), *(c + c * steps), *(c - c * steps)]
            for c in centres
        ]
    )


POSITIVE = np.concatenate(
    [
        10.0 ** np.linspace(-307, 305, 200),
        np.linspace(0.01, 12, 400),
        around(0.5, 1, 1.2, 1.4616321449683622, 1.5, 2, 2.5, 8),
        [5e-324, 1e-310],
    ]
)
NEGATIVE = -np.concatenate(
    [10.0 ** np.linspace(-150, 6, 100) * 1.0001, np.linspace(0.003, 12, 300), around(1, 2, 3, 4)]
)
NEGATIVE = NEGATIVE[np.rint(NEGATIVE) != NEGATIVE]


def mp_ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def mp_gammaln(x: Any) -> Any:
    if x > 0:
        return mp.loggamma(x)
    return mp.log(mp.pi / abs(x * mp.sin(mp.pi * x))) - mp.loggamma(-x)


def mp_digamma(x: Any) -> Any:
    return mp.digamma(x) if x > 0 else mp.digamma(1 - x) - mp.pi * mp.cot(mp.pi * x)


def mp_trigamma(x: Any) -> Any:
    if x < 0:
        return (mp.pi / mp.sin(mp.pi * x)) ** 2 - mp_trigamma(1 - x)
    return mp.zeta(2, x) if x < 1e5 else 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3) - 1 / (30 * x**5)


CASES: dict[str, tuple[str, Callable[[Any], Any], np.ndarray, float]] = {
    "gammaln": ("gammaln", mp_gammaln, POSITIVE, 2e-14),
    "digamma": ("digamma", mp_digamma, POSITIVE[POSITIVE > 1e-307], 2e-14),
    "trigamma": ("trigamma", mp_trigamma, POSITIVE[POSITIVE > 1e-153], 2e-15),
    "trigamma, negative": ("trigamma", mp_trigamma, NEGATIVE, 2e-15),
    "erf": (
        "erf",
        mp.erf,
        np.concatenate([np.linspace(-7, 7, 701), 10.0 ** np.linspace(-305, 0, 60), around(1)]),
        1e-15,
    ),
    "ndtr": (
        "ndtr",
        mp_ndtr,
        np.concatenate([np.linspace(-37.5, 9, 701), -(10.0 ** np.linspace(-300, 0, 60))]),
        1e-13,
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_relative_error_against_50_digits(case: str) -> None:
    name, exact, x, tolerance = CASES[case]
    with np.errstate(all="raise"):
        y = getattr(special, name)(x)
    with mp.workdps(60):
        truth = [exact(mp.mpf(float(v))) for v in x]
        worst = max(
            float(abs((mp.mpf(float(a)) - t) / t)) if t else abs(a)
            for a, t in zip(y, truth, strict=True)
        )
    testkit.agreement(f"special.{case}", "mpmath", f"{len(x)} arguments", worst, tolerance)


@pytest.mark.parametrize(
    ("name", "exact", "slope"),
    [("gammaln", mp_gammaln, mp_digamma), ("digamma", mp_digamma, mp_trigamma)],
)
def test_negative_arguments_are_as_exact_as_the_rounding_of_x_and_of_the_terms_allows(
    name: str, exact: Callable[[Any], Any], slope: Callable[[Any], Any]
) -> None:
    # between two poles there is a root, in no closed form: there the error is relative to the
    # terms that cancel, not to the result
    y = getattr(special, name)(NEGATIVE)
    with mp.workdps(60):
        worst = 0.0
        for a, v in zip(y, NEGATIVE, strict=True):
            x = mp.mpf(float(v))
            t = exact(x)
            allowed = 1e-12 * abs(t) + 2.0**-50 * (1 + abs(x * slope(x)))
            worst = max(worst, float(abs(mp.mpf(float(a)) - t) / allowed))
    testkit.agreement(f"special.{name}, negative", "mpmath", f"{len(y)} arguments", worst, 1.0)


def test_ndtri_against_50_digits() -> None:
    p = np.concatenate(
        [
            [5e-324, 1e-320, 1e-310],
            10.0 ** np.linspace(-307, -1, 80),
            np.linspace(0.001, 0.999, 102),
            1 - 10.0 ** -np.linspace(1, 15.9, 40),
            around(0.5, 0.075)[:19],
        ]
    )
    with np.errstate(all="raise"):
        y = special.ndtri(p)
    worst = 0.0
    with mp.workdps(50):
        for a, q in zip(y, p, strict=True):
            x, tail = mp.mpf(float(a)), mp.mpf(float(q))
            if q > 0.5:
                x, tail = -x, 1 - tail
            if x == 0:
                continue
            # one Newton step from a good value squares its error
            step = mp_ndtr(x) * (mp.log(mp_ndtr(x)) - mp.log(tail)) / mp.npdf(x)
            worst = max(worst, float(abs(step / x)))
    testkit.agreement("special.ndtri", "mpmath", f"{len(p)} arguments", worst, 1e-15)


@pytest.mark.parametrize("name", ["gammaln", "digamma", "erf", "ndtr", "ndtri", "trigamma"])
def test_agrees_with_scipy(name: str) -> None:
    # away from 1 and 2, where SciPy's gammaln errs by up to 3e-7
    x = np.random.default_rng(0).uniform(0.02, 0.98, 2000)
    peer = (
        (lambda v: sc.polygamma(1, v))
        if name == "trigamma"
        else getattr(sc, {"digamma": "psi"}.get(name, name))
    )
    worst = np.max(np.abs(getattr(special, name)(x) / peer(x) - 1))
    testkit.agreement(
        f"special.{name}", "scipy", "2000 arguments in (0.02, 0.98)", float(worst), 1e-12
    )


def test_logsumexp_and_softmax_agree_with_scipy() -> None:
    a = np.random.default_rng(0).normal(size=(50, 7)) * 100
    for axis in (None, 0, 1):
        worst = np.max(np.abs(special.logsumexp(a, axis=axis) / sc.logsumexp(a, axis=axis) - 1))
        testkit.agreement("special.logsumexp", "scipy", f"50 x 7, axis {axis}", float(worst), 1e-14)
        p, q = special.softmax(a, axis=axis), sc.softmax(a, axis=axis)
        testkit.agreement(
            "special.softmax", "scipy", f"50 x 7, axis {axis}", float(np.max(np.abs(p - q))), 1e-14
        )
