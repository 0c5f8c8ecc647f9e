# SPDX-License-Identifier: Apache-2.0
"""A client of `pyhl serve --stdio`, written from pyhl/PROTOCOL.md alone."""

import json
import struct

from piped import PYHL, Piped


def frame(message, data=b""):
    text = json.dumps(message).encode() if isinstance(message, dict) else message
    return struct.pack("<II", len(text), len(data)) + text + data


def take_frame(received):
    """The message and the bytes of the first frame of what has come, taken off; None if there is no whole one."""
    if len(received) < 8:
        return None
    text, data = struct.unpack("<II", received[:8])
    if len(received) < 8 + text + data:
        return None
    message = json.loads(received[8:8 + text])
    more = bytes(received[8 + text:8 + text + data])
    del received[:8 + text + data]
    return message, more


class Server(Piped):
    """A server, its requests and its events."""

    def __init__(self, *options, **popen):
        super().__init__([PYHL, "serve", "--stdio", *options], **popen)
        self.events = []
        self.last = 0

    def send(self, op, data=b"", **members):
        """Sends a request, and returns its number."""
        self.last += 1
        members.setdefault("id", self.last)
        self.write(frame({"op": op, **members}, data.encode() if isinstance(data, str) else data))
        return members["id"]

    def event(self, within=30):
        """The next event and its bytes; None at the end."""
        return self.read(take_frame, within)

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
