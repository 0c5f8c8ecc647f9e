#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every suite but `hardware`, which has its own target: each tests/SUITE/run.sh, whose last line is `N passed, N failed, N skipped`. Shows what failed,
# sums up, and fails when anything did. A suite that ends otherwise counts as one failure.
#
# usage: tests/run-all.sh [SUITE...]
set -u
cd "$(dirname "$0")/.." || exit 2

# Cheap ones first; the rest in the order of the alphabet.
readonly order=(unit vmm guest cli)
readonly limit=${SUITE_TIMEOUT:-1800}
readonly logs=build/tests/logs

passed=0 failed=0 skipped=0

suites() {
    local suite
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
        return
    fi
    {
        printf '%s\n' "${order[@]}"
        for suite in tests/*/run.sh; do
            basename "$(dirname "$suite")"
        done
    } | grep -vx hardware | awk '!seen[$0]++'
}

run_suite() {
    local suite=$1 log=$logs/$1.log began=$SECONDS status counts
    [ ! -t 1 ] || printf '%-10s running, output in %s\r' "$suite" "$log"
    timeout -k 10 "$limit" "tests/$suite/run.sh" >"$log" 2>&1
    status=$?
    counts=$(tail -n 1 "$log" | grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$')
    if [ -z "$counts" ]; then
        counts="0 passed, 1 failed, 0 skipped"
        echo "$suite: ended with status $status and no count; the end of $log:"
        tail -n 15 "$log" | cut -c1-200 | sed 's/^/    /'
    fi
    [ ! -t 1 ] || printf '\033[K'
    printf '%-10s %s (%d s)\n' "$suite" "$counts" $((SECONDS - began))
    grep -a -A 4 '^FAIL' "$log" | head -n 60 | cut -c1-300 | sed 's/^/    /'
    # shellcheck disable=SC2086 # three numbers
    set -- ${counts//[!0-9 ]/}
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$status" = 0 ] || [ "$2" -gt 0 ] || failed=$((failed + 1))
}

tests/prereqs.sh kvm || exit 1
mkdir -p "$logs"
for suite in $(suites "$@"); do
    [ -x "tests/$suite/run.sh" ] && run_suite "$suite"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
