# SPDX-License-Identifier: Apache-2.0
"""Runs that take ring 0, as any script can, or that single-step themselves, and leave in the CPU all that they can. All
runs of one script must see the same.

usage: ring0.py steal|kill|step|code
"""
import ctypes
import mmap
import os
import signal
import struct
import sys

SHARED, VECTORS, STRIDE = 0x1000, 0x3000, 32  # vmm/abi.h
GENERATION, CALL, PT_ROOT = SHARED + 128, SHARED + 240, SHARED + 48
CALL_EXIT, CALL_STDIN = 0x102, 0x301
ADDRESS = 0x000ffffffffff000
UD, GP = 6, 13
STEAL_TIME, SYSTEM_TIME, BATCH = 0x4b564d03, 0x4b564d01, 0x4b564d10  # KVM's, and one of kvm-pvm

CODE = {
    # mov %rdi, %r10; mov %rsi, %r11; ud2; ret
    "enter": "4989fa 4989f3 0f0b c3",
    # In the vectors. call *%r11; addq $2, (%rsp); iretq
    "ud": "41ffd3 4883042402 48cf",
    # movl $1, 16(%r10); addq $2, 8(%rsp); add $8, %rsp; iretq
    "gp": "41c7421001000000 488344240802 4883c408 48cf",
    # In ring 0. mov (%r10), %ecx; mov 8(%r10), %eax; mov 12(%r10), %edx; wrmsr; ret
    "wrmsr": "418b0a 418b4208 418b520c 0f30 c3",
    # mov %dr6, %rax; mov %rax, 8(%r10); ret
    "get dr6": "0f21f0 49894208 c3",
    # mov 8(%r10), %rax; mov %rax, %cr8; ret, and the way back
    "set cr8": "498b4208 440f22c0 c3",
    "get cr8": "440f20c0 49894208 c3",
    # At CPL 3: the code that stdin has for `step`. pushf; orq $0x100, (%rsp); popf; nop; pushf; andq $~0x100, (%rsp);
    # popf; ret
    "step": "9c 48810c2400010000 9d 90 9c 48812424fffeffff 9d c3",
    # out %al, $0xe0; ret
    "doorbell": "e6e0 c3",
}
KEPT = []


def peek(at):
    return struct.unpack("<Q", ctypes.string_at(at, 8))[0]


def poke(at, value, form="<Q"):
    ctypes.memmove(at, struct.pack(form, value), struct.calcsize(form))


def page(content):
    KEPT.append(mmap.mmap(-1, 4096, prot=7))
    KEPT[-1].write(content)
    return ctypes.addressof(ctypes.c_char.from_buffer(KEPT[-1]))


def function(name):
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(page(bytes.fromhex(CODE[name])))


class Ring0:
    """Makes the vector page writable, and #UD a way into ring 0. A #GP in ring 0 skips the instruction."""

    def __init__(self):
        self.enter = function("enter")
        self.routines = {name: page(bytes.fromhex(code)) for name, code in CODE.items()}
        self.args = page(bytes(64))
        table = peek(PT_ROOT)
        for _ in range(3):
            table = peek(table) & ADDRESS
        entry = table + VECTORS // 4096 * 8
        poke(entry, peek(entry) | 2)
        for vector, name in ((UD, "ud"), (GP, "gp")):
            code = bytes.fromhex(CODE[name])
            ctypes.memmove(VECTORS + vector * STRIDE, code, len(code))

    def do(self, name, number=0, value=0):
        poke(self.args, number)
        poke(self.args + 8, value)
        self.enter(self.args, self.routines[name])
        return peek(self.args + 8)


def steal():
    """Makes KVM write into the text of a string at each later entry, and leaves a task priority."""
    import numpy
    at = (id(numpy.__doc__) + 48 + 63) & ~63
    text = ctypes.string_at(at, 96)
    ring0 = Ring0()
    print(text, "priority", ring0.do("get cr8"), flush=True)
    ring0.do("wrmsr", STEAL_TIME, at | 1)
    ring0.do("wrmsr", SYSTEM_TIME, (at + 64) | 1)
    ring0.do("set cr8", value=9)
    os._exit(0)


def kill():
    """Makes KVM fail at the next instruction that it emulates. So the call that ends the run is put into the slot
    first."""
    print("this run works", flush=True)
    ring0 = Ring0()
    doorbell = function("doorbell")
    call(CALL_EXIT)
    ring0.do("wrmsr", BATCH, 1)
    doorbell(None, None)


def call(number, *args):
    """Puts a call to the host into its slot."""
    ctypes.memmove(CALL, struct.pack("<IIq6Q", number, 0, 0, *args, *[0] * (6 - len(args))), 64)


def physical(at):
    """Translates an address by the page tables; the walk ends early at a text page of 2 MiB."""
    entry = peek(PT_ROOT)
    for shift in (39, 30, 21, 12):
        entry = peek((entry & ADDRESS) + (at >> shift & 511) * 8)
        if shift == 12 or entry & 0x80:
            return entry & ADDRESS & -(1 << shift) | at & (1 << shift) - 1
    return None


def text_function():
    """A function of CPython, which the host overwrites with what is on stdin. Such code needs no change of page tables,
    which a rewind would take for ring 0."""
    host_call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint32, ctypes.c_void_p)(int(sys.argv[2], 16))
    at = ctypes.cast(ctypes.pythonapi.PyOS_mystrnicmp, ctypes.c_void_p).value
    arguments = (ctypes.c_uint64 * 6)(physical(at), 64)
    got = host_call(CALL_STDIN, ctypes.addressof(arguments))
    if got != len(bytes.fromhex(CODE["step"])):
        sys.exit("stdin is not the code: %d bytes" % got)
    return ctypes.CFUNCTYPE(None)(at)


def step():
    """Every other run single-steps, without ring 0. The runs between look what that has left in the debug status."""
    if peek(GENERATION) % 2:
        signal.signal(signal.SIGTRAP, lambda *_: None)
        text_function()()
        print("stepped", flush=True)
        os._exit(0)
    print("dr6 %x" % Ring0().do("get dr6"), flush=True)
    os._exit(0)


def code():
    sys.stdout.buffer.write(bytes.fromhex(CODE["step"]))


{"steal": steal, "kill": kill, "step": step, "code": code}[sys.argv[1]]()
