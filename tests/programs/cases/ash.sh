#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2123,SC2038,SC2046,SC2194 # it tries what a shell does with such lines
# busybox's shell and applets, which the shell runs in a forked copy of itself or by executing itself.
mkdir -p /tmp/ash && cd /tmp/ash || exit 1
busybox | grep -c 'multi-call binary'
for applet in awk cat cmp cp cut date dd diff env expr find grep gunzip gzip head md5sum mkdir mv nl od printf rev rm sed \
    seq sha1sum sleep sort stat tac tail tar tee test touch tr uniq vi wc xargs; do
    busybox which busybox >/dev/null && busybox ln -s /bin/busybox "$applet" || echo "no $applet"
done
PATH=/tmp/ash
export PATH
seq 1 500 | awk '{ s += $1 } END { print s, NR }'
seq 10 | tac | xargs -n 3 -P 3 sh -c 'echo $#' | sort | uniq -c
awk 'BEGIN { while (("seq 3" | getline line) > 0) print "got " line; print "a b" | "tr a-z A-Z"; close("tr a-z A-Z"); print system("exit 3") }'
printf '%s\n' b a c | sort | nl | sed 's/^ *//' | tee sorted | rev
mkdir -p tree/sub; echo one >tree/one; echo two >tree/sub/two
tar czf tree.tgz tree && mv tree old && tar xzf tree.tgz && diff -r old tree && echo same
find tree -type f -exec md5sum {} \; | sort
find tree -name two | xargs sed -i 's/two/2/'; cat tree/sub/two
gzip -k sorted && gunzip -c sorted.gz | cmp - sorted && echo equal
dd if=/dev/zero bs=1000 count=3 2>/dev/null | sha1sum
(trap 'echo term; exit 5' TERM; kill -TERM $(sh -c 'echo $PPID'); echo not reached); echo $?
sleep 5 & kill $!; wait $!; echo "waited $?"
f() { local x=$1; [ "$x" -gt 0 ] && echo "$x $(f $((x - 1)))"; }
echo $(f 5)
echo "${PWD##*/} $((1 << 10)) ${undefined:-default} $(echo nested $(echo deep))"
x='a b c'; set -- $x; echo $# "$2"; shift; echo "$*"
case abc in a*) echo matches ;; *) echo no ;; esac
while read -r line; do echo "<$line>"; done <<X
one
two
X
{ echo to stdout; echo to stderr >&2; } 2>&1 | wc -l
echo 1 2 3 | { read -r a b c; echo "$c$b$a"; }
diff sorted tree/one >/dev/null; echo $?
date -u -d @0 +%Y-%m-%d; stat -c %s sorted; touch -d '1999-12-31 00:00:00' dated; stat -c %Y dated
read -r first; echo "read: $first"; cat
kill -9 $$
