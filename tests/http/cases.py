#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py [CASE...]; called by run.sh."""

import sys

import caselist
import hostile_http_cases
import route_cases
import token_cases

del hostile_http_cases, route_cases, token_cases  # their cases are in the list now

if __name__ == "__main__":
    sys.exit(caselist.main("http", sys.argv[1:]))
