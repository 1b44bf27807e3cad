# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit over everything public of byhand.gmm."""

from byhand_testkit import conformance

test_gmm_conformance = conformance(__file__)
