#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `pyhl serve --listen` by clients of HTTP: what it does, and what hostile clients do to it.
#
# usage: tests/http/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" != --list ]; then
    tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
    PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
    export PYHL_HOME
fi
PYTHONPATH=tests exec python3 -B tests/http/cases.py "$@"
