#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes build/compile_commands.json: how make compiles each C file, for clang-tidy and editors.

usage: tests/commands.py [FILE...]     after `make all driver`, which brings the headers; each FILE must be among them
       tests/commands.py --clang       compiles each file there with clang, and keeps nothing
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

TARGETS = ("all", "driver", "examples", "image-helloworld-c", "image-functions-c", "bench-programs", "guest-programs",
           "build/tests/vmm_test", "build/tests/rewind_test", "build/tests/chaos/chaos")
OUT = "build/compile_commands.json"
# What is make's or the linker's, and what clang does not know.
LEFT_OUT = {"-MMD", "-MP", "-c", "-o", "-s", "-static", "-static-pie", "-pie", "-shared", "-nostdlib",
            "-fno-tree-loop-distribute-patterns"}
# Tests extend structures of KVM that end in an array, as GNU C allows.
CLANG = ("-Wno-gnu-variable-sized-type-not-at-end", "-o", "/dev/null")


def compilations(text):
    """{file: arguments} of the compiler's calls that make prints."""
    found = {}
    for command in text.replace("\\\n", " ").replace("&&", "\n").splitlines():
        words = shlex.split(command) if ".c" in command and command.split(" ")[0] in ("cc", "gcc", "clang") else []
        flags = [word for at, word in enumerate(words) if word not in LEFT_OUT and words[at - 1] != "-o" and
                 not word.endswith((".c", ".S", ".o", ".a", ".so")) and not word.startswith(("-Wl,", "-l"))]
        for file in (word for word in words if word.endswith(".c")):
            found.setdefault(file, [*flags, "-c", file])
    return found


def write(wanted):
    said = subprocess.run(["make", "-Bn", "--no-print-directory", *TARGETS], stdout=subprocess.PIPE, text=True, check=True)
    found = compilations(said.stdout)
    with open(OUT, "w", encoding="utf-8") as out:
        json.dump([{"directory": os.getcwd(), "file": file, "arguments": arguments}
                   for file, arguments in sorted(found.items())], out, indent=0)
    missing = [file for file in wanted if file not in found]
    for file in missing:
        print(f"{file}: make does not compile it, or not by cc, gcc or clang")
    return bool(missing)


def compile_one(entry):
    return subprocess.run(["clang", *entry["arguments"][1:], *CLANG], stderr=subprocess.PIPE, text=True).stderr


def compile_all():
    with open(OUT, encoding="utf-8") as file:
        entries = json.load(file)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = "".join(pool.map(compile_one, entries))
    print(said, end="")
    return bool(said)


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    sys.exit(compile_all() if sys.argv[1:] == ["--clang"] else write(sys.argv[1:]))
