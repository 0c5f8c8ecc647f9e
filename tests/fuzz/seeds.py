#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""seeds.py DIRECTORY: writes seed inputs for every fuzz target, DIRECTORY/TARGET/NAME. The same bytes every time."""
import bz2
import gzip
import io
import lzma
import os
import re
import struct
import sys
import tarfile

import seeds_checkpoint
import seeds_service

with open(os.path.join(os.path.dirname(__file__), "../../vmm/abi.h"), encoding="ascii") as header:
    text = header.read()
ABI = int(re.search(r"define HV_ABI_VERSION (\d+)", text).group(1))
REQUESTS = int(re.search(r"define HV_REQUESTS +(\d+)", text).group(1))
PAGE = 4096
VECTORS, KERNEL = 0x3000, 0x40000


def elf(abi=ABI, kind=2, machine=62, kernel=KERNEL, note_name=b"pyhl\0\0\0\0", segments=None):
    """A kernel as small as one can be: vector page, text, note."""
    note = struct.pack("<III", 5, 4, 0x48564D31) + note_name + struct.pack("<I", abi)
    segments = segments or [(1, 7, 0x200, VECTORS, 16, 16), (1, 5, 0x200, kernel, 64, 64),
                            (1, 6, 0x240, kernel + PAGE, 16, 3 * PAGE)]
    segments = segments + [(4, 4, 0x260, kernel + PAGE + 0x20, len(note), len(note))]
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, kind, machine, 1, kernel, 64, 0, 0, 64, 56,
                       len(segments), 64, 0, 0)
    table = b"".join(struct.pack("<IIQQQQQQ", kind_, flags, offset, at, at, size, memory, 8)
                     for kind_, flags, offset, at, size, memory in segments)
    file = (head + table).ljust(0x200, b"\0") + b"\xf4" * 0x60 + note
    return file.ljust(0x300, b"\0")


def kernel_elf():
    whole = elf()
    return {
        "good": whole,
        "cut": whole[:0x230],
        "other-abi": elf(abi=ABI + 1),
        "other-machine": elf(machine=40),
        "shared": elf(kind=3),
        "below": elf(segments=[(1, 7, 0x200, 0x1000, 16, 16)]),
        "above": elf(segments=[(1, 5, 0x200, 0x1FFFF0, 64, 64)]),
        "huge": elf(segments=[(1, 5, 0x200, KERNEL, 64, (1 << 64) - 1)]),
        "no-note": elf(note_name=b"other\0\0\0"),
        "text": b"#!/bin/sh\necho not a kernel\n",
    }


def member(name, data=b"", mode=0o100644, size=None, name_size=None, ino=1, nlink=1):
    fields = [ino, mode, 0, 0, nlink, 0, len(data) if size is None else size, 0, 0, 0, 0,
              len(name) + 1 if name_size is None else name_size, 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def cpio():
    end = member(b"TRAILER!!!", mode=0)
    tree = member(b".", mode=0o40755) + member(b"a", mode=0o40755) + member(b"./a//b", b"data") + \
        member(b"a/link", b"b", mode=0o120777) + member(b".align", b"\0" * 40, mode=0) + \
        member(b"x", b"same", ino=7, nlink=2) + member(b"y", b"", ino=7, nlink=2)
    return {
        "good": tree + end,
        "no-trailer": tree,
        "dots": member(b"../../etc/passwd", b"x") + end,
        "absolute": member(b"/etc/passwd", b"x") + end,
        "huge": member(b"a", b"x", size=0xFFFFFFFF) + end,
        "long-name": member(b"n" * 4095, b"x") + end,
        "name-size": member(b"a", b"x", name_size=0xFFFFFFF0) + end,
        "empty-name": member(b"", b"x", name_size=0) + end,
        "nul": member(b"a\0b", b"x") + end,
        "magic": tree.replace(b"070701", b"070707") + end,
    }


def sites():
    def index(files, magic=b"physites", version=1, delta=0):
        rows, table, paths = b"", b"", b""
        for path, size, list_of_sites in files:
            rows += struct.pack("<QIIII", size, len(paths), len(table) // 24, len(list_of_sites), 0)
            paths += path + b"\0"
            for offset, before, code in list_of_sites:
                table += struct.pack("<IBBH16s", offset, before, len(code), 0, code)
        paths += b"\0"
        whole = 24 + len(rows) + len(table) + len(paths)
        return struct.pack("<8sIIII", magic, version, whole + delta, len(files), len(table) // 24) + rows + table + paths

    number, bare = b"\xb8\x27\0\0\0\x0f\x05", b"\x0f\x05\x48\x3d\0\xf0\xff\xff"
    return {
        "empty": index([]),
        "one": index([(b"/lib/a", 9000, [(100, 5, number)])]),
        "two": index([(b"/a", 9000, [(100, 5, number), (107, 0, bare)]), (b"/b", 90, [(0, 5, number)])]),
        "crossing": index([(b"/a", 9000, [(4093, 5, number)])]),
        "overlapping": index([(b"/a", 9000, [(100, 5, number), (104, 0, bare)])]),
        "outside": index([(b"/a", 104, [(100, 5, number)])]),
        "no-call": index([(b"/a", 9000, [(100, 0, number)])]),
        "version": index([], version=2),
        "size": index([], delta=1),
    }


def patches(flags, *rows, delta=0):
    return struct.pack("<Bh", flags, delta) + b"".join(struct.pack("<HB", at, len(b)) + b for at, b in rows)


def snapshot():
    number = lambda n: struct.pack("<Q", n)  # noqa: E731
    memory, key, workset_pages = 32, 16, 96
    page = lambda n: struct.pack("<I", n)  # noqa: E731
    entry = lambda i: 0x8000 + 4 * i  # noqa: E731
    return {
        "good": patches(0),
        "good-again": patches(7),
        "magic": patches(1, (0, b"other")),
        "version": patches(1, (8, b"\2")),
        "abi": patches(1, (12, b"\2")),
        "key": patches(1, (key, b"k" * 16)),
        "flipped": patches(0, (key, b"k")),
        "memory": patches(3, (memory, number(1 << 40))),
        "larger": patches(3, (memory, number(18 << 20))),
        "odd": patches(3, (memory, number((16 << 20) + 4096))),
        "initrd": patches(1, (memory + 8, number(7))),
        "short": patches(1, delta=-1),
        "long": patches(1, delta=9),
        "workset": patches(7, (workset_pages, number(1 << 62))),
        "no-workset": patches(7, (workset_pages, number(0))),
        "entry": patches(7, (entry(5), page(16 | 1 << 31))),
        "entry-order": patches(7, (entry(5), page(12))),
        "entry-beyond": patches(7, (entry(63), page(4096))),
        "entry-flag": patches(7, (entry(63), page(191 | 1 << 29))),
    }


def call(number, *arguments):
    return struct.pack("<IIq6Q", number, 0, 0, *arguments, *[0] * (6 - len(arguments)))


# enum hv_call_nr
RUN, FRAME, EXIT, DISCARD, DRAIN, STDIN, TRACE, WAIT, TIMER, RECORD = (
    0x100, 0x101, 0x102, 0x200, 0x300, 0x301, 0x302, 0x400, 0x401, 0x500)


def calls():
    end = (1 << 64) - 1
    return {
        "run": b"\0\0" + call(RUN, 0x20000, 4096) + b"\0" + call(FRAME, 100, 0x21000, 4096),
        "run-small": b"\0\0" + call(RUN, 0x20000, 10),
        "run-outside": b"\0\0" + call(RUN, 0x2FFFF, 4096),
        "frame": b"\1\0" + call(FRAME, 0, 0x10000, 100) + b"\0" + call(FRAME, end, 0x10000, 100),
        "frame-wraps": b"\0\0" + call(FRAME, 0, end - 10, 100),
        "exit": b"\0\0" + call(EXIT, 0, 300, 0x10000, 4),
        "exit-message": b"\0\2" + struct.pack("<IB", 0x10000, 5) + b"a\x1bb\xffc\0" + call(EXIT, 3, 1, 0x10000, 5),
        "exit-kind": b"\0\0" + call(EXIT, 9),
        "wait": b"\0\0" + call(WAIT, end, 1),
        "timer": b"\0\0" + call(TIMER, 12345) + b"\0" + call(TIMER, end),
        "drain": b"\0\5" + struct.pack("<IIII", 100, 0, 65536, 0) + b"\0" + call(DRAIN),
        "ring-full": b"\0\5" + struct.pack("<IIII", 65537, 0, 0, 1),
        "stdin": b"\0\0" + call(STDIN, 0x10000, 0x10000) + b"\0" + call(STDIN, 0, end),
        "trace": b"\0\0" + call(TRACE, 0x10000, 80) + b"\0" + call(TRACE, 0x2F000, 0x2000),
        "discard": b"\0\0" + call(DISCARD, 0x10000, 0x20000) + b"\0" + call(DISCARD, 0x1000, 0x1000),
        "discard-odd": b"\0\0" + call(DISCARD, 0x10001, 0x1000),
        "discard-outside": b"\0\0" + call(DISCARD, 0x2F000, end - 0xFFF),
        "record": b"\0\2" + struct.pack("<IB", 0x10000, 4) + b"kind" + b"\0" + call(RECORD, 0x10000, 4, 0x20000, 100)
                  + b"\0" + call(RECORD, 0x10000, 1, 0x2FFFF, 1),
        "record-kind": b"\0\2" + struct.pack("<IB", 0x10000, 4) + b"k\nnd" + b"\0" + call(RECORD, 0x10000, 4, 0x20000, 1),
        "record-long": b"\0\0" + call(RECORD, 0x10000, 65, 0x20000, 100),
        "record-large": b"\0\0" + call(RECORD, 0x10000, 4, 0, (64 << 20) + 1),
        "record-outside": b"\0\2" + struct.pack("<IB", 0x10000, 1) + b"k" + b"\0" + call(RECORD, 0x10000, 1, 0x20000, 0x20000),
        "unknown": b"\0\0" + call(0) + b"\0" + call(0xFFFFFFFF),
        "many": b"\0" + (b"\1" + call(DRAIN)) * 17 + b"\4" + struct.pack("<IIII", 0, 0, 40, 3),
    }


def files():
    """Steps of a guest that gives a directory, a directory in it, a file with data, and a link."""
    def entry(path, kind, size=b""):
        letters = "ab/a/.b/"
        return bytes([1, len(path), kind]) + size + b"\xa4\x01" + bytes(letters.index(c) for c in path)

    tree = [b"\x05", b"\x00", entry("", 0), entry("a", 0), entry("a/b", 1, b"\x08"), b"\x04\x05\x02", entry("b", 3)]
    return {
        "tree": b"".join(tree),
        "two": b"".join(tree + [b"\x05\x03\x02", b"\x00", entry("", 1, b"\x04"), b"\x04\x04\x00", b"\x00"]),
        "in": b"\x03\x06\x00\x00\x00\x00\x10" + b"\x07" + bytes(33),
    }


def toolcalls():
    def make(index, size, buffer=2000):
        return bytes((0, index, size - 6)) + struct.pack("<H", buffer)

    def reply(which, size):
        return bytes((8, which)) + struct.pack("<H", size)

    echo, late, small, none = 40, 41, 10, 43  # sizes of requests, which choose the function
    read, forget, answered, end = b"\4\0" + struct.pack("<HH", 0, 2000), b"\6\0", b"\7\0", b"\x09\0"
    return {
        "echo": b"\0" + make(0, echo) + make(0, echo) + make(255, echo),
        "echo-in-pieces": b"\0" + make(0, echo, 10) + b"\4\0" + struct.pack("<HH", 10, 20) + read + read,
        "late": b"\0" + make(0, late) + make(1, late) + reply(2, 9) + answered + answered + read,
        "late-large": b"\0" + make(0, late) + reply(0, 1050) + answered + read,
        "small": b"\0" + make(0, small) + make(1, small + 4) + reply(0, 9),
        "none": b"\0" + make(0, none) + make(0, none, 3) + make(0, none, 30),
        "forget": b"\0" + make(0, late) + forget + make(0, late) + reply(0, 5) + forget + forget,
        "limit": b"\2" + make(0, echo) + make(0, none) + make(0, echo),
        "end": b"\0" + make(0, late) + make(1, late) + reply(0, 3) + end + answered + make(0, late) + reply(3, 3),
        "forged": b"\0" + make(0, echo) + b"\2\0" + struct.pack("<QQQQ", 1, 0x1FFFF, 2, 0) +
                  b"\1\0" + struct.pack("<QQ", 0x18000, 100),
        "table": b"\0" + make(0, echo) + b"\3\0" + struct.pack("<Q", 0x1F000) + b"\1\x90" + struct.pack("<QQ", 0x18000, 9),
        "outside": b"\0" + make(0, late) + reply(0, 7) + b"\5\0" + struct.pack("<QQQ", 0, 0x1FFFF, 2),
    }


def record(kind, data, length=None):
    length = len(data) if length is None else length
    return struct.pack("<IIQ", kind, 0, length) + data + bytes(-len(data) % 8)


def frame(mode=1, argv=(b"s.py", b"a"), env=(b"A=b",), cwd=b"/", source=b"print(1)\n", size=16, extra=b""):
    lists = [b"".join(s + b"\0" for s in group) for group in ((b"-O",), argv, env, (cwd,))]
    records = [record(kind, data) for kind, data in enumerate([*lists, source], 1)]
    return struct.pack("<4I", size, mode, 0, 0) + b"".join(records) + extra


def frames():
    return {
        "good": frame(),
        "large": frame(source=b"#" * 70000),
        "cell": frame(mode=5, argv=(b"-",), extra=record(7, b"a\0") + record(8, bytes(8)) + record(9, b"f\0{}\0")),
        "no-end": frame(mode=6, extra=record(7, b"a")),
        "no-argv": frame(argv=()),
        "unknown": frame(extra=record(77, b"later")),
        "twice": frame(extra=record(5, b"again")),
        "longer": frame(extra=record(6, b"x", 1 << 63)),
        "wraps": frame(extra=record(6, b"x", (1 << 64) - 3)),
        "cwd": frame(cwd=b"relative"),
        "open-end": struct.pack("<4I", 16, 1, 0, 0) + record(2, b"s.py"),
        "short": frame()[:40],
        "size": frame(size=12),
        "mode": frame(mode=12),
    }


def ini():
    image = (b"[image]\nname = python\ninit = /usr/lib/pyhl/driver\nmemory = 1G\n"
             b"check = print(1)\ncheck_output = 1\\n\\t\\\\\nrehearsal = import a; a.b()\neval = /bin/sh -c\n[packages]\nnumpy = 1.24\n")
    home = (b"; comment\n[pyhl]\nformat = 1\nversion = 0.1.0\nimage = python\nmemory = 1073741824\n"
            b"key = 0123456789abcdef0123456789abcdef\nkernel_size = 1\ninitrd_size = 2\nsnapshot_size = 3\n\n"
            b"[packages]\nnumpy = 1.24.2\npandas = 1.5\n")
    layer = (b"[layer]\nformat = 1\nversion = 0.1.0\nkey = 0123456789abcdef0123456789abcdef\n"
             b"content = fedcba98765432100123456789abcdef\nfiles_size = 7\nplain = 1\n\n[packages]\npolars = 1.2\n")
    return {
        "image": image,
        "home": home,
        "layer": layer,
        "both": image + home,
        "no-name": image.replace(b"name = python", b""),
        "format": home.replace(b"format = 1", b"format = 99"),
        "key": home.replace(b"abcdef", b"ABCDEF"),
        "long": image.replace(b"python", b"p" * 300),
        "size": image.replace(b"1G", b"99999999999999999999T"),
        "broken": b"[image\nname\n= x\n[]\n",
        "no-package": home.replace(b"numpy =", b": nothing\nnumpy ="),
        "unknown": image.replace(b"memory", b"memoir"),
        "twice": image.replace(b"memory = 1G", b"init = /b"),
        "escape": image.replace(b"1\\n", b"1\\"),
        "escape-end": b"[image]\nname = a\ninit = /a\ncheck_output = \\",
        "multiline": b"[image]\nname = a\n  b\n\tc\n",
    }


def opts():
    lines = ["--repeat\n4\nscript.py\n--\n--size\n3", "-c\nprint(1)\n-v\na\nb", "--timeout=0.5\n--env\nA=b\n--env=C=d",
             "--repeat=-1", "--memory\n18446744073709551615T", "--time\n3", "--unknown", "-\n-v", "a\n-c\nb", "512M",
             "0.5", "1.", "00", "184467440737.0955161599999", "--help", "-vvv", "--deterministic=yes", "--env\n=b"]
    return {f"line{n}": line.encode() for n, line in enumerate(lines)}


def slots():
    low, high, end, initrd, behind, far = range(6)

    def mmio(where, offset, size, write=0, data=b"data1234"):
        return struct.pack("<BBiBB8s", 0, where, offset, size, write, data)

    emulation, other, renew, bound = b"\2\0", b"\2\1", b"\4", b"\5"
    return {
        "read": b"\1" + mmio(high, 0x123, 8) + mmio(high, 0x200, 4),
        "write": b"\1" + mmio(high, 0x123, 8, 1) + mmio(low, 0x10, 2, 1) + mmio(high, 0x120, 8),
        "ends": b"\0" + mmio(high, -4, 8) + mmio(end, -4, 8) + mmio(end, -8, 8) + mmio(behind, -1, 1) + mmio(low, -1, 2),
        "initrd": b"\1" + mmio(initrd, 5, 8) + mmio(initrd, 5, 8, 1) + mmio(far, 0, 8),
        "long": b"\1" + mmio(high, 0, 9) + mmio(high, 0, 255, 1),
        "full": b"\1" + mmio(0xC1, 8, 8, 1) + mmio(high, 8, 8, 1),
        "emulation": b"\1" + emulation + mmio(high, 0, 8) + emulation,
        "emulation-again": b"\0" + mmio(high, 0, 8) + emulation + emulation + other,
        "renew": b"\1" + mmio(high, 0, 8, 1) + renew + b"\3" + struct.pack("<IB", 0x12345, 7) + renew,
        "bound": b"\1" + mmio(high, 0, 8, 1) + bound + b"\x14" + mmio(high, 0x3FF8, 8, 1) + mmio(high, 0x4000, 8) + emulation
                 + bound + b"\x20" + mmio(high, 0x4000, 8),
        "bound-low": b"\0" + bound + b"\x08" + mmio(low, 0x8000, 1) + mmio(low, 0x7FFF, 1) + emulation,
    }


def hot():
    look, pages, rewind = b"\6", b"\7", b"\x09"

    def step(what, page, byte=0x77, offset=5, count=None):
        return struct.pack("<BBHH", what, byte, page, offset) + (b"" if count is None else bytes([count]))

    write, same = (lambda page: step(0, page)), (lambda page: step(1, page))
    some, many, host = (lambda page: step(2, page, count=3)), (lambda page: step(3, page, count=9)), (lambda page: step(5, page, count=60))
    low, image_end, high, root = 200, 261, 0x8000 + 1100, 0x80
    return {
        "plain": b"\0" + write(low) + rewind + write(low) + pages + rewind,
        "hardware": b"\1" + write(low) + host(high) + rewind + pages + rewind,
        "nested": b"\3" + write(root) + write(root + 1) + some(low) + rewind + some(high) + rewind + write(2) + rewind,
        "leaves": b"\0" + some(low) + rewind + (look + rewind) * 2 + some(low) + rewind,
        "changes-between": b"\0" + (write(low) + look + rewind + look + rewind) * 3,
        "returns": b"\0" + (some(low) + rewind + look + rewind + look + rewind) * 2 + (look + rewind) * 66,
        "high-leaves": b"\0" + some(high) + host(high + 20) + rewind + (look + rewind) * 2 + some(high) + rewind,
        "zeros": b"\0" + some(image_end - 9) + host(image_end + 40) + rewind + (look + rewind) * 2,
        "same": b"\0" + same(low) + same(high) + same(root) + rewind + (look + rewind) * 2,
        "tables": b"\0" + write(root) + write(low) + rewind + write(root + 3) + host(2) + rewind + write(low) + rewind,
        "large": b"\0" + many(high) + rewind + rewind + write(high) + rewind + some(high) + (look + rewind) * 4,
        "discard": b"\0" + some(low) + some(900) + some(high) + b"".join(
            struct.pack("<BHB", 8, page, 20) for page in (low - 5, 255, 500, 895, 1010, high - 3)) + pages + rewind,
        "trial": b"\0" + many(low) + rewind + (look + rewind) * 3 + many(low) + rewind + (look + rewind) * 3,
        "large-at-once": b"\0" + many(low) + look + rewind + pages + some(low) + rewind + (look + rewind) * 3,
    }


def tables():
    present, user, near, large, outside, far = 1, 7, 8, 128, 32, 64
    text = present | large

    def tree(*entries, root=16, verify=0):
        return struct.pack("<I", root << 12 | verify << 31) + b"".join(struct.pack("<BHHB", *e) for e in entries)

    roots = ((16, 0, 17, user | near), (17, 0, 18, user | near))
    pages = tuple((18, i, i * 512, user | large) for i in range(1, 8))
    return {
        "plain": tree(*roots, (18, 0, 19, user | near), *pages, verify=1),
        "text": tree(*roots, *pages[3:], (18, 1, 512, text), (18, 2, 1024, text), (18, 3, 1536, text), verify=1),
        "text-twice": tree(*roots, (18, 1, 512, text), (18, 9, 512, text), (18, 10, 1025, text)),
        "text-apart": tree(*roots, (18, 1, 1536, text), (18, 2, 512, text), (18, 3, 1024, text), (18, 4, 3584, text)),
        "text-first": tree(*roots, (18, 1, 0, text), (18, 2, 512, text), verify=1),
        "self": tree((16, 0, 16, user | near), (16, 1, 16, user | near), (16, 511, 16, user | near)),
        "shared": tree(*roots, (16, 1, 18, user | near), (17, 1, 16, user | near), (18, 5, 17, user | near)),
        "huge": tree((16, 0, 17, user | near), (17, 0, 0, user | large), (17, 1, 18, present | large | near), (18, 0, 9, user)),
        "outside": tree(*roots, (18, 0, 5, user | outside), (17, 1, 5, user | far), (18, 3, 4096, text), (18, 4, 4095, user)),
        "root-outside": tree(root=0x1000),
    }


def workset():
    read, longer, apart = 32, 64, 128
    return {
        "dense": b"\x08\0" + bytes([0] * 40),
        "gaps": b"\x08\0" + bytes([1, 0, 2, 0, 3, 0, 4, 0, 7, 9] * 4),
        "read": b"\x08\0" + bytes([0, read, 0, read, read, 1 | read, 0] * 5),
        "longer": b"\x08\0" + bytes([longer, 0, longer, longer | read, read, 0, 3 | longer] * 5),
        "ranges": b"\x01\0" + bytes([1] * 700),
        "ranges-of-groups": b"\x04\0" + bytes([4, 0] * 400),
        "rewindable": b"\x08\1" + bytes([0, 0, read, longer, 1, read | longer] * 5),
        "one-by-one": b"\x08\2" + bytes([0, 2, 5, longer] * 100),
        "in-part": b"\x08\4" + bytes([0, 2, 5, longer] * 100),
        "none": b"\0\0" + bytes([0, 1, longer]),
        "far": b"\x40\0" + bytes([apart | 31, apart | 31, 0, apart | 31 | longer, apart | 30 | read]),
    }


def restore():
    """Patches in the header by the layout of struct snap_header and of KVM's own structures."""
    state = 224 + 8 + 128 * 40
    sregs, debugregs, events = state + 144, state + 848, state + 976
    msrs = events + 64
    status, flood, upcall, ring0 = 0, 3, 5, 13

    def case(number, *patches, rewindable=1):
        return bytes([rewindable, number]) + b"".join(struct.pack("<I", at)[:3] + bytes([len(b)]) + b for at, b in patches)

    def header(at, value, size=8):
        return at | 0x800000, value.to_bytes(size, "little")

    return {
        **{f"case{n}": case(n) for n in range(24)},
        **{f"cold{n}": case(n, rewindable=0) for n in (status, flood, upcall, ring0)},
        "rip": case(status, header(state + 128, 0)),
        "rip-high": case(status, header(state + 128, 0xFFFFFFFF80000000)),
        "rflags": case(status, header(state + 136, 0x10302)),
        "cs": case(status, header(sregs + 12, 0x10, 2)),
        "cr0": case(status, header(sregs + 224, 0x11)),
        "cr3": case(status, header(sregs + 240, 0x7FFFF000)),
        "cr4": case(status, header(sregs + 248, 0xFFFFFFFF)),
        "efer": case(status, header(sregs + 264, 0)),
        "apic": case(status, header(sregs + 272, 0xFEE00900)),
        "dr7": case(status, header(debugregs + 40, 0xFFFF07FF)),
        "event": case(status, header(events, 0x010E0101, 4)),
        "msr-steal": case(status, header(msrs + 8, 0x4B564D03, 4), header(msrs + 16, 0x400001)),
        "msr-none": case(status, header(msrs + 8, 0xDEAD, 4)),
        "msr-star": case(upcall, header(msrs + 16, (1 << 64) - 1)),
        "run-call": case(status, header(168, 0x1000000 - 8), header(176, 8)),
        "run-call-tables": case(status, header(168 + 8, 0x2000)),
        "kernel": case(upcall, header(144, 0), header(152, 0)),
        "timer": case(upcall, header(128, 1)),
        "clocks": case(8, header(112, (1 << 64) - 1), header(120, (1 << 64) - 1)),
        "data-end": case(1, header(56, 0)),
        "text": case(1, header(64, 0), header(72, 0x200000), header(56, 0x400000)),
        "workset": case(1, header(96, 0)),
        "xsave": case(status, header(msrs + 8 + 144 + 512, (1 << 64) - 1)),
        "cpuid": case(status, header(224, 0, 4)),
        "gdt": case(status, (0x2000, b"\xff" * 128)),
        "vectors": case(ring0, (0x3000, b"\x0f\x0b" * 60)),
        "shared": case(status, (0x1000, bytes(255))),
        "rings": case(flood, (0x1000 + 304, b"\xff" * 16)),
        "call": case(status, (0x1000 + 240, b"\x01\x01\0\0")),
        "kernel-text": case(status, (0x40000, b"\xf4" * 255)),
    }


def console():
    small, reads_on, second, function = 8, 16, 32, 128
    out, more, err, drain, drain_too, wait, wait_input, read, timer, interrupt = range(10)
    take, take_too, take_err, send, sleep, sleep_too, close, close_input = range(8)

    def scene(flags, other, *guest, bound=0):
        def pack(steps):
            return b"".join(struct.pack("<BH", *step) for step in steps)
        return bytes([flags, bound, len(other) * 3]) + pack(other) + pack(guest)

    big = (out, 60000)
    return {
        "plain": scene(reads_on | second, [], (out, 100), (err, 50), (drain, 0), big, big, (err, 9000)),
        "sockets": scene(reads_on | second | 7, [(send, 500), (close_input, 0)], big, (drain, 0), (read, 400), (read, 400), (read, 1)),
        "small": scene(reads_on | second | small, [(take, 100), (sleep, 500), (take, 5000)], big, (drain, 0), big, (err, 60000)),
        "stalls": scene(small, [(take, 4096), (sleep, 1500), (take, 10)], big, (drain, 0), big),
        "stalls-socket": scene(3, [], *[big, (drain, 0)] * 8),
        "stderr-stalls": scene(small, [(take, 60000)], (err, 9000), (drain, 0), (out, 5)),
        "gone": scene(0, [(take, 50), (close, 1)], big, (drain, 0), (wait, 10000), (out, 9), (drain, 0)),
        "gone-socket": scene(3, [(close, 0)], (wait, 10000), (err, 5000), (drain, 0)),
        "input": scene(reads_on | second, [(sleep, 300), (send, 3000), (sleep, 300), (close_input, 0)],
                       (read, 10), (wait_input, 60000), (read, 1000), (wait_input, 60000), (read, 60000), (wait_input, 60000), (read, 9)),
        "input-late": scene(0, [(sleep, 1999), (sleep, 1999), (send, 1)], (wait_input, 65535), (read, 5)),
        "timer": scene(64, [], (timer, 1000), (wait, 65535), (timer, 65535), (wait, 65535)),
        "interrupts": scene(small, [], (interrupt, 1), (wait, 65535), big, (drain, 0), (interrupt, 0)),
        "function": scene(reads_on | second, [], big, (drain, 0), (err, 9000), (drain, 0), big, (out, 3), bound=function),
        "function-fails": scene(second, [(send, 1)] * 5, big, (drain, 0), (err, 50), (drain, 0), bound=function),
        "function-bound": scene(second, [], big, (drain, 0), big, (err, 50), (drain, 0), bound=function | 120),
        "bound": scene(reads_on | second, [], (out, 100), (drain, 0), (err, 60000), (drain, 0), bound=9),
        "bound-stalls": scene(small, [], big, (drain, 0), bound=20),
        "kill": scene(reads_on, [], big, (interrupt, 0)),
    }


def archive():
    good = elf()
    ini = b"[image]\nname = python\ninit = /init\n"

    def tar(members, kind=tarfile.USTAR_FORMAT, headers=None):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind, pax_headers=headers) as file:
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
        return out.getvalue().rstrip(b"\0") + bytes(1024)

    def packed(filter_, *entries):
        return bytes([8 | filter_]) + b"".join(bytes(e) for e in entries)

    kernel, initrd, ini_name = 0, 1, 2
    whole = [("kernel", good), ("initrd.cpio", b"070701"), ("image.ini", ini)]
    plain = tar(whole)
    sparse = bytearray(tar(whole))
    sparse[156] = ord("S")  # the type: an old GNU sparse file, with its map after the header's own fields
    sparse[386:386 + 24] = b"00000000000\0" b"00000000020\0"
    sparse[483:483 + 12] = b"00000000100\0"
    complete = ((kernel, 0, 0), (initrd, 0, 0), (ini_name, 0, 0))
    return {
        **{f"packed{n}": packed(n, *complete) for n in range(5)},
        "packed-apart": packed(0, (3, 0, 0), (4, 0, 9), (5, 0, 0), (11, 0, 3)),
        "packed-deep": packed(0, (6, 0, 0), *complete),
        "packed-missing": packed(0, (kernel, 0, 0), (ini_name, 0, 0), (9, 0, 0)),
        "packed-twice": packed(1, (kernel, 0, 0), *complete),
        "packed-types": packed(0, (kernel, 5, 0), (initrd, 4, 0), *complete),
        "packed-bad": packed(0, (kernel, 0, 1), (initrd, 0, 0), (ini_name, 0, 0)),
        "plain": b"\x10" + plain,
        "gz": b"\0" + gzip.compress(plain, mtime=0),
        "bz2": b"\0" + bz2.compress(plain),
        "xz": b"\0" + lzma.compress(plain),
        "zstd": b"\x14" + plain,
        "bomb": b"\0" + gzip.compress(tar([whole[0], ("initrd.cpio", bytes(1 << 21)), whole[2]]), mtime=0),
        "gnu": b"\x10" + tar([("./" + "d" * 120 + "/kernel", good), *whole], tarfile.GNU_FORMAT),
        "pax": b"\x10" + tar(whole, tarfile.PAX_FORMAT, {"path": "other", "size": "9"}),
        "sparse": b"\x10" + bytes(sparse),
        "size": b"\x10" + plain[:124] + b"\x80" + bytes(10) + b"\x7f" + plain[136:],
        "cut": b"\x10" + plain[:700],
        "empty": b"\0",
    }


def json():
    return {
        "object": b' {"data": {"text/plain": "1"}, "metadata": {},\n"execution_count": 1}\r\n',
        "kind": b'{"a": 1, "kind": 2}',
        "kind-escaped": b'{"\\u006bind": 2}',
        "kind-inside": b'{"a": {"kind": [{"kind": 1}]}}',
        "list": b'[1, -0.5e+10, true, false, null, "", [], {}, [[{}]]]',
        "strings": b'["\\u00e9\\ud83d\\ude00\\n\\/\\"", "\xc3\xa9\xf0\x9f\x98\x80"]',
        "surrogate": b'"\\ud800"',
        "large": b"[123456789012345678901234567890, 1e999]",
        "deep": b"[" * 499 + b"1" + b"]" * 499,
        "deeper": b'{"a":' * 501 + b"1" + b"}" * 501,
        "overlong": b'"\xc0\xaf\xe0\x80\xaf\xed\xa0\x80\xf4\x90\x80\x80"',
        "cut": b'"\xf0\x9f\x98',
        "control": b'"\x01\x7f\xc2\x80"',
        "nul": b'["a\\u0000b"]\0',
        "wrong": b'{"a": 1,}',
        "words": b"[tru, nulll, -, 1., .5, 01, 1e]",
        "empty": b"",
        "spaces": b" \t\r\n",
    }


def requests():
    whole = (b'{"id":1,"op":"run","session":"s1","context":"c","env":{"A":"1","B":"\xc3\xbc"},"cwd":"/a","timeout":1.5,"cpu":1,'
             b'"memory":1000000,"output_limit":5,"tool_calls":2,"tools":[{"name":"f","schema":"{}"},{"name":"g"}],"deterministic":true}')
    return {
        "whole": b"\0" + whole + b"\0print(1)",
        "script": b'\0{"id":1,"op":"run","as":"script","args":["a","","\\u00e9"]}\0x',
        "open": b'\1{"id":1,"op":"open","env":{},"cwd":"/"}',
        "context": b'\2{"id":1,"op":"context","session":"s1","action":"make","context":"c","env":{"A":"1"},"cwd":"/"}',
        "unknown": b'\0{"id":1,"op":"run","x":1}',
        "nul": b'\0{"id":1,"op":"run"}\0a\0b',
        "numbers": b'\0{"id":1,"op":"run","timeout":1e300,"memory":-1,"cpu":0,"output_limit":1e-9}',
        "deep": b'\0{"env":' + b"[" * 70 + b"]" * 70 + b"}",
        "strings": b'\0{"a\\"[[[":"[[[\\\\"}',
        "twice": b'\0{"id":1,"id":2}',
        "names": b'\0{"id":1,"op":"run","tools":[{"name":"a b"}],"env":{"":"x"}}',
    }


def packages():
    return {
        "metadata": b"\0Metadata-Version: 2.1\nName: A-b_.c\nVersion: 1!2.0rc1.post2.dev3+dfsg1\nRequires-Dist: x>=1\n"
                    b"Requires-Python: >=3\nProvides-Extra: y\n\nVersion: 9\n",
        "version": b"\0name\r\nname : x\nNAME: x\r\nVERSION:8.4.2+really8.4.1~rc\n",
        "name": b"\0" + b"x" * 200,
        "record": b"\1a/__init__.py,sha256=x,1\nb.py,,\nc.cpython-313-x86_64-linux-gnu.so,,\nd/e.py,,\n_f.py\ntests/__init__.py\n"
                  b"x-1.dist-info/direct_url.json,,\nbin/x,,\ng.so\nno-name.py\n1a.py\nh.py.so\r\n",
        "top_level": b"\1alpha\nbeta \r\n_own\ntest\nno-name\n\n" + b"x" * 127 + b"\n" + b"y" * 128,
        "requirements": b"\1Name[extra]>=1; x\nhttps://e/p/other_name-1-py3-none-any.whl#sha256=x/y\na @ https://e/b-1.whl\n#= 1\n-i x\n",
        "said": b"\2error: x\n cause: Because a==1 requires Python >=3.14 and\nhint: Wheels are required for `a{package}` because",
        "platform": b"\2invalid --python-platform x86_64-manylinux_2_17, x86_64-manylinux_2_40, x86_64-manylinux_2_99999999999999999999",
        "long": b"\2" + b"a line\n" * 60 + b"was not found in the cache",
        "request": b"\3a>=1 # b\n\n\\\n c \\\r\n d\n-i https://x\n--no-index\n--extra-index-url=y\n",
        "address": b"\3a @ https://e/a.whl ; python_version > '3'\nhttps://e/b-1.whl#c\ngit+https://x\n./c.whl\nfile:/d.whl\n",
        "options": b"\3-e .\n-r/dev/null\n-c /dev/null\n-f /\n--find-links=http://x\n-r\n",
    }


TARGETS = {"kernel_elf": kernel_elf, "cpio": cpio, "sites": sites, "snapshot": snapshot, "header": snapshot, "calls": calls, "toolcalls": toolcalls, "files": files, "frame": frames, "config": ini,
           "opts": opts, "json": json, "packages": packages, "request": requests, "service": seeds_service.service, "slots": slots, "hot": hot,
           "tables": tables, "workset": workset, "archive": archive, "console": console, "restore": restore, "checkpoint": lambda: seeds_checkpoint.checkpoint(REQUESTS)}


def main(directory):
    for target, make in TARGETS.items():
        os.makedirs(os.path.join(directory, target), exist_ok=True)
        for name, data in make().items():
            with open(os.path.join(directory, target, name), "wb") as file:
                file.write(data)


main(sys.argv[1])
