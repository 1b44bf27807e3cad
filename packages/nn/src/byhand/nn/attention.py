# SPDX-License-Identifier: BSD-3-Clause
"""Scaled dot-product attention: each query takes the mean of the values, weighted by their keys.

Source:  Vaswani et al. (2017), eq. 1; weights made again for the gradient: Dao et al. (2022).
Differs: a query that may attend to nothing gives zeros (the formula has 0 / 0) and no gradient;
         dropout falls on the normalised weights.
Cost:    O(M T S (d + e)) time; memory O(M (T + S) (d + e)), as no weight outlives its block of
         half a megabyte; a mask takes its size in floats, dropout one byte a weight.
Checked: a literal loop over queries and keys; Q = K = V = I2; central differences; PyTorch.
"""
# M batch entries (all leading axes), T queries, S keys, d their width, e the values'
# q (M, T, d)   k (M, S, d)   v (M, S, e)   y = P v (M, T, e)
# E scores q k' / sqrt(d) + bias   bias 0, or -inf where a query may not attend
# L (M, T, 1) log sum exp(E)       P = exp(E - L) weights       dP = dL/dP, and so on

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dropout import dropout, dropout_grad
from .module import Module

__all__ = ["DotProductAttention", "dot_product_attention", "dot_product_attention_grad"]


ATTENTION_BLOCK_BYTES = (
    1 << 19
)  # of scores at a time: with as many derivatives they fill an L2 cache


class AttentionCache(NamedTuple):
    """What the backward pass needs; leading axes are flattened into one."""

    q: NDArray[np.floating]  # (M, T, d)
    k: NDArray[np.floating]  # (M, S, d)
    v: NDArray[np.floating]  # (M, S, e)
    y: NDArray[np.floating]  # (M, T, e)
    L: NDArray[
        np.floating
    ]  # (M, T, 1) log sum exp(E); the least float where a query attends to nothing
    bias: NDArray[np.floating] | None  # (*lead, T or 1, S or 1)
    causal: bool
    scale: float  # 1 / sqrt(d)
    kept: list[Any]  # of each block, what dropout kept; empty without dropout
    lead: tuple[int, ...]  # the leading axes


class DotProductCache(NamedTuple):
    """What the layer's backward pass needs."""

    attention: AttentionCache
    inputs: int  # 1 (x), 2 (query, memory) or 3 (query, key, value)


def _attention_blocks(
    cache: AttentionCache,
) -> Iterator[tuple[Any, Any, NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]]:
    """Scores block by block: (queries, keys, their scaled q, E, scratch of the shape of E).

    A block is some queries of one batch entry, or all of several. Both arrays are used again.
    """
    q, k, bias, lead = cache.q, cache.k, cache.bias, cache.lead
    (M, T, _), S = q.shape, k.shape[1]
    room = ATTENTION_BLOCK_BYTES // q.itemsize
    entries, rows = max(1, min(M, room // max(T * S, 1))), max(1, min(T, room // max(S, 1)))
    memory = np.empty((2, entries * rows * S), q.dtype)
    later = np.triu(np.full((rows, rows), -np.inf, q.dtype), 1) if cache.causal else None
    for m in range(0, M, entries):
        for t in range(0, T, rows):
            queries = slice(m, m + entries), slice(t, t + rows)
            keys = slice(m, m + entries), slice(0, min(S, t + rows) if cache.causal else S)
            q_block = q[queries] * cache.scale
            k_block = k[keys]
            shape = (*q_block.shape[:2], k_block.shape[1])
            E, scratch = (a[: shape[0] * shape[1] * shape[2]].reshape(shape) for a in memory)
            np.matmul(q_block, k_block.transpose(0, 2, 1), out=E)
            if later is not None:
                E[..., t:] += later[: shape[1], : max(shape[2] - t, 0)]
            if bias is not None:
                E += _bias_block(bias, lead, queries, keys[1])
            yield queries, keys, q_block, E, scratch


def _bias_block(
    bias: NDArray[np.floating], lead: tuple[int, ...], queries: Any, keys: slice
) -> NDArray[np.floating]:
    """Cut the part for a block of scores out of bias (*lead, T or 1, S or 1)."""
    entries, rows = queries
    indices = np.arange(int(np.prod(lead, dtype=np.int64)))[entries]
    at = np.unravel_index(indices, lead) if lead else ()
    T, S = bias.shape[-2:]
    part: NDArray[np.floating] = bias[
        (*at, rows if T > 1 else slice(None), keys if S > 1 else slice(None))
    ]
    return part


def _attention_forward(cache: AttentionCache, p: float, rng: Any) -> None:
    """Fill y, L and kept of the cache."""
    least = np.finfo(cache.q.dtype).min
    for queries, keys, _, E, _ in _attention_blocks(cache):
        top = np.maximum(E.max(axis=-1, keepdims=True, initial=-np.inf), least)
        np.subtract(E, top, E)
        P = np.exp(E, E)  # not normalised yet: dividing y takes d / S of the time
        total = P.sum(axis=-1, keepdims=True)
        total[top == least] = 1  # nothing to attend to: P is 0, and so is y
        if p > 0:
            P, kept = dropout(P, p, rng)
            cache.kept.append(kept)
        y = np.matmul(P, cache.v[keys], out=cache.y[queries])
        np.divide(y, total, y)
        cache.L[queries] = top + np.log(total)


def dot_product_attention(
    query: NDArray[np.floating],
    key: NDArray[np.floating],
    value: NDArray[np.floating],
    *,
    mask: Any = None,
    causal: bool = False,
    scale: bool = True,
    dropout: float = 0.0,
    rng: Any = None,
) -> tuple[NDArray[np.floating], AttentionCache]:
    """Mean of the values, weighted by softmax(query key' / sqrt(d)).

    Parameters
    ----------
    query : (..., T, d) array
        Any leading axes.
    key : (..., S, d) array
        The same leading axes.
    value : (..., S, e) array
        The same leading axes.
    mask : array of bool, optional
        True where a query may attend to a key; must broadcast to (..., T, S). The padding of keys
        is a mask of shape (..., 1, S).
    causal : bool, default False
        Query t attends to keys 0 to t alone.
    scale : bool, default True
        Divide scores by sqrt(d).
    dropout : float, default 0.0
        Probability that a weight is dropped; the others are scaled up.
    rng : Generator, optional
        Source of randomness for dropout.

    Returns
    -------
    y : (..., T, e) array
        0 for a query that may attend to nothing.
    cache : AttentionCache
        For `dot_product_attention_grad`.

    Raises
    ------
    ValueError
        If shapes disagree, or dropout is not in [0, 1] or has no rng.
    TypeError
        If the mask is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> I2 = np.eye(2)
    >>> y, cache = dot_product_attention(I2, I2, I2)
    >>> y.round(8)
    array([[0.66976155, 0.33023845],
           [0.33023845, 0.66976155]])
    >>> dot_product_attention(I2, I2, I2, causal=True)[0].round(8)
    array([[1.        , 0.        ],
           [0.33023845, 0.66976155]])
    """
    lead = _check_attention(query, key, value, dropout, rng)
    (T, d), (S, e) = query.shape[-2:], value.shape[-2:]
    dtype = np.result_type(query, key, value)
    M = int(np.prod(lead, dtype=np.int64))
    q, k, v = (a.astype(dtype, copy=False).reshape(M, *a.shape[-2:]) for a in (query, key, value))
    bias = None if mask is None else _attention_bias(mask, (*lead, T, S), dtype)
    y, L = np.zeros((M, T, e), dtype), np.zeros((M, T, 1), dtype)
    factor = max(d, 1) ** -0.5 if scale else 1.0
    cache = AttentionCache(q, k, v, y, L, bias, bool(causal), factor, [], lead)
    _attention_forward(cache, dropout, rng)
    return y.reshape(*lead, T, e), cache


def dot_product_attention_grad(
    dy: NDArray[np.floating], cache: AttentionCache
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Gradients dquery, dkey and dvalue of `dot_product_attention`, given dy (..., T, e)."""
    q, k, v, y, L, _, _, scale, kept, lead = cache
    dy = dy.reshape(y.shape)
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    mean_dP = np.vecdot(dy, y)[..., None]  # (M, T, 1) sum_s P dP, without P
    for i, (queries, keys, q_block, E, scratch) in enumerate(_attention_blocks(cache)):
        np.subtract(E, L[queries], E)
        P = np.exp(E, E)
        dP = np.matmul(dy[queries], v[keys].transpose(0, 2, 1), out=scratch)
        if kept:
            dP = dropout_grad(dP, kept[i])
        weights = dropout_grad(P, kept[i]) if kept else P
        dv[keys] += np.matmul(weights.transpose(0, 2, 1), dy[queries])
        np.subtract(dP, mean_dP[queries], dP)
        dE = np.multiply(P, dP, dP)  # through the softmax
        np.matmul(dE, k[keys], out=dq[queries])
        dk[keys] += np.matmul(dE.transpose(0, 2, 1), q_block)
    dq *= scale  # the block's q, in dk, was scaled already
    dquery, dkey, dvalue = (d.reshape(*lead, *d.shape[1:]) for d in (dq, dk, dv))
    return dquery, dkey, dvalue


class DotProductAttention(Module):
    """Scaled dot-product attention, without weights; see `dot_product_attention`.

    ``forward(x)`` attends from x to itself, ``forward(query, memory)`` to memory, and
    ``forward(query, key, value)`` takes all three; backward returns as many gradients.

    Parameters
    ----------
    scale : bool, default True
        Divide scores by the root of their width.
    dropout : float, default 0.0
        Probability that a weight is dropped while training.
    causal : bool, default False
        Query t attends to keys 0 to t alone.

    Raises
    ------
    ValueError
        If dropout is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> layer = DotProductAttention()
    >>> layer(np.eye(2)).round(3)
    array([[0.67, 0.33],
           [0.33, 0.67]])
    >>> layer(np.eye(2), mask=np.array([[True, False]]))  # the second key is padding
    array([[1., 0.],
           [1., 0.]])
    """

    def __init__(self, scale: bool = True, dropout: float = 0.0, causal: bool = False) -> None:
        """Store and check the settings."""
        if not 0 <= dropout <= 1:
            raise ValueError(f"DotProductAttention: dropout must be in [0, 1], got {dropout}")
        self.scale, self.dropout, self.causal = scale, dropout, causal

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        *,
        mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> tuple[Any, DotProductCache]:
        """Output (..., T, e), and the cache; training with dropout needs rng."""
        inputs = 1 + (key is not None) + (value is not None)
        if key is None and value is not None:
            raise self.error("value was given without key")
        query = self.accept(query, ("...", "T", "d"))
        key = query if key is None else self.accept(key, ("...", "S", query.shape[-1]), query)
        value = key if value is None else self.accept(value, ("...", key.shape[-2], "e"), query)
        if training and self.dropout > 0 and rng is None:
            raise self.error("training with dropout needs a generator: forward(..., rng=rng)")
        y, cache = self.call(
            dot_product_attention,
            query,
            key,
            value,
            mask=mask,
            causal=self.causal,
            scale=self.scale,
            dropout=self.dropout if training else 0.0,
            rng=rng,
        )
        return y, DotProductCache(cache, inputs)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Return dx, (dquery, dmemory) or (dquery, dkey, dvalue)."""
        attention, inputs = self.own(cache, DotProductCache)
        dq, dk, dv = dot_product_attention_grad(dy, attention)
        if not need_dx:
            return None
        if inputs == 1:
            return dq + dk + dv
        return (dq, dk + dv) if inputs == 2 else (dq, dk, dv)


def _attention_bias(mask: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[np.floating]:
    """0 where mask is True, -inf elsewhere; a view with the leading axes of shape."""
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise TypeError(
            f"mask must be boolean, True where a query may attend, got dtype {mask.dtype}"
        )
    fits = mask.ndim <= len(shape) and all(
        n in (1, size) for n, size in zip(mask.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"mask must broadcast to (..., T, S) = {shape}, got shape {mask.shape}")
    mask = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
    bias = np.where(mask, np.zeros((), dtype), np.array(-np.inf, dtype))
    return np.broadcast_to(bias, (*shape[:-2], *mask.shape[-2:]))


def _check_attention(query: Any, key: Any, value: Any, dropout: float, rng: Any) -> tuple[int, ...]:
    """Raise ValueError unless the arguments fit; return the leading axes."""
    q: tuple[int, ...]
    q, k, v = np.shape(query), np.shape(key), np.shape(value)
    if not (
        min(len(q), len(k), len(v)) >= 2
        and q[:-2] == k[:-2] == v[:-2]
        and q[-1] == k[-1]
        and k[-2] == v[-2]
    ):
        raise ValueError(
            "query (..., T, d), key (..., S, d) and value (..., S, e) disagree: "
            f"got {q}, {k} and {v}"
        )
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout must be in [0, 1], got {dropout}")
    if dropout > 0 and rng is None:
        raise ValueError("dropout needs a generator: rng=rng")
    return q[:-2]
