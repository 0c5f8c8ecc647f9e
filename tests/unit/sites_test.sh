#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sites: a hand-made library with what a naive tool would get wrong, and what a site of it must be;
# the same bytes every time; damaged ELF files do no harm. Run from the project's root.
set -u

sites=$PWD/${BUILD:-build}/images/sites
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "sites_test: $*" >&2
    failed=1
}

mkdir -p "$work/root/lib"

# Each function is named for what the index must say: "yes" or "no", then the case.
cat >"$work/cases.S" <<'ASM'
    .macro function name
    .type \name, @function
\name:
    .cfi_startproc
    .endm
    .macro done name
    .cfi_endproc
    .size \name, . - \name
    .endm

    .text
function yes_number
    mov $39, %eax
    syscall
    ret
done yes_number

function yes_long_number
    mov $39, %rax
    syscall
    ret
done yes_long_number

function yes_zero_and_check
    xor %eax, %eax
    syscall
    cmp $-4096, %rax
    ja 1f
1:  ret
done yes_zero_and_check

function yes_check
    syscall
    cmp $-4096, %rax
    ret
done yes_check

function yes_three_behind
    syscall
    push %rdi
    pop %rdi
    nop
    ret
done yes_three_behind

function yes_room_before
    mov %edi, %eax
    mov %r11, 8(%rsp)
    syscall
    ret
done yes_room_before

function no_room_but_relative
    lea table(%rip), %rdx
    syscall
    ret
done no_room_but_relative

function no_room_but_target
    test %edi, %edi
    jz 1f
    mov %r11, 8(%rsp)
1:  syscall
    ret
done no_room_but_target

function yes_number_target_behind
    mov $39, %eax
    syscall
1:  dec %edx
    jnz 1b
    ret
done yes_number_target_behind

function yes_target_in_front
    jmp 1f
    nop
1:  mov $39, %eax
    syscall
    ret
done yes_target_in_front

function no_immediate
    movabs $0x90050f90050f0190, %rax
    mov $0x050f050f, %ecx
    lea 0x050f(%rax), %rax
    ret
done no_immediate

function no_displacement
    mov 0x050f050f(%rax), %eax
    ret
done no_displacement

function no_target_behind
    mov %edi, %eax
    syscall
1:  cmp $-4096, %rax
    jb 1b
    ret
done no_target_behind

function no_target_further
    mov %edi, %eax
    syscall
    nop
1:  cmp $-4096, %rax
    jb 1b
    ret
done no_target_further

function no_target_itself
    test %edi, %edi
    jz 1f
    mov $39, %eax
1:  syscall
    ret
done no_target_itself

function no_return
    mov %edi, %eax
    syscall
    ret
    nop
    nop
done no_return

function no_branch
    mov %edi, %eax
    syscall
    jmp no_return
done no_branch

function no_call
    mov %edi, %eax
    syscall
    call no_return
    ret
done no_call

function no_relative
    mov %edi, %eax
    syscall
    lea table(%rip), %rdx
    ret
done no_relative

function no_end
    mov %edi, %eax
    syscall
done no_end
function no_start
    cmp $-4096, %rax
    ret
done no_start

function no_two
    syscall
    syscall
    ret
done no_two

function no_sigreturn
    mov $15, %rax
    syscall
done no_sigreturn

function no_table
    lea table(%rip), %rdx
    movslq (%rdx, %rdi, 4), %rax
    add %rdx, %rax
    jmp *%rax
    syscall
in_table:
    cmp $-4096, %rax
    ret
done no_table

function no_pointer
    syscall
in_data:
    cmp $-4096, %rax
    ret
done no_pointer

function no_address
    lea in_code(%rip), %rdx
    syscall
in_code:
    cmp $-4096, %rax
    ret
done no_address

function no_from_elsewhere
    syscall
in_other:
    cmp $-4096, %rax
    ret
done no_from_elsewhere

    .balign 4096
    .skip 4093, 0x90
function yes_two_pages
    mov $39, %eax
    syscall
    ret
done yes_two_pages

    // Code in no function: not looked at for sites, but what it jumps to counts.
    jmp in_other
    // Data in the text.
    .ascii "\xb8\x27\0\0\0\x0f\x05"
    mov $39, %eax
    syscall
    ret

    // No FDE, but a size.
    .type yes_no_frame, @function
yes_no_frame:
    mov $39, %eax
    syscall
    ret
    .size yes_no_frame, . - yes_no_frame

    .section .rodata
    .balign 4
table:
    .long no_return - table
    .long in_table - table
    .long 0

    .data
    .balign 8
    .quad in_data
    .section .note.GNU-stack, "", @progbits
ASM

# The index as lines "PATH OFFSET PRE LEN BYTES".
read_index() {
    python3 - "$1" <<'PY'
import struct, sys
data = open(sys.argv[1], "rb").read()
magic, version, size, files, sites = struct.unpack_from("<8sIIII", data)
assert magic == b"physites" and version == 1 and size == len(data) and data.endswith(b"\0")
tables = 24 + files * 24
paths = data[tables + sites * 24:]
for n in range(files):
    file_size, path, first, count, zero = struct.unpack_from("<QIIII", data, 24 + n * 24)
    assert zero == 0
    name = paths[path:paths.index(b"\0", path)].decode()
    last = 0
    for k in range(first, first + count):
        offset, pre, length, r, text = struct.unpack_from("<IBBH16s", data, tables + k * 24)
        assert offset >= last and 5 <= length <= 16 and text[pre:pre + 2] == b"\x0f\x05"
        assert offset + length <= file_size and r == 0 and not any(text[length:])
        last = offset + length
        print(name, offset, pre, length, text[:length].hex())
PY
}

# Which functions of a library have a site, by name; their file offsets are their addresses here.
sites_by_name() {
    local name address size
    nm -S --defined-only "$1" | while read -r address size _ name; do
        case $name in yes_* | no_*) ;; *) continue ;; esac
        awk -v n="$name" -v from=$((16#$address)) -v to=$((16#$address + 16#${size:-0})) \
            '$2 >= from && $2 < to { print n, $3, $4 }' "$2"
    done | sort
}

check_library() {
    local kind=$1 flags=$2
    # shellcheck disable=SC2086 # flags are words
    "${CC:-cc}" $flags -nostdlib -Wl,-z,noseparate-code "$work/cases.S" -o "$work/root/lib/cases" ||
        fail "$kind: not built"
    "$sites" "$work/root" || fail "$kind: sites failed"
    read_index "$work/root/usr/lib/pyhl/sites" >"$work/index" || fail "$kind: bad index"
    [ "$(cut -d' ' -f1 "$work/index" | sort -u)" = /lib/cases ] || fail "$kind: paths"
    sites_by_name "$work/root/lib/cases" "$work/index" >"$work/found"
    cat >"$work/wanted" <<'END'
yes_check 0 8
yes_long_number 7 9
yes_no_frame 5 7
yes_number 5 7
yes_number_target_behind 5 7
yes_room_before 5 7
yes_target_in_front 5 7
yes_three_behind 0 5
yes_two_pages 5 7
yes_zero_and_check 2 10
END
    diff "$work/wanted" "$work/found" >&2 || fail "$kind: not the sites that were wanted"
    [ "$(wc -l <"$work/index")" = "$(wc -l <"$work/wanted")" ] || fail "$kind: sites outside"
}

check_library "a library" "-shared -fPIC"
cp "$work/root/usr/lib/pyhl/sites" "$work/first"
"$sites" "$work/root" || fail "a second time"
cmp "$work/first" "$work/root/usr/lib/pyhl/sites" || fail "not the same bytes twice"

# Damaged files: whatever comes out, the tool does not.
cp "$work/root/lib/cases" "$work/good"
python3 - "$work/good" "$work/root/lib" <<'PY'
import random, sys
good = open(sys.argv[1], "rb").read()
random.seed(1)
for n in range(300):
    bad = bytearray(good)
    for _ in range(random.choice((1, 3, 20))):
        at = random.choice((random.randrange(64), random.randrange(len(bad)),
                            len(bad) - 1 - random.randrange(1500)))
        bad[at] = random.choice((0, 255, 127, 128, random.randrange(256)))
    if n % 7 == 0:
        del bad[random.randrange(len(bad)):]
    open(f"{sys.argv[2]}/bad{n}", "wb").write(bad)
PY
"$sites" "$work/root" || fail "damaged files: status $?"
read_index "$work/root/usr/lib/pyhl/sites" >/dev/null || fail "damaged files: bad index"

rm -rf "$work/root"
mkdir "$work/root"
: >"$work/root/empty"
"$sites" "$work/root" || fail "a tree without programs"
read_index "$work/root/usr/lib/pyhl/sites" || fail "an empty index"
if "$sites" "$work/nothing" 2>"$work/err"; then
    fail "a tree that is not there"
fi
[ "$(wc -l <"$work/err")" = 1 ] || fail "not one line about a tree that is not there"

[ $failed -eq 0 ] && echo "sites_test: ok"
exit $failed
