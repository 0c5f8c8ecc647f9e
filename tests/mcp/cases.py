#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py [CASE...]; called by run.sh."""

import sys

import caselist
import hostile_cases
import http_cases
import message_cases
import session_cases
import tool_cases

del hostile_cases, http_cases, message_cases, session_cases, tool_cases  # their cases are in the list now

if __name__ == "__main__":
    sys.exit(caselist.main("mcp", sys.argv[1:]))
