#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `--timeout` is a bound: 200 runs whose readers stall, are slow, share and die, and some that are stopped. Each must
# end, none later than 2 s after its deadline. The order is random; the seed is printed, and TEST_SEED gives it.
#
# usage: tests/deadlines/run.sh [CASE...]      --list prints their names: what the other side does
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

choose "stalls slow dies stops" "$@"
if [ ! -e .pyhl/pyhl.ini ] || [ ! -x "$pyhl" ]; then
    echo "$0: no home in .pyhl; make test makes it" >&2
    exit 2
fi
python3 -B tests/deadlines/runs.py "$pyhl" .pyhl ${TEST_SEED:+--seed "$TEST_SEED"} "$@"
