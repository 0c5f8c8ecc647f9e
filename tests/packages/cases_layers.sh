# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh; lib.sh and run.sh set what it uses
# Layers in the cache folder: made once, by one process at a time, whole or not at all; used only when nobody else can
# have changed them; listed, and removed. What is on PATH as uv is toy_uv.py: what is tested here is what becomes of a
# tree of packages.

readonly toys=$scratch/toys toy_bin=$scratch/toybin

toys_begin() {
    rm -rf "$toys" "$toy_bin" "$XDG_CACHE_HOME"
    mkdir -p "$toys" "$toy_bin"
    ln -s "$PWD/tests/packages/toy_uv.py" "$toy_bin/uv"
    echo 'value = 42' >"$toys/toy.py"
    export TOYS=$toys
}

# toy_run ARGUMENT...: pyhl run with the stand-in.
toy_run() {
    PATH=$toy_bin:$PATH pyhl_run "$@"
}

toy_calls() {
    wc -l 2>/dev/null <"$toys/calls" || echo 0
}

expect_calls() {
    [ "$(toy_calls)" = "$1" ] || problem "uv was called $(toy_calls) times, expected $1"
}

# The names in a folder of the cache.
cached() {
    find "$XDG_CACHE_HOME/pyhl/$1" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null
}

expect_cached() {
    [ "$(cached "$1" | wc -l)" = "$2" ] || problem "$1/ has $(cached "$1" | tr '\n' ' '), expected $2 entries"
}

# Waits until uv is called, or the process that is to call it has ended.
await_call() {
    while [ "$(toy_calls)" = 0 ]; do
        kill -0 "$1" 2>/dev/null || { problem "it ended before it called uv"; return; }
        sleep 0.05
    done
}

readonly print_toy='import toy; print(toy.value)'

case_layers_once() {
    toys_begin
    begin "a layer is made once; the next run opens it, without uv"
    toy_run --with toy -c "$print_toy"
    expect_status 0
    expect_out 42
    expect_calls 1
    [ ! -s "$scratch/err" ] || problem "it says $(cat "$scratch/err")"
    PATH=/usr/bin:/bin pyhl_run --with toy -c "$print_toy"
    expect_status 0
    expect_out 42
    expect_cached work 0
    expect_cached layers 1
    begin "its modules are imported already"
    toy_run --with toy -c 'import sys, time; import toy; print(toy.__loader__ is not None, "toy" in sys.modules)'
    expect_out 'True True'
    toy_run -vv --with toy -c "$print_toy"
    expect_err 'exits 1 .*page faults 0$'
    begin "--upgrade asks uv again, and equal packages are one layer"
    toy_run --upgrade --with toy -c "$print_toy"
    expect_out 42
    expect_calls 2
    expect_cached layers 1
    begin "what was asked for in other words is another request, and the same layer"
    toy_run --with toy --with toy -c "$print_toy"
    expect_out 42
    expect_calls 3
    expect_cached layers 1
    expect_cached requests 2
    begin "-r, -m, a script and a session have the packages"
    echo toy >"$scratch/wanted.txt"
    toy_run -r "$scratch/wanted.txt" -m toy.__init__
    expect_status 0
    echo "$print_toy" >"$scratch/toy_script.py"
    toy_run -r "$scratch/wanted.txt" "$scratch/toy_script.py"
    expect_out 42
    PATH=$toy_bin:$PATH run "$pyhl" repl --dest "$home" -r "$scratch/wanted.txt" <"$scratch/toy_script.py"
    expect_out 42
    begin "--with before a script that is a directory, and with -i"
    mkdir -p "$scratch/app" && echo "$print_toy" >"$scratch/app/__main__.py"
    toy_run --with toy "$scratch/app"
    expect_out 42
    toy_run --with toy -i -c 'import toy; x = toy.value' < <(echo 'x + 1')
    expect_out 43
}

case_layers_plain() {
    toys_begin
    begin "a run without packages has no cache folder"
    pyhl_run -vv -c 'print(1)'
    expect_status 0
    expect_err 'exits 1 .*page faults 0$'
    [ ! -e "$XDG_CACHE_HOME" ] || problem "there is one"
}

case_layers_saved() {
    toys_begin
    begin "a state that was saved with packages has them, without the cache"
    toy_run --with toy --save "$scratch/toy_state" -c 'import toy; kept = toy.value + 1'
    expect_status 0
    rm -rf "$XDG_CACHE_HOME"
    pyhl_run --from "$scratch/toy_state" -c 'print(kept, toy.value)'
    expect_out '43 42'
    begin "--with does not go with --from"
    pyhl_run --with toy --from "$scratch/toy_state" -c 1
    expect_error 2 '--from: a saved state has its packages'
    rm -f "$scratch/toy_state"
}

case_layers_two() {
    local first second
    toys_begin
    begin "two that want the same packages at once: one makes them, the other says that it waits"
    TOY_SLEEP=2 PATH=$toy_bin:$PATH "$pyhl" run --dest "$home" --with toy -c "$print_toy" \
        >"$scratch/one" 2>"$scratch/one.err" &
    first=$!
    await_call $first
    PATH=$toy_bin:$PATH "$pyhl" run --dest "$home" --with toy -c "$print_toy" >"$scratch/two" 2>"$scratch/two.err" &
    second=$!
    wait $first || problem "the first failed: $(cat "$scratch/one.err")"
    wait $second || problem "the second failed: $(cat "$scratch/two.err")"
    [ "$(cat "$scratch/one" "$scratch/two")" = $'42\n42' ] || problem "they print $(cat "$scratch/one" "$scratch/two")"
    grep -q '^pyhl run: waiting for another pyhl' "$scratch/two.err" || problem "it says $(cat "$scratch/two.err")"
    expect_calls 1
    expect_cached work 0
}

# interrupt_maker SIGNAL: sends it while uv works. A shell without job control starts jobs with SIGINT ignored.
interrupt_maker() {
    local pid
    rm -rf "$XDG_CACHE_HOME" "$toys/calls"
    TOY_SLEEP=3 PATH=$toy_bin:$PATH env --default-signal=INT "$pyhl" run --dest "$home" --with toy -c "$print_toy" \
        >"$scratch/out" 2>"$scratch/err" &
    pid=$!
    await_call $pid
    kill -"$1" $pid
    wait $pid
    status=$?
}

case_layers_killed() {
    local pid
    toys_begin
    echo 'value = 1' >"$toys/other.py"
    begin "a maker that is killed leaves no layer, and what it leaves goes with the next work"
    TOY_SLEEP=3 PATH=$toy_bin:$PATH "$pyhl" run --dest "$home" --with toy -c "$print_toy" >/dev/null 2>&1 &
    pid=$!
    await_call $pid
    kill -9 $pid
    wait $pid 2>/dev/null
    [ "$(cached work | wc -l)" -gt 0 ] || problem "there is nothing in work/: the test tests nothing"
    expect_cached layers 0
    cp -r "$XDG_CACHE_HOME" "$scratch/left"
    toy_run --with other -c 'import other; print(other.value)'
    expect_out 1
    expect_cached work 0
    toy_run --with toy -c "$print_toy"
    expect_out 42
    begin "or with pyhl prune"
    rm -rf "$XDG_CACHE_HOME"
    mv "$scratch/left" "$XDG_CACHE_HOME"
    run "$pyhl" prune --older-than 1
    expect_status 0
    expect_cached work 0
    begin "a maker that is interrupted says so, ends with 130 and leaves nothing"
    rm -rf "$XDG_CACHE_HOME" "$toys/calls"
    interrupt_maker INT
    expect_error 130 'stopped by a signal'
    expect_cached work 0
    expect_cached layers 0
    begin "the same by SIGTERM: 143"
    interrupt_maker TERM
    expect_error 143 'stopped by a signal'
    expect_cached work 0
}

case_layers_damaged() {
    local state damage cache=$XDG_CACHE_HOME/pyhl
    toys_begin
    toy_run --with toy -c "$print_toy"
    begin "a layer that is cut short is made again, and that is told"
    state=$(echo "$cache"/layers/*/state)
    chmod u+w "$state" && truncate -s 100000 "$state"
    toy_run --with toy -c "$print_toy"
    expect_status 0
    expect_out 42
    expect_err 'the packages are made again: .*the checkpoint has 100000 bytes'
    toy_run --with toy -c "$print_toy"
    [ ! -s "$scratch/err" ] || problem "the next one says $(cat "$scratch/err")"
    begin "so is one whose request makes no sense, or is gone, or whose layer is"
    for damage in nonsense no-request no-layer no-state; do
        case $damage in
        nonsense) echo nonsense >"$(echo "$cache"/requests/*)" ;;
        no-request) rm "$cache"/requests/* ;;
        no-layer) rm -r "$cache"/layers/* ;;
        no-state) rm -f "$cache"/layers/*/state ;;
        esac
        toy_run --with toy -c "$print_toy"
        expect_status 0
        expect_out 42
    done
    expect_cached layers 1
}

case_layers_trust() {
    local cache=$XDG_CACHE_HOME/pyhl file
    toys_begin
    toy_run --with toy -c "$print_toy"
    for file in "$cache" "$cache/requests" "$cache"/requests/* "$cache/layers" "$cache"/layers/*/state; do
        begin "not used when others can change it: ${file#"$cache"}"
        chmod o+w "$file"
        toy_run --with toy -c "$print_toy"
        expect_error 125 'can be changed by others .*: it is not trusted'
        chmod o-w "$file"
    done
    begin "and used again when they cannot"
    toy_run --with toy -c "$print_toy"
    expect_status 0
    expect_calls 1
    begin "only the user can look into it"
    [ -z "$(find "$cache" -perm /077)" ] || problem "others have rights on $(find "$cache" -perm /077)"
    begin "a link in the place of a layer is not followed"
    mv "$cache"/layers/* "$scratch/elsewhere"
    ln -s "$scratch/elsewhere" "$cache/layers/$(sed -n 's/^layer //p' "$cache"/requests/*)"
    toy_run --with toy -c "$print_toy"
    expect_out 42
    expect_err 'made again'
    rm -rf "$scratch/elsewhere"
    begin "a place where no cache can be made"
    XDG_CACHE_HOME=/proc/none toy_run --with toy -c 1
    expect_error 125 '/proc/none.*: .*hold the cache \(XDG_CACHE_HOME'
    begin "no place for a cache"
    XDG_CACHE_HOME='' HOME='' toy_run --with toy -c 1
    expect_error 125 'set XDG_CACHE_HOME to an absolute path'
}

# A cache folder on a file system of its own, of so many bytes, for one command.
small_cache() {
    TOY_CACHE=$XDG_CACHE_HOME TOY_SIZE=$1 PATH=$toy_bin:$PATH run unshare -m --propagation private bash -c '
        mkdir -p "$TOY_CACHE" && mount -t tmpfs -o size=$TOY_SIZE none "$TOY_CACHE" || exit 99
        "$@"; status=$?; find "$TOY_CACHE" -type f >&2; exit $status' bash "${@:2}"
}

case_layers_disk() {
    toys_begin
    if ! unshare -m true 2>/dev/null; then
        skip "no room for a layer" "no mount namespace of its own is to be had here"
        return
    fi
    begin "no room for a layer: one line, and nothing is left"
    small_cache 2m "$pyhl" run --dest "$home" --with toy -c "$print_toy"
    expect_error 125 "^pyhl run: $XDG_CACHE_HOME/pyhl: .*No space left on device$"
    begin "a cache that cannot be written serves what is in it"
    small_cache 64m bash -c '"$0" run --dest "$1" --with toy -c "$2" && mount -o remount,ro none "$XDG_CACHE_HOME" &&
        "$0" run --dest "$1" --with toy -c "$2"' "$pyhl" "$home" "$print_toy"
    expect_status 0
    expect_out $'42\n42'
}

case_layers_imports() {
    toys_begin
    echo '1 / 0' >"$toys/raises.py"
    begin "a module whose import raises: one line, and the script gets the exception"
    toy_run --with toy --with raises -c "$print_toy"
    expect_status 0
    expect_out 42
    expect_err '^pyhl run: packages: importing raises: ZeroDivisionError: division by zero$'
    toy_run --with toy --with raises -c $'try:\n    import raises\nexcept ZeroDivisionError: print("raised")'
    expect_out raised
    [ ! -s "$scratch/err" ] || problem "the next run says $(cat "$scratch/err")"
    begin "one that takes the process down is left to the scripts, and the others are imported"
    echo 'import ctypes; ctypes.string_at(0)' >"$toys/crashes.py"
    toy_run --with toy --with crashes -c "$print_toy"
    expect_status 0
    expect_out 42
    expect_err '^pyhl run: packages: importing crashes: .*signal 11.*left to the scripts'
    toy_run --with toy --with crashes -c 'import crashes'
    expect_status 139
    begin "so is one that ends the process"
    echo 'import os; os._exit(3)' >"$toys/leaves.py"
    toy_run --with leaves --with toy -c "$print_toy"
    expect_out 42
    expect_err 'importing leaves: it ended the process with status 3;'
    begin "and one that takes all memory"
    echo 'x = [bytearray(1 << 20) for _ in range(1 << 20)]' >"$toys/grows.py"
    toy_run --with grows --with toy -c "$print_toy"
    expect_out 42
    expect_err 'importing grows: '
    begin "what an import prints does not reach the run's output"
    printf '%s\n' 'print("hello")' 'value = 7' >"$toys/talks.py"
    toy_run --with talks -c 'import talks; print(talks.value)'
    expect_out 7
    [ ! -s "$scratch/err" ] || problem "it says $(cat "$scratch/err")"
}

case_layers_size() {
    toys_begin
    begin "files that do not fit into a VM's memory are refused in a line"
    echo 'value = 1' >"$toys/big.py"
    echo $((3 << 30)) >"$toys/big.size"
    toy_run --with big -c 'import big'
    expect_error 125 'the packages are larger than the memory of a VM, 1.0 GiB: .*--memory of pyhl setup'
    expect_cached layers 0
    expect_cached work 0
    begin "so are those that fit, but not beside what is there"
    echo $((1000 << 20)) >"$toys/big.size"
    toy_run --with big -c 'import big'
    expect_error 125 'the packages have 1000.0 MiB of files, and a VM has 1.0 GiB of memory: .*--memory of pyhl setup'
    expect_cached layers 0
}

case_layers_info() {
    toys_begin
    begin "pyhl info without a cache"
    run "$pyhl" info --dest "$home"
    expect_status 0
    grep -qx 'layers: 0, 0 bytes on disk' "$scratch/out" || problem "$(grep layers "$scratch/out")"
    [ ! -e "$XDG_CACHE_HOME" ] || problem "it makes one"
    begin "pyhl info lists layers, with what is in them"
    echo 'value = 1' >"$toys/other.py"
    toy_run --with toy -c 1
    toy_run --with other --with toy -c 1
    touch -d '2020-02-02 12:00 UTC' "$XDG_CACHE_HOME/pyhl/layers/$(sed -n 's/^layer //p' \
        "$(grep -L other "$XDG_CACHE_HOME"/pyhl/requests/*)")/layer.ini"
    run "$pyhl" info --dest "$home"
    expect_status 0
    grep -A2 '^layers: 2, ' "$scratch/out" | sed -n 2p | grep -q ': other 1.0, toy 1.0$' || problem "$(grep -A2 layers "$scratch/out")"
    grep -A2 '^layers: 2, ' "$scratch/out" | sed -n 3p | grep -q 'used 2020-02-02 12:00 UTC: toy 1.0$' ||
        problem "$(grep -A2 layers "$scratch/out")"
    run "$pyhl" info --json --dest "$home"
    python3 - "$scratch/out" "$(realpath "$home")" <<'END' || problem "the JSON is wrong"
import json, sys
layers = json.load(open(sys.argv[1]))["layers"]
assert [sorted(l["packages"]) for l in layers] == [["other", "toy"], ["toy"]], layers
assert layers[1]["used_seconds"] == 1580644800 and layers[1]["packages"] == {"toy": "1.0"}, layers
assert all(l["disk_bytes"] > 4096 and l["files_bytes"] > 0 and l["home"] == sys.argv[2] for l in layers), layers
END
    begin "a use is noted"
    toy_run --with toy -c 1
    [ -z "$(find "$XDG_CACHE_HOME"/pyhl/layers/*/layer.ini -mmin +60)" ] || problem "it is not"
}

case_layers_prune() {
    local pid old name cache=$XDG_CACHE_HOME/pyhl
    toys_begin
    begin "pyhl prune without a cache"
    run "$pyhl" prune
    expect_status 0
    expect_out 'there is no cache'
    begin "pyhl prune --older-than keeps what was used since, and requests that lead to it"
    echo 'value = 1' >"$toys/other.py"
    toy_run --with toy -c 1
    toy_run --with other -c 1
    old=$(sed -n 's/^layer //p' "$(grep -L other "$cache"/requests/*)")
    touch -d '3 days ago' "$cache/layers/$old/layer.ini"
    run "$pyhl" prune --older-than 4
    expect_out "removed 0 of 2 layers from $cache: 0 bytes"
    run "$pyhl" prune --older-than 2
    grep -q "^removed 1 of 2 layers from $cache: [0-9.]* MiB$" "$scratch/out" || problem "$(cat "$scratch/out")"
    [ ! -e "$cache/layers/$old" ] || problem "the old one is there"
    expect_cached requests 1
    begin "--older-than takes days"
    run "$pyhl" prune --older-than soon
    expect_error 2 "--older-than"
    run "$pyhl" prune --max-size much
    expect_error 2 "--max-size"
    begin "--max-size removes those that were not used for the longest time"
    for name in toy toy other; do
        toy_run --with $name -c 1
    done
    touch -d '3 days ago' "$cache/layers/$(sed -n 's/^layer //p' "$(grep -l other "$cache"/requests/*)")/layer.ini"
    run "$pyhl" prune --max-size 1G
    expect_out "removed 0 of 2 layers from $cache: 0 bytes"
    run "$pyhl" prune --max-size $(((0$(stat -c +%b "$cache"/layers/*/state)) * 512 - 512))
    grep -q '^removed 1 of 2 layers' "$scratch/out" || problem "$(cat "$scratch/out")"
    grep -q toy "$cache"/requests/* || problem "the last used has gone"
    toy_run --with other -c 1
    begin "runs go on when their layer is removed"
    mkfifo "$scratch/wait"
    PATH=$toy_bin:$PATH "$pyhl" run --dest "$home" --with toy -c \
        $'print("ready", flush=True)\ninput()\nimport toy; print(toy.value)' <"$scratch/wait" >"$scratch/ran" 2>&1 &
    pid=$!
    exec 8>"$scratch/wait"
    while [ ! -s "$scratch/ran" ] && kill -0 $pid 2>/dev/null; do sleep 0.05; done
    run "$pyhl" prune
    expect_status 0
    grep -q '^removed 2 of 2 layers' "$scratch/out" || problem "$(cat "$scratch/out")"
    echo >&8
    exec 8>&-
    wait $pid || problem "it fails: $(cat "$scratch/ran")"
    [ "$(cat "$scratch/ran")" = $'ready\n42' ] || problem "it prints $(cat "$scratch/ran")"
    [ -z "$(find "$cache" -type f)" ] || problem "left: $(find "$cache" -type f)"
    begin "layers of a home that is gone, or was made again, are removed whatever their age"
    cp -r "$home" "$scratch/home2"
    PATH=$toy_bin:$PATH run "$pyhl" run --dest "$scratch/home2" --with toy -c "$print_toy"
    expect_out 42
    run "$pyhl" prune --older-than 100
    grep -q '^removed 0 of 1 layers' "$scratch/out" || problem "$(cat "$scratch/out")"
    chmod -R u+w "$scratch/home2" && rm -r "$scratch/home2"
    run "$pyhl" prune --older-than 100
    grep -q '^removed 1 of 1 layers' "$scratch/out" || problem "$(cat "$scratch/out")"
    begin "a cache that others can change is not pruned"
    chmod o+w "$cache"
    run "$pyhl" prune
    expect_error 125 'not trusted'
    chmod o-w "$cache"
}

case_layers_plain_base() {
    local cache=$XDG_CACHE_HOME/pyhl plain=$scratch/plain_home plain_was
    toys_begin
    echo 'value = "another"' >"$toys/numpy.py"
    begin "packages that replace the image's: the layer is made upon an image that has imported none"
    toy_run --with numpy --with toy -c 'import numpy, toy; print(numpy.value, toy.value)'
    expect_out 'another 42'
    expect_cached plain 1
    rm -f "$toys/calls"
    toy_run -vv --with numpy --with toy -c 'import numpy, toy; print(numpy.value, toy.value)'
    expect_out 'another 42'
    expect_err 'exits 1 .*page faults 0$'
    expect_calls 0
    begin "the image's other packages are there"
    toy_run --with numpy --with toy -c 'import yaml; print(yaml.safe_load("a: 1"))'
    expect_out "{'a': 1}"
    begin "other layers are made upon the same one"
    plain_was=$(stat -c %i "$cache"/plain/*)
    toy_run --with numpy -c 'import numpy; print(numpy.value)'
    expect_out another
    [ "$(stat -c %i "$cache"/plain/*)" = "$plain_was" ] || problem "it was made again"
    begin "a state of such packages is not saved"
    toy_run --with numpy --save "$scratch/plain_state" -c 'import numpy'
    expect_error 125 '^pyhl run: --save: packages that replace some of the image'
    [ ! -e "$scratch/plain_state" ] || problem "there is a file"
    begin "it is trusted as layers are"
    chmod o+w "$cache/plain"
    toy_run --with numpy -c 'import numpy; print(numpy.value)'
    expect_status 125
    chmod o-w "$cache/plain"
    begin "without it the layers upon it are made again"
    rm "$cache"/plain/*
    toy_run --with numpy -c 'import numpy; print(numpy.value)'
    expect_out another
    expect_err 'the packages are made again'
    toy_run --with numpy -c 'import numpy; print(numpy.value)'
    [ ! -s "$scratch/err" ] || problem "the next run says $(cat "$scratch/err")"
    begin "prune keeps it as long as a layer is upon it"
    run "$pyhl" prune --older-than 100
    expect_cached plain 1
    touch -d '101 days ago' "$cache"/layers/*/layer.ini
    run "$pyhl" prune --older-than 100
    expect_cached plain 0
    begin "setup --with such packages"
    PATH=$toy_bin:$PATH run "$pyhl" setup --from "$home" --dest "$plain" --with numpy
    expect_status 0
    run "$pyhl" run --dest "$plain" -c 'import numpy; print(numpy.value)'
    expect_out another
    PATH=$toy_bin:$PATH run "$pyhl" run --dest "$plain" --with toy -c 'import numpy, toy; print(numpy.value, toy.value)'
    expect_out 'another 42'
    rm -r "$plain"
}

case_layers_setup() {
    local own=$scratch/own
    toys_begin
    echo 'value = 1' >"$toys/other.py"
    begin "pyhl setup --with makes a home whose runs have the packages"
    PATH=$toy_bin:$PATH run "$pyhl" setup --from "$home" --dest "$own" --with toy
    expect_status 0
    rm -rf "$XDG_CACHE_HOME"
    run "$pyhl" run -vv --dest "$own" -c "$print_toy"
    expect_out 42
    expect_err 'exits 1 .*page faults 0$'
    [ ! -e "$XDG_CACHE_HOME" ] || problem "such a run has a cache folder"
    run "$pyhl" repl --dest "$own" <<<"$print_toy"
    expect_out 42
    begin "info and verify know them, and a state is saved upon them"
    run "$pyhl" info --dest "$own"
    expect_status 0
    grep -q '^  layer  .* on disk$' "$scratch/out" || problem "no layer"
    grep -qx '  toy = 1.0' "$scratch/out" || problem "no package"
    run "$pyhl" info --json --dest "$own"
    python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["home"]["files"]["layer"]["bytes"]' "$scratch/out" ||
        problem "no layer in the JSON"
    run "$pyhl" verify --dest "$own"
    expect_status 0
    run "$pyhl" run --dest "$own" --save "$scratch/own_state" -c 'import toy; kept = toy.value'
    run "$pyhl" run --dest "$own" --from "$scratch/own_state" -c 'print(kept)'
    expect_out 42
    begin "--with upon such a home: its packages are there already"
    rm -f "$toys/calls"
    PATH=$toy_bin:$PATH run "$pyhl" run --dest "$own" --with toy --with other -c 'import toy, other; print(toy.value, other.value)'
    expect_out '42 1'
    grep -q '^toy' "$XDG_CACHE_HOME"/pyhl/layers/*/layer.ini && problem "toy came again"
    PATH=$toy_bin:$PATH run "$pyhl" run --dest "$own" --with toy -c "$print_toy"
    expect_out 42
    expect_cached layers 1
    begin "its layer is used only when nobody else can change it, and whole"
    chmod o+w "$own/layer"
    run "$pyhl" run --dest "$own" -c "$print_toy"
    expect_error 125 'layer can be changed by others'
    chmod o-w,u+w "$own/layer"
    truncate -s -4096 "$own/layer"
    run "$pyhl" run --dest "$own" -c "$print_toy"
    expect_error 125 "$own/layer: the checkpoint has [0-9]* bytes, wanted"
    run "$pyhl" verify --dest "$own"
    expect_status 125
    begin "a setup whose packages cannot be had leaves what was there"
    rm -r "$own" && rm "$toys/toy.py"
    PATH=$toy_bin:$PATH run "$pyhl" setup --from "$home" --dest "$own" --with toy
    expect_status 125
    [ ! -e "$own" ] && [ ! -e "$own.tmp" ] || problem "there is $(ls -d "$own"*)"
    expect_cached work 0
}
