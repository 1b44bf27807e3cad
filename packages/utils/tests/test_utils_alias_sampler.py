# SPDX-License-Identifier: BSD-3-Clause
"""AliasSampler: exact tables, frequencies, sampling without replacement."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from byhand.utils.alias_sampler import AliasSampler, alias_table

# 99.9 % quantiles of chi-square by degrees of freedom (Abramowitz & Stegun, table 26.8)
CHI2_999 = {2: 13.816, 4: 18.467, 5: 20.515, 9: 27.877}


def recovered(keep: np.ndarray, alias: np.ndarray) -> list[float]:
    """What the table draws each item with, in exact arithmetic."""
    n = len(keep)
    p = [Fraction(0)] * n
    for i in range(n):
        p[i] += Fraction(float(keep[i])) / n
        p[int(alias[i])] += (1 - Fraction(float(keep[i]))) / n
    return [float(v) for v in p]


@pytest.mark.parametrize(
    "weights",
    [
        [1.0],
        [1.0, 1.0],
        [1, 2, 3, 4],
        [0, 0, 5, 0],
        [1e-300, 1.0, 1e-12],
        [0.1] * 10,
        np.arange(1, 200) ** -1.0,
        np.random.default_rng(0).exponential(size=300) ** 3,
        np.r_[np.zeros(50), np.ones(7), 1000.0],
    ],
)
def test_table_gives_back_the_probabilities(weights: list[float]) -> None:
    p = np.asarray(weights, dtype=float)
    p = p / p.sum()
    keep, alias = alias_table(p)
    assert keep.min() >= 0
    assert keep.max() <= 1
    assert_allclose(recovered(keep, alias), p, rtol=0, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1e3)), min_size=1, max_size=40))
def test_table_gives_back_any_probabilities_and_never_an_impossible_item(w: list[float]) -> None:
    if sum(w) == 0:
        w[0] = 1.0
    p = np.array(w) / np.sum(w)
    keep, alias = alias_table(p)
    got = recovered(keep, alias)
    assert_allclose(got, p, rtol=0, atol=1e-15)
    assert all(g == 0 for g, v in zip(got, p, strict=True) if v == 0)


def test_table_of_a_hundred_thousand_items_is_as_exact() -> None:
    p = np.random.default_rng(1).pareto(1.0, size=100_000)
    p /= p.sum()
    keep, alias = alias_table(p)
    n = len(p)
    got = keep / n + np.bincount(alias, weights=(1 - keep) / n, minlength=n)
    assert_allclose(got, p, rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_items_that_are_heavy_by_a_rounding_error_do_not_upset_the_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = np.r_[rng.uniform(0, 2, 1000), np.full(24, 1.0)]
    q[:1000] *= 1000 / q[:1000].sum()
    p = q / len(q) * (1 + 2.0**-52 * rng.integers(-2, 3, len(q)))
    keep, alias = alias_table(p)
    assert_allclose(recovered(keep, alias), p, rtol=0, atol=1e-15)


@pytest.mark.parametrize("p", [[0.2, 0.3, 0.5], [0.05, 0.0, 0.4, 0.25, 0.1, 0.2]])
def test_frequencies_of_1e5_draws_pass_a_chi_square_test(p: list[float]) -> None:
    draws = AliasSampler(p, random_state=0).sample(100_000)
    count = np.bincount(draws, minlength=len(p))
    expected = 100_000 * np.array(p)
    possible = expected > 0
    chi2 = np.sum((count - expected)[possible] ** 2 / expected[possible])
    assert chi2 < CHI2_999[possible.sum() - 1]
    assert count[~possible].sum() == 0


def test_ordered_pairs_without_replacement_have_the_probabilities_of_successive_draws() -> None:
    p = [0.5, 0.3, 0.2]
    sampler = AliasSampler(p, random_state=0)
    pairs = [tuple(sampler.sample(2, replace=False).tolist()) for _ in range(6000)]
    chi2 = 0.0
    for i, j in itertools.permutations(range(3), 2):
        expected = 6000 * p[i] * p[j] / (1 - p[i])
        chi2 += (pairs.count((i, j)) - expected) ** 2 / expected
    assert chi2 < CHI2_999[5]


def test_first_of_many_draws_without_replacement_has_the_given_probabilities() -> None:
    p = np.repeat(np.arange(1, 11), 100) / 5500
    sampler = AliasSampler(p, random_state=0)
    first = [int(sampler.sample(700, replace=False)[0]) // 100 for _ in range(2000)]
    expected = 2000 * p[::100] * 100
    assert np.sum((np.bincount(first, minlength=10) - expected) ** 2 / expected) < CHI2_999[9]


@pytest.mark.parametrize("k", [0, 1, 3, 4])
def test_draws_without_replacement_are_distinct_and_possible(k: int) -> None:
    p = [0.1, 0.0, 0.3, 0.2, 0.4]
    draws = AliasSampler(p, random_state=1).sample(k, replace=False)
    assert len(set(draws.tolist())) == k
    assert 1 not in draws


def test_more_draws_than_possible_items_are_an_error_and_no_endless_loop() -> None:
    sampler = AliasSampler([0.5, 0.5, 0.0, 0.0], random_state=0)
    with pytest.raises(ValueError, match=r"size must be at most 2 .* got 3"):
        sampler.sample(3, replace=False)
    assert sorted(sampler.sample((1, 2), replace=False).ravel().tolist()) == [0, 1]


def test_shape_dtype_and_generator() -> None:
    sampler = AliasSampler([0.25, 0.75])
    draws = sampler.sample((3, 4), rng=np.random.default_rng(5))
    assert draws.shape == (3, 4)
    assert draws.dtype == np.int64
    assert_array_equal(draws, AliasSampler([0.25, 0.75], random_state=5).sample([3, 4]))
    assert sampler.sample(0).shape == (0,)


def test_input_is_copied_and_may_be_read_only_strided_or_single_precision() -> None:
    p = np.array([0.1, 9.0, 0.9, 9.0])[::2]
    p.flags.writeable = False
    expected = AliasSampler([0.1, 0.9], random_state=0).sample(50)
    assert_array_equal(AliasSampler(p, random_state=0).sample(50), expected)
    assert_array_equal(p, [0.1, 0.9])
    single = np.full(3, 1 / 3, dtype=np.float32)  # sums to 1 + 3e-8
    assert AliasSampler(single).probabilities.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: AliasSampler([0.5, 0.4]), ValueError, "probabilities must sum to 1, got .* 0.9"),
        (lambda: AliasSampler([1.5, -0.5]), ValueError, "probabilities .* -0.5 at index 1"),
        (lambda: AliasSampler([np.nan, 1]), ValueError, "probabilities contains NaN"),
        (lambda: AliasSampler([]), ValueError, "probabilities"),
        (lambda: AliasSampler([[1.0]]), ValueError, "probabilities"),
        (lambda: AliasSampler(["a"]), TypeError, "probabilities"),
        (lambda: AliasSampler([1.0]).sample(-1), ValueError, "size"),
        (lambda: AliasSampler([1.0]).sample(1.5), TypeError, "size"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused_with_the_argument_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
