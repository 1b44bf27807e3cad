# SPDX-License-Identifier: BSD-3-Clause
"""``python -m byhand.vendor`` is the command byhand-vendor."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
