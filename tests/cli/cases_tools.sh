# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sourced by run.sh, which sets what is used here
# What other programs use: JSON, completion.

case_info_json() {
    begin "info --json says what info says"
    run "$pyhl" info --dest "$home" --json
    expect_status 0
    cp "$scratch/out" "$scratch/json"
    run "$pyhl" info --dest "$home"
    python3 - "$scratch/json" "$scratch/out" >"$scratch/said" 2>&1 <<'END' || problem "$(cat "$scratch/said")"
import json, sys
info = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
home, host = info["home"], info["host"]
for word in (info["pyhl"], home["image"], home["made_by"], home["key"], host["cpu"], host["capabilities"]):
    assert word in text, word
assert f"packages: {len(home['packages'])}" in text, home["packages"]
for name, version in home["packages"].items():
    assert f"{name} = {version}" in text, name
for choice, said in host["choices"].items():
    assert f"{said['choice']}: {said['why']}" in text, choice
assert home["memory_bytes"] == 32 << 20 and set(home["files"]) == {"kernel", "initrd.cpio", "snapshot"}, home
assert all(file["bytes"] > 0 for file in home["files"].values()), home["files"]
assert f"{home['snapshot']['data_pages']} of data" in text, home["snapshot"]
END
    begin "info --json of what is not there"
    run "$pyhl" info --dest "$scratch/nowhere" --json
    expect_status 125
    python3 -c 'import json, sys; assert "no home" in json.load(open(sys.argv[1]))["home"]["error"]' "$scratch/out" ||
        problem "$(head -c 300 "$scratch/out")"
}

# expect_json STATEMENTS: Python, in which `all` has the objects of standard output, a line each, and `one` is the first.
expect_json() {
    python3 - "$scratch/out" "$1" >"$scratch/said" 2>&1 <<'END' || problem "$(tail -n 3 "$scratch/said"); $(head -c 400 "$scratch/out")"
import base64, json, sys
def unique(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)
text = open(sys.argv[1], "rb").read()
assert text.endswith(b"\n"), text[-20:]
all = [json.loads(line, object_pairs_hook=unique) for line in text.decode().split("\n")[:-1]]
one = all[0]
exec(sys.argv[2])
END
}

case_run_json() {
    local code code_status which name words
    begin "run --json: one object, with all that a run gives"
    taker --json -c 'print(1)'
    expect_status 0
    [ ! -s "$scratch/err" ] || problem "$(cat "$scratch/err")"
    expect_json '
assert len(all) == 1 and list(one) == ["stdout", "stderr", "results", "error", "exit_code", "limit", "times", "counts"], one
assert (one["stdout"], one["stderr"], one["results"], one["error"]) == ("1\n", "", [], None), one
assert one["exit_code"] == 0 and one["limit"] is None, one
assert 0 < one["times"]["cpu_ms"] and 0 < one["times"]["run_ms"] and 0 < one["times"]["restore_ms"], one
counts = one["counts"]
assert counts["output_bytes"] == 2 and counts["exits"] >= 1 and counts["system_calls"] > 0, counts
assert 1 << 20 < counts["memory_peak_bytes"] <= 32 << 20, counts'
    begin "run --json: text and records of all kinds, bytes that are no UTF-8 among them"
    taker --json -c give
    expect_status 4
    expect_json '
assert one["stdout"] == "h\u00e9 \"\\\t\x01\x7f\n" and "stdout_base64" not in one, one["stdout"]
assert one["stderr"] == "\ufffd" * 6 + "z" + "\ufffd" * 2, one["stderr"]
assert base64.b64decode(one["stderr_base64"]) == b"\xff\xed\xa0\x80\xc0\xafz\xe2\x82"
assert one["results"] == [
    {"kind": "result", "data": {"text/plain": "1"}},
    {"kind": "empty"},
    {"kind": "empty object"},
    {"kind": "a \"list\"", "value": [1500.0, [], {"": None}, "\ud800"]},
    {"kind": "two kinds", "value": {"a": 1, "kind": 2}},
    {"kind": "no JSON", "text": "{\"a\": 1,}"},
    {"kind": "bytes", "text": "\0\ufffd\ufffd", "text_base64": "AP/+"},
    {"kind": "error", "name": "E", "value": "v"}], one["results"]
assert one["error"] == {"name": "E", "value": "v"} and one["exit_code"] == 4 and one["limit"] is None
assert one["counts"]["records"] == 8'
    begin "run --json --repeat: an object a line, each of its own"
    taker --json --repeat 2 -c 'print(1)'
    expect_status 0
    expect_json 'assert len(all) == 3 and all[0]["stdout"] == all[1]["stdout"] == all[2]["stdout"] == "1\n"'
    taker --json --repeat 2 -c fail
    expect_status 3
    expect_json 'assert len(all) == 1 and one["exit_code"] == 3 and one["error"] is None'
    begin "run --json: how a run was ended, and by which limit"
    while read -r code code_status which name words; do
        # shellcheck disable=SC2086 # several options
        taker --json ${words%%;*} -c "$code"
        expect_status "$code_status"
        expect_json "
assert one['exit_code'] == $code_status and (one['limit'] or '-') == '$which', one
assert one['error']['name'] == '$name' and '''${words#*;}''' in one['error']['value'], one['error']"
    done <<'END'
loop 152 cpu cpu --cpu 0.1;stopped: the CPU time of 0.1 s
loop 124 timeout timeout --timeout 0.2;stopped: --timeout of 0.2 s is over
spam 153 output output --output-limit 1000;stopped: more output than the 1000 bytes
segv 139 - signal --repeat 1;killed by signal 11
END
    begin "run --json: what was written before an end is kept"
    taker --json --output-limit 1000 -c spam
    expect_json 'assert len(one["stdout"]) == one["counts"]["output_bytes"] == 1000'
    begin "run --json: a flood of records is bounded"
    taker --json --output-limit 170K -c 'give spam'
    expect_status 153
    expect_json 'assert len(one["results"]) == one["counts"]["records"] == 170 * 1024 // 17 and one["limit"] == "output"'
    begin "run --json: an error of pyhl itself is a message, and no object"
    taker --json --memory 2M -c 'print(1)'
    expect_error 125 "MiB of memory, not to 2"
    [ ! -s "$scratch/out" ] || problem "$(head -c 100 "$scratch/out")"
    begin "run --json: a reader that is gone, a file that may not grow, a slow reader"
    taker --json --output-limit 3M -c spam | head -c 10 >/dev/null
    run bash -c '"$0" run --dest "$1" --json -c "print(1)" >/dev/full' "$pyhl" "$home"
    expect_error 125 "cannot write standard output: No space left"
    "$pyhl" run --dest "$home" --json --output-limit 3M -c spam 2>/dev/null | (sleep 0.3; cat) >"$scratch/out"
    expect_json 'assert len(one["stdout"]) == 3 << 20'
}

# completed WORD...: what bash offers for the last word.
completed() {
    bash -c 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pyhl; echo "${COMPREPLY[*]}"' \
        "$pyhl" "$@"
}

case_completion() {
    local command option
    begin "completion knows each command and each option that help knows"
    for command in $("$pyhl" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
        [ "$(completed pyhl "$command")" = "$command" ] || problem "pyhl $command: '$(completed pyhl "$command")'"
        for option in $("$pyhl" "$command" --help | grep -oE '^ *(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
            [[ " $(completed pyhl "$command" "$option") " == *" $option "* ]] || problem "$command $option is not offered"
        done
    done
    [ "$(completed pyhl run --timeout '')" = '' ] || problem "something is offered for --timeout's value"
    [ "$(completed pyhl run --copy-in tests/cli/taker_f)" != '' ] || problem "no file is offered for --copy-in"
    [ "$(completed pyhl run --copy-out tests/cli/taker_f)" = '' ] || problem "a file of this host is offered for --copy-out"
    run "$pyhl" completion zsh
    expect_error 2 "'zsh': the shell to complete for is: bash"
}
