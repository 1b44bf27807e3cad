# SPDX-License-Identifier: BSD-3-Clause
"""What the kit feeds to tests: domains, layouts, strategies, oracle data, agreement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import byhand_testkit as kit
from byhand_testkit import (
    LAYOUTS,
    Choice,
    Flag,
    Free,
    Integer,
    Real,
    agreement,
    arrays_of,
    earthquakes,
    faithful,
    layout,
    nist,
)

# ------------------------------------------------------------------ domains


@pytest.mark.parametrize(
    "domain",
    [
        Integer(1),
        Integer(0, 5, none=True),
        Real(0, 1, low_open=True, high_open=True),
        Real(none=True),
        Choice("a", "b"),
        Choice("a", none=True),
        Flag(),
        Integer(1) | Choice("sqrt"),
        Real(0, 1) | Integer(2, none=True),
        Free("elsewhere"),
    ],
)
def test_no_bad_value_lies_in_its_domain(domain: Any) -> None:
    assert [bad for bad in domain.bad() if domain.holds(bad.value)] == []


def test_domains_hold_their_ends_and_refuse_what_lies_beyond() -> None:
    assert Integer(1, 3).holds(3)
    assert not Integer(1, 3).holds(4)
    assert not Integer(1).holds(True)
    assert Real(0, 1).holds(1)
    assert not Real(0, 1, high_open=True).holds(1.0)
    assert not Real().holds(float("nan"))
    assert (Integer(1) | Choice("sqrt")).holds("sqrt")
    assert {bad.value for bad in Real(0, 1, low_open=True).bad() if bad.value == 0}


# ------------------------------------------------------------------ generators


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (3,), (3, 4), (2, 3, 4), (0, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_a_layout_keeps_the_numbers(kind: str, shape: tuple[int, ...], dtype: Any) -> None:
    a = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    b = layout(a, kind)
    assert b.shape == a.shape
    assert b.dtype == a.dtype
    assert np.array_equal(a, b)


def test_layouts_are_what_their_names_say() -> None:
    a = np.random.default_rng(0).standard_normal((3, 4))
    assert layout(a, "fortran").flags.f_contiguous
    assert layout(a, "reversed").strides == (-32, -8)
    assert not layout(a, "unaligned").flags.aligned
    assert not layout(a, "read_only").flags.writeable
    assert isinstance(layout(a, "memmap"), np.memmap)
    assert not layout(a, "strided").flags.c_contiguous
    assert np.isnan(layout(a, "sliced").base).any()


@settings(max_examples=30, deadline=None)
@given(a=arrays_of(kit.shapes(min_dims=2, max_dims=2), low=-5, high=5), scale=kit.scales(-9, 9))
def test_strategies_draw_finite_arrays_in_their_range(a: Any, scale: float) -> None:
    assert a.ndim == 2
    assert np.isfinite(a * scale).all()
    assert a.size == 0 or np.abs(a).max() <= 5


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_strides_keep_the_numbers(data: Any) -> None:
    a = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(data.draw(kit.strides(a)), a)


def test_hostile_values_are_no_numbers() -> None:
    names = [what for what, _, _ in kit.hostile_values(np.ones((2, 2)))]
    assert len(names) == len(set(names)) > 10


# ------------------------------------------------------------------ oracles, agreement


def test_oracle_data_are_what_their_sources_say() -> None:
    X = faithful()
    assert X.shape == (272, 2)
    assert np.allclose(X.mean(axis=0), [3.4877830882, 70.8970588235], rtol=1e-10)
    counts = earthquakes()
    assert counts.shape == (107,)
    assert counts.sum() == 2072
    assert (counts.min(), counts.max()) == (6, 41)


@pytest.mark.parametrize("name", ["Norris", "Pontius", "NoInt1", "Longley", "Wampler1", "Wampler4"])
def test_certified_coefficients_fit_the_data_best(name: str) -> None:
    p = nist(name)
    A = np.column_stack([np.ones(len(p.y)), p.X]) if p.intercept else p.X
    residual = p.y - A @ p.beta
    scale = np.linalg.norm(A, axis=0) * np.linalg.norm(p.y)
    assert np.abs(A.T @ residual / scale).max() < 1e-10  # normal equations
    if p.residual_sd is not None:
        sd = np.sqrt(residual @ residual / (len(p.y) - A.shape[1]))
        assert abs(sd / p.residual_sd - 1) < 1e-9


def test_an_unknown_problem_is_answered_with_the_list() -> None:
    with pytest.raises(ValueError, match="Norris, Pontius"):
        nist("Wampler9")


def test_agreement_asserts_and_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "agreement.jsonl"
    monkeypatch.setenv("BYHAND_AGREEMENT", str(target))
    agreement("byhand.x.f", "numpy", "ones", np.float64(1e-14), 1e-12)
    agreement("byhand.x.g", "no-such-distribution", "ones", 0.0, 1e-12)
    for bad in (1e-11, float("nan")):
        with pytest.raises(AssertionError, match="tolerance 1e-12"):
            agreement("byhand.x.f", "numpy", "ones", bad, 1e-12)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["deviation"] for line in lines] == [1e-14, 0.0]
    assert lines[0]["version"] == np.__version__
    assert lines[1]["version"] == ""


def test_agreement_records_nothing_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BYHAND_AGREEMENT", raising=False)
    agreement("byhand.x.f", "numpy", "ones", 0.0, 0.0)
