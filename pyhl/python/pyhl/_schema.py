# SPDX-License-Identifier: Apache-2.0
"""What the annotations of a tool say: a JSON schema of its parameters, and how their values are made of JSON."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from typing import Any, Callable, Dict, List, Optional, Tuple

from ._values import encode

Convert = Callable[[Any], Any]

KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", tuple: "array", set: "array",
         frozenset: "array", dict: "object", type(None): "null", collections.abc.Sequence: "array",
         collections.abc.Iterable: "array", collections.abc.Mapping: "object", collections.abc.MutableMapping: "object"}
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))  # X | Y is the second, from Python 3.10 on
TUPLES = {tuple: tuple, set: set, frozenset: frozenset}


def hints_of(thing: Any) -> Dict[str, Any]:
    """Annotations. One that names nothing that can be found leaves its parameter free."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:
        found = getattr(thing, "__annotations__", {})
        return {name: hint for name, hint in found.items() if not isinstance(hint, str)}


def is_dataclass(annotation: Any) -> bool:
    return isinstance(annotation, type) and dataclasses.is_dataclass(annotation)


def is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, enum.Enum)


def is_typed_dict(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, dict) and hasattr(annotation, "__total__")


def has_default(field: Any) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def members(annotation: Any) -> Tuple[Dict[str, Any], List[str]]:
    """The fields of a dataclass or a TypedDict, and those that must be there."""
    hints = hints_of(annotation)
    if is_typed_dict(annotation):
        return hints, [name for name in hints if name in annotation.__required_keys__]
    fields = [field for field in dataclasses.fields(annotation) if field.init]
    return ({field.name: hints.get(field.name, Any) for field in fields},
            [field.name for field in fields if not has_default(field)])


def plain(annotation: Any) -> Tuple[Any, str]:
    """The type without what stands around it, and a description in Annotated[]."""
    words = ""
    while True:
        origin = typing.get_origin(annotation)
        if hasattr(annotation, "__metadata__"):
            words = next((one for one in annotation.__metadata__ if isinstance(one, str)), words)
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):  # NewType
            annotation = annotation.__supertype__
        elif getattr(origin, "_name", None) in ("Required", "NotRequired", "ReadOnly"):
            annotation = typing.get_args(annotation)[0]
        else:
            return annotation, words


def array(origin: Any, args: Tuple[Any, ...], inside: Tuple[Any, ...]) -> Dict[str, Any]:
    if origin is tuple and args and args[-1] is not Ellipsis:
        return {"type": "array", "prefixItems": [kind(one, inside) for one in args], "minItems": len(args),
                "maxItems": len(args)}
    items = kind(args[0], inside) if args else {}
    return {"type": "array", "items": items} if items else {"type": "array"}


def record(annotation: Any, inside: Tuple[Any, ...]) -> Dict[str, Any]:
    if annotation in inside:
        return {"type": "object"}
    fields, required = members(annotation)
    return {"type": "object", "required": required,
            "properties": {name: kind(hint, (*inside, annotation)) for name, hint in fields.items()}}


def kind(annotation: Any, inside: Tuple[Any, ...] = ()) -> Dict[str, Any]:
    """The schema of an annotation; {} allows everything. inside: the classes around it."""
    annotation, words = plain(annotation)
    found = bare(annotation, inside)
    return {**found, "description": words} if words else found


def bare(annotation: Any, inside: Tuple[Any, ...]) -> Dict[str, Any]:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in UNIONS:
        kinds = [kind(one, inside) for one in args]
        return {"anyOf": kinds} if all(kinds) else {}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if is_enum(annotation):
        return {"enum": [one.value for one in annotation]}
    if is_dataclass(annotation) or is_typed_dict(annotation):
        return record(annotation, inside)
    name = KINDS.get(origin or annotation) if isinstance(origin or annotation, typing.Hashable) else None
    if name == "array":
        return array(origin, args, inside)
    if name == "object" and len(args) == 2 and kind(args[1], inside):
        return {"type": "object", "additionalProperties": kind(args[1], inside)}
    return {"type": name} if name else {}


def made(annotation: Any, value: Any) -> Any:
    """A dataclass of an object."""
    if not isinstance(value, dict):
        return value
    fields, _ = members(annotation)
    return annotation(**{name: (converter(fields[name]) or same)(item) if name in fields else item
                         for name, item in value.items()})


def same(value: Any) -> Any:
    return value


def first_of(converters: List[Convert]) -> Convert:
    """Of a union: the first member that takes the value."""
    def convert(value: Any) -> Any:
        for one in converters:
            try:
                got = one(value)
            except (TypeError, ValueError):
                continue
            if got is not value:
                return got
        return value

    return convert


def converter(annotation: Any) -> Optional[Convert]:
    """What makes a value of this annotation of the JSON that was sent for it. None: it is the value."""
    annotation, _ = plain(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if is_dataclass(annotation):
        return lambda value: made(annotation, value)
    if is_enum(annotation):
        return lambda value: annotation(value)
    if origin in UNIONS:
        found = [one for one in map(converter, args) if one is not None]
        return first_of(found) if found else None
    into = TUPLES.get(origin or annotation) if isinstance(origin or annotation, type) else None
    if into is not None or origin is list:
        each = converter(args[0]) if args and args[1:] in ((), (Ellipsis,)) else None
        if into is None and each is None:
            return None
        return lambda value: (into or list)(map(each or same, value)) if isinstance(value, list) else value
    if origin is dict and len(args) == 2:
        each = converter(args[1])
        return each and (lambda value: {name: each(item) for name, item in value.items()} if isinstance(value, dict) else value)
    return None


def default_of(parameter: inspect.Parameter) -> Dict[str, Any]:
    """What the schema says of a default: nothing, when it is none of JSON's values."""
    try:
        encode(parameter.default)
    except (TypeError, ValueError):
        return {}
    return {"default": parameter.default}


def described(function: Callable[..., Any]) -> Tuple[str, Dict[str, Convert]]:
    """The JSON schema of a function's parameters, and what makes values of those that are more than JSON."""
    properties: Dict[str, Any] = {}
    required: List[str] = []
    hints = hints_of(function)
    name = getattr(function, "__name__", "the tool")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{name}(): a tool's parameters have names; {parameter} has none")
        properties[parameter.name] = kind(hints.get(parameter.name, Any))
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        else:
            properties[parameter.name].update(default_of(parameter))
    converters = {key: converter(hints[key]) for key in properties if key in hints}
    whole = {"type": "object", "description": inspect.getdoc(function) or "", "properties": properties, "required": required}
    return encode(whole).decode(), {key: made for key, made in converters.items() if made is not None}
