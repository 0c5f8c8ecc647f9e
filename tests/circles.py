#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the structure of the sources is what it is said to be, from the symbols of their objects.

Of each part of the tree: how many of its files refer to each other in circles; how many references go up, from a
folder to one above it, where the folders have an order; and how many names its headers declare wrongly: under a
comment that begins with another file than the one that defines them (`/* mem.c */`), twice, or though nothing defines
them; and how many names are static in two files, so that a backtrace would not tell which. A number may fall and never
grow.

usage: tests/circles.py [--list] [PART...]     --list: all that is counted, with its symbols
"""
import collections
import os
import re
import subprocess
import sys

# Of the kernel, from top to bottom.
FLOORS = ("boot", "sys", "exec", "net", "fs", "proc", "mm", "cpu", "hv", "lib")

# Where the sources are, and the objects; the order of the folders; and the limits, in the order of COUNTED; None: the
# number is only told. Whoever makes a number smaller lowers its limit.
PARTS = {
    "vmm": ("vmm", "build/vmm", (), (0, 0, 0, 0)),
    "pyhl": ("pyhl", "build/pyhl.d", (), (0, 0, 0, 0)),
    "driver": ("python-agent-driver", "build/driver", (), (0, 0, 0, 0)),
    "kernel": ("images/kernel", "build/kernel", FLOORS, (0, 0, 0, 0)),
}
COUNTED = ("files in circles", "references upwards", "names declared wrongly", "names static in two files")

HEADING = re.compile(r"((?:[\w/-]+\.(?:[cS]|ld)(?:, )?)+)(?:[ ]*$|[.:;(])")
FOLDER = re.compile(r"-{3,}")
COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
STATIC = re.compile(r"^(?:static (?!inline)(?:[A-Z_]+\([^)]*\))?[^;={(]*?|} )\b(\w+)(?:[(\[;]| =)", re.M)
NAME = re.compile(r"(\w+)(?=\s*\((?!\*))|\(\*(\w+)\)|(\w+)(?=\s*(?:\[[^;]*)?;)")


def die(text):
    sys.exit(f"circles: {text}")


def sources(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder)
                  for at, _, names in os.walk(folder) for name in names if name.endswith((".c", ".S", ".h")))


def objects(folder, out):
    """The object of each source file that is in the program, by the source's name."""
    found = {}
    for name in sources(folder):
        for path in (f"{out}/{name}.o", f"{out}/{os.path.splitext(name)[0]}.o"):
            if not name.endswith(".h") and os.path.exists(path):
                if os.path.getmtime(path) < os.path.getmtime(os.path.join(folder, name)):
                    die(f"{path} is older than its source: make first")
                found[path] = name
    if not found:
        die(f"no objects in {out}: make first")
    return found


def symbols(found):
    """What each file wants, by file; and who defines a name."""
    wants, home = collections.defaultdict(set), {}
    said = subprocess.run(["nm", "-A", "-P", *found], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        path, name, kind = line.split(" ")[:3]
        file = found[path.removesuffix(":")]
        if kind in "Uw":
            wants[file].add(name)
        elif kind.isupper() and kind != "N":
            home[name] = file
    return wants, home


def scripted(folder):
    """The names that the linker scripts define, and which does."""
    home = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".ld"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                home.update(dict.fromkeys(re.findall(r"\b(\w+) = \.;", file.read()), name))
    return home


def edges(wants, home):
    """{(from, to): names}."""
    out = collections.defaultdict(list)
    for file in sorted(wants):
        for name in sorted(wants[file]):
            if home.get(name, file) != file:
                out[file, home[name]].append(name)
    return out


def reachable(start, to):
    seen, todo = set(), [start]
    while todo:
        for file in to[todo.pop()]:
            if file not in seen:
                seen.add(file)
                todo.append(file)
    return seen


def circles(arrows):
    """The files of each circle: those that reach each other."""
    to = collections.defaultdict(list)
    for a, b in arrows:
        to[a].append(b)
    reach = {file: reachable(file, to) for file in list(to)}
    rings = {frozenset(b for b in reach[a] if a in reach.get(b, ())) for a in reach if a in reach[a]}
    return sorted(rings, key=sorted)


def in_circles(arrows):
    count, lines = 0, []
    for ring in circles(arrows):
        count += len(ring)
        lines.append("in a circle: " + " ".join(sorted(ring)))
        lines += [f"  {a} -> {b}: {' '.join(names)}" for (a, b), names in sorted(arrows.items()) if {a, b} <= ring]
    return count, lines


def upwards(arrows, order):
    count, lines = 0, []
    for (a, b), names in sorted(arrows.items()):
        floors = [order.index(os.path.dirname(file)) if os.path.dirname(file) in order else -1 for file in (a, b)]
        if min(floors) >= 0 and floors[0] > floors[1]:
            count += len(names)
            lines.append(f"upwards: {a} -> {b}: {' '.join(names)}")
    return count, lines


def statements(text):
    """The comments and the declarations of a header, in order; bodies and structs are left out."""
    text = re.sub(r"^//.*$", "", text, flags=re.M)
    text = re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.M | re.S)
    at, depth, since = 0, 0, ""
    while at < len(text):
        comment = COMMENT.match(text, at)
        if comment:
            if depth == 0:
                yield "comment", " ".join(comment[1].replace("*", " ").split())
            at = comment.end()
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        since += text[at] if depth == 0 else ""
        if depth == 0 and text[at] in ";}":
            yield "code", " ".join(since.split())
            since = ""
        at += 1


def declared(text):
    """(files of the group or None, name) of each function or variable that a header declares."""
    group = None
    for kind, what in statements(text):
        if kind == "comment":
            heading = HEADING.match(what)
            group = heading[1].split(", ") if heading else None if FOLDER.match(what) else group
        elif not re.match(r"(typedef|struct \w+;|static|_Static_assert|enum|union|__attribute__|})", what) and \
                ("(" in what or what.startswith("extern")):
            name = NAME.search(what)
            name = name and (name[1] or name[2] or name[3])
            if name and not name.isupper():  # else a macro
                yield group, name


def misdeclared(folder, home):
    """A header without any group is that of a single file, or of what its own head says."""
    count, lines, seen = 0, [], {}
    for header in (name for name in sources(folder) if name.endswith(".h")):
        with open(os.path.join(folder, header), encoding="utf-8") as file:
            found = list(declared(file.read()))
        grouped = any(group for group, _ in found)
        for group, name in found:
            at = home.get(name)
            if name in seen:
                lines.append(f"{header}: {name} is declared in {seen[name]}, too")
            elif at is None:
                lines.append(f"{header}: {name} is defined nowhere")
            elif grouped and not any(at == g or at.endswith("/" + g) for g in group or ()):
                lines.append(f"{header}: {name} is {at}'s, and stands under {', '.join(group or ['no file'])}")
            seen[name] = header
    return len(lines), lines


def static_twice(folder):
    files = collections.defaultdict(set)
    for path in (path for path in sources(folder) if path.endswith(".c")):
        with open(os.path.join(folder, path), encoding="utf-8") as file:
            for name in STATIC.findall(file.read()):
                files[name].add(path)
    lines = [f"static {name}: {' '.join(sorted(at))}" for name, at in sorted(files.items()) if len(at) > 1]
    return len(lines), lines


def examine(part):
    """[(number, its limit, what makes it up)]."""
    folder, out, order, limits = PARTS[part]
    wants, home = symbols(objects(folder, out))
    arrows = edges(wants, home)
    home.update(scripted(folder))
    found = [in_circles(arrows), upwards(arrows, order), misdeclared(folder, home), static_twice(folder)]
    return [(count, limit, lines) for (count, lines), limit in zip(found, limits)]


def main(args):
    everything = "--list" in args
    parts = [arg for arg in args if arg != "--list"] or list(PARTS)
    bad = False
    for part in parts:
        if part not in PARTS:
            die(f"'{part}' is no part; there are {', '.join(PARTS)}")
        for what, (count, limit, lines) in zip(COUNTED, examine(part)):
            over = limit is not None and count > limit
            bad |= over
            print(f"{part}: {count} {what}" + (f", at most {limit}" if limit is not None else "") +
                  (": too many" if over else ""))
            if everything or over:
                print(*(f"  {line}\n" for line in lines), sep="", end="")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
