# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh and tests/ecosystem/run.sh, after tests/lib.sh and
# tests/py/root.sh, which set what is used here
# What runs pyhl with packages, and the same natively: under the image's Python in a chroot of the image, with the tree
# of the packages at the place that it has in the guest.

readonly home=${PYHL_HOME:-.pyhl} place=usr/local/lib/python3.13/dist-packages
unset PYHL_HOME
# The user's own cache and settings must not leak in.
export XDG_CACHE_HOME=$scratch/cache XDG_CONFIG_HOME=$scratch/config
readonly sites=build/tests/packages/sites made=$PWD/build/tests/packages/wheels
uv= # the program

find_uv() {
    uv=$(command -v uv)
    if [ -z "$uv" ]; then
        uv=$PWD/tests/packages/uv
        export PATH=$PWD/tests/packages:$PATH
        echo "no uv on PATH: tests/packages/uv stands in for it"
    fi
}

# Whether the real uv is used.
is_real() {
    [ "$uv" != "$PWD/tests/packages/uv" ]
}

make_wheels() {
    rm -rf "$made" $sites
    mkdir -p $sites
    python3 -B tests/packages/wheels.py "$made" "$PWD/build/images/python/dev/usr/include"
}

pyhl_run() {
    run "$pyhl" run --dest "$home" "$@"
}

# with "REQUIREMENT..." ARGS...: pyhl run with these packages, from the suite's wheels alone.
with() {
    local options=() word
    for word in $1; do
        options+=(--with "$word")
    done
    shift
    pyhl_run "${options[@]}" --offline --find-links "$made/good" --find-links "$made/bad" "$@"
}

# site "REQUIREMENT..." [UV-OPTION...]: the tree of these packages, for native runs, in $site.
site() {
    local wanted=$1 stub name
    site=$sites/$(printf '%s' "$wanted" | md5sum | cut -c 1-16)
    shift
    [ ! -e "$site" ] || return 0
    mkdir -p "$site"
    for name in "$root"/usr/lib/python3/dist-packages/*-info; do
        stub=$site/$(basename "${name%.*}").dist-info
        mkdir "$stub"
        cat "$name/METADATA" "$name/PKG-INFO" "$name" 2>/dev/null | sed '/^$/q' >"$stub/METADATA"
        echo "$stub" >>"$site.stubs"
    done
    # shellcheck disable=SC2086 # a word for each
    printf '%s\n' $wanted >"$site.txt"
    "$uv" pip install --system --no-progress --target "$site" --only-binary :all: --python-version 3.13 \
        --python-platform x86_64-manylinux_2_40 -r "$site.txt" "$@" >"$site.log" 2>&1 ||
        { problem "natively: $(tail -n 3 "$site.log")"; return 1; }
    xargs -d '\n' rm -rf <"$site.stubs"
}

# natively SCRIPT: runs it with the tree that site() has made, at the same path.
natively() {
    find "$root/tmp" -mindepth 1 -delete # what an earlier run has left
    mkdir -p "$root$(dirname "$1")" "$root/$(dirname $place)"
    cp "$1" "$root$1"
    rm -rf "${root:?}/$place"
    mv "$site" "$root/$place"
    run env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 \
        "$(command -v python3)" tests/py/inroot.py "$root" / /usr/bin/python3 "$1"
    mv "$root/$place" "$site"
    rm -rf "${root:?}$scratch"
}

# Whether the last run gave what $scratch/native.* has. A status by a signal is one that a shell shows.
is_same() {
    [ "$status" = "$native" ] || problem "$1: status $status, natively $native: $(tail -n 3 "$scratch/err")"
    cmp -s "$scratch/out" "$scratch/native.out" ||
        problem "$1: stdout '$(head -c 300 "$scratch/out")', natively '$(head -c 300 "$scratch/native.out")'"
    [ "$native" -gt 128 ] || cmp -s "$scratch/err" "$scratch/native.err" ||
        problem "$1: stderr '$(tail -c 500 "$scratch/err")', natively '$(tail -c 500 "$scratch/native.err")'"
}

# same "REQUIREMENT..." LINE...: a script of these lines does the same with these packages as natively: in a layer that
# is found made, without uv, and again after a rewind.
same() {
    local wanted=$1
    shift
    printf '%s\n' "$@" >"$scratch/same.py"
    site "$wanted" --offline --find-links "$made/good" --find-links "$made/bad" || return
    natively "$scratch/same.py"
    native=$status
    mv "$scratch/out" "$scratch/native.out"
    mv "$scratch/err" "$scratch/native.err"
    with "$wanted" "$scratch/same.py"
    [ "$status" = "$native" ] || problem "first run: status $status, natively $native: $(tail -n 3 "$scratch/err")"
    PATH=/usr/bin:/bin with "$wanted" "$scratch/same.py"
    is_same "second run"
}
