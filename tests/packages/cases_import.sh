# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh, which sets what is used here
# Cases of packages whose import does something odd, while the layer is made or in a script.

case_odd() {
    local name
    begin "an import that raises does so in the script that imports it, and in no other"
    same toddraise 'try:' '    import toddraise' 'except ValueError as error:' '    print(error)' 'import toddraise'
    with toddraise -c 'print(1)'
    expect_out 1
    begin "an import that ends Python does so in the script"
    same toddexit 'import toddexit'
    same toddquit 'import toddquit'
    begin "an import that takes the VM down does so in the script"
    for name in toddabort toddcrash; do
        same $name "import $name"
        with $name -c 'print(1)'
        expect_status 0
        expect_out 1
    done
    begin "a module that keeps __import__ has the one that scripts have"
    same toddtake 'import toddtake as t; print(t.take is __import__, t.Taker.take is __import__, t.Taker.take("json").__name__)'
    begin "what an import starts or sets does no harm to scripts"
    for name in toddthread toddsignal toddpatch toddprint; do
        with $name -c 'import json; print(json.dumps([1]))'
        with $name -c "import $name; print($name.used)"
        expect_status 0
        expect_out 1
    done
}

case_hidden() {
    begin "what a layer has imported is not there before the script imports it"
    same tpure 'import sys; print("tpure" in sys.modules)' \
        'import tpure; print("tpure" in sys.modules, "tpure.more" in sys.modules)'
    begin "nor what it registered, and random numbers are new in each run"
    same tlate 'import random; print(random.__name__)'
    with tlate -c 'import random; print(random.random())'
    cp "$scratch/out" "$scratch/before"
    with tlate -c 'import random; print(random.random())'
    cmp -s "$scratch/out" "$scratch/before" && problem "the same number twice: $(cat "$scratch/out")"
}

case_memory() {
    begin "an import that needs more memory than the VM has"
    with toddmemory -c 'print(1)'
    expect_status 0
    expect_out 1
    with toddmemory -c 'import toddmemory'
    expect_status 137
}

case_hang() {
    local pid
    rm -rf "$XDG_CACHE_HOME"
    begin "an import that does not end is interrupted, and leaves nothing"
    env --default-signal=INT "$pyhl" run --dest "$home" --offline --find-links "$made/good" --with toddhang -c 'print(1)' \
        >"$scratch/out" 2>"$scratch/err" &
    pid=$!
    # The process with the VM uses CPU time once it imports; 2 s of that is far more than the layer takes up to there.
    for _ in {1..300}; do
        [ "$(cat /proc/$pid/task/$pid/children 2>/dev/null | xargs -r ps -o times= -p | sort -n | tail -n 1)" -ge 2 ] 2>/dev/null &&
            break
        sleep 0.2
    done
    kill -INT $pid
    wait $pid
    status=$?
    expect_error 130 'stopped by a signal'
    [ -z "$(find "$XDG_CACHE_HOME/pyhl/layers" "$XDG_CACHE_HOME/pyhl/work" -mindepth 1 -type d 2>/dev/null)" ] ||
        problem "left: $(find "$XDG_CACHE_HOME/pyhl")"
}
