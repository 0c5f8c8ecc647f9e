# SPDX-License-Identifier: Apache-2.0
"""Two ways into one server, for asyncio: frames over its standard input and output, which many clients share, and HTTP
over a unix socket. Each gives the events of a request; a request that gets none within PATIENCE is lost."""

import asyncio
import base64
import json
import os
import struct

PATIENCE = float(os.environ.get("SOAK_PATIENCE", "120"))  # seconds, for one event


class Lost(Exception):
    """An answer that did not come, or came to the wrong place."""


class Request:
    """A request that is under way: its number, and its events."""

    def __init__(self, door, number, what):
        self.door, self.number, self.what = door, number, what
        self.queue = asyncio.Queue()

    async def event(self):
        try:
            one = await asyncio.wait_for(self.queue.get(), PATIENCE)
        except asyncio.TimeoutError:
            raise Lost(f"request {self.number} got no event for {PATIENCE} s: {self.what}") from None
        if isinstance(one, Exception):
            raise one
        return one


class Frames:
    """The standard streams of a server."""

    def __init__(self, process):
        self.process = process
        self.requests, self.last = {}, 0
        self.reader = asyncio.create_task(self.read())
        self.broken = None

    async def read(self):
        try:
            while True:
                text, data = struct.unpack("<II", await self.process.stdout.readexactly(8))
                message = json.loads(await self.process.stdout.readexactly(text))
                data = await self.process.stdout.readexactly(data)
                request = self.requests.get(message.get("id"))
                if request is None:
                    raise Lost(f"an event of no request: {message}")
                if message["event"] in ("done", "failed"):
                    del self.requests[message["id"]]
                request.queue.put_nowait((message, data))
        except (Exception, asyncio.IncompleteReadError) as error:
            self.broken = error
            for request in self.requests.values():
                request.queue.put_nowait(error)

    async def begin(self, op, data=b"", **members):
        if self.broken:
            raise self.broken
        self.last += 1
        request = Request(self, self.last, (op, members, data[:200]))
        if op != "reply":
            self.requests[self.last] = request
        text = json.dumps({"id": self.last, "op": op, **members}).encode()
        self.process.stdin.write(struct.pack("<II", len(text), len(data)) + text + data)
        await self.process.stdin.drain()
        return request

    async def end(self, request):
        """The client has what it wants."""

    async def post(self, op, data=b"", **members):
        """A request that has no answer, or whose answer does not matter."""
        request = await self.begin(op, data, **members)
        if op != "reply":
            await request.event()


class Http:
    """A connection for each request."""

    def __init__(self, path):
        self.path = path

    async def begin(self, op, data=b"", **members):
        reader, writer = await asyncio.open_unix_connection(self.path, limit=1 << 26)
        body = {"op": op, **members} | ({"base64": base64.b64encode(data).decode()} if data else {})
        body = json.dumps(body).encode()
        writer.write(b"POST /v1/requests HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        lines = head.decode().split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        request = Request(self, int(headers.get("pyhl-run", 0)), (op, members, data[:200]))
        request.writer = writer
        request.reader = asyncio.create_task(self.read(request, int(lines[0].split()[1]), headers, reader))
        return request

    async def read(self, request, status, headers, reader):
        try:
            if status != 200:
                body = await asyncio.wait_for(reader.read(), PATIENCE)
                error = json.loads(body)["error"] if status >= 400 else {}
                request.queue.put_nowait(({"event": "failed" if error else "done", "status": status, **error}, b""))
                return
            rest = b""
            while True:
                size = int(await asyncio.wait_for(reader.readuntil(b"\r\n"), PATIENCE), 16)
                part = (await reader.readexactly(size + 2))[:-2]
                if not size:
                    break
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if message["id"] != request.number:
                        raise Lost(f"an event of {message['id']} in the answer to {request.number}")
                    data = message["text"].encode() if "text" in message else base64.b64decode(message.get("base64", ""))
                    request.queue.put_nowait((message, data))
        except Exception as error:
            request.queue.put_nowait(error if isinstance(error, Lost) else
                                     Lost(f"the answer to {request.number} broke off: {error!r}"))

    async def end(self, request):
        request.reader.cancel()
        request.writer.close()

    async def post(self, op, data=b"", **members):
        request = await self.begin(op, data, **members)
        await request.event()
        await self.end(request)
