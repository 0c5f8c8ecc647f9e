# SPDX-License-Identifier: Apache-2.0
"""Sessions: runs that find what those before have left."""

import json
import resource

from caselist import case, same
from check import cell, failed, ran
from client import Server


def result(answer):
    _, got = cell(answer)
    return json.loads(got["record"][-1][1])


@case
def a_session_keeps_names():
    with Server() as s:
        session = s.open(env={"A": "1"}, cwd="/srv")
        cell(s.do("run", "import os; x = 40", session=session))
        one = result(s.do("run", "x + 2, os.environ['A'], os.getcwd()", session=session))
        same((one["data"]["text/plain"], one["execution_count"]), ("(42, '1', '/srv')", 2))
        cell(s.do("run", "1/0", session=session), 1)
        cell(s.do("run", "print(x)", session=session), out=b"40\n")
        same(s.do("close", session=session)[0]["event"], "done")
        failed(s.do("run", "x", session=session), "LookupError", f"no session '{session}'")


@case
def sessions_are_apart():
    with Server("--workers", "1") as s:
        names = [s.open() for _ in range(6)]
        for i, name in enumerate(names):
            cell(s.do("run", f"x = {i}; open('/tmp/mark', 'w').write(str(x))", session=name))
        for i, name in enumerate(names):
            cell(s.do("run", "print(x, open('/tmp/mark').read())", session=name), out=f"{i} {i}\n".encode())
        ran(s.do("run", "import os; print(os.path.exists('/tmp/mark'))"), b"False\n")
        for name in names:
            s.do("close", session=name)
        session = s.open()
        cell(s.do("run", "import os; print(os.path.exists('/tmp/mark'), 'x' in globals())", session=session), out=b"False False\n")


@case
def contexts():
    with Server() as s:
        session = s.open()
        cell(s.do("run", "x = 1", session=session))
        cell(s.do("context", session=session, action="make", context="other", cwd="/srv", env={"A": "2"}))
        cell(s.do("run", "import os; print('x' in globals(), os.getcwd(), os.environ['A']); x = 3", session=session, context="other"),
             out=b"False /srv 2\n")
        cell(s.do("run", "print(x)", session=session, context="default"), out=b"1\n")
        cell(s.do("context", session=session, action="restart", context="other"))
        cell(s.do("run", "print('x' in globals())", session=session, context="other"), out=b"False\n")
        (message, data), = cell(s.do("context", session=session, action="list"))[1]["record"]
        same((message["kind"], b"other" in data), ("contexts", True))
        cell(s.do("context", session=session, action="drop", context="other"))
        done, got = s.do("run", "print(1)", session=session, context="other")
        assert done["status"] == 125 and b"other" in got["stderr"] and not got["stdout"], (done, got)
        failed(s.do("context", session=session, action="burn"), "ValueError", "'action' is 'burn': it must be make")
        failed(s.do("context", session="s9", action="list"), "LookupError", "no session 's9'")
        cell(s.do("run", "print(x)", session=session), out=b"1\n")


@case
def runs_of_a_session_wait_for_each_other():
    with Server() as s:
        session = s.open()
        s.do("run", "n = 0", session=session)
        numbers = [s.send("run", "n += 1; print(n)", session=session) for _ in range(50)]
        for i, number in enumerate(numbers):
            cell(s.answer(number), out=f"{i + 1}\n".encode())


@case
def an_interrupt_leaves_the_session():
    with Server() as s:
        session = s.open()
        number = s.send("run", "y = 5\nprint(1, flush=True)\nwhile True: pass", session=session)
        s.until(lambda m: m["event"] == "stdout")
        s.do("interrupt", run=number)
        done, got = s.answer(number)
        same((done["outcome"], done["status"], json.loads(got["record"][0][1])["name"]), ("ready", 1, "KeyboardInterrupt"))
        cell(s.do("run", "print(y)", session=session), out=b"5\n")


@case
def what_ends_a_session():
    with Server() as s:
        for code, members in (("import os; os._exit(3)", {}), ("while True: pass", {"timeout": 0.5}),
                              ("import ctypes; ctypes.string_at(0)", {})):
            session = s.open()
            code = "import time; time.sleep(0.2)\n" + code  # until the next request is there
            number = s.send("run", code, session=session, **members)
            waits = s.send("run", "print(1)", session=session)
            done, _ = s.answer(number)
            same((done["event"], done["outcome"] == "ready"), ("done", False))
            failed(s.answer(waits), "LookupError", "the session is over")
            failed(s.do("run", "print(1)", session=session), "LookupError", "no session")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def a_session_is_closed_in_mid_run():
    with Server() as s:
        session = s.open()
        number = s.send("run", "print(1, flush=True)\nwhile True: pass", session=session)
        waits = s.send("run", "print(2)", session=session)
        s.until(lambda m: m["event"] == "stdout")
        same(s.do("close", session=session)[0]["event"], "done")
        failed(s.answer(waits), "Cancelled", "closed")
        same(s.answer(number)[0]["outcome"], "interrupted")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def a_directory_that_cannot_be():
    with Server() as s:
        done, _ = s.do("open", cwd="/etc/passwd/x")
        same((done["event"], done["type"]), ("failed", "OSError"))
        for _ in range(3):
            cell(s.do("run", "print(1)", session=s.open()), out=b"1\n")


@case
def tools_in_a_session():
    with Server() as s:
        session = s.open()
        number = s.send("run", "import host; x = host.f()", session=session, tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        s.send("reply", b'"v"', run=number, call=message["call"])
        cell(s.answer(number))
        cell(s.do("run", "print(x)", session=session), out=b"v\n")


@case
def sessions_beyond_the_soft_limit_of_descriptors():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with Server(preexec_fn=limit) as s:
        names = [s.open() for _ in range(30)]
        for i, name in enumerate(names):
            cell(s.do("run", f"print({i})", session=name), out=f"{i}\n".encode())


@case
def sessions_have_a_limit():
    with Server("--sessions", "2") as s:
        names = [s.open(), s.open()]
        failed(s.do("open"), "Busy", "2 sessions are open")
        s.do("close", session=names[0])
        cell(s.do("run", "print(1)", session=s.open()), out=b"1\n")
