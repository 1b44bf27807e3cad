# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit over everything public of byhand.trees."""

from byhand_testkit import conformance

test_trees_conformance = conformance(__file__)
