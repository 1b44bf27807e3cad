# SPDX-License-Identifier: BSD-3-Clause
"""Neural networks by hand: every layer a forward and a backward function on NumPy arrays."""

from __future__ import annotations

from .activations import (
    ELU,
    GELU,
    SELU,
    Affine,
    Exponential,
    HardSigmoid,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    affine,
    affine_grad,
    elu,
    elu_grad,
    exponential,
    exponential_grad,
    gelu,
    gelu_grad,
    hard_sigmoid,
    hard_sigmoid_grad,
    identity,
    identity_grad,
    leaky_relu,
    leaky_relu_grad,
    relu,
    relu_grad,
    selu,
    selu_grad,
    sigmoid,
    sigmoid_grad,
    silu,
    silu_grad,
    softplus,
    softplus_grad,
    tanh,
    tanh_grad,
)
from .adam import (
    Adam,
)
from .add import (
    Add,
    add,
    add_grad,
)
from .attention import (
    DotProductAttention,
    dot_product_attention,
    dot_product_attention_grad,
)
from .avg_pool2d import (
    AvgPool2D,
    avg_pool2d,
    avg_pool2d_grad,
)
from .batch_norm import (
    BatchNorm1D,
    BatchNorm2D,
    batch_norm,
    batch_norm_grad,
)
from .conv1d import (
    Conv1D,
    conv1d,
    conv1d_grad,
)
from .conv2d import (
    Conv2D,
    conv2d,
    conv2d_grad,
)
from .conv_transpose2d import (
    ConvTranspose2D,
    conv_transpose2d,
    conv_transpose2d_grad,
    deconv2d,
)
from .cross_entropy import (
    CrossEntropy,
    cross_entropy,
)
from .dense import (
    Dense,
    dense,
    dense_grad,
)
from .dropout import (
    Dropout,
    dropout,
    dropout_grad,
)
from .embedding import (
    Embedding,
    embedding,
    embedding_grad,
)
from .flatten import (
    Flatten,
    flatten,
    flatten_grad,
)
from .global_avg_pool2d import (
    GlobalAvgPool2D,
    global_avg_pool2d,
    global_avg_pool2d_grad,
)
from .gru import (
    GRU,
    gru,
    gru_grad,
)
from .im2col import (
    col2im,
    im2col,
)
from .initialisers import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    orthogonal,
    standard_normal,
    truncated_normal,
)
from .layer_norm import (
    LayerNorm,
    layer_norm,
    layer_norm_grad,
)
from .lstm import (
    LSTM,
    lstm,
    lstm_grad,
)
from .max_pool2d import (
    MaxPool2D,
    max_pool2d,
    max_pool2d_grad,
)
from .minibatch import (
    minibatch,
)
from .module import (
    Module,
    Network,
)
from .multiply import (
    Multiply,
    multiply,
    multiply_grad,
)
from .padding import (
    dilate,
    pad,
)
from .rbm import (
    RBM,
    contrastive_divergence,
    free_energy,
    gibbs_sample,
    rbm,
    rbm_grad,
)
from .reshape import (
    Reshape,
    reshape,
    reshape_grad,
)
from .rnn import (
    RNN,
    rnn,
    rnn_grad,
)
from .sequential import (
    Sequential,
)
from .sgd import (
    SGD,
)
from .softmax import (
    Softmax,
    softmax,
    softmax_grad,
)
from .sparse_evolution import (
    SparseEvolution,
    erdos_renyi_links,
    evolve_links,
    sparse_evolution,
    sparse_evolution_grad,
)
from .weights import (
    cast,
    freeze,
    load_state_dict,
    select,
    state_dict,
    unfreeze,
)

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RBM",
    "RNN",
    "SELU",
    "SGD",
    "Adam",
    "Add",
    "Affine",
    "AvgPool2D",
    "BatchNorm1D",
    "BatchNorm2D",
    "Conv1D",
    "Conv2D",
    "ConvTranspose2D",
    "CrossEntropy",
    "Dense",
    "DotProductAttention",
    "Dropout",
    "Embedding",
    "Exponential",
    "Flatten",
    "GlobalAvgPool2D",
    "HardSigmoid",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "Module",
    "Multiply",
    "Network",
    "ReLU",
    "Reshape",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SparseEvolution",
    "Tanh",
    "add",
    "add_grad",
    "affine",
    "affine_grad",
    "avg_pool2d",
    "avg_pool2d_grad",
    "batch_norm",
    "batch_norm_grad",
    "cast",
    "col2im",
    "contrastive_divergence",
    "conv1d",
    "conv1d_grad",
    "conv2d",
    "conv2d_grad",
    "conv_transpose2d",
    "conv_transpose2d_grad",
    "cross_entropy",
    "deconv2d",
    "dense",
    "dense_grad",
    "dilate",
    "dot_product_attention",
    "dot_product_attention_grad",
    "dropout",
    "dropout_grad",
    "elu",
    "elu_grad",
    "embedding",
    "embedding_grad",
    "erdos_renyi_links",
    "evolve_links",
    "exponential",
    "exponential_grad",
    "flatten",
    "flatten_grad",
    "free_energy",
    "freeze",
    "gelu",
    "gelu_grad",
    "gibbs_sample",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "glorot_normal",
    "glorot_uniform",
    "gru",
    "gru_grad",
    "hard_sigmoid",
    "hard_sigmoid_grad",
    "he_normal",
    "he_uniform",
    "identity",
    "identity_grad",
    "im2col",
    "layer_norm",
    "layer_norm_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "load_state_dict",
    "lstm",
    "lstm_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "minibatch",
    "multiply",
    "multiply_grad",
    "orthogonal",
    "pad",
    "rbm",
    "rbm_grad",
    "relu",
    "relu_grad",
    "reshape",
    "reshape_grad",
    "rnn",
    "rnn_grad",
    "select",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_grad",
    "softplus",
    "softplus_grad",
    "sparse_evolution",
    "sparse_evolution_grad",
    "standard_normal",
    "state_dict",
    "tanh",
    "tanh_grad",
    "truncated_normal",
    "unfreeze",
]
