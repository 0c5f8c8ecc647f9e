# SPDX-License-Identifier: Apache-2.0
"""A VM with a session, through build/tests/turns."""
import json
import os
import signal
import subprocess
import threading

SCRIPT, CELL, COMPLETE, INSPECT, IS_COMPLETE, CONTEXT, PRELOAD, SERVICE = 2, 5, 6, 7, 8, 9, 12, 13
PACKAGES = "usr/local/lib/python3.13/dist-packages"
RAW = ("content", "failed")  # kinds of records that are no JSON
ENV = ["PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8"]


class Turn:
    """What a run has given: streams, records in their order, and how it ended."""

    def __init__(self):
        self.out = self.err = ""
        self.order = []  # ("out" | "err", text) and (kind of record, value)
        self.kind, self.status, self.detail = None, None, ""
        self.exits = self.faults = self.calls = self.run_ns = self.pages = 0

    def records(self, kind):
        return [value for name, value in self.order if name == kind]

    @property
    def result(self):
        """The text of the only result, or None."""
        results = self.records("result")
        return results[0]["data"]["text/plain"] if len(results) == 1 else None

    @property
    def error(self):
        errors = self.records("error")
        return errors[0] if len(errors) == 1 else None


class Machine:
    def __init__(self, home, records=True, tools=False):
        self.home = home
        self.stdin_read, self.stdin_write = os.pipe()
        env = {**os.environ, **({} if records else {"TURNS_NO_RECORDS": "1"}), **({"TURNS_TOOLS": "1"} if tools else {})}
        self.process = subprocess.Popen(["build/tests/turns", home], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        pass_fds=[self.stdin_read], env=env)
        self.on_record = None  # called with (kind, value) while the run goes on

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        os.close(self.stdin_read)
        os.close(self.stdin_write)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def words(self):
        line = self.process.stdout.readline().decode()
        if not line:
            raise RuntimeError("build/tests/turns has ended")
        return line.rstrip("\n").split(" ")

    def branch(self, request):
        """Do what is no run; returns the number in the answer."""
        self.send(f"{request}\n".encode())
        word, *rest = self.words()
        assert word == "done", (word, rest)
        return int(rest[0])

    def rewind(self):
        self.branch("rewind")

    def checkpoint(self):
        return self.branch("checkpoint")

    def to(self, checkpoint):
        """Rewind to a checkpoint."""
        self.branch(f"to {checkpoint}")

    def copy(self, checkpoint):
        """Go on in a new VM that is made from a checkpoint."""
        self.branch(f"copy {checkpoint}")

    def file(self, checkpoint):
        """The number of a checkpoint that was opened from the file of another."""
        return self.branch(f"file {checkpoint}")

    def files(self, host, guest=PACKAGES):
        """Give the next run what this directory of the host has."""
        self.branch(f"files {host} {guest}")

    def preload(self, lines="", **more):
        return self.run(PRELOAD, lines, **more)

    def script(self, code, **more):
        """python3 -c, which is the last run of the machine until it is rewound."""
        return self.run(SCRIPT, code, argv=["-c"], **more)

    def check(self):
        """After a rewind: it is byte for byte what it was restored from."""
        self.branch("check")

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def run(self, mode, source="", context="-", cursor=0, stdin=False, timeout=20, max_output=0, cwd="/", argv=("-",),
            env=ENV, options=()):
        """Run it to its end. stdin: the pipe of answer(), else there is none."""
        data = source if isinstance(source, bytes) else source.encode()
        fd = self.stdin_read if stdin else -1
        request = (f"{mode} {context} {cursor} {fd} {int(timeout * 1000)} {max_output} {cwd} {len(argv)} {len(env)} "
                   f"{len(options)} {len(data)}\n")
        strings = b"".join(os.fsencode(text) + b"\0" for text in (*argv, *env, *options))
        self.send(request.encode() + strings + data)
        return self.take()

    def take(self):
        turn = Turn()
        while True:
            words = self.words()
            if words[0] == "end":
                turn.kind, turn.status = words[1], int(words[2])
                turn.exits, turn.faults, turn.calls, turn.run_ns, turn.pages = map(int, words[3:8])
                turn.detail = " ".join(words[8:])
                return turn
            if words[0] == "error":
                turn.kind, turn.detail = "error", " ".join(words[1:])
                return turn
            data = self.process.stdout.read(int(words[-1]))
            if words[0] == "record":
                name, value = words[1], data if words[1] in RAW else json.loads(data)
                if self.on_record is not None:
                    self.on_record(name, value)
            else:
                name, value = words[0], data.decode()
                turn.out += value if name == "out" else ""
                turn.err += value if name == "err" else ""
            turn.order.append((name, value))

    def cell(self, source, context="-", **more):
        return self.run(CELL, source, context, **more)

    def context(self, what, name="-", **more):
        return self.run(CONTEXT, context=name, argv=[what], **more)

    def service(self, *words, data=b"", **more):
        return self.run(SERVICE, data, argv=words, **more)

    def on_file(self, action, path, to="", depth="", offset="", size="", data=b"", **more):
        return self.service("file", action, path, to, depth, offset, size, data=data, **more)

    def reply(self, text):
        """Answer the open calls of host.ask() with this JSON."""
        self.send(f"reply {text}\n".encode())
        return self.take()

    def answer(self, text):
        os.write(self.stdin_write, text.encode())

    def interrupt_after(self, seconds):
        """SIGINT for the run that goes on then."""
        timer = threading.Timer(seconds, os.kill, (self.process.pid, signal.SIGUSR1))
        timer.start()
        return timer
