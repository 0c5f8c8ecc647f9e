#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the image's image.ini from OUT/root.list:
#     describe.sh >image.ini
# [image] is read by `pyhl setup`; [packages] records what was really used.

. images/python/lib.sh

[ -s "$OUT/root.list" ] || die "$OUT/root.list is missing: fetch.sh makes it"
version=$(awk -v p="$PYTHON" '$1 == p { print $2 }' "$OUT/root.list")
cat <<EOF
[image]
name=python
description=Python with numpy, pandas, matplotlib and friends, from Debian's packages
version=$version
python=${version%%-*}
init=/usr/lib/pyhl/driver
rehearsal=/usr/lib/pyhl/rehearsal.py
memory=1G
memory_min=256M

[packages]
EOF
awk '{ print $1 "=" $2 }' "$OUT/root.list"
