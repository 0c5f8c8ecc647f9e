#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each parser of untrusted bytes under libFuzzer with ASan and UBSan: a fixed number of runs from generated seeds,
# with a fixed random seed, and without what else would differ from run to run (address randomisation, the look at the
# corpus on disk once a second), so that the result repeats. What crashes is left in build/tests/fuzz/TARGET.crash-*.
#
# usage: tests/fuzz/run.sh [TARGET...]      FUZZ_RUNS=N for longer ones
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly out=build/tests/fuzz
readonly targets=(kernel_elf cpio sites snapshot calls frame config opts)
# Of one target, in seconds; only a hang comes near.
readonly most=40

# Runs: about three seconds each.
runs_of() {
    case $1 in
    cpio | frame | sites) echo 100000 ;;
    opts | config) echo 30000 ;;
    *) echo 20000 ;;
    esac
}

fuzz() {
    local target=$1 runs=${FUZZ_RUNS:-$(runs_of "$1")}
    begin "$target ($runs runs)"
    mkdir -p "$scratch/$target"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 timeout -s9 $((most * runs / $(runs_of "$target") + most)) \
        setarch -R "$out/$target" -runs="$runs" -seed=1 -reload=0 -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
        -verbosity=0 -artifact_prefix="$out/$target." "$scratch/$target" "$out/seeds/$target" \
        >"$scratch/out" 2>&1
    status=$?
    [ $status = 0 ] || problem "status $status: $(grep -aE 'ERROR|runtime error|must hold|#[0-4] ' "$scratch/out" |
        head -n 8; tail -n 3 "$scratch/out")"
}

[ $# -gt 0 ] || set -- "${targets[@]}"
if ! make -s -j2 "${@/#/$out/}" >"$scratch/make" 2>&1; then
    tail -n 20 "$scratch/make"
    begin "the targets build"
    problem "see above"
    summary
    exit 1
fi
python3 tests/fuzz/seeds.py $out/seeds || exit 2
for target; do
    fuzz "$target"
done
summary
