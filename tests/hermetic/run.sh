#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests that runs are hermetic. In many hundreds of runs, each looks for what any earlier one has left, and then leaves
# all that it can (harness.py and its traces). Time and entropy are fresh at every restore (fresh.py). Some runs take
# ring 0 (ring0.py). rewind_test.c does the same one level lower, and compares every byte of the guest after each
# rewind. trees_test.c does so for checkpoints, in random trees of sessions.
#
# usage: tests/hermetic/run.sh [PART...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
TEST_TIMEOUT=${TEST_TIMEOUT:-400}
. tests/lib.sh

readonly here=tests/hermetic
home=${PYHL_HOME:-.pyhl}
readonly script=$scratch/traces.py
lines=0

# traces REPEAT HOW: REPEAT + 1 runs, each of which must print one CLEAN line; all lines are kept for comparison.
traces() {
    run "$pyhl" run --dest "$home" --repeat "$1" "$script" "$2" <"$scratch/stdin"
    expect_status 0
    grep -a -m 3 '^LEFT' "$scratch/out" >"$scratch/left" && problem "$(cut -c1-500 "$scratch/left")"
    [ "$(grep -ac '^CLEAN' "$scratch/out") $(wc -l <"$scratch/out")" = "$(($1 + 1)) $(($1 + 1))" ] ||
        problem "$(wc -l <"$scratch/out") lines of $(($1 + 1)): $(tail -c 300 "$scratch/out")"
    [ -s "$scratch/err" ] && problem "stderr: $(sort -u "$scratch/err" | head -c 400)"
    cat "$scratch/out" >>"$scratch/all"
    lines=$((lines + $1 + 1))
}

# A run that looks for its own traces: proves that look() can see them.
part_sight() {
    begin "a run sees what it left itself"
    run "$pyhl" run --dest "$home" "$script" check <"$scratch/stdin"
    expect_status 0
    expect_out $'before: []\nnot seen: []'
}

part_traces() {
    begin "60 runs that end by returning"
    traces 59 return
    begin "40 runs that end by sys.exit()"
    traces 39 exit
    begin "200 runs that end by os._exit(), with threads, timers and buffers left"
    traces 199 _exit
    begin "100 runs that end in any of these ways"
    traces 99 mix
}

# The smallest part, for which there is time even where the CPU is emulated.
part_round() {
    begin "a run of each ending, and three of any"
    traces 0 return
    traces 0 exit
    traces 0 _exit
    traces 2 mix
}

part_cold() {
    begin "20 cold runs see the same as the warm ones"
    for _ in {1..20}; do
        traces 0 mix
    done
    [ "$(sort -u "$scratch/all" | wc -l)" = 1 ] || problem "in $lines runs: $(differences)"
}

# Prints the words of the fingerprint lines that are not in all of them.
differences() {
    sort -u "$scratch/all" | tr ' ' '\n' | sort | uniq -c | awk -v n="$(sort -u "$scratch/all" | wc -l)" '$1 != n' |
        head -n 20
}

part_tree() {
    : >"$scratch/all"
    begin "the whole file tree is the same in 10 runs"
    traces 9 tree
    [ "$(sort -u "$scratch/all" | wc -l)" = 1 ] || problem "$(differences)"
}

part_fresh() {
    local check
    for check in "cold entropy" "warm entropy" "deterministic" "cold clocks" "warm clocks"; do
        begin "fresh: $check"
        # shellcheck disable=SC2086 # two words
        run python3 $here/fresh_check.py "$pyhl" "$home" $here/fresh.py $check
        expect_status 0
        [ "$status" = 0 ] || problem "$(head -c 600 "$scratch/out")"
    done
}

# A run that repeats the last one takes the same path through the machine.
part_counts() {
    local line='exits ([0-9]+) .doorbell ([0-9]+), .* trapped ([0-9]+)., page faults ([0-9]+)'
    begin "counts: 50 warm print(1) have one call to the host, no trap, no fault"
    run "$pyhl" run --dest "$home" -vv --repeat 50 -c 'print(1)'
    expect_status 0
    sed -En "s/.* counts: $line$/\\1 \\2 \\3 \\4/p" "$scratch/err" | tail -n 50 >"$scratch/counts"
    [ "$(cut -d' ' -f2- "$scratch/counts" | sort | uniq -c | tr -s ' ')" = ' 50 1 0 0' ] ||
        problem "doorbells, traps, faults: $(cut -d' ' -f2- "$scratch/counts" | sort | uniq -c | head -n 5)"
    # A run that was kept waiting for more than 20 ms is also interrupted.
    [ "$(grep -c '^1 ' "$scratch/counts")" -ge 40 ] || problem "exits: $(cut -d' ' -f1 "$scratch/counts" | sort | uniq -c)"
    begin "counts: print(1) writes few pages, and a VM for it has few of its own"
    run "$pyhl" run --dest "$home" -vv --repeat 3 -c 'print(1)'
    [ "$(figure 'pages rewound')" -le 120 ] || problem "pages rewound: $(figure 'pages rewound')"
    run "$pyhl" run --dest "$home" -vv -c 'print(1)'
    [ "$(figure private)" -le 230 ] || problem "pages of its own: $(figure private)"
    begin "counts: a destructor kept by a library, and a loop left, do not touch what was preloaded"
    run "$pyhl" run --dest "$home" -vv --repeat 3 -c 'import asyncio, json
class A:
    def __del__(self): print("gone")
json.kept = A()
asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))'
    expect_status 0
    expect_out $'gone\ngone\ngone\ngone'
    [ "$(figure 'pages rewound')" -lt 2000 ] || problem "pages rewound: $(figure 'pages rewound')"
}

# Prints the last figure of this name in the output of -vv.
figure() {
    sed -En "s/.*[ ,;(]$1 ([0-9]+).*/\\1/p" "$scratch/err" | tail -n 1
}

# Memory costs as much as is touched, not as much as is mapped; if it is much, pages are dropped,
# not copied back.
part_memory() {
    begin "memory: 100 MB mapped, unmapped and mapped again are not touched"
    run "$pyhl" run --dest "$home" -vv --repeat 3 -c 'import mmap
for i in range(5): mmap.mmap(-1, 100 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()'
    expect_status 0
    [ "$(figure private)" -lt 1000 ] || problem "pages of its own: $(figure private)"
    [ "$(figure 'pages rewound')" -lt 1000 ] || problem "pages rewound: $(figure 'pages rewound')"
    [ "$(figure doorbell)" -le 5 ] || problem "calls to the host: $(figure doorbell)"
    begin "memory: a run that takes long and writes little takes little"
    run "$pyhl" run --dest "$home" -vv -c 'import time
time.sleep(0.2)
end = time.monotonic() + 0.2
while time.monotonic() < end: pass'
    expect_status 0
    [ "$(figure private)" -lt 400 ] || problem "pages of its own: $(figure private)"
    begin "memory: of 300 MiB in objects few pages are copied back"
    run "$pyhl" run --dest "$home" -vv --repeat 3 -c 'a = [bytearray(b"x") * (1 << 20) for _ in range(300)]'
    expect_status 0
    [ "$(figure 'pages rewound')" -lt 8192 ] || problem "pages rewound: $(figure 'pages rewound')"
    # Before Linux 6.7 they cannot be counted (PAGEMAP_SCAN).
    [ "$(figure 'pages dropped')" -gt 50000 ] || [ "$(printf '%s\n' 6.7 "$(uname -r)" | sort -V | head -n 1)" != 6.7 ] ||
        problem "pages dropped: $(figure 'pages dropped')"
}

# Prints the page faults of the host for a command and its children.
host_faults() {
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt)' "$@"
}

part_large() {
    local once often code='import numpy, sys
for _ in range(int(sys.argv[1])): arrays = None; arrays = [numpy.ones(20 << 17) for _ in range(10)]'
    begin "large: 200 MB in arrays, freed and taken again, come by the large page"
    once=$(host_faults "$pyhl" run --dest "$home" --repeat 1 -c "$code" 1)
    often=$(host_faults "$pyhl" run --dest "$home" --repeat 1 -c "$code" 4)
    [ "${once:-0}" -gt 0 ] && [ "$((often - once))" -lt 3000 ] ||
        problem "faults: $once for one round, $often for four"
}

# Promised memory (images/kernel/README.md) costs only where it is touched; a promise that cannot be
# kept ends the run.
part_promise() {
    begin "promise: an array of 40 GiB that is hardly touched"
    run "$pyhl" run --dest "$home" -vv --repeat 2 -c 'import numpy
a = numpy.zeros(5 << 30)
a[1 << 28 :: 1 << 29] = 1
print(a[1 << 28], a[-1], a.nbytes)'
    expect_status 0
    [ "$(sort -u "$scratch/out")" = "1.0 0.0 42949672960" ] || problem "$(head -n 3 "$scratch/out")"
    [ "$(figure private)" -lt 20000 ] || problem "pages of its own: $(figure private)"
    [ "$(figure 'page faults')" -lt 30 ] || problem "page faults: $(figure 'page faults')"
    begin "promise: what cannot be kept ends the run with one line"
    run "$pyhl" run --dest "$home" -c 'import numpy
a = numpy.zeros(5 << 30)
a[:] = 1'
    expect_status 137
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "$(cat "$scratch/err")"
    grep -q 'killed: out of guest memory (1024 MiB)' "$scratch/err" || problem "$(cat "$scratch/err")"
    begin "promise: nor what a system call would touch"
    run "$pyhl" run --dest "$home" -c 'import numpy
open("/dev/zero", "rb", 0).readinto(numpy.zeros(5 << 30))'
    expect_status 137
    grep -q 'killed: out of guest memory (1024 MiB)' "$scratch/err" || problem "$(cat "$scratch/err")"
    begin "promise: absurd sizes, and small steps to the end, are MemoryError"
    run "$pyhl" run --dest "$home" -c 'def end():
    kept = []
    while True: kept.append(bytearray(b"x") * (20 << 20))
for take in lambda: bytearray(1 << 37), end, end:
    try: take()
    except MemoryError: print("MemoryError")'
    expect_status 0
    [ "$(wc -l <"$scratch/out")" = 3 ] || problem "$(cat "$scratch/out" "$scratch/err")"
}

part_text() {
    begin "text: python3 and the C library have theirs in 2 MiB pages"
    run "$pyhl" info --dest "$home"
    grep -q 'program text *6.0 MiB in' "$scratch/out" || problem "$(grep text "$scratch/out")"
    run "$pyhl" run --dest "$home" -c 'print(open("/proc/self/maps").read())'
    [ "$(sed -En 's/^[0-9a-f]*-([0-9a-f]*) r--p .*libc\.so\.6$/\1/p' "$scratch/out" |
        grep -c '[02468ace]00000$')" = 1 ] || problem "constants end at no 2 MiB: $(grep 'libc\.so' "$scratch/out")"
}

# Prints the address of a function of the kernel, which lies where it is linked.
kernel_symbol() {
    nm "$home/kernel" | awk -v name="$1" '$3 == name { print $1 }'
}

# ring0_run CASE REPEAT: runs of tests/hermetic/ring0.py.
ring0_run() {
    python3 $here/ring0.py code >"$scratch/code"
    run "$pyhl" run --dest "$home" --repeat "$2" $here/ring0.py "$1" "$(kernel_symbol hv_call_args)" \
        "$(kernel_symbol root_load)" <"$scratch/code"
}

# ring0 CASE REPEAT: all of them end well.
ring0() {
    ring0_run "$1" "$2"
    expect_status 0
    [ "$(wc -l <"$scratch/out")" = $(($2 + 1)) ] || problem "$(wc -l <"$scratch/out") lines: $(tail -c 300 "$scratch/out")"
    [ -s "$scratch/err" ] && problem "stderr: $(sort -u "$scratch/err" | head -c 400)"
}

part_ring0() {
    begin "ring 0: what KVM would write for a run is not in the next"
    ring0 steal 3
    [ "$(sort -u "$scratch/out" | wc -l)" = 1 ] || problem "$(sort -u "$scratch/out" | cut -c1-300)"
    grep -q 'priority 0$' "$scratch/out" || problem "$(head -n 1 "$scratch/out")"
    begin "ring 0: a run that breaks KVM's emulation ends alone"
    ring0 kill 2
    begin "a run that steps leaves nothing in the debug status"
    ring0 step 3
    [ "$(sort "$scratch/out" | uniq -c | tr -s ' ')" = $' 2 dr6 ffff0ff0\n 2 stepped' ] ||
        problem "$(cat "$scratch/out")"
}

# Another root of page tables, which nobody watches, is loaded only after a mark (HV_ROOT_MARK of vmm/abi.h).
part_roots() {
    begin "roots: a run with vectors of its own leaves nothing in ring 0"
    ring0 vectors 3
    [ "$(sort "$scratch/out" | uniq -c | tr -s ' ')" = $' 2 dr0 0\n 2 loaded' ] || problem "$(cat "$scratch/out")"
    begin "roots: a run does not see what another has mapped under the same tables"
    ring0_run stale 1
    expect_status 139
    [ "$(cat "$scratch/out")" = $'both are there 77 77\ntouches the second region' ] || problem "$(cat "$scratch/out")"
}

# Children that are still there when a run ends are not there in the next, nor do they take memory from it.
part_children() {
    local some many
    begin "children: what runs leave is not seen by the next"
    run "$pyhl" run --dest "$home" -vv --repeat 15 $here/children.py
    some=$(figure private)
    run "$pyhl" run --dest "$home" -vv --repeat 60 $here/children.py
    many=$(figure private)
    expect_status 0
    [ "$(sort "$scratch/out" | uniq -c | tr -s ' ')" = " 61 before 2 after 5 children [0, 1, 2]" ] ||
        problem "$(sort "$scratch/out" | uniq -c | head -n 3)"
    # How far the children have come is never the same. Memory after the image comes by 512 pages.
    [ "$many" -lt $((some + 3 * 512)) ] || problem "pages of its own: $some after 16 runs, $many after 61"
}

# Names, locks and memory that children still hold when a run ends are free in the next, and 500 such runs take no more
# memory than 50 do.
part_left() {
    local some many
    begin "left: sockets, locks, shared memory and terminals that children hold are not seen by the next run"
    run "$pyhl" run --dest "$home" -vv --repeat 50 $here/left.py
    some=$(figure private)
    run "$pyhl" run --dest "$home" -vv --repeat 500 $here/left.py
    many=$(figure private)
    expect_status 0
    [ "$(sort "$scratch/out" | uniq -c | wc -l) $(wc -l <"$scratch/out")" = "1 501" ] ||
        problem "$(sort "$scratch/out" | uniq -c | head -n 3) $(tail -n 2 "$scratch/err")"
    [ "$many" -lt $((some + 3 * 512)) ] || problem "pages of its own: $some after 51 runs, $many after 501"
}

# The longest parts run in parallel with the others, on the second core, one after the other.
long_pid=
long_start() {
    local program programs=()
    ! is_chosen rewind || programs+=(rewind_test)
    ! is_chosen trees || programs+=(trees_test)
    [ ${#programs[@]} -gt 0 ] || return
    make -s "${programs[@]/#/build/tests/}" >"$scratch/built" 2>&1 || return
    for program in "${programs[@]}"; do
        timeout -s9 600 "build/tests/$program" "$home" >"$scratch/$program" 2>&1
        echo $? >"$scratch/$program.status"
    done &
    long_pid=$!
}

# long_end NAME: waits for NAME_test, and takes what it said.
long_end() {
    local name=$1 said=$scratch/$1_test line
    if [ -z "$long_pid" ]; then
        begin "$name: it builds"
        problem "$(tail -n 5 "$scratch/built")"
        return
    fi
    wait "$long_pid"
    status=$(cat "$said.status")
    while IFS= read -r line; do
        case $line in
        "pass "*) begin "$name: ${line#pass }" ;;
        "skip "*)
            finish
            line=${line#skip }
            skip "$name: ${line%%: *}" "${line#*: }"
            ;;
        *) begin "$name: ${line%%:*}" && problem "$line" ;;
        esac
    done <"$said"
    begin "$name: all of it ran"
    [ "$status" -le 1 ] || problem "it ended with status $status"
    [ -s "$said" ] || problem "it said nothing"
}

part_rewind() {
    long_end rewind
}

part_trees() {
    long_end trees
}

choose "sight round traces cold tree fresh counts memory large promise text ring0 roots children left rewind trees" "$@"
tests/home.sh "$home" || exit 2
cat $here/{harness,traces_interpreter,traces_system,traces_memory,traces_packages}.py >"$script"
printf 'first\nsecond\nthird\n%.0s' {1..2000} >"$scratch/stdin"
expect_jail "$pyhl" run --dest "$home" --repeat 100000 -c 'print(1)'
long_start
for part in "${chosen[@]}"; do
    "part_$part"
done
summary
