# SPDX-License-Identifier: BSD-3-Clause
"""Class weights: the weight of each row's class times the weight of the row.

Source:  King & Zeng (2001) for "balanced"; scikit-learn's parameter.
Differs: a weight for a label that y does not hold is refused.
Cost:    O(N).
Checked: by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.utils.validation import check_choice, check_scalar

__all__ = ["class_weights"]


def class_weights(
    class_weight: Any,
    classes: NDArray[Any],
    codes: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    """Weight of each row (N,), None for ones, given its class number and the K classes.

    `class_weight` holds the weight of each label (1 if it is missing), or is None, or "balanced":
    N / (K times the rows of the class).

    >>> import numpy as np
    >>> class_weights("balanced", np.array(["a", "b"]), np.array([0, 1, 1, 1]), None)
    array([2.    , 0.6667, 0.6667, 0.6667])
    """
    if class_weight is None:
        return weight
    if isinstance(class_weight, dict):
        odd = [label for label in class_weight if label not in classes.tolist()]
        if odd:
            raise ValueError(f"class_weight has labels that are not in y: {odd}")
        for label, value in class_weight.items():
            check_scalar(value, f"class_weight[{label!r}]", low=0)
        of_class = np.array([float(class_weight.get(label, 1)) for label in classes.tolist()])
    else:
        check_choice(class_weight, "class_weight", ("balanced", None, {}))
        of_class = len(codes) / (len(classes) * np.bincount(codes).astype(np.float64))
    of_row = of_class[codes]
    weight = of_row if weight is None else of_row * weight
    if not weight.any():
        raise ValueError("class_weight and sample_weight leave no row with a weight")
    return weight
