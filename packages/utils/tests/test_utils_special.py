# SPDX-License-Identifier: BSD-3-Clause
"""Special functions: mpmath's digits, identities between values, poles and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from byhand.utils import special

# (x, f(x)) by mpmath 1.3 at 60 digits, x the exact double. gammaln: loggamma, for x < 0 through
# the reflection log(pi / |x sin(pi x)|) - loggamma(-x); digamma and trigamma: digamma and
# polygamma(1, .), for x < 0 by reflection; ndtr: erfc(-x / sqrt 2) / 2; ndtri: Newton's method on
# log ndtr. Arguments: tails, both sides of each root, pole and change of formula, subnormals.
TABLE = {
    "gammaln": (
        (5e-324, 744.44007192138126231),
        (1e-310, 713.8013788281541651),
        (1e-300, 690.77552789821370518),
        (1e-08, 18.420680738180208884),
        (0.25, 1.2880225246980774574),
        (0.4999999999999999, 0.57236494292470030507),
        (0.5, 0.57236494292470008707),
        (0.999999999, 5.7721564939922597355e-10),
        (0.9999999999999999, 6.4083812134800072426e-17),
        (1.0000000000000002, -1.2816762426960008403e-16),
        (1.000000001, -5.7721571183810395192e-10),
        (1.4999999999999998, -0.12078223763524523045),
        (1.5, -0.12078223763524522235),
        (1.4616321449683622, -0.1214862905358496081),
        (1.9999999999999998, -9.3876980655431167609e-17),
        (1.999999999, -4.2278436975733279119e-10),
        (2.0000000000000004, 1.8775396131086243061e-16),
        (2.000000001, 4.2278437040226696476e-10),
        (2.5, 0.28468287047291915963),
        (3.0, 0.69314718055994530942),
        (7.999999999999999, 8.5251613610654125099),
        (8.0, 8.5251613610654143002),
        (15.7, 27.079888499653402194),
        (1000.0, 5905.2204232091812118),
        (10000000000.0, 2.2025850928881058147e11),
        (1e100, 2.2925850929940457206e102),
        (2.5e305, 1.755511860237645252e308),
        (-5e-324, 744.44007192138126231),
        (-1e-300, 690.77552789821370518),
        (-1e-08, 18.420680749724522182),
        (-0.5, 1.2655121234846453965),
        (-0.9999999999999999, 36.736800569677101446),
        (-1.0000000000000002, 36.043653389117155996),
        (-2.5, -0.056243716497674050673),
        (-3.000000000000001, 32.865599558769209354),
        (-10.3, -14.457515440024208334),
        (-100.7, -365.61225576180533017),
        (-1000000.25, -1.2815520347232489236e7),
    ),
    "digamma": (
        (1e-300, -9.9999999999999997494e299),
        (1e-08, -1.0000000057721564636e8),
        (0.25, -4.2274535333762654081),
        (1.0, -0.57721566490153286061),
        (1.2, -0.28903989659218835183),
        (1.461632144968362, -3.0727905665462928431e-16),
        (1.4616321449683622, -9.2412655217294275168e-17),
        (1.4616321449683625, 1.2245374622004069031e-16),
        (1.46163214, -4.8077462768328061139e-9),
        (1.46163215, 4.868976118553245609e-9),
        (1.4, -0.061384544585116236801),
        (1.499999999, 0.036489973043774242254),
        (1.500000001, 0.036489974913378798035),
        (2.0, 0.42278433509846713939),
        (3.7, 1.1671535393615114409),
        (7.999999999999999, 2.0156414779556098783),
        (8.0, 2.0156414779556099965),
        (1000.0, 6.9072551956488120521),
        (1e100, 230.25850929940456842),
        (1.7e308, 709.72683689322824104),
        (-1e-300, 9.9999999999999997494e299),
        (-1e-08, 9.9999999422784316557e7),
        (-0.25, 2.9141391202135278304),
        (-0.75, -2.8941202000429320748),
        (-1.0000000000000002, 4.5035996273704964228e15),
        (-2.9, -8.4415004536193757679),
        (-10.3, 4.6624034935820870175),
        (-1000000.25, 16.957103961553827759),
    ),
    "trigamma": (
        (1e-150, 9.9999999999999998741e299),
        (1e-08, 1.0000000000000001226e16),
        (0.25, 17.197329154507110739),
        (1.0, 1.6449340668482264365),
        (1.5, 0.93480220054467930942),
        (3.7, 0.31003785767003830216),
        (7.999999999999999, 0.13313701469403144085),
        (8.0, 0.13313701469403142513),
        (1000.0, 0.0010005001666666333334),
        (1e100, 9.999999999999999841e-101),
        (1e307, 1.000000000000000014e-307),
        (-1e-150, 9.9999999999999998741e299),
        (-1e-08, 1.0000000000000001226e16),
        (-0.5, 8.9348022005446793094),
        (-1.0000000000000002, 2.0282409603651670424e31),
        (-10.3, 14.98688706572263782),
        (-1000000.25, 19.739207802179467237),
    ),
    "erf": (
        (2e-308, 2.2567583341910249432e-308),
        (1e-300, 1.1283791670955126022e-300),
        (1e-08, 1.1283791670955125599e-8),
        (0.1, 0.1124629160182848984),
        (0.5, 0.52049987781304653768),
        (0.9999999999999999, 0.84270079294971482326),
        (1.0, 0.84270079294971486934),
        (1.0000000000000002, 0.84270079294971496151),
        (1.5, 0.96610514647531072707),
        (2.0, 0.99532226501895273416),
        (3.0, 0.99997790950300141456),
        (5.0, 0.99999999999846254021),
        (5.9, 0.9999999999999999281),
        (-0.3, -0.32862675945912741619),
        (-2.5, -0.99959304798255504106),
    ),
    "ndtr": (
        (-38.0, 2.8854283600687843084e-316),
        (-37.5, 4.6053530095819548438e-308),
        (-37.0, 5.7255712225245768227e-300),
        (-30.0, 4.9067139271481870595e-198),
        (-20.0, 2.7536241186062336951e-89),
        (-10.0, 7.619853024160526066e-24),
        (-5.0, 2.8665157187919391167e-7),
        (-2.0, 0.0227501319481792072),
        (-1.4142135623730951, 0.078649603525142551141),
        (-1.414213562373095, 0.078649603525142583729),
        (-1.0, 0.15865525393145705141),
        (-0.1, 0.46017216272297101633),
        (-1e-10, 0.49999999996010577196),
        (1e-300, 0.5),
        (0.3, 0.61791142218895263307),
        (1.0, 0.84134474606854294859),
        (1.4142135623730951, 0.92135039647485744886),
        (3.0, 0.99865010196836990547),
        (8.0, 0.9999999999999993779),
    ),
    "ndtri": (
        (5e-324, -38.467405617144346251),
        (1e-320, -38.269125343032651018),
        (2.3e-308, -37.518497245012296732),
        (1e-300, -37.047096299361199237),
        (1e-100, -21.273453560965324294),
        (1e-30, -11.46402468844361572),
        (1.3887943864964021e-11, -6.6579046435011035837),
        (1e-11, -6.7060231554951362961),
        (1e-05, -4.2648907939228246102),
        (0.07499999999999998, -1.439531470938456033),
        (0.075, -1.4395314709384559349),
        (0.3, -0.52440051270804081597),
        (0.4999999999999999, -2.7829164246717669222e-16),
        (0.5000000000000001, 2.7829164246717669222e-16),
        (0.7, 0.52440051270804065631),
        (0.925, 1.4395314709384562291),
        (0.9250000000000002, 1.4395314709384570134),
        (0.999, 3.0902323061678132778),
        (0.9999999999, 6.3613408896974218642),
        (0.9999999999999999, 8.2095361516013868556),
    ),
}
# error of exp(-x^2 / 2) from the rounding of x^2 is x^2 eps / 2: 8e-14 at x = -38; a subnormal
# result has fewer digits
RTOL = {"erf": 5e-16, "ndtr": 2e-13, "gammaln": 2e-14, "digamma": 2e-14, "trigamma": 2e-15}
FUNCTIONS = {name: getattr(special, name) for name in TABLE}
EVERYWHERE = [*TABLE, "logsumexp", "softmax"]


@pytest.mark.parametrize(
    ("name", "x", "expected"), [(name, x, y) for name, rows in TABLE.items() for x, y in rows]
)
def test_value_equals_mpmath_to_a_relative_error_far_below_1e_12(
    name: str, x: float, expected: float
) -> None:
    with np.errstate(all="raise"):
        got = FUNCTIONS[name](x)
    assert_allclose(got, expected, rtol=RTOL.get(name, 2e-15), atol=0)


@pytest.mark.parametrize("name", list(TABLE))
def test_array_equals_its_elements_in_any_shape_order_and_mixture_of_intervals(name: str) -> None:
    x = np.array([x for x, _ in TABLE[name]] * 2000)  # several blocks
    np.random.default_rng(0).shuffle(x)
    y = FUNCTIONS[name](x)
    one = {v: float(FUNCTIONS[name](v)) for v in set(x.tolist())}
    # vector and scalar code of exp and log may differ by an ulp
    assert_allclose(y, [one[v] for v in x.tolist()], rtol=1e-14, atol=0)
    wide = x[: len(x) // 4 * 4].reshape(2, 2, -1)
    for same in (np.asfortranarray(wide), wide[::-1][::-1], np.array(wide, dtype=">f8")):
        assert_allclose(FUNCTIONS[name](same).ravel(), y[: wide.size], rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("gammaln", [0.0, -0.0, -1, -7, -1e300, -np.inf, np.inf, 1.7e308], [np.inf] * 8),
        ("digamma", [0.0, -0.0, -1, -1e300, -np.inf], [-np.inf, np.inf, np.nan, np.nan, np.nan]),
        ("digamma", [5e-324, -5e-324, np.inf], [-np.inf, np.inf, np.inf]),
        ("trigamma", [0.0, -0.0, -3, -1e300, 5e-324, -5e-324], [np.inf] * 6),
        ("trigamma", [np.inf, -np.inf], [0, np.nan]),
        ("erf", [0.0, np.inf, -np.inf, 40, -1e300], [0, 1, -1, 1, -1]),
        ("ndtr", [0.0, np.inf, -np.inf, -39, -1e300, 40], [0.5, 1, 0, 0, 0, 1]),
        ("ndtri", [0.0, 1.0, 0.5], [-np.inf, np.inf, 0]),
        ("ndtri", [-5e-324, 1.0000000000000002, -np.inf, np.inf], [np.nan] * 4),
    ],
)
def test_poles_and_ends_are_exact_and_silent(
    name: str, x: list[float], expected: list[float]
) -> None:
    with np.errstate(all="raise"):
        assert_array_equal(FUNCTIONS[name](x), expected)


@pytest.mark.parametrize("name", list(TABLE))
def test_nan_stays_nan_among_numbers(name: str) -> None:
    with np.errstate(all="raise"):
        y = FUNCTIONS[name]([0.3, np.nan, 0.7])
    assert_array_equal(np.isnan(y), [False, True, False])


@pytest.mark.parametrize("x", [5e-324, 3e-310])
def test_erf_of_a_subnormal_number_is_within_one_unit_of_its_last_place(x: float) -> None:
    assert abs(float(special.erf(x)) - x * 2 / math.sqrt(math.pi)) <= 5e-324


def test_ndtr_of_minus_38_and_a_half_is_the_subnormal_number_that_mpmath_gives() -> None:
    # 1.2e-323 at x = -38.45 is 2.4 units of the smallest double
    assert float(special.ndtr(-38.45)) in (1e-323, 1.5e-323)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 100))
def test_gamma_family_obeys_its_recurrences(x: float) -> None:
    size = abs(float(special.gammaln(x))) + abs(math.log(x))
    assert_allclose(
        special.gammaln(x + 1), special.gammaln(x) + math.log(x), rtol=0, atol=1e-13 * (1 + size)
    )
    assert_allclose(
        special.digamma(x + 1), special.digamma(x) + 1 / x, rtol=0, atol=1e-13 * (1 + 1 / x)
    )
    assert_allclose(
        special.trigamma(x + 1), special.trigamma(x) - 1 / x**2, rtol=0, atol=1e-13 * (1 + x**-2)
    )


@pytest.mark.parametrize("n", range(1, 171, 7))
def test_gammaln_of_a_whole_number_is_the_logarithm_of_a_factorial(n: int) -> None:
    assert_allclose(special.gammaln(n), math.log(math.factorial(n - 1)), rtol=1e-14, atol=0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-8, 8))
def test_erf_is_odd_and_agrees_with_the_c_library(x: float) -> None:
    assert_allclose(special.erf(x), math.erf(x), rtol=1e-15, atol=0)
    assert special.erf(-x) == -special.erf(x)


@settings(max_examples=40, deadline=None)
@given(st.floats(-37, 7))
def test_ndtri_inverts_ndtr(x: float) -> None:
    p = special.ndtr(x)
    # p near 1 has lost the digits of x: an ulp of p moves x by eps / density(x)
    atol = 1.2e-16 * math.sqrt(2 * math.pi) * math.exp(x * x / 2) if x > 0 else 0
    assert_allclose(special.ndtri(p), x, rtol=1e-12, atol=2 * atol + 1e-15)


def test_ndtr_of_x_and_of_minus_x_sum_to_1() -> None:
    x = np.linspace(-40, 40, 1001)
    assert_allclose(special.ndtr(x) + special.ndtr(-x), 1, rtol=0, atol=2.3e-16)


# ---- logsumexp and softmax


def test_logsumexp_of_widely_different_columns_gives_the_published_digits() -> None:
    got = special.logsumexp([[0, -1000], [0, -1000]], axis=0)
    assert_allclose(got, [0.6931471805599453, -999.3068528194400547], rtol=1e-15, atol=0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=1, max_size=8))
def test_logsumexp_equals_exact_summation(a: list[float]) -> None:
    top = max(a)
    exact = math.log(math.fsum(math.exp(v - top) for v in a)) + top
    # the sum log + top loses the digits that cancel
    assert_allclose(special.logsumexp(a), exact, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("gap", [1.0, 20.0, 40.0, 100.0, 700.0])
def test_logsumexp_of_one_certain_and_one_unlikely_event_keeps_the_unlikely_one(gap: float) -> None:
    got = special.logsumexp([0.0, -gap])
    assert_allclose(got, math.log1p(math.exp(-gap)), rtol=1e-14, atol=0)


def test_logsumexp_of_two_halves_and_an_unlikely_event_keeps_the_unlikely_one() -> None:
    got = special.logsumexp([-math.log(2), -math.log(2), -20.0])
    # log 2 itself is rounded: 1e-17 in 2e-9
    assert_allclose(got, math.log1p(math.exp(-20)), rtol=1e-7, atol=0)


def test_logsumexp_of_impossible_events_is_minus_infinity_without_warning() -> None:
    a = np.array([[-np.inf, -np.inf], [0.0, -np.inf], [np.inf, 1.0], [np.nan, 0.0]])
    with np.errstate(all="raise"):
        got = special.logsumexp(a, axis=1)
    assert_array_equal(got, [-np.inf, 0, np.inf, np.nan])
    assert special.logsumexp([]) == -np.inf
    assert_array_equal(special.logsumexp(np.zeros((2, 0)), axis=1), [-np.inf, -np.inf])


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_reduces_the_axes_that_sum_reduces(axis: object, keepdims: bool) -> None:
    a = np.random.default_rng(1).normal(size=(2, 3, 4))
    expected = np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims))  # type: ignore[call-overload]
    got = special.logsumexp(a, axis=axis, keepdims=keepdims)  # type: ignore[arg-type]
    assert np.shape(got) == np.shape(expected)
    assert_allclose(got, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_softmax_is_exp_of_a_minus_logsumexp_and_sums_to_1(axis: int | tuple[int, ...]) -> None:
    a = np.random.default_rng(2).normal(size=(5, 4)) * 300
    a[0, 0] = -np.inf
    with np.errstate(all="raise"):
        p = special.softmax(a, axis=axis)
    expected = np.exp(a - special.logsumexp(a, axis=axis, keepdims=True))
    assert_allclose(p, expected, rtol=1e-12, atol=1e-300)
    assert_allclose(p.sum(axis=axis), 1, rtol=1e-15, atol=0)
    assert p[0, 0] == 0


def test_softmax_without_a_limit_is_nan_and_silent() -> None:
    with np.errstate(all="raise"):
        assert np.isnan(special.softmax([-np.inf, -np.inf])).all()
        assert special.softmax(np.zeros((2, 0))).shape == (2, 0)


# ---- the door


@pytest.mark.parametrize("name", EVERYWHERE)
def test_float32_stays_and_everything_else_becomes_float64(name: str) -> None:
    f = getattr(special, name)
    x = [0.25, 0.5, 0.75]
    single = f(np.array(x, dtype=np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, f(x), rtol=3e-7, atol=0)
    for other in (x, tuple(x), np.array(x, dtype=object), np.array(x, dtype=np.float16)):
        assert_array_equal(f(other), f(np.array(x)))
        assert f(other).dtype == np.float64
    assert_array_equal(f([True, False]), f([1.0, 0.0]))
    assert_array_equal(f(np.array([1, 0], dtype=np.uint8)), f([1.0, 0.0]))


@pytest.mark.parametrize("name", EVERYWHERE)
def test_input_is_read_only_never_written(name: str) -> None:
    x = np.array([0.2, 0.4, 0.9, -2.0, 30.0])
    before = x.tobytes()
    x.flags.writeable = False
    getattr(special, name)(x)
    getattr(special, name)(x[::-2])
    assert x.tobytes() == before


@pytest.mark.parametrize("name", EVERYWHERE)
def test_wrong_kinds_of_data_are_refused_by_name(name: str) -> None:
    f = getattr(special, name)
    argument = {"logsumexp": "a", "softmax": "a", "ndtri": "p"}.get(name, "x")
    with pytest.raises(TypeError, match=f"^{argument} must hold numbers"):
        f(["one"])
    with pytest.raises(TypeError, match=f"^{argument} must hold numbers"):
        f(np.array(["2020-01-01"], dtype="M8[D]"))
    with pytest.raises(ValueError, match=f"Complex data not supported: {argument}"):
        f([1j])
    with pytest.raises(TypeError, match=f"{argument} is a masked array"):
        f(np.ma.masked_array([0.5], mask=[True]))


@pytest.mark.parametrize("name", list(TABLE))
def test_empty_input_gives_empty_output(name: str) -> None:
    assert FUNCTIONS[name](np.zeros((0, 3))).shape == (0, 3)
