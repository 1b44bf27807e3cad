# SPDX-License-Identifier: BSD-3-Clause
"""Cases of byhand.nn that are no plain layer: tables, losses, optimisers, whole training steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from shared.bench.harness import Case
from shared.bench.torch_layers import TOLERANCE, Work, normals

__all__ = [
    "cross_entropy_case",
    "dropout_case",
    "embedding_case",
    "optimiser_case",
    "rbm_case",
    "step_case",
]


def embedding_case(dtype: str) -> Case:
    """Rows of a table and the gradient of the table."""

    def make(N: int, V: int, D: int) -> tuple[Any, ...]:
        return (np.random.default_rng(1).integers(0, V, N), *normals(dtype, (V, D), (N, D)))

    def ours(ids: Any, W: Any, dy: Any) -> Work:
        from byhand.nn import embedding, embedding_grad

        def work() -> Any:
            y, cache = embedding(ids, W)
            return y, embedding_grad(dy, cache)

        return work

    def theirs(ids: Any, W: Any, dy: Any) -> Work:
        import torch

        torch.set_num_threads(1)
        rows, table = torch.tensor(ids), torch.tensor(W, requires_grad=True)
        cotangent = torch.tensor(dy)

        def work() -> Any:
            y = torch.nn.functional.embedding(rows, table)
            (dW,) = torch.autograd.grad(y, table, cotangent)
            return y.detach().numpy(), dW.numpy()

        return work

    sizes = (
        {"N": 400, "V": 10_000, "D": 64},
        {"N": 3200, "V": 100, "D": 64},
        {"N": 3200, "V": 10_000, "D": 64},
    )
    return Case(
        f"Embedding, {dtype}", peer="torch", sizes=sizes, make=make, ours=ours, theirs=theirs,
        tolerance=TOLERANCE[dtype], dtype=dtype, memory=False,
    )  # fmt: skip


def cross_entropy_case(dtype: str) -> Case:
    """Loss and gradient of logits."""

    def make(N: int, K: int) -> tuple[Any, ...]:
        return (*normals(dtype, (N, K)), np.random.default_rng(1).integers(0, K, N))

    def ours(z: Any, t: Any) -> Work:
        from byhand.nn import cross_entropy

        return lambda: cross_entropy(z, t)

    def theirs(z: Any, t: Any) -> Work:
        import torch

        torch.set_num_threads(1)
        logits, target = torch.tensor(z, requires_grad=True), torch.tensor(t)

        def work() -> Any:
            loss = torch.nn.functional.cross_entropy(logits, target)
            (dlogits,) = torch.autograd.grad(loss, logits)
            return loss.detach().numpy(), dlogits.numpy()

        return work

    sizes = ({"N": 8, "K": 10}, {"N": 128, "K": 10}, {"N": 2048, "K": 1000})
    return Case(
        f"cross_entropy, {dtype}", peer="torch", sizes=sizes, make=make, ours=ours, theirs=theirs,
        tolerance=TOLERANCE[dtype], dtype=dtype, memory=False,
    )  # fmt: skip


def dropout_case(dtype: str) -> Case:
    """Half of the numbers dropped, and the gradient through the same mask."""

    def ours(x: Any, dy: Any) -> Work:
        from byhand.nn import dropout, dropout_grad

        rng = np.random.default_rng(0)

        def work() -> Any:
            y, cache = dropout(x, 0.5, rng)
            return y, dropout_grad(dy, cache)

        return work

    def theirs(x: Any, dy: Any) -> Work:
        import torch

        torch.set_num_threads(1)
        inputs, cotangent = torch.tensor(x, requires_grad=True), torch.tensor(dy)

        def work() -> Any:
            y = torch.nn.functional.dropout(inputs, 0.5)
            (dx,) = torch.autograd.grad(y, inputs, cotangent)
            return y.detach().numpy(), dx.numpy()

        return work

    return Case(
        f"dropout, {dtype}",
        peer="torch",
        sizes=({"n": 1 << 15}, {"n": 1 << 20}),
        make=lambda n: normals(dtype, (n,), (n,)),
        ours=ours,
        theirs=theirs,
        bar=1.0,
        tolerance=0.02,  # the masks differ: the part that is dropped does not
        deviation=lambda a, b: abs(float((a[0] == 0).mean() - (b[0] == 0).mean())),
        dtype=dtype,
        memory=False,
    )


def rbm_case(dtype: str) -> Case:
    """One step of persistent contrastive divergence, against scikit-learn's machine."""

    def make(N: int, V: int, H: int) -> tuple[Any, ...]:
        v = (np.random.default_rng(1).random((N, V)) < 0.5).astype(dtype)
        return (v, *normals(dtype, (V, H), (V,), (H,), scale=0.1))

    def ours(v: Any, W: Any, a: Any, b: Any) -> Work:
        from byhand.nn import contrastive_divergence, rbm

        parameters, rng, chain = (W.copy(), a.copy(), b.copy()), np.random.default_rng(0), v

        def work() -> Any:
            nonlocal chain
            grads, chain = contrastive_divergence(v, *parameters, chain=chain, rng=rng)
            for p, g in zip(parameters, grads, strict=True):
                p -= 1e-6 * g
            return chain

        return lambda: float(rbm(work(), parameters[0], parameters[2])[0].mean())

    def theirs(v: Any, W: Any, a: Any, b: Any) -> Work:
        from sklearn.neural_network import BernoulliRBM

        machine = BernoulliRBM(len(b), learning_rate=1e-6, random_state=0)
        machine.partial_fit(v)
        machine.components_, machine.intercept_hidden_ = W.T.copy(), b.copy()
        machine.intercept_visible_ = a.copy()

        def work() -> Any:
            machine.partial_fit(v)
            return float(machine.h_samples_.mean())

        return work

    return Case(
        f"RBM, one step of persistent CD, {dtype}",
        peer="scikit-learn",
        sizes=({"N": 8, "V": 784, "H": 256}, {"N": 128, "V": 784, "H": 256}),
        make=make,
        ours=ours,
        theirs=theirs,
        tolerance=0.05,  # the chains are random: their mean hidden unit is not
        deviation=lambda a, b: abs(a - b),
        dtype=dtype,
        memory=False,
    )


def optimiser_case(name: str, dtype: str, how: str = "foreach") -> Case:
    """One step; both go on from where the last one ended."""

    def ours(theta: Any, g: Any) -> Work:
        from byhand import nn

        theta = theta.copy()
        optimizer: Any = nn.Adam(0.01) if name == "Adam" else nn.SGD(0.01, 0.9)

        def work() -> Any:
            optimizer.step(theta, g)
            return theta

        return work

    def theirs(theta: Any, g: Any) -> Work:
        import torch

        torch.set_num_threads(1)
        parameter = torch.nn.Parameter(torch.tensor(theta.copy()))
        parameter.grad = torch.tensor(g)
        options: dict[str, Any] = {} if name == "Adam" else {"momentum": 0.9}
        optimizer = getattr(torch.optim, name)([parameter], lr=0.01, **options, **{how: True})

        def work() -> Any:
            optimizer.step()
            return parameter.detach().numpy()

        return work

    return Case(
        f"{name}, one step, PyTorch's {how}, {dtype}",
        peer="torch",
        sizes=({"P": 60_000}, {"P": 1_000_000}, {"P": 8_000_000}),
        make=lambda P: normals(dtype, (P,), (P,)),
        ours=ours,
        theirs=theirs,
        tolerance=TOLERANCE[dtype],
        dtype=dtype,
        memory=False,
    )


# ------------------------------------------------------------------ whole training steps


def our_network(name: str) -> Any:
    """An MLP 784-256-128-10, or LeNet-5 with ReLU and maxima."""
    from byhand import nn

    if name == "MLP":
        return nn.Sequential(nn.Dense(256), nn.ReLU(), nn.Dense(128), nn.ReLU(), nn.Dense(10))
    return nn.Sequential(
        nn.Conv2D(6, 5), nn.MaxPool2D(2), nn.ReLU(), nn.Conv2D(16, 5), nn.MaxPool2D(2), nn.ReLU(),
        nn.Flatten(), nn.Dense(120), nn.ReLU(), nn.Dense(84), nn.ReLU(), nn.Dense(10),
    )  # fmt: skip


def torch_network(name: str) -> Any:
    """Build the same from PyTorch's layers."""
    from torch import nn

    if name == "MLP":
        linear = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()]
        return nn.Sequential(*linear, nn.Linear(128, 10))
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2),
        nn.ReLU(), nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip


def our_step(name: str, X: Any, t: Any) -> Work:
    """Loss, all gradients and Adam."""
    from byhand.nn import Adam, cross_entropy

    net, adam = our_network(name).init(X[:1], rng=0), Adam(1e-3)

    def work() -> Any:
        logits, cache = net.forward(X, training=True)
        loss, dlogits = cross_entropy(logits, t)
        net.grad.fill(0)
        net.backward(dlogits, cache, need_dx=False)
        adam.step(net.theta, net.grad)
        return loss

    return work


def torch_step(name: str, X: Any, t: Any) -> Work:
    """Loss, all gradients and the fused Adam."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, target = torch.tensor(X), torch.tensor(t)
    images = images.movedim(-1, 1).contiguous() if images.ndim == 4 else images
    net = torch_network(name).to(images.dtype)
    adam = torch.optim.Adam(net.parameters(), 1e-3, fused=True)

    def work() -> Any:
        loss = torch.nn.functional.cross_entropy(net(images), target)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return float(loss.detach())

    return work


def step_case(name: str, shape: tuple[int, ...], dtype: str) -> Case:
    """One step of training; the weights differ, so both losses start near log 10."""
    return Case(
        f"training step, {name}, {dtype}",
        peer="torch",
        sizes=({"N": 8}, {"N": 128}),
        make=lambda N: (
            *normals(dtype, (N, *shape)),
            np.random.default_rng(1).integers(0, 10, N),
        ),
        ours=partial(our_step, name),
        theirs=partial(torch_step, name),
        tolerance=2.0,
        deviation=lambda a, b: abs(a - b),
        dtype=dtype,
        memory=False,
    )
