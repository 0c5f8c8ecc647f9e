# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh, which sets what is used here
# Cases of files that are copied into a run and out of it.

# copying WORD...: `pyhl run` with these words, in the directory $scratch/copy.
copying() {
    run env -C "$scratch/copy" "$pyhl" run --dest "$home" "$@"
}

# A fresh directory with a tree `in` of all that can be copied.
copy_begin() {
    begin "$1"
    rm -rf "$scratch/copy"
    mkdir -p "$scratch/copy/in/sub/empty"
    cd "$scratch/copy" || return
    printf 'hello' >in/a
    printf 'x' >"in/$(printf 'n%.0s' {1..255})"
    : >in/$'\xff\xfe bytes\n'
    ln -s ../outside in/link
    touch in/sub/{1..300} # for so many, qsort() makes a system call
    printf 'run' >in/sub/prog
    chmod 750 in/sub
    chmod 4711 in/sub/prog
    touch -h -d '2001-02-03 04:05:06.123456789' in/a in/link in/sub/prog
    touch -d '1999-01-01 00:00:00.000000001' in/sub/empty in/sub in
    cd "$OLDPWD" || return
}

# What there is to know of a tree.
tree_of() {
    (cd "$1" && find . -printf '%P %y %m %T@ %l %s\n' | sed -E 's/^(.*) d ([0-9]+) ([0-9.]+) .*/\1 d \2 \3/' | sort)
}

case_copy_round() {
    copy_begin "copy: modes, times, links, empty directories and names survive in and out"
    copying --copy-in in --copy-out in:out -c files -- read=in/a stat=in/sub/prog
    expect_status 0
    expect_out "in/a: hello
in/sub/prog: 100711 3 981173106.123456789 "
    chmod 711 "$scratch/copy/in/sub/prog" # set-user-ID stays behind
    touch -d '1999-01-01 00:00:00.000000001' "$scratch/copy/in/sub" "$scratch/copy/in"
    diff <(tree_of "$scratch/copy/in") <(tree_of "$scratch/copy/out") >"$scratch/diff" || problem "$(head -20 "$scratch/diff")"
}

case_copy_places() {
    copy_begin "copy: where things go"
    copying --copy-in in/a:/deep/er/b --copy-in in/a:c/ --copy-in in/sub:.. --copy-out /deep --copy-out c/a:out/ \
        --copy-out /deep/er/b:x/./b -c files -- read=/deep/er/b read=c/a read=../prog
    expect_status 125
    expect_err "cannot copy out to out/: No such file or directory"
    mkdir "$scratch/copy/out" "$scratch/copy/x"
    copying --copy-in in/a:/deep/er/b --copy-in in/a:c/ --copy-in in/sub:.. --copy-out /deep --copy-out c/a:out/ \
        --copy-out /deep/er/b:x/./b -c files -- read=/deep/er/b read=c/a read=../prog
    expect_status 0
    expect_out "/deep/er/b: hello
c/a: hello
../prog: run"
    [ "$(cat "$scratch/copy/deep/er/b" "$scratch/copy/out/a" "$scratch/copy/x/b")" = hellohellohello ] ||
        problem "$(find "$scratch/copy" -not -path '*/in/*')"
    begin "copy: into the place of what is there, over a link, and not through it"
    ln -s "$scratch/copy/victim" "$scratch/copy/l"
    printf old >"$scratch/copy/victim"
    copying --copy-out f:l -c files -- write=f=new
    expect_status 0
    [ -L "$scratch/copy/l" ] && problem "the link is still there"
    [ "$(cat "$scratch/copy/victim" "$scratch/copy/l")" = oldnew ] || problem "$(cat "$scratch/copy/victim")"
}

case_copy_status() {
    copy_begin "copy: the script's status stays, and what it left comes out however it ended"
    copying --copy-out f -c files -- write=f=three exit=3
    expect_status 3
    [ "$(cat "$scratch/copy/f")" = three ] || problem "no file"
    copying --copy-out f -c files -- write=f=dead die=0
    expect_status 134
    [ "$(cat "$scratch/copy/f")" = dead ] || problem "no file after a signal"
    copying --copy-out f --repeat 2 --copy-in in -c files -- write=f=again write=in/a=x
    expect_status 0
    begin "copy: a path that is not there"
    copying --copy-out nothing --copy-out f -c files -- write=f=x exit=3
    expect_status 125
    expect_err "pyhl run: cannot copy out $scratch/copy/nothing: No such file or directory"
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "more than a line"
    [ "$(cat "$scratch/copy/f")" = x ] || problem "the other did not come"
    begin "copy: a run that is ended from outside"
    copying --max-output 1000 --copy-out f -c spam
    expect_status 153
    expect_err "the run ended before all was copied out"
}

case_copy_rewind() {
    copy_begin "copy: each iteration finds what was copied in, and nothing of the one before"
    copying --repeat 2 --copy-in in --copy-out in:out -c files -- read=in/a write=in/a=changed many=in=3 dir=in/new
    expect_status 0
    expect_out "in/a: hello
in/a: hello
in/a: hello"
}

case_copy_bad_in() {
    copy_begin "copy-in: what is no file"
    mkfifo "$scratch/copy/in/fifo"
    copying --copy-in in -c print\(1\)
    expect_status 125
    expect_err "pyhl run: cannot copy in in/fifo: it is a FIFO"
    rm "$scratch/copy/in/fifo"
    copying --copy-in /dev/null -c print\(1\)
    expect_status 125
    expect_err "cannot copy in /dev/null: it is a device"
    copying --copy-in nothing -c print\(1\)
    expect_status 125
    expect_err "cannot copy in nothing: No such file or directory"
    copying --copy-in in:d --copy-in in/a:d/a -c print\(1\)
    expect_status 125
    expect_err "/d/a': it is given twice"
    copying --copy-in in/a:/bin -c print\(1\)
    expect_status 125
    expect_err "cannot copy in /bin: Is a directory"
    copying --copy-in in/sub:/bin/taker -c print\(1\)
    expect_status 125
    expect_err "cannot copy in /bin/taker: Not a directory"
    copying --copy-in : -c print\(1\)
    expect_status 2
    expect_err "a path is empty"
    copying --copy-in .. -c print\(1\)
    expect_status 2
    expect_err "say where"
    begin "copy-in: limits, and a file that the guest has no memory for"
    copying --copy-entries 3 --copy-in in -c print\(1\)
    expect_status 125
    expect_err "more than 3 files; --copy-entries allows more"
    truncate -s 3M "$scratch/copy/in/sub/big"
    copying --copy-limit 2M --copy-in in -c print\(1\)
    expect_status 125
    expect_err "more than 2 MiB; --copy-limit allows more"
    head -c 64M /dev/zero >"$scratch/copy/large"
    copying --copy-in large -c print\(1\)
    expect_status 125
    expect_err "large: the guest's memory is too small for it"
}

case_copy_sparse() {
    copy_begin "copy: holes stay holes, in and out"
    truncate -s 6G "$scratch/copy/hole"
    printf end | dd of="$scratch/copy/hole" bs=1 seek=5G conv=notrunc status=none
    copying --copy-limit 10G --copy-in hole --copy-out hole:back -c files -- stat=hole blocks=hole
    expect_status 0
    [ "$(sed -n 's/^hole: \([0-9]*\) blocks/\1/p' "$scratch/out")" -le 2048 ] || problem "$(cat "$scratch/out")"
    cmp "$scratch/copy/hole" "$scratch/copy/back" || problem "other bytes"
    [ "$(stat -c %b "$scratch/copy/back")" -le 2048 ] || problem "it takes $(stat -c %b "$scratch/copy/back") blocks"
}

case_copy_bad_out() {
    copy_begin "copy-out: what is neither file, directory nor link"
    copying --copy-out d -c files -- dir=d fifo=d/p device=d/c write=d/f=x
    expect_status 125
    expect_err "copy/d/p: neither a file, a directory nor a symbolic link"
    expect_err "copy/d/c: neither a file, a directory nor a symbolic link"
    [ "$(ls "$scratch/copy/d")" = f ] || problem "$(ls -l "$scratch/copy/d")"
    begin "copy-out: set-user-ID, hard links and links out are no more than what they look like"
    copying --copy-out d -c files -- dir=d write=d/f=x mode=d/f=6755 hard=d/g=d/f link=d/out=/etc link=d/up=../..
    expect_status 0
    [ "$(stat -c %a "$scratch/copy/d/f") $(stat -c %h "$scratch/copy/d/f")" = '755 1' ] || problem "$(ls -l "$scratch/copy/d")"
    [ "$(readlink "$scratch/copy/d/out" "$scratch/copy/d/up" | tr '\n' ' ')" = '/etc ../.. ' ] || problem "other links"
    begin "copy-out: through a link that is in the way"
    rm -rf "$scratch/copy/d" "$scratch/copy/victim"
    mkdir -p "$scratch/copy/d" "$scratch/copy/victim"
    ln -s ../victim "$scratch/copy/d/sub"
    copying --copy-out d -c files -- dir=d dir=d/sub write=d/sub/f=x
    expect_status 125
    expect_err "pyhl run: cannot copy out to d/sub: Not a directory"
    [ -z "$(ls "$scratch/copy/victim")" ] || problem "it went through"
    begin "copy-out: a file over a directory"
    mkdir "$scratch/copy/d/f"
    copying --copy-out d -c files -- dir=d write=d/f=x
    expect_status 125
    expect_err "cannot copy out to d/f: Is a directory"
    [ -z "$(find "$scratch/copy" -name '.pyhl-*')" ] || problem "something is left"
    begin "copy-out: 4 TiB of nothing"
    copying --copy-out f -c files -- sparse=f=4398046511104
    expect_status 125
    expect_err "copy/f: too much .--copy-limit and --copy-entries allow more"
    [ -e "$scratch/copy/f" ] && problem "it is there"
    begin "copy-out: more entries than allowed"
    copying --copy-out many --copy-entries 50 -c files -- dir=many many=many=1000
    expect_status 125
    expect_err "too much .--copy-limit and --copy-entries allow more"
    [ "$(find "$scratch/copy/many" | wc -l)" -le 50 ] || problem "$(find "$scratch/copy/many" | wc -l) entries"
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "$(cat "$scratch/err")"
}

case_copy_no_space() {
    copy_begin "copy-out: a host that is out of space names it, and has no half of a file"
    need_mounts "$test_name" || return
    # shellcheck disable=SC2016 # for the inner shell
    run "${namespace[@]}" 'mkdir -p "$0/full" && mount -t tmpfs -o size=2500k none "$0/full" && cd "$0" || exit 9
        "$1" run --dest "$2" --copy-out d:full/d -c files -- dir=d fill=d/a=1 fill=d/b=1 fill=d/c=1; echo "status $?"
        find full -type f -printf "%P %s\n" | sort' "$scratch/copy" "$pyhl" "$home"
    expect_out "status 125
d/a 1048576
d/b 1048576"
    expect_err "pyhl run: cannot copy out to full/d/c: No space left on device"
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "$(cat "$scratch/err")"
}

case_copy_processes() {
    local vm
    copy_begin "copy: who has what: the parent no VM, the child nothing of the files"
    cd "$scratch/copy" || return
    started "$pyhl" run --dest "$home" --copy-in in --copy-out in:in -c interrupt
    cd "$OLDPWD" || return
    vm=$(pgrep -P "$child")
    find "/proc/$child/fd" \( -lname '*kvm*' -o -lname '*snapshot*' -o -lname '*initrd*' \) -printf '%l\n' >"$scratch/fds"
    [ -s "$scratch/fds" ] && problem "the parent: $(cat "$scratch/fds")"
    find "/proc/$vm/fd" -lname '*kvm-vm*' | grep -q . || problem "process $vm has no VM"
    find "/proc/$vm/fd" -lname "$scratch/copy*" -printf '%l\n' >"$scratch/fds"
    [ -s "$scratch/fds" ] && problem "the child: $(cat "$scratch/fds")"
    grep -q '^Seccomp:.2' "/proc/$vm/status" || problem "the child is not in jail"
    begin "copy: a parent that is killed takes the VM along"
    [ -n "$vm" ] || problem "there was no child"
    ended
    sleep 0.3
    grep -q '^State:.[^ZX]' "/proc/${vm:-none}/status" 2>/dev/null && problem "the VM's process lives on"
}

# A home whose VMs have so much memory.
roomy_home() {
    run "$pyhl" setup --from "$image" --dest "$scratch/roomy" --memory "$1"
    expect_status 0
}

case_copy_large() {
    local n available
    copy_begin "copy: 200 MB in 20 files, in and out"
    roomy_home 1G
    mkdir "$scratch/copy/many"
    for n in {1..20}; do
        head -c 10000000 /dev/urandom >"$scratch/copy/many/$n"
    done
    run env -C "$scratch/copy" "$pyhl" run --dest "$scratch/roomy" --copy-in many --copy-out many:back -c files
    expect_status 0
    diff -r "$scratch/copy/many" "$scratch/copy/back" >"$scratch/diff" || problem "$(head -5 "$scratch/diff")"
    begin "copy-out: a million entries"
    run env -C "$scratch/copy" "$pyhl" run --dest "$scratch/roomy" --copy-entries 10000 --copy-out d -c files -- dir=d many=d=1000000
    expect_status 125
    expect_err "too much"
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "$(head -3 "$scratch/err")"
    [ "$(find "$scratch/copy/d" | wc -l)" = 10000 ] || problem "$(find "$scratch/copy/d" | wc -l) entries"
    rm -rf "$scratch/roomy" "$scratch/copy"
    available=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    if [ "$available" -lt 24 ]; then
        skip "copy: a file of 5 GiB" "it takes 24 GiB of free memory, and $available are there"
        return
    fi
    copy_begin "copy: a file of 5 GiB"
    roomy_home 6G
    head -c 5G /dev/zero | tr '\0' x >"$scratch/copy/f"
    run env -C "$scratch/copy" "$pyhl" run --dest "$scratch/roomy" --copy-limit 6G --copy-in f --copy-out f:g -c files
    expect_status 0
    cmp "$scratch/copy/f" "$scratch/copy/g" || problem "other bytes"
    rm -rf "$scratch/roomy" "$scratch/copy"
}
