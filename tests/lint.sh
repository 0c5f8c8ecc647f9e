#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Formatter, static analysers and repository checks. Every tool must be there (tests/prereqs.sh installs them), what
# `make all driver` makes must be up to date, and each check looks only at files that git knows.
set -u
cd "$(dirname "$0")/.." || exit 2

# What the formatter makes of a macro, and what the analysers object to, differs from version to version.
version=$(clang-format --version | grep -oE 'version [0-9]+')
if [ "$version" != 'version 14' ]; then
    echo "lint: this clang-format is $version; the tree is formatted by version 14, that of Debian 12: lint it there" >&2
    exit 1
fi

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
mapfile -t product < <(git ls-files 'pyhl/*.c' 'vmm/*.c' 'images/*.c' 'python-agent-driver/*.c')
mapfile -t kernel < <(git ls-files 'images/kernel/*.c')
mapfile -t others < <(git ls-files 'pyhl/*.c' 'vmm/*.c' 'images/*.c' 'python-agent-driver/*.c' ':!images/kernel')

check clang-format clang-format --dry-run -Werror "${formatted[@]}"
check shellcheck shellcheck -x -S warning "${scripts[@]}"
check mandoc mandoc -T lint -W error pyhl/pyhl.1

# cppcheck looks into no system header. What it needs of them: that _Noreturn is one, a version of CPython, the kernel's
# lists. comparePointers: the bounds that the linker script sets are no different objects.
cppcheck=(cppcheck -q -j 2 --std=c11 --error-exitcode=1 --inline-suppr --enable=warning --enable=portability
    --suppress=missingIncludeSystem --suppress=unusedStructMember)
check cppcheck "${cppcheck[@]}" -I . -I images/kernel --include=/usr/include/x86_64-linux-gnu/sys/queue.h \
    -D_GNU_SOURCE '-D_Noreturn=__attribute__((noreturn))' -DPY_VERSION_HEX=0x030d0000 "${others[@]}"
check 'cppcheck (kernel)' "${cppcheck[@]}" -I images/kernel -I images/kernel/include \
    --include=/usr/include/x86_64-linux-gnu/sys/queue.h '-DRB_GENERATE(...)=' --suppress=comparePointers "${kernel[@]}"

# clang and clang-tidy see each file as make compiles it. One file at a time: clang 14 takes a va_list in the second for
# one that was not started.
check 'compile commands (tests/commands.py)' tests/commands.py "${product[@]}"
check clang tests/commands.py --clang
# shellcheck disable=SC2317 # called through check
tidy() {
    printf '%s\n' "${product[@]}" | xargs -P 2 -n 1 clang-tidy -p build --quiet --warnings-as-errors='*' 2>/dev/null
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
said=$(git grep -nE '^//|[[:space:]]// ' -- '*.c' '*.h' | grep -vE 'SPDX|NOLINT') && note "comments in //, where the tree has /* */: $said"
said=$(git grep -nIE '\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b' -- '*.c' '*.h' '*.S' '*.py' '*.sh') &&
    note "marks of unfinished work: $said"
said=$(git grep -nIE '(^|[[:space:]=:(])["]?/(work|farm|root)/' -- .) &&
    note "paths of one machine: $said"

[ $bad -eq 0 ] && echo "lint: clean (${#sources[@]} C files, ${#scripts[@]} scripts)"
exit $bad
