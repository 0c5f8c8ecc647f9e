#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every suite: each tests/SUITE/run.sh, whose last line is `N passed, N failed, N skipped`. Not `hardware`, `dist` and
# `ecosystem`, which have targets of their own. Shows what failed, sums up, and fails when anything did. A suite that ends
# otherwise counts as one failure.
#
# usage: tests/run-all.sh [SUITE...]      --list prints their names
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
    } | grep -vxE 'hardware|dist|ecosystem' | awk '!seen[$0]++'
}

run_suite() {
    local suite=$1 log=$logs/$1.log began=$SECONDS status counts
    [ ! -t 1 ] || printf '%-10s running, output in %s\r' "$suite" "$log"
    # In the background, so that a signal reaches this shell at once; without the terminal, which would stop the
    # suite when it reads from it.
    timeout -k 10 "$limit" "tests/$suite/run.sh" </dev/null >"$log" 2>&1 &
    wait $!
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

# `timeout` passes the signal on to the suite's whole process group, and kills what is left of it after 10 seconds.
# shellcheck disable=SC2317 # called by a trap
stop() {
    trap '' INT TERM HUP
    [ ! -t 1 ] || printf '\033[K'
    echo "interrupted; waiting for what runs" >&2
    # shellcheck disable=SC2046 # one word a job
    kill -TERM $(jobs -p) 2>/dev/null
    wait
    exit $((128 + $1))
}

if [ "${1:-}" = --list ]; then
    suites
    exit
fi
tests/prereqs.sh kvm || exit 1
for suite; do
    [ -x "tests/$suite/run.sh" ] && continue
    echo "tests/run-all.sh: there is no suite '$suite'; there are: $(suites | paste -sd ' ')" >&2
    exit 2
done
mkdir -p "$logs"
trap 'stop 2' INT
trap 'stop 15' TERM
trap 'stop 1' HUP
for suite in $(suites "$@"); do
    run_suite "$suite"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
