# SPDX-License-Identifier: Apache-2.0
"""Files of sessions and of runs, copies, and what is undone."""

import base64
import time

from caselist import case, same
from client import Server, text

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")


def opened(s):
    return s.call("session", action="open")["structuredContent"]["sessions"][0]


@case
def files_of_a_session():
    with Server() as s:
        name = opened(s)
        result = s.call("write_file", session=name, path="new/a.txt", text="zwölf\0")
        same((result["isError"], result["structuredContent"]), (False, {"path": "new/a.txt", "size": 7}))
        s.call("write_file", session=name, path="/tmp/b", base64=base64.b64encode(bytes(range(256))).decode())
        same(text(s.call("run_python", session=name, code="open('new/a.txt').read(), open('/tmp/b', 'rb').read() == bytes(range(256))")),
             "('zwölf\\x00', True)")
        s.call("run_python", session=name, code=f"open('c.png', 'wb').write({PNG!r}); open('d', 'w').write('0123456789')")
        (item,) = s.call("read_file", session=name, path="c.png")["content"]
        same((item["type"], item["mimeType"], base64.b64decode(item["data"])), ("image", "image/png", PNG))
        (item,) = s.call("read_file", session=name, path="/tmp/b")["content"]
        same((item["type"], item["resource"]["uri"], base64.b64decode(item["resource"]["blob"])),
             ("resource", "file:///tmp/b", bytes(range(256))))
        same(text(s.call("read_file", session=name, path="d")), "0123456789")
        same(text(s.call("read_file", session=name, path="d", offset=3, length=4)), "3456")
        for tool, arguments, words in (
                ("read_file", {"path": "none"}, "FileNotFoundError"), ("read_file", {"path": "/tmp"}, "IsADirectoryError"),
                ("write_file", {"path": "x"}, "'text' or 'base64'"), ("write_file", {"path": "x", "text": "", "base64": ""}, "either"),
                ("write_file", {"path": "x", "base64": "a"}, "no base64"), ("write_file", {"path": "x", "base64": "####"}, "no base64")):
            result = s.call(tool, session=name, **arguments)
            same((result["isError"], words in text(result)), (True, True))


@case
def files_of_a_run():
    with Server("--sessions", "1") as s:
        files = [{"path": "a/b.csv", "text": "x\n1\n2\n"}, {"path": "/srv/c", "base64": "AAE="}]
        for _ in range(3):
            result = s.call("run_python", code="import pandas as pd; print(pd.read_csv('a/b.csv').x.sum(), open('/srv/c', 'rb').read())",
                            files=files)
            same((text(result), result["structuredContent"]["session"], result["isError"]), ("3 b'\\x00\\x01'\n", None, False))
        same(text(s.call("run_python", code="import os; os.path.exists('/srv/c')")), "False")
        for bad in ([{"path": "x"}], [{"text": "x"}], [{"path": "x", "base64": "#"}], [1], ["x"]):
            same(s.call("run_python", code="1", files=bad)["isError"], True)
        same(s.call("run_python", code="import os; os._exit(0)", files=files)["isError"], False)
        number = s.begin("run_python", {"progressToken": 1}, code="print(1, flush=True)\nwhile True: pass", files=files)
        s.line()
        s.notify("notifications/cancelled", requestId=number)
        end = time.monotonic() + 10
        while (result := s.call("session", action="open"))["isError"]:  # the one that is allowed
            assert time.monotonic() < end, "the session of a cancelled run is left"
            time.sleep(0.05)
        name = result["structuredContent"]["sessions"][0]
        same(text(s.call("run_python", code="open('a/b.csv').read()", files=files, session=name)), "'x\\n1\\n2\\n'")
        same(text(s.call("run_python", code="open('a/b.csv').read()", session=name)), "'x\\n1\\n2\\n'")


@case
def copies_of_a_session():
    with Server() as s:
        name = opened(s)
        s.call("run_python", code="x = ['first']", session=name)
        result = s.call("session", action="fork", session=name, count=3)
        copies = result["structuredContent"]["sessions"]
        same((len(set(copies) | {name}), text(result).splitlines()), (4, copies))
        for i, copy in enumerate(copies):
            same(text(s.call("run_python", code=f"x.append({i}); x", session=copy)), f"['first', {i}]")
        same(text(s.call("run_python", code="x", session=name)), "['first']")
        same(s.call("session", action="fork", session="none")["isError"], True)


@case
def runs_are_undone():
    with Server() as s:
        name = opened(s)
        same(s.call("session", action="rewind", session=name)["isError"], True)
        for i in range(12):
            s.call("run_python", code=f"x = {i}", session=name)
        for count, left in ((1, 10), (3, 7), (2, 5)):
            result = s.call("session", action="rewind", session=name, count=count)
            same((result["isError"], result["structuredContent"]), (False, {"sessions": [name]}))
            same(text(s.call("run_python", code="x", session=name)), str(left))
            s.call("session", action="rewind", session=name)
        s.call("run_python", code="x = 'other'", session=name)
        s.call("run_python", code="1/0", session=name)
        s.call("session", action="rewind", session=name, count=2)
        same(text(s.call("run_python", code="x", session=name)), "5")
        result = s.call("session", action="rewind", session=name, count=9)
        same((result["isError"], "of the session's runs can be undone" in text(result)), (True, True))
        same(s.call("session", action="rewind", session="none")["isError"], True)


@case
def packages_are_refused_unless_it_was_said():
    with Server() as s:
        result = s.call("run_python", code="1", packages=["six"])
        same((result["isError"], text(result).startswith("PermissionError: ")), (True, True))
        same(s.call("run_python", code="1", packages=[1])["isError"], True)
