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

case_max_output() {
    begin "--max-output: so much is written, and an end with words"
    taker --max-output 100K -c spam
    expect_error 153 "more output than the 102400 bytes of --max-output"
    [ "$(wc -c <"$scratch/out")" = 102400 ] || problem "$(wc -c <"$scratch/out") bytes"
    cmp -s <(yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 102400) \
        "$scratch/out" || problem "other bytes"
    begin "--max-output: what just fits is no error, in each iteration"
    taker --max-output 2 --repeat 2 -c 'print(1)'
    expect_status 0
    expect_out $'1\n1\n1'
    taker --max-output 1 -c 'print(1)'
    expect_status 153
    expect_out 1
    begin "--max-output: the trace counts"
    taker --max-output 1 --trace -c loop
    expect_status 153
    begin "--max-output: bad values"
    taker --max-output 0 -c 'print(1)'
    expect_error 2 "--max-output '0': give a size"
}
