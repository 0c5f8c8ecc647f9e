#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Says whether a suite can use a home: it must be there, and the default one must not be older than the image, because
# a test would then pass or fail for a guest that is no longer built.
#
# usage: tests/home.sh HOME
set -u
cd "$(dirname "$0")/.." || exit 2

readonly home=$1 image=build/images/python
if [ ! -e "$home/pyhl.ini" ] || [ ! -x build/pyhl ]; then
    echo "no home in $home; make home makes one" >&2
    exit 2
fi
[ "$home" = .pyhl ] || exit 0
newer=$(find $image/kernel $image/initrd.cpio $image/image.ini -newer "$home/pyhl.ini" 2>&1)
if [ -n "$newer" ]; then
    echo "the home in $home is older than ${newer%%$'\n'*}; make home renews it" >&2
    exit 2
fi
