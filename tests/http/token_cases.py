# SPDX-License-Identifier: Apache-2.0
"""Who may ask for what."""

import os
import subprocess
import tempfile
import time

from caselist import case, children, same
from client import PYHL, TOKEN, Server, Stream, wait_for

ANNE, BOB = "annes-token-0123456789", "bobs-token-0123456789"


@case
def tokens():
    with Server() as s:
        for token in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "x" * 1000):
            answer = s.ask("GET", "/v1/sessions", token=token)
            same((answer.status, answer.headers["WWW-Authenticate"]), (401, "Bearer"))
        same(s.ask("GET", "/v1/sessions").status, 200)
        same(s.ask("GET", "/v1/sessions", token="", headers={"X-API-Key": TOKEN}).status, 200)
        same(s.ask("GET", "/v1/sessions", token="", headers={"Authorization": f"bearer {TOKEN}"}).status, 200)
        same(s.ask("GET", "/v1/sessions", token="", headers={"Authorization": f"Basic {TOKEN}"}).status, 401)
        same(s.ask("GET", "/no/such/path", token="").status, 401)  # who may not ask learns no path
        same(s.ask("GET", "/no/such/path").status, 404)
        answer = s.ask("GET", "/v1/run")
        same((answer.status, answer.headers["Allow"]), (405, "POST"))


@case
def owners():
    """What is one owner's is not there for another."""
    with Server(tokens=f"# a comment\n\n{ANNE} name=anne\n{BOB}\n{TOKEN} name=anne\n") as s:
        session = s.open(token=ANNE)
        stream = Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass", "session": session}, token=ANNE)
        stream.until("stdout")
        for body in ({"op": "interrupt", "run": stream.run}, {"op": "cancel", "run": stream.run},
                     {"op": "run", "session": session, "text": "1"}, {"op": "close", "session": session},
                     {"op": "fork", "session": session}, {"op": "checkpoint", "session": session},
                     {"op": "rewind", "session": session}, {"op": "pause", "session": session}):
            answer = s.ask("POST", "/v1/requests", body, token=BOB)
            same((answer.status, answer.json["error"]["type"]), (404, "LookupError"))
        same(s.ask("DELETE", f"/v1/sessions/{session}", token=BOB).status, 404)
        same(s.ask("GET", "/v1/sessions", token=BOB).json, {"sessions": []})
        same(s.ask("GET", "/v1/sessions", token=TOKEN).json, {"sessions": [{"session": session, "running": True}]})
        same(s.ask("POST", "/v1/requests", {"op": "interrupt", "run": stream.run}, token=TOKEN).status, 200)
        same(stream.until("done")["outcome"], "ready")


@case
def token_files():
    def refused(text, mode=0o600, lines=1):
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(text)
            f.flush()
            os.chmod(f.name, mode)
            got = subprocess.run([PYHL, "serve", "--listen", ":0", "--token-file", f.name], capture_output=True,
                                 text=True, timeout=20)
            same((got.returncode, got.stderr.count("\n")), (2, lines))
            assert ANNE not in got.stderr, got.stderr
            return got.stderr

    for text, said in (("", "there is no token in it"), ("short", ":1: a token of 5 characters"),
                       (f"{ANNE}\n{ANNE}\n", ":2: this token is there already"),
                       (f"{ANNE} speed=1", ":1: 'speed=1' is no limit"),
                       (f"{ANNE} runs=1/y", ":1: runs=1/y: give a number over 0"),
                       (f"{ANNE} cpu=x", ":1: cpu=x: give a number"),
                       (f"{ANNE} sessions=x", ":1: sessions 'x'"), (f"{ANNE} memory=0", ":1: memory '0'"),
                       (f"{ANNE} name=", ":1: a name has 1 to 63"), (f"{ANNE} name=a\"b", "without \""),
                       (f"{ANNE} name=a\n{BOB} name=a sessions=1\n", ":2: the limits of 'a' stand in its first line"),
                       (f"{ANNE}\0", "it has a NUL"), ("é" * 16, "printable ASCII")):
        assert said in refused(text), (text, refused(text))
    for mode in (0o640, 0o602):
        assert ": other users may read it or write to it: chmod 600 /" in refused("", mode, lines=2)
    got = subprocess.run([PYHL, "serve", "--listen", ":0", "--token-file", "/not/there"], capture_output=True, text=True)
    assert "/not/there: No such file" in got.stderr, got.stderr


@case
def hosts_and_origins():
    with Server("--host", "sandbox.example", "--host", "*.box.example") as s:
        for host, status in (("127.0.0.1:80", 200), ("LOCALHOST", 200), ("a.localhost:1", 200), ("[::1]:8", 200),
                             ("10.1.2.3", 200), ("sandbox.example:8080", 200), ("a.b.box.example", 200),
                             ("box.example", 403), ("evil.example", 403), ("sandbox.example.evil.example", 403),
                             ("localhost.evil.example", 403), ("xsandbox.example", 403), ("localhost:x", 403),
                             ("localhost@evil.example", 403), ("[::1", 403)):
            same((host, s.ask("GET", "/v1/sessions", headers={"Host": host}).status), (host, status))
        for origin, status in (("http://localhost:3000", 200), ("https://sandbox.example", 200), ("null", 403),
                               ("http://evil.example", 403), ("file://", 403), ("ftp://localhost", 403),
                               ("http://localhost.evil.example", 403), ("http://evil.example/://localhost", 403),
                               ("http://127.0.0.1:9", 200), ("http://[::1]", 200), ("http://10.1.2.3", 403),
                               ("http://[2001:db8::1]", 403)):
            same((origin, s.ask("GET", "/v1/sessions", headers={"Origin": origin}).status), (origin, status))
        same(s.ask("GET", "/v1/sessions", headers={"Origin": "http://10.1.2.3", "Host": "10.1.2.3:80"}).status, 200)
        same(s.ask("GET", "/v1/sessions", headers={"Origin": "http://10.1.2.3", "Host": "10.1.2.4"}).status, 403)


@case
def limits_of_an_owner():
    """What is over a limit is refused with 429, and the same of another owner is not."""
    tokens = (f"{ANNE} name=anne sessions=2 runs=6\n{BOB} memory=2G\n{TOKEN} cpu=0.3/h\n"
              "token-of-carol-01 name=carol runs=2/s\n")
    with Server(tokens=tokens) as s:
        def refused(answer, text):
            same((answer.status, answer.headers["Retry-After"], answer.json["error"]["type"]), (429, "1", "Busy"))
            assert text in answer.json["error"]["message"], answer.json

        one = s.open(token=ANNE)
        s.open(token=ANNE)
        refused(s.ask("POST", "/v1/sessions", {}, token=ANNE), "'anne' has 2 sessions, and may have no more")
        same(s.ask("DELETE", f"/v1/sessions/{one}", token=ANNE).status, 204)
        s.open(token=ANNE)  # the third run of six
        for _ in range(3):
            same(s.run("1", token=ANNE).status, 200)
        refused(s.run("1", token=ANNE), "'anne' has used up its runs: 6 in all")

        held = s.open(token=BOB)  # 1 GiB, as every VM of this home
        stream = Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass"}, token=BOB)
        refused(s.run("1", token=BOB), "VMs of 2147483648 bytes, and may have 2147483648")
        refused(s.ask("POST", "/v1/sessions", {}, token=BOB), "1073741824 more are too many")
        same(s.run("1", session=held, token=BOB).status, 200)  # in a VM that it has
        stream.leave()
        wait_for(lambda: s.run("1", token=BOB).status == 200, "the memory of the run that was left")

        done = s.run("while True: pass").done  # no limit of its own
        same((done["outcome"], done["times"]["cpu_ms"] < 600), ("cpu", True))
        refused(s.run("1"), "has used up its seconds of CPU time: 0.3 in 3600 s")

        answers = [s.run("1", token="token-of-carol-01").status for _ in range(6)]
        assert 200 in answers and 429 in answers, answers
        time.sleep(0.6)  # one more has come by then
        same(s.run("1", token="token-of-carol-01").status, 200)


@case
def limits_hold_for_commands():
    with Server(tokens=f"{TOKEN} cpu=0.3/h\n") as s:
        session = s.open()
        stream = Stream(s, "/v1/requests", {"op": "command", "session": session, "line": "while :; do :; done"})
        same(stream.until("failed")["message"], "the session is over: a run before has ended it")
        answer = s.run("1")
        assert answer.status == 429 and "seconds of CPU time" in answer.json["error"]["message"], answer.body


@case
def a_worker_serves_one_owner():
    with Server("--workers", "1", tokens=f"{ANNE} name=anne\n{BOB} name=bob\n") as s:
        def worker(token, **members):
            same(s.run("1", token=token, **members).status, 200)
            return set(children(s.process.pid))

        first = worker(ANNE)
        same((len(first), worker(ANNE)), (1, first))
        second = worker(BOB)
        same((len(second), second & first, worker(BOB)), (1, set(), second))
        session = s.open(token=ANNE)  # also where it is to be a session's
        same(worker(ANNE, session=session) & (first | second), set())
        same([s.run("print(1)", token=token).done["event"] for token in (ANNE, BOB) * 10], ["done"] * 20)
