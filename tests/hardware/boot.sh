#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots the emulated machine (README.md) and runs a command in it, in this tree; ends with its status. Without a
# command, a shell on this terminal. Changes to the tree stay in the machine; what it writes to /out is in OUT.
# HARDWARE_CPU and HARDWARE_MEMORY are QEMU's -cpu and -m.
#
# usage: tests/hardware/boot.sh [-o OUT] [-t SECONDS] [COMMAND [ARGUMENT...]]
set -u
cd "$(dirname "$0")/../.." || exit 2
readonly built=build/hardware
out=$built/out limit=3600
while getopts o:t: option; do
    case $option in
    o) out=$OPTARG ;;
    t) limit=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

for file in vmlinuz initramfs; do
    [ -e $built/$file ] || { echo "no $built/$file: run make hardware" >&2; exit 2; }
done
mkdir -p "$out"
rm -f "$out/status"
pwd >"$out/tree"
{
    printf 'export PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 TERM=%q\ncd %q\n' "${TERM:-dumb}" "$PWD"
    if [ $# -gt 0 ]; then
        # The console passes bytes on as they are.
        printf 'stty -opost -echo </dev/hvc0\n(\nexec </dev/null >/dev/hvc0 2>&1 %s\n)\n' "$(printf ' %q' "$@")"
    else
        echo 'setsid -c -w bash -i </dev/hvc0 >/dev/hvc0 2>&1'
    fi
    echo 'echo $? >/out/status; sync; echo o >/proc/sysrq-trigger; sleep 60'
} >"$out/start"

# QEMU before 9.1 takes the index ymm4 (xmm4) of a gather for none, as SIB bytes mean by rsp: of
#     vpgatherqq %ymm15, (%rdi,%ymm4,8), %ymm14
# each element is the one at rdi. Other index registers are right. That was seen of 7.2.22 in this machine, in a guest of
# this machine, and in qemu-x86_64 alone; 10.0.13 is right. numpy's argsort has such gathers, and gives wrong indices or
# dies of them. So there is no AVX2 where QEMU is older.
old_gathers() {
    local version
    version=$(qemu-system-x86_64 --version | sed -En '1s/.*version ([0-9.]+).*/\1/p')
    dpkg --compare-versions "$version" lt 9.1
}
cpu=${HARDWARE_CPU:-max}
[ -n "${HARDWARE_CPU:-}" ] || ! old_gathers || cpu=max,avx2=off

# no_timer_check: on a busy host the kernel's test of its timer fails.
# One CPU a machine: with two, a guest of KVM's that is in its own user mode keeps QEMU from interrupting the CPU.
share() {
    options+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap$3" -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
options=(-accel tcg -cpu "$cpu" -smp 1 -m "${HARDWARE_MEMORY:-6G}" -nodefaults -display none -no-reboot
    -kernel "$built/vmlinuz" -initrd "$built/initramfs" -append "console=ttyS0 quiet panic=-1 no_timer_check"
    -serial "file:$out/console" -device virtio-serial-pci -device "virtconsole,chardev=io")
share usr /usr ,readonly=on
share tree "$PWD" ,readonly=on
share out "$(realpath "$out")" ""
if [ $# -gt 0 ]; then
    options+=(-chardev "stdio,id=io")
    exec </dev/null
else
    options+=(-chardev "stdio,id=io,signal=off")
fi
timeout --foreground -k 5 "$limit" qemu-system-x86_64 "${options[@]}"
status=$?
if [ ! -s "$out/status" ]; then
    [ $status != 124 ] || echo "the machine ran longer than $limit s" >&2
    echo "the machine ended without a status; the end of $out/console:" >&2
    tail -n 5 "$out/console" >&2
    exit 125
fi
exit "$(cat "$out/status")"
