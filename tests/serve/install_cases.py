# SPDX-License-Identifier: Apache-2.0
"""Packages that are installed into sessions."""

import contextlib
import os
import signal
import struct
import time

from caselist import case, children, same
from check import cell, failed, ran
from client import Server
from hostile_cases import forge, gone
from toypackages import packages

SITE = "/usr/local/lib/python3.13/dist-packages"
WANTS, FETCH = 32, 33  # WORKER_WANTS, WORKER_FETCH (pyhl/worker.h)


@contextlib.contextmanager
def server(*options):
    with packages() as (before, after, links, wrong):
        with Server("--install", *after, *options, env=os.environ | dict(word.split("=", 1) for word in before)) as s:
            yield s, links
        same(wrong, [])


def installed(answer, *names, replaces=False):
    done, got = answer
    same((done.get("packages"), done.get("replaces"), got["stderr"]), (list(names), replaces, b""))


@case
def the_next_cell_imports_it():
    with server() as (s, _):
        session, other = s.open(), s.open()
        cell(s.do("run", "x = 1", session=session))
        cell(s.do("run", "import alpha", session=session), 1)
        installed(s.do("install", session=session, packages=["alpha==1.0"]), "alpha==1.0")
        cell(s.do("run", f"import alpha; print(alpha.version, x, alpha.__file__ == '{SITE}/alpha/__init__.py')",
                  session=session), out=b"1.0 1 True\n")
        installed(s.do("install", session=session, packages=["beta", "alpha"]), "beta==1.0")
        cell(s.do("run", "import beta; print(beta.alpha.version)", session=session), out=b"1.0\n")
        installed(s.do("install", session=session, packages=["alpha"]))  # it is there
        cell(s.do("run", "import alpha", session=other), 1)
        installed(s.do("install", session=other, packages=["alpha"]), "alpha==2.0")
        cell(s.do("run", "import alpha; print(alpha.version)", session=other), out=b"2.0\n")
        installed(s.do("install", session=other, packages=["click==99.0"]), "click==99.0", replaces=True)
        done, _ = s.do("run", "import alpha")  # no session
        same(done["status"], 1)
        same(s.end(), (0, ""))


@case
def the_server_goes_on_while_uv_runs():
    with server("--workers", "1") as (s, links):
        names = [s.open() for _ in range(6)]
        slow = [s.send("install", session=name, packages=["slow"]) for name in names]
        after = s.send("run", "print(1)", session=names[0])
        for i in range(10):
            ran(s.do("run", f"print({i})"), f"{i}\n".encode())
        same(s.do("cancel", run=slow[5])[0]["event"], "done")  # it waits for the four that look
        failed(s.answer(slow[5]), "Cancelled")
        same(s.do("close", session=names[4])[0]["event"], "done")
        failed(s.answer(slow[4]), "Cancelled")
        for number in slow[:4]:
            s.do("cancel", run=number)
            failed(s.answer(number), "Cancelled", "it was cancelled")
        ran(s.answer(after), b"1\n", outcome="ready")
        installed(s.do("install", session=names[5], packages=["alpha"]), "alpha==2.0")
        assert os.path.exists(f"{links}/slow")
        same(s.end(), (0, ""))


@case
def what_cannot_be_installed():
    with server() as (s, _):
        session = s.open()
        done, got = s.do("install", session=session, packages=["nope"])
        failed((done, got), "ValueError", "there is no package 'nope'")
        assert got["stderr"].startswith(b"error: No solution found"), got
        installed(s.do("install", session=session, packages=["alpha==1.0"]), "alpha==1.0")
        failed(s.do("install", session=session, packages=["alpha==2.0"]), "ValueError",
               "alpha==2.0 would take the place of alpha 1.0, which the session has: rewind")
        failed(s.do("install", session=session, packages=["slow"], timeout=0.3), "TimeoutError", "not there within 0.3 s")
        cell(s.do("run", "import alpha; print(alpha.version)", session=session), out=b"1.0\n")
        for packages, text in ((["/etc/passwd"], "'/etc/passwd' is no NAME"), (["--index-url=http://a"], "is no NAME"),
                               (["a @ file:///a"], "is no NAME"), (["alpha.whl"], "is no NAME"), ([""], "'' is no NAME"),
                               ([], "which packages?"), ("alpha", "'packages' must be a list of strings"),
                               ([1], "'packages[0]' must be a string"), (["a" * 5000], "at most 4096 bytes")):
            failed(s.do("install", session=session, packages=packages), "ValueError", text)
        failed(s.do("install", session="s9", packages=["alpha"]), "LookupError", "no session 's9'")
        failed(s.do("install", session=session, packages=["alpha"], timeout=601), "ValueError", "the server allows 600")
        failed(s.do("install", session=session, packages=["alpha"], upgrade=True), "ValueError", "unknown member 'upgrade'")


@case
def a_session_that_cannot_take_them_is_as_before():
    with server() as (s, _):
        session = s.open()
        cell(s.do("run", f"import os; x = 1; os.makedirs('{SITE}/beta.py')", session=session))
        failed(s.do("install", session=session, packages=["alpha", "beta"]), "OSError", f"cannot copy in {SITE}/beta.py")
        cell(s.do("run", f"print(x, os.listdir('{SITE}'))", session=session), out=b"1 ['beta.py']\n")
        cell(s.do("run", f"os.rmdir('{SITE}/beta.py')", session=session))
        installed(s.do("install", session=session, packages=["alpha", "beta"]), "alpha==2.0", "beta==1.0")
        cell(s.do("run", "import beta; print(x)", session=session), out=b"1\n")


@case
def nothing_stays_of_a_session_that_installed():
    with server("--workers", "1", "--sessions", "1") as (s, _):
        for name, kind in ("alpha", "done"), ("nope", "failed"), ("beta", "failed"):
            session = s.open()
            worker = children(s.process.pid)
            cell(s.do("run", f"import os; secret = 1; os.makedirs('{SITE}/beta.py'); open('/tmp/mark', 'w').close()", session=session))
            same(s.do("install", session=session, packages=[name])[0]["event"], kind)
            cell(s.do("run", "secret = 2", session=session))
            same(s.do("close", session=session)[0]["event"], "done")
            for _ in worker:
                ran(s.do("run", f"import os; print(globals().get('secret'), os.path.exists('/tmp/mark'), os.path.exists('{SITE}'))"),
                    b"None False False\n")


@case
def nothing_is_installed_unless_it_was_said():
    with Server() as s:
        failed(s.do("install", session=s.open(), packages=["alpha"]), "PermissionError", "--install")
    with Server("--install", env=os.environ | {"PATH": "/nowhere"}) as s:
        failed(s.do("install", session=s.open(), packages=["alpha"]), "OSError", "which is not on PATH; get it with")


@case
def processes_die_while_uv_runs():
    with server() as (s, links):
        session, other = s.open(), s.open()
        workers = children(s.process.pid)

        def looking(name):
            number = s.send("install", session=name, packages=["slow"])
            end = time.monotonic() + 10
            while not os.path.exists(f"{links}/slow"):
                assert time.monotonic() < end, "uv was not called"
                time.sleep(0.02)
            os.unlink(f"{links}/slow")
            finder, = set(children(s.process.pid)) - set(workers)
            return number, finder, children(finder)

        number, finder, uv = looking(session)
        os.kill(finder, signal.SIGKILL)
        failed(s.answer(number), "OSError", "killed by signal 9")
        gone([finder, *uv])
        installed(s.do("install", session=session, packages=["alpha"]), "alpha==2.0")  # takes away what was left
        cell(s.do("run", "import alpha", session=session))
        number, finder, uv = looking(other)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        failed(s.answer(number), "WorkerDied")
        gone([finder, *uv, *workers])
        for _ in workers:
            done, _ = s.do("open")  # of a worker whose death was not seen yet
            session = done.get("session")
        workers = children(s.process.pid)
        number, finder, uv = looking(session)
        s.process.kill()
        s.process.wait()
        gone([finder, *uv, *workers])


@case
def installs_that_wait_go_on_when_others_die():
    with server("--workers", "1") as (s, _):
        names = [s.open() for _ in range(5)]
        workers = sorted(children(s.process.pid))[:4]
        slow = [s.send("install", session=name, packages=["slow"]) for name in names[:4]]
        waits = s.send("install", session=names[4], packages=["alpha"])
        while len(children(s.process.pid)) < 10:
            time.sleep(0.02)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        for number in slow:
            failed(s.answer(number), "WorkerDied")
        installed(s.answer(waits), "alpha==2.0")


@case
def commands_go_on_beside_an_install():
    with server() as (s, _):
        session = s.open()
        for name, kind in ("alpha", "done"), ("nope", "failed"):
            number = s.send("command", session=session, line="for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; exit 3")
            s.until(lambda m: m["event"] == "stdout")
            same(s.do("install", session=session, packages=[name])[0]["event"], kind)
            done, got = s.answer(number)
            same((done["status"], got["stdout"][-2:]), (3, b"6\n"))
        cell(s.do("run", "import alpha; print(1)", session=session), out=b"1\n")


@case
def a_worker_that_asks_for_files():
    """Only a worker that installs may, and only for those that were found for it."""
    with server("--workers", "1") as (s, _):
        for kind, data in (WANTS, b""), (WANTS, b"alpha-1.0\0"), (FETCH, struct.pack("<QQ", 0, 4096)):
            number = s.send("run", "print(1, flush=True)\nwhile True: pass")
            s.until(lambda m: m["event"] == "stdout")
            for pid in children(s.process.pid):
                forge(pid, kind, data)
            failed(s.answer(number), "WorkerDied")
        for kind, data in ((WANTS, b""), (FETCH, struct.pack("<QQ", 0, 4096)), (FETCH, b"x")):
            session = s.open()
            number = s.send("install", session=session, packages=["slow"])
            while len(children(s.process.pid)) < 3:
                time.sleep(0.02)
            for pid in children(s.process.pid):
                with contextlib.suppress(OSError):
                    forge(pid, kind, data)
            failed(s.answer(number), "WorkerDied")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def a_run_with_packages():
    """It has a VM that nothing has run in, with these packages; others have none."""
    with server("--workers", "1") as (s, links):
        code = "import alpha, host, os; print(alpha.version, host.f(1), os.path.exists('/tmp/mark')); open('/tmp/mark', 'w').close()"
        for version in "1.0", "2.0", "1.0":
            number = s.send("run", code, packages=[f"alpha=={version}"], tools=[{"name": "f", "schema": '{"properties":{"x":{}}}'}])
            message, _ = s.until(lambda m: m["event"] == "call")
            s.send("reply", b"7", run=number, call=message["call"])
            ran(s.answer(number), f"{version} 7 False\n".encode())
            ran(s.do("run", f"import os; print(os.path.exists('{SITE}'))"), b"False\n")
        _, got = s.do("run", "import beta; beta.alpha.version", packages=["beta", "alpha==1.0"], **{"as": "cell"})
        same([kind["kind"] for kind, _ in got["record"]], ["result"])
        ran(s.do("run", "print(1)", packages=["click"]), b"1\n")  # it is there
        done, got = s.do("run", "1", packages=["nope"])
        failed((done, got), "ValueError", "there is no package 'nope'")
        failed(s.do("run", "1", packages=["/etc"]), "ValueError", "'/etc' is no NAME")
        failed(s.do("run", "1", packages=["alpha"], session=s.open()), "ValueError", "'packages' are for a run without a session")
        slow = [s.send("run", "1", packages=["slow"]) for _ in range(6)]
        while not os.path.exists(f"{links}/slow"):
            time.sleep(0.02)
        ran(s.do("run", "print(2)"), b"2\n")
        for number in reversed(slow):
            s.do("cancel", run=number)
            failed(s.answer(number), "Cancelled")
        large = s.send("run", "1", packages=["large"], timeout=0.2)
        same(s.answer(large)[0]["outcome"], "timeout")
        ran(s.do("run", "print(3)"), b"3\n")
        s.send("run", "1", packages=["slow"])
        s.send("run", "1", packages=["alpha"])
        time.sleep(0.2)
    with Server() as s:
        failed(s.do("run", "1", packages=["alpha"]), "PermissionError", "--install")
