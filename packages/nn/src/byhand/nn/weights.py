# SPDX-License-Identifier: BSD-3-Clause
"""Weights of a network by name: read, load, freeze, convert, select.

Source:  no paper; names are attribute paths, "0.attention.Wq", as PyTorch's state_dict has them.
Differs: functions, not methods. Loading is all or nothing, lists every fault, and needs no init.
Cost:    one copy of the weights.
Checked: round trips; every fault reported, nothing changed; frozen layers keep their bytes.
"""
# module: a layer or a network    root: the outermost network, whose theta holds the parameters

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .module import Module, Network

__all__ = ["cast", "freeze", "load_state_dict", "select", "state_dict", "unfreeze"]


def state_dict(module: Module) -> dict[str, NDArray[Any]]:
    """Copy all parameters and buffers.

    Parameters
    ----------
    module : Module
        A layer or a network, built.

    Returns
    -------
    dict of str to array
        Under their paths, in the order of `Module.walk`.

    Raises
    ------
    ValueError
        If a parameter is missing because the module was never built.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense, Sequential
    >>> net = Sequential(Dense(2), Dense(1)).init(np.zeros((1, 3)), rng=0)
    >>> {name: a.shape for name, a in state_dict(net).items()}
    {'0.W': (3, 2), '0.b': (2,), '1.W': (2, 1), '1.b': (1,)}
    """
    state = {}
    for name, m, key in _named_arrays(module):
        if getattr(m, key, None) is None:
            raise m.error(f"no {key} yet: call init(x, rng=0) first")
        state[name] = getattr(m, key).copy()
    return state


def load_state_dict(module: Module, state: Mapping[str, Any]) -> None:
    """Set all parameters and buffers, or none.

    Parameters
    ----------
    module : Module
        A layer or a network; init is not needed.
    state : mapping of str to array
        As `state_dict` returns it; the arrays are copied. A module that was built keeps its dtype,
        one that was not takes that of the arrays.

    Raises
    ------
    ValueError
        Naming every missing and unknown name and every wrong shape; nothing is changed then.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense
    >>> layer = Dense(2)
    >>> load_state_dict(layer, {"W": np.eye(2), "b": np.ones(2)})
    >>> layer(np.array([[1.0, 2.0]]))
    array([[2., 3.]])
    """
    places = {name: (m, key) for name, m, key in _named_arrays(module)}
    faults = [f"{name} is missing" for name in places if name not in state]
    faults += [f"{name} is unknown" for name in state if name not in places]
    arrays = {}
    for name, (m, key) in places.items():
        if name in state:
            given, now = np.array(state[name]), getattr(m, key, None)
            if given.dtype.kind not in "biuf":
                faults.append(f"{name} has dtype {given.dtype}")
            elif now is not None and now.shape != given.shape:
                faults.append(f"{name} has shape {given.shape}, the module's is {now.shape}")
            else:
                arrays[name] = given if now is None else given.astype(now.dtype)
    if faults:
        raise ValueError("cannot load: " + "; ".join(faults))
    for name, (m, key) in places.items():
        now = getattr(m, key, None)
        if now is None or m.frozen or key in m.buffers:
            arrays[name].flags.writeable = not m.frozen
            setattr(m, key, arrays[name])
        else:
            now[...] = arrays[name]  # in place: theta of this network and of its parents
    if isinstance(module, Network) and module.theta is None:
        module.flatten()


def freeze(module: Module, root: Module) -> None:
    """Stop a part of a network from learning: its parameters leave theta and are read-only.

    A frozen BatchNorm uses its running statistics. Make a new optimiser afterwards.

    Parameters
    ----------
    module : Module
        What to freeze, built.
    root : Module
        The outermost network; the module itself if it stands alone.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense, Sequential
    >>> net = Sequential(Dense(2), Dense(1)).init(np.zeros((1, 3)), rng=0)
    >>> freeze(net.layers[0], net)
    >>> net.theta.size
    3
    """
    for _, m in module.walk():
        for key in m.params:
            if getattr(m, key, None) is None:
                raise m.error(f"no {key} yet: call init(x, rng=0) before freezing")
    for _, m in module.walk():
        for key in m.params:
            own = getattr(m, key).copy()
            own.flags.writeable = False
            setattr(m, key, own)
        m.frozen, m.grads = True, {}
    root.flatten()


def unfreeze(module: Module, root: Module) -> None:
    """Let a frozen part learn again; see `freeze`.

    Parameters
    ----------
    module : Module
        What to unfreeze.
    root : Module
        The outermost network, whose theta takes the parameters up.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense, Sequential
    >>> net = Sequential(Dense(2), Dense(1)).init(np.zeros((1, 3)), rng=0)
    >>> freeze(net, net)
    >>> unfreeze(net.layers[1], net)
    >>> net.theta.size
    3
    """
    for _, m in module.walk():
        if m.frozen:
            for key in m.params:
                setattr(m, key, getattr(m, key).copy())
            m.frozen, m.grads = False, None
    root.flatten()


def cast(module: Module, dtype: DTypeLike) -> None:
    """Convert all parameters and buffers to another floating dtype; gradients become zero.

    Parameters
    ----------
    module : Module
        The outermost network, or a layer that stands alone.
    dtype : dtype
        float32 or float64, say.

    Raises
    ------
    ValueError
        If dtype is not floating.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense
    >>> layer = Dense(2).init(np.zeros((1, 3)), rng=0)
    >>> cast(layer, np.float32)
    >>> layer(np.zeros((1, 3), np.float32)).dtype
    dtype('float32')
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise ValueError(f"dtype must be floating, got {dtype}")
    for _, m in module.walk():
        for key in (*m.params, *m.buffers):
            a = getattr(m, key, None)
            if a is not None and a.dtype.kind == "f":
                a = a.astype(dtype)
                a.flags.writeable = not m.frozen or key in m.buffers
                setattr(m, key, a)
        m.grads = {} if m.frozen else None
    if isinstance(module, Network) and module.theta is not None:
        module.flatten()


def select(
    network: Network, rule: Callable[[str, NDArray[np.floating]], float]
) -> NDArray[np.floating]:
    """Spread a rule over theta: one number for each, say a weight decay or a learning rate.

    Parameters
    ----------
    network : Network
        Built.
    rule : callable
        (name, parameter) -> number, for each parameter that learns.

    Returns
    -------
    array of the shape of theta

    Raises
    ------
    ValueError
        If the network has no theta yet.

    Examples
    --------
    >>> import numpy as np
    >>> from byhand.nn import Dense, Sequential
    >>> net = Sequential(Dense(2)).init(np.zeros((1, 1)), rng=0)
    >>> select(net, lambda name, a: 0.0 if name.endswith("b") else 0.1)
    array([0.1, 0.1, 0. , 0. ])
    """
    if network.theta is None:
        raise network.error("no parameters yet: call init(x, rng=0) first")
    values: NDArray[np.floating] = np.zeros_like(network.theta)
    start = _address(network.theta)
    for path, m in network.walk():
        for key in () if m.frozen else m.params:
            a = getattr(m, key)
            at = (_address(a) - start) // max(a.itemsize, 1)
            if at >= 0 and at + a.size <= len(values):  # else shared: it lives outside this theta
                values[at : at + a.size] = rule(f"{path}.{key}" if path else key, a)
    return values


def _address(a: NDArray[Any]) -> int:
    return int(a.__array_interface__["data"][0])


def _named_arrays(module: Module) -> list[tuple[str, Module, str]]:
    """(name, module, attribute) of every parameter and buffer."""
    return [
        (f"{path}.{key}" if path else key, m, key)
        for path, m in module.walk()
        for key in (*m.params, *m.buffers)
    ]
