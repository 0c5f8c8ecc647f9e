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

. tests/py/root.sh
[ "${1:-}" = --list ] || [ "${1:-}" = --driver-native ] || tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
# One run at a time: the copy of the root and the cases' directory are shared.
take_root || exit 1
if [ "${1:-}" = --driver-native ]; then
    place_driver || exit 1
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I. -shared -fPIC \
        -o "$root/usr/lib/pyhl/zygote.so" tests/py/zygote.c || exit 1
fi
exec python3 -B tests/py/run.py "$root" "$@"
