# SPDX-License-Identifier: Apache-2.0
"""What clients of HTTP may do to a server that serves others, too."""

import json
import os
import pathlib
import resource
import selectors
import socket
import time

from caselist import case, children, same
from client import TOKEN, Server, Stream, output, wait_for

MIB = 1 << 20
LOOP = "print(1, flush=True)\nwhile True: pass"


def memory(pid):
    """Memory of the process alone, bytes."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_"))


def run_text(code, *headers, **members):
    body = json.dumps({"code": code, **members})
    return "\r\n".join(("POST /v1/run HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}",
                        f"Content-Length: {len(body)}", *headers, "", body)).encode()


@case
def bodies_that_are_wrong():
    deep = '{"code": "1", "tools": ' + "[" * 64 + "]" * 64 + "}"
    with Server() as s:
        for body, text in ((b"", "no JSON object"), (b"{", "no JSON object"), (b"[]", "no JSON object"),
                           (b"\xff", "no JSON object"), (b'{"code": 1, "code": 2}', "no JSON object"),
                           (deep.encode(), "over 64 levels deep"), (b'{"a":' * 100000, "over 64 levels deep"),
                           (b'{"code": "a\\u0000b"}', "no JSON object"), (b'{"code": 1}', "'code' must be"),
                           (b'{"code": "1", "speed": 1}', "unknown member 'speed'"),
                           (b'{"code": "1", "id": 1}', "'id' is the server's"),
                           (b'{"code": "1", "op": "close"}', "there is no 'op'"),
                           (b'{"code": "1", "timeout": 1e999}', "no JSON object")):
            answer = s.ask("POST", "/v1/run", body)
            same((body[:60], answer.status), (body[:60], 400))
            assert text in answer.json["error"]["message"], (body[:60], answer.json)
        same(s.ask("POST", "/v1/requests", {"op": "fly"}).status, 400)
        same(s.ask("POST", "/v1/requests", {}).status, 400)
        same(s.ask("POST", "/v1/requests", {"op": "cancel", "run": -1}).status, 404)
        same(output(s.run("print(1)").events), b"1\n")


@case
def a_body_of_very_many_values():
    """Three bytes of an empty object are a hundred times as much in memory."""
    with Server("--workers", "1") as s:
        same(s.run("print(1)", args=["a"] * 60000).status, 200)
        before = memory(s.process.pid)
        for value in (b"{}", b"[]", b"1"):
            answer = s.ask("POST", "/v1/run", b'{"code": "1", "args": [' + (value + b",") * (8 << 20) + b"1]}")
            same((answer.status, answer.json["error"]["message"]), (400, "JSON of over 300000 values"))
        peak = pathlib.Path(f"/proc/{s.process.pid}/status").read_text().split("VmHWM:")[1].split()[0]
        assert int(peak) * 1024 < before + 400 * MIB, (before, peak)


@case
def messages_that_are_none():
    with Server() as s:
        for text, status in ((b"\0\0\0\r\n\r\n", b"400"), (b"GET\r\n\r\n", b"400"), (b"GET / HTTP/9.9\r\n\r\n", b"400"),
                             (b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"501"),
                             (b"GET /health HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
                             (b"GET /health HTTP/1.1\r\nA: " + b"a" * 100000 + b"\r\n\r\n", b"4"),
                             (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"4"),
                             (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
                             (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
                             (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"4")):
            got = s.raw(text, within=2)
            assert got.startswith(b"HTTP/1.1 " + status) or got == b"", (text[:60], got[:200])
        # Two requests in one piece, and one in many.
        both = run_text("print(1)") + run_text("print(2)", "Connection: close")
        got = s.raw(both)
        same((got.count(b"HTTP/1.1 200"), got.count(rb'"1\n"'), got.count(rb'"2\n"')), (2, 1, 1))
        with socket.create_connection(s.address) as one:
            for byte in run_text("print(3)", "Connection: close"):
                one.send(bytes((byte,)))
            got = b""
            while more := one.recv(65536):
                got += more
        same(got.count(rb'"3\n"'), 1)


@case
def a_client_that_leaves():
    """Its run ends, wherever it is: before it has begun, silent, or in the middle of its output."""
    with Server("--workers", "1") as s:
        session = s.open()
        s.run("x = 1", session=session)
        stream = Stream(s, "/v1/run", {"code": "x += 1\n" + LOOP, "session": session})
        stream.until("stdout")
        stream.leave()
        same(s.run("print(x)", session=session).done["outcome"], "ready")  # it was interrupted, and lives on
        for code in (LOOP, "while True: pass", "import os\nwhile True: os.write(1, b'x' * 65536)"):
            stream = Stream(s, "/v1/run", {"code": code})
            if "print" in code:
                stream.until("stdout")
            stream.leave()
            same(output(s.run("print(1)").events), b"1\n")
        # Those that wait for the only worker go without a trace.
        first = Stream(s, "/v1/run", {"code": LOOP})
        first.until("stdout")
        for stream in [Stream(s, "/v1/run", {"code": LOOP}) for _ in range(20)]:
            stream.leave()
        late = s.request("POST", "/v1/sessions", {})
        late.close()
        first.leave()
        same(output(s.run("print(1)").events), b"1\n")
        wait_for(lambda: s.ask("GET", "/v1/sessions").status == 200, "an answer")


@case
def a_client_that_does_not_read():
    """Its run waits, the server's memory stays small, others are served; in the end the connection is cut."""
    code = "import os\nfor _ in range(480): os.write(1, b'x' * 131072)"
    with Server("--http-timeout", "2") as s:
        before = memory(s.process.pid)
        slow = Stream(s, "/v1/run", {"code": code})
        time.sleep(0.5)
        same(output(s.run("print(1)").events), b"1\n")
        grown = memory(s.process.pid) - before
        assert grown < 8 * MIB, f"{grown / MIB:.1f} MiB more"
        got = 0
        while (event := slow.event())["event"] != "done":  # one who reads late gets all of it
            got += len(event["text"])
        same((got, event["outcome"]), (480 * 131072, "status"))

        never = Stream(s, "/v1/run", {"code": "import os\nwhile True: os.write(1, b'x' * 65536)"})
        busy = [Stream(s, "/v1/run", {"code": LOOP}) for _ in range(os.cpu_count() - 1)]
        answer = s.run("print(1)")
        same((output(answer.events), answer.done["event"]), (b"1\n", "done"))  # a worker was free again
        for stream in (never, *busy):
            stream.leave()


@case
def a_body_past_the_limit():
    with Server() as s:
        before = memory(s.process.pid)
        with socket.create_connection(s.address) as one:
            head = f"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            one.sendall(f"{head}Content-Length: {65 * MIB}\r\nExpect: 100-continue\r\n\r\n".encode())
            got = one.recv(4096)
            assert b" 413 " in got or b" 417 " in got, got
        with socket.create_connection(s.address) as one:
            one.settimeout(5)
            got = b""
            try:
                one.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
                for _ in range(70):
                    one.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")
                got = one.recv(4096)
            except ConnectionError:
                pass
            assert got == b"" or b" 413 " in got, got
        wait_for(lambda: memory(s.process.pid) - before < 6 * MIB, "the body's memory given back")
        same(output(s.run("print(1)").events), b"1\n")


@case
def a_body_of_a_stranger():
    """Without a token it is small; with one it may come first on its connection, in any pieces."""
    code = "print(len(" + repr("x" * 300000) + "))"
    with Server() as s:
        before = memory(s.process.pid)
        for head in ("Authorization: Bearer nobodys-token-0123456789", "Authorization: " + TOKEN[:-1], "X: " + TOKEN):
            with socket.create_connection(s.address) as one:
                one.sendall(f"POST /v1/run HTTP/1.1\r\nHost: localhost\r\n{head}\r\nContent-Length: {MIB}\r\n\r\n".encode())
                assert b" 413 " in one.recv(4096), head
        strangers = [socket.create_connection(s.address) for _ in range(20)]
        for one in strangers:
            one.settimeout(5)
            try:
                one.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(64):
                    one.sendall(b"4000\r\n" + b" " * 16384 + b"\r\n")
            except ConnectionError:
                pass
        assert memory(s.process.pid) - before < 8 * MIB, memory(s.process.pid) - before
        for one in strangers:
            one.close()
        same(output(s.run(code).events), b"300000\n")
        connection = s.connection()  # the first request has no token
        same(s.ask("GET", "/health", token="", connection=connection).status, 200)
        same(output(s.run(code, connection=connection).events), b"300000\n")
        same(output(s.run(code, connection=connection).events), b"300000\n")
        connection.close()
        same(output(s.ask("POST", "/v1/run", {"code": code}, token="", headers={"x-api-key": TOKEN}).events), b"300000\n")
        text = run_text(code, "Connection: close")
        with socket.create_connection(s.address) as one:
            for i in range(200):
                one.send(text[i:i + 1])
            one.sendall(text[200:])
            got = b""
            while more := one.recv(65536):
                got += more
        same(got.count(rb'"300000\n"'), 1)
    with Server(tokens=f"{TOKEN} name=a\n") as s:  # descriptors are closed, each once
        s.ask("GET", "/health")
        count = len(os.listdir(f"/proc/{s.process.pid}/fd"))
        for _ in range(50):
            s.raw(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        wait_for(lambda: len(os.listdir(f"/proc/{s.process.pid}/fd")) <= count, "the descriptors given back")


@case
def ten_thousand_at_once():
    """Each gets an answer: its own, or 429 with the advice to come again."""
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 200)
    got = {}
    with Server("--waiting", "200") as s, selectors.DefaultSelector() as selector:
        for i in range(count):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(s.address)
            selector.register(one, selectors.EVENT_WRITE, i)
            got[i] = b""
        left, end = count, time.monotonic() + 60
        while left:
            assert time.monotonic() < end, f"{left} without an answer"
            for key, _ in selector.select(10):
                if key.events == selectors.EVENT_WRITE:
                    key.fileobj.send(run_text(f"print({key.data})", "Connection: close"))
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                    continue
                more = key.fileobj.recv(65536)
                got[key.data] += more
                if not more:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    left -= 1
        refused = [text for text in got.values() if text.startswith(b"HTTP/1.1 429 ")]
        assert all(b"Retry-After: 1\r\n" in text and b'"Busy"' in text for text in refused)
        right = sum(b'"text":"%d\\n"' % i in text and b'"outcome":"status"' in text for i, text in got.items())
        same(right + len(refused), count)
        assert right >= 200 and refused, (right, len(refused))
        same(output(s.run("print(1)").events), b"1\n")


@case
def connections_that_idle():
    count = 1000
    with Server("--http-timeout", "2") as s:
        s.run("print(1)")
        before = memory(s.process.pid)
        idle = [socket.create_connection(s.address) for _ in range(count)]
        half = [socket.create_connection(s.address) for _ in range(10)]
        for one in half:
            one.send(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\n")
        same(output(s.run("print(1)").events), b"1\n")
        each = (memory(s.process.pid) - before) / count
        assert each < 4096, f"{each} bytes a connection"
        slow = Stream(s, "/v1/run", {"code": "import time; time.sleep(3); print(2)"})  # silent, but not idle
        for one in (*idle, *half):
            one.settimeout(10)
            same(one.recv(1), b"")
            one.close()
        slow.until("stdout")
        same(slow.until("done")["outcome"], "status")


@case
def more_connections_than_descriptors():
    """Those that there are go on, the others wait, and the server does not spin."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    with Server(preexec_fn=few) as s:
        session = s.open()
        connection = s.connection()
        same(output(s.run("print(1)", session=session, connection=connection).events), b"1\n")
        many = [socket.create_connection(s.address) for _ in range(100)]
        before = pathlib.Path(f"/proc/{s.process.pid}/stat").read_text().split()[13:15]
        for _ in range(5):
            same(output(s.run("print(1)", session=session, connection=connection).events), b"1\n")
            time.sleep(0.1)
        after = pathlib.Path(f"/proc/{s.process.pid}/stat").read_text().split()[13:15]
        ticks = sum(map(int, after)) - sum(map(int, before))
        assert ticks < 20, f"{ticks} ticks of CPU time in half a second"
        for one in many:
            one.close()
        same(output(s.run("print(2)").events), b"2\n")
        connection.close()
        same(s.end(), (0, ""))


@case
def workers_know_no_client():
    with Server() as s:
        for i in range(3):
            s.open()
        stream = Stream(s, "/v1/run", {"code": LOOP})
        stream.until("stdout")
        s.open()
        ours = {os.readlink(f"/proc/{s.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{s.process.pid}/fd")}
        inodes = {line.split()[9] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]}
        mine = {f"socket:[{inode}]" for inode in inodes} & ours
        assert len(mine) >= 2, mine  # one that listens, and a connection
        for pid in children(s.process.pid):
            theirs = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            same(theirs & mine, set())


@case
def a_worker_that_dies():
    with Server() as s:
        stream = Stream(s, "/v1/run", {"code": LOOP})
        stream.until("stdout")
        for pid in children(s.process.pid):
            os.kill(pid, 9)
        failed = stream.event()
        same((failed["event"], failed["type"]), ("failed", "WorkerDied"))
        # Of those that were ready the server may learn only now.
        wait_for(lambda: output(s.run("print(1)").events) == b"1\n", "a worker that lives")
