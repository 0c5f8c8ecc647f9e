#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Formatter, static analysers and repository checks. Every tool must be there (tests/prereqs.sh installs them), what
# `make all driver` makes must be up to date, and each check looks only at files that git knows.
set -u
cd "$(dirname "$0")/.." || exit 2

bad=0
note() {
    echo "lint: $1"
    bad=1
}

# Checks one list of files with one command; shows what it says when it fails.
check() {
    local name=$1 said
    shift
    if ! said=$("$@" 2>&1); then
        note "$name"
        printf '%s\n' "$said" | head -n 40
    fi
}

mapfile -t sources < <(git ls-files '*.c')
mapfile -t formatted < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
# Sources of the host; the guest kernel, the driver and guest programs have flags or headers of their own.
mapfile -t host < <(git ls-files 'pyhl/*.c' 'vmm/*.c')

check clang-format clang-format --dry-run -Werror "${formatted[@]}"
check shellcheck shellcheck -x -S warning "${scripts[@]}"
check mandoc mandoc -T lint -W error pyhl/pyhl.1
check cppcheck cppcheck -q -j 2 --std=c11 --error-exitcode=1 --inline-suppr \
    --enable=warning,portability --suppress=missingIncludeSystem --suppress=unusedStructMember \
    -I . -D_GNU_SOURCE "${host[@]}"
# shellcheck disable=SC2317 # called through check
tidy() {
    printf '%s\n' "${host[@]}" | xargs -P 2 -I{} clang-tidy --quiet --warnings-as-errors='*' {} -- -std=c17 -D_GNU_SOURCE -I. \
        2>/dev/null
}
check clang-tidy tidy

check 'structure (tests/circles.py)' tests/circles.py

for file in "${formatted[@]}" "${scripts[@]}" Makefile $(git ls-files '*.mk' '*.py' '*.S' ':!tests/*/cases/*'); do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || note "$file: no SPDX line"
done
while IFS= read -r file; do
    [ -f "$file" ] || continue
    [ "$(stat -c %s "$file")" -le 1048576 ] || note "$file: over 1 MiB"
done < <(git ls-files)
while IFS= read -r file; do
    [ "$(wc -l <"$file")" -le 600 ] || note "$file: over 600 lines"
done < <(git ls-files '*.c' '*.h' '*.S' '*.py' '*.sh')
said=$(git grep -nIE '\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b' -- '*.c' '*.h' '*.S' '*.py' '*.sh') &&
    note "marks of unfinished work: $said"
said=$(git grep -nIE '(^|[[:space:]=:(])["]?/(work|farm|root)/' -- .) &&
    note "paths of one machine: $said"

[ $bad -eq 0 ] && echo "lint: clean (${#sources[@]} C files, ${#scripts[@]} scripts)"
exit $bad
