# SPDX-License-Identifier: Apache-2.0
"""Seeds of the target service: what clients ask, and what workers say to it."""

import json
import struct

READY, STDOUT, STDERR, RECORD, CALL, DONE, FAILED, WANTS, FETCH, SAVED, LOADED = 6, 7, 8, 9, 10, 11, 12, 32, 33, 42, 43


def ask(op, data=b"", client=0, **members):
    text = json.dumps({"op": op, **members}).encode()
    return struct.pack("<BBHH", 0, client, len(text), len(data)) + text + data


def says(worker, kind, data=b"", number=0):
    return struct.pack("<BBBBH", 2, worker, kind, number, len(data)) + data


def raw(worker, data):
    return struct.pack("<BBH", 1, worker, len(data)) + data


def dies(worker):
    return bytes([4, worker])


def found(how):
    return bytes([5, how])


def service():
    def done(worker, kind=1, status=0):
        return says(worker, DONE, struct.pack("<ii", kind, status))

    def session(**members):
        return ready + ask("open", id=1, **members) + done(0, 0)
    ready = says(0, READY) + says(1, READY)
    tools = [{"name": "f", "schema": "{}"}]
    out = {}
    out["hello"] = ask("hello", id=1, protocol=1) + ask("hello", id=2, protocol=2) + ask("fly", id=3) + ask("run", id=-1)
    out["run"] = ready + ask("run", b"print(1)", id=1) + says(0, STDOUT, b"1\n") + done(0) + says(0, READY)
    out["tools"] = ready + ask("run", b"x", id=1, tools=tools) + says(0, CALL, b"f\0{}", 5) + ask("reply", b"1", id=2, run=1, call=5) + done(0)
    out["cell"] = session() + ask("run", b"1", id=2, session="s1") + says(0, RECORD, b"result\0{}") + done(0, 0) + ask("close", id=3, session="s1")
    out["other"] = session() + ask("run", b"1", client=1, id=1, session="s1")
    out["cancel"] = ready + ask("run", b"x", id=1) + ask("cancel", id=2, run=1) + ask("interrupt", id=3, run=1) + dies(0)
    out["dies"] = session() + ask("run", b"1", id=2, session="s1") + ask("run", b"2", id=3, session="s1") + dies(0)
    out["failed"] = ready + ask("run", b"x", id=1) + says(0, FAILED, b"no memory") + dies(0)
    out["install"] = (session() + ask("install", id=2, session="s1", packages=["a"]) + says(0, WANTS, b"b-1\0") + found(3)
                      + says(0, FETCH, struct.pack("<QQ", 0, 40)) + done(0, 0))
    out["packages"] = ready + ask("run", b"x", id=1, packages=["a==1"]) + found(5) + says(0, FETCH, struct.pack("<QQ", 0, 6)) + done(0)
    out["none"] = ready + ask("run", b"x", id=1, packages=["a==1"]) + found(0) + ask("run", b"x", id=2, packages=["/a"])
    out["waits"] = (session() + b"".join(ask("run", b"x", id=i, packages=["a"]) for i in range(2, 7))
                    + ask("install", id=7, session="s1", packages=["a"]) + says(0, WANTS) + ask("cancel", id=8, run=6) + dies(0))
    out["context"] = session(cwd="/a", env={"A": "b"}) + ask("context", id=2, session="s1", action="make", context="c") + done(0, 0)
    out["file"] = (session() + ask("file", b"data", id=2, session="s1", action="write", path="/a") + says(0, RECORD, b"entry\0{}")
                   + done(0, 0) + ask("file", id=3, session="s1", action="list", path="/", depth=2) + says(0, RECORD, b"entries\0[]") + done(0, 0))
    out["command"] = (session() + ask("command", id=2, session="s1", line="true", pty={"rows": 2, "columns": 3}, stdin=True)
                      + says(0, CALL, b"pyhl:next\0" + bytes(16), 1) + says(0, CALL, b"pyhl:out\0" + struct.pack("<IIQi", 2, 0, 1, 7), 2)
                      + says(0, CALL, b"pyhl:out\0" + struct.pack("<IIQ", 4, 0, 1) + b"out", 3) + ask("input", b"in", id=3, run=2)
                      + ask("resize", id=4, run=2, rows=3, columns=4) + ask("signal", id=5, run=2, signal=15) + ask("commands", id=6, session="s1")
                      + ask("attach", id=7, session="s1", pid=7) + says(0, CALL, b"pyhl:out\0" + struct.pack("<IIQII", 6, 0, 1, 0, 9), 4))
    saved = bytes(8)
    out["fork"] = (session() + ask("checkpoint", id=2, session="s1", name="a") + says(0, SAVED, saved) + ask("fork", id=3, session="s1", count=2)
                   + says(0, SAVED, saved) + says(1, LOADED, saved) + says(2, READY) + says(2, LOADED, saved) + ask("rewind", id=4, session="s1", checkpoint="a")
                   + says(0, LOADED, saved) + ask("forget", id=5, session="s1", checkpoint="a"))
    out["pause"] = session() + ask("pause", id=2, session="s1") + says(0, SAVED, saved) + ask("run", b"1", id=3, session="s1") + says(1, LOADED, saved) + done(1, 0)
    out["resume"] = session() + ask("resume", id=2, session="s1", tools=tools)
    out["raw"] = ready + ask("run", b"x", id=1) + raw(0, b"\xff" * 24) + raw(1, struct.pack("<IIQQ", READY, 0, 0, 0))
    return out
