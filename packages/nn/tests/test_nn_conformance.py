# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit over everything public of byhand.nn."""

from byhand_testkit import conformance

test_nn_conformance = conformance(__file__)
