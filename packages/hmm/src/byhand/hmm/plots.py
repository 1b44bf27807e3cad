# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of hidden Markov models: matrices, decoded paths, how the likelihood rose.

Source:  scikit-learn's convention of Display classes.
Differs: matplotlib is imported where something is drawn, and nowhere else.
Cost:    a figure.
Checked: what is drawn equals the attributes of the model.
"""
# K states, V symbols or features, N rows

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["HistoryDisplay", "MatrixDisplay", "PathDisplay"]

Floats = NDArray[np.float64]


class MatrixDisplay:
    """Heat map of the transitions or the emissions of a model.

    Parameters
    ----------
    matrix : (K, V) array
        What to draw.
    xlabel : str, default "to state"
        Name of its columns.
    ylabel : str, default "from state"
        Name of its rows.

    Examples
    --------
    >>> MatrixDisplay([[0.9, 0.1], [0.2, 0.8]]).matrix.shape
    (2, 2)
    """

    def __init__(
        self, matrix: ArrayLike, xlabel: str = "to state", ylabel: str = "from state"
    ) -> None:
        self.matrix: Floats = np.asarray(matrix, dtype=np.float64)
        self.xlabel, self.ylabel = xlabel, ylabel

    @classmethod
    def from_estimator(cls, model: Any, *, what: str = "transitions", ax: Any = None) -> Self:
        """Draw the "transitions" or the "emissions" of a model.

        Parameters
        ----------
        model : hidden Markov model
            Fitted, or with attributes set by hand.
        what : {"transitions", "emissions"}, default "transitions"
            Emissions are emissionprob_, lambdas_ or means_.
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        MatrixDisplay
        """
        if what == "transitions":
            return cls(model.transmat_).plot(ax)
        if what != "emissions":
            raise ValueError(f"what must be one of 'transitions', 'emissions', got {what!r}")
        for name, label in (
            ("emissionprob_", "symbol"),
            ("lambdas_", "feature"),
            ("means_", "feature"),
        ):
            if hasattr(model, name):
                matrix = np.asarray(getattr(model, name))
                return cls(matrix.reshape(-1, matrix.shape[-1]), label, "state").plot(ax)
        raise ValueError("model has no emissionprob_, lambdas_ or means_ to draw")

    def plot(self, ax: Any = None) -> Self:
        """Draw; the axes are `ax_`, their figure is `figure_`.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        self
        """
        self.ax_ = _axes_or_new(ax)
        self.figure_ = self.ax_.figure
        self.image_ = self.ax_.imshow(self.matrix, aspect="auto", cmap="viridis")
        self.ax_.set_xlabel(self.xlabel)
        self.ax_.set_ylabel(self.ylabel)
        self.figure_.colorbar(self.image_, ax=self.ax_)
        return self


class PathDisplay:
    """A series, coloured by its decoded states.

    Parameters
    ----------
    series : (N,) array
        What was observed.
    states : (N,) array of int
        The state of each observation.
    levels : (N,) array, optional
        What the states expect, drawn as a line of steps.

    Examples
    --------
    >>> PathDisplay([1.0, 5.0], [0, 1]).states
    array([0, 1])
    """

    def __init__(
        self, series: ArrayLike, states: ArrayLike, levels: ArrayLike | None = None
    ) -> None:
        self.series: Floats = np.asarray(series, dtype=np.float64)
        self.states: NDArray[np.int64] = np.asarray(states, dtype=np.int64)
        self.levels = None if levels is None else np.asarray(levels, dtype=np.float64)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        *,
        feature: int = 0,
        times: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Decode a sequence and draw it.

        Parameters
        ----------
        model : hidden Markov model
            Fitted, or with attributes set by hand.
        X : (N, D) array
            One sequence.
        feature : int, default 0
            Column of X to draw.
        times : (N,) array, optional
            Where on the horizontal axis; by default 0, 1, ...
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        PathDisplay
        """
        states = model.predict(X)
        expected = getattr(model, "lambdas_", getattr(model, "means_", None))
        levels = None
        if expected is not None and np.ndim(expected) == 2:
            levels = np.asarray(expected)[states, feature]
        series = np.asarray(X, dtype=np.float64)[:, feature]
        return cls(series, states, levels).plot(ax, times=times)

    def plot(self, ax: Any = None, *, times: ArrayLike | None = None) -> Self:
        """Draw; the axes are `ax_`, their figure is `figure_`.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.
        times : (N,) array, optional
            Where on the horizontal axis; by default 0, 1, ...

        Returns
        -------
        self
        """
        self.ax_ = _axes_or_new(ax)
        self.figure_ = self.ax_.figure
        at = np.arange(len(self.series)) if times is None else np.asarray(times)
        for k in np.unique(self.states):
            here = self.states == k
            self.ax_.plot(at[here], self.series[here], "o", markersize=4, label=f"state {k}")
        if self.levels is not None:
            self.ax_.step(at, self.levels, where="mid", color="0.4", linewidth=1)
        self.ax_.legend()
        return self


class HistoryDisplay:
    """The objective of EM, step by step.

    Parameters
    ----------
    history : list of float
        `history_` of a model, nats.

    Examples
    --------
    >>> HistoryDisplay([-12.0, -11.5]).history
    array([-12. , -11.5])
    """

    def __init__(self, history: ArrayLike) -> None:
        self.history: Floats = np.asarray(history, dtype=np.float64)

    @classmethod
    def from_estimator(cls, model: Any, *, ax: Any = None) -> Self:
        """Draw the history of a fitted model.

        Parameters
        ----------
        model : hidden Markov model
            Fitted.
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        HistoryDisplay
        """
        return cls(model.history_).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw; the axes are `ax_`, their figure is `figure_`.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        self
        """
        self.ax_ = _axes_or_new(ax)
        self.figure_ = self.ax_.figure
        self.ax_.plot(self.history, marker=".")
        self.ax_.set_xlabel("step of EM")
        self.ax_.set_ylabel("objective (nats)")
        return self


def _axes_or_new(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("drawing needs matplotlib: pip install matplotlib") from None
    return Figure(layout="constrained").add_subplot()
