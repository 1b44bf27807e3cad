# SPDX-License-Identifier: BSD-3-Clause
"""Adam: a gradient step scaled by running moments of the gradient, for each number alone.

Source:  Kingma & Ba (2015), algorithm 1.
Differs: the moments are kept without their factors 1 - beta, and these, the bias corrections and
         the step size are one number a step: ten passes for fourteen, same result.
Cost:    ten passes over the parameters in blocks that stay in cache; two numbers a parameter.
Checked: five steps on x^2 to ten digits; algorithm 1 written literally; PyTorch's Adam.
"""
# theta, g (P,)   t step, from 1   lr step size   m = sum b1^(t-i) g_i   v = sum b2^(t-i) g_i^2
# the paper's moments are (1 - b1) m and (1 - b2) v

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._step import check_step

__all__ = ["Adam"]

_ADAM_BLOCK = 16384  # numbers: the four arrays of a block fit the second-level cache


class Adam:
    """Adam's rule for one vector of parameters.

    Parameters
    ----------
    lr : float, default 0.001
        Step size; may be changed between steps.
    beta1 : float, default 0.9
        Memory of the mean.
    beta2 : float, default 0.999
        Memory of the square.
    eps : float, default 1e-8
        Added to the root of the square, as in the paper.

    Raises
    ------
    ValueError
        If lr or eps is negative, or a beta is not in [0, 1).

    Examples
    --------
    Minimise x^2 from 1:

    >>> import numpy as np
    >>> x, adam = np.array([1.0]), Adam(lr=0.1)
    >>> for _ in range(5):
    ...     adam.step(x, 2 * x)
    >>> x
    array([0.50796366])
    """

    def __init__(
        self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        """Store and check the options; the moments come with the first step."""
        if not lr >= 0 or not eps >= 0:
            raise ValueError(f"Adam: lr and eps must be at least 0, got {lr} and {eps}")
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError(f"Adam: beta1 and beta2 must be in [0, 1), got {beta1} and {beta2}")
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.t = 0  # steps taken
        self.m: Any = None  # (P,) sum of beta1^(t-i) g_i
        self.v: Any = None  # (P,) sum of beta2^(t-i) g_i^2

    def step(self, theta: NDArray[np.floating], grad: NDArray[np.floating]) -> None:
        """Change theta in place; grad has its shape and is only read."""
        check_step("Adam", theta, grad, self.m)
        if self.m is None:
            self.m, self.v = np.zeros(theta.size, theta.dtype), np.zeros(theta.size, theta.dtype)
        self.t += 1
        correct1, correct2 = 1 - self.beta1**self.t, 1 - self.beta2**self.t
        # lr mhat / (sqrt(vhat) + eps), all constants gathered before m / (sqrt(v) + eps')
        root = math.sqrt(correct2 / (1 - self.beta2))
        rate = self.lr * root * (1 - self.beta1) / correct1
        flat, g = theta.reshape(-1), grad.reshape(-1)
        scratch = np.empty(min(_ADAM_BLOCK, flat.size), flat.dtype)
        for start in range(0, flat.size, _ADAM_BLOCK):
            here = slice(start, start + _ADAM_BLOCK)
            m, v, g_here, p = self.m[here], self.v[here], g[here], flat[here]
            s = scratch[: len(p)]
            m *= self.beta1
            m += g_here
            np.multiply(g_here, g_here, out=s)
            v *= self.beta2
            v += s
            np.sqrt(v, out=s)
            s += self.eps * root
            np.divide(m, s, out=s)
            s *= rate
            p -= s
