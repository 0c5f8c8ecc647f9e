#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run-all.sh on a terminal: Ctrl-C ends it and all that it started, and a suite that reads from standard input
# is neither stopped nor fed from the terminal. It runs in a tree of its own, with one suite that does both.
set -u
cd "$(dirname "$0")/../.." || exit 2
here=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir -p "$scratch/tests/reader" "$scratch/tests/later"
cp tests/run-all.sh "$scratch/tests/"
printf '#!/bin/sh\n' >"$scratch/tests/prereqs.sh"
cat >"$scratch/tests/reader/run.sh" <<'END'
#!/bin/bash
read -r line && echo "read '$line'"
echo $$ >pid
[ ! -e wait ] || sleep 60
echo '1 passed, 0 failed, 0 skipped'
END
cat >"$scratch/tests/later/run.sh" <<'END'
#!/bin/bash
touch later
echo '1 passed, 0 failed, 0 skipped'
END
chmod +x "$scratch"/tests/*.sh "$scratch"/tests/*/run.sh

cat >"$scratch/terminal.py" <<'END'
"""Runs tests/run-all.sh on a terminal of its own, types or hangs up, and prints how it ended."""
import os, pty, signal, sys, time

typed = sys.argv[1].encode().decode("unicode_escape").encode()
wait = sys.argv[2:] == ["wait"]  # for the suite to run, before anything is typed
pid, terminal = pty.fork()
if pid == 0:
    os.execv("tests/run-all.sh", ["tests/run-all.sh", "reader", "later"])
signal.alarm(20)  # a runner that does not end is a failure
while wait and not (os.path.exists("pid") and os.path.getsize("pid")):
    time.sleep(0.02)
if typed:
    os.write(terminal, typed)
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass  # the terminal's other end is closed
else:
    os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END

fail() {
    echo "$1"
    exit 1
}

# check STATUS TYPED [wait]: the suite must be gone afterwards.
check() {
    local want=$1 got pid
    shift
    rm -f "$scratch/pid" "$scratch/later"
    got=$(cd "$scratch" && python3 terminal.py "$@" 2>&1)
    [ "$got" = "$want" ] || fail "typed '$1': ended with '$got', expected $want"
    pid=$(cat "$scratch/pid")
    [ ! -e "/proc/$pid" ] || fail "typed '$1': the suite still runs"
}

check 0 'a line\r'
grep -q 'a line' "$scratch/build/tests/logs/reader.log" && fail "the suite was given the terminal"
[ -e "$scratch/later" ] || fail "the second suite did not run"
touch "$scratch/wait"
check 130 '\x03' wait
[ ! -e "$scratch/later" ] || fail "the next suite began after Ctrl-C"
check 129 '' wait

# A name that is not known is an error everywhere, and nothing runs.
cd "$here" || exit 2
for suite in tests/*/run.sh; do
    "$suite" no-such-case >"$scratch/said" 2>&1
    got=$?
    [ $got = 2 ] && grep -q "no-such-case'; --list" "$scratch/said" && [ "$(wc -l <"$scratch/said")" = 1 ] ||
        fail "$suite no-such-case: status $got: $(head -n 3 "$scratch/said")"
    [ "$("$suite" --list | wc -l)" -gt 0 ] || fail "$suite --list is empty"
done
tests/run-all.sh no-such-suite >/dev/null 2>&1
[ $? = 2 ] || fail "run-all.sh no-such-suite passed"
