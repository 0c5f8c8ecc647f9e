#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl mcp` by a client of a few lines (client.py): a conversation byte for byte, what the tools give, and what hostile
# clients and code do to the server. tests/ecosystem has the clients and tests of others.
#
# usage: tests/mcp/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" != --list ]; then
    tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
    PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
    export PYHL_HOME
fi
PYTHONPATH=tests exec python3 -B tests/mcp/cases.py "$@"
