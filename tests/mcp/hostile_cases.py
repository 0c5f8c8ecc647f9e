# SPDX-License-Identifier: Apache-2.0
"""Input of clients and acts of guests that mean no good."""

import json
import os
import signal
import subprocess
import time

from caselist import case, children, same
from client import MODERN, PYHL, Server, text

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "run_python", "arguments": {"code": "1"}}}


@case
def lines_that_are_no_messages():
    with Server() as s:
        for line, code in (
                (b"hello", -32700), (b"{", -32700), (b"\xff\xfe", -32700), (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700),
                (b'"text"', -32700), (b"5", -32700), (b"[]", -32600), (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
                (b"\0", -32700), (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700), (b"[" * 100000, -32600),
                (b'{"a":' * 65 + b"1" + b"}" * 65, -32700), (b'{"jsonrpc":"2.0","id":' + b"9" * 50 + b',"method":"ping"}', -32700),
                (b"{}", -32600), (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600), (b'{"id":1,"method":"ping"}', -32600),
                (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
                (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
                (b'{"jsonrpc":"2.0","id":1}', -32600)):
            message = s.raw(line)
            same((message["jsonrpc"], message["error"]["code"]), ("2.0", code))
            assert message["id"] is None or (message["id"] == 1 and code == -32600), message
        same(s.raw(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}')["error"]["code"], -32602)
        same(s.raw(b'{"jsonrpc":"2.0","id":1,"method":"nothing"}'),
             {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found: nothing"}})
        same(s.end(), (0, ""))


@case
def lines_that_get_no_answer():
    with Server() as s:
        s.write(b"\n\r\n  \t\n" + b'{"jsonrpc":"2.0","id":1,"result":{}}\n{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"x"}}\n'
                b'{"jsonrpc":"2.0","method":"notifications/unknown"}\n{"jsonrpc":"2.0","method":"tools/call","params":{}}\n'
                b'{"jsonrpc":"2.0","method":"notifications/cancelled"}\n'
                b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}\n')
        same(s.raw(b'{"jsonrpc":"2.0","id":"x","method":"ping"}\r'), {"jsonrpc": "2.0", "id": "x", "result": {}})


@case
def a_line_that_is_too_long():
    with Server() as s:
        size = 17 << 20
        s.write(b'{"x":"' + b"a" * size + b'"}\n')
        same(json.loads(s.line())["error"]["code"], -32700)
        code = f"len('{'a' * (8 << 20)}')"
        same(text(s.call("run_python", code=code)), str(8 << 20))
        same(s.end(), (0, ""))


@case
def an_id_that_is_under_way():
    with Server() as s:
        s.write(json.dumps({**CALL, "params": {"name": "run_python", "arguments": {"code": "import time; time.sleep(0.5)"}}}).encode() + b"\n")
        same(s.raw(CALL)["error"]["code"], -32600)
        same(json.loads(s.line())["result"]["isError"], False)
        same(text(s.raw(CALL)["result"]), "1")


@case
def a_worker_that_is_killed():
    with Server("--workers", "1") as s:
        for hermetic in (True, False):
            arguments = {} if hermetic else {"session": s.call("session", action="open")["structuredContent"]["sessions"][0]}
            number = s.begin("run_python", {"progressToken": 1}, code="print('on', flush=True)\nwhile True: pass", **arguments)
            same(json.loads(s.line())["params"]["message"], "on\n")
            for pid in children(s.process.pid):
                os.kill(pid, signal.SIGKILL)
            result = s.answer(number)["result"]
            same((result["isError"], "WorkerDied" in text(result)), (True, True))
        assert "there is no session" in text(s.call("run_python", code="1", **arguments))
        same(text(s.call("run_python", code="1 + 1")), "2")


@case
def records_that_a_guest_makes_up():
    code = ("import os\nfd = os.open('/dev/pyhl-record', os.O_WRONLY)\n"
            "for record in (b'result\\0{', b'result\\0[]', b'result\\0{\"data\": 5}', b'result\\0' + b'[' * 1000, b'error\\0{}',\n"
            "               b'error\\0{\"name\": 1, \"value\": [], \"traceback\": {}}', b'display\\0{\"data\": {}}',\n"
            "               b'display\\0{\"data\": {\"image/png\": 5, \"text/plain\": []}}', b'content\\0x', b'done\\0{}',\n"
            "               b'result\\0{\"data\": {\"text/plain\": \"\\xff\"}}'):\n    os.write(fd, record)\n'over'")
    with Server() as s:
        result = s.call("run_python", code=code)
        same((result["isError"], result["structuredContent"]["result"]), (False, "'over'"))
        same([item["type"] for item in result["content"]], ["text", "resource", "text"])


@case
def nobody_reads_the_output():
    reads, writes = os.pipe()
    with subprocess.Popen([PYHL, "mcp"], stdin=subprocess.PIPE, stdout=writes) as process:
        os.close(writes)
        process.stdin.write(json.dumps({**CALL, "params": {"name": "run_python", "arguments": {"code": "while True: pass"}}}).encode() + b"\n")
        process.stdin.flush()
        time.sleep(0.3)
        workers = children(process.pid)
        os.close(reads)
        same((process.wait(10), len(workers) > 0), (141, True))
    end = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):
        assert time.monotonic() < end, "a worker is left"
        time.sleep(0.02)


@case
def answers_that_are_not_read_in_time():
    """The server stops to read, and no answer is lost."""
    with Server() as s:
        numbers = [s.begin("run_python", MODERN, code="'x' * 1000000") for _ in range(40)]
        time.sleep(1)
        for number in numbers:
            same(len(text(s.answer(number)["result"])), 1000002)


@case
def the_server_is_killed():
    with Server() as s:
        s.call("session", action="open")
        s.begin("run_python", code="while True: pass")
        time.sleep(0.2)
        workers = children(s.process.pid)
        s.process.kill()
        s.process.wait()
        end = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{pid}") for pid in workers):
            assert time.monotonic() < end, "a worker is left"
            time.sleep(0.02)


@case
def command_lines_that_are_wrong():
    for options, words in ((["x"], "messages come on standard input"), (["--workers", "300"], "--workers can be at most 256"),
                           (["--nothing"], "--nothing"), (["--timeout", "x"], "--timeout")):
        run = subprocess.run([PYHL, "mcp", *options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        same((run.returncode, run.stdout, words in run.stderr, run.stderr.count("\n")), (2, "", True, 1))
    run = subprocess.run([PYHL, "mcp", "--dest", "/nowhere"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    same((run.returncode, run.stdout, run.stderr.startswith("pyhl mcp: ")), (125, "", True))
