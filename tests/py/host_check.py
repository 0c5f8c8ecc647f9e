# SPDX-License-Identifier: Apache-2.0
"""Module `host`: functions of the host as Python functions, called by scripts under `pyhl run --tool`."""
import json
import os
import subprocess
import tempfile

SCHEMA = {"description": "The weather of a city.\n", "parameters": {
    "type": "object", "required": ["city"],
    "properties": {"city": {"type": "string", "description": "its name"},
                   "days": {"type": "integer", "default": 3}, "from": {"type": "string"}}}}

TOOLS = {
    "echo": "cat",
    "nap": "sleep 0.2; cat",
    "empty": "true",
    "text": "echo not JSON",
    "fail": "echo no such city >&2; exit 1",
    "strange-name": "echo 1",
    "class": "echo 2",
    "aio": "echo 3",
    "weather": None,  # a program with a schema
}

SHAPE = """
import host, inspect
print(inspect.signature(host.weather))
print(inspect.signature(host.weather.aio), inspect.iscoroutinefunction(host.aio.weather))
print(host.weather.__doc__)
print(host.weather.__name__, host.weather.__module__, inspect.isfunction(host.weather))
print(host.weather("Bonn"), host.weather("Bonn", 5), host.weather(days=1, city="Bonn", **{"from": "now"}))
print(dir(host))
print(host.strange_name(), host.call_tool("strange-name"), host.class_(), host.call_tool("aio"), host.empty())
from host import echo
print(echo(), host.echo is echo)
"""
SHOWN = """\
(city: str, days: int = 3, **more)
(city: str, days: int = 3, **more) True
The weather of a city.

Parameters:
    city (string): its name
    days (integer, optional)
    from (string, optional)
weather host True
{'city': 'Bonn'} {'city': 'Bonn', 'days': 5} {'city': 'Bonn', 'days': 1, 'from': 'now'}
['HostError', 'aio', 'call_tool', 'class_', 'echo', 'empty', 'fail', 'nap', 'strange_name', 'text', 'weather']
1 1 2 3 None
{} True
"""

VALUES = """
import host
l = [0.1]
l.append(l)
for value in [None, True, 0, 2 ** 53 + 1, -2 ** 200, 0.1, -0.0, 1e300, float("nan"), float("inf"), -float("inf"), "", "\\0", "\\xe4",
              "\\udc80", "$5", "a" * 300000, b"", bytes(range(256)), bytearray(b"x"), [], {}, [b"", [float("nan")]],
              {"a": {"b": b"c"}}, {"$bytes": "AA=="}, {"$bytes": 1}, {"$$bytes": b"x"}, {"$float": "nan"}, {"$ref": "#"},
              {"$bytes": "AA==", "more": 1}]:
    there = host.echo(value=value)["value"]
    if type(there) is not type(value) and type(value) is not bytearray or repr(there) != repr(value) and there != value:
        print(repr(value)[:100], "became", repr(there)[:100])
print(host.echo(value=(1, (2,))), host.echo(value={1: 2}))
import numpy
print(host.echo(a=numpy.int64(7), b=numpy.arange(3), c=numpy.float32(0.5)))
for value in {1}, object(), l, {(1, 2): 3}, 1j:
    try:
        host.echo(value=value)
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)
"""
VALUES_SHOWN = """\
{'value': [1, [2]]} {'value': {'1': 2}}
{'a': 7, 'b': [0, 1, 2], 'c': 0.5}
TypeError echo(): an argument cannot be sent as JSON: set is not one of JSON's types
TypeError echo(): an argument cannot be sent as JSON: object is not one of JSON's types
ValueError echo(): an argument cannot be sent as JSON: Circular reference detected
TypeError echo(): an argument cannot be sent as JSON: keys must be str, int, float, bool or None, not tuple
TypeError echo(): an argument cannot be sent as JSON: complex is not one of JSON's types
"""

FAILURES = """
import atexit, host, pickle
def tried(call):
    try:
        print(call())
    except Exception as error:
        print(f"{type(error).__module__}.{type(error).__name__}: {error}")
tried(lambda: host.fail())
tried(lambda: host.text())
tried(lambda: host.nowhere())
tried(lambda: host.aio.nowhere())
tried(lambda: host.call_tool("nowhere"))
tried(lambda: host.weather())
tried(lambda: host.weather("Bonn", 5, 6))
tried(lambda: host.echo(value="x" * (1 << 20)))
tried(lambda: host.echo(value="x" * (17 << 20)))
tried(lambda: pickle.loads(pickle.dumps(host.HostError("KeyError", "x"))))
atexit.register(lambda: tried(lambda: host.echo(late=1)))
host.fail()
"""
FAILURES_SHOWN = """\
host.HostError: ToolError: no such city
host.HostError: ReplyError: the reply of text is not JSON: Expecting value: line 1 column 1 (char 0)
builtins.AttributeError: module 'host' has no attribute 'nowhere'; its functions are: NAMES
builtins.AttributeError: host.aio has no function 'nowhere'; there are: NAMES
host.HostError: NameError: the host has no function 'nowhere'; there are: TOOLS
builtins.TypeError: weather() missing 1 required positional argument: 'city'
builtins.TypeError: weather() takes from 1 to 2 positional arguments but 3 were given
host.HostError: ValueError: echo: the arguments have 1048588 bytes, 1048576 are allowed
host.HostError: CallError: echo: the request is longer than 16 MiB
KeyError: x
{'late': 1}
"""
FAILURES_TRACE = """\
Traceback (most recent call last):
  File "<string>", line 19, in <module>
    host.fail()
    ~~~~~~~~~^^
  File "<host>", line 5, in fail
host.HostError: ToolError: no such city
"""

AT_ONCE = """
import asyncio, host, threading, time
def took(began):
    return "at once" if time.monotonic() - began < 0.39 else time.monotonic() - began
async def main():
    began = time.monotonic()
    print(await asyncio.gather(host.nap.aio(a=1), host.aio.nap(b=2), host.aio.call_tool("nap", c=3)), took(began))
    began = time.monotonic()
    try:
        await asyncio.wait_for(host.nap.aio(), 0.02)
    except TimeoutError:
        print("given up", took(began))
    ticks = 0
    task = asyncio.create_task(host.nap.aio(d=4))
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1
    print(await task, ticks > 3)
    try:
        await host.fail.aio()
    except host.HostError as error:
        print(error)
    print(sorted([(await c)["i"] for c in asyncio.as_completed([host.echo.aio(i=i) for i in range(100)])]) == [*range(100)])
asyncio.run(main())
found = []
began = time.monotonic()
threads = [threading.Thread(target=lambda i=i: found.append(host.nap(i=i)["i"])) for i in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(found), took(began))
"""
AT_ONCE_SHOWN = """\
[{'a': 1}, {'b': 2}, {'c': 3}] at once
given up at once
{'d': 4} True
ToolError: no such city
True
[0, 1, 2, 3, 4] at once
"""

OWN = """
import sys
open("/tmp/host.py", "w").write("mine = True")
sys.path.insert(0, "/tmp")
import host
print(host.mine)
"""

CASES = [
    ("what a function looks like", SHAPE, SHOWN, "", 0),
    ("values", VALUES, VALUES_SHOWN, "", 0),
    ("failures", FAILURES, FAILURES_SHOWN, FAILURES_TRACE, 1),
    ("at once", AT_ONCE, AT_ONCE_SHOWN, "", 0),
    ("a script's own host.py", OWN, "True\n", "", 0),
]


def options(folder):
    """The tools on a command line."""
    program = os.path.join(folder, "weather")
    with open(program, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\ncat\n")
    os.chmod(program, 0o755)
    with open(program + ".json", "w", encoding="utf-8") as file:
        json.dump(SCHEMA, file)
    words = ["--tools", folder]
    for name, command in TOOLS.items():
        words += ["--tool", f"{name}={command}"] if command else []
    return words


def run(home, words):
    done = subprocess.run(["build/pyhl", "run", "--dest", home, *words], capture_output=True, text=True, timeout=120)
    return done.stdout, done.stderr, done.returncode


def check(home):
    """A list of what is wrong."""
    wrong = []
    names = [name for name in TOOLS if TOOLS[name]] + ["weather"]
    called = [name for name in names if name not in ("strange-name", "class")] + ["strange_name", "class_"]
    with tempfile.TemporaryDirectory() as folder:
        words = options(folder)
        for name, script, out, err, status in CASES:
            out = out.replace("NAMES", ", ".join(called)).replace("TOOLS", ", ".join(names))
            found = run(home, [*words, "-c", script])
            if found != (out, err, status):
                wrong.append(f"  {name}: expected {(out, err, status)},\n  got {found}")
        found = run(home, [*words, "--timeout", "0.5", "-c", "import host\nwhile True: host.nap()"])
        if found != ("", "pyhl run: stopped: --timeout of 0.5 s is over\n", 124):
            wrong.append(f"  calls without end: {found}")
        found = run(home, [*words, "--repeat", "2", "-c", "import host; print(host.echo(a=1))"])
        if found != ("{'a': 1}\n" * 3, "", 0):
            wrong.append(f"  --repeat: {found}")
    found = run(home, ["-c", "import sys; print(len(sys.meta_path))\nimport host"])
    if found[0] != "4\n" or "No module named 'host'" not in found[1]:
        wrong.append(f"  without tools: {found}")
    return wrong
