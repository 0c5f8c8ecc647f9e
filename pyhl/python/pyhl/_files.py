# SPDX-License-Identifier: Apache-2.0
"""Files of a sandbox. Names are E2B's. What the system refuses is an exception of the package that is Python's, too:
FileNotFound is a FileNotFoundError."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import IO, Any, AsyncIterator, Dict, Iterator, Literal, Mapping, Optional, Tuple, Union, overload
from typing import List as ListOf  # `list` and `List` are methods and words of E2B's here

from ._errors import FileExists, FileNotFound, InvalidArgument, NotADirectory
from ._session import Session
from ._waiting import Twin, block, blocking

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Content = Union[str, bytes, bytearray, memoryview, IO[str], IO[bytes]]
Format = Literal["text", "bytes", "stream"]

PIECE = 1 << 20  # of a file in one request: so much memory is free in a session, as a rule

# A byte of a name that is no UTF-8 is a lone surrogate in Python, and U+10FE00 + byte in the protocol. Such a character
# itself is spelled by its bytes.
BYTES = range(0x80, 0x100)
SPELL: Dict[int, str] = {0xdc00 + byte: chr(0x10fe00 + byte) for byte in BYTES}
SPELL.update({0x10fe00 + byte: "".join(chr(0x10fe00 + part) for part in chr(0x10fe00 + byte).encode()) for byte in BYTES})
UNSPELL = {0x10fe00 + byte: 0xdc00 + byte for byte in BYTES}


def spell(path: Path) -> str:
    """A path as the protocol has it."""
    name = os.fspath(path)
    if not isinstance(name, (str, bytes)):
        raise TypeError(f"a path is a string or bytes, and not {type(name).__name__}")
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    return text if text.isascii() else text.translate(SPELL)


def unspell(text: str) -> str:
    """A path as Python has it."""
    if text.isascii():
        return text
    return text.translate(UNSPELL).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


class FileType(str, Enum):
    FILE = "file"
    DIR = "dir"
    SYMLINK = "symlink"
    OTHER = "other"  # a pipe, a socket, a device


@dataclass
class WriteInfo:
    """A file that was written. path is absolute."""
    name: str
    type: FileType
    path: str


@dataclass
class EntryInfo(WriteInfo):
    """A file, directory or link. mode: its permissions, which `permissions` shows as `ls -l` does. modified_time: UTC,
    without a time zone; None for a time that no datetime has. A link is not followed: symlink_target is its text."""
    size: int
    mode: int
    permissions: str
    owner: str
    group: str
    modified_time: Optional[datetime]
    symlink_target: Optional[str] = None


def time_of(text: Optional[str]) -> Optional[datetime]:
    try:
        return datetime.strptime((text or "")[:26], "%Y-%m-%dT%H:%M:%S.%f")
    except ValueError:
        return None


def entry_of(data: Mapping[str, Any]) -> EntryInfo:
    target = data.get("symlink_target")
    return EntryInfo(unspell(data["name"]), FileType(data["type"]), unspell(data["path"]), data["size"], data["mode"],
                     data["permissions"], data["owner"], data["group"], time_of(data["modified_time"]),
                     None if target is None else unspell(target))


def pieces_of(data: Content) -> Iterator[bytes]:
    """What is to be written, in pieces; at least one."""
    if isinstance(data, str):
        data = data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        whole = memoryview(data).cast("B")
        for at in range(0, len(whole) or 1, PIECE):
            yield bytes(whole[at:at + PIECE])
        return
    if not hasattr(data, "read"):
        raise TypeError(f"what is written is a str, bytes, or a file that is open, and not {type(data).__name__}")
    piece = data.read(PIECE)
    yield piece.encode() if isinstance(piece, str) else piece
    while piece := data.read(PIECE):
        yield piece.encode() if isinstance(piece, str) else piece


class AsyncFiles:
    """Files of a sandbox. A path is relative to the directory of its last run. Requests take turns with its runs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _ask(self, action: str, path: Path, data: bytes = b"", **members: Any) -> Tuple[str, bytes]:
        """The record of an answer: its kind and content."""
        answer = "", b""
        with await self._session.request("file", data, action=action, path=spell(path), **members) as request:
            async for message, content in request:
                if message["event"] == "record" and message["kind"] in ("content", "entry", "entries"):
                    answer = message["kind"], content
        return answer

    async def _entry(self, action: str, path: Path, data: bytes = b"", **members: Any) -> EntryInfo:
        return entry_of(json.loads((await self._ask(action, path, data, **members))[1]))

    async def _piece(self, path: Path, offset: int) -> bytes:
        return (await self._ask("read", path, offset=offset, size=PIECE))[1]

    async def _stream(self, path: Path, piece: bytes) -> AsyncIterator[bytes]:
        offset = 0
        while piece:
            yield piece
            offset += len(piece)
            piece = await self._piece(path, offset) if len(piece) == PIECE else b""

    async def _whole(self, path: Path, format: Format) -> Union[str, bytearray]:
        if format not in ("text", "bytes"):
            raise InvalidArgument(f"'format' is {format!r}: it must be 'text', 'bytes' or 'stream'")
        whole = bytearray()
        async for piece in self._stream(path, await self._piece(path, 0)):
            whole += piece
        return whole if format == "bytes" else whole.decode("utf-8", "replace")

    @overload
    async def read(self, path: Path, format: Literal["text"] = "text") -> str: ...

    @overload
    async def read(self, path: Path, format: Literal["bytes"]) -> bytearray: ...

    @overload
    async def read(self, path: Path, format: Literal["stream"]) -> AsyncIterator[bytes]: ...

    async def read(self, path: Path, format: Format = "text") -> Union[str, bytearray, AsyncIterator[bytes]]:
        """The content of a file: "text", UTF-8, where a byte that is none becomes U+FFFD; "bytes"; or "stream", an iterator
        over its pieces. Raises FileNotFound, IsADirectory, and their like."""
        if format == "stream":
            return self._stream(path, await self._piece(path, 0))
        return await self._whole(path, format)

    async def write(self, path: Path, data: Content) -> WriteInfo:
        """Writes a file: all that it has then is the data, text or bytes, or what an open file still gives. Directories
        that are missing are made."""
        offset = None
        for piece in pieces_of(data):
            made = await self._entry("write", path, piece, offset=offset)
            offset = (offset or 0) + len(piece)
        return WriteInfo(made.name, made.type, made.path)

    async def write_files(self, files: ListOf[Mapping[str, Any]]) -> ListOf[WriteInfo]:
        """Writes several files: dicts with "path" and "data"."""
        return [await self.write(file["path"], file["data"]) for file in files]

    async def list(self, path: Path, depth: int = 1) -> ListOf[EntryInfo]:
        """What is in a directory, in the order of names. depth: how many levels; each directory comes before what is in it.
        Links are not followed."""
        return [entry_of(one) for one in json.loads((await self._ask("list", path, depth=depth))[1])]

    async def exists(self, path: Path) -> bool:
        """Whether there is such a file, directory or link."""
        try:
            await self._ask("stat", path)
        except (FileNotFound, NotADirectory):
            return False
        return True

    async def get_info(self, path: Path) -> EntryInfo:
        """What is known of a file, directory or link."""
        return await self._entry("stat", path)

    async def remove(self, path: Path) -> None:
        """Removes a file, a link, or a directory with all that is in it."""
        await self._ask("remove", path)

    async def rename(self, old_path: Path, new_path: Path) -> EntryInfo:
        """Moves a file or directory. A file that is there is replaced, and directories that are missing are made."""
        return await self._entry("move", old_path, to=spell(new_path))

    async def make_dir(self, path: Path) -> bool:
        """Makes a directory, and those above it. False: it was there."""
        try:
            await self._ask("make", path)
        except FileExists:
            name = os.fspath(path)
            try:
                await self._ask("stat", name + "/" if isinstance(name, str) else name + b"/")
            except NotADirectory:
                pass  # it is something else that is there
            else:
                return False
            raise
        return True


class Files(Twin[AsyncFiles]):
    """Files of a sandbox. A path is relative to the directory of its last run. Requests take turns with its runs."""

    @overload
    def read(self, path: Path, format: Literal["text"] = "text") -> str: ...

    @overload
    def read(self, path: Path, format: Literal["bytes"]) -> bytearray: ...

    @overload
    def read(self, path: Path, format: Literal["stream"]) -> Iterator[bytes]: ...

    def read(self, path: Path, format: Format = "text") -> Union[str, bytearray, Iterator[bytes]]:
        if format == "stream":
            return self._stream(path, block(self._twin._piece(path, 0)))
        return block(self._twin._whole(path, format))

    read.__doc__ = AsyncFiles.read.__doc__

    def _stream(self, path: Path, piece: bytes) -> Iterator[bytes]:
        offset = 0
        while piece:
            yield piece
            offset += len(piece)
            piece = block(self._twin._piece(path, offset)) if len(piece) == PIECE else b""

    write = blocking(AsyncFiles.write)
    write_files = blocking(AsyncFiles.write_files)
    list = blocking(AsyncFiles.list)
    exists = blocking(AsyncFiles.exists)
    get_info = blocking(AsyncFiles.get_info)
    remove = blocking(AsyncFiles.remove)
    rename = blocking(AsyncFiles.rename)
    make_dir = blocking(AsyncFiles.make_dir)
