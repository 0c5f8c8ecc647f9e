# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # run.sh and tests/lib.sh set the others
# The MCP server by others: the Python package `mcp` as a client, and the official conformance package, which speaks HTTP
# alone. Sourced by run.sh. Needs npm for the second one, and skips it where that or its registry is missing.

readonly mcp_here=tests/ecosystem/mcp mcp_kept=$kept/mcp
readonly mcp_home=${PYHL_HOME:-.pyhl} mcp_token=0123456789abcdef0123456789abcdef
mcp_pids=()

# A server with the tools that the conformance package wants, and a proxy that knows its token; mcp_url is the proxy's.
mcp_serve() {
    python3 $mcp_here/fixtures.py "$scratch/fixtures.json"
    PYHL_TOKEN=$mcp_token build/pyhl serve --listen 127.0.0.1:0 --dest "$mcp_home" --mcp-fixtures "$scratch/fixtures.json" \
        2>"$scratch/serve.err" &
    mcp_pids=($!)
    mcp_await "$scratch/serve.err" || return 1
    python3 $mcp_here/proxy.py "$mcp_at" $mcp_token >"$scratch/proxy.out" 2>&1 &
    mcp_pids+=($!)
    mcp_await "$scratch/proxy.out" && mcp_url=$mcp_at/mcp
}

# Waits for the address that a program tells, in mcp_at.
mcp_await() {
    for _ in $(seq 100); do
        mcp_at=$(grep -so 'http://[0-9.:]*' "$1") && return
        sleep 0.1
    done
    problem "nothing listens: $(tail -n 3 "$1")"
    return 1
}

mcp_stop() {
    kill "${mcp_pids[@]}" 2>/dev/null
    wait "${mcp_pids[@]}" 2>/dev/null
    mcp_pids=()
}

mcp_clients() {
    begin "the package mcp, in three modes over stdio and HTTP"
    if mcp_serve; then
        timeout 120 uv run --quiet --no-project --with mcp==2.3.0 python $mcp_here/clients.py build/pyhl "$mcp_home" "$mcp_url" \
            >"$scratch/out" 2>&1 || problem "$(tail -n 5 "$scratch/out")"
        [ "$(grep -c ' over ' "$scratch/out")" = 6 ] || problem "not all of six combinations: $(cat "$scratch/out")"
    fi
    mcp_stop
}

# Node 22 and the conformance package, kept in build/.
mcp_npm() {
    [ -x "$mcp_kept/node_modules/.bin/conformance" ] && return
    mkdir -p "$mcp_kept" &&
        timeout 200 npm install --no-audit --no-fund --prefix "$mcp_kept" node@22 \
            @modelcontextprotocol/conformance@0.2.0-alpha.12 >"$kept/mcp-npm.log" 2>&1
}

# The scenarios of two revisions. Those in expected-failures-REVISION.yml must fail, and no others.
mcp_conformance() {
    if ! command -v npm >/dev/null || ! mcp_npm; then
        skip mcp-conformance "npm, or its registry, is not to be had (log in $kept/mcp-npm.log)"
        return
    fi
    for revision in 2026-07-28 2025-11-25; do
        begin "the conformance package, requirements of $revision"
        if mcp_serve; then
            (PATH=$mcp_kept/node_modules/.bin:$PATH timeout 60 conformance server --url "$mcp_url" --requirements $revision \
                --expected-failures $mcp_here/expected-failures-$revision.yml) >"$scratch/out" 2>&1 ||
                problem "$(grep -A 30 -i 'unexpected\|stale' "$scratch/out" | head -n 20)"
            grep -q '^✓ tools-call-simple-text' "$scratch/out" || problem "$(tail -n 5 "$scratch/out")"
        fi
        mcp_stop
    done
}
