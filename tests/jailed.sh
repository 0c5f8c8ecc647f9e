#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts a pyhl that is to live for a while, looks once at what the kernel says of the process with the VM, and ends it.
# Prints what is wrong and fails unless that process is in jail: every suite that runs pyhl calls this, so that none
# tests another command than users have.
#
# usage: tests/jailed.sh COMMAND...    such as: build/pyhl run -c 'import time; time.sleep(30)'
set -u

# Linux calls a filter 2. What is read is all of the process, KVM's own thread included.
wrong() {
    awk 'FILENAME != file { file = FILENAME; split(file, part, "/") }
        $1 == "Seccomp:" && $2 != 2 || $1 == "NoNewPrivs:" && $2 != 1 ||
        $1 ~ /^Cap(Inh|Prm|Eff|Amb):$/ && $2 !~ /^0+$/ { print "thread " part[5] " has " $1 " " $2 }
        $1 == "Seccomp:" { seen++ }
        END { if (!seen) print "it has gone" }' /proc/"$1"/task/*/status 2>/dev/null
}

# The process of the command, or a child of it, that has a vCPU.
with_vm() {
    local process
    for process in "$1" $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        if find "/proc/$process/fd" -lname 'anon_inode:kvm-vcpu*' 2>/dev/null | grep -q .; then
            echo "$process"
            return
        fi
    done
}

"$@" </dev/null >/dev/null 2>&1 &
pid=$!
said='there is no process with a VM'
# It makes the VM first and enters the jail then, so a first look may come too early.
for _ in {1..500}; do
    kill -0 $pid 2>/dev/null || break
    vm=$(with_vm $pid)
    if [ -n "$vm" ]; then
        said=$(wrong "$vm")
        [ -n "$said" ] || break
    fi
    sleep 0.02
done
{
    kill -9 $pid
    wait $pid
} 2>/dev/null # where bash would tell of the killed job, too
[ -z "$said" ] && exit 0
echo "$said"
exit 1
