# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what it sets is used by those that source it
# Sourced by the suites written in bash: counting, running a command with its streams kept, and checks that say
# what differs. A suite calls `begin NAME`, any checks, and at its end `summary`.
# Every command has a time limit, so that a hanging VM is a failure and not a hanging suite.

passed=0 failed=0 skipped=0
test_name='' test_problems=''
scratch=$(mktemp -d "${TMPDIR:-/tmp}/pyhl-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

readonly pyhl=$PWD/build/pyhl
readonly limit=${TEST_TIMEOUT:-60}

# choose CASES [NAME...]: sets the array $chosen to the names given, or to all of CASES, one word each. Ends the suite
# when a name is not among them, and after printing them for --list. A suite calls it before it does anything.
chosen=()
choose() {
    local cases=$1 name
    shift
    if [ "${1:-}" = --list ]; then
        # shellcheck disable=SC2086 # one word per case
        printf '%s\n' $cases
        exit 0
    fi
    for name; do
        case " ${cases//$'\n'/ } " in
        *" $name "*) ;;
        *)
            echo "$0: there is no case '$name'; --list names them all" >&2
            exit 2
            ;;
        esac
    done
    # shellcheck disable=SC2206 # one word per case
    [ $# -gt 0 ] && chosen=("$@") || chosen=($cases)
}

# Whether a case is among the chosen.
is_chosen() {
    case " ${chosen[*]} " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

finish() {
    [ -z "$test_name" ] && return
    if [ -z "$test_problems" ]; then
        passed=$((passed + 1))
        echo "pass $test_name"
    else
        failed=$((failed + 1))
        echo "FAIL $test_name"
        printf '%s' "$test_problems" | sed 's/^/     /'
    fi
    test_name='' test_problems=''
}

begin() {
    finish
    test_name=$1
}

skip() {
    skipped=$((skipped + 1))
    echo "skip $1: $2"
}

problem() {
    test_problems+="$1"$'\n'
}

# run COMMAND...: leaves $status, and the streams in $scratch/out and $scratch/err. A command that had to be killed
# has the status "hung".
run() {
    local began=$SECONDS
    timeout --foreground -s9 "$limit" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    if [ $status = 137 ] && [ $((SECONDS - began)) -ge "$limit" ]; then
        status=hung
    fi
}

# The last run: its status, and what a stream must be or match.
expect_status() {
    [ "$status" = "$1" ] || problem "status $status, expected $1; stderr: $(head -c 600 "$scratch/err")"
}

expect_out() {
    [ "$(cat "$scratch/out")" = "$1" ] ||
        problem "stdout '$(head -c 300 "$scratch/out")', expected '$1'"
}

expect_err() {
    grep -Eq -- "$1" "$scratch/err" ||
        problem "stderr does not match '$1': $(head -c 600 "$scratch/err")"
}

# A failure a user can act on: this status, one line on stderr that matches, nothing on stdout.
expect_error() {
    expect_status "$1"
    expect_err "$2"
    [ "$(wc -l <"$scratch/err")" = 1 ] ||
        problem "not one line on stderr: $(head -c 600 "$scratch/err")"
}

# expect_jail COMMAND...: see tests/jailed.sh.
expect_jail() {
    local said
    begin "the process with the VM is in jail: ${*:2:1}"
    said=$(tests/jailed.sh "$@") || problem "$said"
}

summary() {
    finish
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}
