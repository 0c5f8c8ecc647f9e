#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a run frame (struct hv_run of vmm/abi.h and its records) to a file.

usage: mkframe.py OUT [--cwd DIR] [--env K=V]... [--deterministic]
                  (-c CODE | -m MODULE | - | SCRIPT) [ARGS...]

What `pyhl run` sends to the driver, for trying the driver without a VM. The script's text is read
from --source FILE if given, else from SCRIPT (from stdin for -); the mode's own argument ends the
options, as with python3.
"""
import struct
import sys

FILE, CODE, MODULE, STDIN = 1, 2, 3, 4
DETERMINISTIC = 1
OPTIONS, ARGV, ENV, CWD, SOURCE = 1, 2, 3, 4, 5


def strings(items):
    return b"".join(item + b"\0" for item in items)


def record(kind, data):
    return struct.pack("<IIQ", kind, 0, len(data)) + data + bytes(-len(data) % 8)


def build(mode, argv, env, cwd, source, flags=0, options=()):
    """The frame's bytes; argv, env, options and cwd are bytes, as is the source."""
    records = {OPTIONS: strings(options), ARGV: strings(argv), ENV: strings(env), CWD: cwd + b"\0", SOURCE: source}
    header = struct.pack("<4I", 16, mode, flags, 0)
    return header + b"".join(record(kind, data) for kind, data in records.items())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main(words):
    out, words = words[0], words[1:]
    env, cwd, flags, source = [], b"/", 0, None
    while words and words[0].startswith("--"):
        option = words.pop(0)
        if option == "--deterministic":
            flags = DETERMINISTIC
        elif option == "--env":
            env.append(words.pop(0).encode("utf-8", "surrogateescape"))
        elif option == "--cwd":
            cwd = words.pop(0).encode("utf-8", "surrogateescape")
        elif option == "--source":
            source = read(words.pop(0))
        else:
            sys.exit(f"mkframe.py: unknown option {option}")
    args = [word.encode("utf-8", "surrogateescape") for word in words]
    if args[0] in (b"-c", b"-m"):
        mode = CODE if args[0] == b"-c" else MODULE
        source = args.pop(1)
    elif args[0] == b"-":
        mode = STDIN
        source = sys.stdin.buffer.read() if source is None else source
    else:
        mode = FILE
        source = read(words[0]) if source is None else source
    with open(out, "wb") as file:
        file.write(build(mode, args, env, cwd, source, flags))


if __name__ == "__main__":
    main(sys.argv[1:])
