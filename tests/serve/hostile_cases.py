# SPDX-License-Identifier: Apache-2.0
"""What clients, guests and the world do to a server: nothing is lost, mixed up or left over."""

import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import struct
import time

from caselist import case, children, same
from check import cell, failed, ran
from client import Server, frame

READY, STDOUT = 6, 7  # WORKER_READY, WORKER_STDOUT (pyhl/worker.h)
PIDFD_GETFD = 438


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, seconds=10):
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        assert time.monotonic() < end, f"still there: {[p for p in pids if alive(p)]}"
        time.sleep(0.02)


def memory(pid):
    """Memory of the process alone, KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))


@case
def requests_that_are_wrong():
    with Server() as s:
        for members, text in (
                ({"op": "fly"}, "'op' is 'fly': it must be hello, run"),
                ({"op": 5}, "'op' must be a string"),
                ({"op": "run", "id": -1}, "'id' must be a whole number"),
                ({"op": "run", "speed": 1}, "unknown member 'speed'"),
                ({"op": "run", "timeout": "1"}, "'timeout' must be a number over 0"),
                ({"op": "run", "timeout": 0}, "'timeout' must be a number over 0"),
                ({"op": "run", "timeout": -3}, "'timeout' must be a number over 0"),
                ({"op": "run", "memory": 1e30}, "'memory' must be a number over 0"),
                ({"op": "run", "args": "a"}, "'args' must be a list of strings"),
                ({"op": "run", "args": ["a", 1]}, "'args[1]' must be a string"),
                ({"op": "run", "env": {"A=B": "1"}}, "'env': 'A=B' is no name"),
                ({"op": "run", "env": {"A": 1}}, "'env': 'A' is no name of a variable, or has no string"),
                ({"op": "run", "cwd": "tmp"}, "'cwd' is 'tmp', which is not absolute"),
                ({"op": "run", "as": "poem"}, "'as' is 'poem'"),
                ({"op": "run", "context": "c"}, "'context' is for a run in a session"),
                ({"op": "run", "as": "cell", "args": []}, "'args' are for scripts"),
                ({"op": "run", "tools": [{"name": "a b"}]}, "'tools[0]' must be an object with a 'name'"),
                ({"op": "run", "tools": [{"name": "a", "x": 1}]}, "unknown member 'x'"),
                ({"op": "run", "deterministic": 1}, "'deterministic' must be true or false"),
                ({"op": "cancel", "run": 99}, "no run 99 is under way"),
                ({"op": "close", "session": "s9"}, "there is no session 's9'"),
                ({"op": "open", "args": []}, "unknown member 'args'")):
            number = members.pop("id", 1)
            s.write(frame({"id": number, **members}))
            message, _ = s.event()
            assert message["event"] == "failed" and text in message["message"], (members, message)
            same(message.get("id"), number if number >= 0 else None)
        s.write(frame({"id": 1, "op": "run"}, b"print(1)\0"))
        same(s.event()[0]["message"], "the code has a NUL")
        s.write(frame({"id": 1, "op": "hello", "protocol": 1}, b"x"))
        same(s.event()[0]["message"], "'hello' takes no bytes")
        ran(s.do("run", "print(1)"), b"1\n")


@case
def two_requests_of_one_number():
    with Server() as s:
        s.write(frame({"id": 7, "op": "run"}, b"while True: pass"))
        s.write(frame({"id": 7, "op": "run"}, b"print(1)"))
        message, _ = s.event()
        same((message["event"], "is under way" in message["message"]), ("failed", True))


@case
def frames_that_are_none():
    deep = b'{"id":1,"op":"run","env":' + b"[" * 70 + b"]" * 70 + b"}"
    for data in (b"\xff" * 8, struct.pack("<II", 2, 0) + b"[]", struct.pack("<II", 4, 0) + b"nope", frame(deep),
                 struct.pack("<II", 3, 0) + b'"\xff"', struct.pack("<II", 10, (64 << 20) + (64 << 10) + 1),
                 frame(b'{"id":1,"id":2,"op":"run"}')):
        with Server() as s:
            ran(s.do("run", "print(1)"), b"1\n")
            s.write(data)
            message, _ = s.event()
            same((message["event"], message["type"], "id" in message), ("failed", "ProtocolError", False))
            same((s.event(), s.process.wait(10)), (None, 125))


@case
def half_a_frame_at_the_end():
    with Server() as s:
        s.write(frame({"id": 1, "op": "run"}, b"print(1)")[:-3])
        same(s.end(), (0, ""))


@case
def a_frame_comes_byte_by_byte():
    with Server() as s:
        for byte in frame({"id": 1, "op": "run"}, b"print(1)"):
            s.write(bytes([byte]))
        ran(s.answer(1), b"1\n")


@case
def a_worker_is_killed():
    with Server("--workers", "2") as s:
        session = s.open()
        cell(s.do("run", "x = 1", session=session))
        number = s.send("run", "print(1, flush=True)\nwhile True: pass")
        s.until(lambda m: m["event"] == "stdout")
        for pid in children(s.process.pid):
            os.kill(pid, signal.SIGKILL)
        failed(s.answer(number), "WorkerDied", "killed by signal 9")
        done, _ = s.do("run", "x", session=session)  # it may be on its way when the death is seen
        assert done.get("type") in ("WorkerDied", "LookupError"), done
        failed(s.do("run", "x", session=session), "LookupError", f"no session '{session}'")
        for i in range(20):
            ran(s.do("run", f"print({i})"), f"{i}\n".encode())


@case
def workers_are_killed_all_the_time():
    with Server("--workers", "3") as s:
        answers = {"done": 0, "WorkerDied": 0}
        for i in range(150):
            number = s.send("run", f"print({i})")
            pids = children(s.process.pid)
            if i % 3 == 0 and pids:
                with contextlib.suppress(ProcessLookupError):  # it was killed a moment ago
                    os.kill(pids[i % len(pids)], signal.SIGKILL)
            done, got = s.answer(number)
            if done["event"] == "done":
                same(got["stdout"], f"{i}\n".encode())
            answers[done.get("type", "done")] += 1
        assert answers["done"] >= 90, answers
        same(s.end(), (0, ""))


@case
def a_worker_is_in_jail_and_holds_little():
    with Server("--workers", "1") as s:
        number = s.send("run", "print(1, flush=True)\nwhile True: pass")
        s.until(lambda m: m["event"] == "stdout")
        for pid in children(s.process.pid):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status, status
            kinds = [os.readlink(f"/proc/{pid}/fd/{fd}").split("[")[0].split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")]
            same(kinds.count("socket"), 1)
            same(kinds.count("pipe"), 1)  # standard error
        s.do("cancel", run=number)


@case
def the_server_is_killed():
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        with Server("--workers", "3") as s:
            session = s.open()
            cell(s.do("run", "x = 1", session=session))
            s.send("run", "print(1, flush=True)\nwhile True: pass")
            s.until(lambda m: m["event"] == "stdout")
            pids = children(s.process.pid)
            assert len(pids) >= 3, pids
            s.process.send_signal(how)
            same(s.process.wait(10), -how)
            gone(pids)


@case
def the_output_is_closed():
    with Server() as s:
        s.send("run", "while True: print('x' * 100, flush=True)", output_limit=60 << 20)
        s.event()
        pids = children(s.process.pid)
        s.process.stdout.close()
        same(s.process.wait(20), 141)
        gone(pids)
        s.process.stdout = open(os.devnull, "rb")


@case
def a_client_that_does_not_read():
    with Server("--workers", "2") as s:
        numbers = [s.send("run", "import os\nfor i in range(400): os.write(1, bytes([i % 256]) * 65536)") for _ in range(4)]
        time.sleep(2)
        held = memory(s.process.pid)
        assert held < 40 << 10, f"the server holds {held} KiB"
        for number in numbers:
            ran(s.answer(number, 60), b"".join(bytes([i % 256]) * 65536 for i in range(400)))


@case
def too_many_wait():
    with Server("--workers", "1", "--waiting", "10") as s:
        busy = [s.send("run", "import host; print(host.f())", tools=[{"name": "f"}])]
        message, _ = s.until(lambda m: m["event"] == "call")
        busy += [s.send("run", f"print({i})") for i in range(9)]
        over = [s.send("run", "print(1)") for _ in range(200)]
        for number in over:
            failed(s.answer(number), "Busy", "10 requests are under way")
        s.send("reply", b"0", run=busy[0], call=message["call"])
        ran(s.answer(busy[0]), b"0\n")
        for i, number in enumerate(busy[1:]):
            ran(s.answer(number), f"{i}\n".encode())


@case
def memory_stays_flat():
    with Server("--workers", "2") as s:
        def work(count):
            for _ in range(count):
                ran(s.do("run", "print('x' * 3000)"), b"x" * 3000 + b"\n")
            for _ in range(count // 10):
                session = s.open()
                cell(s.do("run", "x = 1", session=session))
                s.do("close", session=session)
        work(200)
        before = memory(s.process.pid)
        work(1500)
        after = memory(s.process.pid)
        assert after < before + 300, (before, after)
        end = time.monotonic() + 10  # the workers of the last sessions are being put back
        while len(children(s.process.pid)) > 2:
            assert time.monotonic() < end, children(s.process.pid)
            time.sleep(0.02)


@case
def a_home_that_is_not_there():
    with Server("--dest", "/nowhere/at/all") as s:
        status, text = s.end()
        assert status == 125 and "/nowhere/at/all" in text and text.count("\n") == 1, (status, text)
    with Server("--workers", "100000") as s:
        status, text = s.end()
        assert status == 2 and "--workers 100000: at most 256" in text, (status, text)


def forge(pid, kind, data=b""):
    """Sends a message to the server in the name of a worker, as a guest that has taken over the worker could."""
    system = ctypes.CDLL(None, use_errno=True).syscall
    handle = os.pidfd_open(pid)
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            kind_of = os.readlink(f"/proc/{pid}/fd/{entry}")
        except OSError:  # it was closed: the worker is new
            continue
        if kind_of.startswith("socket:"):
            copy = system(PIDFD_GETFD, handle, int(entry), 0)
            if copy < 0:
                raise OSError(ctypes.get_errno(), "pidfd_getfd")
            os.write(copy, struct.pack("<IIQQ", kind, 0, 0, len(data)) + data)
            os.close(copy)
    os.close(handle)


@case
def a_worker_that_never_comes_back():
    with Server("--workers", "1") as s:
        session = s.open()
        done, got = cell(s.do("run", "import os; os.getpid()", session=session))
        same(len(children(s.process.pid)), 2)
        held = min(children(s.process.pid))  # it was there before the session took it
        os.kill(held, signal.SIGSTOP)
        s.do("close", session=session)
        for pid in children(s.process.pid):
            if pid != held:
                os.kill(pid, signal.SIGKILL)
        while children(s.process.pid) != [held]:
            time.sleep(0.01)
        ran(s.do("run", "print(1)", within=30), b"1\n")
        same(alive(held), False)
        same(s.end(), (0, ""))


@case
def a_worker_that_lies_about_being_ready():
    with Server("--workers", "1") as s:
        number = s.send("run", "print(1, flush=True)\nwhile True: pass")
        s.until(lambda m: m["event"] == "stdout")
        for pid in children(s.process.pid):
            forge(pid, READY)
        failed(s.answer(number), "WorkerDied")
        session = s.open()
        cell(s.do("run", "x = 'secret'", session=session))
        for pid in children(s.process.pid):
            forge(pid, READY)
        for i in range(3):
            done, got = s.do("run", "print(globals().get('x'))")
            assert b"secret" not in got["stdout"], got
        done, _ = s.do("run", "x", session=session)
        assert done.get("type") in ("WorkerDied", "LookupError"), done
        ran(s.do("run", "print(1)"), b"1\n")
        same(s.end(), (0, ""))


@case
def an_open_is_cancelled_before_it_began():
    with Server("--workers", "1") as s:
        s.write(frame({"id": 1, "op": "open"}) + frame({"id": 2, "op": "run", "session": "s1"}, b"1") +
                frame({"id": 3, "op": "cancel", "run": 1}))
        failed(s.answer(1), "Cancelled")
        failed(s.answer(2), "LookupError", "the session was not opened")
        ran(s.do("run", "print(1)", id=4), b"1\n")
        same(s.end(), (0, ""))


@case
def an_open_is_cancelled_at_any_moment():
    with Server("--workers", "1") as s:
        for i in range(200):
            opened = s.send("open")
            time.sleep(i / 200000)
            s.send("cancel", run=opened)
            done, _ = s.answer(opened)
            if "session" in done:
                same(s.do("close", session=done["session"])[0]["event"], "done")
            else:
                failed((done, None), "Cancelled")
        ran(s.do("run", "print(1)"), b"1\n")
        same(s.end(), (0, ""))


@case
def an_open_whose_session_is_closed_at_once():
    with Server("--workers", "2") as s:
        for i in range(1, 200):
            opened, closed = s.send("open"), s.send("close", session=f"s{i}")
            done, _ = s.answer(opened)
            assert done.get("type") == "Cancelled" or "session" in done, done
            same(s.answer(closed)[0]["event"], "done")
        same(s.end(), (0, ""))


@case
def code_that_waits_is_bounded():
    large = b"#" * (60 << 20)
    with Server("--workers", "1") as s:
        busy = s.send("run", "import host; print(host.f())", tools=[{"name": "f"}])
        message, _ = s.until(lambda m: m["event"] == "call")
        waiting = [s.send("run", large) for _ in range(4)]
        failed(s.do("run", large), "Busy", "requests that wait hold")
        s.send("reply", b"0", run=busy, call=message["call"])
        ran(s.answer(busy), b"0\n")
        for number in waiting:
            ran(s.answer(number, 60))
        ran(s.do("run", large, 60))


@case
def a_late_interrupt_reaches_no_other_run():
    with Server("--workers", "1") as s:
        for i in range(600):
            number = s.send("run", "print(1)")
            time.sleep(i % 40 / 10000)
            late = s.send("interrupt" if i % 2 else "cancel", run=number)
            other = s.send("run", "for i in range(30000): pass\nprint(2)")
            s.answer(number)
            ran(s.answer(other), b"2\n")
            s.answer(late)


@case
def no_room_for_a_process():
    """Descriptors run out: what there is goes on, and the rest is refused."""
    with Server("--workers", "1", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))) as s:
        sessions = []
        while len(sessions) < 40:
            done, _ = s.do("open")
            if done["event"] == "failed":
                break
            sessions.append(done["session"])
        same((done.get("type"), "Too many open files" in done.get("message", "")), ("Busy", True))
        for session in sessions:
            cell(s.do("run", "x = 1", session=session))
        failed(s.do("run", "print(1)"), "Busy", "Too many open files")
        s.do("close", session=sessions[0])
        end = time.monotonic() + 10
        while s.do("run", "print(1)")[0].get("type") == "Busy":  # its worker is being put back
            assert time.monotonic() < end
            time.sleep(0.02)


@case
def no_room_for_the_only_worker():
    """Neither for its socket nor for its machine: requests are refused, and the server and what is paused go on."""
    with Server("--workers", "1") as s:
        session = s.open()
        cell(s.do("run", "x = 5", session=session))
        same(s.do("pause", session=session)[0]["event"], "done")
        ran(s.do("run", "print(1)"), b"1\n")
        size = int(pathlib.Path(f"/proc/{s.process.pid}/status").read_text().split("VmSize:")[1].split()[0]) << 10
        for kind, low in ((resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_AS, size + (64 << 20))):
            before = resource.prlimit(s.process.pid, kind)
            resource.prlimit(s.process.pid, kind, (low, before[1]))
            for pid in children(s.process.pid):
                os.kill(pid, signal.SIGKILL)
            gone(children(s.process.pid))
            kinds = [s.do("run", "print(1)")[0].get("type") for _ in range(3)]
            same((kind, kinds[-1]), (kind, "Busy"))
            failed(s.do("run", "x", session=session), "Busy")
            resource.prlimit(s.process.pid, kind, before)
            time.sleep(1.1)
            ran(s.do("run", "print(1)"), b"1\n")
            cell(s.do("run", "print(x)", session=session), out=b"5\n")
            same(s.do("pause", session=session)[0]["event"], "done")
        same(s.end(), (0, ""))


@case
def replies_that_a_worker_does_not_take():
    with Server("--workers", "1") as s:
        number = s.send("run", "import asyncio, host\nasync def f(): await asyncio.gather(*[host.aio.f() for _ in range(8)])\nasyncio.run(f())",
                        tools=[{"name": "f"}])
        calls = [s.until(lambda m: m["event"] == "call")[0]["call"] for _ in range(8)]
        held = children(s.process.pid)
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        replies = [s.send("reply", bytes(60 << 20), run=number, call=call) for call in calls]
        failed(s.answer(replies[-1]), "Busy", "does not take the replies")
        assert memory(s.process.pid) < 700 << 10, memory(s.process.pid)
        for pid in held:
            os.kill(pid, signal.SIGKILL)
        failed(s.answer(number), "WorkerDied")


@case
def a_worker_that_sends_more_than_the_limit():
    with Server("--workers", "1") as s:
        number = s.send("run", "print(1, flush=True)\nwhile True: pass", output_limit=1000)
        s.until(lambda m: m["event"] == "stdout")
        for pid in children(s.process.pid):
            try:
                for _ in range(5):
                    forge(pid, STDOUT, b"x" * (1 << 20))
            except OSError:
                pass  # it was killed
        done, got = s.answer(number, 10)
        same((done.get("type"), len(got["stdout"]) <= 2 << 20), ("WorkerDied", True))
