#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cases.py [CASE...]; called by run.sh."""

import sys

import caselist
import command_cases
import file_cases
import fork_cases
import hostile_cases
import install_cases
import pause_cases
import run_cases
import session_cases

# Their cases are in the list now.
del command_cases, file_cases, fork_cases, hostile_cases, install_cases, pause_cases, run_cases, session_cases

if __name__ == "__main__":
    sys.exit(caselist.main("serve", sys.argv[1:]))
