# SPDX-License-Identifier: BSD-3-Clause
"""k-means: centres that minimise the squared distance from each sample to the nearest of them.

Source:  Lloyd (1982), started by k-means++ (Arthur & Vassilvitskii, 2007).
Differs: weighted; assignments and ties are exact (see `lloyd`).
Cost:    O(N K D) an iteration; memory beside X: two numbers and a label a sample.
Checked: all partitions of small sets; a literal loop; scikit-learn from the same start.
"""
# N samples, D features, K clusters   Z (N, D) checked X   w (N,) weights or None

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from byhand.utils.estimator import ClusterMixin, ConvergenceWarning, Estimator, TransformerMixin
from byhand.utils.kmeans_plus_plus import kmeans_plus_plus
from byhand.utils.random import check_random_state
from byhand.utils.validation import check_array, check_choice, check_sample_weight, check_scalar

from .lloyd import LloydResult, assign_to_centers, distances_to_centers, lloyd

__all__ = ["KMeans"]


class KMeans(TransformerMixin, ClusterMixin, Estimator):
    """k-means clustering by Lloyd's algorithm.

    Parameters
    ----------
    n_clusters : int, default 8
        How many clusters.
    init : {"k-means++", "random"}, array (n_clusters, n_features) or callable, default "k-means++"
        Where the centres start: drawn far apart, rows drawn at random, given, or given by
        ``init(X, n_clusters, random_state=generator)``.
    n_init : int or {"auto"}, default "auto"
        Starts, of which the best result stays; "auto" is 10 for "random" and a callable, else 1.
    max_iter : int, default 300
        Most iterations of one start.
    tol : float, default 1e-4
        A start has converged when the squared movements of its centres sum to at most this times
        the mean variance of the features.
    random_state : None, int, SeedSequence or Generator, default None
        Source of the starting centres.
    algorithm : {"lloyd"}, default "lloyd"
        Lloyd's, the only one.

    Attributes
    ----------
    cluster_centers_ : (n_clusters, n_features) array
        Means of the clusters.
    labels_ : (n_samples,) array of int32
        Cluster of each sample.
    inertia_ : float
        Weighted sum of squared distances of the samples to their centres.
    history_ : list of float
        Inertia before each iteration of the best start; the last is `inertia_`.
    n_iter_ : int
        Iterations of the best start.
    converged_ : bool
        Whether the best start converged.

    Notes
    -----
    An empty cluster takes over the sample farthest from its centre. float32 samples give float32
    centres, computed in float64.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]])
    >>> kmeans = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(kmeans.cluster_centers_.tolist()), kmeans.inertia_
    ([[1.0, 2.0], [10.0, 2.0]], 16.0)
    """

    cluster_centers_: NDArray[np.floating]
    labels_: NDArray[np.int32]
    inertia_: float
    history_: list[float]
    n_iter_: int
    converged_: bool
    _tags: ClassVar[dict[str, bool]] = {"keeps_float32": True}

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: Any = None,
        algorithm: str = "lloyd",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.algorithm = algorithm

    def fit(
        self,
        X: object,
        y: object = None,
        sample_weight: object = None,
        *,
        callback: Callable[[Any, dict[str, Any]], object] | None = None,
    ) -> Self:
        """Find the centres.

        Parameters
        ----------
        X : (n_samples, n_features) array
            Samples.
        y : object, default None
            Ignored.
        sample_weight : (n_samples,) array, optional
            How many times each sample counts; by default once.
        callback : callable, optional
            ``callback(self, info)`` after each iteration, info holding iteration, max_iter,
            objective (the inertia) and params (the centres); a true return ends the fit.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument or hyper-parameter is not as described above.

        Warns
        -----
        ConvergenceWarning
            If there are fewer distinct samples than clusters.
        """
        K = check_scalar(self.n_clusters, "n_clusters", integer=True, low=1)
        max_iter = check_scalar(self.max_iter, "max_iter", integer=True, low=1)
        tol = check_scalar(self.tol, "tol", low=0.0, high=np.inf, high_open=True)
        check_choice(self.algorithm, "algorithm", ("lloyd",))
        n_init = _number_of_starts(self.init, self.n_init)
        rng = check_random_state(self.random_state)
        Z = self._check_X(X, fitting=True, dtype="float")
        w = check_sample_weight(sample_weight, len(Z))
        n_samples = len(Z) if w is None else np.count_nonzero(w)
        if n_samples < K:
            raise ValueError(f"n_samples={n_samples} should be >= n_clusters={K}.")

        def on_step(iteration: int, inertia: float, centers: NDArray[np.float64]) -> object:
            info = {"iteration": iteration, "max_iter": max_iter, "objective": inertia}
            return callback is not None and callback(self, info | {"params": centers})

        best: LloydResult | None = None
        for _ in range(n_init):
            start = _starting_centers(self.init, Z, K, w, rng)
            result = lloyd(Z, start, w, max_iter=max_iter, tol=tol, on_step=on_step)
            if best is None or result.inertia < best.inertia:
                best = result
        return self._keep(X, Z, w, best)

    def fit_predict(
        self, X: object, y: object = None, sample_weight: object = None, **fit_params: Any
    ) -> NDArray[np.int32]:
        """Fit, and return the cluster of each sample."""
        return self.fit(X, sample_weight=sample_weight, **fit_params).labels_

    def fit_transform(
        self, X: object, y: object = None, sample_weight: object = None, **fit_params: Any
    ) -> NDArray[np.floating]:
        """Fit, and return the distances (n_samples, n_clusters) to the centres."""
        return self.fit(X, sample_weight=sample_weight, **fit_params).transform(X)

    def predict(self, X: object) -> NDArray[np.int32]:
        """Return the number of the nearest centre of each sample."""
        Z = self._check_X(X, dtype="float")
        return assign_to_centers(Z, self.cluster_centers_.astype(np.float64))[0]

    def transform(self, X: object) -> NDArray[np.floating]:
        """Return the distances (n_samples, n_clusters) from the samples to the centres."""
        Z = self._check_X(X, dtype="float")
        distances = distances_to_centers(Z, self.cluster_centers_.astype(np.float64))
        return distances.astype(Z.dtype, copy=False)

    def score(self, X: object, y: object = None, sample_weight: object = None) -> float:
        """Return minus the inertia of the samples under the fitted centres."""
        Z = self._check_X(X, dtype="float")
        w = check_sample_weight(sample_weight, len(Z))
        return -assign_to_centers(Z, self.cluster_centers_.astype(np.float64), w)[1]

    def _keep(
        self,
        X: object,
        Z: NDArray[np.floating],
        w: NDArray[np.float64] | None,
        result: LloydResult | None,
    ) -> Self:
        """Warn of clusters without samples; learn the best result, in the precision of Z."""
        if result is None:
            raise ValueError("n_init must be at least 1")
        centers = result.centers.astype(Z.dtype)
        labels, inertia = result.labels, result.inertia
        if Z.dtype != np.float64:  # rounding the centres may move a sample between them
            labels, inertia = assign_to_centers(Z, centers.astype(np.float64), w)
        distinct = len(np.unique(labels if w is None else labels[w > 0]))
        if distinct < len(centers):
            warnings.warn(
                ConvergenceWarning(
                    f"Number of distinct clusters ({distinct}) found smaller than n_clusters"
                    f" ({len(centers)}). Possibly due to duplicate points in X."
                ),
                stacklevel=3,
            )
        elif not result.converged and result.n_iter == self.max_iter:
            warnings.warn(
                ConvergenceWarning(
                    f"k-means stopped after max_iter={self.max_iter} iterations while centres"
                    " still moved: raise max_iter or tol"
                ),
                stacklevel=3,
            )
        return self._fitted(
            X,
            cluster_centers_=centers,
            labels_=labels,
            inertia_=inertia,
            history_=[*result.history[:-1], inertia],
            n_iter_=result.n_iter,
            converged_=result.converged,
            _n_features_out=len(centers),
        )


def _number_of_starts(init: object, n_init: object) -> int:
    given = not isinstance(init, str) and not callable(init)
    if isinstance(n_init, str):
        check_choice(n_init, "n_init", ("auto",))
        return 1 if given or init == "k-means++" else 10
    check_scalar(n_init, "n_init", integer=True, low=1)
    if given and n_init != 1:
        warnings.warn(
            "Explicit initial center position passed: performing only one init in KMeans instead"
            f" of n_init={n_init}.",
            RuntimeWarning,
            stacklevel=3,
        )
    return 1 if given else int(n_init)  # type: ignore[call-overload]


def _starting_centers(
    init: Any,
    Z: NDArray[np.floating],
    n_clusters: int,
    w: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    if isinstance(init, str):
        check_choice(str(init), "init", ("k-means++", "random"))
        if init == "k-means++":
            return kmeans_plus_plus(Z, n_clusters, sample_weight=w, rng=rng)[0].astype(np.float64)
        p = None if w is None else w / w.sum()
        return Z[rng.choice(len(Z), n_clusters, replace=False, p=p)].astype(np.float64)
    if callable(init):
        init = init(Z if w is None else Z[w > 0], n_clusters, random_state=rng)
    centers = check_array(init, "init")
    for axis, what in ((0, f"the number of clusters {n_clusters}"), (1, "")):
        wanted = (n_clusters, Z.shape[1])[axis]
        if centers.shape[axis] != wanted:
            raise ValueError(
                f"init: The shape of the initial centers {centers.shape} does not match"
                f" {what or f'the number of features of the data {wanted}'}."
            )
    return centers.astype(np.float64)
