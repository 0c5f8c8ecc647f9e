# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: files of a sandbox."""

import asyncio
import datetime
import io
import os
import pathlib
import tempfile

import pyhl

from aio import fails, looped
from caselist import case, raises, same


@case
def files_are_written_and_read():
    with pyhl.Sandbox(cwd="/srv") as one:
        made = one.files.write("new/dir/caf\u00e9.txt", "\u4e2d\n")
        same(made, pyhl.WriteInfo("caf\u00e9.txt", pyhl.FileType.FILE, "/srv/new/dir/caf\u00e9.txt"))
        same(one.files.read(made.path), "\u4e2d\n")
        same(one.files.read(pathlib.PurePosixPath(made.path), format="bytes"), bytearray("\u4e2d\n".encode()))
        same(one.run_code("open('new/dir/caf\u00e9.txt').read()").text, "'\u4e2d\\n'")
        data = os.urandom(5 << 19)
        one.files.write("large", data)
        assert one.files.read("large", "bytes") == data
        stream = one.files.read("large", "stream")
        same([len(piece) for piece in stream], [1 << 20, 1 << 20, 1 << 19])
        one.files.write("large", io.BytesIO(data[:2 << 20]))
        assert one.files.read("large", "bytes") == data[:2 << 20]
        same([len(piece) for piece in one.files.read("large", "stream")], [1 << 20, 1 << 20])
        one.files.write("large", io.StringIO("text"))
        same(one.files.read("large"), "text")
        one.files.write("large", b"")
        same((one.files.read("large"), list(one.files.read("large", "stream"))), ("", []))
        one.files.write("large", b"a\xff")
        same(one.files.read("large"), "a\ufffd")
        infos = one.files.write_files([{"path": "a", "data": "1"}, {"path": "b", "data": bytearray(b"2")}])
        same(([info.name for info in infos], one.files.read("b")), (["a", "b"], "2"))
        with tempfile.TemporaryFile() as file:
            file.write(b"from a file")
            file.seek(5)
            one.files.write("c", file)
        same(one.files.read("c"), "a file")


@case
def files_are_arranged():
    with pyhl.Sandbox(cwd="/srv") as one:
        same((one.files.make_dir("d/e"), one.files.make_dir("d/e"), one.files.make_dir(b"d")), (True, False, False))
        one.files.write("d/f", "12345")
        one.run_code("import os; os.chmod('d/f', 0o640); os.utime('d/f', (0, 1.5)); os.symlink('f', 'd/l'); os.mkfifo('d/p')")
        same([(entry.name, entry.type.value) for entry in one.files.list("d")],
             [("e", "dir"), ("f", "file"), ("l", "symlink"), ("p", "other")])
        info = one.files.get_info("d/f")
        same(info, pyhl.EntryInfo("f", pyhl.FileType.FILE, "/srv/d/f", 5, 0o640, "-rw-r-----", "root", "root",
                                  datetime.datetime(1970, 1, 1, 0, 0, 1, 500000)))
        same(one.files.get_info("d/l").symlink_target, "f")
        same([entry.path for entry in one.files.list("/srv", depth=2)][:2], ["/srv/d", "/srv/d/e"])
        same(one.files.rename("d/f", "x/g").path, "/srv/x/g")
        same((one.files.exists("d/f"), one.files.exists("d/l"), one.files.exists("x/g"), one.files.exists("x/g/h")),
             (False, True, True, False))
        same(one.files.remove("d"), None)
        same([entry.name for entry in one.files.list(".")], ["x"])
        one.run_code("for name in (b'a\\xff', '\\U0010fe80'.encode()): os.close(os.open(name, os.O_CREAT))")
        names = [entry.name for entry in one.files.list(".")]
        same(names, ["a\udcff", "x", "\U0010fe80"])
        same([one.files.get_info(name).name for name in names], names)
        same(one.files.get_info(b"a\xff").path, "/srv/a\udcff")


@case
def files_that_cannot_be():
    with pyhl.Sandbox() as one:
        error = raises(pyhl.FileNotFound, "No such file or directory: /none", one.files.read, "/none")
        assert isinstance(error, FileNotFoundError) and isinstance(error, pyhl.NotFound), error
        raises(FileNotFoundError, "/none", one.files.read, "/none", "stream")
        raises(FileNotFoundError, "/none", one.files.remove, "/none")
        raises(IsADirectoryError, "/etc", one.files.read, "/etc")
        raises(NotADirectoryError, "/etc/passwd", one.files.list, "/etc/passwd")
        raises(FileExistsError, "/etc/passwd", one.files.make_dir, "/etc/passwd")
        raises(PermissionError, "/proc/1/status", one.files.remove, "/proc/1/status")
        raises(pyhl.SystemFailure, "no regular file", one.files.read, "/dev/zero")
        raises(OSError, "no regular file", one.files.write, "/dev/null", "x")
        raises(pyhl.InvalidArgument, "has a NUL", one.files.read, "a\0b")
        raises(pyhl.InvalidArgument, "'depth' is 0", one.files.list, "/", depth=0)
        raises(pyhl.InvalidArgument, "'format' is 'json'", one.files.read, "/etc/passwd", "json")
        raises(TypeError, "not int", one.files.read, 1)
        raises(TypeError, "not int", one.files.write, "/tmp/x", 1)
        same(one.files.exists("/tmp/x"), False)
        same(one.run_code("1").text, "1")
    raises(pyhl.NotFound, "no session", one.files.exists, "/")


@case
@looped
async def files_for_tasks():
    async with await pyhl.AsyncSandbox.create(cwd="/srv") as one:
        await asyncio.gather(*[one.files.write(str(i), str(i)) for i in range(20)])
        same(await asyncio.gather(*[one.files.read(str(i)) for i in range(20)]), [str(i) for i in range(20)])
        await one.files.write("large", bytes(3 << 19))
        same([len(piece) async for piece in await one.files.read("large", "stream")], [1 << 20, 1 << 19])
        await fails(pyhl.FileNotFound, "none", one.files.read("none"))
        run = asyncio.create_task(one.run_code("import time; time.sleep(0.3); open('late', 'w').write('1')"))
        await asyncio.sleep(0.05)
        same(await one.files.read("late"), "1")  # it has waited for the run
        await run
        same((await one.files.make_dir("d"), [entry.name for entry in await one.files.list(".")][-3:]), (True, ["d", "large", "late"]))
