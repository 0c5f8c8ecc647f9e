# SPDX-License-Identifier: Apache-2.0
"""Hostile programs, each a function named by the first argument; run.sh says how each must end.

Sent to the guest in one piece: run.sh puts machine.py before this file.
"""
import ctypes
import os
import random
import sys
import threading
import time


def memory():
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (1 << 24))


def huge():
    for size in (1 << 36, 1 << 44, 1 << 62):
        try:
            bytearray(size)
        except (MemoryError, OverflowError):
            print("refused")


def files():
    with open("/tmp/fill", "wb") as f:
        while True:
            f.write(b"x" * (1 << 20))


def descriptors():
    kept = []
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError as error:
        print(error.strerror)


def threads():
    stop = threading.Event()
    started = 0
    for _ in range(1000):
        threading.Thread(target=stop.wait, daemon=True).start()
        started += 1
    stop.set()
    print(started)


def recursion_python():
    def deeper():
        deeper()
    try:
        deeper()
    except RecursionError:
        print("caught")


def recursion_c():
    class Endless:
        def __repr__(self):
            return repr(self)
    sys.setrecursionlimit(10 ** 9)
    repr(Endless())


def recursion_thread():
    thread = threading.Thread(target=recursion_c)
    thread.start()
    thread.join()


def recursion_code():
    """Machine code that only calls itself: nothing of CPython's counts that."""
    function([0xE8, 0xFB, 0xFF, 0xFF, 0xFF])()


def output():
    block = b"0123456789abcdef" * 65536
    for _ in range(1024):
        sys.stdout.buffer.write(block)


def both_outputs():
    for _ in range(2000):
        os.write(1, b"o" * 1000)
        os.write(2, b"e" * 1000)


def close_stdout():
    os.close(1)
    print(1)


def fork():
    try:
        while os.fork() > 0:
            pass
        time.sleep(1000)
    except OSError as error:
        print("OSError:", error.strerror)


def children_memory():
    """Fourteen children hold 40 MiB each, and wait; then more memory is wanted than is left."""
    def touch(memory, start, end):
        ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(memory)) + start, 1, end - start)

    mib = 1 << 20
    promised = 0x4000  # MAP_NORESERVE
    gate = os.pipe()
    ready = os.pipe()
    for _ in range(14):
        if os.fork() == 0:
            own = mmap.mmap(-1, 40 * mib, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | promised)
            touch(own, 0, 40 * mib)
            os.write(ready[1], b"x")
            os.read(gate[0], 1)
            os._exit(1)
        os.read(ready[0], 1)
    memory = mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | promised)
    killed = at = 0
    while killed < 14:
        touch(memory, at, at + mib)
        at += mib
        pid, status = os.waitpid(-1, os.WNOHANG)
        killed += pid != 0 and status == 9
    print(killed)


def null():
    ctypes.string_at(0)


def wild_read():
    ctypes.string_at(0x123456789000)


def wild_write():
    ctypes.memset(0x7FFFFFFFF000, 1, 8)


def noncanonical():
    # movabs $1 << 62, %rax; mov (%rax), %rax: kvm-pvm reports a vector load from there as #UD
    function([0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x48, 0x8B, 0x00])()


def jump_null():
    call(0)


def jump_garbage():
    call(0x123456789A)


def jump_noncanonical():
    call(0x7FFF000000000000)


def jump_data():
    call(ctypes.addressof(ctypes.create_string_buffer(b"\xc3" * 16)))


def jump_kernel():
    for offset in range(0, 0x2000, 7):
        call(0x40000 + offset)


def jump_vectors():
    call(0x3000 + 14 * 32)


def privileged(code):
    function(code)()


def hlt():
    privileged([0xF4])


def cli():
    privileged([0xFA])


def write_cr3():
    privileged([0x31, 0xC0, 0x0F, 0x22, 0xD8])


def wrmsr():
    privileged([0x31, 0xC9, 0x0F, 0x30])


def lgdt():
    privileged([0x0F, 0x01, 0x14, 0x24])


def port_in():
    privileged([0xE4, 0x60])


def port_out():
    privileged([0xE6, 0x80])


def undefined():
    privileged([0x0F, 0x0B])


def breakpoint_trap():
    privileged([0xCC])


def software_interrupt():
    privileged([0xCD, 0x80])


def divide():
    privileged([0x31, 0xC9, 0x31, 0xD2, 0xF7, 0xF1])


def kernel_text():
    ctypes.memset(0x40000, 0xCC, 0x1000)


def low_memory():
    for address in range(0x1000, 0x200000, 0x1000):
        if not 0x40000 <= address < 0x60000:
            ctypes.memset(address, 0xA5, 0x1000)


def initrd():
    ctypes.memset(0x4000000000, 0, 4096)


def doorbell_loop():
    bell = ring()
    while True:
        bell()


def ring_garbage():
    bell = ring()
    noise = random.Random(1)
    for _ in range(200):
        poke(CALL, noise.randbytes(64))
        bell()


def ring_call():
    """One call with the number, address and size given: nowhere, wrapping around, past memory."""
    number, address, size = (int(word, 0) for word in sys.argv[2:5])
    bell = ring()
    fill_call(number, address, size, address, size)
    bell()
    print("survived")


def signal_128():
    """An end by a signal that there is not, which modulo 256 would be success."""
    bell = ring()
    fill_call(0x102, 1, 128)
    bell()


def trace_unasked():
    """A line for a trace that nobody asked for."""
    text = ctypes.create_string_buffer(b"\x1b[31mred")
    bell = ring()
    fill_call(0x302, ctypes.addressof(text), 8)
    bell()
    print(answer())


def ring_output():
    """The output rings' counters, out of range: more than a ring in them, tail past head."""
    bell = ring()
    for pair in ((0xFFFFFFFF, 0), (0, 1), (0x10001, 0), (5, 0x80000000)):
        poke(OUTPUT_RINGS, struct.pack("<4I", *pair, *pair))
        fill_call(0x300)
        bell()


def spin():
    while True:
        pass


def sleep():
    time.sleep(1000)


def stubborn():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pass


globals()[sys.argv[1]]()
