# SPDX-License-Identifier: Apache-2.0
# The honest Python run: it prints the same in each machine that begins where the snapshot was taken.
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
