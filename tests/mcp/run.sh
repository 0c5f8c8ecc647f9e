#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl mcp` by a client of a few lines (client.py): a conversation byte for byte, what the tools give, and what hostile
# clients and code do to the server. tests/ecosystem has the clients and tests of others.
#
# usage: tests/mcp/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

. tests/served.sh
python_suite mcp "$@"
