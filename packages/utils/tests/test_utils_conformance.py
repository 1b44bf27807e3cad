# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit over everything public of byhand.utils."""

from byhand_testkit import conformance

test_utils_conformance = conformance(__file__)
