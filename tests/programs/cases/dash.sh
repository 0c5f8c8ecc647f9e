#!/bin/dash
# SPDX-License-Identifier: Apache-2.0
# What scripts do with processes: pipelines, jobs in the background, traps, subshells, redirections, exec.
mkdir -p /tmp/dash && cd /tmp/dash || exit 1
set -u
echo "pipeline: $(seq 1 2000 | grep 7 | sort -rn | head -n 2 | tr '\n' ' ')"
false | true; echo "last of a pipeline: $?"
# twenty at a time, each with a file of its own
for i in $(seq 1 20); do
    (sleep 0.0$((i % 5)); echo "$i" >"job$i"; exit "$i") &
    eval "pid$i=$!"
done
sum=0
for i in $(seq 20 -1 1); do
    eval "wait \$pid$i"
    sum=$((sum + $?))
done
echo "sum of statuses: $sum, files: $(cat job* | sort -n | tail -n 1), $(ls job* | wc -l)"
# a worker that is told to stop
(trap 'echo "worker: told to stop" >>log; exit 3' TERM; echo ready >ready; while :; do sleep 0.02; done) &
worker=$!
until [ -e ready ]; do sleep 0.01; done
kill "$worker"; wait "$worker"; echo "worker ended with $?: $(cat log)"
# fifos: a server and clients
mkfifo requests answers
(while read -r n; do [ "$n" = end ] && break; echo $((n * n)); done <requests >answers) &
exec 3>requests 4<answers
for n in 2 3 4; do echo $n >&3; read -r square <&4; echo "$n squared is $square"; done
echo end >&3; exec 3>&- 4<&-; wait; echo "server: $?"
# a lock by mkdir, taken in turns
: >order
for i in 1 2 3 4 5; do
    (until mkdir lock 2>/dev/null; do sleep 0.01; done; n=$(wc -l <order); echo "$n" >>order; rmdir lock) &
done
wait; tr '\n' ' ' <order; echo
# here documents, descriptors and subshells
exec 5<<X
first $((1 + 1))
second
X
read -r a <&5; read -r b <&5; echo "$b, $a"
(cd /; exec 6>/tmp/dash/six; echo inside >&6; umask 027; pwd); pwd; cat six
{ echo out; echo err >&2; } 2>err >out; cat err out; echo appended >>out; wc -l <out
cat /no/such 2>/dev/null || echo "status $?"
! true; echo $?; [ -t 0 ] || echo "no terminal"
# signals to a group, and to oneself
setsid -w sh -c 'trap "" HUP; sleep 30 & sleep 30 & kill -TERM -$$; echo no' 2>/dev/null || echo "group ended: $?"
sh -c 'trap "echo usr1" USR1; kill -USR1 $$; trap - USR1; kill -USR1 $$'; echo "$?"
sh -c 'ulimit -n 12; ulimit -n'; sh -c 'ulimit -c 0; kill -SEGV $$'; echo "$?"
timeout 1 sh -c 'sleep 0.1; echo in time'; timeout 0.1 sleep 5 || echo "late: $?"
printf 'a\0b\0' | xargs -0 -n1 echo item; find . -name 'job1?' -print0 | sort -z | xargs -0 cat | tr '\n' ' '; echo
awk -F: '$3 == 0 { print $1 }' /etc/passwd; sed -n '2,3p;/x/d' job* | wc -l; sed -i.bak 's/1/one/' job1; cat job1 job1.bak
find . -type f -newer ready -name 'job*' -exec rm {} +; ls job* 2>/dev/null | wc -l
trap 'echo "at the end: $?"' EXIT
exec 2>&1
read -r line; echo "stdin: $line"; cat
sh -c 'exit 6'
