#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mkcpio: what it writes is read back by cpio(1) as it was, page-aligned, the same every time; what
# it cannot write, it refuses in one line and without leaving a file. Run from the project's root.
set -u

mkcpio=$PWD/${BUILD:-build}/images/mkcpio
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "mkcpio_test: $*" >&2
    failed=1
}

# expect WHAT GOT WANTED
expect() {
    [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

make_tree() {
    mkdir -p "$1"/empty "$1"/dir/sub "$1"/a "$1"/sticky
    chmod 1777 "$1/sticky"
    chmod 750 "$1/dir"
    : >"$1/zero"
    printf 'x' >"$1/one"
    local size
    for size in 4095 4096 4097 8192 65535 65536 100000 3000000; do
        head -c $size /dev/urandom >"$1/dir/size-$size"
    done
    for size in 4095 4096 20001; do
        { printf '\177ELF'; head -c $((size - 4)) /dev/urandom; } >"$1/dir/elf-$size"
    done
    chmod 4755 "$1/dir/size-4097"
    printf 'hyphen sorts before slash' >"$1/a-b"
    printf 'name' >"$1/a/"$'new\nline'
    printf 'name' >"$1/a/ two  blanks "
    printf 'name' >"$1/a/"$'\xff\xfe not utf-8'
    printf 'name' >"$1/a/ünïcode"
    printf 'name' >"$1/a/-dash"
    printf 'name' >"$1/a/"'back\slash*?['
    head -c 5000 /dev/zero >"$1/a/$(printf 'n%.0s' {1..255})"
    ln -s size-4096 "$1/dir/link"
    ln -s /nowhere/at/all "$1/dangling"
    ln -s "$(printf 'l%.0s' {1..4000})" "$1/dir/long-link"
    ln "$1/dir/size-8192" "$1/hard"
}

# What lies under a directory: type, mode, link target and content of all, padding aside.
describe() {
    (cd "$1" && find . -mindepth 1 ! -name .align -printf '%P %y %m %l\n' | LC_ALL=C sort &&
        find . -type f ! -name .align -exec sha256sum {} + | LC_ALL=C sort)
}

test_round_trip() {
    mkdir "$work/out"
    (cd "$work/out" && cpio --quiet -idmu --no-absolute-filenames <"$work/1.cpio") ||
        fail "cpio cannot read the archive"
    expect "tree after cpio -i" "$(describe "$work/out")" "$(describe "$work/tree")"
    expect "number of links" "$(stat -c %h "$work/out/hard")" 1
    expect "time" "$(stat -c %Y "$work/out/one")" 1000000000
    expect "owner" "$(list_data "$work/1.cpio" | cut -d' ' -f4 | sort -u)" 0:0
}

# The tree belongs to whoever runs the test: if that is root, a part of it is given away.
test_owners() {
    local wanted
    cp -a "$work/tree" "$work/owned"
    [ "$(id -u)" != 0 ] || chown 1234:4321 "$work/owned/one"
    wanted=$(stat -c %u:%g "$work/owned/one")
    "$mkcpio" -o "$work/owned" "$work/owned.cpio" || fail "-o failed"
    list_data "$work/owned.cpio" | cut -d' ' -f4 | grep -qx "$wanted" || fail "-o: no file of $wanted"
    expect "owner of padding" "$(list_data "$work/owned.cpio" | awk '$3 == "padding" { print $4 }' | sort -u)" 0:0
}

test_deterministic() {
    cp -a "$work/tree" "$work/copy"
    find "$work/copy" -exec touch -h {} +
    "$mkcpio" -t 1000000000 "$work/copy" "$work/2.cpio" || fail "second run failed"
    cmp "$work/1.cpio" "$work/2.cpio" || fail "a copy of the tree gives other bytes"
    SOURCE_DATE_EPOCH=1000000000 "$mkcpio" "$work/copy/" "$work/2.cpio" || fail "third run failed"
    cmp "$work/1.cpio" "$work/2.cpio" || fail "SOURCE_DATE_EPOCH or a trailing slash matters"
}

# Walks the headers, as the guest does: prints `offset size kind owner` for each regular file.
list_data() {
    python3 - "$1" <<'EOF'
import sys
archive = open(sys.argv[1], "rb").read()
at, inodes = 0, set()
while True:
    assert archive[at:at + 6] == b"070701", at
    field = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
    name = archive[at + 110:at + 110 + field[11] - 1]
    data = (at + 110 + field[11] + 3) & ~3
    if name == b"TRAILER!!!":
        break
    assert field[0] not in inodes
    inodes.add(field[0])
    if field[1] >> 12 == 0o10:
        print(data, field[6], "padding" if name == b".align" and field[1] == 0o100000 else "file",
              f"{field[2]}:{field[3]}", "elf" if archive[data:data + 4] == b"\x7fELF" else "other")
    at = (data + field[6] + 3) & ~3
EOF
}

test_alignment() {
    local list
    list=$(list_data "$work/1.cpio") || fail "headers cannot be walked"
    expect "files off a page" "$(awk '$3 == "file" && $1 % 4096 != 0 &&
        ($2 >= 65536 || $2 >= 4096 && $5 == "elf")' <<<"$list")" ""
    expect "files to be mapped" "$(awk '$3 == "file" && ($2 >= 65536 || $2 >= 4096 && $5 == "elf")' <<<"$list" | wc -l)" 5
    expect "paddings, one a file at most" "$(($(grep -c padding <<<"$list") <= 5))" 1
    expect "padding of a page or more" "$(awk '$3 == "padding" && $2 >= 4096' <<<"$list")" ""
}

# refuse WHAT EXIT PATTERN ARGS...: fails with one line that matches, leaves no file behind
refuse() {
    local what=$1 status=$2 pattern=$3 message got
    shift 3
    message=$("$mkcpio" "$@" 2>&1 >/dev/null)
    got=$?
    expect "$what: exit status" "$got" "$status"
    expect "$what: lines" "$(wc -l <<<"$message")" 1
    [[ $message == *$pattern* ]] || fail "$what: unexpected message: $message"
    expect "$what: files left" "$(find "$work/dest" -mindepth 1)" ""
}

test_refusals() {
    local dest=$work/dest/x.cpio
    mkdir "$work/dest" "$work/fifo" "$work/reserved" "$work/nested"
    mkfifo "$work/fifo/pipe"
    : >"$work/reserved/.align"
    refuse "no arguments" 2 usage
    refuse "bad option" 2 "" -x "$work/tree"
    refuse "bad time" 2 "not a time" -t never "$work/tree" "$dest"
    refuse "no such tree" 1 "No such file" "$work/absent" "$dest"
    refuse "a file as tree" 1 "Not a directory" "$work/tree/one" "$dest"
    refuse "a fifo" 1 "neither file" "$work/fifo" "$dest"
    refuse "reserved name" 1 reserved "$work/reserved" "$dest"
    refuse "no such output directory" 1 "No such file" "$work/tree" "$work/dest/no/x.cpio"
    refuse "output inside the tree" 1 "inside the tree" "$work/dest" "$dest"
    refuse "full disk" 1 "" "$work/tree" /dev/full/x.cpio
}

# A run that fails half-way, and one that meets an older output: the older one stays.
test_keeps_old_output() {
    echo old >"$work/old.cpio"
    "$mkcpio" "$work/fifo" "$work/old.cpio" 2>/dev/null && fail "a fifo was archived"
    expect "older output" "$(cat "$work/old.cpio")" old
    expect "temporary files" "$(find "$work" -maxdepth 1 -name 'old.cpio.*')" ""
    (ulimit -f 100 && trap '' XFSZ && "$mkcpio" "$work/tree" "$work/old.cpio" 2>"$work/message") &&
        fail "no error where no space was left"
    expect "message lines without space" "$(wc -l <"$work/message")" 1
    expect "older output" "$(cat "$work/old.cpio")" old
    expect "temporary files" "$(find "$work" -maxdepth 1 -name 'old.cpio.*')" ""
}

# Stopped in the middle of a file that takes a while.
test_interrupted() {
    mkdir "$work/large" "$work/stopped"
    truncate -s 3G "$work/large/sparse"
    timeout -s TERM 0.1 "$mkcpio" "$work/large" "$work/stopped/x.cpio"
    expect "status of an interrupted run" $? 124
    expect "files of an interrupted run" "$(find "$work/stopped" -mindepth 1)" ""
}

test_empty_tree() {
    mkdir "$work/nothing"
    "$mkcpio" "$work/nothing" "$work/nothing.cpio" || fail "an empty tree fails"
    expect "entries of an empty tree" "$(cpio --quiet -it <"$work/nothing.cpio")" ""
}

[ -x "$mkcpio" ] || { echo "mkcpio_test: $mkcpio is missing: run make first" >&2; exit 1; }
make_tree "$work/tree"
"$mkcpio" -t 1000000000 "$work/tree" "$work/1.cpio" || fail "the first run failed"
test_round_trip
test_owners
test_deterministic
test_alignment
test_refusals
test_keeps_old_output
test_interrupted
test_empty_tree
[ $failed -ne 0 ] || echo "mkcpio_test: ok"
exit $failed
