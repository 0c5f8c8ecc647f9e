#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes for long, and goes on from what earlier calls have found. Each target's inputs of interest are kept in
# CORPUS/TARGET/inputs, its number of executions so far in CORPUS/TARGET/executed, inputs that crash in
# CORPUS/TARGET/crash-* and the like, and the last log in CORPUS/TARGET/log. CORPUS lies outside of the tree:
# $FUZZ_CORPUS, or pyhl-fuzz in $XDG_CACHE_HOME or ~/.cache.
#
# usage: tests/fuzz/long.sh [TARGET...]      (also as: make fuzz-long HOURS=8 TARGETS="calls snapshot")
#   HOURS=N   for so long, an equal part for each target (default: 1, without RUNS); a fraction is allowed
#   RUNS=N    until each target has been executed N times, earlier calls counted
# At the end, or when interrupted, the executions so far are shown, of all targets. It fails when anything crashed.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/fuzz/lib.sh

readonly home=${FUZZ_CORPUS:-${XDG_CACHE_HOME:-$HOME/.cache}/pyhl-fuzz}
# Seconds of one call of libFuzzer. No more than that is lost when it is killed.
readonly piece=300

executed() {
    cat "$home/$1/executed" 2>/dev/null || echo 0
}

stat_of() {
    sed -n "s/^stat::$2: *//p" "$home/$1/log" | tail -n 1
}

count_inputs() {
    find "$home/$1/inputs" -type f 2>/dev/null | wc -l
}

count_crashes() {
    find "$home/$1" -maxdepth 1 -type f -name '*-*' 2>/dev/null | wc -l
}

# Calls libFuzzer for so many seconds and runs at most, and adds its executions to the target's.
fuzz_piece() {
    local target=$1 seconds=$2 runs=$3 status done_now
    mkdir -p "$home/$target/inputs"
    fuzz_command $((seconds + 600)) "$target" "$home/$target/inputs" "$home/$target/" -max_total_time="$seconds" \
        -runs="$runs" -timeout=60 -print_final_stats=1
    "${command[@]}" >"$home/$target/log" 2>&1 9>&- &
    child=$!
    wait $child
    status=$?
    if [ -n "$stopped" ]; then # the wait was cut short
        wait $child
        status=0
    fi
    done_now=$(stat_of "$target" number_of_executed_units)
    echo $(($(executed "$target") + ${done_now:-0})) >"$home/$target/executed"
    printf '%s  %-12s %d executions so far, %s a second, %d inputs kept\n' "$(date +%H:%M:%S)" "$target" \
        "$(executed "$target")" "$(stat_of "$target" average_exec_per_sec)" "$(count_inputs "$target")"
    if [ $status != 0 ]; then
        echo "$target: status $status; see $home/$target/log"
        fuzz_problem <"$home/$target/log"
    fi
    return $status
}

# Goes on until the target has had its seconds (0: no limit) or runs (0: no limit), or has crashed.
fuzz_target() {
    local target=$1 seconds=$2 runs=$3 began=$SECONDS now=$piece left=-1
    while [ -z "$stopped" ]; do
        if [ "$seconds" -gt 0 ]; then
            now=$((began + seconds - SECONDS))
            [ $now -gt 0 ] || return 0
            [ $now -lt $piece ] || now=$piece
        fi
        if [ "$runs" -gt 0 ]; then
            left=$((runs - $(executed "$target")))
            [ $left -gt 0 ] || return 0
        fi
        fuzz_piece "$target" $now $left || return 1
    done
}

report() {
    local target
    printf '%-12s %16s %10s %10s\n' target executions inputs crashes
    for target in "${targets[@]}"; do
        printf "%-12s %16d %10d %10d\n" "$target" "$(executed "$target")" "$(count_inputs "$target")" \
            "$(count_crashes "$target")"
    done
    echo "in $home"
}

[ $# -gt 0 ] || set -- "${targets[@]}"
for target; do
    if [[ " ${targets[*]} " != *" $target "* ]]; then
        echo "no fuzz target '$target'; there are: ${targets[*]}" >&2
        exit 2
    fi
done
[ -n "${RUNS:-}" ] || HOURS=${HOURS:-1}
if [[ ! ${HOURS:-0} =~ ^[0-9]+(\.[0-9]+)?$ ]] || [[ ! ${RUNS:-0} =~ ^[0-9]+$ ]]; then
    echo "HOURS='${HOURS:-}' RUNS='${RUNS:-}': wanted numbers" >&2
    exit 2
fi
mkdir -p "$home" || exit 2
exec 9>"$home/lock"
if ! flock -n 9; then
    echo "$home: another call uses it (FUZZ_CORPUS=DIR for one of your own)" >&2
    exit 2
fi
fuzz_build "$@" || exit 1
stopped='' child=''
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' INT TERM
seconds=$(awk -v hours="${HOURS:-0}" -v count=$# 'BEGIN { printf "%d", hours * 3600 / count }')
status=0
for target; do
    fuzz_target "$target" "$seconds" "${RUNS:-0}" || status=1
done
report
[ -z "$stopped" ] || exit 130
exit $status
