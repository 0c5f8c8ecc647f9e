#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The end of `make demo`: runs a pandas script in the home that was just made, and shows what it took.
set -eu
cd "$(dirname "$0")/.."

readonly code='import pandas as pd; print(pd.DataFrame({"x": [1, 2, 3]}).sum().to_dict())'

# As it would be typed: words with blanks in quotes.
show() {
    local word line=
    for word in "$@"; do
        case $word in
        *' '*) line+=" '$word'" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '\n$%s\n' "$line"
    "$@"
}

show build/pyhl run tests/demo.py 2024
show build/pyhl run -v --repeat 4 -c "$code"
printf '\nThe home: %s on disk beyond the image. Your turn: build/pyhl run script.py\n' \
    "$(du -h .pyhl/snapshot | cut -f1)"
