# SPDX-License-Identifier: Apache-2.0
"""Functions of the host that code in a VM calls."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from ._schema import described
from ._values import decode


class Tool:
    """A function by the name that the guest calls it by."""

    def __init__(self, function: Callable[..., Any], name: Optional[str] = None, text: Optional[str] = None) -> None:
        made = name or getattr(function, "__name__", None)
        if made is None:
            raise TypeError(f"{function!r} has no name: give tools as a dict of functions by their names")
        self.function, self.name = function, made
        self.schema, self.shapes = (text, {}) if text is not None else described(function)

    def arguments(self, data: bytes) -> Dict[str, Any]:
        """The arguments of a call. Those of a dataclass become one."""
        given = decode(data)
        return {name: self.shapes[name](value) if name in self.shapes else value for name, value in given.items()}


def tools_of(tools: Any) -> List[Tool]:
    """Tools from functions, or from a dict of functions by name."""
    if isinstance(tools, Mapping):
        return [Tool(function, name) for name, function in tools.items()]
    return [tool if isinstance(tool, Tool) else Tool(tool) for tool in tools or ()]
