# SPDX-License-Identifier: Apache-2.0
"""A client of `pyhl mcp`: a message of JSON-RPC a line."""

import json

from piped import PYHL, Piped

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
          "io.modelcontextprotocol/clientCapabilities": {}}


def take_line(received):
    """The first line of what has come, taken off; None if there is no whole one."""
    size = received.find(b"\n")
    if size < 0:
        return None
    line = bytes(received[:size])
    del received[:size + 1]
    return line


class Server(Piped):
    """A server, what is sent to it and what comes from it."""

    def __init__(self, *options, **popen):
        super().__init__([PYHL, "mcp", *options], **popen)
        self.kept = []
        self.last = 0

    def line(self, within=30):
        """The next line; None at the end."""
        return self.read(take_line, within)

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


def text(result):
    """Of a result that has one item, a text."""
    (item,) = result["content"]
    assert item["type"] == "text", item
    return item["text"]
