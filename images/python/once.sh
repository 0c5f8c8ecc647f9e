#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs one step of the recipe, alone, even if make runs twice in one tree:
#     once.sh TARGET "PREREQUISITES" COMMAND...
# waits for the step of another make to end; does nothing if that has brought TARGET up to date;
# else runs COMMAND, and touches TARGET if it is a stamp.

. images/python/lib.sh

target=$1 prerequisites=$2
shift 2
mkdir -p "$OUT"
exec 9>>"$OUT/lock"
# Steps of one make wait for each other, too: only a long wait is worth a word.
flock -w 60 9 || { say "waiting for another step, or another make"; flock 9; }

stale=
[ -e "$target" ] || stale=yes
for file in $prerequisites; do
    [ "$file" -nt "$target" ] && stale=yes
done
[ -n "$stale" ] || exit 0

"$@"
case $target in *.stamp) touch "$target" ;; esac
