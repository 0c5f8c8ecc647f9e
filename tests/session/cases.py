#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py HOME [CASE...]; called by run.sh."""
import glob
import os
import sys

import check

if __name__ == "__main__":
    for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "*_cases.py"))):
        __import__(os.path.basename(path)[:-3])
    sys.exit(check.main(sys.argv[1], sys.argv[2:]))
