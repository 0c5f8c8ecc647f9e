# SPDX-License-Identifier: Apache-2.0
"""Hermetic runs, their limits, and their tools."""

import json
import time

from caselist import case, same
from check import failed, ran
from client import Server, frame

LOOP = "while True: pass"
HOST = "import host\n"


@case
def hello():
    with Server("--timeout", "5", "--sessions", "7") as s:
        done, _ = s.do("hello", protocol=1)
        same((done["protocol"], done["image"], done["limits"]["timeout"], done["limits"]["sessions"]), (1, "python", 5.0, 7))
        failed(s.do("hello", protocol=2), "ValueError", "'protocol' is 2")
        same(s.end(), (0, ""))


@case
def the_example_of_the_protocol():
    """Each request of the example is sent, and each event comes as it stands there."""
    count = 0
    with open("pyhl/PROTOCOL.md", encoding="utf-8") as page, Server() as s:
        for line in page:
            if not line.startswith(("    > {", "    < {")):
                continue
            text, _, data = line[6:].rstrip("\n").partition(" | ")
            data = data.replace("\\n", "\n").encode()
            if line[4] == ">":
                s.write(frame(json.loads(text), data))
            else:
                message, got = s.event()
                wanted = json.loads(text.replace(",...", ""))
                same(({name: message.get(name) for name in wanted}, got), (wanted, data))
                assert "..." in text or message.keys() == wanted.keys(), message
                count += 1
    same(count, 7)


@case
def script():
    with Server() as s:
        ran(s.do("run", "import sys\nprint('out', sys.argv[1:])\nprint('err', file=sys.stderr)\nsys.exit(7)",
                 args=["a", "", "ü"]), "out ['a', '', 'ü']\n".encode(), b"err\n", status=7)
        done, got = s.do("run", "1/0")
        same((done["status"], b"ZeroDivisionError" in got["stderr"]), (1, True))
        ran(s.do("run", "import os; print(os.environ['A'], os.getcwd())", env={"A": "ü=1"}, cwd="/srv/x"), "ü=1 /srv/x\n".encode())
        ran(s.do("run", "import os; os.write(1, bytes(range(256)))"), bytes(range(256)))
        ran(s.do("run", "import sys; print(repr(sys.stdin.read()))"), b"''\n")


@case
def each_run_is_the_first():
    with Server("--workers", "1") as s:
        for _ in range(5):
            ran(s.do("run", "import os, builtins\nprint(hasattr(builtins, 'mark'), os.path.exists('/tmp/mark'))\n"
                            "builtins.mark = 1; open('/tmp/mark', 'w').close()"), b"False False\n")


@case
def a_cell_has_records():
    with Server() as s:
        _, got = ran(s.do("run", "print('a'); 6 * 7", **{"as": "cell"}), b"a\n", outcome="ready")
        (message, data), = got["record"]
        same((message["kind"], json.loads(data)["data"]["text/plain"]), ("result", "42"))
        _, got = ran(s.do("run", "raise ValueError('no')", **{"as": "cell"}), outcome="ready", status=1)
        same((got["record"][0][0]["kind"], json.loads(got["record"][0][1])["value"]), ("error", "no"))


@case
def output_comes_while_the_run_goes_on():
    with Server() as s:
        number = s.send("run", HOST + "print('first', flush=True)\nhost.go()\nprint('second')", tools=[{"name": "go"}])
        seen = [s.event()[0]["event"], s.event()[0]["event"]]
        same(seen, ["stdout", "call"])
        s.send("reply", b"null", run=number, call=1)
        same(s.answer(number)[1]["stdout"], b"second\n")


@case
def limits_of_a_run():
    with Server() as s:
        for limits, code, limit, status in (
                ({"timeout": 0.3}, LOOP, "timeout", 124),
                ({"timeout": 0.3}, "import time; time.sleep(60)", "timeout", 124),
                ({"cpu": 0.2}, LOOP, "cpu", 152),
                ({"memory": 450 << 20}, "x = bytearray(900 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1", "memory", 137),
                ({"output_limit": 5000}, "while True: print('x' * 100)", "output", 153),
                ({"tool_calls": 2}, HOST + "for i in range(3): host.f()", "tool_calls", 154)):
            number = s.send("run", code, tools=[{"name": "f"}], **limits)
            while True:
                message, _ = s.until(lambda m: m.get("id") == number)
                if message["event"] == "call":
                    s.send("reply", b"1", run=number, call=message["call"])
                elif message["event"] in ("done", "failed"):
                    break
            same((message["event"], message.get("limit"), message.get("status")), ("done", limit, status))
        ran(s.do("run", "print(1)"), b"1\n")


@case
def limits_of_the_server():
    with Server("--timeout", "0.4", "--output-limit", "1000", "--tool-calls", "1") as s:
        same(s.do("run", LOOP)[0]["limit"], "timeout")
        same(s.do("run", "print('x' * 2000)")[0]["limit"], "output")
        failed(s.do("run", "1", timeout=0.5), "ValueError", "'timeout' is 0.5, and the server allows 0.4")
        failed(s.do("run", "1", output_limit=1001), "ValueError", "'output_limit' is 1001, and the server allows 1000")
        same(s.do("run", LOOP, timeout=0.1)[0]["limit"], "timeout")


@case
def a_wait_for_a_reply_has_an_end():
    with Server() as s:
        number = s.send("run", HOST + "host.f()", timeout=0.5, tools=[{"name": "f"}])
        same(s.answer(number)[0]["limit"], "timeout")
        s.send("reply", b"1", run=number, call=1)
        ran(s.do("run", "print(1)"), b"1\n")


SCHEMA = json.dumps({"properties": {"a": {}, "b": {}}, "required": ["a"]})


@case
def tools_get_and_give_values_as_they_are():
    with Server() as s:
        number = s.send("run", HOST + "print(host.f(a=[10**30, 'ü', None], b={'x': 1.5}))", tools=[{"name": "f", "schema": SCHEMA}])
        message, data = s.until(lambda m: m["event"] == "call")
        same((message["id"], message["name"], json.loads(data)), (number, "f", {"a": [10**30, "ü", None], "b": {"x": 1.5}}))
        s.send("reply", b"123456789012345678901234567890", run=number, call=message["call"])
        ran(s.answer(number), b"123456789012345678901234567890\n")


@case
def a_tool_fails():
    with Server() as s:
        number = s.send("run", HOST + "try:\n    host.f()\nexcept Exception as e:\n    print(type(e).__name__, e)", tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        s.send("reply", run=number, call=message["call"], error={"type": "LookupError", "message": "not there"})
        done, got = s.answer(number)
        same((done["status"], got["stdout"].split()[-2:]), (0, [b"not", b"there"]))


@case
def calls_are_open_at_once_and_answered_in_any_order():
    code = ("import asyncio, host\nasync def main():\n    print(await asyncio.gather(*[host.aio.f(a=i) for i in range(20)]))\n"
            "asyncio.run(main())")
    with Server() as s:
        number = s.send("run", code, tools=[{"name": "f", "schema": SCHEMA}])
        calls = [s.until(lambda m: m["event"] in ("call", "done")) for _ in range(20)]
        for message, data in reversed(calls):
            s.send("reply", str(json.loads(data)["a"] ** 2), run=number, call=message["call"])
        ran(s.answer(number), f"{[i * i for i in range(20)]}\n".encode())


@case
def a_reply_reaches_a_guest_that_computes():
    code = ("import threading, host\ngot = []\nt = threading.Thread(target=lambda: got.append(host.f())); t.start()\n"
            "while not got: pass\nt.join(); print(got)")
    with Server() as s:
        number = s.send("run", code, timeout=20, tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        time.sleep(0.2)
        s.send("reply", b"5", run=number, call=message["call"])
        ran(s.answer(number), b"[5]\n")


@case
def a_reply_may_be_large():
    with Server() as s:
        number = s.send("run", HOST + "print(len(host.f()))", tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        s.send("reply", json.dumps("x" * 1000000), run=number, call=message["call"])
        ran(s.answer(number), b"1000000\n")


@case
def replies_to_nothing_are_dropped():
    with Server() as s:
        s.send("reply", b"1", run=12345, call=1)
        ran(s.do("run", "print(1)"), b"1\n")
        number = s.send("run", HOST + "print(host.f())", tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        s.send("reply", b"1", run=number, call=77)
        s.send("reply", b"2", run=number, call=message["call"])
        s.send("reply", b"3", run=number, call=message["call"])
        ran(s.answer(number), b"2\n")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def interrupt():
    with Server() as s:
        number = s.send("run", f"print('on', flush=True)\n{LOOP}")
        s.until(lambda m: m["event"] == "stdout")
        same(s.do("interrupt", run=number)[0]["event"], "done")
        done, got = s.answer(number)
        same((done["outcome"], done["status"], b"KeyboardInterrupt" in got["stderr"]), ("signal", 130, True))
        failed(s.do("interrupt", run=number), "LookupError", f"no run {number}")


@case
def cancel():
    with Server("--workers", "1") as s:
        running = s.send("run", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint(1, flush=True)\n" + LOOP)
        waiting = s.send("run", "print(2)")
        s.until(lambda m: m["event"] == "stdout")
        same(s.do("cancel", run=waiting)[0]["event"], "done")
        failed(s.answer(waiting), "Cancelled")
        same(s.do("cancel", run=running)[0]["event"], "done")
        same(s.answer(running)[0]["outcome"], "interrupted")
        ran(s.do("run", "print(3)"), b"3\n")


@case
def a_cancel_may_come_at_any_moment():
    with Server("--workers", "2") as s:
        for delay in range(60):
            number = s.send("run", LOOP)
            time.sleep(delay / 20000)
            s.send("cancel", run=number)
            done, _ = s.answer(number, 10)
            assert done.get("outcome") == "interrupted" or done.get("type") == "Cancelled", done
            ran(s.do("run", "print(1)"), b"1\n")


@case
def many_at_once_are_not_mixed_up():
    with Server() as s:
        numbers = [s.send("run", f"print({i} * 3); import sys; sys.exit({i} % 200)") for i in range(500)]
        for i, number in enumerate(numbers):
            ran(s.answer(number), f"{i * 3}\n".encode(), status=i % 200)
        same(s.end(), (0, ""))


@case
def the_end_of_the_input():
    with Server("--workers", "1") as s:
        for i in range(5):
            s.send("run", f"print({i})")
        s.process.stdin.close()
        for i in range(1, 6):
            ran(s.answer(i), f"{i - 1}\n".encode())
        same((s.event(), s.process.wait(10)), (None, 0))
    with Server() as s:
        s.send("run", HOST + "print(host.f())", tools=[{"name": "f"}])
        s.until(lambda m: m["event"] == "call")
        s.process.stdin.close()
        same(s.answer(1)[0]["outcome"], "interrupted")
        same(s.process.wait(10), 0)
