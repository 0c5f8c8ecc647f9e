# SPDX-License-Identifier: Apache-2.0
"""Commands in sessions."""

import hashlib
import json
import os
import signal
import time

from caselist import case, same
from check import cell, failed
from client import Server


def ended(answer, status=0, out=b"", err=b"", signo=None, limit=None):
    done, got = answer
    have = done["event"], done.get("status"), done.get("signal"), done.get("limit"), got["stdout"], got["stderr"]
    same(have, ("done", status, signo, limit, out, err))


def started(s, number):
    """The pid of a command, when it has begun."""
    return s.until(lambda m: m.get("id") == number and m["event"] != "stdout")[0]["pid"]


def output(s, number, ending, within=10):
    """What a command writes, up to these bytes."""
    data = b""
    while not data.endswith(ending):
        message, more = s.until(lambda m: m.get("id") == number and m["event"] != "started", within)
        assert message["event"] == "stdout", (message, data)
        data += more
    return data


@case
def commands_run():
    with Server() as s:
        n = s.open(env={"A": "1", "B": "2"}, cwd="/srv")
        ended(s.do("command", session=n, line="pwd; echo $A$B$C; echo e >&2; exit 3"), 3, b"/srv\n12\n", b"e\n")
        ended(s.do("command", session=n, line="pwd; echo $A$B$C", env={"B": "x", "C": "y"}, cwd="/tmp"), 0, b"/tmp\n1xy\n")
        ended(s.do("command", session=n, args=["printf", "%s|", "a b", "$A", ""]), 0, b"a b|$A||")
        ended(s.do("command", session=n, args=["cat"]))  # its input is empty
        ended(s.do("command", session=n, line="kill -TERM $$"), 143, signo=15)
        ended(s.do("command", session=n, line="id -un; id -gn; echo $HOME", user="nobody"), 0, b"nobody\nnogroup\n/nonexistent\n")
        ended(s.do("command", session=n, args=["python3", "-c", "print(6 * 7)"]), 0, b"42\n")
        cell(s.do("run", "import os; open('f', 'w').write('file'); x = os.getpid()", session=n))
        ended(s.do("command", session=n, args=["cat", "f"]), 0, b"file")
        cell(s.do("run", "print(x == os.getpid())", session=n), out=b"True\n")
        same(s.do("commands", session=n)[0]["commands"], [])


@case
def commands_that_cannot_run():
    with Server("--timeout", "100") as s:
        n = s.open()
        failed(s.do("command", session=n, args=["none"]), "FileNotFoundError", "none")
        failed(s.do("command", session=n, args=["/etc/passwd"]), "PermissionError", "/etc/passwd")
        failed(s.do("command", session=n, line=":", cwd="/none"), "FileNotFoundError", "/none")
        failed(s.do("command", session=n, line=":", cwd="/etc/passwd"), "NotADirectoryError", "/etc/passwd")
        failed(s.do("command", session=n, line=":", user="none"), "LookupError", "there is no user 'none'")
        failed(s.do("command", session="s9", line=":"), "LookupError", "no session 's9'")
        failed(s.do("command", line=":"), "LookupError", "no session ''")
        for members, text in (({}, "either 'args' or 'line'"), ({"args": ["a"], "line": "a"}, "either 'args' or 'line'"),
                              ({"args": []}, "list of 1 to"), ({"args": [1]}, "'args[0]' must be a string"),
                              ({"line": ":", "cwd": "a"}, "not absolute"), ({"line": ":", "env": {"": "x"}}, "no name of a variable"),
                              ({"line": ":", "stdin": 1}, "'stdin' must be true or false"), ({"line": ":", "pty": 1}, "'pty' must be"),
                              ({"line": ":", "pty": {"rows": 1}}, "'columns' must be a whole number"),
                              ({"line": ":", "pty": {"rows": 1, "columns": 99999}}, "at most 10000"),
                              ({"line": ":", "timeout": 0}, "'timeout' must be a number over 0"),
                              ({"line": ":", "timeout": 101}, "the server allows 100"), ({"line": ":", "new": 1}, "unknown member")):
            failed(s.do("command", session=n, **members), "ValueError", text)
        failed(s.do("signal", session=n, pid=2, signal=9), "LookupError", "no command with the pid 2")
        failed(s.do("attach", session=n, pid=99), "LookupError", "no command with the pid 99")
        failed(s.do("input", run=99), "LookupError", "no command 99 is under way")
        ended(s.do("command", session=n, line="echo fine"), 0, b"fine\n")


@case
def commands_input():
    with Server() as s:
        n = s.open()
        data = os.urandom(1 << 20) * 10
        number = s.send("command", session=n, args=["sha256sum"], stdin=True)
        for at in range(0, len(data), 3 << 20):
            same(s.do("input", data[at:at + (3 << 20)], run=number)[0]["event"], "done")
        same(s.do("input", run=number, end=True)[0]["event"], "done")
        ended(s.answer(number), 0, hashlib.sha256(data).hexdigest().encode() + b"  -\n")
        number = s.send("command", session=n, line="cat", stdin=True)
        pid = started(s, number)
        s.do("input", b"by pid\n", session=n, pid=pid)
        same(output(s, number, b"\n"), b"by pid\n")
        s.do("input", b"last", run=number, end=True)
        failed(s.do("input", b"more", run=number), "ValueError", "has had the end of its input")
        ended(s.answer(number), 0, b"last")
        number = s.send("command", session=n, line="exec <&-; sleep 0.2; echo ok", stdin=True)  # reads nothing
        for _ in range(4):
            s.do("input", bytes(100000), run=number)
        ended(s.answer(number), 0, b"ok\n")
        number = s.send("command", session=n, line="sleep 0.2")
        failed(s.do("input", b"x", run=number), "ValueError", "takes no input")
        ended(s.answer(number))


@case
def commands_beside_cells():
    with Server() as s:
        n = s.open()
        ended(s.do("command", session=n, line="true"))
        waits = s.send("run", "import os, time\nwhile not os.path.exists('/tmp/a'): time.sleep(0.01)\nprint('seen')", session=n)
        ended(s.do("command", session=n, line="sleep 0.1; touch /tmp/a; echo made"), 0, b"made\n")
        cell(s.answer(waits), out=b"seen\n")
        busy = s.send("run", "while not os.path.exists('/tmp/b'): pass\nprint('seen')", session=n)  # without sleep
        ended(s.do("command", session=n, line="touch /tmp/b"))
        cell(s.answer(busy), out=b"seen\n")
        ticks = s.send("command", session=n, line="for i in 1 2 3 4 5 6; do echo $i; sleep 0.05; done")
        for i in range(6):
            cell(s.do("run", f"print({i})", session=n), out=f"{i}\n".encode())
        ended(s.answer(ticks), 0, b"1\n2\n3\n4\n5\n6\n")
        serves = s.send("command", session=n, args=["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "8000"])
        output(s, serves, b"...\n")
        cell(s.do("run", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/').status)", session=n), out=b"200\n")
        s.do("cancel", run=serves)
        same((s.answer(serves)[0]["status"], s.do("commands", session=n)[0]["commands"]), (137, []))


@case
def commands_end():
    with Server() as s:
        n = s.open()
        began = time.monotonic()
        ended(s.do("command", session=n, line="sleep 100 & sleep 100; wait", timeout=0.3), 137, signo=9, limit="timeout")
        ended(s.do("command", session=n, line="trap '' TERM INT; while :; do :; done", timeout=0.3), 137, signo=9, limit="timeout")
        assert time.monotonic() - began < 5
        number = s.send("command", session=n, line="trap 'echo got; exit 5' TERM; echo ready; while :; do :; done")
        output(s, number, b"ready\n")
        s.do("signal", run=number, signal=signal.SIGTERM)
        ended(s.answer(number), 5, b"got\n")
        # No line: dash forgets a SIGINT that comes while it makes itself ready to become `sleep`, on Linux, too.
        number = s.send("command", session=n, args=["sleep", "100"])
        started(s, number)
        failed(s.do("interrupt", run=number, hard=True), "ValueError", "unknown member 'hard'")
        s.do("interrupt", run=number)
        ended(s.answer(number), 130, signo=2)
        number = s.send("command", session=n, line="sleep 100")
        (one,) = s.do("commands", session=n)[0]["commands"] or [{"pid": started(s, number), "command": "sleep 100"}]
        same(one["command"], "sleep 100")
        s.do("cancel", run=number)
        ended(s.answer(number), 137, signo=9)
        cell(s.do("run", "import subprocess as p; print(p.run('ps ax | grep -c [s]leep', shell=True, capture_output=True).stdout)",
                  session=n), out=b"b'0\\n'\n")
        number = s.send("command", session=n, line="sleep 100")
        started(s, number)
        s.do("close", session=n)
        failed(s.answer(number), "Cancelled", "the session was closed")
        n = s.open()
        number = s.send("command", session=n, line="sleep 100")
        started(s, number)
        s.do("run", "import os; os._exit(3)", session=n)
        failed(s.answer(number), "LookupError", "the session is over")


@case
def commands_of_others():
    with Server() as s:
        n = s.open()
        number = s.send("command", session=n, line="read a; echo 1; read a; echo 2", stdin=True)
        pid = started(s, number)
        other = s.send("attach", session=n, pid=pid)
        same(started(s, other), pid)
        s.do("input", b"\n\n", run=other)
        ended(s.answer(other), 0, b"1\n2\n")
        ended(s.answer(number), 0, b"1\n2\n")
        number = s.send("command", session=n, line="sleep 0.3; echo 3")
        other = s.send("attach", session=n, pid=started(s, number))
        started(s, other)
        s.do("cancel", run=other)
        failed(s.answer(other), "Cancelled", "attached no more")
        ended(s.answer(number), 0, b"3\n")


@case
def commands_on_a_terminal():
    with Server() as s:
        n = s.open(env={"PS1": "> "})
        ended(s.do("command", session=n, line="tty; stty size; echo e >&2", pty={"rows": 30, "columns": 90}), 0,
              b"/dev/pts/0\r\n30 90\r\ne\r\n")
        shell = s.send("command", session=n, args=["/bin/sh", "-i"], pty={"rows": 24, "columns": 80})
        output(s, shell, b"> ")
        s.do("input", b"echo a$((1 + 1))\n", run=shell)
        same(output(s, shell, b"> "), b"echo a$((1 + 1))\r\na2\r\n> ")
        s.do("input", b"sleep 100\n", run=shell)
        output(s, shell, b"100\r\n")
        s.do("input", b"\x03", run=shell)
        same(output(s, shell, b"> "), b"^C\r\n> ")
        s.do("input", run=shell, end=True)  # as Ctrl-D
        same(s.answer(shell)[0]["status"], 130)
        number = s.send("command", session=n, line="trap 'stty size' WINCH; echo go; while :; do sleep 0.02; done",
                        pty={"rows": 24, "columns": 80})
        output(s, number, b"go\r\n")
        s.do("resize", run=number, rows=50, columns=132)
        same(output(s, number, b"\n"), b"50 132\r\n")
        s.do("input", b"\x03", run=number)
        ended(s.answer(number), 130, b"^C", signo=2)


@case
def commands_that_are_hostile():
    with Server() as s:
        n = s.open()
        ended(s.do("command", session=n, line="exec >&- 2>&- <&-; sleep 0.2; exit 4"), 4)
        began = time.monotonic()
        ended(s.do("command", session=n, line="(trap '' PIPE; sleep 0.5; echo late; touch /tmp/late) & echo now"), 0, b"now\n")
        ended(s.do("command", session=n, line="setsid sleep 60 >/dev/null 2>&1 & sleep 0.1"))
        assert time.monotonic() - began < 20, "a daemon holds its command up"
        ended(s.do("command", session=n, line="until [ -e /tmp/late ]; do sleep 0.02; done"))
        many = [s.send("command", session=n, line=f"echo {i}; sleep 0.1") for i in range(200)]
        for i, number in enumerate(many):
            ended(s.answer(number), 0, f"{i}\n".encode())


@case
def commands_whose_output_is_not_read():
    with Server() as s:
        n = s.open()
        number = s.send("command", session=n, line="head -c 1000000000 /dev/zero; echo end >/tmp/end")
        started(s, number)
        time.sleep(0.5)
        with open(f"/proc/{s.process.pid}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        assert peak < 100_000, f"the server has {peak} KiB"
        cell(s.do("run", "import os; print(os.path.exists('/tmp/end'))", session=n, within=60), out=b"False\n")
        s.do("cancel", run=number)
        same(s.answer(number, 60)[0]["status"], 137)


KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    if b'agent.py' in open(f'/proc/{pid}/cmdline', 'rb').read():
        os.kill(int(pid), signal.%s)
"""


@case
def an_agent_that_is_killed():
    with Server() as s:
        n = s.open()
        ended(s.do("command", session=n, line="echo 1"), 0, b"1\n")
        cell(s.do("run", KILL % "SIGKILL", session=n))
        ended(s.do("command", session=n, line="echo 2"), 0, b"2\n")
        number = s.send("command", session=n, line="sleep 100")
        started(s, number)
        cell(s.do("run", KILL % "SIGKILL", session=n))
        failed(s.answer(number), "OSError", "the process that starts commands was ended")
        failed(s.do("command", session=n, args=["python3", "-c", KILL % "SIGKILL" + "\nimport time; time.sleep(9)"]), "OSError",
               "the process that starts commands was ended")
        ended(s.do("command", session=n, line="echo 3"), 0, b"3\n")
        number = s.send("command", session=n, line="sleep 100", timeout=0.5)
        started(s, number)
        cell(s.do("run", KILL % "SIGSTOP", session=n))
        failed(s.answer(number), "OSError", "has not ended: its session does not answer")
        cell(s.do("run", "print(4)", session=n), out=b"4\n")


FORGED = """
import os, struct
def call(name, data):
    fd = os.open('/dev/pyhl-tool', os.O_RDWR)
    os.write(fd, name + b'\\0' + data)
    os.read(fd, 100)
    os.close(fd)
%s
"""


@case
def an_agent_that_is_forged():
    for text in ("call(b'pyhl:out', b'')", "call(b'pyhl:out', struct.pack('<IIQ', 99, 0, NUMBER))",
                 "call(b'pyhl:next', b'x')", "call(b'pyhl:out', struct.pack('<IIQII', 6, 0, NUMBER, 9999, 0))",
                 "call(b'pyhl:out', struct.pack('<IIQ', 4, 0, NUMBER) + bytes(300000))",
                 "call(b'pyhl:out', struct.pack('<IIQi', 1, 0, 5, -1))", "call(b'pyhl:out', struct.pack('<IIQi', 2, 0, NUMBER, 7))",
                 "call(b'pyhl:out', struct.pack('<IIQI', 7, 0, NUMBER, 1))", "call(b'pyhl:out', struct.pack('<IIQ', 3, 0, NUMBER))"):
        with Server() as s:
            n = s.open()
            number = s.send("command", session=n, line="sleep 100")
            started(s, number)
            s.send("run", FORGED % text.replace("NUMBER", "1"), session=n)
            done, _ = s.answer(number)
            same((text, done["event"], done["type"], done["message"]), (text, "failed", "WorkerDied", "the session is over: its worker died"))


@case
def an_agent_that_is_forged_fills_no_memory():
    """It tells of more commands than a session may have, and begins its window again and again."""
    for text in ("for i in range(5000): call(b'pyhl:out', struct.pack('<IIQi', 1, 0, 1000 + i, 7))",
                 "for _ in range(200):\n"
                 "    call(b'pyhl:out', struct.pack('<IIQi', 1, 0, 1, 7))\n"
                 "    call(b'pyhl:out', struct.pack('<IIQ', 4, 0, 1) + bytes(60000))"):
        with Server() as s:
            n = s.open()
            number = s.send("command", session=n, line="sleep 100")
            started(s, number)
            run = s.send("command", session=n, args=["python3", "-c", FORGED % text])
            time.sleep(1)  # a client that does not read
            failed(s.answer(run), "WorkerDied")
            failed(s.answer(number), "WorkerDied")


@case
def messages_that_an_agent_does_not_take():
    with Server() as s:
        n = s.open()
        number = s.send("command", session=n, line="sleep 100")
        pid = started(s, number)
        cell(s.do("run", KILL % "SIGSTOP", session=n))
        kinds = [s.do("signal", session=n, pid=pid, signal=18)[0].get("type", "done") for _ in range(1500)]
        same((kinds[0], kinds[-1], kinds.count("done") <= 1025), ("done", "Busy", True))


@case
def nothing_shows_of_the_agent():
    with Server() as s:
        n = s.open()
        failed(s.do("run", "1", session=n, tools=[{"name": "pyhl:next"}]), "ValueError", "does not begin with pyhl:")
        number = s.send("command", session=n, line="sleep 100")
        started(s, number)
        cell(s.do("run", "try:\n    import host\nexcept ImportError: print('none')", session=n), out=b"none\n")
        code = "import host\nprint(dir(host), host.add(a=1))\nimport os\ntry: print(os.waitpid(-1, 0))\nexcept ChildProcessError: print('no child')"
        run = s.send("run", code, session=n, tools=[{"name": "add"}], tool_calls=1)
        (message, _) = s.until(lambda m: m.get("event") == "call")
        s.send("reply", b"3", run=run, call=message["call"])
        done, got = cell(s.answer(run), out=b"['HostError', 'add', 'aio', 'call_tool'] 3\nno child\n")
        same(done["counts"]["tool_calls"], 1)


@case
def commands_of_a_client_that_goes():
    with Server() as s:
        n = s.open()
        ended(s.do("command", session=n, line="echo 1"), 0, b"1\n")
        number = s.send("command", session=n, line="cat; echo end", stdin=True)
        started(s, number)
        s.process.stdin.close()
        ended(s.answer(number), 0, b"end\n")
        same(s.process.wait(10), 0)


TICKS = "while :; do echo tick >>/tmp/ticks; sleep 0.01; done"


def ticks(s, n, within=10):
    """Whether the command TICKS goes on, without a cell."""
    sizes, end = [], time.monotonic() + within
    while len(sizes) < 2 or (sizes[-1] == sizes[0] and time.monotonic() < end):
        entries = s.do("file", session=n, action="stat", path="/tmp/ticks")[1]["record"]  # none before the first tick
        sizes.append(json.loads(entries[0][1])["size"] if entries else 0)
        time.sleep(0.02)
    return sizes[-1] > sizes[0]


@case
def commands_of_copies():
    """Commands go on in forks and after a rewind, each in its machine."""
    with Server() as s:
        n = s.open()
        ended(s.do("command", session=n, line="true"))
        (none,) = s.do("fork", session=n)[0]["sessions"]
        number = s.send("command", session=n, line=TICKS)
        pid = started(s, number)
        same(ticks(s, n), True)
        same(s.do("checkpoint", session=n, name="live")[0]["event"], "done")
        one, two = s.do("fork", session=n, count=2)[0]["sessions"]
        for name in (n, one, two):
            while not s.do("commands", session=name)[0]["commands"]:
                time.sleep(0.01)
            same((ticks(s, name), s.do("commands", session=name)[0]["commands"]), (True, [{"pid": pid, "command": TICKS}]))
        other = s.send("attach", session=one, pid=pid)
        started(s, other)
        s.do("signal", session=one, pid=pid, signal=9)
        ended(s.answer(other), 137, signo=9)
        same((ticks(s, one, 0.1), ticks(s, n), ticks(s, two), s.do("commands", session=none)[0]["commands"]), (False, True, True, []))
        ended(s.do("command", session=two, line="echo two"), 0, b"two\n")
        ended(s.do("command", session=none, line="echo none"), 0, b"none\n")
        s.do("cancel", run=number)
        same((s.answer(number)[0]["status"], ticks(s, n, 0.1)), (137, False))
        same(s.do("rewind", session=n, checkpoint="live")[0]["event"], "done")
        same(ticks(s, n), True)
        same(s.do("commands", session=n)[0]["commands"], [{"pid": pid, "command": TICKS}])
        cell(s.do("run", "import time; time.sleep(0.2); print(1)", session=none, tools=[{"name": "t"}], tool_calls=1), out=b"1\n")
