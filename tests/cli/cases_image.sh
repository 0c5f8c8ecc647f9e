# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# A new image, as images/README.md tells a newcomer to make one: the files stand there.

# readme_file NAME: the indented block after the line that names it.
readme_file() {
    awk -v name="^\`$1\`" '$0 ~ name { inside = 1; next }
        inside && /^    / { print substr($0, 5); seen = 1; next }
        inside && seen && /./ { exit }
        inside && seen { print "" }' images/README.md
}

case_new_image() {
    local tree=$scratch/tree file out
    out=$tree/build/images/hi
    # made IMAGE: by a make of its own, though the tests may run under another.
    made() {
        run env -u MAKEFLAGS -u MAKELEVEL LC_ALL=C make -s -C "$tree" "image-$1"
    }
    # redone NAME...: these files, and no others, are what make has changed.
    redone() {
        local changed
        times >"$scratch/before"
        made hi
        expect_status 0
        changed=$(times | diff "$scratch/before" - | sed -n 's/^> //p' | cut -d' ' -f1 | xargs)
        [ "$changed" = "$*" ] || problem "redone: '$changed', expected '$*'"
    }
    times() {
        (cd "$out" && stat -c '%n %y' image.ini initrd.cpio kernel root.stamp)
    }
    begin "a new image: three files in a folder"
    # A copy of the tree, with its kernel as it is built.
    mkdir -p "$tree/build"
    cp -a Makefile vmm pyhl images python-agent-driver "$tree" && cp -a build/kernel "$tree/build"
    mkdir "$tree/images/hi"
    for file in hi.c image.mk image.ini; do
        readme_file "images/hi/$file" >"$tree/images/hi/$file"
        [ -s "$tree/images/hi/$file" ] || problem "images/README.md has no $file"
    done
    made hi
    expect_status 0
    [ -e "$tree/build/images/python/root" ] && problem "the Python image was made, too"
    run "$pyhl" boot "$out"
    expect_status 0
    expect_out hi
    begin "a new image: nothing is done twice, and a change redoes what follows from it"
    redone
    sed -i 's/"hi"/"hello"/' "$tree/images/hi/hi.c"
    redone initrd.cpio root.stamp
    run "$pyhl" boot "$out/kernel" --initrd "$out/initrd.cpio" -- /bin/hi
    expect_out hello
    begin "a new image that takes scripts"
    cp tests/cli/taker.c "$tree/images/hi/hi.c"
    mkdir -p "$tree/tests/cli" && cp tests/cli/taker_files.[ch] "$tree/tests/cli/"
    sed -i 's,-static,-I. & images/runframe.c tests/cli/taker_files.c,' "$tree/images/hi/image.mk"
    printf '%s\n' 'memory=32M' 'check=print(1)' 'check_output=1\n' >>"$tree/images/hi/image.ini"
    redone image.ini initrd.cpio root.stamp
    run "$pyhl" setup --from "$out" --dest "$scratch/hi"
    expect_status 0
    run "$pyhl" run --dest "$scratch/hi" -c 'print(1)'
    expect_out 1
    begin "a folder that is no image"
    mkdir "$tree/images/nothing"
    made nothing
    expect_error 2 "No rule to make target 'image-nothing'"
    rm -rf "$tree"
}

# boots STATUS OUT ARGUMENT...: `pyhl boot` with these; OUT is without the environment.
boots() {
    run "$pyhl" boot "${@:3}"
    expect_status "$1"
    [ "$(grep -v '^env ' "$scratch/out")" = "$2" ] || problem "stdout '$(cat "$scratch/out")', expected '$2'"
}

# What `pyhl boot` runs when the command line does not say it all.
case_boot_image() {
    local hello=$PWD/build/images/helloworld-c dir=$scratch/boot
    mkdir "$dir" && ln -s "$hello/kernel" "$hello/initrd.cpio" "$dir"
    # described LINE...: image.ini of dir
    described() {
        printf '%s\n' '[image]' 'name = boot' "$@" >"$dir/image.ini"
    }
    described 'init = /bin/hello-pie'
    begin "boot: the image in a directory"
    boots 7 $'argv[0]=/bin/hello-static-pie\nargv[1]=7\nhello, stdout' "$dir" -- /bin/hello-static-pie 7
    begin "boot: the program that image.ini names"
    boots 0 $'argv[0]=/bin/hello-pie\nhello, stdout' "$dir"
    boots 0 $'argv[0]=/bin/hello-pie\nhello, stdout' "$dir/kernel" --initrd "$dir/initrd.cpio"
    boots 0 $'argv[0]=/bin/hello-pie\nhello, stdout' "$kernel" --initrd "$dir/initrd.cpio" --repeat 0
    begin "boot: code"
    run "$pyhl" boot "$dir" -e 1
    expect_error 2 "^pyhl boot: -e: this image's image.ini has no 'eval', which names what takes code; give the interpreter"
    described 'init = /bin/hello-pie' 'eval = /bin/hello-static  5'
    boots 5 $'argv[0]=/bin/hello-static\nargv[1]=5\nargv[2]=a b\nargv[3]=c\nhello, stdout' "$dir" -e 'a b' c
    boots 5 $'argv[0]=/bin/hello-static\nargv[1]=5\nargv[2]=-q\nargv[3]=-q\nhello, stdout' \
        "$kernel" --initrd "$dir/initrd.cpio" -e -q -- -q
    described 'init = /bin/hello-pie' 'eval = hello-static'
    run "$pyhl" boot "$dir" -e 1
    expect_error 2 "$dir/image.ini: line [0-9]*: eval 'hello-static' does not begin with an absolute path$"
    begin "boot: what does not go together, or is not there"
    run "$pyhl" boot "$dir" --initrd "$dir/initrd.cpio"
    expect_error 2 "'$dir' is an image's directory, with an initrd.cpio of its own: give a KERNEL with --initrd, or"
    run "$pyhl" boot "$image"
    expect_error 2 "name a PROGRAM of the image, or give -e CODE: its init '/bin/taker' takes scripts, for which there are"
    run "$pyhl" boot "$dir" -q -v
    expect_error 2 "-q and -v: give one of them$"
    rm "$dir/image.ini"
    run "$pyhl" boot "$dir" -- /bin/hello-pie
    expect_error 2 "$dir/image.ini: No such file"
    run "$pyhl" boot "$dir/kernel" --initrd "$dir/initrd.cpio"
    expect_error 2 "no PROGRAM is named, and --initrd's directory does not name one: $dir/image.ini: No such file"
    boots 0 $'argv[0]=/bin/hello-pie\nhello, stdout' "$dir/kernel" --initrd "$dir/initrd.cpio" -- /bin/hello-pie
}

case_boot_memory() {
    local dir=$scratch/boot-memory
    mkdir "$dir" && ln -s "$image/kernel" "$image/initrd.cpio" "$dir"
    sed 's/^init.*/&\neval = \/bin\/taker/; s/^memory.*/memory = 8M/' "$image/image.ini" >"$dir/image.ini"
    # too_small MIB ARGUMENT...: so much memory is what it has understood.
    too_small() {
        run "$pyhl" boot "$dir" "${@:2}" -e x
        expect_error 125 "^pyhl boot: memory of $1 MiB: wanted 16 to 65536 MiB$"
    }
    begin "boot: -m in MiB, or with a unit; without it the image's memory"
    too_small 3 -m 3
    too_small 4 -m 4096K
    too_small 5 --memory 5M
    too_small 8
    run "$pyhl" boot "$dir" -m 32 -- /bin/taker
    expect_error 125 'asked for another run'
    for size in 0 x 1Q -1 '' 99999999999999999999 18446744073709551615; do
        run "$pyhl" boot "$dir" -m "$size" -e x
        expect_error 2 "-m '$size': give MiB, or a size such as 512M or 2G"
    done
}

case_boot_quiet() {
    local args=(boot "$kernel" --initrd "$scratch/waiter.cpio" --memory 32M --timeout 0.3)
    begin "boot: -q says nothing of a program that was stopped"
    run "$pyhl" "${args[@]}" -- /bin/waiter
    expect_error 124 '^pyhl boot: stopped: --timeout of 0.3 s is over$'
    run "$pyhl" "${args[@]}" -q -- /bin/waiter
    expect_status 124
    [ -s "$scratch/err" ] && problem "stderr: $(cat "$scratch/err")"
    begin "boot: -q tells what is no end of a program"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --memory 32M -q -- /bin/taker
    expect_error 125 'asked for another run'
    run "$pyhl" boot "$scratch/nokernel" --initrd "$image/initrd.cpio" -q -- /bin/taker
    expect_error 125 'nokernel'
}

case_boot_stack() {
    local root=$scratch/stack-root args=("$kernel" --initrd "$scratch/stack.cpio")
    # Prints its limit in KiB, and uses so many KiB of stack, or a little more.
    mkdir -p "$root/bin" && cat >"$scratch/stack.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int use(int kib)
{
    volatile char room[1024];
    memset((char *)room, 1, sizeof(room));
    return kib > 0 ? use(kib - 1) + room[0] - 1 : 0;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    (void)argc;
    getrlimit(RLIMIT_STACK, &limit);
    printf("%lu\n", (unsigned long)limit.rlim_cur >> 10);
    fflush(stdout);
    return use(atoi(argv[1]));
}
END
    begin "boot: --stack"
    cc -O0 -static -o "$root/bin/stack" "$scratch/stack.c" && "$mkcpio" "$root" "$scratch/stack.cpio" || problem "not built"
    boots 0 8192 "${args[@]}" -- /bin/stack 6000
    boots 139 8192 "${args[@]}" -q -- /bin/stack 8192
    boots 0 65536 "${args[@]}" --stack 64M -- /bin/stack 50000
    boots 139 2048 "${args[@]}" -q --stack 2M -- /bin/stack 2048
    boots 0 68 "${args[@]}" --stack 65537 -- /bin/stack 0
    begin "boot: a --stack that cannot be"
    run "$pyhl" boot "${args[@]}" --stack 1K -- /bin/stack 1
    expect_error 2 '^pyhl boot: --stack 1.0 KiB: give 64 KiB or more$'
    run "$pyhl" boot "${args[@]}" --stack 64M -m 64 -- /bin/stack 1
    expect_error 2 '^pyhl boot: --stack 64.0 MiB: more than the guest memory has, 64.0 MiB; see --memory$'
    run "$pyhl" boot "${args[@]}" --stack 63M -m 64 -- /bin/stack 1
    expect_error 126 '^pyhl: cannot run /bin/stack: not enough guest memory$'
    run "$pyhl" boot "${args[@]}" --stack 64K -- /bin/stack 1 "$(head -c 20000 /dev/zero | tr "\\0" x)"
    expect_error 126 '^pyhl: cannot run /bin/stack: its arguments and environment are too long$'
}
