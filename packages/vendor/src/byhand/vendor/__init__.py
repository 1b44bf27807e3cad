# SPDX-License-Identifier: BSD-3-Clause
"""byhand.vendor: one command, one file, one algorithm."""

from .digest import digest
from .files import State, state_of
from .render import read_header, render
from .sources import PublicName, VendorError, public_names

__version__ = "0.1.0"

__all__ = [
    "PublicName",
    "State",
    "VendorError",
    "digest",
    "public_names",
    "read_header",
    "render",
    "state_of",
]
