#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sessions: cells, contexts, and what notebooks ask for (cases.py), in a VM that build/tests/turns restores from the home.
#
# usage: tests/session/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" != --list ]; then
    tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
    make -s build/tests/turns || exit 2
fi
PYTHONPATH=tests exec python3 -B tests/session/cases.py "${PYHL_HOME:-.pyhl}" "$@"
