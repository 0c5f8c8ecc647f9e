# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced, in the root of the tree: what the suites use that run Python in a chroot of the image. Root only.
#     take_root            sets $root to a copy of the image's root, so that no test can change what the image is made of;
#                          nobody else has it until this shell ends
#     add_devices ROOT     makes the files of /dev
#     place_driver         puts the driver that is built into it

root=build/tests/py/root

# The devices that the guest's kernel makes.
add_devices() {
    local device
    mkdir -p "$1/dev"
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        [ -e "$1/dev/${device%:*}" ] || mknod -m 666 "$1/dev/${device%:*}" c 1 "${device#*:}" || return 1
    done
    ln -sf pts/ptmx "$1/dev/ptmx"
    ln -sfT /proc/self/fd "$1/dev/fd"
    ln -sf /proc/self/fd/0 "$1/dev/stdin"
    ln -sf /proc/self/fd/1 "$1/dev/stdout"
    ln -sf /proc/self/fd/2 "$1/dev/stderr"
}

take_root() {
    local image=build/images/python/root
    [ -x $image/usr/bin/python3.13 ] || { echo "no image root in $image: run make image" >&2; return 1; }
    mkdir -p build/tests/py
    exec 9>build/tests/py/lock
    flock 9
    if [ -e $root.stamp ] && [ -z "$(find $image -newer $root.stamp -print -quit)" ]; then
        return
    fi
    rm -rf $root.stamp $root && cp -a $image $root || return 1
    mkdir -p $root/tmp $root/usr/lib/pyhl
    add_devices $root || return 1
    touch $root.stamp
}

place_driver() {
    cp -r build/driver/driver build/driver/driver.so python-agent-driver/preload.txt python-agent-driver/session \
        $root/usr/lib/pyhl/
}
