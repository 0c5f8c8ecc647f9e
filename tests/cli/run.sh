#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command as a user meets it: option placement, bad input, homes that are damaged, setups that fail, are killed or
# meet, exit statuses, signals. The guest is tests/cli/taker.c, so nothing here depends on Python.
#
# usage: tests/cli/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly kernel=$PWD/build/kernel/kernel.elf mkcpio=$PWD/build/images/mkcpio sites=$PWD/build/images/sites
readonly image=$scratch/image home=$scratch/home
readonly seed=${TEST_SEED:-$$}
RANDOM=$seed
# Homes are found by environment: none of the caller's may leak in.
unset PYHL_HOME
export XDG_DATA_HOME=$scratch/nodata

make_image() {
    mkdir -p "$image" "$scratch/root/bin" "$scratch/root/tmp" || return 1
    cc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -I. -o "$scratch/root/bin/taker" \
        tests/cli/taker.c tests/cli/taker_files.c images/runframe.c || return 1
    "$sites" "$scratch/root" && "$mkcpio" "$scratch/root" "$image/initrd.cpio" || return 1
    cp "$kernel" "$image/kernel" || return 1
    printf '%s\n' '[image]' 'name = taker' 'init = /bin/taker' 'memory = 32M' 'check = print(1)' \
        'check_output = 1\n' '[packages]' 'none = 1.0' >"$image/image.ini"
}

# A copy of the home, to be damaged.
copy_home() {
    rm -rf "$1"
    cp -r --reflink=auto "$home" "$1"
    chmod -R u+w "$1"
}

taker() {
    run "$pyhl" run --dest "$home" "$@"
}

# Prefixes of commands. Without root's rights; with mounts of its own, followed by a script, a word and arguments.
readonly nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
readonly namespace=(unshare -m --propagation private bash -c)

need_root() {
    [ "$(id -u)" = 0 ] && return 0
    skip "$1" "mounts and other users need root"
    return 1
}

# Root in a container may have no right to mount, and in a plain chroot mounts cannot be made private.
need_mounts() {
    need_root "$1" || return
    "${namespace[@]}" true 2>/dev/null && return 0
    skip "$1" "no mount namespace of its own is to be had here"
    return 1
}

for file in "$pyhl" "$kernel" "$mkcpio" "$sites"; do
    if [ ! -e "$file" ]; then
        echo "$0: $file is missing; run make first" >&2
        exit 2
    fi
done
. tests/cli/cases_trust.sh
. tests/cli/cases_run.sh
. tests/cli/cases_deadline.sh
. tests/cli/cases_home.sh
. tests/cli/cases_image.sh
. tests/cli/cases_tools.sh
. tests/cli/cases_calls.sh
. tests/cli/cases_jail.sh
. tests/cli/cases_copy.sh
choose "$(declare -F | sed -n 's/^declare -f case_//p')" "$@"
make_image && make_waiter || exit 2
begin "setup of the test image"
run "$pyhl" setup --from "$image" --dest "$home"
expect_status 0
if [ "$status" != 0 ]; then
    summary
    exit 1
fi
cp -r "$image" "$scratch/image2"
printf 'x' >>"$scratch/root/bin/extra"
"$mkcpio" "$scratch/root" "$scratch/image2/initrd.cpio"
run "$pyhl" setup --from "$scratch/image2" --dest "$scratch/other"
expect_status 0
image_kib=$(du -sk --apparent-size "$image" | cut -f1)
home_kib=$(du -sk "$home" | cut -f1)

for case in "${chosen[@]}"; do
    "case_$case"
done
summary
