# SPDX-License-Identifier: Apache-2.0
"""A client of `pyhl mcp`: a message of JSON-RPC a line."""

import json
import os
import select
import subprocess
import time

PYHL = os.environ.get("PYHL", "build/pyhl")
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
          "io.modelcontextprotocol/clientCapabilities": {}}


class Server:
    """A server, what is sent to it and what comes from it."""

    def __init__(self, *options, **popen):
        self.process = subprocess.Popen([PYHL, "mcp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0, **popen)
        self.received = b""
        self.kept = []
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def write(self, data):
        while data:
            data = data[os.write(self.process.stdin.fileno(), data):]

    def line(self, within=30):
        """The next line; None at the end."""
        end = time.monotonic() + within
        while b"\n" not in self.received:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no line within {within} s")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                return None
            self.received += more
        line, _, self.received = self.received.partition(b"\n")
        return line

    def raw(self, data, within=30):
        """Sends a line, and returns the next message."""
        self.write((data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n")
        return json.loads(self.line(within))

    def send(self, method, meta=None, **params):
        """Sends a request, and returns its number."""
        self.last += 1
        if meta is not None:
            params["_meta"] = meta
        self.write(json.dumps({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}).encode() + b"\n")
        return self.last

    def notify(self, method, **params):
        self.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n")

    def answer(self, number, within=30):
        """The answer to a request; messages before it are kept."""
        for i, message in enumerate(self.kept):
            if message.get("id") == number:
                return self.kept.pop(i)
        while True:
            line = self.line(within)
            if line is None:
                raise EOFError("the server has closed its output")
            message = json.loads(line)
            if message.get("id") == number:
                return message
            self.kept.append(message)

    def do(self, method, meta=None, **params):
        return self.answer(self.send(method, meta, **params))

    def begin(self, tool, meta=None, **arguments):
        return self.send("tools/call", meta, name=tool, arguments=arguments)

    def call(self, tool, **arguments):
        """The result of a tool."""
        return self.answer(self.begin(tool, **arguments))["result"]

    def end(self, within=30):
        """Closes the input; the exit status and what is on standard error."""
        self.process.stdin.close()
        status = self.process.wait(within)
        return status, self.process.stderr.read().decode()


def text(result):
    """Of a result that has one item, a text."""
    (item,) = result["content"]
    assert item["type"] == "text", item
    return item["text"]
