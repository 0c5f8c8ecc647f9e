#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hostile scripts in the real image: each must end in a named way, in time, with a message where the script did not say
# what happened, and leave the host process correct and the home unchanged.
#
# usage: tests/fault/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
TEST_TIMEOUT=${TEST_TIMEOUT:-90}
. tests/lib.sh

readonly home=.pyhl

# Function of hostile.py; exit statuses it may end with; what stderr must match; what stdout must be ("-": anything).
# 139 SIGSEGV, 132 SIGILL, 133 SIGTRAP, 136 SIGFPE, 125 the guest broke down, 124 --timeout (20 s; 3 s for those
# that nothing else ends, of which more would show no more).
readonly table='
memory              1,137       MemoryError|memory                   -
huge                0           ^$                                   refused/refused/refused
files               1,137       No.space|memory                      -
descriptors         0           ^$                                   Too many open files
threads             0           ^$                                   1000
recursion_python    0           ^$                                   caught
recursion_c         1           RecursionError                       -
recursion_thread    0           RecursionError                       -
recursion_code      139         Segmentation                         -
close_stdout        120         Bad.file.descriptor                  -
fork                0,137       ^$|memory                            -
null                139         Segmentation                         -
wild_read           139         Segmentation                         -
wild_write          139         Segmentation                         -
noncanonical        139         Segmentation                         -
jump_null           139         Segmentation                         -
jump_garbage        139         Segmentation                         -
jump_noncanonical   139         Segmentation                         -
jump_data           139         Segmentation                         -
jump_kernel         any         -                                    -
jump_vectors        any         -                                    -
hlt                 139         Segmentation                         -
cli                 139         Segmentation                         -
write_cr3           139         Segmentation                         -
wrmsr               139         Segmentation                         -
lgdt                139         Segmentation                         -
port_in             139         Segmentation                         -
port_out            139         Segmentation                         -
undefined           132         Illegal                              -
breakpoint_trap     133         trap                                 -
software_interrupt  139,132     Segmentation|Illegal                 -
divide              136         Floating|Arithmetic                  -
kernel_text         139         Segmentation                         -
low_memory          any         -                                    -
initrd              139         Segmentation                         -
doorbell_loop       124         timeout                              -
signal_128          125         no.signal.has.the.number.128         -
trace_unasked       0           ^$                                   -1
ring_garbage        any         -                                    -
ring_output         any         -                                    -
spin                124         timeout                              -
sleep               124         timeout                              -
stubborn            124         timeout                              -
'

# hostile SECONDS FUNCTION...
hostile() {
    run "$pyhl" run --dest "$home" --timeout "$1" "$scratch/hostile.py" "${@:2}"
}

# `any`: however it ends, pyhl itself must be alive to say so: no signal of its own, a message unless it succeeds.
expect_end() {
    local statuses=$1
    if [ "$statuses" = any ]; then
        [ "$status" != hung ] || problem "it hung"
        [ "$status" = 0 ] || [ -s "$scratch/err" ] || problem "status $status without a message"
        grep -aq 'core dumped\|AddressSanitizer' "$scratch/err" && problem "pyhl itself was killed"
        return
    fi
    case ",$statuses," in
    *",$status,"*) ;;
    *) problem "status $status, expected $statuses; stderr: $(tail -c 400 "$scratch/err")" ;;
    esac
}

# Patterns: "-" anything, "^$" nothing.
expect_stderr() {
    case $1 in
    -) ;;
    '^$') [ -s "$scratch/err" ] && problem "stderr: $(head -c 400 "$scratch/err")" ;;
    *) expect_err "$1" ;;
    esac
}

expect_stdout() {
    local got
    [ "$1" = - ] && return
    got=$(tr '\n' '/' <"$scratch/out")
    # shellcheck disable=SC2053 # a pattern is meant
    [[ ${got%/} == $1 ]] || problem "stdout '${got:0:300}', expected '$1'"
}

run_table() {
    local name statuses stderr stdout seconds
    while read -r name statuses stderr stdout; do
        [ -z "$name" ] && continue
        is_chosen "$name" || continue
        begin "$name"
        [ "$statuses" = 124 ] && seconds=3 || seconds=20
        hostile $seconds "$name"
        expect_end "$statuses"
        expect_stderr "$stderr"
        expect_stdout "$stdout"
    done <<<"$table"
}

# Every call of abi.h, and some that it has not, with buffers that the host must not believe.
run_calls() {
    local number address size
    for number in 0x100 0x101 0x200 0x300 0x301 0x302 0x303 0x401 0x103 0x500 0 0xffffffff; do
        begin "call $number with bad buffers"
        for address in 0 0x5000 0x3fffffffff 0x4000000000 0x800000000000 0xfffffffffffff000; do
            for size in 0 1 4096 0x100000000 0xffffffffffffffff; do
                hostile 20 ring_call "$number" "$address" "$size"
                case $status in
                0 | 1 | 125 | 13[0-9]) ;;
                *) problem "address $address size $size: status $status: $(tail -c 200 "$scratch/err")" ;;
                esac
                [ "$status" = 0 ] || [ -s "$scratch/err" ] || problem "$address $size: no message"
            done
        done
    done
}

run_streams() {
    begin "1 GiB to stdout arrives whole"
    timeout -s9 $((limit * 3)) "$pyhl" run --dest "$home" "$scratch/hostile.py" output \
        2>"$scratch/err" | sha256sum >"$scratch/sum"
    status=${PIPESTATUS[0]}
    expect_status 0
    python3 -c 'import hashlib
h = hashlib.sha256()
for _ in range(1024): h.update(b"0123456789abcdef" * 65536)
print(h.hexdigest(), " -")' | cmp -s - "$scratch/sum" || problem "other bytes: $(cat "$scratch/sum")"
    begin "stdout and stderr stay apart"
    hostile 20 both_outputs
    expect_status 0
    [ "$(tr -d o <"$scratch/out" | wc -c) $(wc -c <"$scratch/out")" = "0 2000000" ] || problem "stdout"
    [ "$(tr -d e <"$scratch/err" | wc -c) $(wc -c <"$scratch/err")" = "0 2000000" ] || problem "stderr"
}

# The kernel's lines about children that are killed: ten, and one that ends them.
run_children_memory() {
    begin "children_memory"
    hostile 20 children_memory
    expect_status 0
    expect_out 14
    [ "$(sed -E 's/process [0-9]+ \(python3?(\.[0-9]+)?\), [0-9]+ MiB/process N (python), M MiB/' "$scratch/err" | uniq -c |
        tr -s ' ')" = $' 10 out of memory: killed process N (python), M MiB\n 1 out of memory: more processes are killed' ] ||
        problem "stderr: $(head -c 900 "$scratch/err")"
}

choose "$(awk '{ print $1 }' <<<"$table") children_memory calls streams" "$@"
tests/home.sh "$home" || exit 2
cat tests/fault/machine.py tests/fault/hostile.py >"$scratch/hostile.py"
expect_jail "$pyhl" run --dest "$home" "$scratch/hostile.py" -- sleep
run_table
is_chosen children_memory && run_children_memory
is_chosen calls && run_calls
is_chosen streams && run_streams
begin "afterwards the home is unchanged and works"
run "$pyhl" verify --dest "$home"
expect_status 0
run "$pyhl" run --dest "$home" --repeat 2 -c 'print(1)'
expect_out $'1\n1\n1'
summary
