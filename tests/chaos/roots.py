# SPDX-License-Identifier: Apache-2.0
# Page-table roots of a run's own. The kernel's vectors load any root for whoever calls root_load() (HV_ROOT_MARK of
# vmm/abi.h). No watched page is written for that, so the mark alone tells the rewind what may have happened. A tree may
# show wrong memory, or other vectors, and with those a run has ring 0.
import ctypes
import mmap
import os
import struct

SHARED, VECTORS, STRIDE, KERNEL = 0x1000, 0x3000, 32, 0x40000  # vmm/abi.h
ADDRESS, LARGE, NX = 0x000ffffffffff000, 0x80, 1 << 63
TREE_PAGES = 24
UD, GP = 6, 13

# mov %rdi, %rax; ud2; ret: root_load()
ROOT_LOAD = bytes.fromhex("4889f8 0f0b c3")
# In the vectors: mov %rax, %cr3; pop %rax; addq $2, (%rsp)
LOAD_BACK = bytes.fromhex("0f22d8 58 4883042402")
# Stubs of other vectors. #UD: jmp *(%rax), with rax the argument of root_load(). #GP in ring 0 skips the instruction.
OTHER_UD = bytes.fromhex("ff20")
OTHER_GP = bytes.fromhex("4883c408 4883042402 48cf")
# mov 8(%rax), %rcx; mov 24(%rax), %edx; mov 16(%rax), %eax
OPERANDS = bytes.fromhex("488b4808 8b5018 8b4010")
# addq $2, (%rsp); iretq
RETURN = bytes.fromhex("4883042402 48cf")
PRIVILEGED = {
    "wrmsr": "0f30",
    "mov to dr0": "0f23c1",
    "mov to dr2": "0f23d1",
    "mov to dr3": "0f23d9",
    "mov to cr8": "440f22c1",
    "mov to cr2": "0f22d1",
    "swapgs": "0f01f8",
    "nothing": "",
}
# push %rax; mov 16(%rax), %rdx; mov 8(%rax), %rax; jmp *%rdx
BACK = bytes.fromhex("50 488b5010 488b4008 ffe2")
# KVM's own ones; LSTAR, the bases, TSC_AUX; the TSC; PAT, DEBUGCTL, the deadline of the timer.
MSRS = (0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0xc0000082, 0xc0000100, 0xc0000101, 0xc0000102,
        0xc0000103, 0x10, 0x3b, 0x277, 0x1d9, 0x6e0, 0x174, 0x176)


def peek(at):
    return struct.unpack("<Q", ctypes.string_at(at, 8))[0]


def poke(at, value):
    ctypes.memmove(at, struct.pack("<Q", value), 8)


class Tree:
    """A copy of the tables that lead to the first GiB, in plain memory. All of that GiB can be executed."""

    def __init__(self):
        self.memory = mmap.mmap(-1, TREE_PAGES * 4096)
        self.base = (ctypes.addressof(ctypes.c_char.from_buffer(self.memory)) + 4095) & -4096
        self.taken = 0
        text = ctypes.string_at(KERNEL, peek(SHARED + 24) - KERNEL)
        self.load = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(KERNEL + text.index(ROOT_LOAD))
        self.top = self.page(peek(SHARED + 48))
        self.level3 = self.own(self.top, 0)
        self.level2 = self.own(self.level3, 0)
        self.level1 = self.own(self.level2, 0)
        # The machine's own tables are read-only here. Else KVM might map one for writing, and the rewind take it for
        # written.
        for at in range(peek(SHARED + 48), peek(SHARED + 40), 4096):
            entry = self.level1 + at // 4096 * 8
            poke(entry, peek(entry) & ~2)
        for i in range(512):
            if peek(self.level2 + i * 8) & LARGE:
                poke(self.level2 + i * 8, peek(self.level2 + i * 8) & ~NX)
        for region in {self.base >> 21, (self.base + (TREE_PAGES - 1) * 4096) >> 21}:
            self.execute(region)

    def page(self, content=None):
        """A page of the tree's memory, with the content of another page."""
        at = self.base + self.taken * 4096
        self.taken += 1
        ctypes.memmove(at, content or at, 4096)
        return at

    def own(self, table, index):
        entry = peek(table + index * 8)
        at = self.page(entry & ADDRESS)
        poke(table + index * 8, at | entry & 0xfff)
        return at

    def execute(self, region):
        if region < 512 and not peek(self.level2 + region * 8) & LARGE:
            level1 = self.own(self.level2, region)
            for i in range(512):
                poke(level1 + i * 8, peek(level1 + i * 8) & ~NX)

    def routine(self, code, *words):
        """The address of words and code, for OTHER_UD."""
        at = self.page()
        ctypes.memmove(at + 64, code, len(code))
        for i, word in enumerate((at + 64, *words)):
            poke(at + i * 8, word)
        return at


def other_vectors(rnd, tree):
    """Ring 0 by vectors that only the tree shows."""
    vectors = ctypes.string_at(VECTORS, 4096)
    fake = tree.page(VECTORS)
    for vector, stub in (UD, OTHER_UD), (GP, OTHER_GP):
        ctypes.memmove(fake + vector * STRIDE, stub, len(stub))
    entry = tree.level1 + VECTORS // 4096 * 8
    poke(entry, fake | peek(entry) & 0xfff)
    arguments = []
    for insn in ["mov to dr0", *(rnd.choice(("wrmsr", "wrmsr", *PRIVILEGED)) for _ in range(rnd.randrange(5)))]:
        value = rnd.choice((rnd.getrandbits(64), (tree.base + 64 * rnd.randrange(1000)) | 1, rnd.getrandbits(5)))
        register = rnd.choice(MSRS) if insn == "wrmsr" else value
        code = OPERANDS + bytes.fromhex(PRIVILEGED[insn]) + RETURN
        arguments.append(tree.routine(code, register, value, value >> 32))
    if rnd.random() < 0.8:
        arguments.append(tree.routine(BACK, peek(SHARED + 48), VECTORS + vectors.index(LOAD_BACK)))
    tree.load(tree.top)
    for argument in arguments:
        tree.load(argument)


def wrong_memory(rnd, tree):
    """Entries that lead elsewhere, and a write by way of them."""
    for _ in range(rnd.randrange(1, 8)):
        table = rnd.choice((tree.top, tree.level3, tree.level2, tree.level1))
        entry = table + 8 * rnd.randrange(8 if table != tree.level1 else 1, 512)
        frame = rnd.randrange(1 << 28) & ADDRESS
        poke(entry, rnd.choice((0, frame | 0x67, frame | 0x65, peek(entry) ^ 1 << rnd.randrange(64))))
    tree.load(tree.top)
    for _ in range(rnd.randrange(20)):
        at = rnd.choice((tree.base, rnd.randrange(1 << 28), rnd.randrange(1 << 47))) & -8
        if rnd.random() < 0.9:  # most are in the tree's own memory, so that more acts can follow
            at = tree.base + rnd.randrange(TREE_PAGES * 512) * 8
        poke(at, peek(at) ^ 1)
    if rnd.random() < 0.8:
        tree.load(peek(SHARED + 48))


def same_memory(_, tree):
    """A tree that shows all as it is, and stays."""
    tree.load(tree.top)


def roots(rnd, _):
    """Often the run ends at once: most other acts write watched pages, which would hide that the mark is not seen."""
    tree = Tree()
    rnd.choice((other_vectors, other_vectors, wrong_memory, same_memory))(rnd, tree)
    if rnd.random() < 0.6:
        os._exit(0)
    return tree
