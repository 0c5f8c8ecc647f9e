# SPDX-License-Identifier: Apache-2.0
"""How what belongs to a sandbox reaches its session.

A part of a sandbox (its files, its commands) is two classes. The async one has the code:

    class AsyncFiles:
        def __init__(self, session: Session) -> None:
            self._session = session

        async def read(self, path: str) -> bytes:
            parts = []
            with await self._session.request("file", action="read", path=path) as request:
                async for message, data in request:         # the events, up to `done`; `failed` raises
                    if message["event"] == "content":
                        parts.append(data)
            return b"".join(parts)

        async def remove(self, path: str) -> None:
            await self._session.ask("file", action="remove", path=path)      # only `done` matters

The other has its methods by blocking(), with signature and docstring, and writes out only those that return an async object:

    class Files(Twin[AsyncFiles]):
        read = blocking(AsyncFiles.read)
        remove = blocking(AsyncFiles.remove)

The code must not wait by anything but its request (_waiting.py). AsyncSandbox has `self.files = AsyncFiles(session)`, and
Sandbox `self.files = Files(self._twin.files)`.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ._errors import NotFound
from ._server import Request, Server
from ._waiting import WaiterType


class Session:
    """A session of a server, by its name. waits: who uses it, threads or tasks of a loop."""

    def __init__(self, server: Server, waits: WaiterType, name: str) -> None:
        self.server, self.waits, self.name = server, waits, name
        self.running: List[Request] = []
        self.ended: Optional[str] = None  # what a limit has said that ended it

    @classmethod
    async def open(cls, server: Server, waits: WaiterType, op: str, **members: Any) -> List[Session]:
        """The sessions that a request opens. None is left when the caller is interrupted, or cancelled, while he waits."""
        request = await server.request(waits, op, **members)
        try:
            done = await request.done()
        except BaseException:
            server.leave(request)
            raise
        return [cls(server, waits, name) for name in ([done["session"]] if "session" in done else done["sessions"])]

    async def request(self, op: str, data: bytes = b"", **members: Any) -> Request:
        """Sends a request about the session. Members that are None are left out."""
        if self.ended is not None:
            raise NotFound(f"there is no session {self.name!r} any more: {self.ended}")
        return await self.server.request(self.waits, op, data, session=self.name, **members)

    async def ask(self, op: str, data: bytes = b"", **members: Any) -> Dict[str, Any]:
        """The members of `done`, of a request whose other events do not matter."""
        return await (await self.request(op, data, **members)).done()
