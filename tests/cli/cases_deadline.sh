# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of run.sh: what holds the command itself up, before and after runs, and files that may not grow.
# tests/deadlines has the runs.

case_deadline() {
    begin "a script that never comes, or never ends, and --timeout"
    mkfifo "$scratch/never.py"
    taker --timeout 0.3 "$scratch/never.py"
    expect_error 124 "--timeout of 0.3 s is over, and the script .*never.py has not ended"
    taker --timeout 0.3 - < <(echo cat; sleep 3)
    expect_error 124 "--timeout of 0.3 s is over, and the script - has not ended"
    begin "a script that comes in time has the whole of its --timeout"
    taker --timeout 2 - < <(sleep 0.3; echo 'print(1)')
    expect_status 0
    expect_out 1
    begin "boot: a kernel that is not up in time"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --timeout 0.000001 --memory 32M -- /bin/taker
    expect_error 124 "--timeout of 1e-06 s is over, and the kernel was not up"
}

case_file_limit() {
    begin "output to a file that may not grow is an error, once"
    run bash -c 'ulimit -f 16; "$0" run --dest "$1" -c spam >"$2"' "$pyhl" "$home" "$scratch/limited"
    expect_error 125 "writing to stdout: File too large"
    [ "$(wc -c <"$scratch/limited")" = 16384 ] || problem "$(wc -c <"$scratch/limited") bytes"
    begin "a message to a file that may not grow is left out"
    head -c 16384 /dev/zero >"$scratch/limited"
    run bash -c 'ulimit -f 16; "$0" run -v --dest "$1" -c fail 2>>"$2"' "$pyhl" "$home" "$scratch/limited"
    expect_status 3
    [ "$(wc -c <"$scratch/limited")" = 16384 ] || problem "$(wc -c <"$scratch/limited") bytes"
}

case_output_limit() {
    begin "--output-limit: so much is written, and an end with words"
    taker --output-limit 100K -c spam
    expect_error 153 "more output than the 102400 bytes of --output-limit"
    [ "$(wc -c <"$scratch/out")" = 102400 ] || problem "$(wc -c <"$scratch/out") bytes"
    cmp -s <(yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 102400) \
        "$scratch/out" || problem "other bytes"
    begin "--output-limit: what just fits is no error, in each iteration"
    taker --output-limit 2 --repeat 2 -c 'print(1)'
    expect_status 0
    expect_out $'1\n1\n1'
    taker --output-limit 1 -c 'print(1)'
    expect_status 153
    expect_out 1
    begin "--output-limit: the trace counts"
    taker --output-limit 1 --trace -c loop
    expect_status 153
    begin "--output-limit: bad values"
    taker --output-limit 0 -c 'print(1)'
    expect_error 2 "--output-limit '0': give a size"
    begin "--max-output is its older name"
    taker --max-output 1 -c 'print(1)'
    expect_error 153 "more output than the 1 bytes of --output-limit"
}

case_cpu() {
    begin "--cpu: a script that computes ends with words, in each iteration"
    taker --cpu 0.2 -c loop
    expect_error 152 "the CPU time of 0.2 s, --cpu, is used up"
    begin "--cpu: sleeping is free, and --timeout comes first"
    taker --cpu 0.2 --timeout 0.5 -c sleep
    expect_error 124 "--timeout of 0.5 s is over"
    begin "--cpu: each iteration has its own"
    taker --cpu 1 --repeat 200 -c getppid
    expect_status 0
    begin "boot has --cpu, too"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --memory 32M --cpu 0 -- /bin/taker
    expect_error 2 "--cpu '0': give"
    begin "--cpu: bad values"
    taker --cpu -1 -c 'print(1)'
    expect_error 2 "--cpu '-1': give"
}

roomy() {
    run "$pyhl" run --dest "$scratch/roomy" "$@"
}

case_memory() {
    local least size total got
    begin "--memory: what cannot be is told with what can"
    cp -r "$image" "$scratch/image64"
    sed -i 's/^memory = .*/memory = 64M/' "$scratch/image64/image.ini"
    run "$pyhl" setup --from "$scratch/image64" --dest "$scratch/roomy"
    expect_status 0
    roomy --memory 65M -c 'print(1)'
    expect_error 125 "to 64 MiB of memory, not to 65"
    roomy --memory x -c 'print(1)'
    expect_error 2 "--memory 'x': give a size"
    roomy --memory 2M -c 'print(1)'
    expect_error 125 "can be limited to [0-9]* to 64 MiB of memory, not to 2"
    least=$(grep -o 'limited to [0-9]*' "$scratch/err" | grep -o '[0-9]*')
    begin "--memory: the script has less, and sees less"
    for size in "$least" $((least + 6)) 64; do
        roomy --memory "${size}M" -c room
        expect_status 0
        read -r total got <"$scratch/out"
        [ "$total" -ge $((size - 4)) ] && [ "$total" -le "$size" ] || problem "$total MiB of $size"
        [ "$got" -lt "$size" ] && [ "$got" -ge $((size - least)) ] || problem "got $got MiB of $size"
    done
    begin "--memory: when it is used up, it is as when all is"
    roomy --memory "${least}M" -c eat
    if grep -q '^no memory' "$scratch/err"; then
        expect_status 137
    else
        expect_error 137 "out of guest memory ($least MiB); more is given by a larger --memory"
    fi
    begin "--memory: in each iteration"
    roomy --memory "${least}M" --repeat 3 -c room
    expect_status 0
    [ "$(sort -u "$scratch/out" | wc -l)" = 1 ] || problem "$(cat "$scratch/out")"
}
