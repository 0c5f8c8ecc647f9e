#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPython's own test suite, module by module: natively in a chroot of the image, then in the guest.

usage: tests/conformance/run.py [OPTION...] [MODULE...]

    --home DIR       a home whose image has the suite (make conformance makes it)
    --root DIR       that image's root directory, for the native side
    --results FILE   one JSON line for each module and side; what is in it already is not run again
    --share          the modules of tests/conformance/share.txt, of which each must pass natively
    --report         only the table of what FILE has
    --jobs N         modules at once
    --seconds N      begin no module after so long: the others are left out, by name, and counted as skipped

A module passes in the guest when Python's runner says so, and no case that passes natively is missing, skipped or
failed. Modules that do not pass natively, or of which no case does, are left out. tests/conformance/expected.txt names
those that may fail, each with what it needs; one that is there and passes fails the run, as does any other failure.

A module that fails is run once more when all others are through, because many of Python's tests have time limits that a
busy machine does not keep. The second result counts, and the output says that there was a first.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "expected.txt")
SHARE = os.path.join(HERE, "share.txt")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}
LIMIT = 240  # seconds for a module natively
GUEST_LIMIT = 120  # in the guest, or three times the native time if that is more

# A machine of its own for the native side: root's files from the image, what is written to them in memory; its own
# processes, network (loopback alone) and host name.
NATIVE = """
set -e
mount -t tmpfs none "$1"
mkdir "$1"/upper "$1"/work "$1"/root
mount -t overlay -o lowerdir="$2",upperdir="$1"/upper,workdir="$1"/work none "$1"/root
cd "$1"/root
mkdir -p proc sys dev tmp
mount -t proc none proc
mount -t sysfs none sys
mount -t tmpfs none dev
mount -t tmpfs none tmp # on an overlay numbers of inodes and devices are not what tests of stat(2) expect
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
mount -t tmpfs none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ip link set lo up
shift 2
status=0
setsid -w env -i "${ENVIRONMENT[@]}" "$(command -v chroot)" . "$@" || status=$?
cp tmp/conformance.xml /tmp/conformance.xml 2>/dev/null || true
exit $status
"""


def native_command(root, folder, module):
    words = " ".join(f"'{name}={value}'" for name, value in ENVIRONMENT.items())
    script = f"ENVIRONMENT=({words})\n" + NATIVE.replace("/tmp/conformance.xml 2>", f"'{folder}/cases.xml' 2>")
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--net", "--uts", "--ipc",
            "--kill-child", "bash", "-c", script, "native", f"{folder}/mount", root,
            "/usr/bin/python3", "-m", "test", "-v", "--junit-xml", "/tmp/conformance.xml", module]


def guest_command(home, folder, module, limit):
    return [os.environ.get("PYHL", "build/pyhl"), "run", "--dest", home, "--timeout", str(limit), "--copy-out",
            f"/tmp/conformance.xml:{folder}/cases.xml", "-m", "test", "--", "-v", "--junit-xml",
            "/tmp/conformance.xml", module]


def read_cases(path):
    """What each case came to: "ok", "skipped: why" or "failed: the exception's last line"."""
    cases = collections.Counter()
    outcome = {}
    if not os.path.exists(path):
        return outcome
    for case in ElementTree.parse(path).iter("testcase"):
        name = case.get("name")
        cases[name] += 1
        if cases[name] > 1:
            name = f"{name} #{cases[name]}"
        bad = case.find("error") if case.find("error") is not None else case.find("failure")
        skipped = case.find("skipped")
        if bad is not None:
            lines = (bad.text or "").strip().splitlines()
            outcome[name] = "failed: " + (lines[-1] if lines else bad.get("message") or "")[:200]
        elif skipped is not None or case.get("status") != "run":
            outcome[name] = "skipped: " + ((skipped.text or "") if skipped is not None else "")[:200]
        else:
            outcome[name] = "ok"
    return outcome


# Python's runner ends with these (test/libregrtest/utils.py, EXITCODE_*): 2 a module failed, 3 the environment was
# changed, 4 nothing was run.
WORDS = {0: "passed", 2: "failed", 3: "passed", 4: "no tests", 124: "timeout"}


def run_module(options, side, module, limit):
    with tempfile.TemporaryDirectory(prefix="conformance.") as folder:
        os.mkdir(f"{folder}/mount")
        if side == "native":
            command = native_command(options.root, folder, module)
        else:
            command = guest_command(options.home, folder, module, limit)
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=limit + 30)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            status = 124
        text = output.decode(errors="replace")
        word = WORDS.get(status, f"status {status}")
        if word == "passed" and re.search(rf"^{module} skipped", text, re.MULTILINE):
            word = "skipped"
        return {"module": module, "side": side, "outcome": word, "seconds": round(time.monotonic() - began, 2),
                "cases": read_cases(f"{folder}/cases.xml"), "end": text[-1500:] if word != "passed" else ""}


def list_modules(options):
    chroot = shutil.which("chroot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    listed = subprocess.run([chroot, options.root, "/usr/bin/python3", "-m", "test", "--list-tests"],
                            env=ENVIRONMENT, stdout=subprocess.PIPE, check=True, text=True)
    return listed.stdout.split()


def load(path):
    results = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                result = json.loads(line)
                results[result["module"], result["side"]] = result
    return results


def guest_limit(native):
    return max(GUEST_LIMIT, int(3 * native["seconds"]))


def lost_cases(native, guest):
    """Cases that pass natively and not in the guest, with what they came to there."""
    return {name: guest["cases"].get(name, "missing: " + guest["outcome"])
            for name, outcome in native["cases"].items() if outcome == "ok" and guest["cases"].get(name) != "ok"}


def read_names(path):
    """Lines of a name and, after it, a text; # begins a comment."""
    names = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _, text = line.split("#")[0].strip().partition(" ")
                if name:
                    names[name] = text.strip()
    return names


def good_cases(result):
    return sum(outcome == "ok" for outcome in result["cases"].values())


def is_in_question(native):
    return native["outcome"] == "passed" and good_cases(native) > 0


def passes(native, guest):
    return guest["outcome"] == "passed" and not lost_cases(native, guest)


def run_all(options, modules, results):
    """Returns the modules for which there was no time."""
    lock = threading.Lock()
    began, left_out = time.monotonic(), []
    ran = set()

    def run(module, side, limit):
        result = run_module(options, side, module, limit)
        with lock:
            ran.add((module, side))
            results[module, side] = result
            with open(options.results, "a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(f"{module} {side}: {result['outcome']}, {good_cases(result)} of {len(result['cases'])} cases, "
                  f"{result['seconds']} s", flush=True)
        return result

    def both(module):
        if options.seconds and time.monotonic() - began > options.seconds:
            left_out.append(module)
            return
        native = results.get((module, "native")) or run(module, "native", LIMIT)
        if (module, "guest") not in results and native["outcome"] not in ("skipped", "no tests"):
            run(module, "guest", guest_limit(native))

    def again(module):
        if options.share and (module, "native") in ran and not is_in_question(results[module, "native"]):
            print(f"{module}: once more, natively and in the guest")
            run(module, "native", LIMIT)
            run(module, "guest", guest_limit(results[module, "native"]))
        elif ((module, "guest") in ran and is_in_question(results[module, "native"])
              and not passes(results[module, "native"], results[module, "guest"])):
            print(f"{module}: once more")
            run(module, "guest", guest_limit(results[module, "native"]))

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(both, module) for module in modules]:
            done.result()
    expected = read_names(EXPECTED)
    for module in modules:
        if module not in expected:
            again(module)
    return left_out


def report(modules, results):
    """Prints the table. Returns the modules that pass natively and not in the guest, those that pass in both, and others."""
    failing, passing, out, cases, kept = {}, [], [], 0, 0
    causes = collections.Counter()
    touched = collections.defaultdict(set)
    for module in modules:
        native, guest = results.get((module, "native")), results.get((module, "guest"))
        if native is None or guest is None:
            out.append(module)
            continue
        lost = lost_cases(native, guest)
        good = good_cases(native)
        cases += good
        kept += good - len(lost)
        for outcome in lost.values():
            causes[outcome] += 1
            touched[outcome].add(module)
        if not is_in_question(native):
            out.append(module)
        elif passes(native, guest):
            passing.append(module)
        else:
            failing[module] = f"{guest['outcome']}, {good - len(lost)} of {good} cases"
    print("\nmodules that fail in the guest alone:")
    for module, how in failing.items():
        print(f"    {module}: {how}")
    print("causes, by cases that are lost (at most 60):")
    for cause, count in causes.most_common(60):
        print(f"    {count:5} {len(touched[cause]):3} modules  {cause[:140]}")
    both = len(passing) + len(failing)
    print(f"modules: {len(passing)} of {both} that pass natively, {100 * len(passing) / max(both, 1):.1f} %")
    print(f"cases: {kept} of {cases} that pass natively, {100 * kept / max(cases, 1):.2f} %")
    return failing, passing, out


def judge(options, left_out, failing, passing, out):
    """Counts as a suite: each module that passes natively is a test."""
    for module in left_out:
        print(f"skip {module}: {options.seconds} s are over (--seconds)")
    expected = read_names(EXPECTED)
    failed = 0
    for module in out if options.share else ():
        failed += 1
        print(f"FAIL {module}: it does not pass natively, and is in {os.path.relpath(SHARE)}")
    for module in failing:
        if module not in expected:
            failed += 1
            print(f"FAIL {module}: {failing[module]}; it is not in {os.path.relpath(EXPECTED)}")
    for module in passing:
        if module in expected:
            failed += 1
            print(f"FAIL {module}: it passes, and {os.path.relpath(EXPECTED)} says that it needs {expected[module]}")
    skipped = sum(module in expected for module in failing) + len(left_out)
    passed = len(set(passing) - set(expected))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--home", default="build/conformance/home")
    parser.add_argument("--root", default="build/conformance/root")
    parser.add_argument("--results", default="build/conformance/results.jsonl")
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    options.root = os.path.abspath(options.root)
    modules = options.modules or list(read_names(SHARE)) if options.share else options.modules or list_modules(options)
    results, left_out = load(options.results), []
    if not options.report:
        os.makedirs(os.path.dirname(options.results), exist_ok=True)
        left_out = run_all(options, modules, results)
    return judge(options, left_out, *report([module for module in modules if module not in left_out], results))


if __name__ == "__main__":
    sys.exit(main())
