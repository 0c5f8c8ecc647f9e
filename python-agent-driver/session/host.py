# SPDX-License-Identifier: Apache-2.0
"""Functions of the host, as Python functions.

A host may offer functions to a run (tools): each has a name and a JSON schema. This file makes the module `host` of
them, for scripts and for sessions, and calls them through the device HV_TOOL_DEVICE of vmm/abi.h. A request is a JSON
object of the arguments, a reply is a JSON value; README.md has the rules. Every failure of a call is an exception with
words: HostError from the host, TypeError for arguments that do not fit.

The file is imported before the snapshot, and does nothing until offer() is called with a run's tools.
"""
import asyncio
import base64
import binascii
import errno
import json
import keyword
import os
import re
import struct
import sys
import types
from importlib.machinery import ModuleSpec

DEVICE = "/dev/pyhl-tool"
REQUEST_MAX = 16 << 20  # HV_REQUEST_MAX
REPLY = struct.Struct("<IIQ")  # struct hv_reply
renew_random = None  # of session.c: as in a child of os.fork(), because this machine is a copy of another
FIRST_READ = 4096

# JSON has no bytes and no NaN. An object with one member of such a name stands for them. A dict that looks like one
# gets another "$" in front of its name on the way out, and loses one on the way in.
BYTES, FLOAT = "$bytes", "$float"
ESCAPE = re.compile(r"\$+(bytes|float)\Z")
FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}

TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict, "null": None}


class HostError(Exception):
    """A call of a function of the host has failed: `type` and `message` are the host's words."""

    def __init__(self, type, message):
        super().__init__(type, message)
        self.type, self.message = type, message

    def __str__(self):
        return f"{self.type}: {self.message}" if self.message else self.type


HostError.__module__ = "host"


class Default:
    """The default of an optional parameter: an argument that was not given, and is not sent."""
    __slots__ = ("shown",)

    def __init__(self, shown):
        self.shown = shown

    def __repr__(self):
        return self.shown


# --- JSON ---


class Special(Exception):
    """The fast encoder has met what only the slow one can write."""


def refuse(value):
    raise Special


encode_fast = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=refuse).encode


def spell_dict(value):
    if len(value) == 1:
        (key, item), = value.items()
        if isinstance(key, str) and ESCAPE.match(key):
            return {"$" + key: spell(item)}
    return {key: spell(item) for key, item in value.items()}


def spell(value):
    """The value with what JSON lacks spelled out."""
    if isinstance(value, dict):
        return spell_dict(value)
    if isinstance(value, (list, tuple)):
        return [spell(item) for item in value]
    if isinstance(value, float):
        return {FLOAT: repr(float(value))} if value - value != 0 else value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {BYTES: base64.b64encode(value).decode("ascii")}
    if value is None or isinstance(value, (str, int)):
        return value
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return spell(value.tolist())
    raise TypeError(f"{type(value).__name__} is not one of JSON's types")


def encode(value):
    try:
        text = encode_fast(value)
        if '"$' in text:
            text = encode_fast(spell(value))
    except (Special, ValueError) as error:
        if "Circular" in str(error):
            raise
        text = encode_fast(spell(value))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can tell
        return json.dumps(json.loads(text), separators=(",", ":")).encode()


def unspell(value):
    """An object as the value it stands for, if it stands for one."""
    if len(value) != 1:
        return value
    (key, item), = value.items()
    if not ESCAPE.match(key):
        return value
    if key.startswith("$$"):
        return {key[1:]: item}
    if key == BYTES and isinstance(item, str):
        try:
            return base64.b64decode(item, validate=True)
        except (binascii.Error, ValueError):
            return value
    if key == FLOAT and isinstance(item, str):
        return FLOATS.get(item, value)
    return value


decode_plain = json.JSONDecoder().decode
decode_escapes = json.JSONDecoder(object_hook=unspell).decode


def decode(text):
    text = str(text, "utf-8", "surrogatepass")
    if '"$' in text:
        return decode_escapes(text)
    return decode_plain(text) if text and not text.isspace() else None


# --- a call ---

WORDS = {
    errno.ENODEV: "this run has no functions of the host",
    errno.ENOENT: "this run has no functions of the host",
    errno.EAGAIN: "too many calls are open at once",
    errno.EBUSY: "too many calls are open at once",
    errno.EMFILE: "too many files and calls are open at once",
    errno.ENOMEM: "the guest has no memory for the call",
    errno.EMSGSIZE: f"the request is longer than {REQUEST_MAX >> 20} MiB",
    errno.E2BIG: f"the request is longer than {REQUEST_MAX >> 20} MiB",
}


def request_of(name, arguments):
    """(the request, None) or (None, what is wrong)"""
    given = {key: value for key, value in arguments.items() if value.__class__ is not Default}
    try:
        return name.encode() + b"\0" + encode(given), None
    except RecursionError:
        return None, ValueError(f"{name}(): an argument contains itself, or is nested too deeply for JSON")
    except ValueError as error:
        return None, ValueError(f"{name}(): an argument cannot be sent as JSON: {error}")
    except TypeError as error:
        return None, TypeError(f"{name}(): an argument cannot be sent as JSON: {error}")


def failure(name, error):
    return HostError("CallError", f"{name}: {WORDS.get(error.errno, error.strerror)}")


def send(name, request, flags):
    """A descriptor on which the call has been made."""
    if len(request) - len(name.encode()) - 1 > REQUEST_MAX:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | flags)
    try:
        os.write(fd, request)
    except BaseException:
        os.close(fd)
        raise
    return fd


def receive(fd, data):
    """The rest of a reply that has begun. It is there: reading it does not wait."""
    if len(data) < REPLY.size:
        raise OSError(errno.EIO, "the call was dropped")
    failed, restored, size = REPLY.unpack_from(data)
    if restored:
        renew_random()
    parts, left = [data], REPLY.size + size - len(data)
    while left > 0:
        data = os.read(fd, left)
        if not data:
            break
        parts.append(data)
        left -= len(data)
    return failed, memoryview(b"".join(parts))[REPLY.size:]


def result(name, failed, data):
    """(an exception, None) or (None, the value)"""
    if failed:
        kind, _, message = str(data, "utf-8", "replace").partition("\0")
        return HostError(kind, message), None
    try:
        return None, decode(data)
    except (ValueError, RecursionError) as error:
        return HostError("ReplyError", f"the reply of {name} is not JSON: {error}"), None


def call(name, arguments):
    request, wrong = request_of(name, arguments)
    if wrong:
        return wrong, None
    try:
        fd = send(name, request, 0)
        try:
            failed, data = receive(fd, os.read(fd, FIRST_READ))
        finally:
            os.close(fd)
    except OSError as error:
        return failure(name, error), None
    return result(name, failed, data)


async def readable(fd):
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def read_later(fd):
    while True:
        try:
            return os.read(fd, FIRST_READ)
        except BlockingIOError:
            await readable(fd)


async def call_later(name, arguments):
    """The same for a coroutine. To cancel it is to give the call up."""
    request, wrong = request_of(name, arguments)
    if wrong:
        return wrong, None
    try:
        fd = send(name, request, os.O_NONBLOCK)
        try:
            failed, data = receive(fd, await read_later(fd))
        finally:
            os.close(fd)
    except OSError as error:
        return failure(name, error), None
    return result(name, failed, data)


# --- functions of the schemas ---


def is_name(text):
    return text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("__")


class Tool:
    """What a schema says: of the arguments, or of a tool as MCP and others describe it."""

    def __init__(self, name, schema):
        self.name = name
        try:
            whole = json.loads(schema) if schema else {}
        except ValueError:
            whole = {}
        whole = whole if isinstance(whole, dict) else {}
        inner = [whole[key] for key in ("inputSchema", "input_schema", "parameters") if isinstance(whole.get(key), dict)]
        arguments = inner[0] if inner else whole
        self.description = whole.get("description") or arguments.get("description") or ""
        properties = arguments.get("properties")
        self.properties = properties if isinstance(properties, dict) else {}
        self.required = [key for key in arguments.get("required") or () if key in self.properties]
        self.returns = whole.get("outputSchema") or whole.get("returns") or {}
        # Names that cannot be parameters are passed as **more.
        names = [key for key in self.properties if is_name(key)]
        self.parameters = sorted(names, key=lambda key: key not in self.required)
        self.open = len(names) < len(self.properties) or bool(arguments.get("additionalProperties", not properties))

    def about(self, key):
        about = self.properties[key]
        return about if isinstance(about, dict) else {}

    def doc(self):
        lines = [str(self.description).strip() or f"The host's function {self.name}."]
        if self.properties:
            lines += ["", "Parameters:"]
        for key in self.parameters + [key for key in self.properties if key not in self.parameters]:
            about = self.about(key)
            words = [str(about["type"])] if isinstance(about.get("type"), str) else []
            words += [] if key in self.required else ["optional"]
            text = f"    {key}" + (f" ({', '.join(words)})" if words else "")
            lines.append(text + (f": {about['description']}" if about.get("description") else ""))
        return "\n".join(lines)

    def annotations(self):
        found = {key: self.about(key).get("type") for key in self.parameters}
        if isinstance(self.returns, dict):
            found["return"] = self.returns.get("type")
        return {key: TYPES[kind] for key, kind in found.items() if isinstance(kind, str) and kind in TYPES}

    def default(self, key):
        about = self.about(key)
        return Default(repr(about["default"]) if "default" in about else "<not given>")


FUNCTION = """\
{kind}def {name}({parameters}):
    __wrong, __value = {wait}__call({tool!r}, {{{arguments}}})
    if __wrong is not None:
        try:
            raise __wrong
        finally:
            del __wrong
    return __value
"""


def compile_function(tool, name, kind, wait, how):
    """A function whose traceback is one line, named after the tool."""
    more = "more" if tool.open else None
    while more in tool.parameters:
        more += "_"
    optional = {f"__default_{i}": tool.default(key) for i, key in enumerate(tool.parameters) if key not in tool.required}
    parameters = [key if key in tool.required else f"{key}=__default_{i}" for i, key in enumerate(tool.parameters)]
    arguments = [f"{key!r}: {key}" for key in tool.parameters]
    text = FUNCTION.format(kind=kind, name=name, wait=wait, tool=tool.name,
                           parameters=", ".join(parameters + ([f"**{more}"] if more else [])),
                           arguments=", ".join(arguments + ([f"**{more}"] if more else [])))
    names = {"__name__": "host", "__call": how, **optional}
    exec(compile(text, "<host>", "exec", dont_inherit=True), names)
    function = names[name]
    function.__doc__ = tool.doc()
    function.__annotations__ = tool.annotations()
    return function


class Tools:
    """The tools of the run, and the functions that were made of them so far."""

    def __init__(self):
        self.schemas = {}  # by the host's name
        self.called = {}  # the host's name by Python's
        self.functions = {}  # by (name, schema)

    def set(self, tools):
        self.schemas = dict(tools)
        self.called = {name: name for name in self.schemas if is_name(name)}
        for name in self.schemas:  # get-time and class become get_time and class_
            other = re.sub(r"\W", "_", name) + ("_" if keyword.iskeyword(name) else "")
            if is_name(other):
                self.called.setdefault(other, name)

    def function(self, name):
        key = self.called[name], self.schemas[self.called[name]]
        if key not in self.functions:
            tool = Tool(*key)
            made = compile_function(tool, name, "", "", call)
            made.aio = compile_function(tool, name, "async ", "await ", call_later)
            self.functions[key] = made
        return self.functions[key]

    def unknown(self, name):
        if name in self.schemas:
            return None
        there = ", ".join(self.schemas) or "none"
        return HostError("NameError", f"the host has no function {name!r}; there are: {there}")


tools = Tools()


def call_tool(name, /, **arguments):
    """Call a function of the host by its name."""
    wrong, value = tools.unknown(name), None
    if wrong is None:
        wrong, value = call(name, arguments)
    if wrong is not None:
        raise wrong
    return value


async def call_tool_later(name, /, **arguments):
    """Call a function of the host by its name, and await the reply."""
    wrong, value = tools.unknown(name), None
    if wrong is None:
        wrong, value = await call_later(name, arguments)
    if wrong is not None:
        raise wrong
    return value


# --- module host ---


class Later:
    """The functions of the host as coroutine functions, which do not hold up the event loop."""
    call_tool = staticmethod(call_tool_later)

    def __getattr__(self, name):
        if name in tools.called:
            return tools.function(name).aio
        raise AttributeError(f"host.aio has no function {name!r}; there are: {', '.join(tools.called) or 'none'}")

    def __dir__(self):
        return ["call_tool", *tools.called]

    def __repr__(self):
        return "<host.aio: functions of the host, to be awaited>"


def module_getattr(name):
    if name in tools.called:
        function = tools.function(name)
        setattr(module, name, function)
        return function
    raise AttributeError(f"module 'host' has no attribute {name!r}; its functions are: {', '.join(tools.called) or 'none'}")


OWN = ("HostError", "aio", "call_tool")


def module_dir():
    return sorted({*OWN, *tools.called})


module = types.ModuleType("host", """Functions of the host.

NAME(...)            calls one and returns its reply; a failure of the host is a HostError
await NAME.aio(...)  the same in a coroutine; also: await host.aio.NAME(...)
call_tool(NAME, ...) the same by the host's name, for names that Python does not allow""")
module.HostError, module.aio, module.call_tool = HostError, Later(), call_tool
module.__getattr__, module.__dir__ = module_getattr, module_dir
for function, named in ((call_tool, "call_tool"), (call_tool_later, "call_tool")):
    function.__module__, function.__name__, function.__qualname__ = "host", named, named
for function in (call_tool, call_tool_later, module_getattr):  # a traceback shows none of this file's lines
    function.__code__ = function.__code__.replace(co_filename="<host>")


class Finder:
    """Answers `import host`, after all others: a script's own host.py comes first."""

    def find_spec(self, name, path=None, target=None):
        if name != "host":
            return None
        return ModuleSpec("host", self, origin="functions of the host")

    def create_module(self, spec):
        return module

    def exec_module(self, module):
        pass

    def __repr__(self):
        return "<pyhl: finds the module host>"


finder = Finder()


def offer(record):
    """Make `import host` work. The record is HV_RECORD_TOOLS of a run: a name and a schema for each tool."""
    texts = record.decode("utf-8", "replace").split("\0")
    found = dict(zip(texts[::2], texts[1::2]))
    if found != tools.schemas:
        for name in tools.called:
            if name not in OWN:
                module.__dict__.pop(name, None)
        tools.set(found)
    if finder not in sys.meta_path:
        sys.meta_path.append(finder)


def install(namespace):
    """Give the functions to a session's name space, too. What the user has put there stays."""
    if not tools.called:
        return
    ours = {id(function) for function in tools.functions.values()}
    for name in tools.called:
        if name not in namespace or id(namespace[name]) in ours:
            namespace[name] = tools.function(name)
    for name in ("call_tool", "HostError"):
        namespace.setdefault(name, module.__dict__[name])
