# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced, in the root of the tree: what the suites use that run Python in a chroot of the image. Root only.
#     take_root            sets $root to a copy of the image's root, so that no test can change what the image is made of;
#                          nobody else has it until this shell ends
#     place_driver         puts the driver that is built into it

root=build/tests/py/root

take_root() {
    local image=build/images/python/root device
    [ -x $image/usr/bin/python3.13 ] || { echo "no image root in $image: run make image" >&2; return 1; }
    mkdir -p build/tests/py
    exec 9>build/tests/py/lock
    flock 9
    if [ -e $root.stamp ] && [ -z "$(find $image -newer $root.stamp -print -quit)" ]; then
        return
    fi
    rm -rf $root.stamp $root && cp -a $image $root || return 1
    mkdir -p $root/dev $root/tmp $root/usr/lib/pyhl
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        [ -e "$root/dev/${device%:*}" ] || mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
    done
    touch $root.stamp
}

place_driver() {
    cp -r build/driver/driver build/driver/driver.so python-agent-driver/preload.txt python-agent-driver/session \
        $root/usr/lib/pyhl/
}
