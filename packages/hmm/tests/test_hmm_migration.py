# SPDX-License-Identifier: BSD-3-Clause
"""Each line of the README's migration table, on our side; test_peers_hmm_hmmlearn.py has both."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.hmm import GMMHMM, CategoricalHMM, GaussianHMM, PoissonHMM
from byhand.utils.estimator import ConvergenceWarning
from byhand.utils.progress import ProgressBar

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def series() -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 2)) + 5 * np.repeat([0, 1, 0], 30)[:, None]


@pytest.mark.skipif(not README.exists(), reason="the README is not beside an installed package")
def test_the_example_of_the_readme_prints_what_it_says() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    parser = doctest.DocTestParser()
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    for block in blocks:
        runner = doctest.DocTestRunner(optionflags=flags)
        runner.run(parser.get_doctest(block, {}, "README", str(README), 0))
        assert runner.summarize(verbose=False).failed == 0


def test_lists_and_lengths(series: Any) -> None:
    a = GaussianHMM(2, random_state=0).fit(series, [40, 50])
    b = GaussianHMM(2, random_state=0).fit([series[:40], series[40:]])
    assert_array_equal(a.means_, b.means_)


@pytest.mark.parametrize("gone", ["implementation", "verbose"])
def test_options_that_are_gone_are_refused(gone: str) -> None:
    options: Any = {gone: "scaling"}
    with pytest.raises(TypeError, match=gone):
        GaussianHMM(**options)


def test_a_progress_bar_is_a_callback(series: Any) -> None:
    pytest.importorskip("tqdm")
    GaussianHMM(2, random_state=0).fit(series, callback=ProgressBar())


def test_the_history_and_its_end(series: Any) -> None:
    assert GaussianHMM().n_iter == 100
    with pytest.warns(ConvergenceWarning):
        GaussianHMM(2, random_state=1, n_iter=1, tol=1e-6).fit(series)
    model = GaussianHMM(2, random_state=1, covars_prior=0.0).fit(series)
    assert model.converged_
    assert len(model.history_) == model.n_iter_ + 1
    assert_allclose(model.history_[-1], model.score(series), rtol=1e-12)
    every = GaussianHMM(2, random_state=1, tol=0, n_iter=4).fit(series)
    assert every.n_iter_ == 4


def test_covariances_keep_the_shape_of_their_type(series: Any) -> None:
    shapes = {"spherical": (2,), "diag": (2, 2), "full": (2, 2, 2), "tied": (2, 2)}
    for kind, shape in shapes.items():
        assert (
            GaussianHMM(2, covariance_type=kind, random_state=0).fit(series).covars_.shape == shape
        )


def test_starts_and_stationary_distribution(series: Any) -> None:
    model = GaussianHMM(2, n_init=3, random_state=0).fit(series)
    p = model.stationary_distribution()
    assert_allclose(p @ model.transmat_, p, atol=1e-12)
    assert_array_equal(p, model.get_stationary_distribution())


def test_map_decoding_returns_a_log_probability(series: Any) -> None:
    model = GaussianHMM(2, random_state=0).fit(series)
    best, _ = model.decode(series)
    row_by_row, _ = model.decode(series, algorithm="map")
    assert row_by_row <= best < 0


def test_poisson_priors_count_by_state() -> None:
    x = np.repeat([1, 50], 20)[:, None]
    model = PoissonHMM(2, lambdas_prior=10.0, lambdas_weight=5.0, random_state=0, n_init=3).fit(x)
    expected = [(10 + 20 * 1) / (5 + 20), (10 + 20 * 50) / (5 + 20)]
    assert_allclose(np.sort(model.lambdas_.ravel()), expected, rtol=1e-3)


def test_mixtures_never_fall(series: Any) -> None:
    model = GMMHMM(2, 2, random_state=1, n_iter=40, tol=0).fit(series)
    assert np.diff(model.history_).min() > -1e-9


def test_what_is_not_set_is_drawn_whatever_init_params_says(series: Any) -> None:
    model = GaussianHMM(2, init_params="m", random_state=0, n_iter=3, tol=0)
    model.startprob_ = np.array([1.0, 0.0])
    assert_array_equal(model.fit(series).startprob_, [1, 0])
    assert model.covars_.shape == (2, 2)


def test_parameters_that_were_set_and_are_drawn_anew_raise_a_warning(series: Any) -> None:
    model = GaussianHMM(2, random_state=0)
    model.means_ = np.zeros((2, 2))
    with pytest.warns(UserWarning, match=r"means_ will be overwritten .* leave 'm' out of init"):
        model.fit(series)
    model.fit(series)  # what was learned is no loss


def test_no_steps_are_refused_and_widths_are_read_off(series: Any) -> None:
    with pytest.raises(ValueError, match="n_iter must be an integer in"):
        GaussianHMM(2, n_iter=0).fit(series)
    model = GaussianHMM(1)
    model.startprob_, model.transmat_ = np.ones(1), np.ones((1, 1))
    model.means_, model.covars_ = np.array([[1.0, 2.0, 3.0]]), np.ones((1, 3))
    assert model.n_features == 3
    assert model.sample(5, random_state=0)[0].shape == (5, 3)


def test_rows_without_counts_keep_their_probabilities() -> None:
    model = CategoricalHMM(2, init_params="", n_iter=2, tol=0)
    model.startprob_, model.transmat_ = np.array([1.0, 0]), np.array([[1.0, 0], [0.3, 0.7]])
    model.emissionprob_ = np.full((2, 2), 0.5)
    with pytest.warns(ConvergenceWarning, match=r"states \[1\] lost"):
        model.fit(np.array([[0], [1]]))
    assert_array_equal(model.transmat_[1], [0.3, 0.7])


def test_a_random_state_of_old_numpy_is_refused(series: Any) -> None:
    with pytest.raises(TypeError, match="random_state"):
        GaussianHMM(2, random_state=np.random.RandomState(0)).fit(series)
