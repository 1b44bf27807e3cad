# SPDX-License-Identifier: BSD-3-Clause
"""Sparse evolutionary training: a dense layer with few links, which move while it learns.

Source:  Mocanu et al. (2018): random sparse topology, its density, pruning and regrowth.
Differs: the number of links is the mean of the paper's, so that the parameters have one size for
         every seed (an Erdos-Renyi graph with a fixed number of links).
Cost:    what is learned is O(L); products run on a dense matrix into which the links are filled:
         at L = 4.5 % of it, link by link takes 2 (N = 8) to 12 times (N = 128) as long.
Checked: 784 x 1000 with epsilon 20 has 35,680 links; their number never changes; a masked dense
         layer; central differences.
"""
# N examples, I inputs, O outputs, L links
# w (L,) weight of each link   links (L,) its place row * O + column in W (I, O)   b (O,)
# epsilon: L = epsilon (I + O), density p = epsilon (I + O) / (I O)   zeta: part pruned each time

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .module import Module

__all__ = [
    "SparseEvolution",
    "erdos_renyi_links",
    "evolve_links",
    "sparse_evolution",
    "sparse_evolution_grad",
]

Places = NDArray[np.int64]


class SparseEvolutionCache(NamedTuple):
    """What the backward pass needs."""

    x: NDArray[np.floating]  # (..., I)
    W: NDArray[np.floating]  # (I, O) zero where there is no link
    links: Places


def erdos_renyi_links(
    fan_in: int, fan_out: int, epsilon: float = 20.0, *, rng: np.random.Generator
) -> Places:
    """Draw the places of epsilon (fan_in + fan_out) links, all equally probable.

    Parameters
    ----------
    fan_in : int
        Number of inputs.
    fan_out : int
        Number of outputs.
    epsilon : float, default 20.0
        Links per unit, > 0. A layer that would need more than it has is dense.
    rng : Generator
        Source of randomness.

    Returns
    -------
    links : (L,) array of int64
        Places row * fan_out + column, all different, ascending.

    Raises
    ------
    ValueError
        If epsilon is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> links = erdos_renyi_links(784, 1000, 20, rng=np.random.default_rng(0))
    >>> len(links), len(links) / (784 * 1000)
    (35680, 0.0455102041)
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be > 0, got {epsilon}")
    size = fan_in * fan_out
    count = min(size, round(epsilon * (fan_in + fan_out)))
    return np.sort(rng.choice(size, count, replace=False, shuffle=False)).astype(np.int64)


def sparse_evolution(
    x: NDArray[np.floating], w: NDArray[np.floating], links: Places, b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], SparseEvolutionCache]:
    """Affine map in which only some inputs and outputs are linked.

    Parameters
    ----------
    x : (..., I) array
        Examples; any leading axes.
    w : (L,) array
        Weights of the links.
    links : (L,) array of int
        Place row * O + column of each link in the matrix (I, O).
    b : (O,) array
        Bias.

    Returns
    -------
    y : (..., O) array
    cache : SparseEvolutionCache
        For `sparse_evolution_grad`.

    Raises
    ------
    ValueError
        If shapes disagree or a link lies outside of the matrix.

    Examples
    --------
    Two links, from input 0 to output 1 and from input 1 to output 0:

    >>> import numpy as np
    >>> y, _ = sparse_evolution(
    ...     np.array([[3.0, 5.0]]), np.array([2.0, 1.0]), np.array([1, 2]), np.zeros(2)
    ... )
    >>> y
    array([[5., 6.]])
    """
    fan_in, fan_out = x.shape[-1], len(b)
    _check_links(w, links)
    if links.size and not 0 <= links.min() <= links.max() < fan_in * fan_out:
        raise ValueError(
            f"links must be in [0, {fan_in * fan_out}) for x {x.shape} and b {b.shape}, "
            f"got {links.min()} to {links.max()}"
        )
    W = np.zeros(fan_in * fan_out, w.dtype)
    W[links] = w
    W = W.reshape(fan_in, fan_out)
    y = np.dot(x, W)
    y += b
    return y, SparseEvolutionCache(x, W, links)


def sparse_evolution_grad(
    dy: NDArray[np.floating], cache: SparseEvolutionCache, need_dx: bool = True
) -> tuple[NDArray[np.floating] | None, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dx, dw and db of `sparse_evolution`, given dy (..., O); dx only if need_dx."""
    x, W, links = cache
    g = dy.reshape(-1, W.shape[1])
    dW = np.dot(x.reshape(-1, len(W)).T, g)
    return np.dot(dy, W.T) if need_dx else None, dW.ravel()[links], g.sum(axis=0)


def evolve_links(
    w: NDArray[np.floating],
    links: Places,
    size: int,
    zeta: float,
    limit: float,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.floating], Places]:
    """Prune the links of least weight, and grow as many at random free places.

    A part zeta of the positive weights and the same part of the negative ones go, those nearest
    to zero. The new links stand where the pruned ones stood in w, so that its order and size, and
    whatever an optimiser keeps beside it, stay as they are.

    Parameters
    ----------
    w : (L,) array
        Weights.
    links : (L,) array of int
        Their places, all different.
    size : int
        Number of places, I * O.
    zeta : float in [0, 1]
        Part that is replaced.
    limit : float
        New weights are uniform in [-limit, limit].
    rng : Generator
        Source of randomness.

    Returns
    -------
    w : (L,) array
        New array.
    links : (L,) array of int
        New array; places all different.

    Raises
    ------
    ValueError
        If zeta is not in [0, 1] or w and links differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> w, links = np.array([0.9, 0.1, -0.2, -0.8]), np.array([0, 1, 2, 3])
    >>> w2, links2 = evolve_links(w, links, 100, 0.5, 0.01, rng=np.random.default_rng(0))
    >>> w2[[0, 3]], links2[[0, 3]], bool((abs(w2[[1, 2]]) <= 0.01).all())
    (array([ 0.9, -0.8]), array([0, 3]), True)
    """
    if not 0 <= zeta <= 1:
        raise ValueError(f"zeta must be in [0, 1], got {zeta}")
    _check_links(w, links)
    weakest = np.argsort(np.abs(w), kind="stable")
    signs = weakest[w[weakest] >= 0], weakest[w[weakest] < 0]
    pruned = np.concatenate([side[: int(zeta * len(side))] for side in signs])
    free = np.ones(size, bool)
    free[np.delete(links, pruned)] = False  # a place just pruned may grow again
    w, links = w.copy(), links.copy()
    links[pruned] = rng.choice(np.flatnonzero(free), len(pruned), replace=False)
    w[pruned] = rng.uniform(-limit, limit, len(pruned))
    return w, links


class SparseEvolution(Module):
    """Dense layer with few links, which `evolve` moves; see `sparse_evolution`.

    Call ``layer.evolve(rng=rng)`` after each epoch.

    Parameters
    ----------
    units : int
        Width of the output.
    epsilon : float, default 20.0
        Links per unit: epsilon (I + units) in all.
    zeta : float, default 0.3
        Part of the links that `evolve` replaces.

    Raises
    ------
    ValueError
        If epsilon is not positive or zeta is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> layer = SparseEvolution(1000).init(np.zeros((1, 784)), rng=0)
    >>> layer(np.zeros((2, 784))).shape, layer.w.size
    ((2, 1000), 35680)
    >>> before = layer.links.copy()
    >>> layer.evolve(rng=np.random.default_rng(1))
    >>> layer.w.size, int((layer.links != before).sum())
    (35680, 10703)
    """

    params = ("w", "b")
    buffers = ("links", "shape")
    w: Any = None
    b: Any = None
    links: Any = None
    shape: Any = None  # (2,) I and O: the links alone do not say

    def __init__(self, units: int, epsilon: float = 20.0, zeta: float = 0.3) -> None:
        """Store and check the settings; links and weights come with init."""
        if not epsilon > 0:
            raise ValueError(f"SparseEvolution: epsilon must be > 0, got {epsilon}")
        if not 0 <= zeta <= 1:
            raise ValueError(f"SparseEvolution: zeta must be in [0, 1], got {zeta}")
        self.units, self.epsilon, self.zeta = self.count("units", units), epsilon, zeta

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Random links; uniform weights as Glorot's for the mean number of links of a unit."""
        fan_in = np.shape(x)[-1]
        self.shape = np.array([fan_in, self.units], np.int64)
        self.links = erdos_renyi_links(fan_in, self.units, self.epsilon, rng=rng)
        limit = self._limit()
        self.w = rng.uniform(-limit, limit, len(self.links)).astype(dtype)
        self.b = np.zeros(self.units, dtype)

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, SparseEvolutionCache]:
        """Output (..., units) for x (..., I), and the cache."""
        if self.w is None:
            self.build_now(x)
        x = self.accept(x, ("...", int(self.shape[0])), self.w)
        return sparse_evolution(x, self.w, self.links, self.b)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dw and db to grads; return dx."""
        dx, dw, db = sparse_evolution_grad(dy, self.own(cache, SparseEvolutionCache), need_dx)
        self.accumulate(dw, db)
        return dx

    def evolve(self, *, rng: np.random.Generator) -> None:
        """Replace the weakest links by random new ones, in place; see `evolve_links`."""
        if self.w is None:
            raise self.error("no parameters yet: call init(x, rng=0) first")
        if self.frozen:
            raise self.error("is frozen: its links do not move")
        size = int(self.shape.prod())
        self.w[...], self.links = evolve_links(
            self.w, self.links, size, self.zeta, self._limit(), rng=rng
        )

    def _limit(self) -> float:
        fan_in, fan_out = self.shape.tolist()
        links_per_unit = len(self.links) / max(fan_in, 1) + len(self.links) / max(fan_out, 1)
        return float((6 / max(links_per_unit, 1)) ** 0.5)


def _check_links(w: NDArray[np.floating], links: Places) -> None:
    if w.shape != links.shape or w.ndim != 1:
        raise ValueError(f"w and links must have one shape (L,), got {w.shape} and {links.shape}")
