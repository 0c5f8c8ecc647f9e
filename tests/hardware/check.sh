#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A check of Python on hardware KVM that takes about a minute in the emulated machine. Needs a home in .pyhl.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

# counted: what the last run said with -vv of its iterations after the third: exits, doorbells, trapped
# system calls, page faults.
counted() {
    sed -En 's/.* counts: exits ([0-9]+) .doorbell ([0-9]+), .* trapped ([0-9]+)., page faults ([0-9]+)$/\1 \2 \3 \4/p' \
        "$scratch/err" | tail -n +4
}

begin "info: hardware KVM"
run "$pyhl" info
expect_status 0
grep -q '^host: hardware KVM' "$scratch/out" || problem "$(grep -a '^host' "$scratch/out")"

begin "numpy and pandas"
run "$pyhl" run -c 'import numpy as np, pandas as pd
a = np.arange(10000.0).reshape(100, 100) % 17 + 100 * np.eye(100)
print(round(float(np.trace(np.linalg.inv(a) @ a))), pd.DataFrame({"k": list("abcab"), "v": range(5)}).groupby("k").v.sum().to_dict())'
expect_status 0
expect_out "100 {'a': 3, 'b': 5, 'c': 2}"

begin "numpy's argsort, which gathers where the CPU has AVX2"
run "$pyhl" run -c 'import numpy as np
for kind in np.int64, np.uint64, np.float64, np.float32:
    for n in range(8, 200):
        down = np.arange(n)[::-1].astype(kind)
        assert (down.argsort() == np.arange(n)[::-1]).all(), (kind, n)
print("sorted")'
expect_status 0
expect_out sorted

begin "threads that compute take turns"
run "$pyhl" run -c 'import threading
done = []
def work(n):
    done.append((n, sum(i * i for i in range(100000))))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(n for n, _ in done), {s for _, s in done})'
expect_status 0
expect_out '[0, 1, 2, 3] {333328333350000}'

begin "--repeat: nothing is left from one run to the next"
run "$pyhl" run --repeat 9 -c 'import builtins, os
print(hasattr(builtins, "mark"), os.path.exists("/tmp/mark"))
builtins.mark = 1; open("/tmp/mark", "w").close()'
expect_status 0
[ "$(sort "$scratch/out" | uniq -c | tr -s ' ')" = ' 10 False False' ] || problem "$(sort "$scratch/out" | uniq -c)"

begin "--timeout ends a run, and the next is whole"
run "$pyhl" run --timeout 2 -c 'while True: pass'
expect_status 124
run "$pyhl" run --timeout 2 --repeat 1 -c 'import time
time.sleep(100)'
expect_status 124

begin "a segmentation fault is the script's, and the next run is whole"
run "$pyhl" run -c 'import ctypes; ctypes.string_at(8)'
expect_status 139
run "$pyhl" run -c 'print("whole")'
expect_status 0
expect_out whole

begin "an exception, a status and a traceback"
run "$pyhl" run -c '{}["missing"]'
expect_status 1
expect_err "KeyError: 'missing'"
run "$pyhl" run -c 'import sys; sys.exit(7)'
expect_status 7

begin "standard input"
run "$pyhl" run -c 'import sys; print(sys.stdin.read().upper())' <<<"some words"
expect_status 0
expect_out 'SOME WORDS'

# Times say nothing here, counts do.
begin "counts: a warm print(1) is 1 exit, 0 trapped system calls, 0 faults"
run "$pyhl" run -vv --repeat 20 -c 'print(1)'
expect_status 0
counted >"$scratch/counts"
[ "$(wc -l <"$scratch/counts")" = 18 ] || problem "$(wc -l <"$scratch/counts") lines: $(tail -n 3 "$scratch/err")"
# A run that was kept waiting for more than 20 ms is also interrupted, and all are slow here.
[ "$(cut -d' ' -f2- "$scratch/counts" | sort | uniq -c | tr -s ' ')" = ' 18 1 0 0' ] ||
    problem "doorbells, traps, faults: $(cut -d' ' -f2- "$scratch/counts" | sort | uniq -c)"
[ "$(cut -d' ' -f1 "$scratch/counts" | sort -n | head -n 1)" = 1 ] ||
    problem "exits: $(cut -d' ' -f1 "$scratch/counts" | sort | uniq -c)"

begin "counts: KVM's translations outlive the rewind"
grep -aq 'shadow resets 0' "$scratch/err" || problem "no shadow resets counted: $(tail -n 3 "$scratch/err")"
! grep -aEq 'shadow resets [1-9]' "$scratch/err" || problem "$(grep -aoE 'shadow resets [0-9]+' "$scratch/err" | tail -n 1)"
summary
