# SPDX-License-Identifier: BSD-3-Clause
"""Claims of fits over shards, on executors and in batches."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.gmm import GaussianMixture
from byhand.utils.estimator import clone

quiet = pytest.mark.filterwarnings("ignore::byhand.utils.estimator.ConvergenceWarning")


class Inline:
    """The least that counts as an executor."""

    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        self.tasks += 1
        value = fn(*args)
        return type("Done", (), {"result": lambda self: value})()


def learned(g: GaussianMixture) -> dict[str, Any]:
    return {k: v for k, v in vars(g).items() if k.endswith("_")}


def assert_same_bits(a: GaussianMixture, b: GaussianMixture) -> None:
    for name, value in learned(a).items():
        assert_array_equal(value, learned(b)[name], err_msg=name)


def test_executors_give_the_same_bits(kind: str, blobs: Any) -> None:
    X = blobs(500)
    g = GaussianMixture(3, covariance_type=kind, random_state=0)
    inline = Inline()
    expected = clone(g).fit(X, executor=inline)
    assert inline.tasks == 8 * (expected.n_iter_ + 1)
    with ThreadPoolExecutor(3) as pool:
        assert_same_bits(clone(g).fit(X, executor=pool), expected)
    one = clone(g).fit(X)
    assert_allclose(one.means_, expected.means_, rtol=1e-10)
    assert_allclose(one.covariances_, expected.covariances_, rtol=1e-9, atol=1e-12)


def test_processes_give_the_same_bits(blobs: Any) -> None:
    X = blobs(300)
    g = GaussianMixture(2, random_state=0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert_same_bits(clone(g).fit(X, executor=pool), clone(g).fit(X, executor=Inline()))


def test_shards_of_every_sort_are_the_same_data(blobs: Any, tmp_path: Path) -> None:
    parts = np.array_split(blobs(400), 3)
    for i, part in enumerate(parts):
        np.save(tmp_path / f"{i}.npy", part)
    g = GaussianMixture(3, random_state=0)
    expected = clone(g).fit(parts)
    ones = [np.ones(len(p)) for p in parts]
    for shards in (
        tuple(parts),
        [str(tmp_path / f"{i}.npy") for i in range(3)],
        [tmp_path / f"{i}.npy" for i in range(3)],
        [lambda i=i: parts[i] for i in range(3)],
    ):
        assert_same_bits(clone(g).fit(shards), expected)
    weighted = clone(g).fit(list(zip(parts, ones, strict=True)))
    assert_allclose(weighted.means_, expected.means_, rtol=1e-10)
    whole = clone(g).fit(np.concatenate(parts))
    assert_allclose(whole.means_, expected.means_, rtol=1e-10)
    assert expected.n_features_in_ == 3
    assert expected.predict(parts[0]).shape == (len(parts[0]),)


@pytest.mark.parametrize("n_shards", [1, 2, 7, 50, 201])
def test_number_of_shards_changes_nothing_but_rounding(
    n_shards: int, kind: str, blobs: Any
) -> None:
    X, w = blobs(200), np.random.default_rng(0).integers(0, 3, 200).astype(float)
    g = GaussianMixture(3, covariance_type=kind, random_state=0)
    shards = [(X[i], w[i]) for i in np.array_split(np.arange(200), n_shards)]
    a, b = clone(g).fit(shards), clone(g).fit(X, sample_weight=w)
    assert_allclose(a.means_, b.means_, rtol=1e-10)
    assert_allclose(a.lower_bound_, b.lower_bound_, rtol=1e-12)


def test_shards_may_hold_missing_values(blobs: Any) -> None:
    X = blobs(200)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    g = GaussianMixture(3, random_state=0, allow_nan=True)
    a, b = clone(g).fit(X, executor=Inline()), clone(g).fit(X)
    assert_allclose(a.means_, b.means_, rtol=1e-9)


def test_start_of_many_rows_is_taken_from_a_sample(
    blobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import byhand.gmm.shards as module

    monkeypatch.setattr(module, "ROWS_TO_START", 60)
    X = blobs(600, spread=8.0)
    g = GaussianMixture(3, tol=1e-10, max_iter=500, random_state=0)
    a, b = clone(g).fit(np.array_split(X, 4)), clone(g).fit(X)
    assert_allclose(sorted(a.means_[:, 0]), sorted(b.means_[:, 0]), rtol=1e-4)
    assert a.n_samples_seen_ == 600


def test_wrong_shards_are_named(blobs: Any) -> None:
    X = blobs(20)
    g = GaussianMixture(2)
    with pytest.raises(
        ValueError, match="all shards must have the same number of features, got 3 and 2"
    ):
        g.fit([X, X[:, :2]])
    with pytest.raises(ValueError, match="X contains NaN"):
        g.fit([X, np.full((2, 3), np.nan)])
    with pytest.raises(ValueError, match="sample_weight must be None with shards"):
        g.fit([X, X], sample_weight=np.ones(40))
    with pytest.raises(ValueError, match=r"sample_weight has 19|sample_weight.shape"):
        g.fit([(X, np.ones(19))])
    with pytest.raises(TypeError, match=r"executor must be None or have a method submit"):
        g.fit(X, executor=3)


def test_partial_fit_of_one_gaussian_is_the_fit_of_all_batches(kind: str, blobs: Any) -> None:
    X, w = blobs(300), np.random.default_rng(0).random(300)
    g = GaussianMixture(1, covariance_type=kind)
    for i in np.array_split(np.arange(300), 5):
        g.partial_fit(X[i], sample_weight=w[i])
    whole = GaussianMixture(1, covariance_type=kind).fit(X, sample_weight=w)
    assert_allclose(g.n_samples_seen_, w.sum(), rtol=1e-12)
    assert_allclose(g.means_, whole.means_, rtol=1e-11)
    assert_allclose(g.covariances_, whole.covariances_, rtol=1e-10, atol=1e-12)


@quiet
def test_partial_fit_finds_what_fit_finds(kind: str, blobs: Any) -> None:
    X = blobs(2000, spread=4.0)
    g = GaussianMixture(3, covariance_type=kind, random_state=0)
    for batch in np.array_split(X, 10):
        g.partial_fit(batch)
    whole = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    assert g.score(X) > whole.score(X) - 0.02
    assert g.n_samples_seen_ == 2000
    assert len(g.history_) == g.n_iter_ + 1


def test_partial_fit_after_known_parameters_keeps_only_the_batch(
    blobs: Any, some_params: Any
) -> None:
    from byhand.gmm import gaussian_mixture_e_step, gaussian_mixture_m_step

    p = some_params("diag")
    g = GaussianMixture.from_parameters(p.weights, p.means, p.covariances, "diag")
    g.partial_fit(blobs())
    expected = gaussian_mixture_m_step(gaussian_mixture_e_step(p, blobs()), 1e-6)
    assert_allclose(g.means_, expected.means, rtol=1e-10)


def test_partial_fit_refuses_another_width(blobs: Any) -> None:
    g = GaussianMixture(2, random_state=0).partial_fit(blobs())
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        g.partial_fit(blobs(20, 2))
