#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The recipe of the Python image: which packages it takes. Runs its steps in a copy, with a cache that begins as that of
# the tree, so the tree's image stays as it is. Root only.
#
# usage: tests/image/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

choose 'cached changed_list no_lock gone renewed extra' "$@"
[ "$(id -u)" = 0 ] || { echo "tests/image: must be run as root, as the recipe is" >&2; exit 2; }
[ -e build/cache/apt/updated ] && [ -e build/images/python/root.list ] ||
    { echo "tests/image: nothing downloaded in build/cache; make image makes that" >&2; exit 2; }

readonly tree=$scratch/tree lock=images/python/trixie.lock

# in_copy COMMAND...: run, in the copy.
in_copy() {
    run env -C "$tree" BUILD=build IMAGE_SUITE=trixie IMAGE_PYTHON=3.13 "${env[@]}" "$@"
}

new_copy() {
    env=()
    rm -rf "$tree"
    mkdir -p "$tree/images" "$tree/build/cache/deb"
    cp -r images/python "$tree/images/"
    cp -a build/cache/apt "$tree/build/cache/"
    cp -al build/cache/deb/*.deb "$tree/build/cache/deb/" 2>/dev/null || cp build/cache/deb/*.deb "$tree/build/cache/deb/"
}

# expect_refused WHAT: one line on stderr, and no list of packages was made.
expect_refused() {
    expect_status 1
    expect_err "^image: .*$1"
    [ "$(wc -l <"$scratch/err")" = 1 ] || problem "not one line on stderr: $(head -c 600 "$scratch/err")"
    [ ! -e "$tree/build/images/python/root.list" ] || problem "there is a root.list"
}

has_network() {
    new_copy
    rm "$tree/build/cache/apt/updated"
    rm "$tree"/build/cache/deb/tzdata_*.deb
    in_copy images/python/fetch.sh
    [ "$status" = 0 ]
}

if is_chosen cached; then
    begin "with all packages in the cache, neither apt nor a network is asked"
    new_copy
    rm -rf "$tree/build/cache/apt"
    mkdir "$scratch/bin" && printf '#!/bin/sh\necho "$0 $*" >&2\nexit 99\n' >"$scratch/bin/apt-get"
    chmod +x "$scratch/bin/apt-get" && cp "$scratch/bin/apt-get" "$scratch/bin/apt-cache"
    env=("PATH=$scratch/bin:$PATH")
    in_copy images/python/fetch.sh
    expect_status 0
    diff <(cut -d' ' -f1,2 "$tree/build/images/python/root.list") <(awk '$1 == "root" { print $2, $3 }' $lock) \
        >"$scratch/diff" || problem "root.list is not the lock's: $(head -n 5 "$scratch/diff")"
fi

if is_chosen changed_list; then
    begin "a changed list of packages, which the lock file does not know yet"
    new_copy
    echo python3-scipy >>"$tree/images/python/packages.txt"
    in_copy images/python/fetch.sh
    expect_refused 'the lists of packages are not what .*trixie.lock was made from; `make image-lock`'
fi

if is_chosen no_lock; then
    begin "no lock file"
    new_copy
    rm "$tree/$lock"
    in_copy images/python/fetch.sh
    expect_refused 'there is no .*trixie.lock; `make image-lock IMAGE_SUITE=trixie` makes it'
fi

if is_chosen gone || is_chosen renewed || is_chosen extra; then
    if ! has_network; then
        for name in gone renewed extra; do
            is_chosen $name && skip $name "no mirror can be reached: $(tail -n 1 "$scratch/err")"
        done
        summary
        exit
    fi
fi

if is_chosen gone; then
    begin "a version that the mirror does not have"
    new_copy
    sed -i -E 's/^(root tzdata) [^ ]+/\1 1999a-1/' "$tree/$lock"
    in_copy images/python/fetch.sh
    expect_refused 'trixie.lock: the mirror does not have tzdata 1999a-1 \(any more\); `make image-lock` takes'
fi

if is_chosen renewed; then
    begin "the lock file renewed: the mirror's versions, with a line for each change"
    new_copy
    sed -i -E 's/^(root tzdata) [^ ]+/\1 1999a-1/' "$tree/$lock"
    in_copy images/python/lock.sh
    expect_status 0
    grep -q '^image: < root tzdata 1999a-1 all$' "$scratch/out" && grep -q '^image: > root tzdata 20' "$scratch/out" ||
        problem "it does not tell the change: $(cat "$scratch/out")"
    grep -q '^root tzdata 20' "$tree/$lock" || problem "the lock file has $(grep tzdata "$tree/$lock")"
    in_copy images/python/fetch.sh
    expect_status 0
fi

if is_chosen extra; then
    begin "IMAGE_EXTRA: what it needs comes too, and the lock file's versions stay"
    new_copy
    in_copy images/python/fetch.sh python3-toolz
    expect_status 0
    grep -q '^python3-toolz ' "$tree/build/images/python/root.list" || problem "python3-toolz is not in the list"
    said=$(comm -23 <(awk '$1 == "root" { print $2, $3 }' $lock | sort) \
        <(cut -d' ' -f1,2 "$tree/build/images/python/root.list" | sort))
    [ -z "$said" ] || problem "other versions than the lock file's of: $said"
fi
summary
