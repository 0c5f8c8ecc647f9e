#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the image's image.ini from OUT/root.list:
#     describe.sh >image.ini
# [image] is read by `pyhl setup`; [packages] records what was really used.

. images/python/lib.sh

[ -s "$OUT/root.list" ] || die "$OUT/root.list is missing: fetch.sh makes it"
cat <<'EOF'
[image]
name=python
init=/usr/lib/pyhl/driver
check=print(1)
check_output=1\n
rehearsal=import runpy; runpy.run_path('/usr/lib/pyhl/rehearsal.py')
eval=/usr/bin/python3 -c
memory=1G
memory_min=256M

[packages]
EOF
awk '{ print $1 "=" $2 }' "$OUT/root.list"
