# SPDX-License-Identifier: Apache-2.0
"""A client of `pyhl serve --stdio`, written from pyhl/PROTOCOL.md alone."""

import json
import os
import select
import struct
import subprocess
import time

PYHL = os.environ.get("PYHL", "build/pyhl")


def frame(message, data=b""):
    text = json.dumps(message).encode() if isinstance(message, dict) else message
    return struct.pack("<II", len(text), len(data)) + text + data


class Server:
    """A server, its requests and its events."""

    def __init__(self, *options, **popen):
        self.process = subprocess.Popen([PYHL, "serve", "--stdio", *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **popen)
        self.received = bytearray()
        self.events = []
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def write(self, data):
        left = memoryview(data)
        while left:
            left = left[os.write(self.process.stdin.fileno(), left):]

    def send(self, op, data=b"", **members):
        """Sends a request, and returns its number."""
        self.last += 1
        members.setdefault("id", self.last)
        self.write(frame({"op": op, **members}, data.encode() if isinstance(data, str) else data))
        return members["id"]

    def event(self, within=30):
        """The next event and its bytes; None at the end."""
        end = time.monotonic() + within
        while True:
            if len(self.received) >= 8:
                text, data = struct.unpack("<II", self.received[:8])
                if len(self.received) >= 8 + text + data:
                    message = json.loads(self.received[8:8 + text])
                    data = bytes(self.received[8 + text:8 + text + data])
                    del self.received[:8 + text + len(data)]
                    return message, data
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no event within {within} s")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                return None
            self.received += more

    def until(self, wanted, within=30):
        """Events up to the first of which wanted(message) is true; those of others are kept."""
        for i, (message, data) in enumerate(self.events):
            if wanted(message):
                return self.events.pop(i)
        while True:
            one = self.event(within)
            if one is None:
                raise EOFError("the server has closed its output")
            if wanted(one[0]):
                return one
            self.events.append(one)

    def answer(self, number, within=30):
        """All events of a request; the last one's members, and the bytes of the others by their event."""
        got = {"stdout": b"", "stderr": b"", "record": [], "call": []}
        while True:
            message, data = self.until(lambda m: m.get("id") == number, within)
            if message["event"] in ("done", "failed"):
                return message, got
            if message["event"] in ("stdout", "stderr"):
                got[message["event"]] += data
            else:
                got.setdefault(message["event"], []).append((message, data))

    def do(self, op, data=b"", within=30, **members):
        return self.answer(self.send(op, data, **members), within)

    def open(self, **members):
        done, _ = self.do("open", **members)
        assert done["event"] == "done", done
        return done["session"]

    def end(self, within=30):
        """Closes the input; the exit status and what is on standard error."""
        self.process.stdin.close()
        status = self.process.wait(within)
        return status, self.process.stderr.read().decode()
