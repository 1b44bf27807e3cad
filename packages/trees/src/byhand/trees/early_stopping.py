# SPDX-License-Identifier: BSD-3-Clause
"""Early stopping of boosting on rows that are held out.

Source:  Prechelt (1998); scikit-learn's n_iter_no_change.
Differs: nothing.
Cost:    one descent of the held-out rows per tree.
Checked: by hand on given losses; the share of every class among the held-out rows.
"""
# N rows, V of them held out, K scores per row

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .losses import Loss
from .moments import Floats
from .tree import Tree

__all__ = ["HeldOut", "held_out_rows"]


class HeldOut:
    """The loss on held-out rows, and whether it still falls.

    Parameters
    ----------
    X, y, weight : (V, D), (V,), (V,) array or None
        The held-out rows.
    raw : (V,) or (V, K) array
        Scores before the first round.
    loss : Loss
    learning_rate : float
    patience : int
        Rounds in a row that may pass without an improvement.
    tol : float
        Less than this is no improvement.
    """

    def __init__(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        weight: Floats | None,
        raw: Floats,
        loss: Loss,
        learning_rate: float,
        patience: int,
        tol: float,
    ) -> None:
        self.X, self.y, self.weight, self.raw = X, y, weight, raw
        self.loss, self.learning_rate, self.tol = loss, learning_rate, tol
        self.past = np.full(patience, np.inf)  # the last losses, each in the place of the oldest
        self.n_rounds = 0

    def is_over(self, trees: Sequence[Tree]) -> bool:
        """Add a round's trees; True if the last rounds have not improved the loss."""
        step = np.stack([tree.predict(self.X)[:, 0] for tree in trees], axis=1)
        self.raw = self.raw + self.learning_rate * step.reshape(self.raw.shape)
        value = self.loss.value(self.y, self.raw, self.weight)
        if not (value + self.tol < self.past).any():
            return True
        self.past[self.n_rounds % len(self.past)] = value
        self.n_rounds += 1
        return False


def held_out_rows(
    n: int, codes: NDArray[np.int64] | None, fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw a share of n rows, of every class alike if codes (N,) are given: (N,) bool.

    Raises
    ------
    ValueError
        If no row is left on either side.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.repeat([0, 1], [80, 20])
    >>> rows = held_out_rows(100, codes, 0.1, np.random.default_rng(0))
    >>> np.bincount(codes[rows])
    array([8, 2])
    """
    order = rng.permutation(n)
    share = np.empty(n)  # place of a row among the shuffled rows of its class, from 0 to 1
    for c in range(1 if codes is None else int(codes.max()) + 1):
        rows = order if codes is None else order[codes[order] == c]
        share[rows] = (np.arange(len(rows)) + 1) / max(1, len(rows))
    held = share <= fraction
    if not held.any() or held.all():
        raise ValueError(
            f"validation_fraction={fraction} leaves no row to learn from or to validate on, of {n}"
        )
    return held
