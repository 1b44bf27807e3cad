# SPDX-License-Identifier: BSD-3-Clause
"""Options of every test run in this repository."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--no-skips``."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def _refuse_skip(config: pytest.Config, report: Any) -> Any:
    if config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --no-skips refuses: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that skips."""
    return _refuse_skip(item.config, (yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Fail a file that skips, such as one whose peer library is missing."""
    return _refuse_skip(collector.config, (yield))
