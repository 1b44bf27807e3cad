# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of Gaussian mixtures: ellipses over the samples, responsibilities, curves of BIC.

Source:  ellipses of equal density from the eigenvectors of the covariance (Bishop, PRML, fig. 2.7).
Differs: displays in the manner of scikit-learn; matplotlib is imported when something is drawn.
Cost:    one artist a component, one a sample group.
Checked: points of an ellipse have the Mahalanobis distance it says; the values drawn.
"""
# N samples, K components   axes: matplotlib's   ellipse (T, 2) points of one closed curve

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.utils.gaussian import full_covariances

from .gaussian_mixture import GaussianMixture

__all__ = ["BICDisplay", "MixtureDisplay", "ResponsibilityDisplay", "covariance_ellipse"]


def covariance_ellipse(
    mean: ArrayLike, covariance: ArrayLike, n_std: float = 2.0, n_points: int = 100
) -> NDArray[np.float64]:
    """Points at a Mahalanobis distance of n_std from the mean of a two-dimensional Gaussian.

    Parameters
    ----------
    mean : (2,) array
        Centre.
    covariance : (2, 2) array
        Positive semi-definite.
    n_std : float, default 2.0
        Distance in standard deviations.
    n_points : int, default 100
        Points of the closed curve.

    Returns
    -------
    (n_points, 2) array

    Raises
    ------
    ValueError
        If mean or covariance is not two-dimensional.

    Examples
    --------
    >>> covariance_ellipse([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]], n_std=1.0).max(axis=0).round(2)
    array([2., 1.])
    """
    mu, S = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if mu.shape != (2,) or S.shape != (2, 2):
        raise ValueError(
            f"mean and covariance must have shapes (2,) and (2, 2), got {mu.shape} and {S.shape}"
        )
    values, vectors = np.linalg.eigh(S)
    angle = np.linspace(0, 2 * np.pi, n_points)
    circle = np.stack([np.cos(angle), np.sin(angle)])  # (2, T)
    half_axes = vectors * np.sqrt(np.maximum(values, 0.0))  # (2, 2) in columns
    return np.asarray(mu + n_std * (half_axes @ circle).T)


class MixtureDisplay:
    """Samples, coloured by their component, and two ellipses of each component.

    Parameters
    ----------
    X : (N, 2) array
        Samples.
    responsibilities : (N, K) array
        Of each component for each sample.
    means : (K, 2) array
        Means.
    covariances : (K, 2, 2) array
        Covariances.
    names : pair of str, default ("x0", "x1")
        Of the two features.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What `plot` has drawn on.
    ellipses_ : list of (T, 2) arrays
        The curves at one and two standard deviations, component by component.

    Examples
    --------
    >>> import numpy as np
    >>> X, R, S = np.zeros((1, 2)), np.ones((1, 1)), np.eye(2)[None]
    >>> display = MixtureDisplay(X, R, X, S, names=("minutes", "wait"))  # .plot() draws
    >>> display.names
    ('minutes', 'wait')
    """

    def __init__(
        self,
        X: NDArray[np.float64],
        responsibilities: NDArray[np.float64],
        means: NDArray[np.float64],
        covariances: NDArray[np.float64],
        names: Sequence[str] = ("x0", "x1"),
    ) -> None:
        self.X = X
        self.responsibilities = responsibilities
        self.means = means
        self.covariances = covariances
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        mixture: GaussianMixture,
        X: ArrayLike,
        *,
        features: tuple[int, int] = (0, 1),
        names: Sequence[str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a fitted mixture over samples, in two of its features.

        Parameters
        ----------
        mixture : GaussianMixture
            Fitted.
        X : (N, D) array
            Samples.
        features : pair of int, default (0, 1)
            Which two to draw.
        names : pair of str, optional
            What to write at the axes; by default x and the number.
        ax : matplotlib Axes, optional
            Where; by default a new figure.

        Returns
        -------
        MixtureDisplay
        """
        Z = np.asarray(X, dtype=np.float64)
        at = np.asarray(features)
        K, D = mixture.means_.shape
        S = full_covariances(mixture.covariances_, mixture.covariance_type, K, D)
        display = cls(
            Z[:, at],
            mixture.predict_proba(Z),
            mixture.means_[:, at],
            S[:, at[:, None], at],
            [f"x{i}" for i in features] if names is None else names,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw on the given or on new axes, and return self."""
        ax = _axes_or_new(ax)
        colors = _component_colors(len(self.means))
        ax.scatter(*self.X.T, s=12, c=self.responsibilities @ colors, linewidths=0)
        self.ellipses_ = []
        for mean, S, color in zip(self.means, self.covariances, colors, strict=True):
            for n_std in (1.0, 2.0):
                self.ellipses_.append(covariance_ellipse(mean, S, n_std))
                ax.plot(*self.ellipses_[-1].T, color=color, linewidth=1.5)
            ax.plot(*mean, "+", color="black")
        ax.set_xlabel(self.names[0])
        ax.set_ylabel(self.names[1])
        self.ax_ = ax
        return self


class ResponsibilityDisplay:
    """Responsibilities as stacked shares, the samples sorted by their component.

    Parameters
    ----------
    responsibilities : (N, K) array
        Of each component for each sample.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What `plot` has drawn on.
    order_ : (N,) array
        Numbers of the samples from left to right.

    Examples
    --------
    >>> import numpy as np
    >>> display = ResponsibilityDisplay(np.array([[0.9, 0.1], [0.2, 0.8]]))  # .plot() draws
    >>> display.responsibilities.shape
    (2, 2)
    """

    def __init__(self, responsibilities: NDArray[np.float64]) -> None:
        self.responsibilities = responsibilities

    @classmethod
    def from_estimator(cls, mixture: GaussianMixture, X: ArrayLike, *, ax: Any = None) -> Self:
        """Draw the responsibilities of a fitted mixture for samples.

        Parameters
        ----------
        mixture : GaussianMixture
            Fitted.
        X : (N, D) array
            Samples.
        ax : matplotlib Axes, optional
            Where; by default a new figure.

        Returns
        -------
        ResponsibilityDisplay
        """
        return cls(mixture.predict_proba(X)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw on the given or on new axes, and return self."""
        ax = _axes_or_new(ax)
        R = self.responsibilities
        self.order_ = np.lexsort([-R.max(axis=1), R.argmax(axis=1)])
        rank = np.arange(len(R))
        colors = _component_colors(R.shape[1])
        ax.stackplot(rank, *R[self.order_].T, colors=colors, labels=range(R.shape[1]), step="mid")
        ax.set_xlabel("samples, by component and certainty")
        ax.set_ylabel("responsibility")
        ax.set_ylim(0, 1)
        self.ax_ = ax
        return self


class BICDisplay:
    """BIC against the number of components, one curve for each covariance type.

    Parameters
    ----------
    bic : dict of str to dict of int to float
        BIC by covariance type and number of components.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What `plot` has drawn on.
    best_ : (str, int)
        Covariance type and number of components of the lowest BIC.

    Examples
    --------
    >>> display = BICDisplay({"full": {1: 2607.6, 2: 2322.2}})  # .plot() draws
    >>> display.bic["full"][2]
    2322.2
    """

    def __init__(self, bic: dict[str, dict[int, float]]) -> None:
        self.bic = bic

    @classmethod
    def from_estimators(
        cls, mixtures: Sequence[GaussianMixture], X: ArrayLike, *, ax: Any = None
    ) -> Self:
        """Draw the BIC of fitted mixtures on samples.

        Parameters
        ----------
        mixtures : list of GaussianMixture
            Fitted, of any covariance types and numbers of components.
        X : (N, D) array
            The samples that they were fitted to.
        ax : matplotlib Axes, optional
            Where; by default a new figure.

        Returns
        -------
        BICDisplay
        """
        bic: dict[str, dict[int, float]] = {}
        for mixture in mixtures:
            bic.setdefault(mixture.covariance_type, {})[len(mixture.weights_)] = mixture.bic(X)
        return cls(bic).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw on the given or on new axes, and return self."""
        ax = _axes_or_new(ax)
        for kind, curve in self.bic.items():
            ax.plot(list(curve), list(curve.values()), "o-", label=kind, markersize=4)
        every = {(kind, K): v for kind, curve in self.bic.items() for K, v in curve.items()}
        self.best_ = min(every, key=lambda at: every[at])
        ax.plot(
            self.best_[1], every[self.best_], "o", color="black", fillstyle="none", markersize=11
        )
        ax.set_xlabel("components")
        ax.set_ylabel("BIC")
        ax.legend()
        self.ax_ = ax
        return self


def _axes_or_new(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib: pip install matplotlib") from None
    return plt.subplots(layout="constrained")[1]


def _component_colors(n_components: int) -> NDArray[np.float64]:
    """Return as many colours as components, (K, 3) in RGB, evenly round the wheel of hues."""
    hue = np.arange(n_components)[:, None] / n_components + np.array([0.05, 0.72, 0.38])
    return np.asarray(0.5 + 0.4 * np.cos(2 * np.pi * hue))
