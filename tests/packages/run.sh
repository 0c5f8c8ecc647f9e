#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packages end to end: what a script's inline metadata (PEP 723) asks for. README.md says more.
#
# usage: tests/packages/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly home=${PYHL_HOME:-.pyhl}
unset PYHL_HOME
# The user's own cache and settings must not leak in.
export XDG_CACHE_HOME=$scratch/cache XDG_CONFIG_HOME=$scratch/config

pyhl_run() {
    run "$pyhl" run --dest "$home" "$@"
}

. tests/packages/cases_metadata.sh
. tests/packages/cases_layers.sh
. tests/packages/resolve_cases.sh
choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
tests/home.sh "$home" || exit 2
for case in "${chosen[@]}"; do
    "case_$case"
done
summary
