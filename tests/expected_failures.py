# SPDX-License-Identifier: BSD-3-Clause
"""Checks that a public estimator may fail, each with a reason; a row that is not needed fails.

A row is (class, check, reason). The check is called as test_sklearn_conformance.py shows it in
its names, with the arguments if it has any: ``check_estimators_pickle(readonly_memmap=True)``.
"""

# A reason begins with one of these; there are no others.
REASONS = (
    "rows depend on their neighbours",
    "random resampling",
    "random initialisation",
)

NEIGHBOURS = "rows depend on their neighbours: the posterior of a state is that of its sequence"
RESAMPLING = "random resampling: bootstrap draws rows by number, and repeated rows are others"

EXPECTED_FAILURES: list[tuple[str, str, str]] = [
    *(
        (f"byhand.hmm.{model}", check, NEIGHBOURS)
        for model in ("CategoricalHMM", "GMMHMM", "GaussianHMM", "MultinomialHMM", "PoissonHMM")
        for check in ("check_methods_sample_order_invariance", "check_methods_subset_invariance")
    ),
    *(
        (f"byhand.trees.{model}", "check_sample_weight_equivalence_on_dense_data", RESAMPLING)
        for model in ("RandomForestClassifier", "RandomForestRegressor")
    ),
    (
        "byhand.gmm.KMeans",
        "check_sample_weight_equivalence_on_dense_data",
        "random initialisation: k-means++ draws rows by number, and repeated rows are others",
    ),
]
