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
    run "$pyhl" completion zsh
    expect_error 2 "'zsh': the shell to complete for is: bash"
}
