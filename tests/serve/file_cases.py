# SPDX-License-Identifier: Apache-2.0
"""Files of a session: the host reads, writes and arranges them."""

import contextlib
import json
import os
import shutil
import stat
import tempfile

from caselist import case, same
from check import cell, failed
from client import Server


def do(s, session, action, path, data=b"", **members):
    """What a request gives: bytes, an entry or entries, None; or the type of its failure."""
    done, got = s.do("file", data, session=session, action=action, path=path, **members)
    same((got["stdout"], got["stderr"]), (b"", b""))
    if done["event"] == "failed":
        same(got["record"], [])
        assert done["message"], done
        return done["type"]
    same(set(done), {"id", "event"})
    if not got["record"]:
        return None
    (record, content), = got["record"]
    return content if record["kind"] == "content" else json.loads(content)


# --- the same by Python, on this machine ---

def native_read(path, offset=0, size=-1):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def native_write(path, data=b"", offset=None):
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if offset is None else 0)
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, flags, 0o666)
    os.pwrite(fd, data, offset or 0)
    os.close(fd)


def native_remove(path):
    shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def native_entry(path):
    info = os.lstat(path)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}
    kind = kinds.get(stat.S_IFMT(info.st_mode), "other")
    return {"path": os.path.abspath(path), "name": os.path.basename(os.path.abspath(path)), "type": kind, "mode": stat.S_IMODE(info.st_mode),
            "permissions": stat.filemode(info.st_mode), "size": info.st_size if kind == "file" else None,
            "target": os.readlink(path) if kind == "symlink" else None}


def native_list(path, depth=1):
    entries = []
    for name in sorted(os.listdir(path)):
        entries.append(native_entry(os.path.join(path, name)))
        if entries[-1]["type"] == "dir" and depth > 1:
            entries += native_list(os.path.join(path, name), depth - 1)
    return entries


NATIVE = {"read": native_read, "write": native_write, "list": native_list, "stat": native_entry, "make": os.makedirs,
          "remove": native_remove, "move": os.rename}


def by_native(action, path, data=b"", **members):
    members = {**members, **({"data": data} if action == "write" else {})}
    try:
        return NATIVE[action](path, *([members.pop("to")] if "to" in members else []), **members)
    except OSError as error:
        kind = type(error).__name__
        return kind if kind in ("FileNotFoundError", "FileExistsError", "PermissionError", "NotADirectoryError",
                                "IsADirectoryError") else "OSError"


def known(entry):
    return {"path": entry["path"], "name": entry["name"], "type": entry["type"], "mode": entry["mode"],
            "permissions": entry["permissions"], "size": entry["size"] if entry["type"] == "file" else None,
            "target": entry.get("symlink_target")}


STEPS = [
    ("write", "a", b"one\0two\xff\n"), ("read", "a"), ("read", "a", {"offset": 2}), ("read", "a", {"offset": 2, "size": 3}),
    ("read", "a", {"offset": 99}), ("read", "a", {"size": 0}), ("stat", "a"), ("stat", "a/"), ("stat", "a/b"), ("list", "a"),
    ("write", "a", b"XY", {"offset": 3}), ("write", "a", b"end", {"offset": 20}), ("read", "a"),
    ("write", "a", b"", {"offset": 4}), ("read", "a"), ("write", "a"), ("read", "a"),
    ("write", "new/dirs/f", b"1"), ("write", "new", b"1"), ("write", "new/", b"1"), ("write", "a/b", b"1"), ("read", "new"),
    ("make", "d/e/f"), ("make", "d"), ("make", "a"), ("make", "a/b"), ("make", "d/e/f/"), ("list", "d"),
    ("list", "d", {"depth": 2}), ("list", "d", {"depth": 9}), ("list", "none"), ("read", "none"), ("stat", "none"),
    ("write", "d/\u00e9 \u4e2d\"\\\n", b"x"), ("read", "d/\u00e9 \u4e2d\"\\\n"), ("list", "d"),
    ("move", "a", {"to": "b"}), ("stat", "a"), ("stat", "b"), ("move", "none", {"to": "c"}), ("move", "b", {"to": "d"}),
    ("move", "d", {"to": "new"}), ("move", "d", {"to": "b"}), ("move", "b", {"to": "d/e/b"}), ("move", "d", {"to": "d/e/d"}),
    ("list", ".", {"depth": 3}), ("remove", "none"), ("remove", "d/e/b/c"), ("remove", "d/e/b"), ("remove", "d"),
    ("stat", "d"), ("remove", "new"), ("list", "."),
    ("run", "import os; os.symlink('loop', 'loop'); os.symlink('none', 'gone'); os.makedirs('tree'); os.symlink('tree', 'to')\n"
            "open('tree/f', 'w').write('f'); os.symlink('..', 'tree/up')"),
    ("stat", "loop"), ("read", "loop"), ("list", "loop"), ("write", "loop", b"1"), ("stat", "gone"), ("read", "gone"),
    ("stat", "to"), ("list", "to"), ("read", "to/f"), ("list", ".", {"depth": 2}), ("remove", "to"), ("list", "tree"),
    ("remove", "loop"), ("remove", "gone"), ("remove", "tree"), ("list", "."),
    ("read", "x" * 300), ("stat", "y/" * 3000), ("read", ""), ("stat", ""),
]

@contextlib.contextmanager
def here(folder):
    """This directory, and the mask of files that a session begins with."""
    back, mask = os.getcwd(), os.umask(0o22)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(back)
        os.umask(mask)


@case
def files_are_as_python_has_them():
    """Each step gives what Python gives on this machine, where there is such a thing, and leaves the same."""
    with Server() as s, tempfile.TemporaryDirectory() as folder, here(folder):
        session = s.open(cwd=os.getcwd())
        for action, path, *rest in STEPS:
            if action == "run":
                cell(s.do("run", path, session=session))
                exec(path)
                continue
            members = next((one for one in rest if isinstance(one, dict)), {})
            data = next((one for one in rest if isinstance(one, bytes)), b"")
            want, got = by_native(action, path, data, **members), do(s, session, action, path, data, **members)
            if isinstance(got, list):
                got = [known(entry) for entry in got]
            elif isinstance(got, dict):
                got = known(got) if action == "stat" else None
            assert got == want, (action, path[:40], rest, got, want)


@case
def file_requests_that_are_wrong():
    with Server() as s:
        session = s.open()

        def wrong(text, data=b"", type="ValueError", **members):
            failed(s.do("file", data, **{"session": session, "action": "read", "path": "/etc/passwd", **members}), type, text)

        wrong("'action' is 'burn': it must be read, write", action="burn")
        wrong("there is no session 's9'", session="s9", type="LookupError")
        wrong("unknown member 'mode'", mode=1)
        wrong("'path' must be a string", path=1)
        wrong("'to' is missing", action="move")
        wrong("'to' is nothing for read", to="x")
        wrong("'depth' is nothing for write", action="write", depth=1)
        wrong("'offset' is nothing for stat", action="stat", offset=1)
        wrong("'size' is nothing for write", action="write", size=1)
        wrong("'depth' is 0: it must be from 1", action="list", depth=0)
        wrong("'size' is 67108865: it must be from 0 to 67108864", size=(64 << 20) + 1)
        wrong("'offset' must be a whole number from 0 to 2^53", offset=-1)
        wrong("read takes no bytes", data=b"x")
        done, _ = s.do("file", session=session, action="stat")
        same((done["type"], done["message"]), ("ValueError", "'path' is missing"))
        same(s.do("file", session=session, action="stat", path="/none/\u00e9\n")[0]["message"],
             "No such file or directory: /none/\u00e9?")
        same(do(s, session, "read", "/etc/hostname"), b"pyhl\n")


@case
def what_is_no_file():
    """Pipes, sockets and devices are neither read nor waited for; the kernel's files are read."""
    with Server() as s:
        session = s.open()
        cell(s.do("run", "import os, socket; os.mkfifo('/tmp/fifo'); s = socket.socket(socket.AF_UNIX); s.bind('/tmp/s')\n"
                  "import threading; done = []\n"
                  "t = threading.Thread(target=lambda: done.append(open('/tmp/fifo', 'w').close())); t.start()", session=session))
        for path in ("/tmp/fifo", "/tmp/s", "/dev/null", "/dev/zero", "/dev/pyhl", "/dev/pyhl-record"):
            same((path, do(s, session, "read", path), do(s, session, "write", path, b"x")), (path, "OSError", "OSError"))
            same(do(s, session, "stat", path)["type"], "other")
        cell(s.do("run", "print(done, t.is_alive())", session=session), out=b"[] True\n")
        cell(s.do("run", "os.mkdir('/srv'); os.chown('/srv', 1, 65534); os.rename('/etc/passwd', '/etc/p'); os.mkfifo('/etc/passwd')", session=session))
        same([do(s, session, "stat", "/srv")[who] for who in ("owner", "group")], ["1", "nogroup"])
        cell(s.do("run", "os.rename('/etc/p', '/etc/passwd')", session=session))
        same(do(s, session, "stat", "/srv")["owner"], "daemon")
        assert b"Umask:" in do(s, session, "read", "/proc/self/status")
        same(do(s, session, "remove", "/"), "OSError")
        same(do(s, session, "remove", "."), "OSError")
        same(do(s, session, "list", "/proc/1/fd/99"), "FileNotFoundError")


@case
def names_that_are_no_text():
    """A byte that is no UTF-8 is U+10FE00 + byte; such a character is spelled by its bytes."""
    with Server() as s:
        session = s.open(cwd="/srv")
        cell(s.do("run", "import os\nfor name in (b'a\\xff', b'\\xc3\\xa9', '\\U0010fe80'.encode()): os.close(os.open(name, os.O_CREAT))",
                  session=session))
        names = {entry["name"] for entry in do(s, session, "list", "/srv")}
        same(names, {"a\U0010feff", "\u00e9", "\U0010fef4\U0010fe8f\U0010feba\U0010fe80"})
        for name in names:
            same(do(s, session, "stat", name)["name"], name)
            do(s, session, "write", name, name.encode())
            do(s, session, "move", name, to=name + "2")
        cell(s.do("run", "print(sorted(os.listdir(b'.')))", session=session),
             out=b"[b'a\\xff2', b'\\xc3\\xa92', b'\\xf4\\x8f\\xba\\x802']\n")


@case
def large_files():
    with Server() as s:
        session = s.open()
        data = os.urandom(1 << 16) * (1 << 10)
        do(s, session, "write", "/tmp/large", data)
        assert do(s, session, "read", "/tmp/large") == data
        do(s, session, "write", "/tmp/large", b"end", offset=len(data))
        failed(s.do("file", session=session, action="read", path="/tmp/large"), "OSError", "it in pieces of at most 67108864")
        assert do(s, session, "read", "/tmp/large", offset=len(data) - 5, size=len(data)) == data[-5:] + b"end"
        same(do(s, session, "write", "/tmp/sparse", b"x", offset=1 << 40)["size"], (1 << 40) + 1)
        same(do(s, session, "read", "/tmp/sparse", offset=(1 << 40) - 1), b"\0x")
        same(do(s, session, "write", "/tmp/sparse2", b"x", offset=1 << 53), "OSError")


@case
def large_directories():
    with Server() as s:
        session = s.open()
        cell(s.do("run", "import os\nos.makedirs('/srv/many')\nfor i in range(20000): os.link('/etc/passwd', f'/srv/many/{i:06}')\n"
                  "os.chdir('/srv')\nfor i in range(3000): os.mkdir('d'); os.chdir('d')\nos.chdir('/')", session=session))
        entries = do(s, session, "list", "/srv/many")
        same((len(entries), entries[-1]["name"]), (20000, "019999"))
        same(do(s, session, "list", "/srv/d", depth=9999), "OSError")  # a path that is too long
        same(len(do(s, session, "list", "/srv/d", depth=500)), 500)
        cell(s.do("run", "for i in range(20000, 100000): os.link('/etc/passwd', f'/srv/many/{i:06}')", session=session))
        same(len(do(s, session, "list", "/srv", depth=1)), 2)
        failed(s.do("file", session=session, action="list", path="/srv", depth=2), "OSError", "more than 100000 entries")
        other = s.open()
        cell(s.do("run", "import os\nos.makedirs('/srv/many')\nfor i in range(90000): os.link('/etc/passwd', f'/srv/many/{i}')", session=other))
        number = s.send("file", session=other, action="list", path="/srv/many")
        s.do("hello", protocol=1)  # it has begun then
        s.do("cancel", run=number)
        failed(s.answer(number), "Cancelled", "its session is over")
        failed(s.do("run", "1", session=other), "LookupError")
        same(do(s, session, "remove", "/srv/many"), None)
        same(do(s, session, "remove", "/srv/d"), None)
        same(do(s, session, "list", "/srv"), [])


@case
def files_and_no_memory():
    """What does not fit is refused, and the session goes on: in files, in Python, and for the request itself."""
    with Server("--memory", "480M") as s:
        session = s.open()
        data = bytes(64 << 20)
        do(s, session, "write", "/tmp/a", b"1")
        do(s, session, "write", "/tmp/sparse", b"x", offset=len(data) - 1)
        for i in range(1, 9):
            if (got := do(s, session, "write", "/tmp/a", data[:32 << 20], offset=i * len(data))) == "OSError":
                break
        same((got, i * len(data) - do(s, session, "stat", "/tmp/a")["size"] >= 32 << 20), ("OSError", True))
        cell(s.do("run", "import os\nfd = os.open('/tmp/full', os.O_CREAT | os.O_WRONLY)\ntry:\n"
                  "    while True: os.write(fd, b'x' * 65536)\nexcept OSError: pass\n"
                  "os.truncate(fd, os.fstat(fd).st_size - (1 << 20)); os.close(fd)", session=session))
        failed(s.do("file", session=session, action="read", path="/tmp/sparse"), "OSError", "out of memory")
        failed(s.do("file", data, session=session, action="write", path="/tmp/b"), "OSError", "out of memory")
        done, got = s.do("run", b"#" * len(data), session=session)
        same((done["status"], got["stderr"]), (125, b"pyhl: the session has no memory for a run of this size\n"))
        same(do(s, session, "stat", "/tmp/b"), "FileNotFoundError")
        same((do(s, session, "remove", "/tmp/full"), do(s, session, "remove", "/tmp/a")), (None, None))
        same(do(s, session, "read", "/tmp/sparse", offset=len(data) - 2), b"\0x")
        cell(s.do("run", "print(1)", session=session), out=b"1\n")


@case
def files_beside_commands():
    with Server() as s:
        session = s.open(cwd="/srv")
        number = s.send("command", session=session, line="until test -f go; do sleep 0.01; done; cat go; echo out > come")
        s.until(lambda m: m.get("id") == number and m["event"] == "started")
        same(do(s, session, "stat", "go"), "FileNotFoundError")
        do(s, session, "write", "go", b"went")
        done, got = s.answer(number)
        same((done["status"], got["stdout"], do(s, session, "read", "come")), (0, b"went", b"out\n"))


@case
def garbage_beside_commands():
    """While commands run without a cell, the session's threads go on, and their garbage is collected."""
    with Server() as s:
        session = s.open()
        cell(s.do("run", "import gc, threading, time\nseen = []\ndef watch():\n    while True: seen.append(gc.isenabled()); time.sleep(0.005)\n"
                  "threading.Thread(target=watch, daemon=True).start()", session=session))
        s.do("command", session=session, line="sleep 0.3")
        cell(s.do("run", "print(len(seen) > 10, seen.count(False) < 3)", session=session), out=b"True True\n")
        cell(s.do("run", "gc.disable()", session=session))
        s.do("command", session=session, line="sleep 0.1")
        cell(s.do("run", "print(gc.isenabled())", session=session), out=b"False\n")


@case
def files_and_cells_take_turns():
    """They wait for each other; an interrupt does nothing to a file; what threads print belongs to the request."""
    with Server() as s:
        session = s.open(cwd="/srv")
        for i in range(20):
            s.send("file", str(i), session=session, action="write", path="n")
            s.send("run", "print(open('n').read())", session=session)
        numbers = range(s.last - 39, s.last + 1)
        for i, number in enumerate(numbers):
            done, got = s.answer(number)
            same((done["event"], got["stdout"]), ("done", b"%d\n" % (i // 2) if i % 2 else b""))
        s.do("run", "import threading, os, sys, time\nsys.setswitchinterval(1e-5)\ndef say():\n    while True: os.write(1, b'x'); time.sleep(0.0001)\n"
             "threading.Thread(target=say, daemon=True).start(); os.chdir('/tmp')", session=session)
        number = s.send("file", session=session, action="list", path="/usr", depth=9)
        for _ in range(5):
            s.send("interrupt", run=number)  # refused when it is over already
        done, got = s.answer(number)
        same((done["event"], len(got["record"]), set(got["stdout"])), ("done", 1, {120}))
        done, got = s.do("file", session=session, action="stat", path=".")
        same(json.loads(got["record"][0][1])["path"], "/tmp")
        other = s.open()
        same(do(s, other, "stat", "/srv/n"), "FileNotFoundError")
