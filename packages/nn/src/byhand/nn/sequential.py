# SPDX-License-Identifier: BSD-3-Clause
"""Sequential: layers one after the other.

Source:  Rumelhart, Hinton & Williams (1986): the chain rule from the last layer to the first.
Differs: backward stops at the lowest layer that learns, where no dx is needed.
Cost:    that of its layers; a prediction keeps no cache.
Checked: central differences; a frozen body; PyTorch's nn.Sequential.
"""
# caches: one for each layer

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .module import Module, Network

__all__ = ["Sequential"]


class SequentialCache(NamedTuple):
    """What the backward pass needs."""

    caches: list[Any]  # of the layers, in order


class Sequential(Network):
    """Layers one after the other, from one input to one output.

    Parameters
    ----------
    *layers : Module
        In the order of the forward pass. The same layer may stand twice: its gradients add.

    Raises
    ------
    TypeError
        If a layer is not a Module.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense, ReLU
    >>> net = Sequential(Dense(8), ReLU(), Dense(3)).init(np.zeros((1, 4)), rng=0)
    >>> net(np.ones((2, 4))).shape, net.theta.size
    ((2, 3), 67)
    """

    def __init__(self, *layers: Module) -> None:
        """Store the layers."""
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layer {i} must be a Module, got {type(layer).__name__}")
        self.layers = list(layers)

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the layers; the name is the position."""
        yield from ((str(i), layer) for i, layer in enumerate(self.layers))

    def __call__(self, x: Any, **options: Any) -> Any:
        """Inference: the output alone; no layer's cache outlives the next layer."""
        for layer in self.layers:
            x = layer(x, **options)
        return x

    def forward(
        self, x: Any, *, training: bool = False, rng: Any = None
    ) -> tuple[Any, SequentialCache]:
        """Output of the last layer, and the caches of all."""
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, training=training, rng=rng)
            caches.append(cache)
        return x, SequentialCache(caches)

    def backward(self, dy: Any, cache: Any, need_dx: bool = True) -> Any:
        """Add the gradients of all layers; return dx, or None unless need_dx."""
        caches = self.own(cache, SequentialCache).caches
        lowest = 0
        if not need_dx:
            while lowest < len(self.layers) and not _learns(self.layers[lowest]):
                lowest += 1
        for i in range(len(self.layers) - 1, lowest - 1, -1):
            dy = self.layers[i].backward(dy, caches[i], need_dx or i > lowest)
        return dy if need_dx else None


def _learns(module: Module) -> bool:
    """Tell whether any layer here takes gradients: grads is {} where none does."""
    return any(m.params and m.grads != {} for _, m in module.walk())
