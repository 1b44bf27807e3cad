# SPDX-License-Identifier: BSD-3-Clause
"""Claims of byhand.utils.kmeans_plus_plus."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from byhand.utils.kmeans_plus_plus import kmeans_plus_plus


def exact_probabilities(x: list[float], w: list[float]) -> dict[tuple[int, int], float]:
    """Probability of each ordered pair for K = 2 (two candidates), by enumerating all draws."""
    p: dict[tuple[int, int], float] = {}
    for first, w_first in enumerate(w):
        mass = [wi * (xi - x[first]) ** 2 for xi, wi in zip(x, w, strict=True)]
        for a, mass_a in enumerate(mass):
            for b, mass_b in enumerate(mass):
                left = [
                    sum(min(m, wi * (xi - x[c]) ** 2) for m, xi, wi in zip(mass, x, w, strict=True))
                    for c in (a, b)
                ]
                chosen = a if left[0] <= left[1] else b
                weight = w_first / sum(w) * mass_a * mass_b / sum(mass) ** 2
                p[first, chosen] = p.get((first, chosen), 0.0) + weight
    return p


@pytest.mark.parametrize("w", [[1.0, 1.0, 1.0, 1.0], [1.0, 3.0, 0.0, 0.5]])
def test_outcomes_have_the_probabilities_of_all_draws(w: list[float]) -> None:
    x = [0.0, 1.0, 3.0, 7.0]
    X, weights = np.array(x)[:, None], np.array(w)
    rng = np.random.default_rng(0)
    n = 4000
    seen: Counter[tuple[int, int]] = Counter()
    for _ in range(n):
        a, b = kmeans_plus_plus(X, 2, sample_weight=weights, rng=rng)[1]
        seen[int(a), int(b)] += 1
    for pair, p in exact_probabilities(x, w).items():
        assert abs(seen[pair] - n * p) <= 4 * np.sqrt(n * p * (1 - p)) + 1e-9, pair


def test_centers_are_the_rows_of_the_indices() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    centers, indices = kmeans_plus_plus(X, 7, rng=np.random.default_rng(1))
    assert_array_equal(centers, X[indices])
    assert len(set(indices.tolist())) == 7


def test_float32_samples_are_measured_in_float64() -> None:
    X = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32) + np.float32(1000)
    _, single = kmeans_plus_plus(X, 9, rng=np.random.default_rng(3))
    _, double = kmeans_plus_plus(X.astype(np.float64), 9, rng=np.random.default_rng(3))
    assert_array_equal(single, double)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_duplicates_are_drawn_only_when_nothing_else_is_left(offset: float) -> None:
    X = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 40, axis=0) + offset
    for seed in range(20):
        centers, _ = kmeans_plus_plus(X, 5, rng=np.random.default_rng(seed))
        assert len(np.unique(centers, axis=0)) == 5
        assert (
            len(np.unique(kmeans_plus_plus(X, 8, rng=np.random.default_rng(seed))[0], axis=0)) == 5
        )


def test_weight_of_two_is_a_row_repeated_in_place() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(200, 3)), rng.integers(0, 4, size=200)
    Y, ones = np.repeat(X, w, axis=0), np.ones(w.sum())
    for seed in range(10):
        rng_a, rng_b = np.random.default_rng(seed), np.random.default_rng(seed)
        weighted, _ = kmeans_plus_plus(X, 6, sample_weight=w.astype(float), rng=rng_a)
        repeated, _ = kmeans_plus_plus(Y, 6, sample_weight=ones, rng=rng_b)
        assert_array_equal(weighted, repeated)


def test_rows_of_weight_zero_are_never_drawn() -> None:
    X = np.arange(20.0)[:, None]
    w = (np.arange(20) % 2).astype(float)
    for seed in range(30):
        _, indices = kmeans_plus_plus(X, 10, sample_weight=w, rng=np.random.default_rng(seed))
        assert sorted(indices.tolist()) == list(range(1, 20, 2))


@pytest.mark.parametrize(("scale", "offset"), [(2.0**650, 0.0), (2.0**-650, 0.0), (1.0, 2.0**27)])
def test_choice_depends_neither_on_scale_nor_on_origin(scale: float, offset: float) -> None:
    X = np.round(np.random.default_rng(0).normal(size=(500, 3)) * 1024) / 1024
    _, chosen = kmeans_plus_plus(X, 8, rng=np.random.default_rng(3))
    _, moved = kmeans_plus_plus(X * scale + offset, 8, rng=np.random.default_rng(3))
    assert_array_equal(moved, chosen)


@pytest.mark.parametrize("K", [0, 6])
def test_more_clusters_than_samples_are_refused(K: int) -> None:
    with pytest.raises(
        ValueError, match=f"n_clusters must be between 1 and the 5 samples, got {K}"
    ):
        kmeans_plus_plus(np.zeros((5, 1)), K, rng=np.random.default_rng(0))


def test_when_all_samples_are_centres_the_next_is_drawn_evenly() -> None:
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 20)), 10, axis=0)
    fourth = {int(kmeans_plus_plus(X, 4, rng=np.random.default_rng(s))[1][3]) for s in range(500)}
    assert fourth == set(range(30))
