#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pages.py [-g] HOME SCRIPT|-c CODE: the pages of guest memory that a warm run writes, and whose they are.

Run it from the top of the tree, after `make image build/tests/bench/pages` and a setup into HOME. It prints a line for
each page: address, owner, how many 8-byte words a run leaves different from the snapshot (0: written, but the same
again), what lies in those words, and which functions wrote to the page first in a run. The innermost function comes
first. They are found by the words on the stack, so now and then one is of an older call. A + marks a page of the hot
set that not every run writes. Then it prints the number of pages by owner; with -g only that.

Owners are named by symbols (kernel, python3.13, libraries), the guest's page tables and /proc/self/maps, pymalloc's
pools, and for Python objects by their types. All of that is read from the snapshot.
"""
import bisect
import collections
import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile

IMAGE_OFFSET = int(re.search(r"SNAP_IMAGE_OFFSET\s+(\w+)u", open("vmm/snapshot_int.h").read()).group(1), 16)
BUILD = os.environ.get("BUILD", "build")
ROOT = f"{BUILD}/images/python/root"
KERNEL = f"{BUILD}/kernel/kernel.elf"
PYTHON = "/usr/bin/python3.13"  # not position-independent
PAGE = 4096
FIXED = {0x1000: "shared page", 0x2000: "descriptor tables", 0x3000: "vectors", 0x4000: "trap frames"}


class Symbols:
    """The symbols of one ELF file, by address."""

    def __init__(self, path, *options):
        out = subprocess.run(["nm", "-S", *options, path], capture_output=True, text=True, check=False).stdout
        rows = {}
        for line in out.splitlines():
            m = re.match(r"([0-9a-f]+) (?:([0-9a-f]+) )?(\w) (\S+)$", line)
            if m and m[3] not in "aUw":
                rows[int(m[1], 16)] = (int(m[2] or "0", 16), m[3], m[4])
        self.starts = sorted(rows)
        self.rows = rows

    def at(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i < 0:
            return None
        size, _, name = self.rows[self.starts[i]]
        return name if address < self.starts[i] + max(size, 1) or size == 0 else None


class Guest:
    """The guest as the snapshot has it: memory, page tables, mappings."""

    def __init__(self, home):
        self.home = home
        with open(f"{home}/snapshot", "rb") as f:
            self.image = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        self.kernel = Symbols(KERNEL)
        self.python = Symbols(ROOT + PYTHON, "-D")
        self.libraries = {}
        self.virtual = {}
        self.tables = set()
        self.walk(self.u64(0x1000 + 48), 4, 0)
        self.maps = self.read_maps()
        self.python_end = max(row[1] for row in self.maps if row[4] == PYTHON) + 0x80000
        self.type_type = self.named("PyType_Type")

    def bytes(self, gpa, n):
        return self.image[IMAGE_OFFSET + gpa:IMAGE_OFFSET + gpa + n]

    def u64(self, gpa):
        return struct.unpack("<Q", self.bytes(gpa, 8))[0] if gpa + 8 <= len(self.image) - IMAGE_OFFSET else 0

    def named(self, name):
        return next(a for a, row in self.python.rows.items() if row[2] == name)

    def walk(self, table, level, base):
        self.tables.add(table)
        for i in range(512):
            entry = self.u64(table + 8 * i)
            at = base | i << 12 + 9 * (level - 1)
            if not entry & 1 or level == 2 and entry & 0x80:
                continue
            target = entry & 0x000ffffffffff000
            if level > 1:
                self.walk(target, level - 1, at)
            elif at != target:
                self.virtual[target] = at

    def read_maps(self):
        text = subprocess.run([f"{BUILD}/pyhl", "run", "--dest", self.home, "-c",
                               "print(open('/proc/self/maps').read())"], capture_output=True, text=True, timeout=60,
                              check=True).stdout
        rows = []
        for line in text.splitlines():
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+\s*(.*)", line)
            if m:
                rows.append((int(m[1], 16), int(m[2], 16), m[3], int(m[4], 16), m[5]))
        return sorted(rows)

    def mapping(self, va):
        i = bisect.bisect_right(self.maps, (va, float("inf"))) - 1
        return self.maps[i] if i >= 0 and va < self.maps[i][1] else None

    def library_base(self, path):
        return min(row[0] - row[3] for row in self.maps if row[4] == path)

    def library(self, path):
        if path not in self.libraries:
            self.libraries[path] = Symbols(ROOT + path, "-D")
        return self.libraries[path]

    def code(self, va):
        """The name of the function at an address, or None."""
        if va < 0x200000:
            name = self.kernel.at(va) if 0x40000 <= va < self.u64(0x1000 + 24) else None
            return name and "k:" + name
        row = self.mapping(va)
        if not row or "x" not in row[2]:
            return None
        if row[4] == PYTHON:
            return self.python.at(va)
        if row[4].startswith("/"):
            base = os.path.basename(row[4]).split(".so")[0]
            return f"{base}:{self.library(row[4]).at(va - self.library_base(row[4])) or '?'}"
        return row[4] or None

    def type_name(self, address):
        """The name of the Python type at an address, or None when there is none."""
        if address < 0x400000 or address % 8 or self.u64(address + 8) == 0:
            return None
        meta = self.u64(address + 8)
        if meta != self.type_type and self.u64(meta + 8) != self.type_type:
            return None
        return self.bytes(self.u64(address + 24), 40).split(b"\0")[0].decode("latin-1")

    def in_pool(self, at):
        """Whether this is in a pool of pymalloc. A pool's header has the size of its blocks in two places."""
        used, _, _, _, _, index, following, last = struct.unpack("<QQQQIIII", self.bytes(at & ~0x3fff, 48))
        return index < 32 and last == 0x4000 - (index + 1) * 16 and following <= 0x4200 and used & 0xffffffff < 1024

    def block(self, at):
        """What is at an address inside a pymalloc arena."""
        pool = at & ~0x3fff
        used, index = struct.unpack("<I", self.bytes(pool, 4))[0], struct.unpack("<I", self.bytes(pool + 36, 4))[0]
        size = (index + 1) * 16
        if at < pool + 48:
            return f"pool {size}"
        if not used:
            return "free pool"
        return self.object(pool + 48 + (at - pool - 48) // size * size) or f"block {size}"

    def object(self, start):
        for skip in (0, 16, 32):
            name = self.type_name(self.u64(start + skip + 8))
            refs = self.u64(start + skip)
            if name and 0 < refs < 1 << 32:
                gc = "" if not skip else "gc "
                return gc + name
        return None

    def owner(self, gpa):
        """Returns (kind, a function that names what lies at an offset in the page)."""
        va = self.virtual.get(gpa, gpa)
        if gpa in FIXED:
            return FIXED[gpa], lambda off: ""
        if 0x10000 <= gpa < 0x30000:
            return "output ring", lambda off: ""
        if gpa in self.tables:
            return "page table", lambda off: ""
        if gpa < self.u64(0x1000 + 40):
            return "kernel data", lambda off: self.kernel.at(gpa + off) or "?"
        row = self.mapping(va)
        if row and not row[4] and self.in_pool(gpa):
            return "pymalloc", lambda off: self.block(gpa + off)
        if row is None:
            slab = struct.unpack("<IHH", self.bytes(gpa, 8))
            if slab[0] == 0x51ab51ab:
                return "kernel heap", lambda off: f"class {slab[2]}"
            return "kernel frames", lambda off: ""
        if row[4] == PYTHON or not row[4] and va < self.python_end:
            return "python3.13", lambda off: self.python.at(va + off) or "?"
        if row[4].startswith("/"):
            lib = self.library(row[4])
            base = self.library_base(row[4])
            return os.path.basename(row[4]), lambda off: lib.at(va - base + off) or "?"
        return row[4] or "anonymous", lambda off: self.object((va + off) & ~15) or ""


def summary(words, limit=5):
    counts = collections.Counter(words)
    text = [f"{n} x{c}" if c > 1 else n for n, c in counts.most_common(limit) if n]
    return ", ".join(text) + (" ..." if len(counts) > limit else "")


def callers(guest, words, limit=7):
    names = []
    for word in words:
        name = guest.code(word)
        if name and (not names or names[-1] != name):
            names.append(name)
        if len(names) == limit:
            break
    return " < ".join(names)


def measure(home, argument, code):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        if code is not None:
            f.write(code)
            f.flush()
        source, mode, name = (argument, "1", ["/tmp/script.py"]) if code is None else (f.name, "2", [])
        out = subprocess.run([f"{BUILD}/tests/bench/pages", home, mode, source, *name], capture_output=True, text=True,
                             timeout=300, check=False)
    if out.returncode:
        sys.exit(out.stderr)
    pages, writes = {}, {}
    for line in out.stdout.splitlines():
        kind, *words = line.split()
        words = [int(w, 16) for w in words]
        if kind == "page":
            pages[words[0]] = words[1:]
        else:
            writes.setdefault(words[0], [words[1], *words[3:]])
    return pages, writes


def main(arguments):
    brief = "-g" in arguments
    arguments = [a for a in arguments if a != "-g"]
    if len(arguments) not in (2, 3) or len(arguments) == 3 and arguments[1] != "-c":
        sys.exit(__doc__)
    home, code = arguments[0], arguments[2] if len(arguments) == 3 else None
    guest = Guest(home)
    pages, writes = measure(home, arguments[1], code)
    groups = collections.Counter()
    for gpa in sorted(set(pages) | set(writes)):
        kind, what = guest.owner(gpa)
        groups[kind] += gpa in pages
        if brief:
            continue
        words = pages.get(gpa, [])
        mark = " " if gpa in pages and gpa in writes else "-" if gpa not in pages else "+"
        where = summary(what(off) for off in words)
        by = callers(guest, writes[gpa]) if gpa in writes else ""
        print(f"{mark}{gpa:9x} {kind:18} {len(words):4}  {where or '':60.100}  [{by or 'host' if gpa in writes else ''}]")
    for kind, count in groups.most_common():
        print(f"{count:5} {kind}")
    print(f"{len(pages):5} pages")


if __name__ == "__main__":
    main(sys.argv[1:])
