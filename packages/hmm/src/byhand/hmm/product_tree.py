# SPDX-License-Identifier: BSD-3-Clause
"""A tree of matrix products: what every prefix and every suffix of a chain makes of a vector.

Source:  Blelloch (1990), prefix sums: products of neighbours on the way up, vectors on the way
         down; Sarkka & Garcia-Fernandez (2021), the same for filters and smoothers.
Differs: results are known up to a factor, so that nothing underflows.
Cost:    O(n K^3) time, in some 15 log2 n NumPy calls; 2 n K^2 numbers.
Checked: products one after the other.
"""
# n matrices, K x K; "..." several chains in lockstep
# T (..., n, K, K), then products of 2, 4, ... of them; a level of odd length ends with an identity

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["product_tree", "vectors_after", "vectors_before"]

Floats = NDArray[np.float64]


def product_tree(T: Floats) -> list[Floats]:
    """Levels of the tree, from the matrices up to a last pair."""
    K = T.shape[-1]
    ones = np.ones((K * K, 1))
    levels: list[Floats] = []
    while True:
        n = T.shape[-3]
        flat = T.reshape(*T.shape[:-2], K * K)
        flat *= K / np.maximum(flat @ ones, 1e-290)  # by matmul: a tenth of the time of sums
        if n % 2:
            last = np.broadcast_to(np.eye(K), (*T.shape[:-3], 1, K, K))
            T = np.concatenate([T, last], axis=-3)
        levels.append(T)
        if n <= 2:
            return levels
        T = T[..., 0::2, :, :] @ T[..., 1::2, :, :]


def vectors_before(tree: list[Floats], v: Floats) -> Floats:
    """Row vectors v T_0 ... T_(i-1), (..., n, K) with sums 1, from v (..., K)."""
    at = v[..., None, :]  # at the start of each product of a level
    ones = np.ones((v.shape[-1], 1))
    for T in reversed(tree):
        above = at[..., : T.shape[-3] // 2, :]
        at = np.repeat(above, 2, axis=-2)
        at[..., 1::2, :] = (above[..., None, :] @ T[..., 0::2, :, :])[..., 0, :]
        at /= np.maximum(at @ ones, 1e-290)
    return at


def vectors_after(tree: list[Floats], v: Floats) -> Floats:
    """Column vectors T_(i+1) ... T_(n-1) v, (..., n, K) with sums 1, from v (..., K)."""
    at = v[..., None, :]  # at the end of each product of a level
    ones = np.ones((v.shape[-1], 1))
    for T in reversed(tree):
        above = at[..., : T.shape[-3] // 2, :]
        at = np.repeat(above, 2, axis=-2)
        at[..., 0::2, :] = (T[..., 1::2, :, :] @ above[..., None])[..., 0]
        at /= np.maximum(at @ ones, 1e-290)
    return at
