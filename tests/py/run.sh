#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Python tests: each case of tests/py/cases runs under the image's own python3 in a chroot of the
# image, which is the oracle, and then
#     run.sh --driver-native    under the driver in that chroot, without a VM
#     run.sh                    under build/pyhl, cold and with --repeat
# and must give the same standard output, standard error and exit status, byte for byte.
# More words are names of cases: only those run; --list prints them all. Root only, because of the chroot.
set -u
cd "$(dirname "$0")/../.." || exit 1

out=build/tests/py
image=build/images/python/root
[ -x $image/usr/bin/python3.11 ] || { echo "no image root in $image: run make image" >&2; exit 1; }
[ "${1:-}" = --list ] || [ "${1:-}" = --driver-native ] || tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
mkdir -p $out

# One run at a time: the copy of the root and the cases' directory are shared. Held until the end.
exec 9>$out/lock
flock 9

# A copy of the root, so that no case can change what the image is made of.
if [ ! -e $out/root.stamp ] || [ -n "$(find $image -newer $out/root.stamp -print -quit)" ]; then
    rm -rf $out/root.stamp $out/root && cp -a $image $out/root || exit 1
    mkdir -p $out/root/dev $out/root/tmp $out/root/usr/lib/pyhl
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        [ -e "$out/root/dev/${device%:*}" ] || mknod -m 666 "$out/root/dev/${device%:*}" c 1 "${device#*:}"
    done
    touch $out/root.stamp
fi

if [ "${1:-}" = --driver-native ]; then
    cp build/driver/driver build/driver/driver.so python-agent-driver/preload.txt $out/root/usr/lib/pyhl/ || exit 1
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -shared -fPIC \
        -o $out/root/usr/lib/pyhl/zygote.so tests/py/zygote.c || exit 1
fi
exec python3 -B tests/py/run.py "$out/root" "$@"
