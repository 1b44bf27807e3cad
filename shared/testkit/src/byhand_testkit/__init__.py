# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit of the byhand packages; see shared/testkit/README.md."""

from __future__ import annotations

from .agreement import agreement
from .compare import digest, same, state
from .datasets import Data, named_data
from .domains import Choice, Domain, Either, Flag, Free, Integer, Real
from .generators import (
    LAYOUTS,
    DuckArray,
    DuckSparse,
    arrays_of,
    dtypes,
    hostile_numbers,
    hostile_values,
    layout,
    layouts,
    scales,
    shapes,
    strides,
)
from .gradcheck import gradcheck
from .guards import (
    count_lines,
    interrupting,
    nan_from_singular,
    pristine,
    quiet,
    refused,
    shallow,
    strict,
    untouched,
)
from .oracles import NistProblem, data_folder, earthquakes, faithful, nist
from .rows import (
    CallRow,
    ClassRow,
    EstimatorRow,
    ExemptRow,
    FunctionRow,
    LayerRow,
    Refusal,
    Row,
    learned,
)
from .suite import CHECKS, Case, cases_of, conformance, failures, load_rows

__all__ = [
    "CHECKS",
    "LAYOUTS",
    "CallRow",
    "Case",
    "Choice",
    "ClassRow",
    "Data",
    "Domain",
    "DuckArray",
    "DuckSparse",
    "Either",
    "EstimatorRow",
    "ExemptRow",
    "Flag",
    "Free",
    "FunctionRow",
    "Integer",
    "LayerRow",
    "NistProblem",
    "Real",
    "Refusal",
    "Row",
    "agreement",
    "arrays_of",
    "cases_of",
    "conformance",
    "count_lines",
    "data_folder",
    "digest",
    "dtypes",
    "earthquakes",
    "failures",
    "faithful",
    "gradcheck",
    "hostile_numbers",
    "hostile_values",
    "interrupting",
    "layout",
    "layouts",
    "learned",
    "load_rows",
    "named_data",
    "nan_from_singular",
    "nist",
    "pristine",
    "quiet",
    "refused",
    "same",
    "scales",
    "shallow",
    "shapes",
    "state",
    "strict",
    "strides",
    "untouched",
]
