#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs one step of an image's recipe, alone, even if make runs twice in one tree:
#     once.sh TARGET "PREREQUISITES" COMMAND...
# waits for the step of another make to end; does nothing if that has brought TARGET up to date;
# else runs COMMAND, and touches TARGET if it is a stamp. Each image has a lock of its own.

set -euo pipefail

target=$1 prerequisites=$2
shift 2
out=$(dirname "$target")
mkdir -p "$out"
exec 9>>"$out/lock"
# Steps of one make wait for each other, too: only a long wait is worth a message.
flock -w 60 9 || { echo "image: waiting for another step, or another make"; flock 9; }

stale=
[ -e "$target" ] || stale=yes
for file in $prerequisites; do
    [ "$file" -nt "$target" ] && stale=yes
done
[ -n "$stale" ] || exit 0

"$@"
case $target in *.stamp) touch "$target" ;; esac
