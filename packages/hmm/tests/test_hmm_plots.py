# SPDX-License-Identifier: BSD-3-Clause
"""What the displays draw is what the models hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.hmm import HistoryDisplay, MatrixDisplay, PathDisplay, PoissonHMM

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def model() -> Any:
    x = np.array([3, 2, 4, 3, 2, 21, 18, 20, 19, 22])[:, None]
    return PoissonHMM(2, random_state=0).fit(x), x


def test_matrices_are_those_of_the_model(model: Any) -> None:
    fitted, _ = model
    display = MatrixDisplay.from_estimator(fitted)
    assert_allclose(display.image_.get_array(), fitted.transmat_)
    emissions = MatrixDisplay.from_estimator(fitted, what="emissions")
    assert_allclose(emissions.image_.get_array(), fitted.lambdas_)
    assert emissions.ax_.get_xlabel() == "feature"
    with pytest.raises(ValueError, match="what must be one of"):
        MatrixDisplay.from_estimator(fitted, what="nothing")


def test_a_path_shows_each_row_once_and_the_expected_level(model: Any) -> None:
    fitted, x = model
    display = PathDisplay.from_estimator(fitted, x, times=np.arange(1990, 2000))
    drawn = sum(len(line.get_xdata()) for line in display.ax_.lines[:-1])
    assert drawn == len(x)
    assert_array_equal(display.states, fitted.predict(x))
    assert display.levels is not None
    assert_allclose(display.levels, fitted.lambdas_[display.states, 0])


def test_a_history_is_drawn_into_the_given_axes(model: Any) -> None:
    from matplotlib.figure import Figure

    fitted, _ = model
    ax = Figure().add_subplot()
    display = HistoryDisplay.from_estimator(fitted, ax=ax)
    assert display.ax_ is ax
    assert_allclose(ax.lines[0].get_ydata(), fitted.history_)
