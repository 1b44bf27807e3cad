# SPDX-License-Identifier: BSD-3-Clause
"""Freed memory: asking the C library to keep it for the next step of a long loop.

Source:  mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
Differs: glibc gives freed memory back to the system beyond twice the largest block that it ever got
         back itself; so one large block is taken and freed. Elsewhere that does nothing.
Cost:    10 us, and up to 64 MiB stay with the process. What is freed and taken anew
         costs more, as the system zeroes every page: a sixth of the time of 100 histogram trees
         of 100,000 samples, half of their prediction for 10,000, a tenth of a random forest.
Checked: by its benchmarks alone: results do not depend on it.
"""

from __future__ import annotations

import numpy as np

__all__ = ["keep_freed_memory"]

MOST_KEPT = 2**25 - 2**16  # bytes: larger blocks do not move glibc's threshold (32 MiB)


def keep_freed_memory(n_bytes: int = 0) -> None:
    """Let the C library keep twice so much of what is freed from now on, 4 to 64 MiB."""
    block = np.empty(min(max(n_bytes, 2**21), MOST_KEPT), dtype=np.uint8)  # never touched
    del block
