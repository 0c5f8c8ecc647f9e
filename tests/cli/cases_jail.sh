# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh, which sets what is used here
# Cases of what a process with a VM is and has: its binary, its descriptors.

# started COMMAND...: starts pyhl with a program that says "ready" and waits for a signal; $child is its process.
started() {
    local tries
    rm -f "$scratch/ready"
    "$@" </dev/null >"$scratch/ready" 2>"$scratch/err" &
    child=$!
    for tries in {1..500}; do
        [ -s "$scratch/ready" ] && return
        kill -0 $child 2>/dev/null || break
        sleep 0.02
    done
    problem "it is not ready after $tries tries: $(head -c 300 "$scratch/err")"
}

ended() {
    kill -9 $child
    wait $child
} 2>/dev/null

# What readelf says of the file: $1 what is asked, $2 a pattern that must match, $3 what it means.
binary_has() {
    readelf -W "$1" "$pyhl" | grep -Eq -- "$2" || problem "the binary has no $3"
}

case_binary() {
    local places='' n function
    begin "the binary is hardened"
    binary_has -h 'Type: +DYN' 'position-independent text'
    binary_has -l '^ +GNU_RELRO ' 'RELRO'
    binary_has -d '\(FLAGS(_1)?\).*(BIND_)?NOW' 'BIND_NOW'
    binary_has -l '^ +GNU_STACK .* RW +0x' 'stack without execution'
    # The C library has both for itself: what counts is who calls them, one function of pyhl and one of libvmm.
    for function in cmd_usage vmm_err_context; do
        objdump -d --disassemble=$function "$pyhl" >"$scratch/code"
        grep -q 'call .*<__stack_chk_fail' "$scratch/code" || problem "$function has no stack protector"
        grep -q 'call .*_chk>' "$scratch/code" || problem "$function has no FORTIFY"
    done
    readelf -lW "$pyhl" | grep -Eq ' INTERP | LOAD .* RWE ' && problem "it has an interpreter, or pages to write and run"
    begin "its text lies elsewhere in each process"
    for n in 1 2 3; do
        started "$pyhl" run --dest "$home" -c interrupt
        places+=$(sed -n 's/^\([0-9a-f]*\)-.* r-xp .*pyhl$/\1/p' /proc/$child/maps)$'\n'
        ended
    done
    [ "$(sort -u <<<"$places" | grep -c .)" -gt 1 ] || problem "the same $n times: $places"
}

case_descriptors() {
    local command
    for command in run boot; do
        begin "$command: no descriptor of the parent's is kept"
        case $command in
        run) started "$pyhl" run --dest "$home" -c interrupt 7</etc/passwd 250</etc/passwd ;;
        boot) started "$pyhl" boot "$kernel" --initrd "$scratch/waiter.cpio" --memory 32M -- /bin/waiter \
            7</etc/passwd 250</etc/passwd ;;
        esac
        find /proc/$child/fd -lname '*kvm-vcpu*' | grep -q . || problem "no VM is seen: $(cat "$scratch/err")"
        find /proc/$child/fd -lname '*passwd' -printf '%f is still open\n' >"$scratch/open"
        [ -s "$scratch/open" ] && problem "$(cat "$scratch/open")"
        ended
    done
}

case_jail() {
    expect_jail "$pyhl" run --dest "$home" -c sleep
    expect_jail "$pyhl" run --dest "$home" --repeat 1 -c sleep
    expect_jail "$pyhl" run --renew --repeat 100000 --dest "$home" -c 'print(1)'
    expect_jail "$pyhl" run -vv --dest "$home" -c sleep
    expect_jail "$pyhl" boot "$kernel" --initrd "$scratch/waiter.cpio" --memory 32M -- /bin/waiter
    expect_jail "$pyhl" boot --repeat 1 "$kernel" --initrd "$scratch/waiter.cpio" --memory 32M -- /bin/waiter
    begin "the look at a jail sees one that is open"
    tests/jailed.sh "$pyhl" --version >"$scratch/out" && problem "a process that has ended"
    tests/jailed.sh sleep 1 >"$scratch/out" && problem "a process without a VM"
    begin "info tells of the jail"
    run "$pyhl" info --dest "$home"
    expect_status 0
    grep -q '^  jail  *listed system calls, no capabilities' "$scratch/out" || problem "it does not"
    begin "nobody but root looks into the process"
    started "$pyhl" run --dest "$home" -c interrupt
    [ "$(stat -c %u /proc/$child/environ)" = 0 ] || problem "its files are not those of root"
    ended
}

# installing: starts a setup that does not get ready; $child is its process, $inmate the one with the VM.
installing() {
    local tries
    "$pyhl" setup --from "$scratch/stuck" --dest "$scratch/never" </dev/null >"$scratch/out" 2>"$scratch/err" &
    child=$! inmate=''
    for tries in {1..500}; do
        for inmate in $(cat /proc/$child/task/*/children); do
            grep -q ^ready "$scratch/err" && return
        done
        sleep 0.02
    done
    problem "no child after $tries tries: $(cat "$scratch/err")"
}

# What is left of it: a process, or a directory.
expect_gone() {
    local tries
    for tries in {1..100}; do
        [ -e /proc/"$inmate"/fd/0 ] || break
        sleep 0.02
    done
    [ "$tries" -lt 100 ] || problem "the process with the VM lives on"
    [ -e "$scratch/never" ] && problem "something was installed"
}

case_jail_setup() {
    mkdir -p "$scratch/stuck"
    cp "$kernel" "$scratch/stuck/kernel"
    cp "$scratch/waiter.cpio" "$scratch/stuck/initrd.cpio"
    printf '[image]\nname = stuck\ninit = /bin/waiter\nmemory = 32M\ncheck = any\n[packages]\nnone = 1.0\n' \
        >"$scratch/stuck/image.ini"
    expect_jail "$pyhl" setup --from "$scratch/stuck" --dest "$scratch/never"
    begin "setup: who writes the home has no KVM, who has the VM nothing but its file"
    installing
    find /proc/$child/fd -lname '*kvm*' | grep -q . && problem "the parent has a VM"
    find /proc/"$inmate"/fd -lname '*kvm-vcpu*' | grep -q . || problem "the child has none"
    find /proc/"$inmate"/fd -lname '/*' ! -lname '/dev/null' ! -lname "$scratch/out" ! -lname "$scratch/err" \
        ! -lname "$scratch/never.tmp/snapshot" ! -lname '/proc/*/pagemap' -printf '%l\n' >"$scratch/open"
    [ -s "$scratch/open" ] && problem "the child has $(cat "$scratch/open")"
    begin "setup: a child that breaks out of its jail ends it, in words"
    kill -SYS "$inmate"
    wait $child
    status=$?
    expect_status 125
    expect_err 'system call that its jail does not allow'
    expect_gone
    [ -e "$scratch/never.tmp" ] && problem "the staging directory is left"
    begin "setup: SIGTERM ends both"
    installing
    kill -TERM $child
    wait $child
    status=$?
    expect_status 143
    expect_err 'stopped by a signal; nothing was installed'
    expect_gone
    begin "setup: the VM does not outlive who started it"
    installing
    kill -9 $child
    wait $child 2>/dev/null
    expect_gone
}

# A program for `pyhl boot` that says that it is there, and waits.
make_waiter() {
    mkdir -p "$scratch/waiter/bin"
    printf '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("ready"); fflush(stdout); pause(); }\n' |
        cc -O2 -static -x c -o "$scratch/waiter/bin/waiter" - &&
        "$sites" "$scratch/waiter" && "$mkcpio" "$scratch/waiter" "$scratch/waiter.cpio"
}
