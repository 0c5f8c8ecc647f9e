#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare cases under the driver or pyhl with the image's own python3; called by run.sh.

usage: run.py ROOT [--driver-native] [CASE...]
       run.py ROOT --list

A case is NAME.py with, where needed,
    NAME.args     arguments, one per line
    NAME.env      NAME=value lines
    NAME.opts     options of python3, one word per line
    NAME.stdin    bytes
    NAME.mode     "file" (the default), "code" (the text goes to -c), "stdin" (it goes to -), "module NAME"
    NAME.path     where the script is put and how it is called (else NAME.py)
    NAME.times    how often the text is repeated, to make a long script
    NAME.needs    a module without which the case is skipped
    NAME.native   why only the native driver can run it
    NAME.guest    why only the guest can
$PYHL_HOME is the install to test, or .pyhl.
"""
import os
import re
import shutil
import subprocess
import sys

import files_check
import held_check
import host_check
import layer_check
import mkframe
import notice_check
import options_check
import plain_check
import site_check

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "cases")
CWD = "/tmp/pyhl-case"
TIMEOUT = 60
HOME = os.path.abspath(os.environ.get("PYHL_HOME", ".pyhl"))
BASE_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}


def read(path, default=b""):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return default


class Case:
    def __init__(self, name, directory=CASES, flags=0):
        base = os.path.join(directory, name)
        self.flags = flags
        self.name = name
        self.source = read(base + ".py") * int(read(base + ".times", b"1"))
        self.path = read(base + ".path", os.fsencode(name + ".py")).decode().strip()
        self.args = [os.fsdecode(a) for a in read(base + ".args").splitlines()]
        self.options = read(base + ".opts").decode().splitlines()
        self.env = dict(BASE_ENV)
        for line in read(base + ".env").decode().splitlines():
            key, _, value = line.partition("=")
            self.env[key] = value
        mode, _, self.module = read(base + ".mode", b"file").decode().strip().partition(" ")
        self.mode = mode
        self.stdin = self.source if mode == "stdin" else read(base + ".stdin")
        self.needs = read(base + ".needs").decode().strip()
        self.native_only = os.path.exists(base + ".native")
        self.guest_only = os.path.exists(base + ".guest")

    def command(self):
        """What follows python3 or pyhl run, with options and arguments apart."""
        return {"file": [self.path], "code": ["-c", os.fsdecode(self.source)],
                "stdin": ["-"], "module": ["-m", self.module]}[self.mode]

    def frame(self):
        number = {"file": mkframe.FILE, "code": mkframe.CODE, "stdin": mkframe.STDIN,
                  "module": mkframe.MODULE}[self.mode]
        source = self.module.encode() if self.mode == "module" else self.source
        argv = [os.fsencode(word) for word in self.command()[:1] + self.args]
        env = [f"{key}={value}".encode() for key, value in self.env.items()]
        return mkframe.build(number, argv, env, CWD.encode(), source, self.flags,
                             [os.fsencode(word) for word in self.options])


def fresh_directory(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)


def place(case, root):
    """Write the script of a "file" case where it is to be found under root."""
    if case.mode == "file":
        path = root + os.path.join(CWD, case.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(case.source)


def run(command, case, cwd, env=None):
    try:
        done = subprocess.run(command, input=case.stdin, capture_output=True, timeout=TIMEOUT,
                              cwd=cwd, env=env)
    except subprocess.TimeoutExpired:
        return b"", b"the test's own timeout\n", 124
    return done.stdout, done.stderr, done.returncode


def oracle(root, case):
    fresh_directory(root + CWD)
    place(case, root)
    program = os.path.join(HERE, "inroot.py")
    return run(["python3", "-E", program, root, CWD, "python3"] + case.options + case.command() + case.args, case, "/",
               case.env)


class NativeDriver:
    """The driver in the chroot with zygote.so standing for the VMM: one boot, a fork per run."""

    def __init__(self, root):
        self.root = root
        control_in, self.control = os.pipe()
        self.answer, answer_out = os.pipe()
        command = ["taskset", "-c", "0", "python3", os.path.join(HERE, "inroot.py"), root, "/",
                   "/usr/lib/pyhl/driver"]

        os.dup2(control_in, 200)
        os.dup2(answer_out, 201)
        self.process = subprocess.Popen(command, pass_fds=(200, 201),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={"LD_PRELOAD_INSIDE": "/usr/lib/pyhl/zygote.so"})
        for fd in (control_in, answer_out, 200, 201):
            os.close(fd)

    def run(self, case):
        fresh_directory(self.root + CWD)
        base = self.root + "/tmp/run."
        for kind, data in (("frame", case.frame()), ("out", b""), ("err", b""),
                           ("in", b"" if case.mode == "stdin" else case.stdin)):
            with open(base + kind, "wb") as file:
                file.write(data)
        os.write(self.control, b"/tmp/run.frame /tmp/run.in /tmp/run.out /tmp/run.err\n")
        answer = b""
        while not answer.endswith(b"\n"):
            got = os.read(self.answer, 100)
            if not got:
                raise SystemExit("the driver did not start, or died")
            answer += got
        status = os.waitstatus_to_exitcode(int(answer))
        return read(base + "out"), read(base + "err"), status


def without_killed(err):
    """What the shell says of a process that a signal ended, pyhl has to say itself."""
    return re.sub(rb"pyhl (run|boot): killed by signal \d+ [^\n]*\n$", b"", err)


class Guest:
    def __init__(self, repeat, home=HOME):
        self.repeat = repeat
        self.home = home

    def run(self, case):
        fresh_directory(CWD)
        place(case, "")
        command = [os.path.abspath("build/pyhl"), "run", "--dest", self.home]
        if self.repeat:
            command += ["--repeat", str(self.repeat)]
        if case.flags:
            command += ["--deterministic"]
        for key, value in case.env.items():
            command += ["--env", f"{key}={value}"]
        out, err, status = run(command + case.options + case.command() + ["--"] + case.args, case, CWD)
        return out, without_killed(err), status


def shell_status(status):
    return 128 - status if status < 0 else status


def expected_after(runs, result):
    """What `runs` hermetic runs of a case print; the first failing one ends it. Stdin is not given
    again, so cases that read it are not repeated."""
    out, err, status = result
    return result if status else (out * runs, err * runs, status)


def without_addresses(text):
    """Addresses and thread identities, which no two runs of python3 share either."""
    return re.sub(rb"(started|stopped) \d+", rb"\1 IDENT", re.sub(rb"0x[0-9a-f]{6,16}\b", b"ADDRESS", text))


def differences(expected, got):
    lines = []
    for name, want, have in zip(("stdout", "stderr"), expected, got):
        want, have = without_addresses(want), without_addresses(have)
        if want != have:
            lines.append(f"  {name}: expected {want[-1500:]!r}\n  {name}:      got {have[-1500:]!r}")
    if shell_status(expected[2]) != shell_status(got[2]):
        lines.append(f"  status: expected {expected[2]}, got {got[2]}")
    return lines


def fresh_lines(runners, flags):
    """The output of fresh.py, run after run, each a list of lines."""
    case = Case("fresh", HERE, flags)
    outputs = []
    for _, runner, runs in runners + runners:
        out, err, status = runner(case)
        lines = out.decode().splitlines()
        if status or err or not lines or len(lines) % runs:
            raise SystemExit(f"fresh.py: status {status}: {err!r}")
        size = len(lines) // runs
        outputs += [lines[i * size:(i + 1) * size] for i in range(runs)]
    return outputs


def check_fresh(runners, same):
    """Nothing random repeats between runs; with --deterministic the first `same` lines do."""
    wrong = []
    for lines in zip(*fresh_lines(runners, 0)):
        if len(set(lines)) != len(lines):
            wrong.append(f"  repeats between runs: {lines}")
    for lines in list(zip(*fresh_lines(runners, mkframe.DETERMINISTIC)))[:same]:
        if len(set(lines)) != 1:
            wrong.append(f"  differs though deterministic: {lines}")
    return wrong


def check_plain(root, runner):
    enter = ["python3", os.path.join(HERE, "inroot.py"), root, "/"]
    return (plain_check.check(Case("plain", HERE), lambda case: oracle(root, case), runner) +
            plain_check.check_refusal(root, enter))


def check_options(root, runner):
    return options_check.check(Case("options_probe", HERE), lambda case: oracle(root, case), runner, differences)


def check_notice(root, runner):
    return notice_check.check(Case("fresh", HERE), lambda case: oracle(root, case), runner)


def check_held(root, runner):
    return held_check.check(Case("fresh", HERE), lambda case: oracle(root, case), runner)


def check_site(root, native):
    runners = (lambda small: NativeDriver(small).run, None) if native else (None, lambda home: Guest(0, home).run)
    return site_check.check(Case("fresh", HERE), root, oracle, *runners)


# Checks of other forms than a case's.
def checks(root, runner, native):
    return {"plain": lambda: check_plain(root, runner), "options": lambda: check_options(root, runner),
            "notice": lambda: check_notice(root, runner), "held": lambda: check_held(root, runner),
            "host": lambda: [] if native else host_check.check(HOME),
            "files": lambda: [] if native else files_check.check(root, HOME),
            "layer": lambda: [] if native else layer_check.check(root, HOME, BASE_ENV, differences),
            "site": lambda: check_site(root, native)}


def ways(root, native):
    if native:
        return [("native", NativeDriver(root).run, 1)]
    return [("cold", Guest(0).run, 1), ("repeat", Guest(1).run, 2)]


def main(root, words):
    native = words[:1] == ["--driver-native"]
    names = words[1:] if native else words
    known = sorted({name.split(".")[0] for name in os.listdir(CASES)} |
                   {"plain", "options", "notice", "held", "host", "layer", "site", "files"})
    if names == ["--list"]:
        print(*known, sep="\n")
        return 0
    for name in names:
        if name not in known:
            print(f"run.py: there is no case '{name}'; --list names them all", file=sys.stderr)
            return 2
    whole = not names
    names = names or known
    runners = ways(os.path.abspath(root), native)
    special = checks(os.path.abspath(root), runners[0][1], native)
    passed = failed = skipped = 0
    if not native:
        jailed = subprocess.run(["tests/jailed.sh", "build/pyhl", "run", "--dest", HOME, "-c",
                                 "import time; time.sleep(30)"], stdout=subprocess.PIPE, text=True)
        failed, passed = jailed.returncode, 1 - jailed.returncode
        print("FAIL" if failed else "pass", "the process with the VM is in jail", jailed.stdout)
    if whole:
        wrong = check_fresh(runners, 2 if native else 4)
        if wrong:
            print("FAIL fresh", *wrong, sep="\n")
        failed += bool(wrong)
        passed += not wrong
    for name in names:
        if name in special:
            wrong = special[name]()
            print(*[f"FAIL {name}"] * bool(wrong), *wrong, sep="\n", end="\n" * bool(wrong))
            failed += bool(wrong)
            passed += not wrong
            continue
        case = Case(name)
        if case.guest_only if native else case.native_only:
            skipped += 1
            continue
        expected = oracle(os.path.abspath(root), case)
        if case.needs and f"No module named '{case.needs}'".encode() in expected[1]:
            skipped += 1
            continue
        for label, runner, runs in runners:
            if runs > 1 and case.stdin:
                continue
            wrong = differences(expected_after(runs, expected), runner(case))
            if wrong:
                failed += 1
                print(f"FAIL {name} ({label})", *wrong, sep="\n")
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
