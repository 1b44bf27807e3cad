# SPDX-License-Identifier: BSD-3-Clause
"""Restricted Boltzmann machine: a model of binary vectors, learned by contrastive divergence.

Source:  Hinton (2002), contrastive divergence; Tieleman (2008), persistent chains.
Differs: gradients are those of -log p, to descend. Where a hidden unit only adds to the gradient
         its probability stands for its state, which has the same mean and less noise.
Cost:    2 n + 2 products of (N, V) and (V, H) for CD-n.
Checked: Z, p(v) and the exact gradient by enumeration of all states; central differences.
"""
# N examples, V visible units, H hidden ones
# v (N, V), h (N, H) in {0, 1}   W (V, H)   a (V,) bias of v   b (H,) bias of h
# p(v, h) = exp(v'W h + a'v + b'h) / Z     F(v) = -log sum_h exp(v'W h + a'v + b'h)
# p(h_j = 1 | v) = sigmoid(v'W + b)_j      p(v_i = 1 | h) = sigmoid(W h + a)_i

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .initialisers import standard_normal
from .module import Module

__all__ = ["RBM", "contrastive_divergence", "free_energy", "gibbs_sample", "rbm", "rbm_grad"]


class RBMCache(NamedTuple):
    """What the backward pass needs."""

    v: NDArray[np.floating]  # (N, V)
    p: NDArray[np.floating]  # (N, H) p(h = 1 | v)
    W: NDArray[np.floating]


def rbm(
    v: NDArray[np.floating], W: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], RBMCache]:
    """Probability of each hidden unit given the visible ones: the machine as a layer.

    Parameters
    ----------
    v : (..., V) array
        States, or probabilities in [0, 1].
    W : (V, H) array
        Weights.
    b : (H,) array
        Bias of the hidden units.

    Returns
    -------
    p : (..., H) array
        p(h = 1 | v).
    cache : RBMCache
        For `rbm_grad`.

    Raises
    ------
    ValueError
        If shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> p, cache = rbm(np.array([[1.0]]), np.array([[0.8]]), np.array([-0.3]))
    >>> p.round(4)  # sigmoid(0.5)
    array([[0.6225]])
    """
    if v.shape[-1:] != W.shape[:1] or b.shape != W.shape[1:]:
        raise ValueError(
            f"v (..., V), W (V, H) and b (H,) disagree: got {v.shape}, {W.shape} and {b.shape}"
        )
    p = _rbm_sigmoid(np.dot(v, W) + b)
    return p, RBMCache(v, p, W)


def rbm_grad(
    dp: NDArray[np.floating], cache: RBMCache, need_dx: bool = True
) -> tuple[NDArray[np.floating] | None, NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dv, dW and db of `rbm`, given dp (..., H); dv is None unless need_dx."""
    v, p, W = cache
    dz = dp * p * (1 - p)
    flat = dz.reshape(-1, W.shape[1])
    dW = np.dot(v.reshape(-1, len(W)).T, flat)
    return np.dot(dz, W.T) if need_dx else None, dW, flat.sum(axis=0)


def free_energy(
    v: NDArray[np.floating],
    W: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
) -> NDArray[np.floating]:
    """F(v) = -log sum_h exp(v'W h + a'v + b'h), so that log p(v) = -F(v) - log Z.

    Parameters
    ----------
    v : (..., V) array
        States of the visible units.
    W : (V, H) array
        Weights.
    a : (V,) array
        Bias of the visible units.
    b : (H,) array
        Bias of the hidden units.

    Returns
    -------
    F : (...) array
        Free energy, nats.

    Raises
    ------
    ValueError
        If shapes disagree.

    Examples
    --------
    With one unit of each kind, Z = exp(-F(0)) + exp(-F(1)) has four terms:

    >>> import numpy as np
    >>> W, a, b = np.array([[0.8]]), np.array([0.5]), np.array([-0.3])
    >>> weight = np.exp(-free_energy(np.array([[0.0], [1.0]]), W, a, b))
    >>> round(float(weight.sum()), 8), round(float(weight[1] / weight.sum()), 8)
    (6.10782132, 0.7149854)
    """
    _check_rbm(v, W, a, b)
    F: NDArray[np.floating] = -(v @ a) - np.logaddexp(0, v @ W + b).sum(axis=-1)
    return F


def gibbs_sample(
    v: NDArray[np.floating],
    W: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    n_steps: int = 1,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Move each row of v by n steps of Gibbs sampling: hidden given visible, visible given hidden.

    Parameters
    ----------
    v : (N, V) array
        States from which the chains start.
    W : (V, H) array
        Weights.
    a : (V,) array
        Bias of the visible units.
    b : (H,) array
        Bias of the hidden units.
    n_steps : int, default 1
        Steps, at least 1.
    rng : Generator
        Source of randomness.

    Returns
    -------
    v : (N, V) array
        Sampled states, 0 or 1.
    h : (N, H) array
        The hidden states that they were drawn from.

    Raises
    ------
    ValueError
        If shapes disagree or n_steps is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> W, a, b = np.array([[0.8]]), np.array([0.5]), np.array([-0.3])
    >>> v, h = gibbs_sample(np.zeros((10000, 1)), W, a, b, 20, rng=np.random.default_rng(0))
    >>> bool(abs(v.mean() - 0.71499) < 0.01)
    True
    """
    _check_rbm(v, W, a, b)
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps}")
    for _ in range(n_steps):
        h = _rbm_draw(_rbm_sigmoid(v @ W + b), rng)
        v = _rbm_draw(_rbm_sigmoid(h @ W.T + a), rng)
    return v, h


def contrastive_divergence(
    v: NDArray[np.floating],
    W: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    n_steps: int = 1,
    *,
    chain: NDArray[np.floating] | None = None,
    rng: np.random.Generator,
) -> tuple[
    tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]], NDArray[np.floating]
]:
    """Estimate the gradient of the mean of -log p(v).

    The exact gradient by W is E[v h'] under the model minus E[v h'] with v from the data. CD-n
    estimates the first from chains of n steps that start at the data; persistent CD from chains
    that go on where the last call left them.

    Parameters
    ----------
    v : (N, V) array
        Data, states or probabilities in [0, 1].
    W : (V, H) array
        Weights.
    a : (V,) array
        Bias of the visible units.
    b : (H,) array
        Bias of the hidden units.
    n_steps : int, default 1
        Gibbs steps, at least 1.
    chain : (M, V) array, optional
        States to start from, any number of rows: the `chain` of the last call for persistent CD.
        The data by default.
    rng : Generator
        Source of randomness.

    Returns
    -------
    (dW, da, db) : (V, H), (V,) and (H,) arrays
        To descend.
    chain : (M, V) array
        Samples of the model, where the chains now stand.

    Raises
    ------
    ValueError
        If shapes disagree, v is not in [0, 1], or n_steps is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> v, W = np.ones((100, 1)), np.zeros((1, 1))
    >>> (dW, da, db), chain = contrastive_divergence(
    ...     v, W, np.zeros(1), np.zeros(1), rng=np.random.default_rng(0)
    ... )
    >>> bool(da == chain.mean() - v.mean())  # about 1/2 - 1: descending makes v = 1 more probable
    True
    """
    _check_rbm(v, W, a, b)
    if v.size and not 0 <= v.min() <= v.max() <= 1:
        raise ValueError(f"v must be in [0, 1], got [{v.min()}, {v.max()}]")
    model, _ = gibbs_sample(v if chain is None else chain, W, a, b, n_steps, rng=rng)
    positive, negative = _rbm_statistics(v, W, b), _rbm_statistics(model, W, b)
    dW, da, db = (m - d for m, d in zip(negative, positive, strict=True))
    return (dW, da, db), model


class RBM(Module):
    """Restricted Boltzmann machine with Bernoulli units.

    As a layer it gives the probabilities of its hidden units. To learn it by itself, call
    `contrastive_divergence` and let an optimiser step.

    Parameters
    ----------
    units : int
        Number of hidden units.
    n_steps : int, default 1
        Gibbs steps of contrastive divergence (the n of CD-n).

    Raises
    ------
    ValueError
        If units or n_steps is below 1.

    Examples
    --------
    Two patterns of four units, learned by persistent CD, take almost all of the probability:

    >>> import numpy as np
    >>> X = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]] * 20)
    >>> rng = np.random.default_rng(0)
    >>> layer, chain = RBM(3).init(X[:1], rng=rng), X
    >>> for _ in range(800):
    ...     chain = layer.contrastive_divergence(X, chain=chain, rng=rng)
    ...     for name, g in layer.grads.items():
    ...         getattr(layer, name)[...] -= 0.2 * g
    ...         g.fill(0)
    >>> states = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(float)
    >>> p = np.exp(-layer.free_energy(states))
    >>> states[np.argsort(-p)[:2]], bool(np.sort(p)[-2:].sum() > 0.8 * p.sum())
    (array([[0., 0., 1., 1.], [1., 1., 0., 0.]]), True)
    """

    params = ("W", "a", "b")
    W: Any = None
    a: Any = None
    b: Any = None

    def __init__(self, units: int, n_steps: int = 1) -> None:
        """Store and check the settings; weights come with init."""
        if n_steps < 1:
            raise self.error(f"n_steps must be at least 1, got {n_steps}")
        self.units, self.n_steps = self.count("units", units), n_steps

    def build(self, rng: np.random.Generator, dtype: Any, x: Any) -> None:
        """Small normal weights (Hinton's practical guide, 2010, section 8), zero biases."""
        V = np.shape(x)[-1]
        self.W = standard_normal(rng, (V, self.units), dtype, sd=0.01)
        self.a, self.b = np.zeros(V, dtype), np.zeros(self.units, dtype)

    def forward(self, v: Any, *, training: bool = False, rng: Any = None) -> tuple[Any, RBMCache]:
        """Probabilities (..., units) of the hidden units for v (..., V), and the cache."""
        if self.W is None:
            self.build_now(v)
        return rbm(self.accept(v, ("...", len(self.W)), self.W), self.W, self.b)

    def backward(self, dp: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add dW and db to grads; return dv."""
        dv, dW, db = rbm_grad(dp, self.own(cache, RBMCache), need_dx)
        self.accumulate(dW, np.zeros_like(self.a), db)
        return dv

    def contrastive_divergence(self, v: Any, *, chain: Any = None, rng: Any) -> Any:
        """Add the estimated gradient of the mean of -log p(v) to grads; return the chain."""
        v = self._visible(v)
        weights = self.W, self.a, self.b
        grads, chain = self.call(
            contrastive_divergence, v, *weights, self.n_steps, chain=chain, rng=rng
        )
        self.accumulate(*grads)
        return chain

    def free_energy(self, v: Any) -> Any:
        """F(v) of each row, nats: log p(v) = -F(v) - log Z; see `free_energy`."""
        return free_energy(self._visible(v), self.W, self.a, self.b)

    def gibbs_sample(self, v: Any, n_steps: int = 1, *, rng: Any) -> tuple[Any, Any]:
        """Move each row of v by n steps of Gibbs sampling; see `gibbs_sample`."""
        return gibbs_sample(self._visible(v), self.W, self.a, self.b, n_steps, rng=rng)

    def _visible(self, v: Any) -> Any:
        if self.W is None:
            raise self.error("no parameters yet: call init(x, rng=0) first")
        return self.accept(v, ("N", len(self.W)), self.W)


def _rbm_sigmoid(z: NDArray[np.floating]) -> NDArray[np.floating]:
    y: NDArray[np.floating] = 0.5 * np.tanh(0.5 * z) + 0.5  # overflows nowhere
    return y


def _rbm_draw(p: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.floating]:
    draw: NDArray[np.floating] = (rng.random(p.shape) < p).astype(p.dtype)
    return draw


def _rbm_statistics(
    v: NDArray[np.floating], W: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Means over rows of v h', v and h, with h at its mean given v."""
    h = _rbm_sigmoid(v @ W + b)
    N = max(len(v), 1)
    return v.T @ h / N, v.sum(axis=0) / N, h.sum(axis=0) / N


def _check_rbm(v: Any, W: Any, a: Any, b: Any) -> None:
    if (
        W.ndim != 2
        or v.shape[-1:] != W.shape[:1]
        or a.shape != W.shape[:1]
        or b.shape != W.shape[1:]
    ):
        raise ValueError(
            "v (..., V), W (V, H), a (V,) and b (H,) disagree: "
            f"got {v.shape}, {W.shape}, {a.shape} and {b.shape}"
        )
