#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the driver in the image's root:
#     driver.sh DRIVER LIBRARY PRELOAD REHEARSAL MODULE...
# as /usr/lib/pyhl/{driver,driver.so,preload.txt,rehearsal.py}, without debug symbols, and the session's modules in
# /usr/lib/pyhl/session. This is a step of its own, so that a new driver costs nothing else.

. images/python/lib.sh

need_root
install -d "$OUT/root/usr/lib/pyhl"
install -s -m 755 "$1" "$OUT/root/usr/lib/pyhl/driver"
install -s -m 644 "$2" "$OUT/root/usr/lib/pyhl/driver.so"
install -m 644 "$3" "$OUT/root/usr/lib/pyhl/preload.txt"
install -m 644 "$4" "$OUT/root/usr/lib/pyhl/rehearsal.py"
shift 4
rm -rf "$OUT/root/usr/lib/pyhl/session"
install -d "$OUT/root/usr/lib/pyhl/session"
install -m 644 "$@" "$OUT/root/usr/lib/pyhl/session/"
