#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The path of a script: the table of CONTRIBUTING.md, and where in a program each of its functions stands.

usage: hops.py table              is it one table of at most 15 hops, whose functions are in the named files?
       hops.py order WAY HITS     was the table followed? WAY: vm (all hops), native (those of driver and CPython)

HITS has a line "NUMBER BYTES" for each hop in the order of the first hits; BYTES is how much had been printed by then.
Says what is wrong, a line each, and fails.
"""
import collections
import re
import subprocess
import sys

DOCUMENT = "CONTRIBUTING.md"
HEADER = "| hop | where | what happens |"
MOST = 15

Hop = collections.namedtuple("Hop", "number where side file function after")
# start: where to stop. code: the first bytes there, by which a guest of another build is known.
Place = collections.namedtuple("Place", "start code")

PROGRAMS = {"host": "build/pyhl", "kernel": "build/kernel/kernel.elf", "driver": "build/driver/driver.so",
            "python": "build/images/python/root/usr/bin/python3.13"}
FOLDERS = {"pyhl": "host", "vmm": "host", "images/kernel": "kernel", "python-agent-driver": "driver"}
WAYS = {"vm": set(PROGRAMS), "native": {"driver", "python"}}
CODE = 8


class Wrong(Exception):
    pass


def parse(number, where):
    found = re.fullmatch(r"(?:`([\w./-]+\.c): (\w+)`|CPython: `(\w+)`)(?:, after `(\w+)`)?", where)
    if not found:
        raise Wrong(f"{DOCUMENT}: hop {number}: '{where}' is neither `FILE.c: FUNCTION` nor CPython: `FUNCTION`")
    file, function, of_python, after = found.groups()
    sides = [side for folder, side in FOLDERS.items() if file and file.startswith(folder + "/")]
    if file and not sides:
        raise Wrong(f"{DOCUMENT}: hop {number}: {file} is in none of {', '.join(FOLDERS)}")
    side = sides[0] if file else "python"
    if after and side != "kernel":
        raise Wrong(f"{DOCUMENT}: hop {number}: 'after' is for functions of the kernel alone")
    return Hop(number, where.replace("`", ""), side, file, function or of_python, after)


def read():
    with open(DOCUMENT, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if lines.count(HEADER) != 1:
        raise Wrong(f"{DOCUMENT} has not one table that begins with: {HEADER}")
    hops = []
    for line in lines[lines.index(HEADER) + 2:]:
        if not line.startswith("|"):
            break
        number, where = [cell.strip() for cell in line.split("|")[1:3]]
        hops.append(parse(len(hops) + 1, where))
        if number != str(len(hops)):
            raise Wrong(f"{DOCUMENT}: hop {len(hops)} has the number {number}")
    if not 0 < len(hops) <= MOST:
        raise Wrong(f"{DOCUMENT}: {len(hops)} hops, at most {MOST}")
    return hops


def gdb(program, command):
    done = subprocess.run(["gdb", "-nx", "-batch", "-ex", command, program], capture_output=True, text=True,
                          timeout=60)
    return done.stdout, done.stderr.strip()


def function_start(hop):
    program = PROGRAMS[hop.side]
    if hop.side == "python":
        out, err = gdb(program, f"info address {hop.function}")
        found = re.search(r" is at (0x[0-9a-f]+) ", out)
    else:
        out, err = gdb(program, f"info line {hop.file}:{hop.function}")
        found = re.search(r" (?:starts at|is at) address (0x[0-9a-f]+)", out)
    if not found:
        raise Wrong(f"hop {hop.number} ({hop.where}) is not in {program}: {err or out}")
    return int(found[1], 16)


def after_call(hop):
    """Where hop.function goes on when its call of hop.after has returned."""
    lines = gdb(PROGRAMS[hop.side], f"disassemble '{hop.file}'::{hop.function}")[0].splitlines()
    calls = [i for i, line in enumerate(lines) if re.search(rf"\bcall\b.*<{hop.after}>$", line)]
    if len(calls) != 1:
        raise Wrong(f"hop {hop.number} ({hop.where}): {hop.function} calls {hop.after} at {len(calls)} places, not at one")
    return int(re.search(r"0x[0-9a-f]+", lines[calls[0] + 1])[0], 16)


def place(hop):
    start = after_call(hop) if hop.after else function_start(hop)
    out, err = gdb(PROGRAMS[hop.side], f"x/{CODE}xb {start:#x}")
    code = bytes(int(byte, 16) for byte in re.findall(r"\t0x([0-9a-f]{2})\b", out))
    if len(code) != CODE:
        raise Wrong(f"hop {hop.number} ({hop.where}): no code at {start:#x}: {err or out}")
    return Place(start, code)


def check_table():
    wrong = []
    for hop in read():
        try:
            place(hop)
        except Wrong as error:
            wrong.append(str(error))
    return wrong


def check_order(way, path):
    wanted = [hop for hop in read() if hop.side in WAYS[way]]
    with open(path, encoding="utf-8") as file:
        hits = [(int(number), int(size)) for number, size in map(str.split, file)]
    reached = [number for number, _ in hits]
    wrong = [f"hop {hop.number} ({hop.where}) was not reached" for hop in wanted if hop.number not in reached]
    wrong += [f"hop {late} came before hop {early}" for early, late in zip(sorted(reached), reached) if early != late][:1]
    wrong += [f"at hop {number} {size} bytes had been printed" for number, size in hits if size and way == "vm"][:1]
    return wrong


def main(words):
    try:
        if words == ["table"]:
            wrong = check_table()
        elif len(words) == 3 and words[0] == "order" and words[1] in WAYS:
            wrong = check_order(*words[1:])
        else:
            sys.exit(__doc__)
    except (Wrong, OSError) as error:
        wrong = [str(error)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
