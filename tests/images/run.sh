#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs of other images than Python's, unmodified: each runs in a chroot of its image, where Linux is the oracle, and
# then in the guest, once and with --repeat 1. Standard output and exit status must be the same.
# The image is made first. Where its packages cannot be fetched, or its compiler is missing, the case is skipped.
#
# usage: tests/images/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly kernel=build/kernel/kernel.elf mkcpio=build/images/mkcpio
readonly input=$'words for\nstandard input'
root=''

# make_target NAME TARGET: false, with the case NAME skipped or failed, when it cannot be made.
make_target() {
    env -u MAKEFLAGS -u MAKELEVEL make -s "$2" >"$scratch/make" 2>&1 && return 0
    if grep -q 'no network' "$scratch/make"; then
        skip "$1" "$(grep 'no network' "$scratch/make" | tail -n 1)"
    else
        begin "the image $1 is made"
        problem "$(tail -n 12 "$scratch/make")"
    fi
    return 1
}

# take_image NAME [FILE...]: the image with these files and those of tests/images/NAME in /tests. Sets $root to a copy of
# its root, so that no program can change what the image is made of.
take_image() {
    local name=$1
    shift
    make_target "$name" "image-$name" || return 1
    root=$scratch/root
    rm -rf "$root"
    cp -a "build/images/$name/root" "$root" && mkdir "$root/tests" || exit 2
    [ ! -d "tests/images/$name" ] || cp "tests/images/$name/"* "$root/tests/" || exit 2
    [ $# = 0 ] || cp "$@" "$root/tests/" || exit 2
    "$mkcpio" "$root" "$scratch/initrd.cpio" || exit 2
    mknod -m 666 "$root/dev/null" c 1 3 && mknod -m 666 "$root/dev/urandom" c 1 9 || exit 2
}

# The shell's own message about a command that a signal ended is dropped.
native() {
    local chroot
    chroot=$(command -v chroot)
    {
        run env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$chroot" "$root" "$@" <<<"$input"
    } 2>/dev/null
}

# in_guest REPEATS PROGRAM [ARG...]: with $memory, if it is set.
in_guest() {
    local repeats=$1
    shift
    run "$pyhl" boot "$kernel" --initrd "$scratch/initrd.cpio" --memory "${memory:-1G}" --repeat "$repeats" -- "$@" \
        <<<"$input"
}

# same_as_linux STATUS PROGRAM [ARG...]: a run natively must end with this status and print something.
same_as_linux() {
    local expected=$1
    shift
    begin "${program_name:-$*}"
    native "$@"
    expect_status "$expected"
    cp "$scratch/out" "$scratch/want"
    [ -s "$scratch/want" ] || [ "${silent:-}" ] || problem "on Linux nothing was printed"
    in_guest 0 "$@"
    expect_same "$expected" "in the guest"
    # A run that fails is the last of --repeat.
    [ "$expected" != 0 ] || cat "$scratch/out" >>"$scratch/want"
    in_guest 1 "$@"
    expect_same "$expected" "in the guest, repeated"
}

# expect_same STATUS WHERE: $scratch/want is what must have been printed.
expect_same() {
    local difference
    expect_status "$1"
    difference=$(diff -a "$scratch/want" "$scratch/out") || problem "$2: $(head -n 12 <<<"$difference")"
}

case_nodejs() {
    local script
    take_image nodejs || return
    for script in language timers workers files; do
        program_name="nodejs: $script.js" same_as_linux "$([ $script = language ] && echo 7 || echo 0)" \
            /usr/bin/node "/tests/$script.js"
    done
    program_name="nodejs: garbage.js in little memory" memory=192M same_as_linux 0 /usr/bin/node /tests/garbage.js
    program_name="nodejs: a program on the command line" same_as_linux 0 /usr/bin/node -e 'console.log(1+1)'
    begin "nodejs: pyhl boot DIR -e CODE"
    run "$pyhl" boot build/images/nodejs -e 'console.log(1 + 1, process.argv[1])' a
    expect_status 0
    expect_out '2 a'
    program_name="nodejs: the heap's limit" silent=yes same_as_linux 134 /usr/bin/node --max-old-space-size=48 /tests/limit.js
    expect_err 'JavaScript heap out of memory'
}

# has_compiler CASE PROGRAM PACKAGE
has_compiler() {
    command -v "$2" >/dev/null && return 0
    skip "$1" "no $2 here; it is in the Debian package $3"
    return 1
}

case_go() {
    local kind
    has_compiler go go golang-go && has_compiler go gcc gcc && take_image go || return
    for kind in static dynamic; do
        # 85 MiB are the runtime's own, 64 its limit for the heap; the garbage is 400 MiB. How close it comes to the
        # limit depends on the host's load, natively too.
        program_name="go: $kind, in little memory" memory=192M same_as_linux 3 "/bin/work-$kind"
        program_name="go: $kind, a panic" same_as_linux 2 "/bin/work-$kind" panic
        expect_err '^panic: nobody recovers$'
    done
}

case_rust() {
    local kind
    has_compiler rust rustc rustc && has_compiler rust gcc gcc && take_image rust || return
    for kind in static dynamic; do
        program_name="rust: $kind, in little memory" memory=128M same_as_linux 3 "/bin/work-$kind"
        program_name="rust: $kind, a panic" silent=yes same_as_linux 101 "/bin/work-$kind" panic
        expect_err 'nobody catches'
        program_name="rust: $kind, two panics" silent=yes same_as_linux 134 "/bin/work-$kind" abort
        program_name="rust: $kind, the end of a stack" silent=yes same_as_linux 134 "/bin/work-$kind" overflow
        expect_err "^thread 'small'.* has overflowed its stack"
    done
}

# A shell's job control on a pseudo-terminal. In a chroot there is no /dev/ptmx: natively only the shell runs in one.
shell_on_terminal() {
    begin "shell: jobs on a terminal"
    run env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$scratch/onpty" tests/images/shell/jobs.dialogue \
        "$(command -v chroot)" "$root" /usr/bin/dash -i
    expect_status 6
    cp "$scratch/out" "$scratch/want"
    in_guest 0 /tests/onpty /tests/jobs.dialogue /usr/bin/dash -i
    expect_same 6 "in the guest"
    begin "shell: on the host's terminal"
    run env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$root/tests/onpty" tests/images/shell/terminal.dialogue \
        "$(command -v chroot)" "$root" /usr/bin/dash -i
    expect_status 6
    cp "$scratch/out" "$scratch/want"
    run "$scratch/onpty" tests/images/shell/terminal.dialogue "$pyhl" boot "$kernel" --initrd "$scratch/initrd.cpio" -- \
        /usr/bin/dash -i
    expect_same 6 "in the guest"
}

case_shell() {
    local status script
    has_compiler shell gcc gcc || return
    gcc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -o "$scratch/onpty" tests/images/shell/onpty.c || exit 2
    take_image shell "$scratch/onpty" || return
    for script in pipes:3 background:4; do
        status=${script#*:} script=${script%:*}
        program_name="shell: $script.sh" same_as_linux "$status" /usr/bin/dash "/tests/$script.sh"
    done
    begin "shell: pyhl boot DIR -e CODE"
    run "$pyhl" boot build/images/shell -e 'echo "$0: $((6 * 7))" | rev 2>/dev/null || seq 3 | tail -n 1'
    expect_status 0
    expect_out 3
    shell_on_terminal
}

# A guest's functions, called by a host that is built as a user of libvmm would build it, and its functions.
case_functions() {
    local host=$scratch/functions-host image=build/images/functions-c prefix=$scratch/prefix flags said
    make_target functions-c image-functions-c || return
    begin "functions: the host is built"
    run make -s -o all install PREFIX="$prefix" DESTDIR=
    expect_status 0
    flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs libvmm)
    # shellcheck disable=SC2086 # one word a flag
    said=$("${CC:-cc}" -std=c17 -Wall -Wextra -Werror -I. -o "$host" images/functions-c/host.c $flags 2>&1) || problem "$said"
    begin "functions: called by name, and calling back"
    run "$host" $image/kernel $image/initrd.cpio
    expect_status 0
    expect_out "result: hello WORLD, hello WORLD
result: 42
result: 2.5
result: false
result: desserts
result: 1
result: 2
error: OverflowError the sum has more than 64 bits
error: TypeError add takes the arguments 'ii', not 's'
error: ValueError shout takes a short string
error: NameError the guest has no function 'none'"
    begin "functions: no machine"
    run "$host" $image/kernel "$scratch/none"
    expect_error 1 '/none: No such file or directory$'
    begin "functions: a run that is no call"
    run build/vmmrun $image/kernel $image/initrd.cpio --then 'print(1)' -- /bin/functions
    expect_out 'record error 66: s????ValueError?s,???this program takes runs that call a fun'
}

choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
for file in "$pyhl" "$kernel" "$mkcpio"; do
    if [ ! -e "$file" ]; then
        echo "$0: $file is missing; run make first" >&2
        exit 2
    fi
done
for case in "${chosen[@]}"; do
    if [ "$(id -u)" != 0 ]; then
        skip "$case" "a chroot needs root"
        continue
    fi
    "case_$case"
done
summary
