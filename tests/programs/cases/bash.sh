#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2050,SC2068,SC2034 # it tries what a shell does with such lines
# bash: process substitution, coprocesses, arrays, jobs, and a connection by /dev/tcp that is refused.
mkdir -p /tmp/bash && cd /tmp/bash || exit 1
diff <(seq 1 5) <(seq 1 2 5); paste <(echo a) <(echo b) | tr '\t' +
seq 1 9 | tee >(wc -l >count) >(tail -n 1 >last) >/dev/null; sleep 0.3; cat count last
coproc DOUBLE { while read -r n; do echo $((n * 2)); done; }
for n in 4 5; do echo $n >&"${DOUBLE[1]}"; read -r twice <&"${DOUBLE[0]}"; echo "$twice"; done
exec {out}>&"${DOUBLE[1]}"; eval "exec ${DOUBLE[1]}>&-"; exec {out}>&-; wait "$DOUBLE_PID"; echo "coproc $?"
declare -A words; while read -r word; do ((words[$word]++)); done < <(printf '%s\n' x y x)
for word in "${!words[@]}"; do echo "$word ${words[$word]}"; done | sort
mapfile -t lines < <(seq 1 4); echo "${#lines[@]} ${lines[*]:1:2}"
set -o pipefail; false | true; echo "$? ${PIPESTATUS[*]}"; seq 1 3 | while read -r n; do exit "$n"; done; echo "${PIPESTATUS[@]}"
for i in 1 2 3; do (sleep 0.$i; exit $i) & done; wait -n; echo "first $?"; wait; jobs | wc -l
sleep 20 & sleep 20 & jobs -p | wc -l; kill %1 %2; wait %1; echo $?; wait
(echo >/dev/tcp/127.0.0.1/1) 2>&1 | grep -o 'Connection refused' | head -n 1
trap 'echo "child ended"' CHLD; sleep 0.05; trap - CHLD
shopt -s extglob nullglob
touch {a,b}{1,2}.txt; echo !(a*).txt none*; printf '%q\n' 'a b'
[[ abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"; echo $((16#ff)) "${PWD/tmp/T}" ${lines[@]@Q}
f() { trap 'echo return' RETURN; local -n ref=$1; ref=changed; }; v=1; f v; echo $v
time_limited() { timeout 0.2 bash -c 'exec sleep 5'; }; time_limited; echo $?
bash -c 'echo $0 $1; kill -INT $$' name arg; echo $?
exec bash -c 'read -r a; echo "exec: $a"; exit 8'
