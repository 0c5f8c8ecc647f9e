#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The one list of Debian packages that the project needs, in groups, and what installs those that are missing. Fast
# and silent when nothing is.
#
# usage: tests/prereqs.sh [GROUP...]     build, test (which fuzzes with clang), lint: these three if none is named;
#                                        hardware (the emulated machine of tests/hardware), wheel (what packs wheels),
#                                        dist (a bare Debian), conformance (CPython's own tests, natively), ecosystem
#                                        (what gets uv from the registry)
#        tests/prereqs.sh kvm            only looks for /dev/kvm
set -u

declare -A groups=(
    [build]="
        gcc make git ca-certificates binutils xz-utils zstd
        libc6-dev libbsd-dev libmd-dev libedit-dev libelf-dev libarchive-dev libevent-dev libinih-dev libjansson-dev
        libxxhash-dev libzydis-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev
    "
    [test]="python3 cpio bubblewrap pkgconf gdb clang libclang-rt-dev"
    [lint]="clang clang-format clang-tidy cppcheck shellcheck mandoc"
    [wheel]="python3"
    [dist]="mmdebstrap pkgconf"
    [conformance]="python3 iproute2 mount util-linux"
    [ecosystem]="python3 python3-venv"
    [hardware]="qemu-system-x86 busybox-static cpio"
)

if [ "${1:-}" = kvm ]; then
    # The node may exist where KVM does not: its number must be KVM's, 10:232, and it must open.
    if [ "$(stat -L -c %t:%T /dev/kvm 2>/dev/null)" != a:e8 ]; then
        echo "/dev/kvm is missing: pyhl needs a Linux host with KVM (enable it in the BIOS, or nested in the VM)" >&2
        exit 1
    fi
    if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
        echo "no permission on /dev/kvm: become root or join its group (usually: adduser $(id -un) kvm)" >&2
        exit 1
    fi
    if ! said=$({ : <>/dev/kvm; } 2>&1); then
        echo "/dev/kvm cannot be opened (${said##*: }): is virtualisation enabled, and a kvm module loaded?" >&2
        exit 1
    fi
    exit 0
fi

[ $# -gt 0 ] || set -- build test lint
packages=
for group; do
    if [ -z "${groups[$group]:-}" ]; then
        echo "tests/prereqs.sh: there is no group '$group'; there are: ${!groups[*]}" >&2
        exit 2
    fi
    packages+=" ${groups[$group]}"
done

# shellcheck disable=SC2086 # one word per package
installed=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' $packages 2>/dev/null)"
missing=()
for package in $packages; do
    case $installed in
    *" $package=installed "*) ;;
    *) missing+=("$package") ;;
    esac
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" != 0 ]; then
    echo "missing Debian packages; as root: apt-get install -y ${missing[*]}" >&2
    exit 1
fi
echo "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin # which root by `su` alone lacks
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    apt-get install -y -q --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
if ! install && ! { apt-get update -q >"$log" 2>&1 && install; }; then
    tail -n 15 "$log" >&2
    echo "could not install: ${missing[*]} (output above; is there a network?)" >&2
    exit 1
fi
