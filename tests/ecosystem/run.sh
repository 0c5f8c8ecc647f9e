#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packages from the registry: each script in scripts/ names what it needs (PEP 723), runs with it natively and in a
# VM, and must print the same. Before that tests/packages, with the real uv, and the types of pyhl/python. Ends with a
# table; README.md says of what. Root only, because of the chroot in which scripts run natively. `make test-ecosystem` calls it.
#
# usage: tests/ecosystem/run.sh [NAME...]      packages, or a script's name without use_ and .py; --list prints them
set -u
cd "$(dirname "$0")/../.." || exit 2
export TEST_TIMEOUT=${TEST_TIMEOUT:-300} # downloads take their time
. tests/lib.sh
. tests/py/root.sh

readonly kept=$PWD/build/ecosystem scripts=tests/ecosystem/scripts
# After so many seconds no other package is begun.
readonly limit_s=${ECOSYSTEM_TIMEOUT:-900}
export UV_CACHE_DIR=$kept/uv-cache

. tests/ecosystem/mcp/lib.sh

# uv of the registry, kept in build/. Without a registry there is nothing to test.
get_uv() {
    [ -x "$kept/uv/bin/uv" ] && return
    mkdir -p "$kept"
    python3 -m venv "$kept/uv" >"$kept/uv.log" 2>&1 &&
        timeout 300 "$kept/uv/bin/pip" install -q --disable-pip-version-check uv >>"$kept/uv.log" 2>&1
}

# tests/packages with the real uv: its cases are counted as one.
packages() {
    begin "tests/packages with $("$kept/uv/bin/uv" --version)"
    TEST_TIMEOUT=60 tests/packages/run.sh >"$kept/packages.log" 2>&1 || problem "$(grep -A 4 '^FAIL' "$kept/packages.log")"
    echo "tests/packages: $(tail -n 1 "$kept/packages.log")"
}

# The types of the Python package, by mypy: of the package itself, and as a user of it sees them.
sdk_types() {
    begin "mypy --strict of pyhl/python"
    MYPYPATH=pyhl/python uvx --quiet --with typing_extensions mypy --strict --cache-dir "$kept/mypy" pyhl/python/pyhl \
        tests/sdk/typed.py >"$scratch/out" 2>&1 || problem "$(tail -n 5 "$scratch/out")"
}

# What a script's metadata asks for, a word for each.
requirements() {
    sed -n 's/^# dependencies = \[\(.*\)\]$/\1/p' "$1" | tr -d '",'
}

now_us() {
    echo "${EPOCHREALTIME/./}"
}

# median_ms COMMAND...: of 5 runs.
median_ms() {
    local began
    for _ in 1 2 3 4 5; do
        began=$(now_us)
        "$@" >/dev/null 2>&1
        echo $(($(now_us) - began))
    done | sort -n | sed -n 3p
}

# measured NAME WANTED...: a line of the table. The layer is there.
measured() {
    local name=$1 word options=() plain layer script
    shift
    for word; do
        options+=(--with "$word")
    done
    plain=$(median_ms "$pyhl" run --dest "$home" -c 'print(1)')
    layer=$(median_ms "$pyhl" run --dest "$home" "${options[@]}" -c 'print(1)')
    script=$(median_ms "$pyhl" run --dest "$home" "$scratch/use_$name.py")
    awk -v name="$name" -v plain="$plain" -v layer="$layer" -v script="$script" -v made="$made_ms" -v native="$native_us" \
        -v size="$(du -sm "$site" | cut -f1)" 'BEGIN {
            printf "%-16s %6d %8.1f %8.2f %10.2f\n", name, size, made / 1000, layer / plain, script / native }' >>"$scratch/table"
}

# The packages of the one layer in the cache, with their versions.
layer_packages() {
    sed -n '1,/^\[packages\]$/d; s/ = /==/p' "$XDG_CACHE_HOME"/pyhl/layers/*/layer.ini
}

# package NAME: the script in a VM, whose first run makes the layer, and natively with the same versions.
package() {
    local file=$scratch/use_$1.py began made_ms native_us first
    begin "$1"
    cp "$scripts/use_$1.py" "$file"
    began=$(now_us)
    pyhl_run "$file"
    made_ms=$((($(now_us) - began) / 1000))
    first=$status
    [ "$first" = 0 ] || problem "first run: status $first: $(tail -n 5 "$scratch/err")"
    site "$(layer_packages)" --no-deps || return
    natively "$file" # which compiles
    began=$(now_us)
    natively "$file"
    native_us=$(($(now_us) - began))
    native=$status
    [ "$native" = 0 ] || problem "natively: $(tail -n 3 "$scratch/err")"
    [ -s "$scratch/out" ] || problem "natively it prints nothing"
    mv "$scratch/out" "$scratch/native.out"
    mv "$scratch/err" "$scratch/native.err"
    PATH=/usr/bin:/bin pyhl_run "$file"
    is_same "second run"
    # shellcheck disable=SC2046 # a word for each
    [ -n "$test_problems" ] || measured "$1" $(requirements "$file")
    "$pyhl" prune >/dev/null
    rm -rf "$site" # it may be large
}

choose "packages sdk-types mcp-clients mcp-conformance $(cd $scripts && printf '%s\n' use_*.py | sed 's/^use_//; s/\.py$//' | paste -sd ' ')" "$@"
tests/home.sh "${PYHL_HOME:-.pyhl}" || exit 2
if ! get_uv; then
    echo "no uv: $(grep -v '^ *$' "$kept/uv.log" | tail -n 1)"
    skip ecosystem "uv is not to be had: is there a network, and a package registry? (log in $kept/uv.log)"
    summary
    exit
fi
export PATH=$kept/uv/bin:$PATH
is_chosen packages && packages
is_chosen sdk-types && sdk_types
is_chosen mcp-clients && mcp_clients
is_chosen mcp-conformance && mcp_conformance
. tests/packages/lib.sh
take_root && find_uv || exit 2
mkdir -p $sites
for name in "${chosen[@]}"; do
    [ -f "$scripts/use_$name.py" ] || continue
    if [ $SECONDS -ge "$limit_s" ]; then
        skip "$name" "$limit_s s are over (ECOSYSTEM_TIMEOUT)"
        continue
    fi
    package "$name"
done
finish
if [ -s "$scratch/table" ]; then
    echo "package          MiB   layer, s  of a run  of native"
    cat "$scratch/table"
fi
summary
