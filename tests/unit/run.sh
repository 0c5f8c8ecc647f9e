#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests that need no VM: each *_test.c, built with ASan and UBSan, counts its own; each *_test.sh counts as one.
#
# usage: tests/unit/run.sh [TEST...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

readonly out=build/tests/unit

# Linked to every test; the linker takes what is used.
readonly sources=(pyhl/value.c vmm/err.c)

choose "$(basename -a tests/unit/*_test.c tests/unit/*_test.sh | sed 's/_test\..*//')" "$@"
mkdir -p "$out"
for source in tests/unit/*_test.c; do
    name=$(basename "$source" _test.c)
    is_chosen "$name" || continue
    run cc -std=c17 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
        -fno-sanitize-recover=all -I. -o "$out/$name" "$source" "${sources[@]}"
    [ "$status" = 0 ] && run "$out/$name"
    cat "$scratch/out"
    passed=$((passed + $(grep -c '^pass ' "$scratch/out")))
    failed=$((failed + $(grep -c '^FAIL ' "$scratch/out")))
    if [ "$status" != 0 ] && ! grep -q '^FAIL ' "$scratch/out"; then
        begin "$name"
        problem "status $status: $(head -c 1000 "$scratch/err")"
        finish
    fi
done
for script in tests/unit/*_test.sh; do
    is_chosen "$(basename "$script" _test.sh)" || continue
    begin "$(basename "$script" _test.sh)"
    run bash "$script"
    [ "$status" = 0 ] || problem "$(tail -n 10 "$scratch/out" "$scratch/err")"
done
summary
