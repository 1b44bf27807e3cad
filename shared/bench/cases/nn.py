# SPDX-License-Identifier: BSD-3-Clause
"""Cases of byhand.nn against PyTorch on one thread: layers forward and backward, whole steps."""

from __future__ import annotations

from typing import Any

from shared.bench.harness import Case
from shared.bench.torch_layers import TOLERANCE, layer, of_nn, recurrent
from shared.bench.torch_training import (
    cross_entropy_case,
    dropout_case,
    embedding_case,
    optimiser_case,
    rbm_case,
    step_case,
)

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


def pooling(kind: str, size: int, C: int) -> list[Case]:
    """Windows of 2 x 2."""
    return layer(
        f"{kind.title()}Pool2D 2 x 2 on {size} x {size} x {C}",
        of_nn(f"{kind}_pool2d"),
        lambda torch, x: getattr(torch.nn.functional, f"{kind}_pool2d")(x, 2),
        lambda N: ((N, size, size, C), (N, size // 2, size // 2, C)),
        ({"N": 8}, {"N": 128}),
        axes=(IMAGES, IMAGES),
        options={"kernel_size": 2},
    )


def activation(name: str, **options: Any) -> list[Case]:
    """An elementwise function; options are ours and, in words, in the name of the case."""
    said = "".join(f", {value}" for value in options.values())
    approximate = {"approximate": options["form"]} if options else {}
    return layer(
        name + said,
        of_nn(name),
        lambda torch, x: getattr(torch.nn.functional, name)(x, **approximate),
        lambda n: ((n,), (n,)),
        ({"n": 2048}, {"n": 1 << 20}),
        options=options,
        bars=(None, None),
    )


def batch_norm(shape: tuple[int, ...], axes: Any) -> list[Case]:
    """Statistics of the batch; gradients through them."""
    C, dims = shape[-1], len(shape) - 1
    return layer(
        f"BatchNorm{max(dims, 1)}D on {' x '.join(map(str, shape))}, training",
        of_nn("batch_norm"),
        lambda torch, x, a, b: torch.nn.functional.batch_norm(x, None, None, a, b, training=True),
        lambda N: ((N, *shape), (C,), (C,), (N, *shape)),
        ({"N": 8}, {"N": 128}),
        axes=(axes, None, None, axes),
        bars=(None, None),
    )


def attention(name: str, **options: Any) -> list[Case]:
    """Heads of 64 numbers; PyTorch's is a fused kernel."""
    ours = {"causal": True} if options else {}
    return layer(
        name,
        of_nn("dot_product_attention"),
        lambda torch, *qkv: torch.nn.functional.scaled_dot_product_attention(*qkv, **options),
        lambda N, T: ((N, 8, T, 64),) * 4,
        ({"N": 4, "T": 64}, {"N": 8, "T": 128}, {"N": 64, "T": 64}, {"N": 4, "T": 512}),
        options=ours,
        memory=True,
    )


def causal(torch: Any, x: Any, W: Any, b: Any) -> Any:
    """Convolution that does not look ahead."""
    return torch.nn.functional.conv1d(torch.nn.functional.pad(x, (8, 0)), W, b, dilation=4)


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
    *pooling("max", 14, 64),
    *pooling("max", 28, 6),
    *pooling("avg", 14, 64),
    *layer(
        "GlobalAvgPool2D on 14 x 14 x 64",
        of_nn("global_avg_pool2d"),
        lambda torch, x: x.mean((2, 3)),
        lambda N: ((N, 14, 14, 64), (N, 64)),
        ({"N": 8}, {"N": 128}),
        axes=(IMAGES, None),
    ),
    *batch_norm((256,), None),
    *batch_norm((14, 14, 32), IMAGES),
    *layer(
        "LayerNorm over 256",
        of_nn("layer_norm"),
        lambda torch, x, a, b: torch.nn.functional.layer_norm(x, (256,), a, b),
        lambda N: ((N, 256), (256,), (256,), (N, 256)),
        ({"N": 8}, {"N": 128}, {"N": 8192}),
        bars=(None, None),
    ),
    *recurrent("rnn", 1),
    *recurrent("lstm", 4),
    *recurrent("gru", 3),
    *attention("DotProductAttention, 8 heads of 64"),
    *attention("DotProductAttention, causal, 8 heads of 64", is_causal=True),
    *layer(
        "Softmax",
        of_nn("softmax"),
        lambda torch, x: torch.nn.functional.softmax(x, -1),
        lambda N, K: ((N, K), (N, K)),
        ({"N": 8, "K": 10}, {"N": 128, "K": 10}, {"N": 128, "K": 1000}),
        bars=(None, None),
    ),
    *activation("relu"),
    *activation("leaky_relu"),
    *activation("elu"),
    *activation("selu"),
    *activation("tanh"),
    *activation("sigmoid"),
    *activation("softplus"),
    *activation("silu"),
    *activation("gelu"),
    *activation("gelu", form="tanh"),
]


CASES: list[Case] = [
    *LAYERS,
    *(
        case(dtype)
        for case in (embedding_case, dropout_case, cross_entropy_case, rbm_case)
        for dtype in TOLERANCE
    ),
    *(optimiser_case(name, dtype) for name in ("Adam", "SGD") for dtype in TOLERANCE),
    *(optimiser_case("Adam", dtype, "fused") for dtype in TOLERANCE),
    *(step_case("MLP", (784,), dtype) for dtype in TOLERANCE),
    *(step_case("LeNet", (28, 28, 1), dtype) for dtype in TOLERANCE),
]
