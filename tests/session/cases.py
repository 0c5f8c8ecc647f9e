#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py HOME [CASE...]; called by run.sh."""
import sys

import await_cases  # noqa: F401, they register themselves
import cells_cases  # noqa: F401
import check
import display_cases  # noqa: F401

if __name__ == "__main__":
    sys.exit(check.main(sys.argv[1], sys.argv[2:]))
