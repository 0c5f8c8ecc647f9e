# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # sourced by run.sh, which sets what is used here
# Functions of the host: commands and programs that a guest calls (--tool, --tools, --tool-calls).

readonly tools=$scratch/tools

# calls OPTION... -- WORD...: a run that makes these calls at once.
calls() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    taker "${options[@]}" -c calls "$@"
}

case_tool() {
    begin "--tool: the arguments are the command's input, its output is the reply"
    calls --tool 'say=tr a-z A-Z' --tool 'two=printf 2' -- 'say={"x": "abc"}' two
    expect_status 0
    expect_out $'say: {"X": "ABC"}\ntwo: 2'
    begin "--tool: a command that reads nothing, and one that writes nothing"
    calls --tool 'nothing=true' --tool 'deaf=exec <&-; echo 1' -- nothing=x deaf=x
    expect_out $'nothing: \ndeaf: 1'
    begin "--tool: the command's words may have = and quotes"
    calls --tool "env=A=b sh -c 'echo \"\$A=c\"'" -- env
    expect_out 'env: b=c'
    begin "--tool: a script that calls none"
    taker --tool 'two=echo 2' -c 'print(1)'
    expect_status 0
    expect_out 1
    begin "--tool: the status is the script's"
    taker --tool 'two=echo 2' -c fail
    expect_status 3
    begin "--tool: streams are the script's"
    run "$pyhl" run --dest "$home" --tool 'two=cat' -c cat </etc/passwd
    expect_status 0
    cmp -s "$scratch/out" /etc/passwd || problem "the script did not get standard input"
}

case_tool_failures() {
    begin "--tool: an exit status, and the last line of standard error"
    calls --tool 'bad=echo first >&2; echo last words >&2; echo >&2; exit 3' --tool 'mute=exit 4' \
        --tool 'killed=kill -9 $$' --tool 'gone=/nowhere/program' -- bad mute killed gone
    expect_status 0
    expect_out "bad failed: ToolError: last words
mute failed: ToolError: mute ended with status 4
killed failed: ToolError: killed was killed by signal 9 (Killed)
gone failed: ToolError: sh: 1: /nowhere/program: not found"
    begin "a function that the host does not have"
    calls --tool 'two=echo 2' -- three
    expect_out "three failed: NameError: the host has no function 'three'"
    begin "no tools at all"
    calls -- three
    expect_out "three failed: NameError: the host has no function 'three'"
    begin "a request and a reply of the most bytes, and of one more"
    taker --tool 'size=wc -c' -c large size $((1 << 20))
    expect_out "size: $((1 << 20))"
    taker --tool 'size=wc -c' -c large size $(((1 << 20) + 1))
    expect_out "size failed: ValueError: size: the arguments have $(((1 << 20) + 1)) bytes, $((1 << 20)) are allowed"
    calls --tool 'zero=head -c 1048576 /dev/zero' --tool 'more=cat /dev/zero' -- zero more
    expect_out "zero: 1048576 bytes
more failed: ValueError: more: the reply has more than 1048576 bytes"
    begin "a command that floods standard error"
    calls --tool 'loud=yes >&2 & sleep 0.2; kill $!; echo 1' -- loud
    expect_out 'loud: 1'
}

case_tool_at_once() {
    local began
    begin "calls at once run at once"
    began=$(date +%s%N)
    calls --tool 'nap=sleep 0.5; cat' -- nap=1 nap=2 nap=3 nap=4 nap=5 nap=6 nap=7 nap=8
    expect_status 0
    expect_out "$(printf 'nap: %s\n' 1 2 3 4 5 6 7 8)"
    [ $(($(date +%s%N) - began)) -lt 3000000000 ] || problem "eight naps of 0.5 s took longer than 3 s"
    begin "more calls than processes at a time"
    # shellcheck disable=SC2046 # words
    calls --tool 'id=cat' -- $(seq -f 'id=%g' 200)
    expect_out "$(seq -f 'id: %g' 200)"
    begin "a guest that computes gets its reply"
    taker --timeout 20 --tool 'nap=sleep 0.3; echo 1' -c busy nap
    expect_status 0
    expect_out 'nap: 1'
}

# Whether a process with this word among its arguments is there; pgrep would find its own caller.
sleeps() {
    grep -zxsq -- "$1" /proc/[0-9]*/cmdline
}

case_tool_ends() {
    begin "a tool that never ends: --timeout ends the run, and the tool"
    taker --timeout 0.5 --tool 'long=sleep 1234.1' -c calls long
    expect_error 124 '^pyhl run: stopped: --timeout of 0.5 s is over$'
    sleeps 1234.1 && problem "its process is still there"
    begin "a run that ends ends its calls"
    taker --tool 'long=sleep 1234.2' -c leave long
    expect_status 0
    expect_out left
    sleeps 1234.2 && problem "its process is still there"
    begin "with --repeat each iteration has its own calls"
    taker --repeat 3 --tool 'long=sleep 1234.3' --tool 'two=printf 2' -c calls two
    expect_status 0
    expect_out $'two: 2\ntwo: 2\ntwo: 2\ntwo: 2'
    taker --repeat 3 --tool 'long=sleep 1234.3' -c leave long
    expect_out $'left\nleft\nleft\nleft'
    begin "a signal ends the run, and the tool"
    "$pyhl" run --dest "$home" --tool 'long=sleep 1234.4' -c calls long >"$scratch/out" 2>"$scratch/err" &
    for _ in {1..200}; do
        sleeps 1234.4 && break
        sleep 0.02
    done
    kill -TERM $!
    wait $!
    status=$?
    expect_status 143
    sleeps 1234.4 && problem "its process is still there"
}

case_tool_calls() {
    begin "--tool-calls ends a run that makes more"
    calls --tool-calls 2 --tool 'id=cat' -- id=1 id=2
    expect_status 0
    calls --tool-calls 2 --tool 'id=cat' -- id=1 id=2 id=3
    expect_status 154
    expect_err '^pyhl run: stopped: more calls of tools than the 2 of --tool-calls$'
}

case_tools_folder() {
    mkdir -p "$tools"
    printf '#!/bin/sh\nsed s/a/b/\n' >"$tools/change.sh"
    printf '#!/bin/sh\necho $PWD\n' >"$tools/where"
    printf '{"description": "Changes a."}' >"$tools/change.json"
    chmod +x "$tools/change.sh" "$tools/where"
    begin "--tools: programs of a directory, with their schemas"
    taker --tools "$tools" -c tools
    expect_status 0
    expect_out 'tool change
tool {"description": "Changes a."}
tool where
tool '
    calls --tools "$tools" --tool 'one=echo 1' -- change=cat where one
    expect_out "change: cbt
where: $PWD

one: 1"
    begin "--tools: what is not right"
    printf '[1]' >"$tools/where.json"
    taker --tools "$tools" -c tools
    expect_error 2 "tools/where.json: not a JSON object"
    printf '{' >"$tools/where.json"
    taker --tools "$tools" -c tools
    expect_error 2 "tools/where.json: not a JSON object"
    rm "$tools/where.json"
    taker --tools "$tools" --tool 'where=pwd' -c tools
    expect_error 2 "there are two tools 'where'"
    taker --tools "$scratch/nowhere" -c tools
    expect_error 2 'nowhere: No such file or directory'
    mkdir -p "$scratch/none"
    taker --tools "$scratch/none" -c tools
    expect_error 2 'there is no program in it'
    begin "--tool: what is not right"
    for word in name =command name=; do
        taker --tool "$word" -c tools
        expect_error 2 "--tool '$word': give it as NAME=COMMAND"
    done
    taker --tool 'two words=true' -c tools
    expect_error 2 "'two words' is no name for a tool"
}

case_tool_jail() {
    expect_jail "$pyhl" run --dest "$home" --tool 'two=echo 2' -c interrupt
}
