# SPDX-License-Identifier: Apache-2.0
"""One run's random values and clocks, as a line of JSON. fresh_check.py compares runs."""
import datetime
import json
import os
import random
import secrets
import ssl
import tempfile
import time
import uuid

import numpy

random_values = {
    "random.random": random.random(),
    "numpy.random": numpy.random.random(),
    "uuid4": str(uuid.uuid4()),
    "os.urandom": os.urandom(8).hex(),
    "random.Random": random.Random().random(),
    "SystemRandom": random.SystemRandom().random(),
    "secrets": secrets.token_hex(8),
    "ssl.RAND_bytes": ssl.RAND_bytes(8).hex(),
    "numpy.default_rng": numpy.random.default_rng().random(),
    "tempfile": tempfile.mktemp(),
    "getrandom": os.getrandom(8).hex(),
    "/dev/urandom": open("/dev/urandom", "rb").read(8).hex(),
    "uuid": open("/proc/sys/kernel/random/uuid").read(),
    "boot_id": open("/proc/sys/kernel/random/boot_id").read(),
    "shuffle": random.sample(range(10 ** 9), 3),
    "numpy.normal": numpy.random.normal(),
}
begun = time.time(), time.monotonic(), time.perf_counter()
time.sleep(0.05)
slept = [now - then for now, then in zip((time.time(), time.monotonic(), time.perf_counter()), begun)]
with tempfile.NamedTemporaryFile() as file:
    written = os.stat(file.name).st_mtime
clocks = {
    "wall": time.time(),
    "datetime": datetime.datetime.now(datetime.timezone.utc).timestamp(),
    "coarse": time.clock_gettime(5),
    "file": written,
}
print(json.dumps({
    "random": random_values,
    "wall": clocks,
    "monotonic": time.monotonic(),
    "boottime": time.clock_gettime(time.CLOCK_BOOTTIME),
    "slept": slept,
    "cpu": time.process_time(),
}))
