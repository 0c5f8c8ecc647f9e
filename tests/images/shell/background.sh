# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# Background jobs, wait, traps, signals between processes, and the ends of commands.
cd "$(mktemp -d)" || exit 9

sleep 0.2 &
first=$!
(exit 5) &
second=$!
wait $second
echo "the second: $?"
wait $first
echo "the first: $?"
wait 999999 2>/dev/null
echo "no child: $?"
for n in 1 2 3 4 5; do
    (sleep 0.0$n; echo "job $n") &
done >output
wait
sort output
echo "all: $?"

sleep 100 &
kill $!
wait $!
echo "SIGTERM: $?"
sleep 100 &
kill -KILL $!
wait $!
echo "SIGKILL: $?"
sh -c 'kill -SEGV $$'
echo "SIGSEGV: $?"
/no/such/program 2>/dev/null
echo "no program: $?"
echo data >plain
./plain 2>/dev/null
echo "no rights: $?"

trap 'echo usr1' USR1
kill -USR1 $$
trap 'echo usr2; exit 4' USR2
(trap 'echo "in a subshell"' USR1; kill -USR1 "$(sh -c 'echo $PPID')")
(sleep 0.1; kill -USR1 $$) &
wait $!
echo "wait ended by a trap, or the job: done"
wait
trap '' HUP
sh -c 'kill -HUP $$; echo "ignored in children, too"'
trap - USR1 HUP
(trap 'echo "at the end of a subshell"' EXIT; true)

sleep 100 &
sleeper=$!
kill -STOP $sleeper
kill -0 $sleeper && echo "stopped and there"
kill -CONT $sleeper
kill $sleeper
wait $sleeper
echo "continued: $?"
sleep 100 &
sleeper=$!
kill -STOP $sleeper
kill -TERM $sleeper
sleep 0.1
kill -0 $sleeper && echo "SIGTERM waits for SIGCONT"
kill -CONT $sleeper
wait $sleeper
echo "then it ends: $?"

timeout 0.1 sleep 100
echo "timeout: $?"
nice -n 5 nice
(cd / && pwd) && pwd | grep -c tmp
yes >/dev/null &
yes=$!
sleep 0.1
kill $yes
wait $yes
echo "a busy one: $?"
trap 'echo "at the end, with $?"' EXIT
kill -USR2 $$
echo "not reached"
