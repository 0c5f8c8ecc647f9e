#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run programs that start and talk to other programs, on Linux and in the guest; called by run.sh.

usage: programs.py ROOT TOOLS [CASE...]
       programs.py --list

A case is cases/NAME.py, run by the Python image's python3 and by pyhl run, or cases/NAME.sh, run by a shell of the
image tools, which TOOLS is the copied root of. On Linux it runs in a chroot of the same root. Standard output,
standard error and exit status must be the same in the guest, once and repeated. No case ends with status 1 or 2 by
its own will: on Linux these, and a time-out, say that the case itself is wrong. TOOLS is - when that image cannot be
made.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "py"))
import run as py  # noqa: E402, it is found by the line above

CASES = os.path.join(HERE, "cases")
KERNEL = "build/kernel/kernel.elf"
py.TIMEOUT = 180  # some cases start hundreds of processes
SHELL_ENV = {"PATH": "/usr/bin:/usr/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


class Script:
    """A script of the image tools, with what py.oracle() wants of a case."""

    def __init__(self, name):
        self.name = name
        self.stdin = b"words for\nstandard input\n"
        with open(os.path.join(CASES, name + ".sh"), "rb") as file:
            first = file.readline().decode().split()
        self.words = [first[0].removeprefix("#!"), *first[1:], f"/tests/{name}.sh"]


def fresh_tmp(root):
    py.fresh_directory(root + "/tmp")
    os.chmod(root + "/tmp", 0o1777)


def python_oracle(root, case):
    fresh_tmp(root)
    return py.oracle(root, case)


def shell_oracle(root, case):
    fresh_tmp(root)
    program = os.path.join(HERE, "..", "py", "inroot.py")
    return py.run(["python3", "-E", program, root, "/"] + case.words, case, "/", SHELL_ENV)


def shell_guest(initrd, repeat):
    def runner(case):
        command = ["build/pyhl", "boot", KERNEL, "--initrd", initrd, "--memory", "1G", "--repeat", str(repeat)]
        for key, value in SHELL_ENV.items():
            command += ["--env", f"{key}={value}"]
        out, err, status = py.run(command + ["--"] + case.words, case, ".")
        return out, py.without_killed(err), status
    return runner


def shell_ways(initrd):
    return [("once", shell_guest(initrd, 0), 1), ("repeat", shell_guest(initrd, 1), 2)]


def compare(name, expected, runners, case):
    """Prints what differs; returns (passed, failed)."""
    if expected[2] in (1, 2, 124):
        print(f"FAIL {name}: on Linux it ends with {expected[2]}: {expected[1][-500:]}")
        return 0, len(runners)
    results = []
    for label, runner, runs in runners:
        wrong = py.differences(py.expected_after(runs, expected), runner(case))
        print(f"{'FAIL' if wrong else 'pass'} {name} ({label})", *wrong, sep="\n")
        results.append(bool(wrong))
    return results.count(False), results.count(True)


def main(words):
    known = sorted(name.partition(".")[0] for name in os.listdir(CASES))
    if words[:1] == ["--list"]:
        print(*known, sep="\n")
        return 0
    root, tools = (os.path.abspath(word) for word in words[:2])
    passed = failed = skipped = 0
    for name in words[2:] or known:
        if os.path.exists(os.path.join(CASES, name + ".py")):
            case = py.Case(name, CASES)
            result = compare(name, python_oracle(root, case), py.ways(root, False), case)
        elif words[1] == "-":
            print(f"skip {name}: no network to make the image tools")
            skipped += 1
            continue
        else:
            case = Script(name)
            result = compare(name, shell_oracle(tools, case), shell_ways(tools + ".cpio"), case)
        passed, failed = passed + result[0], failed + result[1]
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
