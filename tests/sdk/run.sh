#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Python package pyhl (pyhl/python), by the host's python3: cases.py. With other versions of Python, from 3.9 on, as
# PYTHONS="python3.9 python3.13" names them.
#
# usage: tests/sdk/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" != --list ]; then
    tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
    PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
    PYHL_BINARY=$(realpath build/pyhl) || exit 2
    export PYHL_HOME PYHL_BINARY
fi
status=0
for python in ${PYTHONS:-python3}; do
    PYTHONPATH=pyhl/python:tests "$python" -B tests/sdk/cases.py "$@" || status=$?
done
exit $status
