#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The libraries as another project uses them: installed by `make install`, found by pkg-config, and linked to the
# examples. Nothing is taken from the tree but their sources.
#
# usage: tests/embed/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly prefix=$scratch/prefix hello=build/images/helloworld-c
readonly libraries=(vmm)
readonly warnings=(-std=c17 -Wall -Wextra -Werror -Wstrict-prototypes -Wshadow -Wundef)

# compile OUT SOURCE PACKAGE [FLAG...]: as a user of the package does; with -static pkg-config is asked for that. A
# check: what the compiler says is a problem.
compile() {
    local out=$1 source=$2 package=$3 static='' flags said
    shift 3
    [ "${1:-}" != -static ] || static=--static
    flags=$(pkg-config --cflags --libs $static "$package") || problem "pkg-config does not find $package"
    # shellcheck disable=SC2086 # one word a flag
    said=$("${CC:-cc}" "${warnings[@]}" "$@" -o "$out" "$source" $flags 2>&1) || problem "$said"
}

# Each header is complete, whichever comes first.
case_headers() {
    local header
    for header in "$prefix"/include/*/*.h; do
        header=${header#"$prefix"/include/}
        begin "a program of <$header> alone compiles"
        echo "#include <$header>" >"$scratch/alone.c"
        compile "$scratch/alone.o" "$scratch/alone.c" libvmm -c
    done
}

# A program may call its own functions as it likes: what is global is what the headers declare.
case_names() {
    local name
    for name in "${libraries[@]}"; do
        begin "the global names of lib$name.a"
        nm -g --defined-only "$prefix/lib/lib$name.a" | awk 'NF == 3 { print $3 }' | sort >"$scratch/global"
        grep -oE "\b${name}_[a-z_]+\(" "$prefix/include/$name/$name.h" | tr -d '(' | sort -u >"$scratch/declared"
        [ -s "$scratch/global" ] || problem "there are none"
        diff "$scratch/global" "$scratch/declared" >"$scratch/diff" ||
            problem "global (<) and declared (>) differ: $(cat "$scratch/diff")"
    done
}

# libvmm alone, without a home.
case_program() {
    local kind
    for kind in '' -static; do
        begin "example program: built $kind"
        # shellcheck disable=SC2086 # no word or one
        compile "$scratch/program" vmm/examples/program.c libvmm $kind
        begin "example program: a run, its output and its status $kind"
        run "$scratch/program" "$hello/kernel" "$hello/initrd.cpio" /bin/hello-pie 7 two
        expect_status 7
        expect_out $'argv[0]=/bin/hello-pie\nargv[1]=7\nargv[2]=two\nhello, stdout'
        [ "$(cat "$scratch/err")" = 'hello, stderr' ] || problem "stderr '$(cat "$scratch/err")'"
    done
    begin "example program: no such file"
    run "$scratch/program" "$hello/kernel" "$scratch/none" /bin/hello-pie
    expect_error 1 "/none: No such file or directory$"
    begin "example program: no such program"
    run "$scratch/program" "$hello/kernel" "$hello/initrd.cpio" /bin/none
    expect_error 127 "cannot run /bin/none: no such file in the image"
}

choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
tests/prereqs.sh test || exit 2
for file in build/pyhl build/lib/libvmm.a "$hello/initrd.cpio"; do
    [ -e "$file" ] || { echo "$0: $file is missing; run make all image first" >&2; exit 2; }
done
begin "make install"
run make -s -o all install PREFIX="$prefix" DESTDIR=
expect_status 0
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
for case in "${chosen[@]}"; do
    "case_$case"
done
summary
