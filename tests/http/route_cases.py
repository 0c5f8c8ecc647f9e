# SPDX-License-Identifier: Apache-2.0
"""What the routes answer."""

import base64
import datetime
import json
import os
import signal
import stat
import subprocess
import tempfile

from caselist import case, children, same
from client import PYHL, TOKEN, Server, Stream, data, output, wait_for

MIB = 1 << 20


@case
def a_run():
    with Server() as s:
        same(s.ask("GET", "/health", token="").json["status"], "ok")
        code = "import sys; print(6 * 7); sys.stderr.write('e'); sys.exit(3)"
        answer = s.run(code, args=["a"], env={"A": "b"})
        same((answer.status, answer.headers["Content-Type"]), (200, "application/x-ndjson"))
        same((output(answer.events), output(answer.events, "stderr")), (b"42\n", b"e"))
        same((answer.done["event"], answer.done["outcome"], answer.done["status"]), ("done", "status", 3))
        number = int(answer.headers["Pyhl-Run"])
        same({e["id"] for e in answer.events}, {number})
        done = s.run("while True: pass", timeout=0.1).done
        same((done["outcome"], done["limit"]), ("timeout", "timeout"))
        answer = s.run("6 * 7", **{"as": "cell"})
        same([e["kind"] for e in answer.events if e["event"] == "record"], ["result"])
        connection = s.connection()
        for i in range(20):
            same(output(s.run(f"print({i})", connection=connection).events), b"%d\n" % i)
        connection.close()


@case
def bytes_of_any_kind():
    text = "aé€😀" * 100000
    with Server() as s:
        events = s.run(f"print('aé€😀' * 100000, end='')").events
        same(output(events).decode(), text)
        assert all("text" in e for e in events[:-1]), "a character was cut in two"
        events = s.run("import os; os.write(1, bytes(range(256)) * 1000)").events
        same(output(events), bytes(range(256)) * 1000)
        events = s.run("import os; os.write(1, b'x\\xe2\\x82')").events
        same(output(events), b"x\xe2\x82")
        coded = base64.b64encode("print('é')".encode()).decode()
        for members in ({"text": "print('é')"}, {"base64": coded}):
            same(output(s.ask("POST", "/v1/requests", {"op": "run", **members}).events), "é\n".encode())
        session = s.ask("POST", "/v1/sessions", b"").json["session"]
        for size in (1, 2, 3, 100, 1000, 100000):
            written = {"op": "file", "session": session, "action": "write", "path": "/tmp/a", "base64": base64.b64encode(b"#" * size).decode()}
            same(s.ask("POST", "/v1/requests", written).done["event"], "done")
            same(output(s.run("print(len(open('/tmp/a').read()))", session=session).events), b"%d\n" % size)
        for members in ({"base64": "@"}, {"base64": "aaa@"}, {"text": 1}, {"text": "", "base64": ""}):
            same(s.ask("POST", "/v1/requests", {"op": "run", **members}).status, 400)


@case
def sessions():
    with Server() as s:
        one, two = s.open(), s.open()
        s.run("x = 5", session=one)
        same(data(s.run("x", session=one).events[0]).count(b"5") > 0, True)
        same(s.run("x", session=two).done["status"], 1)
        names = [v["session"] for v in s.ask("GET", "/v1/sessions").json["sessions"]]
        same(names, [one, two])
        same(s.ask("DELETE", f"/v1/sessions/{one}").status, 204)
        for answer in (s.ask("DELETE", f"/v1/sessions/{one}"), s.run("x", session=one),
                       s.ask("DELETE", "/v1/sessions/"), s.ask("DELETE", "/v1/sessions/%00")):
            same(answer.status, 404)
        same(s.ask("POST", "/v1/sessions", {"cwd": "x"}).status, 400)
        same(len(s.ask("GET", "/v1/sessions").json["sessions"]), 1)


@case
def tools_and_signals():
    tool = {"name": "add", "schema": '{"properties": {"a": {}, "b": {}}}'}
    with Server() as s:
        stream = Stream(s, "/v1/run", {"code": "import host; print(host.add(1, 2))", "tools": [tool]})
        call = stream.until("call")
        same((call["name"], data(call)), ("add", b'{"a":1,"b":2}'))
        reply = {"op": "reply", "run": stream.run, "call": call["call"], "text": "3"}
        same(s.ask("POST", "/v1/requests", reply).done["event"], "done")
        same(data(stream.until("stdout")), b"3\n")
        stream.until("done")
        same(s.ask("POST", "/v1/requests", reply).status, 404)  # the run is over

        session = s.open()
        for op, outcome in (("interrupt", "ready"), ("cancel", "interrupted")):
            stream = Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass", "session": session})
            stream.until("stdout")
            same(s.ask("POST", "/v1/requests", {"op": op, "run": stream.run}).done["event"], "done")
            same(stream.until("done")["outcome"], outcome)


@case
def a_command():
    """Its input comes in requests of their own."""
    with Server() as s:
        session = s.open()
        stream = Stream(s, "/v1/requests", {"op": "command", "session": session, "args": ["cat"], "stdin": True})
        assert stream.until("started")["pid"] > 1
        same(s.run("print(1)", session=session).done["outcome"], "ready")  # beside it
        for body in ({"text": "h\u00e9\n"}, {"end": True}):
            same(s.ask("POST", "/v1/requests", {"op": "input", "run": stream.run, **body}).status, 200)
        same(data(stream.until("stdout")), "h\u00e9\n".encode())
        same(stream.until("done")["status"], 0)
        stream = Stream(s, "/v1/requests", {"op": "command", "session": session, "line": "echo $PPID; sleep 100"})
        stream.until("stdout")
        stream.leave()
        same(s.run("print(1)", session=session).done["outcome"], "ready")


@case
def a_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        with Server(listen=f"unix:{path}", token=None) as s:
            mode = os.stat(path).st_mode
            same((stat.S_ISSOCK(mode), stat.S_IMODE(mode)), (True, 0o600))
            same(output(s.run("print(1)").events), b"1\n")
            same(s.run("print(1)", token="not-a-token-that-it-knows").status, 401)
            second = subprocess.run([PYHL, "serve", "--listen", f"unix:{path}"], capture_output=True, text=True)
            same((second.returncode, second.stderr.count("Address already in use")), (125, 1))
            same(s.end(), (0, ""))
            assert not os.path.exists(path), "the socket's file is still there"
        with Server(listen=f"unix:{path}", token=None) as s:
            s.end(signal.SIGKILL)
        with Server(listen=f"unix:{path}", token=None) as s:  # in the place of the dead one's
            same(s.ask("GET", "/health").status, 200)
        os.unlink(path)
        with open(path, "w") as f:
            f.write("mine")
        failed = subprocess.run([PYHL, "serve", "--listen", f"unix:{path}"], capture_output=True, text=True)
        same((failed.returncode, open(path).read()), (125, "mine"))


@case
def with_standard_input():
    """Both ways in; the end of the input ends the server."""
    with Server("--stdio", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as s:
        same(output(s.run("print(1)").events), b"1\n")
        s.process.stdin.close()
        same(s.process.wait(10), 0)


@case
def the_end():
    """SIGTERM, SIGINT and SIGKILL leave no process, whatever runs."""
    for signo, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
        with Server() as s:
            session = s.open()
            stream = Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass", "session": session})
            stream.until("stdout")
            s.request("POST", "/v1/run", {"code": "while True: pass"})
            workers = children(s.process.pid)
            assert workers
            same(s.end(signo), (status, ""))
            wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), "the end of the workers")


@case
def command_lines():
    def refused(*options, env={}, status=2):
        plain = {k: v for k, v in os.environ.items() if k != "PYHL_TOKEN"}
        got = subprocess.run([PYHL, "serve", *options], capture_output=True, text=True, env={**plain, **env},
                             stdin=subprocess.DEVNULL, timeout=20)
        same((got.returncode, got.stdout, got.stderr.count("\n")), (status, "", 1))
        return got.stderr

    assert "say --stdio, or --listen" in refused()
    assert "standard output is for --stdio" in refused("--stdio", "--audit", "-")
    assert "go with --listen" in refused("--stdio", "--host", "a")
    for address in ("8080", "host:80", "1.2.3:80", "[::1:80", ":x", ":65536", "unix:", "unix:" + "x" * 200, ":"):
        assert f"'{address}'" in refused("--listen", address, env={"PYHL_TOKEN": TOKEN})
    assert "who may ask?" in refused("--listen", ":0")
    assert "it must have 16 to 128" in refused("--listen", ":0", env={"PYHL_TOKEN": "short"})
    assert "/not/there: No such file" in refused("--stdio", "--audit", "/not/there", status=125)
    assert "cannot listen" in refused("--listen", "203.0.113.1:0", env={"PYHL_TOKEN": TOKEN}, status=125)


def numbers(s):
    """What /metrics has."""
    lines = s.ask("GET", "/metrics").body.decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@case
def metrics():
    with Server("--workers", "2", "--waiting", "3") as s:
        same(s.ask("GET", "/metrics", token="").status, 401)
        s.open()
        for i in range(3):
            s.run(f"import sys; sys.exit({i})")
        s.run("while True: pass", timeout=0.1)
        streams = [Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass"}) for _ in range(3)]
        streams[0].until("stdout")
        same(s.run("1").status, 429)
        got = numbers(s)
        for name, value in (('pyhl_runs_total{outcome="status"}', 3), ('pyhl_runs_total{outcome="timeout"}', 1),
                            ("pyhl_run_seconds_count", 5), ('pyhl_run_seconds_bucket{le="+Inf"}', 5),
                            ("pyhl_sessions", 1), ("pyhl_requests", 3), ("pyhl_rejected_total", 1),
                            ("pyhl_audit_lost_total", 0), ('pyhl_http_answers_total{status="429"}', 1),
                            ('pyhl_http_answers_total{status="401"}', 1)):
            same((name, float(got[name])), (name, value))
        assert float(got["pyhl_run_seconds_sum"]) > 0.1, got
        below = [float(v) for k, v in got.items() if k.startswith("pyhl_run_seconds_bucket")]
        same(below, sorted(below))
        assert float(got['pyhl_vms{state="taken"}']) >= 2, got
        assert MIB < float(got['pyhl_memory_bytes{of="workers"}']) < 1024 * MIB, got
        assert 0 < float(got['pyhl_memory_bytes{of="server"}']) < 64 * MIB, got
        for stream in streams:
            stream.leave()
        wait_for(lambda: numbers(s)["pyhl_requests"] == "0", "the end of the runs")
        same(sum(float(v) for k, v in numbers(s).items() if k.startswith("pyhl_runs_total")), 8)


@case
def the_log():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        with Server("--audit", path, "--workers", "1") as s:
            session = s.open()
            s.run("print('secret-word')", session=session)
            s.run("raise SystemExit(3)")
            first = Stream(s, "/v1/run", {"code": "print(1, flush=True)\nwhile True: pass"})
            first.until("stdout")
            second = Stream(s, "/v1/run", {"code": "1"})
            same(s.ask("POST", "/v1/requests", {"op": "cancel", "run": second.run}).status, 200)
            for pid in children(s.process.pid):
                os.kill(pid, signal.SIGKILL)
            first.until("failed")
            s.ask("POST", "/v1/run", {"code": "1", "speed": 2})  # is none
            same(s.end(), (0, ""))
        text = open(path).read()
        same((stat.S_IMODE(os.stat(path).st_mode), TOKEN in text, "secret-word" in text), (0o600, False, False))
        lines = [json.loads(line) for line in text.splitlines()]
        same([(v["owner"], v["session"], v["kind"], v["outcome"], v["status"]) for v in lines],
             [("default", session, "open", "ready", 0), ("default", session, "cell", "ready", 0),
              ("default", None, "script", "status", 3), ("default", None, "script", "Cancelled", 0),
              ("default", None, "script", "WorkerDied", 0)])
        for v in lines:
            assert v["times"]["took_ms"] >= v["times"]["waited_ms"] >= 0 and v["bytes"]["in"] > 0, v
            datetime.datetime.strptime(v["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        same((lines[2]["counts"]["exits"], lines[2]["times"]["cpu_ms"] > 0, lines[1]["bytes"]["out"]), (1, True, 12))
        with Server("--audit", "/dev/full") as s:
            for _ in range(2):
                same(s.run("1").status, 200)
            same(numbers(s)["pyhl_audit_lost_total"], "2")
            same(s.end(), (0, "pyhl serve: --audit: lines are lost: No space left on device\n"))
        with Server("--audit", "-", stdout=subprocess.PIPE) as s:
            s.run("1")
            same(json.loads(s.process.stdout.readline())["outcome"], "status")


@case
def files_of_a_session():
    with Server() as s:
        session = s.ask("POST", "/v1/sessions", {"cwd": "/srv"}).json["session"]

        def ask(action, path, **members):
            return s.ask("POST", "/v1/requests", {"op": "file", "session": session, "action": action, "path": path, **members})

        same(json.loads(data(ask("write", "d/a", text="\u00e9").events[0]))["path"], "/srv/d/a")
        same([(e["event"], e.get("kind"), data(e)) for e in ask("read", "d/a").events],
             [("record", "content", "\u00e9".encode()), ("done", None, b"")])
        same([e["name"] for e in json.loads(data(ask("list", ".", depth=2).events[0]))], ["d", "a"])
        for action, path, type in (("read", "none", "FileNotFoundError"), ("read", "d", "IsADirectoryError"),
                                   ("make", "d", "FileExistsError"), ("read", "/dev/zero", "OSError")):
            same([(e["event"], e["type"]) for e in ask(action, path).events], [("failed", type)])
        same(ask("burn", "d").status, 400)
