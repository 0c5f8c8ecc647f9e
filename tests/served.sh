# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the run.sh of suites that are Python and use a home, in the folder of the project: python_suite NAME CASE...

python_suite() {
    local suite=$1
    shift
    if [ "${1:-}" != --list ]; then
        tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
        PYHL_HOME=$(realpath "${PYHL_HOME:-.pyhl}") || exit 2
        export PYHL_HOME
    fi
    PYTHONPATH=tests exec python3 -B "tests/$suite/cases.py" "$@"
}
