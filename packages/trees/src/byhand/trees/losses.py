# SPDX-License-Identifier: BSD-3-Clause
"""Losses of gradient boosting: value, slope, curvature, start and the best step of a leaf.

Source:  Friedman (2001), algorithms 2-6 (squared, absolute, Huber, log-loss for two and for K
         classes); Koenker & Bassett (1978) for quantiles; Hastie et al., ESL (2nd ed.), 10.6.
Differs: values are halved for the squared error and are nats for log-loss; the K start scores
         sum to 0. Quantiles inside a leaf are the lower ones, which always minimise the loss.
Cost:    O(N) per call, O(N log N) where a quantile is asked for.
Checked: central differences of the value give the slope, those of the slope the curvature; no
         step in a grid beats a leaf's step (line searches), nor any constant the start.
"""
# N samples, K scores per sample (1, or the classes)   w (N,) weights or None for ones
# y (N,) target: real, or class codes 0..K-1 as int64   raw (N,) or (N, K) scores in link space
# leaf (N,) leaf number of each sample, 0..n_leaves-1   p probability, mu mean

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantiles import leaf_quantiles, weighted_quantile

__all__ = [
    "AbsoluteLoss",
    "BinomialLoss",
    "ExponentialLoss",
    "HuberLoss",
    "Loss",
    "MultinomialLoss",
    "PoissonLoss",
    "QuantileLoss",
    "SquaredLoss",
]

Floats = NDArray[np.float64]
Weights = NDArray[np.float64] | None
Ints = NDArray[Any]
Targets = NDArray[Any]
# Class frequencies are kept this far from 0 and 1, so that a start score is finite.
_LOSS_P_MIN = float(np.finfo(np.float32).eps)


class Loss:
    """What boosting asks of a loss; this base holds what most losses share.

    Methods take the weights last, None meaning ones. All are pure functions of their arguments.

    Attributes
    ----------
    n_scores : int
        Scores per sample, K: 1, or the number of classes (then `raw` is (N, K)).
    constant_hessian : bool
        True where `hessian` is 1 everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> loss, y = SquaredLoss(), np.array([1.0, 2.0, 6.0])
    >>> start = loss.init_raw(y)
    >>> start, loss.value(y, np.full(3, start))
    (3.0, 2.33)
    """

    n_scores = 1
    constant_hessian = False

    def value(self, y: Targets, raw: Floats, w: Weights = None) -> float:
        """Weighted mean loss."""
        return _loss_mean(self.pointwise(y, raw), w)

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample, (N,)."""
        return 0.5 * (y - raw) ** 2

    def init_raw(self, y: Targets, w: Weights = None) -> float | Floats:
        """Best constant score: a float, or (K,)."""
        return _loss_mean(y.astype(np.float64), w)

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Downhill slope -dL/draw of each sample, of the shape of `raw`."""
        return y - raw

    def hessian(self, y: Targets, raw: Floats) -> Floats:
        """Curvature d2L/draw2 of each sample (its diagonal for K scores), shape of `raw`."""
        return np.ones_like(raw)

    def leaf_values(
        self, y: Targets, raw: Floats, leaf: Ints, n_leaves: int, w: Weights = None, k: int = 0
    ) -> Floats:
        """Step of each leaf (n_leaves,) for score k: one Newton step unless a loss has better."""
        g, h = self.negative_gradient(y, raw, w), self.hessian(y, raw)
        if raw.ndim == 2:
            g, h = g[:, k], h[:, k]
        top = _leaf_sums(g, leaf, n_leaves, w)
        bottom = _leaf_sums(h, leaf, n_leaves, w)
        # A leaf of samples that are all certain has no curvature left and stays where it is.
        flat = np.abs(bottom) < 1e-150
        return np.where(flat, 0.0, top / np.where(flat, 1.0, bottom))

    def mean(self, raw: Floats) -> Floats:
        """Prediction for a raw score (the inverse link): probabilities, means."""
        return raw


class SquaredLoss(Loss):
    """Half the squared error; starts at the mean.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredLoss().negative_gradient(np.array([1.0, 4.0]), np.array([2.0, 2.0]))
    array([-1.,  2.])
    """

    constant_hessian = True


class QuantileLoss(Loss):
    """Pinball loss: its minimiser is the `q`-quantile.

    Parameters
    ----------
    q : float, default 0.5
        Quantile level in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> QuantileLoss(0.75).init_raw(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    3.0
    """

    constant_hessian = True

    def __init__(self, q: float = 0.5) -> None:
        self.q = q

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample: q (y - raw) above, (1 - q) (raw - y) below."""
        r = y - raw
        return np.maximum(self.q * r, (self.q - 1) * r)

    def init_raw(self, y: Targets, w: Weights = None) -> float:
        """Weighted quantile of y."""
        return weighted_quantile(y.astype(np.float64), self.q, w)

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: q up to the target, q - 1 above it."""
        return np.where(y >= raw, self.q, self.q - 1)

    def leaf_values(
        self, y: Targets, raw: Floats, leaf: Ints, n_leaves: int, w: Weights = None, k: int = 0
    ) -> Floats:
        """Lower q-quantile of the residuals of each leaf, (n_leaves,)."""
        return leaf_quantiles(y - raw, self.q, leaf, n_leaves, w)


class AbsoluteLoss(QuantileLoss):
    """Absolute error; starts at the median.

    Examples
    --------
    >>> import numpy as np
    >>> AbsoluteLoss().value(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    2.0
    """

    def __init__(self) -> None:
        super().__init__(0.5)

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample: |y - raw|, twice the pinball loss at 0.5."""
        return np.abs(y - raw)

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: the sign of the residual, 1 at 0."""
        return np.where(y >= raw, 1.0, -1.0)


class HuberLoss(Loss):
    """Squared near the target, absolute beyond the `q`-quantile of the residuals' sizes.

    The width delta belongs to the current scores, so that it is found anew from `y` and `raw`
    in every call (Friedman 2001, section 4.4).

    Parameters
    ----------
    q : float, default 0.9
        Quantile level of |y - raw| at which the loss turns from squared to absolute.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    >>> HuberLoss(0.8).negative_gradient(y, np.zeros(5))
    array([0., 1., 2., 3., 3.])
    """

    def __init__(self, q: float = 0.9) -> None:
        self.q = q

    def value(self, y: Targets, raw: Floats, w: Weights = None) -> float:
        """Weighted mean loss at the width that belongs to these residuals."""
        r = np.abs(y - raw)
        delta = self._huber_width(r, w)
        return _loss_mean(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)), w)

    def init_raw(self, y: Targets, w: Weights = None) -> float:
        """Weighted median of y."""
        return weighted_quantile(y.astype(np.float64), 0.5, w)

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: the residual, clipped at +-delta."""
        r = y - raw
        delta = self._huber_width(np.abs(r), w)
        return np.clip(r, -delta, delta)

    def leaf_values(
        self, y: Targets, raw: Floats, leaf: Ints, n_leaves: int, w: Weights = None, k: int = 0
    ) -> Floats:
        """Median of the leaf's residuals plus the mean of what lies around it, clipped."""
        r = y - raw
        delta = self._huber_width(np.abs(r), w)
        middle = leaf_quantiles(r, 0.5, leaf, n_leaves, w)
        around = np.clip(r - middle[leaf], -delta, delta)  # Friedman (2001), algorithm 4
        mass = _leaf_sums(np.ones_like(r), leaf, n_leaves, w)
        return middle + _leaf_sums(around, leaf, n_leaves, w) / np.where(mass > 0, mass, 1.0)

    def _huber_width(self, r: Floats, w: Weights) -> float:
        return weighted_quantile(r, self.q, w, lower=True)


class PoissonLoss(Loss):
    """Poisson deviance with a log link, up to terms without the score; y >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> loss, y = PoissonLoss(), np.array([1.0, 3.0])
    >>> raw = np.full(2, loss.init_raw(y))
    >>> loss.mean(raw), loss.negative_gradient(y, raw)
    (array([2., 2.]), array([-1.,  1.]))
    """

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample: mu - y log mu."""
        return np.exp(raw) - y * raw

    def init_raw(self, y: Targets, w: Weights = None) -> float:
        """Log of the weighted mean."""
        return float(np.log(_loss_mean(y.astype(np.float64), w)))

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: y - mu."""
        return y - np.exp(raw)

    def hessian(self, y: Targets, raw: Floats) -> Floats:
        """Curvature: mu."""
        return np.exp(raw)

    def mean(self, raw: Floats) -> Floats:
        """Mean exp(raw)."""
        return np.exp(raw)


class BinomialLoss(Loss):
    """Log-loss of two classes with a logit link; y holds the codes 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> loss, y = BinomialLoss(), np.array([0, 1, 1, 1])
    >>> loss.init_raw(y), loss.mean(np.array([loss.init_raw(y)]))
    (1.0986, array([0.75]))
    """

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample: log(1 + e^raw) - y raw."""
        with np.errstate(under="ignore"):
            return np.logaddexp(0.0, raw) - y * raw

    def init_raw(self, y: Targets, w: Weights = None) -> float:
        """Log-odds of the weighted frequency of class 1."""
        p = np.clip(_loss_mean(y.astype(np.float64), w), _LOSS_P_MIN, 1 - _LOSS_P_MIN)
        return float(np.log(p / (1 - p)))

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: y - p."""
        return y - self.mean(raw)

    def hessian(self, y: Targets, raw: Floats) -> Floats:
        """Curvature: p (1 - p)."""
        p = self.mean(raw)
        return p * (1 - p)

    def mean(self, raw: Floats) -> Floats:
        """Probability of class 1."""
        with np.errstate(under="ignore"):
            e = np.exp(-np.abs(raw))  # never overflows; a tail too small to hold is 0
            return np.asarray(np.where(raw >= 0, 1.0, e) / (1 + e))


class ExponentialLoss(BinomialLoss):
    """AdaBoost's exponential loss exp(-(2y - 1) raw); y holds the codes 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> ExponentialLoss().init_raw(np.array([0, 1, 1, 1]))
    0.5493
    """

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample."""
        return np.exp((1 - 2 * y.astype(np.float64)) * raw)

    def init_raw(self, y: Targets, w: Weights = None) -> float:
        """Half the log-odds of class 1."""
        return 0.5 * super().init_raw(y, w)

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: (2y - 1) times the loss."""
        return (2 * y.astype(np.float64) - 1) * self.pointwise(y, raw)

    def hessian(self, y: Targets, raw: Floats) -> Floats:
        """Curvature: the loss itself."""
        return self.pointwise(y, raw)

    def mean(self, raw: Floats) -> Floats:
        """Probability of class 1: the logistic of twice the score."""
        return super().mean(2 * raw)


class MultinomialLoss(Loss):
    """Log-loss of K classes, K scores per sample, softmax link; y holds codes 0..K-1.

    Parameters
    ----------
    n_classes : int
        K.

    Examples
    --------
    >>> import numpy as np
    >>> loss, y = MultinomialLoss(3), np.array([0, 1, 2, 2])
    >>> loss.mean(np.tile(loss.init_raw(y), (1, 1)))
    array([[0.25, 0.25, 0.5 ]])
    """

    def __init__(self, n_classes: int) -> None:
        self.n_scores = n_classes

    def pointwise(self, y: Targets, raw: Floats) -> Floats:
        """Loss of each sample: log sum_k e^raw_k - raw_y, (N,)."""
        top = raw.max(axis=1)
        own = np.take_along_axis(raw, y.astype(np.int64)[:, None], axis=1)[:, 0]
        with np.errstate(under="ignore"):
            return np.asarray(top + np.log(np.exp(raw - top[:, None]).sum(axis=1)) - own)

    def init_raw(self, y: Targets, w: Weights = None) -> Floats:
        """Log of the weighted class frequencies, centred, (K,)."""
        p = np.bincount(y.astype(np.int64), weights=w, minlength=self.n_scores)
        log_p = np.log(np.clip(p / p.sum(), _LOSS_P_MIN, 1 - _LOSS_P_MIN))
        return np.asarray(log_p - log_p.mean())

    def negative_gradient(self, y: Targets, raw: Floats, w: Weights = None) -> Floats:
        """Slope: one-hot y minus p, (N, K)."""
        g = -self.mean(raw)
        g[np.arange(len(g)), y.astype(np.int64)] += 1
        return g

    def hessian(self, y: Targets, raw: Floats) -> Floats:
        """Diagonal of the curvature: p (1 - p), (N, K)."""
        p = self.mean(raw)
        return p * (1 - p)

    def leaf_values(
        self, y: Targets, raw: Floats, leaf: Ints, n_leaves: int, w: Weights = None, k: int = 0
    ) -> Floats:
        """Newton step with Friedman's factor (K - 1) / K for the redundant score."""
        step = super().leaf_values(y, raw, leaf, n_leaves, w, k)
        return step * (self.n_scores - 1) / self.n_scores  # Friedman (2001), algorithm 6

    def mean(self, raw: Floats) -> Floats:
        """Class probabilities, (N, K)."""
        with np.errstate(under="ignore"):
            p = np.exp(raw - raw.max(axis=1, keepdims=True))
            return np.asarray(p / p.sum(axis=1, keepdims=True))


def _leaf_sums(a: Floats, leaf: Ints, n_leaves: int, w: Weights) -> Floats:
    return np.asarray(
        np.bincount(leaf, weights=a if w is None else a * w, minlength=n_leaves), np.float64
    )


def _loss_mean(a: Floats, w: Weights) -> float:
    return float(a.mean() if w is None else a @ w / w.sum())
