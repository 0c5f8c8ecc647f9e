#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every program of tests/guest on Linux and then in the guest, dynamic and static, and compares
# stdout and exit status byte for byte (stderr too when both succeed): Linux is the oracle.
# Those that mostly wait run beside the others.
# In the guest each runs once, and once with --repeat 1, which must print everything twice.
# Programs of tests/guest/only run in the guest alone; NAME.expected is what they must print. One with a
# NAME.then runs in build/vmmrun, which prints records as lines; each line of that file is the source of one more
# run, which the program takes.
#
# usage: tests/guest/run.sh [--native-only] [PROGRAM...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2

readonly src=tests/guest out=build/tests/guest results=build/tests/guest/results
readonly pyhl=${PYHL:-build/pyhl} mkcpio=${MKCPIO:-build/images/mkcpio}
readonly sites=${SITES:-build/images/sites}
readonly kernel=${PYHL_KERNEL:-build/kernel/kernel.elf}
readonly limit=${GUEST_TEST_TIMEOUT:-60}
# Programs that wait for nearly all of their time, so that nothing else is slower beside them.
readonly waiting=' pty ptyjobs ptystop stopcalls sockfull '
native_only=0
passed=0 failed=0 skipped=0

wanted=()
for argument in "$@"; do
    case $argument in
    --native-only) native_only=1 ;;
    --list)
        for file in $src/*.c $src/only/*.c; do
            [ "$file" = $src/plugin.c ] || basename "$file" .c
        done
        exit 0
        ;;
    -*)
        echo "usage: $0 [--native-only] [PROGRAM...] | --list" >&2
        exit 2
        ;;
    *)
        if [ ! -e "$src/$argument.c" ] && [ ! -e "$src/only/$argument.c" ]; then
            echo "$0: there is no program '$argument'; --list names them all" >&2
            exit 2
        fi
        wanted+=("$argument")
        ;;
    esac
done

# The lines of `cases` that belong to a program, or its bare name.
cases_of() {
    grep -E "^$1( |\$)" "$src/cases" || echo "$1"
}

is_wanted() {
    local name
    [ ${#wanted[@]} -eq 0 ] && return 0
    for name in "${wanted[@]}"; do
        [ "$name" = "$1" ] && return 0
    done
    return 1
}

# collect PREFIX COMMAND...: leaves PREFIX.out, PREFIX.err and PREFIX.status. Both streams are pipes,
# as they are for most users. The shell's own message about a command that a signal ended is dropped.
collect() {
    local prefix=$1
    shift
    {
        {
            "$@" </dev/null 2>&3 3>&- 9>&-
            echo $? >"$prefix.status"
        } | cat >"$prefix.out"
    } 3>&1 2>/dev/null | cat >"$prefix.err"
}

# run_native PREFIX PROGRAM [ARG...]: at priority 0, as in the guest, also where the suite itself is run by `nice`.
run_native() {
    local prefix=$1 scratch
    shift
    scratch=$(mktemp -d)
    collect "$prefix" env -i PATH=/usr/bin:/bin TESTVAR=1 TMPDIR="$scratch" \
        nice -n "-$(nice)" timeout --foreground -k5 "$limit" "$@"
    rm -rf "$scratch"
}

# run_guest PREFIX REPEATS PROGRAM [ARG...]
run_guest() {
    local prefix=$1 repeats=$2
    shift 2
    collect "$prefix" timeout --foreground -k5 "$limit" "$out/pyhl" boot "$out/kernel.elf" \
        --initrd "$out/initrd.cpio" --repeat "$repeats" -- "$@"
}

# differs WANT GOT: prints what is different between two runs; false when nothing is.
differs() {
    local want=$1 got=$2 stream streams=out difference=1
    [ "$(cat "$want.status" "$got.status")" = $'0\n0' ] && [ -e "$want.err" ] && streams="out err"
    if ! cmp -s "$want.status" "$got.status"; then
        echo "exit status $(cat "$got.status"), expected $(cat "$want.status")"
        difference=0
    fi
    for stream in $streams; do
        if ! cmp -s "$want.$stream" "$got.$stream"; then
            echo "std$stream differs:"
            diff -a "$want.$stream" "$got.$stream" | grep -a '^[<>]' | tr -d '\0' | cut -c1-120 |
                head -n 6
            difference=0
        fi
    done
    return $difference
}

# report NAME PROBLEM: counts one program, and shows the problem where there is one.
report() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
        echo "pass $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1"
        printf '%s\n' "$2" | sed 's/^/     /'
    fi
}

# Makes the output that two runs must print: everything twice, unless the first fails, which ends a
# --repeat.
double() {
    local stream
    cp "$1.status" "$1-twice.status"
    for stream in out err; do
        [ -e "$1.$stream" ] || continue
        cp "$1.$stream" "$1-twice.$stream"
        [ "$(cat "$1.status")" = 0 ] && cat "$1.$stream" >>"$1-twice.$stream"
    done
}

# Prints the checks that failed, with what was got and expected; the last lines when there are none.
complaints() {
    if grep -aq '^FAILED' "$1"; then
        grep -aE '^FAILED|: got .*expected' "$1" | cut -c1-200 | head -n 40
    else
        tail -n 4 "$1" | tr -d '\0' | cut -c1-200
    fi
}

# compare_in_guest WANT-PREFIX PROGRAM [ARG...]: prints what differs, cold and repeated.
compare_in_guest() {
    local prefix=$1 problem
    shift
    run_guest "$prefix-guest" 0 "$@"
    if problem=$(differs "$prefix" "$prefix-guest"); then
        printf 'in the guest: %s\n' "$problem"
        complaints "$prefix-guest.err"
        return
    fi
    double "$prefix"
    run_guest "$prefix-guest-twice" 1 "$@"
    if problem=$(differs "$prefix-twice" "$prefix-guest-twice"); then
        printf 'in the guest, repeated: %s\n' "$problem"
        complaints "$prefix-guest-twice.err"
    fi
}

# A program may state the exit status it must have on Linux: `#status N` in its line of `cases`.
native_problem() {
    local prefix=$1 expected=$2 status
    status=$(cat "$prefix.status")
    if [ "$status" != "$expected" ]; then
        echo "on Linux: exit status $status, expected $expected"
        tail -n 20 "$prefix.err"
    fi
}

run_case() {
    local kind=$1 line=$2 index=$3 expected=0 problem words
    case $line in
    *'#status '*) expected=${line##*#status } ;;
    esac
    eval "words=(${line%% #status*})"
    local name=${words[0]} prefix="$results/$kind-${words[0]}-$index" program=/bin/${words[0]}
    [ "$kind" = static ] && program=/bin/static/$name
    run_native "$prefix" "$out/$kind/$name" "${words[@]:1}"
    problem=$(native_problem "$prefix" "$expected")
    if [ -z "$problem" ] && [ $native_only -eq 0 ]; then
        problem=$(compare_in_guest "$prefix" "$program" "${words[@]:1}")
    fi
    report "$kind $(printf '%s' "${line%% #status*}" | cut -c1-60)" "$problem"
}

is_waiting() {
    case $waiting in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

not() {
    ! "$@"
}

# run_both_kinds CONDITION...: the programs that are wanted, and of which the condition holds.
run_both_kinds() {
    local source name kind line index
    for source in "$src"/*.c; do
        name=$(basename "$source" .c)
        [ "$name" = plugin ] && continue
        is_wanted "$name" && "$@" "$name" || continue
        for kind in dynamic static; do
            [ -e "$out/$kind/$name" ] || continue
            index=0
            while IFS= read -r line; do
                run_case "$kind" "$line" $index
                index=$((index + 1))
            done < <(cases_of "$name")
        done
    done
}

# compare_turns WANT-PREFIX SOURCES PROGRAM: the same for a program that takes these runs, one after the other.
compare_turns() {
    local prefix=$1 then=() source problem
    while IFS= read -r source; do
        then+=(--then "$source")
    done <"$2"
    collect "$prefix-guest" timeout --foreground -k5 "$limit" build/vmmrun "$out/kernel.elf" "$out/initrd.cpio" \
        "${then[@]}" -- "$3"
    if problem=$(differs "$prefix" "$prefix-guest"); then
        printf 'in the guest: %s\n' "$problem"
        complaints "$prefix-guest.err"
    fi
}

run_guest_only() {
    local source name prefix
    for source in "$src"/only/*.c; do
        name=$(basename "$source" .c)
        is_wanted "$name" || continue
        if [ $native_only -eq 1 ]; then
            skipped=$((skipped + 1))
            echo "skip only $name (guest only)"
            continue
        fi
        prefix="$results/only-$name"
        cp "$src/only/$name.expected" "$prefix.out"
        echo 0 >"$prefix.status"
        if [ -e "$src/only/$name.then" ]; then
            report "only $name" "$(compare_turns "$prefix" "$src/only/$name.then" "/bin/$name")"
            continue
        fi
        report "only $name" "$(compare_in_guest "$prefix" "/bin/$name")"
    done
}

# The guest's root: the programs, the loader and the libraries they name (libgcc_s is loaded by
# pthread_exit), and empty directories.
make_initrd() {
    local root=$out/root library
    rm -rf "$root"
    mkdir -p "$root"/{bin/static,dev,proc,lib64,etc}
    mkdir -m 1777 "$root/tmp"
    cp -r "$out"/dynamic/. "$out"/only/. "$root/bin/"
    cp -r "$out"/static/. "$root/bin/static/"
    for library in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 libgcc_s.so.1; do
        mkdir -p "$root/lib/x86_64-linux-gnu"
        cp -L "/lib/x86_64-linux-gnu/$library" "$root/lib/x86_64-linux-gnu/" || return 1
    done
    cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/" || return 1
    "$sites" "$root" && "$mkcpio" "$root" "$out/initrd.cpio"
}

# Only one run of this script at a time: all share the results and the image.
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
make -s -k -j2 -f "$src/rules.mk" guest-programs || exit 2
rm -rf "$results"
mkdir -p "$results"
if [ $native_only -eq 0 ]; then
    for file in "$pyhl" build/vmmrun "$kernel" "$mkcpio" "$sites"; do
        if [ ! -e "$file" ]; then
            echo "$0: $file is missing; run make first, or use --native-only" >&2
            exit 2
        fi
    done
    # Copies are used, so that a build in the meantime changes nothing.
    cp "$pyhl" "$out/pyhl" && cp "$kernel" "$out/kernel.elf" && make_initrd || exit 2
fi
[ $native_only -eq 1 ] || report "the process with the VM is in jail" \
    "$(tests/jailed.sh "$out/pyhl" boot "$out/kernel.elf" --initrd "$out/initrd.cpio" --repeat 100000 -- /bin/static/args)"
{ run_both_kinds is_waiting; echo ended; } >"$results/waiting" 9>&- &
run_both_kinds not is_waiting
run_guest_only
wait
sed '/^ended$/d' "$results/waiting"
passed=$((passed + $(grep -c '^pass ' "$results/waiting")))
failed=$((failed + $(grep -c '^FAIL ' "$results/waiting")))
[ "$(tail -n 1 "$results/waiting")" = ended ] || report "programs that wait" "they did not come to their end"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
