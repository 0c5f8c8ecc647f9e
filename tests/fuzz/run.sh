#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs each parser of untrusted bytes under libFuzzer with ASan and UBSan: a fixed number of runs, from generated
# seeds, with a fixed random seed. Address randomisation and the look at the corpus on disk once a second are off, so
# that the result repeats. An input that crashes is left in build/tests/fuzz/TARGET.crash-*.
#
# usage: tests/fuzz/run.sh [TARGET...]      --list prints their names; FUZZ_RUNS=N for longer runs
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh
. tests/fuzz/lib.sh

# The seconds that one target may take; only a hang comes near.
readonly most=40

# The number of runs of a target: they take from one to four seconds.
runs_of() {
    case $1 in
    cpio | frame | sites) echo 100000 ;;
    opts | config | workset) echo 30000 ;;
    snapshot | archive) echo 5000 ;;
    hot) echo 3000 ;;
    restore) echo 500 ;;
    checkpoint) echo 1000 ;;
    tables | console) echo 1500 ;;
    *) echo 20000 ;;
    esac
}

fuzz_test() {
    local target=$1 runs=${FUZZ_RUNS:-$(runs_of "$1")}
    begin "$target ($runs runs)"
    mkdir -p "$scratch/$target"
    fuzz_command $((most * runs / $(runs_of "$target") + most)) "$target" "$scratch/$target" "$out/$target." \
        -runs="$runs" -seed=1 -timeout=10
    "${command[@]}" >"$scratch/out" 2>&1
    status=$?
    [ $status = 0 ] || problem "status $status: $(fuzz_problem <"$scratch/out"; tail -n 3 "$scratch/out")"
}

choose "${targets[*]}" "$@"
set -- "${chosen[@]}"
if ! fuzz_build "$@"; then
    begin "the targets build"
    problem "see above"
    summary
    exit 1
fi
for target; do
    fuzz_test "$target"
done
summary
