# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# Cases of homes: finding them, damaged ones, setups that are refused, killed, or run out of disk, hosts without
# a usable KVM.

case_home_search() {
    mkdir -p "$scratch/empty" "$scratch/data" "$scratch/user/.local/share"
    ln -sfn "$home" "$scratch/data/pyhl"
    ln -sfn "$home" "$scratch/user/.local/share/pyhl"
    begin "no home: all places and the command are named"
    run env -C "$scratch/empty" "$pyhl" run -c 'print(1)'
    expect_error 125 'PYHL_HOME.*\./\.pyhl.*nodata/pyhl.*pyhl setup --from'
    run env -C "$scratch/empty" -u XDG_DATA_HOME HOME=/u "$pyhl" run -c 'print(1)'
    expect_error 125 '/u/\.local/share/pyhl'
    begin "the order of the search"
    run env -C "$scratch/empty" XDG_DATA_HOME="$scratch/data" "$pyhl" run -c 'print(1)'
    expect_out 1
    run env -C "$scratch/empty" -u XDG_DATA_HOME HOME="$scratch/user" "$pyhl" run -c 'print(1)'
    expect_out 1
    run env -C "$scratch/empty" PYHL_HOME="$home" "$pyhl" run -c 'print(1)'
    expect_out 1
    begin "a home that is named is the only one looked at"
    run env -C "$scratch/empty" PYHL_HOME=/nowhere XDG_DATA_HOME="$scratch/data" "$pyhl" run -c x
    expect_error 125 "no home in '/nowhere' .*PYHL_HOME"
    run env PYHL_HOME="$home" "$pyhl" run --dest /nowhere -c x
    expect_error 125 "no home in '/nowhere'; .*--dest /nowhere"
}

# flip FILE OFFSET: one bit.
flip() {
    python3 - "$1" "$2" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 16]))
PYTHON
}

case_damaged_home() {
    local bad=$scratch/bad file size choice
    begin "a home half-written: any file missing or empty"
    for file in pyhl.ini snapshot initrd.cpio; do
        copy_home "$bad"
        rm "$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "setup.*--from"
        : >"$bad/$file"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 "$file|$bad"
    done
    begin "a pyhl.ini that is damaged, or of another format"
    copy_home "$bad"
    sed -i 's/^format = .*/format = 99/' "$bad/pyhl.ini"
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_error 125 'format 99, this pyhl knows 1'
    for line in '/^key/d' 's/^key = ./key = g/' 's/^key = ./key = /' 's/^memory = .*/memory = x/' \
        's/^snapshot_size = .*/snapshot_size = -1/' 's/^\[pyhl\]/[other]/' '3s/.*/nonsense/'; do
        copy_home "$bad"
        sed -i "$line" "$bad/pyhl.ini"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 'pyhl.ini'
    done
    begin "a snapshot truncated at many places"
    size=$(stat -c %s "$home/snapshot")
    for at in 1 7 63 64 4095 4096 8192 65536 $((size / 2)) $((size - 4096)) $((size - 1)); do
        copy_home "$bad"
        truncate -s "$at" "$bad/snapshot"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 'snapshot'
    done
    begin "a snapshot with a bit flipped in its header"
    for at in 0 5 9 17 33 65 100 200; do
        copy_home "$bad"
        flip "$bad/snapshot" "$at"
        run "$pyhl" run --dest "$bad" -c 'print(1)'
        expect_error 125 'setup --force'
    done
    begin "a bit flipped anywhere: verify finds it, and run stays correct"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        copy_home "$bad"
        flip "$bad/snapshot" $(((RANDOM * 32768 + RANDOM) % size))
        run "$pyhl" verify --dest "$bad"
        expect_status 125
    done
    begin "kernel or initrd changed after setup: verify names it"
    for file in kernel initrd.cpio; do
        copy_home "$bad"
        flip "$bad/$file" 3000
        run "$pyhl" verify --dest "$bad"
        expect_error 125 'key [0-9a-f]{32}, pyhl.ini says [0-9a-f]{32}'
    done
    begin "an initrd that got shorter"
    copy_home "$bad"
    truncate -s -4096 "$bad/initrd.cpio"
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_error 125 'the initrd has [0-9]+ bytes, the snapshot was made with [0-9]+'
    begin "a snapshot of another image: both keys are named"
    copy_home "$bad"
    cp "$scratch/other/snapshot" "$bad/snapshot"
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_error 125 '[0-9a-f]{32}.*[0-9a-f]{32}'
    begin "a good home verifies"
    run "$pyhl" verify --dest "$home"
    expect_status 0
    run "$pyhl" info --dest "$home"
    expect_status 0
    grep -q 'none = 1.0' "$scratch/out" || problem "no packages in info"
    for choice in 'CPU features' 'memory image' 'memory slots' 'program text' 'working set' 'ring-0 state' \
        'vCPU at rest'; do
        grep -qE "^  $choice +[^ ].*: [^ ]" "$scratch/out" || problem "info does not say what is chosen: $choice"
    done
    begin "setup replaces a home that cannot be used"
    copy_home "$bad"
    truncate -s 4096 "$bad/snapshot"
    run "$pyhl" setup --from "$image" --dest "$bad"
    expect_status 0
    run "$pyhl" run --dest "$bad" -c 'print(1)'
    expect_out 1
}

case_from() {
    local from=$scratch/from at=$scratch/at long
    nothing_installed() {
        [ -e "$at" ] || [ -e "$at.tmp" ] && problem "something was left at $at"
    }
    # missing_program WHAT EDIT: an image whose image.ini names /bin/missing after this edit.
    missing_program() {
        begin "$1"
        rm -rf "$from" && cp -r "$image" "$from"
        sed -i "$2" "$from/image.ini"
        run "$pyhl" setup --from "$from" --dest "$at"
        expect_status 125
        expect_err '/bin/missing: ended with status [0-9]*; its messages are above'
        nothing_installed
    }
    refused() {
        run "$pyhl" setup --from "$1" --dest "$at"
        expect_error "$2" "$3"
        nothing_installed
    }
    rm -rf "$from" && mkdir -p "$from"
    begin "--from missing, empty, not an image"
    run "$pyhl" setup --dest "$at"
    expect_error 2 "give the image with --from"
    refused "$scratch/missing" 2 "missing': No such file"
    refused "$from" 2 "no file 'kernel'"
    : >"$scratch/void"
    refused "$scratch/void" 2 "empty file"
    refused /dev/null 2 "neither"
    refused "$pyhl" 2 "not a tar archive"
    run "$pyhl" setup "$image" --dest "$at"
    expect_error 2 "not expected here"
    begin "--from with a file missing or empty"
    for file in kernel initrd.cpio image.ini; do
        rm -rf "$from" && cp -r "$image" "$from" && rm "$from/$file"
        refused "$from" 2 "no file '$file'"
        : >"$from/$file"
        refused "$from" 2 "'$file' is empty"
    done
    begin "a bad image.ini"
    rm -rf "$from" && cp -r "$image" "$from"
    for text in 'nonsense' '[image]' '[image]\nname = a b\ninit = /x' '[image]\nname = a\ninit = x' \
        '[image]\nname = a' '[image]\nname = a\ninit = /x\nmemory = lots'; do
        printf '%b\n' "$text" >"$from/image.ini"
        refused "$from" 2 "image.ini"
    done
    # bad_line LINE WHAT: the image's image.ini with this line is refused, for what the message says.
    bad_line() {
        sed "s,^init.*,&\n$1," "$image/image.ini" >"$from/image.ini"
        refused "$from" 2 "image.ini: line 4:? $2"
    }
    long=$(printf 'x%.0s' {1..199})
    bad_line 'description = x' "unknown key 'description' in \[image\], which has name, init, check, "
    bad_line "${long:0:150} = x" "unknown key '${long:0:150}' in \[image\]"
    bad_line "$long = x" 'has 203 bytes, at most 198 are taken'
    bad_line "rehearsal = $long" 'has 211 bytes, at most 198 are taken'
    bad_line 'name = again' 'name is given twice'
    bad_line ' more' 'init is given twice \(a line that begins with a space goes on'
    bad_line 'rehearsal =' 'rehearsal has 0 bytes'
    bad_line 'rehearsal = \x1b[2J' 'has a control character'
    sed -i 's/^check_output.*/check_output = 1\\r/' "$from/image.ini"
    refused "$from" 2 "image.ini: line 4"
    begin "a bad image.ini in an archive"
    tar -cf "$scratch/bad.tar" -C "$from" .
    refused "$scratch/bad.tar" 2 "bad.tar': .*image.ini: line 4"
    begin "a kernel that is none, truncated, or of another ABI"
    for size in 0 1 63 64 1000 4096; do
        rm -rf "$from" && cp -r "$image" "$from"
        if [ "$size" = 0 ]; then cp "$pyhl" "$from/kernel"; else truncate -s "$size" "$from/kernel"; fi
        refused "$from" 125 "kernel"
    done
    begin "too little memory for the image"
    rm -rf "$from" && cp -r "$image" "$from"
    sed -i 's/^memory = .*/memory = 64M\nmemory_min = 32M/' "$from/image.ini"
    run "$pyhl" setup --from "$from" --dest "$at" --memory 24M
    expect_error 2 '24.0 MiB: the image needs 32.0 MiB'
    nothing_installed
    begin "an initrd that is no CPIO"
    rm -rf "$from" && cp -r "$image" "$from"
    head -c 100000 /dev/urandom >"$from/initrd.cpio"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_status 125
    nothing_installed
    missing_program "an image whose init fails" 's,^init.*,init = /bin/missing,'
    # checked EDIT WHAT: what setup says of the image with its image.ini edited.
    checked() {
        sed "$1" "$image/image.ini" >"$from/image.ini"
        run "$pyhl" setup --from "$from" --dest "$at"
        expect_status 125
        expect_err "$2"
        nothing_installed
    }
    begin "an image whose check or rehearsal fails, or prints something else"
    rm -rf "$from" && cp -r "$image" "$from"
    checked 's/^check =.*/check = fail/' "check 'fail': ended with status 3; its messages are above"
    checked 's/^init.*/&\nrehearsal = fail/' "rehearsal 'fail': ended with status 3"
    checked 's/^check_output.*/check_output = 1\\t\\\\\\n/' \
        "check 'print\(1\)' printed '1\\\\n1\\\\n' in two runs; check_output is '1\\\\t\\\\\\\\\\\\n'"
    checked '/^check_output/d' "printed '1\\\\n1\\\\n' in two runs; check_output is ''"
    begin "an image with a rehearsal, and a check that a shell must not see as it is"
    sed "s/^check =.*/check = print('1')\nrehearsal = show/" "$image/image.ini" >"$from/image.ini"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_status 0
    grep -q '^mode' "$scratch/out" "$scratch/err" && problem "the rehearsal's output is shown"
    run sh -c "$(sed -n 's/^try: //p' "$scratch/out")"
    expect_out 1
    rm -rf "$at"
    begin "an image that takes no scripts"
    refused build/images/helloworld-c 2 "no 'check' in its image.ini, so it takes no scripts; run .* with pyhl boot"
    rm -rf "$from" && cp -r build/images/helloworld-c "$from" && sed -i "s/^init=.*/&\ncheck = any/" "$from/image.ini"
    run "$pyhl" setup --from "$from" --dest "$at"
    expect_status 125
    expect_err 'instead of waiting for scripts'
    nothing_installed
    begin "archives: plain and compressed, at the top and one level down"
    tar -cf "$scratch/a.tar" -C "$image" .
    tar -czf "$scratch/a.tar.gz" -C "$(dirname "$image")" "$(basename "$image")"
    tar -cJf "$scratch/a.tar.xz" -C "$image" kernel initrd.cpio image.ini
    tar --zstd -cf "$scratch/a.tar.zst" -C "$image" .
    for file in a.tar a.tar.gz a.tar.xz a.tar.zst; do
        run "$pyhl" setup --from "$scratch/$file" --dest "$at"
        expect_status 0
        run "$pyhl" run --dest "$at" -c 'print(1)'
        expect_out 1
        rm -rf "$at"
    done
    begin "archives: truncated, a file twice, a file missing, hostile names"
    for size in 100 600 100000; do
        head -c $size "$scratch/a.tar" >"$scratch/short.tar"
        refused "$scratch/short.tar" 2 "short.tar"
        head -c $((size / 2)) "$scratch/a.tar.gz" >"$scratch/short.tar.gz"
        refused "$scratch/short.tar.gz" 2 "short.tar.gz"
    done
    cp "$scratch/a.tar" "$scratch/twice.tar"
    tar -rf "$scratch/twice.tar" -C "$image" kernel
    refused "$scratch/twice.tar" 2 "twice in the archive"
    tar -cf "$scratch/part.tar" -C "$image" kernel image.ini
    refused "$scratch/part.tar" 2 "no file 'initrd.cpio'"
    tar -cPf "$scratch/evil.tar" --transform 's,.*/kernel,../../kernel,' -C "$image" ./kernel \
        initrd.cpio image.ini
    refused "$scratch/evil.tar" 2 "no file 'kernel'"
}

# unusable HOME MESSAGE: a run and info say it in one line; the command in it is left in $scratch/command.
unusable() {
    run "$pyhl" run --dest "$1" -c 'print(1)'
    expect_error 125 "^pyhl run: (.*: )?$2 with: pyhl setup --force --from "
    sed -n 's/.* with: pyhl //p' "$scratch/err" >"$scratch/command"
    run "$pyhl" info --dest "$1"
    grep -qE "$2 with: pyhl setup --force" "$scratch/err" "$scratch/out" || problem "info: $(cat "$scratch/err" "$scratch/out")"
}

# renewed HOME: by the very command that the message has told.
renewed() {
    run sh -c "\"$pyhl\" $(cat "$scratch/command")"
    expect_status 0
    run "$pyhl" run --dest "$1" -c 'print(1)'
    expect_out 1
    run "$pyhl" verify --dest "$1"
    expect_status 0
}

case_other_version() {
    local abi format old=$scratch/old version
    version=$(sed -n 's/^version = //p' "$home/pyhl.ini")
    abi=$(sed -n 's/^#define HV_ABI_VERSION //p' vmm/abi.h) format=$(sed -n 's/^#define SNAP_VERSION *\([0-9]*\)u/\1/p' vmm/snapshot_int.h)
    begin "homes of another version: made"
    cc -std=c17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -o "$scratch/relabel" tests/cli/relabel.c build/libvmm.a \
        -lelf -lxxhash -lz -lpthread >"$scratch/out" 2>&1 || problem "$(cat "$scratch/out")"
    for other in $((abi - 1)) $((abi + 1)); do
        begin "a home of ABI $other: the image in it is of no use"
        copy_home "$old"
        "$scratch/relabel" abi $other "$old/snapshot" "$old/kernel" || problem "not relabelled"
        unusable "$old" "$old: made by another pyhl \($version\): snapshot of kernel ABI version $other, wanted $abi; install an image of this version"
        [ "$(cat "$scratch/command")" = "setup --force --from IMAGE --dest $old" ] || problem "$(cat "$scratch/command")"
        sed -i "s|IMAGE|$image|" "$scratch/command"
        renewed "$old"
    done
    for other in $((format - 1)) $((format + 1)); do
        begin "a home with a snapshot of format $other: set up again from the image in it"
        copy_home "$old"
        "$scratch/relabel" format $other "$old/snapshot" || problem "not relabelled"
        unusable "$old" "$old: made by another pyhl \($version\): snapshot version $other, wanted $format; install again"
        [ "$(cat "$scratch/command")" = "setup --force --from $old --dest $old" ] || problem "$(cat "$scratch/command")"
        renewed "$old"
    done
    begin "a home of a newer format"
    copy_home "$old"
    sed -i 's/^format = .*/format = 2/' "$old/pyhl.ini"
    unusable "$old" "$old/pyhl.ini: format 2, this pyhl knows 1; install again"
    renewed "$old"
    begin "a home without an image.ini, as an earlier pyhl made it"
    copy_home "$old"
    rm "$old/image.ini"
    run "$pyhl" run --dest "$old" -c 'print(1)'
    expect_out 1
    "$scratch/relabel" format 1 "$old/snapshot"
    unusable "$old" "snapshot version 1, wanted $format; install an image of this version"
    begin "a home whose own image is damaged"
    copy_home "$old"
    truncate -s -4096 "$old/initrd.cpio"
    unusable "$old" 'the initrd has [0-9]* bytes.*; install again'
    grep -q -- '--from IMAGE' "$scratch/command" || problem "$(cat "$scratch/command")"
    begin "a command for a home whose name a shell would split, and one too long for a message"
    old="$scratch/o'l d"
    copy_home "$old"
    "$scratch/relabel" format 1 "$old/snapshot"
    unusable "$old" "snapshot version 1, wanted $format; install again"
    renewed "$old"
    old=$scratch/$(printf 'x%.0s' {1..230})
    copy_home "$old"
    "$scratch/relabel" format 1 "$old/snapshot"
    run "$pyhl" run --dest "$old" -c 'print(1)'
    expect_error 125 'with: pyhl setup --force --from IMAGE$'
    rm -rf "$old"
    begin "a home is an image"
    run "$pyhl" setup --from "$home" --dest "$scratch/second"
    expect_status 0
    run "$pyhl" run --dest "$scratch/second" -c 'print(1)'
    expect_out 1
}

case_setup() {
    local at=$scratch/again foreign=$scratch/foreign pid
    begin "setup: what is where, a second call, --force"
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    grep -q "$at/snapshot" "$scratch/out" || problem "no sizes in $(cat "$scratch/out")"
    [ "$(find "$at" -type f | wc -l)" = 5 ] || problem "files: $(ls "$at")"
    before=$(stat -c %i "$at/snapshot")
    run "$pyhl" setup --from "$image" --dest "$at/"
    expect_status 0
    grep -q 'already installed' "$scratch/out" || problem "$(cat "$scratch/out")"
    [ "$(stat -c %i "$at/snapshot")" = "$before" ] || problem "a second setup replaced the first"
    grep -q 'add --force' "$scratch/out" && problem "the same image is another: $(cat "$scratch/out")"
    begin "setup --from another image, or none, over an install"
    run "$pyhl" setup --from "$scratch/image2" --dest "$at"
    expect_status 0
    grep -q 'not made from .*image2 as that is now.*--force' "$scratch/out" || problem "$(cat "$scratch/out")"
    run "$pyhl" setup --from "$scratch/none-such" --dest "$at"
    expect_status 2
    expect_err "none-such: No such file or directory"
    [ "$(stat -c %i "$at/snapshot")" = "$before" ] || problem "a second setup replaced the first"
    run "$pyhl" setup --from "$image" --dest "$at" --force --memory 48M
    expect_status 0
    grep -q '^memory = 50331648$' "$at/pyhl.ini" || problem "--memory is not recorded"
    [ "$(stat -c %i "$at/snapshot")" != "$before" ] || problem "--force replaced nothing"
    [ -e "$at.tmp" ] && problem "the old home is left in $at.tmp"
    begin "setup takes \$PYHL_HOME, and ./.pyhl"
    mkdir -p "$scratch/cwd"
    run env -C "$scratch/cwd" PYHL_HOME=there "$pyhl" setup --from "$image"
    expect_status 0
    run env -C "$scratch/cwd" "$pyhl" setup --from "$image"
    expect_status 0
    for file in .pyhl there; do
        [ -e "$scratch/cwd/$file/pyhl.ini" ] || problem "no home in $file"
    done
    begin "an image that changes while it is installed"
    cp -r "$image" "$scratch/moving"
    while touch "$scratch/moving/initrd.cpio"; do sleep 0.002; done &
    pid=$!
    run "$pyhl" setup --from "$scratch/moving" --dest "$scratch/moved"
    kill $pid
    expect_error 125 'moving/initrd.cpio changed while it was installed'
    [ -z "$(find "$scratch" -maxdepth 1 -name 'moved*')" ] || problem "something is left"
    begin "setup touches nothing that is not pyhl's"
    mkdir -p "$foreign" && echo precious >"$foreign/file" && : >"$foreign/kernel"
    run "$pyhl" setup --from "$image" --dest "$foreign" --force
    expect_error 125 "did not make"
    [ "$(cat "$foreign/file")" = precious ] || problem "it is damaged"
    [ -e "$foreign/kernel" ] || problem "a file of it was removed"
    echo text >"$scratch/plain"
    run "$pyhl" setup --from "$image" --dest "$scratch/plain" --force
    expect_error 125 "did not make"
    : >"$scratch/file"
    run "$pyhl" setup --from "$image" --dest "$scratch/file/below/home"
    expect_error 125 "file.*Not a directory"
    run "$pyhl" setup --from "$image" --dest /
    expect_error 125 "cannot be the name"
    mkdir -p "$scratch/blocked.tmp" && echo precious >"$scratch/blocked.tmp/file"
    run "$pyhl" setup --from "$image" --dest "$scratch/blocked"
    expect_error 125 "in the way"
    [ -e "$scratch/blocked.tmp/file" ] || problem "it is damaged"
    begin "two setups at once: one waits, both succeed"
    rm -rf "$at"
    timeout -s9 "$limit" "$pyhl" setup --from "$image" --dest "$at" >"$scratch/first" 2>&1 &
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    wait $! || problem "the other failed: $(cat "$scratch/first")"
    cat "$scratch/first" "$scratch/out" | grep -q 'already installed' ||
        problem "neither saw the other's home"
    [ "$(cat "$scratch/first" "$scratch/out" | grep -c '^installed')" = 1 ] || problem "both installed"
    run "$pyhl" run --dest "$at" -c 'print(1)'
    expect_out 1
}

case_concurrent() {
    local at=$scratch/busy pids=() pid i
    begin "sixteen runs at once"
    for i in $(seq 16); do
        timeout -s9 "$limit" "$pyhl" run --dest "$home" --repeat 5 -c mark >"$scratch/busy.$i" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || problem "a run failed"
    done
    [ "$(cat "$scratch"/busy.* | grep -cx clean)" = 96 ] || problem "not 96 clean runs"
    begin "runs while setup --force replaces their home"
    run "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    for i in 1 2 3 4 5; do
        timeout -s9 "$limit" "$pyhl" setup --from "$image" --dest "$at" --force >/dev/null || exit 1
    done &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        run "$pyhl" run --dest "$at" --repeat 3 -c 'print(1)'
        expect_status 0
        expect_out $'1\n1\n1\n1'
    done
    wait $pid || problem "a setup failed"
}

# Kills a setup after a random time; what is left must be what was there, or a whole new home.
kill_setup() {
    local at=$1 ms=$2 pid
    shift 2
    "$pyhl" setup --from "$image" --dest "$at" "$@" >/dev/null 2>&1 &
    pid=$!
    sleep "$(printf '0.%03d' "$ms")"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
}

case_killed_setup() {
    local at=$scratch/killed began took ms
    began=$(date +%s%N)
    run "$pyhl" setup --from "$image" --dest "$scratch/timed"
    took=$((($(date +%s%N) - began) / 1000000))
    [ $took -gt 900 ] && took=900
    begin "setup killed at random points leaves none (seed $seed)"
    for _ in $(seq 20); do
        rm -rf "$at"
        ms=$((RANDOM % (took + 20)))
        kill_setup "$at" $ms
        if [ -e "$at" ]; then
            run "$pyhl" verify --dest "$at"
            [ "$status" = 0 ] || problem "killed after $ms ms: $(cat "$scratch/err")"
        fi
    done
    begin "setup --force killed at random points leaves a whole home (seed $seed)"
    run "$pyhl" setup --from "$image" --dest "$at" --force
    for _ in $(seq 20); do
        ms=$((RANDOM % (took + 20)))
        kill_setup "$at" $ms --force
        run "$pyhl" verify --dest "$at"
        [ "$status" = 0 ] || problem "killed after $ms ms: $(cat "$scratch/err")"
    done
    begin "the next setup removes what killed ones left"
    kill_setup "$at" $((took / 2)) --force
    run "$pyhl" setup --from "$image" --dest "$at" --force
    expect_status 0
    [ -e "$at.tmp" ] && problem "$at.tmp is left"
    run "$pyhl" run --dest "$at" -c 'print(1)'
    expect_out 1
    begin "setup stopped by SIGTERM leaves nothing at all"
    rm -rf "$at"
    timeout -s TERM "$(printf '0.%03d' $((took / 2)))" "$pyhl" setup --from "$image" --dest "$at" \
        >"$scratch/out" 2>"$scratch/err"
    if [ ! -e "$at" ]; then
        [ -e "$at.tmp" ] && problem "$at.tmp is left"
        expect_err 'signal'
    fi
}

case_full_disk() {
    local kib
    need_mounts "full disk" || return
    begin "a full disk during setup: one line, nothing left"
    # From too small for the first file to nearly enough for all.
    for kib in 64 $((image_kib / 2)) $((image_kib + 64)) $(((image_kib + home_kib) / 2)); do
        # shellcheck disable=SC2016 # expanded by the inner shell
        run "${namespace[@]}" 'mkdir -p "$1" && mount -t tmpfs -o size="$2k" none "$1" || exit 99
            "$3" setup --from "$4" --dest "$1/home" >/dev/null; status=$?
            [ -z "$(ls -A "$1")" ] || { echo "left: $(ls -AR "$1")" >&2; exit 98; }
            exit $status' namespace "$scratch/small" "$kib" "$pyhl" "$image"
        expect_error 125 'No space left'
    done
    begin "a full disk during setup --force: the old home stays"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run "${namespace[@]}" 'mkdir -p "$1" && mount -t tmpfs -o size="$2k" none "$1" || exit 99
        "$3" setup --from "$4" --dest "$1/home" >/dev/null || exit 97
        "$3" setup --from "$4" --dest "$1/home" --force >/dev/null 2>"$1/err" && exit 96
        [ ! -e "$1/home.tmp" ] || exit 95
        "$3" run --dest "$1/home" -c "print(1)"' namespace "$scratch/small" $((home_kib * 3 / 2)) "$pyhl" "$image"
    expect_status 0
    expect_out 1
}

case_no_kvm() {
    need_mounts "no /dev/kvm" || return
    begin "no /dev/kvm"
    # shellcheck disable=SC2016 # expanded by the inner shell
    local hide='mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/zero c 1 5 && "$@"'
    run "${namespace[@]}" "$hide" namespace "$pyhl" run --dest "$home" -c 'print(1)'
    expect_error 125 '/dev/kvm'
    run "${namespace[@]}" "$hide" namespace "$pyhl" setup --from "$image" --dest "$scratch/nokvm"
    expect_error 125 '/dev/kvm'
    [ -e "$scratch/nokvm" ] && problem "something was installed"
    run "${namespace[@]}" "$hide" namespace "$pyhl" info --dest "$home"
    expect_status 125
    grep -q '^host: cannot be used: .*/dev/kvm' "$scratch/out" || problem "$(cat "$scratch/out")"
    run "${namespace[@]}" "$hide" namespace tests/prereqs.sh kvm
    expect_error 1 '/dev/kvm is missing'
    begin "a /dev/kvm that is not KVM"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run "${namespace[@]}" 'mount --bind /dev/null /dev/kvm && "$@"' namespace "$pyhl" run --dest "$home" -c 'print(1)'
    expect_error 125 '/dev/kvm'
    begin "no permission on /dev/kvm"
    cp "$pyhl" "$scratch/pyhl"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run "${namespace[@]}" 'cp -a /dev/kvm "$1/kvm" && chmod 600 "$1/kvm" && mount --bind "$1/kvm" /dev/kvm || exit 99
        chmod 755 "$1"; shift; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' namespace \
        "$scratch" "$scratch/pyhl" run --dest "$home" -c 'print(1)'
    rm -f "$scratch/kvm"
    expect_error 125 'permission.* /dev/kvm'
    begin "what has workers says why they die"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run "${namespace[@]}" 'mount --bind /dev/null /dev/kvm && "$@"' namespace "$pyhl" shell --dest "$home" -c true
    expect_error 125 'workers die .* /dev/kvm'
}

case_little_memory() {
    begin "boot with too little memory"
    run "$pyhl" boot "$kernel" --initrd "$image/initrd.cpio" --memory 1M -- /bin/taker
    expect_error 125 'emory'
}

case_home_parents() {
    begin "setup makes the directories that are to hold a home, for its user alone"
    run "$pyhl" setup --from "$image" --dest "$scratch/new/share/pyhl"
    expect_status 0
    [ "$(stat -c %a "$scratch/new" "$scratch/new/share" | paste -sd ' ')" = '700 700' ] ||
        problem "modes: $(stat -c '%a %n' "$scratch/new" "$scratch/new/share")"
    run "$pyhl" run --dest "$scratch/new/share/pyhl" -c 'print(1)'
    expect_status 0
    begin "a damaged pyhl.ini says what to do"
    chmod u+w "$scratch/new/share/pyhl/pyhl.ini"
    echo 'garbage' >"$scratch/new/share/pyhl/pyhl.ini"
    run "$pyhl" run --dest "$scratch/new/share/pyhl" -c 'print(1)'
    expect_error 125 'pyhl.ini.*line 1.*install again with: pyhl setup --force'
}

case_setup_terminal() {
    local at=$scratch/from-terminal
    begin "a snapshot knows nothing of the terminal that setup runs on"
    run env TERM=marker-of-this-terminal python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$pyhl" setup --from "$image" --dest "$at"
    expect_status 0
    grep -qa marker-of-this-terminal "$at/snapshot" && problem "its TERM is in the snapshot"
}
