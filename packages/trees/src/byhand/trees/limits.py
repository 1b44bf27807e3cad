# SPDX-License-Identifier: BSD-3-Clause
"""Limits: when a node stays a leaf, and which cuts are looked at.

Source:  the stopping rules of scikit-learn's trees, by their names.
Differs: a share is rounded up to whole rows, as there; max_features above the width is the width.
Cost:    microseconds.
Checked: each rule against every node of grown trees; refusals by type and text.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from byhand.utils.validation import check_choice, check_scalar

__all__ = ["Limits", "features_drawn", "limits_of"]


class Limits(NamedTuple):
    """Stopping rules of one fit, as numbers."""

    max_depth: int = 2**62
    min_samples_split: int = 2
    min_samples_leaf: int = 1
    min_weight: float = 0.0  # least weight on either side of a cut
    min_decrease: float = 0.0  # least decrease of the impurity times the share of the node
    max_leaf_nodes: int = 0  # 0: no limit
    ccp_alpha: float = 0.0
    n_candidates: int = 0  # features drawn for each node; 0: all
    random_cuts: bool = False  # one drawn threshold per feature instead of the best one

    @property
    def trims(self) -> bool:
        """Whether grown trees are cut back."""
        return self.min_decrease > 0 or self.max_leaf_nodes > 0 or self.ccp_alpha > 0


def limits_of(
    model: Any, n_samples: int, n_features: int, weight: float, random_cuts: bool = False
) -> Limits:
    """Check the stopping rules of an estimator and turn shares into numbers."""
    depth, leaves = model.max_depth, model.max_leaf_nodes
    if depth is not None:
        check_scalar(depth, "max_depth", integer=True, low=1)
    if leaves is not None:
        check_scalar(leaves, "max_leaf_nodes", integer=True, low=2)
    name = "min_weight_fraction_leaf"
    share = check_scalar(model.min_weight_fraction_leaf, name, low=0, high=0.5)
    candidates = features_drawn(model.max_features, n_features)
    return Limits(
        Limits().max_depth if depth is None else int(depth),
        max(2, _rows_of(model.min_samples_split, "min_samples_split", 2, n_samples)),
        _rows_of(model.min_samples_leaf, "min_samples_leaf", 1, n_samples),
        share * weight,
        check_scalar(model.min_impurity_decrease, "min_impurity_decrease", low=0),
        0 if leaves is None else int(leaves),
        check_scalar(model.ccp_alpha, "ccp_alpha", low=0),
        candidates if candidates < n_features or random_cuts else 0,
        random_cuts,
    )


def _rows_of(value: Any, name: str, low: int, n_samples: int) -> int:
    """Rows that a whole number or a share of the rows stands for."""
    if isinstance(value, float | np.floating):
        check_scalar(value, name, low=0, high=1, low_open=True, high_open=low == 1)
        return math.ceil(value * n_samples)
    return int(check_scalar(value, name, integer=True, low=low))


def features_drawn(value: Any, n_features: int) -> int:
    """Features that `max_features` stands for."""
    if value is None:
        return n_features
    if isinstance(value, str):
        check_choice(value, "max_features", ("sqrt", "log2"))
        return max(1, int(math.sqrt(n_features) if value == "sqrt" else math.log2(n_features)))
    if isinstance(value, float | np.floating):
        check_scalar(value, "max_features", low=0, high=1, low_open=True)
        return max(1, int(value * n_features))
    return min(n_features, int(check_scalar(value, "max_features", integer=True, low=1)))
