# SPDX-License-Identifier: Apache-2.0
"""What a client of the soak does: calls whose answers it knows before it asks."""

import asyncio
import hashlib
import json
import os

from doors import Lost

# What a worker that is killed does to a request, and to the next ones of its session.
DEATHS = ("WorkerDied", "LookupError")
LOOP = "print(1, flush=True)\nwhile True: pass"


class Dead(Exception):
    """A worker was killed, and the session with it."""


class Wrong(Exception):
    """An answer that is not the question's."""


class Client:
    def __init__(self, door, rng, counts, ops):
        self.door, self.rng, self.counts = door, rng, counts
        self.session = None
        self.acts = [self.script] * 6 + [self.cell, self.tools, self.tools, self.much, self.late, self.cancelled, self.refused]
        self.acts += [self.whole_session] * 3
        self.acts += [self.packages] * ("install" in ops)
        self.inside = [self.names] * 6 + [self.error, self.calls, self.interrupted, self.contexts]
        self.inside += [self.install] * ("install" in ops) + [self.files] * 2 * ("file" in ops)
        self.inside += [self.commands] * 2 * ("command" in ops)
        self.inside += [self.pause] * ("pause" in ops)
        self.ops = ops
        if "fork" in ops:
            self.inside += [self.fork, self.rewind]

    def check(self, got, want):
        if got != want:
            raise Wrong(f"got {str(got)[:400]}, expected {str(want)[:400]}")

    def done(self, message):
        if message["event"] != "done":
            raise Wrong(f"a request failed: {message}")

    async def events(self, op, data=b"", on_event=None, **members):
        """All of a request: its last event, and what was written."""
        request = await self.door.begin(op, data.encode() if isinstance(data, str) else data, **members)
        out = {"stdout": b"", "stderr": b"", "record": []}
        try:
            while True:
                message, data = await request.event()
                kind = message["event"]
                if kind in ("done", "failed"):
                    break
                if kind in ("stdout", "stderr"):
                    out[kind] += data
                elif kind == "record":
                    out[kind].append((message["kind"], data))
                if on_event:
                    await on_event(request, message, data)
        finally:
            await self.door.end(request)
        name = message.get("type", "done")
        self.counts[op, name] += 1
        if name in DEATHS and members.get("session") or name == "WorkerDied":
            raise Dead
        return message, out

    async def run(self, code, on_event=None, outcome="status", status=0, **members):
        message, out = await self.events("run", code, on_event, **members)
        self.check((message["event"], message.get("outcome"), message.get("status")), ("done", outcome, status))
        return out

    # --- hermetic ---

    async def script(self):
        a, b = self.rng.randrange(1 << 40), self.rng.randrange(1 << 40)
        self.check((await self.run(f"print({a} * {b})"))["stdout"], b"%d\n" % (a * b))

    async def cell(self):
        a = self.rng.randrange(1 << 40)
        (kind, data), = (await self.run(f"{a} + 1", outcome="ready", **{"as": "cell"}))["record"]
        self.check((kind, json.loads(data)["data"]["text/plain"]), ("result", str(a + 1)))

    async def tools(self, **members):
        """Several calls, each with an argument of its own."""
        numbers = [self.rng.randrange(1 << 40) for _ in range(self.rng.randrange(1, 6))]

        async def reply(request, message, data):
            if message["event"] == "call":
                value = json.loads(data)["x"]
                await self.door.post("reply", str(value * 7).encode(), run=request.number, call=message["call"])
        out = await self.run(f"import host\nprint([host.seven(x) for x in {numbers}])", reply, **{"outcome": "status"} | members,
                             tools=[{"name": "seven", "schema": '{"properties": {"x": {}}}'}])
        self.check(out["stdout"].decode(), f"{[x * 7 for x in numbers]}\n")

    async def packages(self):
        message, out = await self.events("run", "import alpha; print(alpha.version)", packages=["alpha==1.0"])
        self.check((message["event"], out["stdout"]) == ("done", b"1.0\n") or "killed by signal 9" in message.get("message"), True)

    async def much(self):
        """Output of some hundred KiB comes whole, and in order."""
        seed, size = self.rng.randrange(1 << 30), self.rng.randrange(1 << 19)
        out = await self.run(f"import random, sys\nsys.stdout.buffer.write(random.Random({seed}).randbytes({size}))")
        self.check(hashlib.sha256(out["stdout"]).hexdigest(),
                   hashlib.sha256(type(self.rng)(seed).randbytes(size)).hexdigest())

    async def late(self):
        await self.run("while True: pass", outcome="timeout", status=124, timeout=0.05)

    async def cancelled(self):
        op = self.rng.choice(["cancel", "interrupt"])

        async def cancel(request, message, _):
            if message["event"] == "stdout":
                await self.door.post(op, run=request.number)
        message, out = await self.events("run", LOOP, cancel)
        self.check((out["stdout"], message["event"], message["outcome"]),
                   (b"1\n", "done", "interrupted" if op == "cancel" else "signal"))

    async def refused(self):
        message, _ = await self.events("run", "print(1)", timeout=-1)
        self.check((message["event"], message["type"]), ("failed", "ValueError"))

    # --- sessions ---

    async def whole_session(self):
        message, _ = await self.events("open")
        if message.get("type") == "Busy":
            return
        self.done(message)
        await self.live(message["session"], {}, self.rng.randrange(1, 15))

    async def live(self, session, model, steps):
        """model: what names the session must have."""
        self.session, self.model = session, model
        try:
            for _ in range(steps):
                await self.rng.choice(self.inside)()
        except Dead:
            self.counts["sessions", "ended by a death"] += 1
        finally:
            self.session = None
            message, _ = await self.closing(session)
        self.check(message.get("type", "done") in ("done", *DEATHS), True)

    async def closing(self, session):
        try:
            return await self.events("close", session=session)
        except Dead:
            return {}, None

    async def inside_run(self, code, status=0, **members):
        return await self.run(code, outcome="ready", status=status, session=self.session, **members)

    async def names(self):
        name, value = f"n{self.rng.randrange(8)}", self.rng.randrange(1 << 40)
        self.model[name] = value
        out = await self.inside_run(f"{name} = {value}\nprint(sorted((k, v) for k, v in globals().items() if k[0] == 'n' and k[1:].isdigit()))")
        self.check(out["stdout"].decode(), f"{sorted(self.model.items())}\n")

    async def error(self):
        value = self.rng.randrange(1 << 40)
        out = await self.inside_run(f"raise ValueError({value})", 1)
        self.check(json.loads(out["record"][0][1])["value"], str(value))

    async def calls(self):
        await self.tools(outcome="ready", session=self.session)

    async def interrupted(self):
        async def interrupt(request, message, _):
            if message["event"] == "stdout":
                await self.door.post("interrupt", run=request.number)
        out = await self.inside_run(LOOP, 1, on_event=interrupt)
        self.check(out["stdout"], b"1\n")
        await self.names()

    async def contexts(self):
        name, value = f"c{self.rng.randrange(3)}", self.rng.randrange(1 << 40)
        await self.events("context", session=self.session, action="make", context=name)
        out = await self.inside_run(f"x = {value}\nprint(x, 'n1' in globals())", context=name)
        self.check(out["stdout"].decode(), f"{value} False\n")

    async def install(self):
        message, _ = await self.events("install", session=self.session, packages=["alpha==1.0"])
        if message["event"] != "done" and "killed by signal 9" not in message["message"]:
            raise Wrong(f"an install failed: {message}")
        if message["event"] == "done":
            self.check((await self.inside_run("import alpha; print(alpha.version)"))["stdout"], b"1.0\n")

    async def files(self):
        data, path = os.urandom(self.rng.randrange(100000)), f"/tmp/soak{self.rng.randrange(4)}"
        message, _ = await self.events("file", data, session=self.session, action="write", path=path)
        self.done(message)
        out = await self.inside_run(f"import hashlib; print(hashlib.sha256(open('{path}', 'rb').read()).hexdigest())")
        self.check(out["stdout"].decode(), hashlib.sha256(data).hexdigest() + "\n")
        message, out = await self.events("file", session=self.session, action="read", path=path)
        self.check((message["event"], b"".join(part for kind, part in out["record"] if kind == "content")), ("done", data))

    async def commands(self):
        value = self.rng.randrange(1 << 40)
        message, out = await self.events("command", session=self.session, line=f"sleep 0.02; echo $(({value} + 1)); exit 3")
        self.check((message["event"], message.get("status"), out["stdout"]), ("done", 3, b"%d\n" % (value + 1)))

    async def pause(self):
        """The state goes to disk; the next request brings it back."""
        message, _ = await self.events("pause", session=self.session)
        self.done(message)
        await self.names()

    async def rewind(self):
        message, _ = await self.events("checkpoint", session=self.session, name="here")
        self.done(message)
        await self.inside_run("n0 = n1 = 'lost'")
        message, _ = await self.events("rewind", session=self.session, checkpoint="here")
        self.done(message)
        await self.names()

    async def fork(self):
        """Each copy goes its own way from what the session has."""
        message, _ = await self.events("fork", session=self.session, count=2)
        if message.get("type") == "Busy":
            return
        self.done(message)
        copies = [Client(self.door, type(self.rng)(self.rng.random()), self.counts, self.ops) for _ in message["sessions"]]
        for copy in copies:
            copy.inside = [act for act in copy.inside if act.__name__ != "fork"]
        await asyncio.gather(*(copy.live(name, dict(self.model), 3) for copy, name in zip(copies, message["sessions"])))

    async def act(self):
        try:
            await self.rng.choice(self.acts)()
        except Dead:
            self.counts["calls", "ended by a death"] += 1


__all__ = ["Client", "Lost", "Wrong"]
