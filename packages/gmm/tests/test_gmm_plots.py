# SPDX-License-Identifier: BSD-3-Clause
"""Claims of the pictures and of the demo."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from byhand.gmm import (
    BICDisplay,
    GaussianMixture,
    MixtureDisplay,
    ResponsibilityDisplay,
    covariance_ellipse,
)
from byhand.gmm.__main__ import main


@pytest.fixture
def ax() -> Any:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    return figure.add_subplot()


@pytest.mark.parametrize("n_std", [1.0, 2.0])
def test_ellipse_has_the_mahalanobis_distance_it_says(n_std: float) -> None:
    S, mean = np.array([[2.0, -0.8], [-0.8, 0.5]]), np.array([3.0, -1.0])
    d = covariance_ellipse(mean, S, n_std) - mean
    assert_allclose(np.einsum("ti,ij,tj->t", d, np.linalg.inv(S), d), n_std**2, rtol=1e-12)
    assert_allclose(d[0], d[-1], atol=1e-12)


def test_ellipse_needs_two_dimensions() -> None:
    with pytest.raises(ValueError, match=r"must have shapes \(2,\) and \(2, 2\), got \(3,\)"):
        covariance_ellipse(np.zeros(3), np.eye(3))


def test_mixture_display_draws_two_ellipses_a_component(kind: str, blobs: Any, ax: Any) -> None:
    X = blobs()
    g = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(g, X, features=(2, 0), ax=ax)
    assert len(display.ellipses_) == 6
    assert_allclose(display.ellipses_[4].mean(axis=0), g.means_[2, [2, 0]], atol=0.1)
    assert_array_equal(ax.collections[0].get_offsets(), X[:, [2, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x2", "x0")
    assert display.ax_ is ax


def test_responsibility_display_sorts_by_component_then_certainty(blobs: Any, ax: Any) -> None:
    X = blobs(spread=1.0)
    g = GaussianMixture(3, tol=1e-2, random_state=0).fit(X)
    display = ResponsibilityDisplay.from_estimator(g, X, ax=ax)
    R = g.predict_proba(X)[display.order_]
    component = R.argmax(axis=1)
    assert np.all(np.diff(component) >= 0)
    for k in range(3):
        assert np.all(np.diff(R[component == k].max(axis=1)) <= 0)


def test_bic_display_marks_the_lowest(blobs: Any, ax: Any) -> None:
    X = blobs(300, 2, 3, spread=8.0)
    fits = [
        GaussianMixture(K, covariance_type=kind, random_state=0).fit(X)
        for kind in ("full", "spherical")
        for K in (1, 3)
    ]
    display = BICDisplay.from_estimators(fits, X, ax=ax)
    assert display.best_ == ("spherical", 3)
    assert_allclose(display.bic["full"][1], fits[0].bic(X))
    assert_allclose(ax.lines[0].get_ydata(), [fits[0].bic(X), fits[1].bic(X)])


def test_new_axes_are_made_where_none_are_given(blobs: Any) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    display = BICDisplay({"full": {1: 2.0, 2: 1.0}}).plot()
    assert display.best_ == ("full", 2)
    plt.close(display.ax_.figure)


def test_missing_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        BICDisplay({"full": {1: 2.0}}).plot()


def test_demo_chooses_what_mclust_chooses(capsys: pytest.CaptureFixture[str]) -> None:
    """R's mclust: EEE with 3 components, BIC -2314.316 in its sign."""
    main([])
    out = capsys.readouterr().out
    assert "lowest: 3 components, covariance_type='tied'" in out
    assert "2314.3" in out
    assert "log-likelihood of two full components: -1130.2640 nats" in out


def test_demo_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("byhand.gmm.__main__.COVARIANCE_TYPES", ("full",))
    main(["--plot", str(tmp_path / "geyser.png")])
    assert (tmp_path / "geyser.png").stat().st_size > 10_000


def test_import_brings_numpy_and_utils_alone() -> None:
    code = "import sys, byhand.gmm; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"matplotlib", "tqdm", "sklearn", "scipy"} & set(loaded.stdout.split())
