# SPDX-License-Identifier: BSD-3-Clause
"""The conformance kit over everything public of byhand.hmm."""

from byhand_testkit import conformance

test_hmm_conformance = conformance(__file__)
