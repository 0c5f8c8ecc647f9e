#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The path of a script, the table of CONTRIBUTING.md, is the one that a script takes: gdb follows it.
#
# usage: tests/path/run.sh [CASE...]      --list prints their names
#     table     each function is in the file that the table names
#     order     hops that are missing, in another order or too late are found, without gdb
#     vm        a script in a VM comes through all hops in that order, and nothing is printed before the last
#     native    the same for the hops of driver and CPython on plain Linux, in a chroot of the image; root only
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh
. tests/py/root.sh

choose "table order vm native" "$@"
tests/home.sh .pyhl || exit 2
export PATH_DIR=$scratch/path SHELL=/bin/sh PYTHONDONTWRITEBYTECODE=1 DEBUGINFOD_URLS=''
mkdir "$PATH_DIR"
echo 'print("hello")' >"$PATH_DIR/script.py"

follow() {
    : >"$PATH_DIR/hits"
    : >"$PATH_DIR/printed"
    run "$@"
}

# followed WAY: what gdb has noted.
followed() {
    local said
    said=$(tests/path/hops.py order "$1" "$PATH_DIR/hits") ||
        problem "$said"$'\n'"gdb: status $status: $(tail -n 5 "$scratch/err" | cut -c 1-200)"
    [ "$(cat "$PATH_DIR/printed")" = hello ] ||
        problem "the script printed '$(head -c 300 "$PATH_DIR/printed")', not 'hello'"
}

check_table() {
    local said
    said=$(tests/path/hops.py table) || problem "$said"
}

# finds SED STATUS SAID: what is said of the hits that follow the table, after this edit.
finds() {
    seq -f '%g 0' "$last" | sed "$1" >"$PATH_DIR/hits"
    run tests/path/hops.py order vm "$PATH_DIR/hits"
    expect_status "$2"
    grep -qF -- "$3" "$scratch/out" || [ -z "$3" ] || problem "after '$1' not '$3', but '$(cat "$scratch/out")'"
}

check_order() {
    local last
    last=$(grep -c '^| [0-9]* | ' CONTRIBUTING.md)
    finds '' 0 ''
    finds '2{h;d};3G' 1 'hop 3 came before hop 2'
    finds 4d 1 'hop 4 ('
    finds "\$s/0\$/6/" 1 "at hop $last 6 bytes had been printed"
}

check_vm() {
    "$pyhl" run --dest .pyhl -c 'print(open("/proc/self/maps").read())' >"$PATH_DIR/maps"
    follow gdb -nx -batch -x tests/path/vm.py "$pyhl"
    followed vm
}

# A FIFO can be opened for writing when its reader has opened it, too: the driver, in the last line of its list of modules.
# gdb says when the driver may go on.
native() {
    local driver gdb
    exec 9>&- # else a child that is left would keep the root
    taskset -c 0 python3 tests/py/inroot.py "$PWD/$root" /tmp /usr/lib/pyhl/driver /tmp/frame /tmp/preload.txt \
        </dev/null >"$PATH_DIR/printed" &
    driver=$!
    exec 8>"$root/tmp/gate"
    timeout $((${TEST_TIMEOUT:-60} - 10)) gdb -nx -batch -iex "set sysroot $PWD/$root" -iex "set auto-solib-add off" -p $driver \
        -x tests/path/native.py "$root/usr/bin/python3.13" 8>&- &
    gdb=$!
    while [ ! -e "$PATH_DIR/ready" ] && kill -0 $gdb 2>/dev/null; do
        sleep 0.1
    done
    exec 8>&-
    wait $gdb
}

check_native() {
    take_root && place_driver || exit 2
    rm -f "$root/tmp/gate" "$root/tmp/frame"
    mkfifo "$root/tmp/gate"
    { cat "$root/usr/lib/pyhl/preload.txt" && echo ">>> open('/tmp/gate').read()"; } >"$root/tmp/preload.txt"
    tests/py/mkframe.py "$root/tmp/frame" --cwd /tmp --source "$PATH_DIR/script.py" script.py
    export -f native
    export root
    follow bash -c native
    followed native
}

for name in "${chosen[@]}"; do
    begin "$name"
    check_$name
done
summary
