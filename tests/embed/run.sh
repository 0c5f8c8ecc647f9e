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
readonly libraries=(vmm pyhl)
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

# A program may call its own functions as it likes: what is global is what the headers declare, and in libvmm what
# libelf.a may lack.
case_names() {
    local name
    for name in "${libraries[@]}"; do
        begin "the global names of lib$name.a"
        nm -g --defined-only "$prefix/lib/lib$name.a" | awk 'NF == 3 { print $3 }' | sort >"$scratch/global"
        {
            grep -ohE "\b${name}_[a-z_]+\(" "$prefix/include/$name/"*.h
            [ "$name" != vmm ] || printf '%s\n' eu_search_tree_fini eu_search_tree_init eu_tdelete eu_tsearch
        } | tr -d '(' | sort -u >"$scratch/declared"
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

# From a home to a result.
case_result() {
    begin "example result: built"
    compile "$scratch/result" pyhl/examples/result.c libpyhl
    begin "example result: what a script printed"
    run "$scratch/result" .pyhl 'print(6 * 7)'
    expect_status 0
    expect_out $'ended, status 0, 3 bytes:\n42'
    begin "example result: a script that raises"
    run "$scratch/result" .pyhl '1 / 0'
    expect_status 0
    expect_out $'ended, status 1, 130 bytes:\nTraceback (most recent call last):\n  File "<string>", line 1, in <module>
    1 / 0
    ~~^~~
ZeroDivisionError: division by zero'
    begin "example result: a script that does not end"
    run "$scratch/result" .pyhl 'while True: pass'
    expect_status 0
    expect_out 'was ended, status 0, 0 bytes:'
    begin "example result: an error of the function that takes output"
    run "$scratch/result" .pyhl 'print("x" * 100000)'
    expect_error 1 '^error: writing to stdout: No space left on device$'
    begin "example result: no home"
    run "$scratch/result" "$scratch/none" 1
    expect_error 1 "^error: no home in '$scratch/none'; make one with: pyhl setup --from IMAGE --dest $scratch/none$"
    run env -C "$scratch" -u PYHL_HOME XDG_DATA_HOME="$scratch" "$scratch/result"
    expect_error 1 "^error: no home found: none was named, .PYHL_HOME is not set, and there is none in ./.pyhl or $scratch/pyhl; "
    begin "example result: a damaged home"
    mkdir "$scratch/home" && sed 's/^key = ./key = z/' .pyhl/pyhl.ini >"$scratch/home/pyhl.ini"
    run "$scratch/result" "$scratch/home" 1
    expect_error 1 "^error: $scratch/home/pyhl.ini: line [0-9]*: key 'z[0-9a-f]*' is not 32 hexadecimal digits; install again"
    cp .pyhl/pyhl.ini "$scratch/home/" && cp --reflink=auto .pyhl/initrd.cpio "$scratch/home/" &&
        head -c 8192 .pyhl/snapshot >"$scratch/home/snapshot"
    run "$scratch/result" "$scratch/home" 1
    expect_error 1 "^error: $scratch/home: .*; install again"
}

# Packages in a layer, which the command has made.
case_layer() {
    export XDG_CACHE_HOME=$scratch/cache TOYS=$scratch/toys
    mkdir -p "$TOYS" "$scratch/toybin"
    echo 'value = 42' >"$TOYS/toy.py"
    ln -s "$PWD/tests/packages/toy_uv.py" "$scratch/toybin/uv"
    begin "example layer: built"
    compile "$scratch/layer" pyhl/examples/layer.c libpyhl
    begin "example layer: there is none, and the message has the command that makes one"
    run "$scratch/layer" .pyhl 'import toy' toy
    expect_error 1 '^error: no layer has these packages; make one with: pyhl run --dest .pyhl --with toy -c 1$'
    run env PATH="$scratch/toybin:$PATH" "$pyhl" run --dest .pyhl --with toy -c 1
    expect_status 0
    run "$scratch/layer" .pyhl 'import toy' toy other
    expect_error 1 '^error: no layer has these packages; .* --with toy --with other -c 1$'
    begin "example layer: a run that has the packages"
    run "$scratch/layer" .pyhl 'import toy; print(toy.value)' Toy
    expect_status 0
    expect_out 42
    run "$scratch/layer" .pyhl 'import toy; print(toy.value)' toy==1.0
    expect_out 42
    run "$scratch/layer" .pyhl 'import toy' toy==1.1
    expect_error 1 'no layer has these packages'
    begin "example layer: a cache that others can change"
    chmod o+w "$scratch/cache/pyhl"
    run "$scratch/layer" .pyhl 'import toy' toy
    expect_error 1 'it is not trusted'
    unset XDG_CACHE_HOME TOYS
}

# Cells of one session, and their records.
case_cells() {
    begin "example cells: built"
    compile "$scratch/cells" pyhl/examples/cells.c libpyhl
    begin "example cells: names, a result, an exception and the end of the session"
    run "$scratch/cells" .pyhl 'x = 6; print(x)' 'x * 7' '1 / 0' 'import os; os._exit(3)' 'x'
    expect_status 0
    expect_out $'6\ncell 1 ended with status 0
result: {"data": {"text/plain": "42"}, "metadata": {}, "main": "text/plain", "execution_count": 2}
cell 2 ended with status 0
error: {"name": "ZeroDivisionError", "value": "division by zero", "traceback": "Traceback (most recent call last):\\n  File \\"<cell 3>\\", line 1, in <module>\\n    1 / 0\\n    ~~^~~\\nZeroDivisionError: division by zero\\n"}
cell 3 ended with status 1
cell 4 ended the session with status 3'
}

# Functions of the host, at once and later.
case_tools() {
    begin "example tools: built"
    compile "$scratch/tools" pyhl/examples/tools.c libpyhl
    begin "example tools: a function of the host, and a person who is asked"
    run "$scratch/tools" .pyhl 'import host; print(host.shout("so"), host.ask(a=1)["said"])' <<<'an answer'
    expect_status 0
    expect_out $'ask {"a":1} \n{\'TEXT\': \'SO\'} an answer'
    begin "example tools: both that are asked at once, and a failure"
    run "$scratch/tools" .pyhl 'import asyncio, host
async def main():
    print(*[a["said"] for a in await asyncio.gather(host.ask.aio(n=1), host.ask.aio(n=2))], flush=True)
asyncio.run(main())
host.ask()' <<<$'one\ntwo'
    expect_status 1
    expect_out $'ask {"n":1} ask {"n":2} \none two\nask {} '
    expect_err '^host.HostError: EOFError: nobody answers$'
    begin "example tools: arguments that are too long"
    run "$scratch/tools" .pyhl 'import host; host.shout("x" * 1000)'
    expect_status 1
    expect_err '^host.HostError: ValueError: that is too long to be shouted$'
}

# Two VMs on two threads, of one home.
case_threads() {
    begin "example threads: built"
    compile "$scratch/threads" pyhl/examples/threads.c libpyhl -pthread
    begin "example threads: each has its own state and its own result"
    run "$scratch/threads" .pyhl 2 50 'import sys; n = vars(sys).setdefault("n", sys.argv[1]); sys.exit(n == "1")'
    expect_status 0
    expect_out $'0: 50 of 50 runs were good\n1: 0 of 50 runs were good'
}

# The rest of the manual, in C.
case_manual() {
    begin "the tests of libpyhl: built"
    compile "$scratch/embed_test" tests/embed/embed_test.c libpyhl -D_GNU_SOURCE
    begin "the tests of libpyhl"
    run "$scratch/embed_test" .pyhl
    expect_status 0
    finish
    cat "$scratch/out"
    passed=$((passed + $(grep -c '^pass ' "$scratch/out")))
    failed=$((failed + $(grep -c '^FAIL ' "$scratch/out")))
}

# The libraries leave printing and exiting to the program.
case_quiet() {
    local name said
    for name in "${libraries[@]}"; do
        begin "lib$name.a neither prints nor exits"
        nm -u "$prefix/lib/lib$name.a" | awk '{ print $2 }' >"$scratch/wants"
        [ -s "$scratch/wants" ] || problem "it wants nothing"
        said=$(grep -E '^(__)?(v?d?f?printf(_chk)?|f?puts|f?putc(har)?|fwrite|perror|std(out|err)|_?exit|abort|syslog)$' \
            "$scratch/wants") && problem "it wants $said"
    done
}

choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
command -v pkg-config >/dev/null || { echo "$0: there is no pkg-config; tests/prereqs.sh test installs it" >&2; exit 2; }
tests/home.sh .pyhl || exit 2
for file in build/pyhl build/lib/libvmm.a build/lib/libpyhl.a "$hello/initrd.cpio"; do
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
