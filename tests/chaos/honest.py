# SPDX-License-Identifier: Apache-2.0
# The honest Python run, with children of its own: it prints the same in each machine that begins where the snapshot was
# taken.
import hashlib
import math
import os
import sys
import threading

import numpy
import pandas

print(sum(range(1000)), math.sqrt(2), hash("chaos"), len(sys.modules), os.getcwd(), sorted(os.environ))
print(threading.active_count(), sorted(os.listdir("/tmp")), os.getpid(), sys.argv, sorted(globals()))
print(hashlib.sha256(b"".join(name.encode() for name in sorted(sys.modules))).hexdigest())
a = numpy.arange(10000.0).reshape(100, 100) + numpy.eye(100)
print(numpy.linalg.inv(a).sum().round(6), (a @ a).sum(), numpy.random.default_rng(1).random(3))
f = pandas.DataFrame({"a": range(50), "b": [i % 7 for i in range(50)]})
print(f.groupby("b").a.sum().to_dict(), repr(numpy.__doc__[:60]), os.urandom(8).hex())
print(2**200, [x for x in (1, 2.5, "s", None, True)])

sys.stdout.flush()
pid = os.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c",
                              "import os; print(os.getpid(), os.getppid(), os.getpgrp())"])
print(pid, os.waitpid(pid, 0)[1], sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
a[:50] = 1  # memory that a child shares
child = os.fork()
if child == 0:
    a[:50] = 2
    os._exit(int(a[:50].sum()) & 0x7F)
print(child, os.waitpid(child, 0)[1], a[:50].sum())
