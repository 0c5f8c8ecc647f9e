#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packages end to end, with wheels that the suite makes and without a network: layers, what their packages do there and
# natively, bad packages, script metadata (PEP 723). Needs uv; where there is none on PATH, tests/packages/uv stands in.
# Root only, because of the chroot in which scripts run natively. README.md says more.
#
# usage: tests/packages/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh
. tests/py/root.sh
. tests/packages/lib.sh
. tests/packages/cases_metadata.sh
. tests/packages/cases_layers.sh
. tests/packages/resolve_cases.sh
. tests/packages/cases_native.sh
. tests/packages/cases_import.sh
. tests/packages/cases_bad.sh

choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
tests/home.sh "$home" || exit 2
take_root && find_uv && make_wheels || exit 2
for case in "${chosen[@]}"; do
    "case_$case"
done
summary
