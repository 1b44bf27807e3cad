# SPDX-License-Identifier: BSD-3-Clause
"""What a step of every optimiser is checked for: parameters that are there, and may be written.

Source:  none; the contract of byhand's optimisers, which know vectors and no modules.
Differs: a vector whose length changed since the last step is refused, not started anew.
Cost:    about a microsecond a step.
Checked: each fault by name, in the tests of the optimisers.
"""
# theta, grad (P,)   state (P,) what the optimiser remembers, None before the first step

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_step"]


def check_step(name: str, theta: Any, grad: Any, state: Any) -> None:
    """Raise ValueError, naming the optimiser, unless theta can take a step along grad."""
    if theta is None or theta.size == 0:
        raise ValueError(f"{name}: theta holds no parameters: call init first, or all is frozen")
    if not theta.flags.writeable:
        raise ValueError(f"{name}: theta is read-only: its layer is frozen")
    if not theta.flags.c_contiguous or theta.dtype.kind != "f":
        raise ValueError(f"{name}: theta must be a C-contiguous array of floats, as net.theta is")
    if np.shape(grad) != theta.shape:
        raise ValueError(f"{name}: grad must have the shape {theta.shape}, got {np.shape(grad)}")
    if state is not None and state.size != theta.size:
        raise ValueError(
            f"{name}: theta has {theta.size} numbers, earlier steps had {state.size}: "
            "make a new optimiser after freezing or adding layers"
        )
