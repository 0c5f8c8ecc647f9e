# SPDX-License-Identifier: Apache-2.0
"""Runs that take ring 0, as any script can, or that single-step themselves, and leave in the CPU all that they can. All
runs of one script must see the same.

usage: ring0.py steal|kill|step|vectors|stale HV_CALL_ARGS ROOT_LOAD    the addresses of these functions in the kernel
       ring0.py code
"""
import ctypes
import mmap
import os
import signal
import struct
import sys

SHARED, VECTORS, STRIDE = 0x1000, 0x3000, 32  # vmm/abi.h
GENERATION, CALL, FREE_START, PT_ROOT = SHARED + 128, SHARED + 240, SHARED + 40, SHARED + 48
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
    "get dr0": "0f21c0 49894208 c3",
    # For OtherRoot, where rax is the argument of root_load(). jmp *(%rax)
    "other ud": "ff20",
    # mov 8(%rax), %rcx; mov %rcx, %dr0; addq $2, (%rsp); iretq
    "other dr0": "488b4808 0f23c1 4883042402 48cf",
    # mov 8(%rax), %rcx; push %rax; mov 16(%rax), %rdx; mov %rcx, %rax; jmp *%rdx
    "other back": "488b4808 50 488b5010 4889c8 ffe2",
    # In the vector page. mov %rax, %cr3; pop %rax; addq $2, (%rsp)
    "load": "0f22d8 58 4883042402",
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


class OtherRoot:
    """A tree of page tables of its own, in plain memory, so that no watched page is written. It shows what the machine's
    own tree shows, but all memory can be executed."""

    def __init__(self):
        KEPT.append(mmap.mmap(-1, 16 * 4096))
        self.memory = (ctypes.addressof(ctypes.c_char.from_buffer(KEPT[-1])) + 4095) & -4096
        self.taken = 0
        self.load = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(int(sys.argv[3], 16))
        self.top = self.copy(peek(PT_ROOT))
        self.level3 = self.own(self.top, 0)
        self.level2 = self.own(self.level3, 0)
        self.level1 = self.own(self.level2, 0)
        # The machine's own tables are read-only here. Else KVM might map one of them for writing, with its neighbours,
        # and take it for written.
        for at in range(peek(PT_ROOT), peek(FREE_START), 4096):
            poke(self.level1 + at // 4096 * 8, peek(self.level1 + at // 4096 * 8) & ~2)
        for i in range(512):
            entry = peek(self.level2 + i * 8)
            if entry & 0x80:
                poke(self.level2 + i * 8, entry & ~(1 << 63))
        for region in {self.memory >> 21, (self.memory + 15 * 4096) >> 21}:
            self.execute(region)

    def execute(self, region):
        """Makes 2 MiB executable that single pages map."""
        if peek(self.level2 + region * 8) & 0x80:
            return
        level1 = self.own(self.level2, region)
        for i in range(512):
            poke(level1 + i * 8, peek(level1 + i * 8) & ~(1 << 63))

    def page(self):
        self.taken += 1
        return self.memory + (self.taken - 1) * 4096

    def copy(self, table):
        at = self.page()
        ctypes.memmove(at, table & ADDRESS, 4096)
        return at

    def own(self, table, index):
        """Replaces the table under an entry by a copy."""
        entry = peek(table + index * 8)
        at = self.copy(entry)
        poke(table + index * 8, at | entry & 0xfff)
        return at


def vectors():
    """Every other run loads a root that shows other vectors, which let it into ring 0, and leaves something in a debug
    register. The runs between look for it."""
    if peek(GENERATION) % 2 == 1:
        print("dr0 %x" % Ring0().do("get dr0"), flush=True)
        os._exit(0)
    root = OtherRoot()
    true_root, arguments = peek(PT_ROOT), [root.top]
    code = ctypes.string_at(VECTORS, 4096)
    fake = root.copy(VECTORS)
    ctypes.memmove(fake + UD * STRIDE, bytes.fromhex(CODE["other ud"]), 2)
    poke(root.level1 + VECTORS // 4096 * 8, fake | peek(root.level1 + VECTORS // 4096 * 8) & 0xfff)
    for name, value in ("other dr0", 0x1234), ("other back", true_root):
        routine, at = bytes.fromhex(CODE[name]), root.page()
        ctypes.memmove(at + 64, routine, len(routine))
        poke(at, at + 64)
        poke(at + 8, value)
        poke(at + 16, VECTORS + code.index(bytes.fromhex(CODE["load"])))
        arguments.append(at)
    load, (tree, set_dr0, back) = root.load, arguments
    load(tree)
    load(set_dr0)
    load(back)
    print("loaded", flush=True)
    os._exit(0)


def stale():
    """The first run loads a root that maps two regions. The second builds the same tree in the same frames, but with the
    first region alone, and touches the second: that must fault, as if the first run had never been."""
    both = peek(GENERATION) % 2 == 0
    root = OtherRoot()
    level3, level2, one, two = (root.page() for _ in range(4))
    data = root.page()
    poke(root.top + 200 * 8, level3 | 0x67)
    poke(level3, level2 | 0x67)
    poke(level2, one | 0x67)
    poke(one, data | 0x67)
    if both:
        poke(level2 + 8, two | 0x67)
        poke(two, data | 0x67)
    poke(data, 77)
    start = 200 << 39
    root.load(root.top)
    first = peek(start)
    if not both:
        os.write(1, b"touches the second region\n")
    second = peek(start + (1 << 21))
    root.load(peek(PT_ROOT))
    print("both are there", first, second, flush=True)
    os._exit(0)


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


{"steal": steal, "kill": kill, "step": step, "vectors": vectors, "stale": stale, "code": code}[sys.argv[1]]()
