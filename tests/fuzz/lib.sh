# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what it sets is used by those that source it
# Sourced by run.sh and long.sh: the names of the fuzz targets, how to build them, and one call of libFuzzer.

readonly out=build/tests/fuzz
# In the order of their speed.
readonly targets=(sites opts json packages request service cpio frame kernel_elf config header workset calls toolcalls files slots hot tables snapshot restore checkpoint console archive)

# fuzz_build TARGET...: builds them, and the seeds. When that fails, it shows what make said.
fuzz_build() {
    local said
    if ! said=$(make -s --no-print-directory -j2 "${@/#/$out/}" 2>&1); then
        printf '%s\n' "$said" | tail -n 20
        return 1
    fi
    python3 -B tests/fuzz/seeds.py $out/seeds
}

# fuzz_command SECONDS TARGET CORPUS CRASHES OPTION...: sets $command to a call of libFuzzer, which is killed after so
# long. New inputs go to the directory CORPUS, crashing ones to CRASHES*. Address randomisation and the look at the
# corpus on disk once a second are off, because with them a run could not be repeated.
fuzz_command() {
    local seconds=$1 target=$2 corpus=$3 crashes=$4
    shift 4
    command=(timeout --foreground -s9 "$seconds" setarch -R "$out/$target" -reload=0 -max_len=8192
        -rss_limit_mb=2048 -verbosity=0 -artifact_prefix="$crashes" "$@" "$corpus" "$out/seeds/$target")
}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# Prints the lines of a log on stdin that tell what went wrong.
fuzz_problem() {
    grep -aE 'ERROR|runtime error|must hold|#[0-4] ' | head -n 8
}
