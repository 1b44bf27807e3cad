# SPDX-License-Identifier: BSD-3-Clause
"""Every layer and its gradients against PyTorch, float64, to 1e-10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from byhand import nn
from byhand_testkit import agreement

torch = pytest.importorskip("torch")
F = torch.nn.functional

TOLERANCE = 1e-10


def channels_first(x: Any) -> Any:
    return x.movedim(-1, 1)


def channels_last(x: Any) -> Any:
    return x.movedim(1, -1)


def on_images(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of PyTorch on images whose channels come last."""
    return lambda x, *rest: channels_last(function(channels_first(x), *rest))


def deviation(
    ours: Callable[..., Any], grad: Callable[..., Any], theirs: Callable[..., Any], *args: Any
) -> float:
    """Largest difference of outputs and gradients, relative to the largest entry."""
    y, cache = ours(*args)
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    expected = theirs(*tensors)
    dy = np.random.default_rng(7).standard_normal(y.shape)
    grads = torch.autograd.grad(expected, tensors, torch.tensor(dy))
    mine = grad(dy, cache)
    mine = mine if isinstance(mine, tuple) else (mine,)
    worst = 0.0
    for a, b in zip((y, *mine), (expected, *grads), strict=True):
        other = b.detach().numpy()
        assert a.shape == other.shape
        worst = max(worst, float(np.abs(a - other).max() / max(np.abs(other).max(), 1e-300)))
    return worst


def arrays(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def test_dense_agrees() -> None:
    for lead in ((), (5,), (3, 4)):
        worst = deviation(
            nn.dense, nn.dense_grad, lambda x, W, b: x @ W + b, *arrays((*lead, 6), (6, 4), (4,))
        )
        agreement("byhand.nn.dense", "torch", f"leading axes {lead}", worst, TOLERANCE)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 3), (5, 1)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, (3, 1)], ids=str)
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)], ids=str)
@pytest.mark.parametrize("padding", [0, 1, (2, 1)], ids=str)
def test_conv2d_agrees(kernel: Any, stride: Any, dilation: Any, padding: Any) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    worst = deviation(
        lambda x, W, b: nn.conv2d(x, W, b, **options),
        nn.conv2d_grad,
        on_images(lambda x, W, b: F.conv2d(x, W.permute(3, 2, 0, 1), b, **options)),
        *arrays((3, 11, 9, 4), (*kernel, 4, 5), (5,)),
    )
    agreement("byhand.nn.conv2d", "torch", f"kernel {kernel}, {options}", worst, TOLERANCE)


@pytest.mark.parametrize("dilation", [1, 2])
def test_conv2d_agrees_on_same_padding(dilation: int) -> None:
    worst = deviation(
        lambda x, W, b: nn.conv2d(x, W, b, padding="same", dilation=dilation),
        nn.conv2d_grad,
        on_images(
            lambda x, W, b: F.conv2d(x, W.permute(3, 2, 0, 1), b, padding="same", dilation=dilation)
        ),
        *arrays((3, 7, 8, 4), (3, 5, 4, 5), (5,)),
    )
    agreement("byhand.nn.conv2d", "torch", f"same padding, dilation {dilation}", worst, TOLERANCE)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 4), (3, 2)])
@pytest.mark.parametrize("padding", [0, 3, "causal"], ids=str)
def test_conv1d_agrees(stride: int, dilation: int, padding: Any) -> None:
    def theirs(x: Any, W: Any, b: Any) -> Any:
        before, after = (2 * dilation, 0) if padding == "causal" else (padding, padding)
        x = F.pad(x.movedim(-1, 1), (before, after))
        y = F.conv1d(x, W.permute(2, 1, 0), b, stride=stride, dilation=dilation)
        return y.movedim(1, -1)

    options = {"stride": stride, "padding": padding, "dilation": dilation}
    worst = deviation(
        lambda x, W, b: nn.conv1d(x, W, b, **options),
        nn.conv1d_grad,
        theirs,
        *arrays((3, 13, 4), (3, 4, 5), (5,)),
    )
    agreement("byhand.nn.conv1d", "torch", f"{options}", worst, TOLERANCE)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, (3, 2)], ids=str)
@pytest.mark.parametrize("padding", [0, (0, 0), 1], ids=str)
def test_conv_transpose2d_agrees(kernel: Any, stride: Any, padding: Any) -> None:
    options = {"stride": stride, "padding": 0 if kernel == (1, 1) else padding}
    worst = deviation(
        lambda x, W, b: nn.conv_transpose2d(x, W, b, **options),
        nn.conv_transpose2d_grad,
        on_images(lambda x, W, b: F.conv_transpose2d(x, W.permute(2, 3, 0, 1), b, **options)),
        *arrays((3, 5, 4, 4), (*kernel, 4, 5), (5,)),
    )
    agreement("byhand.nn.conv_transpose2d", "torch", f"{kernel}, {options}", worst, TOLERANCE)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (2, None, 0), (3, 2, 1), ((2, 3), (1, 2), (1, 0)), (4, 1, 2),
], ids=str)  # fmt: skip
def test_pooling_agrees(kernel: Any, stride: Any, padding: Any) -> None:
    (x,) = arrays((3, 9, 8, 4))
    options = {"stride": stride, "padding": padding}
    work = f"kernel {kernel}, {options}"
    worst = deviation(
        lambda x: nn.max_pool2d(x, kernel, **options),
        nn.max_pool2d_grad,
        on_images(lambda x: F.max_pool2d(x, kernel, **options)),
        x,
    )
    agreement("byhand.nn.max_pool2d", "torch", work, worst, TOLERANCE)
    ties = np.random.default_rng(0).integers(0, 3, x.shape).astype(float)
    worst = deviation(
        lambda x: nn.max_pool2d(x, kernel, **options),
        nn.max_pool2d_grad,
        on_images(lambda x: F.max_pool2d(x, kernel, **options)),
        ties,
    )
    agreement("byhand.nn.max_pool2d", "torch", f"{work}, many ties", worst, TOLERANCE)
    for count in (True, False):
        worst = deviation(
            lambda x, count=count: nn.avg_pool2d(x, kernel, **options, count_padding=count),
            nn.avg_pool2d_grad,
            on_images(
                lambda x, count=count: F.avg_pool2d(x, kernel, **options, count_include_pad=count)
            ),
            x,
        )
        agreement("byhand.nn.avg_pool2d", "torch", f"{work}, {count}", worst, TOLERANCE)


def test_global_average_agrees() -> None:
    worst = deviation(
        nn.global_avg_pool2d,
        nn.global_avg_pool2d_grad,
        lambda x: x.mean(dim=(1, 2)),
        *arrays((3, 5, 4, 2)),
    )
    agreement("byhand.nn.global_avg_pool2d", "torch", "5 x 4 images", worst, TOLERANCE)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(9, 4), (3, 5, 4), (3, 5, 6, 4)], ids=str)
def test_batch_norm_agrees(shape: Any, training: bool) -> None:
    x, gain, shift, mean = arrays(shape, (4,), (4,), (4,))
    var = mean**2 + 0.5
    constants = {} if training else {"mean": mean, "var": var}

    def theirs(x: Any, gain: Any, shift: Any) -> Any:
        running = torch.tensor(mean), torch.tensor(var)
        x = channels_first(x) if x.ndim > 2 else x
        y = F.batch_norm(x, *running, gain, shift, training=training)
        return channels_last(y) if y.ndim > 2 else y

    worst = deviation(
        lambda x, a, b: nn.batch_norm(x, a, b, **constants),
        nn.batch_norm_grad,
        theirs,
        x,
        gain,
        shift,
    )
    agreement("byhand.nn.batch_norm", "torch", f"{shape}, training {training}", worst, TOLERANCE)


@pytest.mark.parametrize("make", [nn.BatchNorm1D, nn.BatchNorm2D])
def test_running_statistics_agree(make: Any) -> None:
    shape = (6, 4) if make is nn.BatchNorm1D else (6, 3, 2, 4)
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(4).double()
    ours = make().init(np.zeros((1, *shape[1:])), rng=0)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal(shape)
        ours.forward(x, training=True)
        theirs(torch.tensor(x).movedim(-1, 1))
    for name, a, b in (
        ("mean", ours.mean, theirs.running_mean),
        ("var", ours.var, theirs.running_var),
    ):
        worst = float(np.abs(a - b.numpy()).max())
        agreement(f"byhand.nn.{make.__name__}", "torch", f"running {name}", worst, TOLERANCE)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_layer_norm_agrees(axes: int) -> None:
    x, gain, shift = arrays((4, 5, 6, 3), *[(5, 6, 3)[3 - axes :]] * 2)
    worst = deviation(
        nn.layer_norm,
        nn.layer_norm_grad,
        lambda x, a, b: F.layer_norm(x, a.shape, a, b),
        x,
        gain,
        shift,
    )
    agreement("byhand.nn.layer_norm", "torch", f"{axes} trailing axes", worst, TOLERANCE)


ACTIVATIONS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("relu", F.relu, ()),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), (0.2,)),
    ("elu", lambda x: F.elu(x, 0.7), (0.7,)),
    ("selu", F.selu, ()),
    ("tanh", torch.tanh, ()),
    ("sigmoid", torch.sigmoid, ()),
    ("hard_sigmoid", lambda x: torch.clamp(x / 6 + 0.5, 0, 1), ()),  # F.hardsigmoid: 1/6 in float32
    ("softplus", lambda x: F.softplus(x, threshold=1000), ()),  # else linear beyond 20
    ("silu", F.silu, ()),
    ("gelu", F.gelu, ()),
    ("gelu", lambda x: F.gelu(x, approximate="tanh"), ("tanh",)),
    ("exponential", torch.exp, ()),
    ("affine", lambda x: 3 * x - 1, (3.0, -1.0)),
    ("identity", lambda x: x * 1, ()),
]


@pytest.mark.parametrize(("name", "theirs", "options"), ACTIVATIONS, ids=lambda v: str(v)[:20])
def test_activations_agree(name: str, theirs: Any, options: Any) -> None:
    x = np.linspace(-30.1, 30.2, 241)  # misses the kinks
    ours, grad = getattr(nn, name), getattr(nn, f"{name}_grad")
    worst = deviation(lambda x: ours(x, *options), grad, theirs, x)
    agreement(f"byhand.nn.{name}", "torch", f"-30 to 30, options {options}", worst, TOLERANCE)


def test_joins_and_softmax_agree() -> None:
    x, y, z = arrays((3, 4), (3, 4), (3, 4))
    z[0] = 0
    worst = deviation(nn.multiply, nn.multiply_grad, lambda a, b, c: a * b * c, x, y, z)
    agreement("byhand.nn.multiply", "torch", "three inputs, zeros", worst, TOLERANCE)
    worst = deviation(nn.add, nn.add_grad, lambda a, b, c: a + b + c, x, y, z)
    agreement("byhand.nn.add", "torch", "three inputs", worst, TOLERANCE)
    worst = deviation(nn.softmax, nn.softmax_grad, lambda a: F.softmax(a, dim=-1), x)
    agreement("byhand.nn.softmax", "torch", "last axis", worst, TOLERANCE)


@pytest.mark.parametrize("K", [3, 50])
def test_cross_entropy_agrees(K: int) -> None:
    rng = np.random.default_rng(0)
    z, t, p = rng.standard_normal((7, K)), rng.integers(0, K, 7), rng.dirichlet(np.ones(K), 7)
    for target in (t, p):
        loss, grad = nn.cross_entropy(z, target)
        logits = torch.tensor(z, requires_grad=True)
        expected = F.cross_entropy(logits, torch.tensor(target))
        expected.backward()
        worst = max(abs(loss - expected.item()), np.abs(grad - logits.grad.numpy()).max())
        agreement("byhand.nn.cross_entropy", "torch", f"{K} classes", worst, TOLERANCE)
