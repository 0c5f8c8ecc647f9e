#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that start programs, and servers with their clients in one machine. Each case runs natively, in a chroot of
# the image, and then in the guest, once and repeated, with the same output: tests/programs/programs.py has the details.
# Scripts of shells run in the image tools, which is made first. They are skipped where its packages cannot be fetched.
#
# usage: tests/programs/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/py/root.sh

readonly tools=build/tests/programs/tools

# Copies the root of the image tools, so that no program can change what the image is made of.
take_tools() {
    local image=build/images/tools script
    mkdir -p build/tests/programs
    env -u MAKEFLAGS -u MAKELEVEL make -s image-tools >build/tests/programs/make 2>&1 || return 1
    rm -rf $tools
    cp -a $image/root $tools && mkdir $tools/tests || return 1
    for script in tests/programs/cases/*.sh; do
        install "$script" $tools/tests/ || return 1
    done
    build/images/mkcpio $tools $tools.cpio && add_devices $tools
}

[ "${1:-}" != --list ] || exec python3 -B tests/programs/programs.py --list
known=$(python3 -B tests/programs/programs.py --list) || exit 2
for name; do
    grep -qxF -- "$name" <<<"$known" && continue
    echo "$0: there is no case '$name'; --list names them all" >&2
    exit 2
done
tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
take_root || exit 1
if take_tools; then
    exec python3 -B tests/programs/programs.py "$root" $tools "$@"
elif grep -q 'no network' build/tests/programs/make; then
    exec python3 -B tests/programs/programs.py "$root" - "$@"
fi
cat build/tests/programs/make >&2
exit 2
