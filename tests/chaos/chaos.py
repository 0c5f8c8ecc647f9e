# SPDX-License-Identifier: Apache-2.0
# Carries out hostile acts inside a Python process. Text that the test puts before this file defines ACTS, the acts of a
# seed as bytes (acts.h), and BLOB, the machine code that does most of them; processes.py and roots.py come in between.
# The exit status is the result of the last act.
import ctypes
import mmap
import os
import random
import signal
import struct
import sys
import threading

WORK_PAGES, ACT_SIZE, ACT_INSN, ACT_PYTHON = 64, 72, 2, 13


def address(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


# Made only when it is needed, because memory that can be executed changes page tables.
class Blob:
    def __init__(self):
        code = mmap.mmap(-1, (len(BLOB) + 4095) & ~4095, prot=7)
        code.write(BLOB)
        work = mmap.mmap(-1, WORK_PAGES * 4096, prot=7)
        work.write(b"\0" * len(work))
        self.state = ctypes.create_string_buffer(struct.pack("<4Q", address(work), 0, 0, 0), 32)
        self.call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(address(code))
        self.kept = (code, work)

    def do(self, act):
        return self.call(ctypes.addressof(self.state), act)

    def result(self):
        return struct.unpack_from("<Q", self.state, 24)[0]


def protect(rnd, amount):
    maps = []
    libc = ctypes.CDLL(None)
    for _ in range(amount):
        memory = mmap.mmap(-1, 4096 * rnd.randrange(1, 600))
        maps.append(memory)
        at = address(memory) + 4096 * rnd.randrange(len(memory) // 4096)
        ctypes.memmove(at, os.urandom(8), 8)
        libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(4096), rnd.choice((0, 1, 3, 5, 7)))
        if rnd.random() < 0.3:
            libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(4096))


def allocate(rnd, amount):
    return [bytearray(rnd.randrange(1, 1 << 20)) for _ in range(amount)]


def threads(rnd, amount):
    def work_on():
        while True:
            sum(range(1000))

    for _ in range(min(amount, 5)):
        threading.Thread(target=work_on, daemon=True).start()


def timers(rnd, amount):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for _ in range(amount):
        sum(range(500))


def files(rnd, amount):
    for i in range(amount):
        with open("/tmp/chaos%d" % i, "wb") as f:
            f.write(os.urandom(rnd.randrange(20000)))
    os.environ["CHAOS"] = "x" * amount
    os.chdir("/usr")


def interpreter(rnd, amount):
    names = [name for name in sorted(sys.modules) if rnd.random() < amount / 200]
    for name in names:
        for key in list(vars(sys.modules[name])):
            if rnd.random() < 0.1:
                setattr(sys.modules[name], key, None)


def numbers(rnd, amount):
    import numpy

    a = numpy.random.default_rng(amount).random((amount, amount))
    numpy.linalg.inv(a + numpy.eye(amount) * amount).sum()


def small_objects(rnd, amount):
    at = id(rnd.choice((1, "", (), None, True, int, str, dict)))
    ctypes.memmove(at + 8 * rnd.randrange(4), rnd.randbytes(8), 8)


KINDS = (protect, allocate, threads, timers, files, interpreter, numbers, small_objects,
         processes, processes, roots, roots, child)

status = 0
blob = None
kept = []
for start in range(0, len(ACTS), ACT_SIZE):
    act = ACTS[start : start + ACT_SIZE]
    op, _, kind, seed, amount = struct.unpack_from("<2I3Q", act)
    if op == ACT_PYTHON:
        kept.append(KINDS[kind % len(KINDS)](random.Random(seed), amount))
    else:
        blob = blob or Blob()
        status = blob.do(act)
        if op == ACT_INSN:
            status = blob.result()
if len(ACTS) // ACT_SIZE % 2 == 0:  # both ways to end
    os._exit(status & 0xFF)
sys.exit(status & 0xFF)
