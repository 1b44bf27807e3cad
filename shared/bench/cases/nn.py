# SPDX-License-Identifier: BSD-3-Clause
"""Cases of byhand.nn against PyTorch on one thread: layers forward and backward, whole steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from shared.bench.harness import Case
from shared.bench.torch_layers import TOLERANCE, Work, layer, normals, of_nn, recurrent

IMAGES, SEQUENCES, KERNELS = (0, 3, 1, 2), (0, 2, 1), (3, 2, 0, 1)


def convolution(
    size: int, C: int, F: int, k: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[Case]:
    """A convolution of square images."""
    out = (size + 2 * padding - (k - 1) * dilation - 1) // stride + 1
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    said = f", stride {stride}" * (stride > 1) + f", dilation {dilation}" * (dilation > 1)
    return layer(
        f"Conv2D {C} > {F}, {k} x {k} on {size} x {size}{said}",
        of_nn("conv2d"),
        lambda torch, x, W, b: torch.nn.functional.conv2d(x, W, b, **options),
        lambda N: ((N, size, size, C), (k, k, C, F), (F,), (N, out, out, F)),
        ({"N": 8}, {"N": 128}),
        axes=(IMAGES, KERNELS, None, IMAGES),
        options=options,
        memory=True,
    )


def pooling(kind: str) -> list[Case]:
    """Windows of 2 x 2."""
    return layer(
        f"{kind.title()}Pool2D 2 x 2 on 14 x 14 x 64",
        of_nn(f"{kind}_pool2d"),
        lambda torch, x: getattr(torch.nn.functional, f"{kind}_pool2d")(x, 2),
        lambda N: ((N, 14, 14, 64), (N, 7, 7, 64)),
        ({"N": 8}, {"N": 128}),
        axes=(IMAGES, IMAGES),
        options={"kernel_size": 2},
    )


def activation(name: str) -> list[Case]:
    """An elementwise function."""
    return layer(
        name,
        of_nn(name),
        lambda torch, x: getattr(torch.nn.functional, name)(x),
        lambda n: ((n,), (n,)),
        ({"n": 2048}, {"n": 1 << 20}),
        bars=(None, None),
    )


def causal(torch: Any, x: Any, W: Any, b: Any) -> Any:
    """Convolution that does not look ahead."""
    return torch.nn.functional.conv1d(torch.nn.functional.pad(x, (8, 0)), W, b, dilation=4)


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

    sizes = ({"N": 1600, "V": 100, "D": 64}, {"N": 1600, "V": 10_000, "D": 64})
    return Case(
        f"Embedding, {dtype}", peer="torch", sizes=sizes, make=make, ours=ours, theirs=theirs,
        tolerance=TOLERANCE[dtype], dtype=dtype, memory=False,
    )  # fmt: skip


LAYERS = [
    *layer(
        "Dense",
        of_nn("dense"),
        lambda torch, x, W, b: torch.nn.functional.linear(x, W, b),
        lambda N, inputs, units: ((N, inputs), (inputs, units), (units,), (N, units)),
        (
            {"N": 8, "inputs": 256, "units": 256},
            {"N": 128, "inputs": 256, "units": 256},
            {"N": 8, "inputs": 784, "units": 512},
            {"N": 128, "inputs": 1024, "units": 1024},
        ),
        axes=(None, (1, 0), None, None),
    ),
    *convolution(28, 1, 6, 5),
    *convolution(14, 6, 16, 5),
    *convolution(14, 32, 64, 3, padding=1),
    *convolution(28, 16, 32, 3, padding=1),
    *convolution(14, 64, 64, 3, padding=1, stride=2),
    *convolution(14, 32, 32, 3, padding=2, dilation=2),
    *convolution(14, 32, 64, 1),
    *layer(
        "Conv1D causal 32 > 32, 3 taps, dilation 4, 200 steps",
        of_nn("conv1d"),
        causal,
        lambda N: ((N, 200, 32), (3, 32, 32), (32,), (N, 200, 32)),
        ({"N": 8}, {"N": 64}),
        axes=(SEQUENCES, (2, 1, 0), None, SEQUENCES),
        options={"padding": "causal", "dilation": 4},
        memory=True,
    ),
    *layer(
        "ConvTranspose2D, 4 x 4, stride 2",
        of_nn("conv_transpose2d"),
        lambda torch, x, W, b: torch.nn.functional.conv_transpose2d(x, W, b, stride=2, padding=1),
        lambda N, size, C, F: ((N, size, size, C), (4, 4, C, F), (F,), (N, 2 * size, 2 * size, F)),
        (
            {"N": 8, "size": 7, "C": 32, "F": 16},
            {"N": 64, "size": 7, "C": 32, "F": 16},
            {"N": 64, "size": 14, "C": 64, "F": 32},
        ),
        axes=(IMAGES, (2, 3, 0, 1), None, IMAGES),
        options={"stride": 2, "padding": 1},
        memory=True,
    ),
    *pooling("max"),
    *pooling("avg"),
    *layer(
        "BatchNorm2D on 14 x 14 x 32, training",
        of_nn("batch_norm"),
        lambda torch, x, a, b: torch.nn.functional.batch_norm(x, None, None, a, b, training=True),
        lambda N: ((N, 14, 14, 32), (32,), (32,), (N, 14, 14, 32)),
        ({"N": 8}, {"N": 128}),
        axes=(IMAGES, None, None, IMAGES),
        bars=(None, None),
    ),
    *layer(
        "LayerNorm over 256",
        of_nn("layer_norm"),
        lambda torch, x, a, b: torch.nn.functional.layer_norm(x, (256,), a, b),
        lambda N: ((N, 256), (256,), (256,), (N, 256)),
        ({"N": 8}, {"N": 512}, {"N": 8192}),
        bars=(None, None),
    ),
    *recurrent("rnn", 1),
    *recurrent("lstm", 4),
    *recurrent("gru", 3),
    *layer(
        "DotProductAttention, 4 x 8 heads of 64",
        of_nn("dot_product_attention"),
        lambda torch, q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v),
        lambda T: ((4, 8, T, 64),) * 4,
        ({"T": 64}, {"T": 128}, {"T": 512}),
        memory=True,
    ),
    *activation("relu"),
    *activation("tanh"),
    *activation("sigmoid"),
    *activation("gelu"),
]


# ------------------------------------------------------------------ losses, dropout, optimisers


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

    sizes = ({"N": 8, "K": 10}, {"N": 4096, "K": 10}, {"N": 2048, "K": 1000})
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
        sizes=({"n": 1 << 18},),
        make=lambda n: normals(dtype, (n,), (n,)),
        ours=ours,
        theirs=theirs,
        bar=1.0,
        tolerance=0.02,  # the masks differ: the part that is dropped does not
        deviation=lambda a, b: abs(float((a[0] == 0).mean() - (b[0] == 0).mean())),
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


CASES: list[Case] = [
    *LAYERS,
    *(case(d) for case in (embedding_case, cross_entropy_case, dropout_case) for d in TOLERANCE),
    *(optimiser_case(name, dtype) for name in ("Adam", "SGD") for dtype in TOLERANCE),
    *(optimiser_case("Adam", dtype, "fused") for dtype in TOLERANCE),
    *(step_case("MLP", (784,), dtype) for dtype in TOLERANCE),
    *(step_case("LeNet", (28, 28, 1), dtype) for dtype in TOLERANCE),
]
