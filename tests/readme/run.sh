#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# README.md's transcripts: each command of a `console` block is run as it stands there, and must print what the block says.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

# transcripts: command and expected output of each, separated by NUL.
transcripts() {
    awk '/^```console$/ { inside = 1; next }
        /^```$/ { inside = 0; next }
        inside && sub(/^\$ /, "") { if (n++) printf "%c", 0; printf "%s%c", $0, 0; first = 1; next }
        inside { printf "%s%s", (first ? "" : "\n"), $0; first = 0 }
        END { printf "%c", 0 }' README.md
}

choose transcripts "$@"
tests/home.sh .pyhl || exit 2
begin "README.md has transcripts"
[ "$(grep -c '^\$ build/pyhl' README.md)" -ge 4 ] || problem "fewer than four commands"
while IFS= read -r -d '' command && IFS= read -r -d '' expected; do
    begin "\$ $command"
    run bash -c "($command) 2>&1" </dev/null
    expect_out "$expected"
done < <(transcripts)
summary
