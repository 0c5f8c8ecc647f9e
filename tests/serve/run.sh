#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl serve --stdio` by a client that is written from its protocol (client.py): what it does, and what hostile clients,
# guests and workers do to it.
#
# usage: tests/serve/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" != --list ]; then
    tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
    PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
    export PYHL_HOME
fi
PYTHONPATH=tests exec python3 -B tests/serve/cases.py "$@"
