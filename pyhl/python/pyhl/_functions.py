# SPDX-License-Identifier: Apache-2.0
"""A Python function as a program that calls it: its source, and that of what it uses. Nothing is pickled.

Functions and classes of the caller's own modules go as source, those of the standard library and of installed packages by
an import, and other values that a function uses, as its arguments, by a literal of Python. The program hands its result
to a tool, so that it comes back as JSON, with bytes and floats that JSON lacks.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import os
import symtable
import sys
import sysconfig
import textwrap
import types
import weakref
from typing import Any, Dict, Iterator, List, Set, Tuple

FUTURE = "from __future__ import annotations\n"  # annotations may name what is not sent
INSTALLED = tuple(os.path.join(os.path.realpath(path), "") for name, path in sysconfig.get_paths().items()
                  if name in ("stdlib", "platstdlib", "purelib", "platlib"))

_parsed: weakref.WeakKeyDictionary[Any, Tuple[str, List[str]]] = weakref.WeakKeyDictionary()


def literal(value: Any, what: str, depth: int = 0) -> str:
    """A Python expression that gives the value, or TypeError. what: the words for it."""
    kind = type(value)
    if depth > 60:
        raise TypeError(f"{what} is nested over 60 levels deep")
    if value is None or kind in (bool, int, str, bytes):
        return repr(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    if kind is dict:
        return "{" + ", ".join(f"{literal(key, what, depth + 1)}: {literal(item, what, depth + 1)}"
                               for key, item in value.items()) + "}"
    if kind in (list, tuple, set, frozenset):
        items = "".join(literal(item, what, depth + 1) + ", " for item in value)
        return f"[{items}]" if kind is list else f"({items})" if kind is tuple else f"{kind.__name__}([{items}])"
    raise TypeError(f"{what} is a {kind.__qualname__}, which cannot be sent: only None, bool, int, float, str, bytes, and "
                    "lists, tuples, sets and dicts of them can")


def is_installed(module: str) -> bool:
    """Whether a module is not the caller's own, so that it may be in the image, too."""
    if module in sys.builtin_module_names or module in ("builtins", ""):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return module != "__main__" and (file is None or os.path.realpath(file).startswith(INSTALLED))


def global_names(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global() or (table.get_type() in ("module",) and symbol.is_referenced()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from global_names(child)


def parsed(thing: Any) -> Tuple[str, List[str]]:
    """The source of a function or a class, and the global names in it."""
    found = _parsed.get(thing)
    if found is None:
        name = thing.__qualname__
        try:
            text = textwrap.dedent(inspect.getsource(thing))
        except (OSError, TypeError) as error:
            raise TypeError(f"{name} cannot be sent: its source cannot be read: {error}") from None
        try:
            table = symtable.symtable(FUTURE + text, "<pyhl>", "exec")
        except SyntaxError as error:
            raise TypeError(f"{name} cannot be sent: its source does not stand alone: {error}") from None
        found = _parsed[thing] = text, sorted(set(global_names(table)))
    return found


class Program:
    """The definitions that a function needs."""

    def __init__(self) -> None:
        self.lines: List[str] = []
        self.done: Set[int] = set()

    def refuse(self, thing: Any) -> None:
        name = thing.__qualname__
        if name.endswith("<lambda>"):
            raise TypeError(f"{name} cannot be sent: it has no name; write a def")
        free = getattr(inspect.unwrap(thing), "__code__", None)
        if free is not None and free.co_freevars:
            raise TypeError(f"{name}() cannot be sent: it uses {free.co_freevars[0]!r} of the function around it; pass it as "
                            "an argument")
        if inspect.ismethod(thing):
            raise TypeError(f"{name}() cannot be sent: it is a method of an object; write a function")

    def name(self, name: str, value: Any, user: str) -> None:
        """Defines a global name that `user` uses."""
        if isinstance(value, types.ModuleType):
            if not is_installed(value.__name__):
                raise TypeError(f"{user} uses the module {name!r}, which is not installed and cannot be sent")
            self.lines.append(f"import {value.__name__} as {name}" if "." in value.__name__ or value.__name__ != name
                              else f"import {name}")
        elif isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
            self.define(value)
            if value.__name__ != name:
                self.lines.append(f"{name} = {value.__name__}")
        else:
            self.lines.append(f"{name} = {literal(value, f'{name!r}, which {user} uses,')}")

    def define(self, thing: Any) -> None:
        """Defines a function or a class by its own name."""
        if id(thing) in self.done:
            return
        self.done.add(id(thing))
        self.refuse(thing)
        module = thing.__module__ or ""
        if is_installed(module):
            if "." in thing.__qualname__:
                raise TypeError(f"{thing.__qualname__} of {module} cannot be sent: only a function of a module can")
            self.lines.append(f"from {module} import {thing.__qualname__}")
            return
        text, names = parsed(thing)
        known = vars(sys.modules[module]) if isinstance(thing, type) else inspect.unwrap(thing).__globals__
        for name in names:
            if name in known and name != thing.__name__ and getattr(builtins, name, None) is not known[name]:
                self.name(name, known[name], thing.__qualname__)
        self.lines.append(text)


def program(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> str:
    """The program that calls the function, or TypeError for what cannot be sent."""
    while isinstance(function, functools.partial):
        args, kwargs, function = (*function.args, *args), {**function.keywords, **kwargs}, function.func
    if not isinstance(function, (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        raise TypeError(f"{function!r} cannot be sent: it is no function")
    whole = Program()
    whole.define(function)
    name = function.__name__
    given = [literal(value, f"argument {i + 1} of {name}()") for i, value in enumerate(args)]
    given += [f"{key}={literal(value, f'argument {key!r} of {name}()')}" for key, value in kwargs.items()]
    wait = "await " if inspect.iscoroutinefunction(function) else ""
    return FUTURE + "\n".join(whole.lines) + f"\nimport host as pyhl_host\npyhl_host.result({wait}{name}({', '.join(given)}));"
