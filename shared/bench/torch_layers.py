# SPDX-License-Identifier: BSD-3-Clause
"""Cases that compare a pair of byhand.nn with a function of PyTorch, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from shared.bench.harness import Case

__all__ = ["TOLERANCE", "Pair", "Work", "layer", "normals", "of_nn", "recurrent"]

Work = Callable[[], Any]
Pair = tuple[Callable[..., Any], Callable[..., Any]]
Axes = tuple[int, ...] | None  # of ours, in PyTorch's order; None: the same

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def normals(dtype: str, *shapes: tuple[int, ...], scale: float = 1.0) -> tuple[Any, ...]:
    """Normal arrays."""
    rng = np.random.default_rng(0)
    return tuple((scale * rng.standard_normal(shape)).astype(dtype) for shape in shapes)


def of_nn(name: str) -> Callable[[], Pair]:
    """The pair of that name."""

    def functions() -> Pair:
        from byhand import nn

        return getattr(nn, name), getattr(nn, f"{name}_grad")

    return functions


def ours_both_ways(functions: Callable[[], Pair], options: dict[str, Any]) -> Callable[..., Work]:
    """Forward and backward of ours; the last input is the gradient of the output."""

    def prepare(*inputs: Any) -> Work:
        forward, grad = functions()
        *args, dy = inputs

        def work() -> Any:
            y, cache = forward(*args, **options)
            grads = grad(dy, cache)
            return (y, *(grads if isinstance(grads, tuple) else (grads,)))

        return work

    return prepare


def torch_both_ways(function: Callable[..., Any], axes: Sequence[Axes]) -> Callable[..., Work]:
    """Forward and backward of PyTorch, all in its own layout; nothing is converted inside."""

    def prepare(*inputs: Any) -> Work:
        import torch

        torch.set_num_threads(1)
        moved = [_moved(a, order) for a, order in zip(inputs, axes, strict=True)]
        *args, dy = (np.ascontiguousarray(a) for a in moved)
        tensors = [torch.tensor(a, requires_grad=True) for a in args]
        cotangent = torch.tensor(dy)

        def work() -> Any:
            y = function(torch, *tensors)
            return (y, *torch.autograd.grad(y, tensors, cotangent))

        return work

    return prepare


def _moved(a: Any, order: Axes) -> Any:
    return a if order is None else a.transpose(order)


def deviation(axes: Sequence[Axes]) -> Callable[[Any, Any], float]:
    """Largest difference of y, dx, dW, ..., each relative to its own largest entry."""

    def compare(ours: Any, theirs: Any) -> float:
        worst = 0.0
        for a, b, order in zip(ours, theirs, (axes[-1], *axes[:-1]), strict=True):
            a, b = _moved(a, order), b.detach().numpy()
            worst = max(worst, float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)))
        return worst

    return compare


def layer(
    work: str,
    functions: Callable[[], Pair],
    theirs: Callable[..., Any],
    shapes: Callable[..., Sequence[tuple[int, ...]]],
    sizes: Sequence[dict[str, int]],
    *,
    axes: Sequence[Axes] | None = None,
    options: dict[str, Any] | None = None,
    bars: tuple[Any, Any] = (1.0, None),
    memory: bool = False,
    scale: float = 1.0,
) -> list[Case]:
    """One case for float64 and one for float32.

    `shapes(**size)` are those of the arguments and, last, of the output; `axes` puts each of them
    in PyTorch's order; `bars` are those of float64 and of float32 (a geometric mean there, no
    bar for a single layer).
    """
    first = len(shapes(**sizes[0]))
    order = axes or [None] * first
    return [
        Case(
            f"{work}, {dtype}",
            peer="torch",
            sizes=sizes,
            make=lambda dtype=dtype, **size: normals(dtype, *shapes(**size), scale=scale),
            ours=ours_both_ways(functions, options or {}),
            theirs=torch_both_ways(theirs, order),
            bar=bar,
            tolerance=TOLERANCE[dtype],
            deviation=deviation(order),
            dtype=dtype,
            memory=memory,
        )
        for dtype, bar in zip(("float64", "float32"), bars, strict=True)
    ]


def recurrent(name: str, gates: int) -> list[Case]:
    """All steps of a recurrent layer from a zero state, gradients of x and all weights."""
    states = 2 if name == "lstm" else 1

    def functions() -> Pair:
        from byhand import nn

        function, grad = getattr(nn, name), getattr(nn, f"{name}_grad")

        def forward(x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
            zero = np.zeros((len(x), len(Wh)), x.dtype)
            rest = (np.zeros(len(Wh), x.dtype),) if name == "gru" else ()
            (y, *last), cache = function(x, *[zero] * states, Wx, Wh, b, *rest)
            return y, (cache, [np.zeros_like(h) for h in last])

        def backward(dy: Any, cache: Any) -> Any:
            dx, *grads = grad((dy, *cache[1]), cache[0])
            return (dx, *grads[states : states + 3])

        return forward, backward

    def theirs(torch: Any, x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
        zero = torch.zeros((1, len(x), Wh.shape[1]), dtype=x.dtype)
        state = (zero, zero) if states == 2 else zero
        weights = (Wx, Wh, b, torch.zeros_like(b))
        run = getattr(torch, {"rnn": "rnn_tanh"}.get(name, name))
        return run(x, state, weights, True, 1, 0.0, True, False, True)[0]

    return layer(
        f"{name.upper()}, {'all' if gates > 1 else 'Elman, all'} steps",
        functions,
        theirs,
        lambda N, T, H: ((N, T, H), (H, gates * H), (H, gates * H), (gates * H,), (N, T, H)),
        ({"N": 8, "T": 50, "H": 64}, {"N": 8, "T": 200, "H": 128}, {"N": 128, "T": 50, "H": 128},
         {"N": 32, "T": 100, "H": 256}),
        axes=(None, (1, 0), (1, 0), None, None),
        memory=name == "lstm",
        scale=0.05,  # of weights too: larger ones make the recursion chaotic
    )  # fmt: skip
