# SPDX-License-Identifier: Apache-2.0
"""Functions of the host that code in a VM calls: their schemas, and how a call is answered."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import math
import re
import typing
from typing import Any, Callable, Dict, List, Mapping, Optional

# What JSON lacks is an object with one member of such a name (python-agent-driver/session/host.py).
ESCAPE = re.compile(r"\$+(bytes|float)\Z")
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", tuple: "array", dict: "object",
         type(None): "null"}


def encode(value: Any) -> bytes:
    """JSON of a value, or TypeError."""
    def spell(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return {"$float": repr(float(item))}
        if isinstance(item, (bytes, bytearray, memoryview)):
            return {"$bytes": base64.b64encode(item).decode()}
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                raise TypeError("a dict with keys that are no strings is not JSON")
            only = next(iter(item)) if len(item) == 1 else ""
            return {("$" + key if key == only and ESCAPE.match(key) else key): spell(part) for key, part in item.items()}
        return [spell(part) for part in item] if isinstance(item, (list, tuple)) else item

    return json.dumps(spell(value), ensure_ascii=True, allow_nan=False).encode()


def decode(data: bytes) -> Any:
    def unspell(value: Dict[str, Any]) -> Any:
        if len(value) != 1:
            return value
        (key, item), = value.items()
        if not ESCAPE.match(key):
            return value
        if key.startswith("$$"):
            return {key[1:]: item}
        return base64.b64decode(item) if key == "$bytes" else float(item)

    return json.loads(data, object_hook=unspell)


def kind(annotation: Any) -> Dict[str, Any]:
    """The schema of a parameter's annotation; {} allows everything."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        return {"anyOf": [kind(one) for one in args]} if all(map(kind, args)) else {}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (list, tuple) and len(args) in (1, 2) and kind(args[0]):
        return {"type": "array", "items": kind(args[0])} if origin is list or args[-1] is Ellipsis else {"type": "array"}
    name = KINDS.get(origin or annotation)
    return {"type": name} if name else {}


def schema(function: Callable[..., Any]) -> str:
    """The JSON schema of a function's parameters."""
    properties: Dict[str, Any] = {}
    required: List[str] = []
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # an annotation that names nothing: the parameters are free then
        hints = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{function.__name__}(): a tool's parameters have names; {parameter} has none")
        properties[parameter.name] = kind(hints[parameter.name]) if parameter.name in hints else {}
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif parameter.default is None or isinstance(parameter.default, (str, int, float, bool)):
            properties[parameter.name] = {**properties[parameter.name], "default": parameter.default}
    whole = {"type": "object", "description": inspect.getdoc(function) or "", "properties": properties, "required": required}
    return encode(whole).decode()


class Tool:
    """A function by the name that the guest calls it by."""

    def __init__(self, function: Callable[..., Any], name: Optional[str] = None) -> None:
        self.function, self.name = function, name or function.__name__
        self.schema = schema(function)

    def call(self, arguments: bytes) -> bytes:
        value = self.function(**decode(arguments))
        if inspect.isawaitable(value):
            async def wait() -> Any:
                return await value
            value = asyncio.run(wait())
        return encode(value)


def tools_of(tools: Any) -> List[Tool]:
    """Tools from functions, or from a dict of functions by name."""
    if isinstance(tools, Mapping):
        return [Tool(function, name) for name, function in tools.items()]
    return [tool if isinstance(tool, Tool) else Tool(tool) for tool in tools or ()]
