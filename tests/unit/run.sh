#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests that need no VM: each *_test.c, built with ASan and UBSan, counts its own; each *_test.sh counts as one.
# kernel/*_test.c are about modules of the guest kernel, which are built for the host with them.
#
# usage: tests/unit/run.sh [TEST...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly out=build/tests/unit

# Linked to every test; the linker takes what is used.
readonly sources=(pyhl/value.c vmm/err.c images/runframe.c)

# What a test is linked with besides.
declare -A besides=(
    [parent]='pyhl/channel.c pyhl/parent.c pyhl/signals.c'
    [copies]='pyhl/channel.c pyhl/parent.c pyhl/signals.c pyhl/copies_parent.c pyhl/copies_read.c pyhl/copyout.c'
    [install]='pyhl/channel.c pyhl/parent.c pyhl/signals.c pyhl/install_parent.c pyhl/packages_more.c pyhl/packages_words.c pyhl/copies_read.c pyhl/copies.c
        pyhl/packages_dist.c pyhl/folder.c pyhl/files.c'
    [tools]='pyhl/channel.c pyhl/parent.c pyhl/signals.c pyhl/tools_parent.c'
)

# What a test in kernel/ is linked with: files of the guest kernel, and those in kernel/ that it needs besides, most of
# them stand-ins for what the kernel's files call.
declare -A kernel=(
    [kmalloc]='mm/kmalloc.c standin_frames.c'
    [namei]='fs/namei.c fs/nsops.c fs/dir.c fs/inode.c fs/xattr.c fs/open.c fs/file.c fs/ramfs.c fs/radix.c fs/access.c proc/cred.c sys/sys_path.c sides.c
        hostfs.c
        standin_frames.c standin_heap.c standin_user.c'
    [pmm]='mm/pmm.c'
    [printf]=''
    [radix]='fs/radix.c standin_frames.c'
    [string]=''
    [vma]='mm/vma.c standin_heap.c'
)

# Sets $args: what a test is compiled with. The kernel has Linux's headers, which define names of _GNU_SOURCE again.
args_of() {
    local name file
    name=$(basename "$1" _test.c)
    if [[ $1 != kernel/* ]]; then
        # shellcheck disable=SC2206 # words
        args=(-D_GNU_SOURCE "${sources[@]}" ${besides[$name]:-})
        return
    fi
    args=(-Iimages/kernel -Iimages/kernel/include -ffreestanding -fno-strict-aliasing images/kernel/lib/counts.c
        tests/unit/kernel/host.c tests/unit/kernel/process.c)
    for file in ${kernel[$name]}; do
        case $file in
        */*) args+=("images/kernel/$file") ;;
        *) args+=("tests/unit/kernel/$file") ;;
        esac
    done
}

choose "$(basename -a tests/unit/*_test.c tests/unit/kernel/*_test.c tests/unit/*_test.sh | sed 's/_test\..*//')" "$@"
mkdir -p "$out"
for source in tests/unit/*_test.c tests/unit/kernel/*_test.c; do
    name=$(basename "$source" _test.c)
    is_chosen "$name" || continue
    args_of "${source#tests/unit/}"
    run cc -std=c17 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
        -o "$out/$name" "$source" "${args[@]}"
    [ "$status" = 0 ] && run "$out/$name"
    cat "$scratch/out"
    passed=$((passed + $(grep -c '^pass ' "$scratch/out")))
    failed=$((failed + $(grep -c '^FAIL ' "$scratch/out")))
    if [ "$status" != 0 ] && ! grep -q '^FAIL ' "$scratch/out"; then
        begin "$name"
        problem "status $status: $(head -c 1000 "$scratch/err")"$'\n'"$(tail -n 2 "$scratch/err")"
        finish
    fi
done
for script in tests/unit/*_test.sh; do
    is_chosen "$(basename "$script" _test.sh)" || continue
    begin "$(basename "$script" _test.sh)"
    run bash "$script"
    [ "$status" = 0 ] || problem "$(tail -n 10 "$scratch/out" "$scratch/err")"
done
summary
