# SPDX-License-Identifier: Apache-2.0
"""Cases of cases.py: what the annotations of tools say, and what tools get."""

import enum
import functools
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Dict, List, Literal, NewType, Optional, Tuple, TypedDict, Union

import pyhl
from pyhl._schema import described

from caselist import case, raises, same


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Options(TypedDict, total=False):
    deep: bool


@dataclass
class Item:
    name: str
    price: float = 1.5
    tags: List[str] = field(default_factory=list)
    inside: Optional["Item"] = None


def properties(function):
    whole = json.loads(described(function)[0])
    return whole["properties"], whole["required"]


@case
def a_schema_says_what_annotations_do():
    Id = NewType("Id", int)

    def tool(a: str, b: Optional[int], c: Union[int, str] = 3, *, d: Literal["x", 2] = "x", e: List[int] = [1],
             f: Dict[str, float] = {}, g: Tuple[int, ...] = (), h: Any = None, i: Annotated[Id, "its number"] = 5,
             j: "list[Dict[str, bool]]" = (), k: Tuple[int, str] = (1, "a"), l: object = print, m: bytes = b"\0"):
        """Words."""

    found, required = properties(tool)
    number, text = {"type": "integer"}, {"type": "string"}
    same(required, ["a", "b"])
    same(found, {
        "a": text, "b": {"anyOf": [number, {"type": "null"}]}, "c": {"anyOf": [number, text], "default": 3},
        "d": {"enum": ["x", 2], "default": "x"}, "e": {"type": "array", "items": number, "default": [1]},
        "f": {"type": "object", "additionalProperties": {"type": "number"}, "default": {}},
        "g": {"type": "array", "items": number, "default": []}, "h": {"default": None},
        "i": {"type": "integer", "description": "its number", "default": 5},
        "j": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "boolean"}}, "default": []},
        "k": {"type": "array", "prefixItems": [number, text], "minItems": 2, "maxItems": 2, "default": [1, "a"]},
        "l": {}, "m": {"default": {"$bytes": "AA=="}}})

    def of_classes(item: Item, options: Options, color: Color = Color.RED):
        pass

    found, required = properties(of_classes)
    same((found["item"]["required"], list(found["item"]["properties"])), (["name"], ["name", "price", "tags", "inside"]))
    same(found["item"]["properties"]["inside"], {"anyOf": [{"type": "object"}, {"type": "null"}]})
    same(found["options"], {"type": "object", "required": [], "properties": {"deep": {"type": "boolean"}}})
    same(found["color"], {"enum": ["red", 2], "default": "red"})

    def free(x: "nowhere.Nothing", y: int):
        pass

    same(properties(free)[0], {"x": {}, "y": number})


@case
def tools_that_are_refused():
    for text, tool in (("*args has none", lambda *args: 1), ("**more has none", lambda **more: 1),
                       ("give tools as a dict", functools.partial(int, base=2))):
        raises(TypeError, text, pyhl.run, "1", tools=[tool])
    scope = {}
    exec("def only(x, /): pass", scope)
    raises(TypeError, "x has none", pyhl.run, "1", tools=[scope["only"]])


@case
def tools_get_what_they_are_annotated_with():
    seen = []

    def take(item: Item, more: List[Item], color: Color, either: Union[int, Item, None], pair: Tuple[int, int],
             by_name: Dict[str, Item], options: Options):
        seen.extend([item, more, color, either, pair, by_name, options])
        return item

    code = ("import host\nhost.take({'name': 'a', 'inside': {'name': 'b'}}, [{'name': 'c'}], 'red', {'name': 'd', 'price': 2},"
            " (1, 2), {'x': {'name': 'e'}}, {'deep': True})")
    done = pyhl.run(code, tools=[take], timeout=20)
    same(done.text, "{'name': 'a', 'price': 1.5, 'tags': [], 'inside': {'name': 'b', 'price': 1.5, 'tags': [], 'inside': None}}")
    same(seen, [Item("a", inside=Item("b")), [Item("c")], Color.RED, Item("d", 2), (1, 2), {"x": Item("e")}, {"deep": True}])
    done = pyhl.run("import host\nhost.take({'nam': 1}, [], 'red', 1, [], {}, {})", tools=[take], timeout=20)
    assert "nam" in done.error.value, done.error
