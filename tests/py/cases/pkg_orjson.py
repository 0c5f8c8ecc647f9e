# orjson: JSON of every type it knows, its options, its errors, and a large document both ways.
import dataclasses
import datetime
import enum
import json
import uuid

import numpy as np
import orjson


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Colour(enum.Enum):
    RED = "red"


value = {
    "text": "é\u2028\"\\\n😀", "int": 2**53, "float": 0.1, "small": 1e-300, "none": None, "yes": True,
    "list": [1, (2, 3), []], "point": Point(1, 2.5), "colour": Colour.RED,
    "when": datetime.datetime(2024, 2, 29, 12, 30, 1, 500, tzinfo=datetime.timezone.utc),
    "day": datetime.date(2024, 2, 29), "clock": datetime.time(7, 5), "id": uuid.UUID(int=7),
}
print(orjson.dumps(value).decode())
print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z).decode())
print(orjson.dumps({1: "a", datetime.date(2024, 1, 1): 2}, option=orjson.OPT_NON_STR_KEYS))
print(orjson.dumps(np.arange(6).reshape(2, 3) / 4, option=orjson.OPT_SERIALIZE_NUMPY))
print(orjson.dumps([float("nan"), float("inf")]), orjson.dumps("line", option=orjson.OPT_APPEND_NEWLINE))
print(orjson.dumps({"s": {3, 1, 2}}, default=lambda o: sorted(o)))
print(orjson.dumps([orjson.Fragment(b'{"raw":1}')]))

print(orjson.loads(b'{"a": [1, -2.5e3, "\\u00e9", null, true], "a2": {}}'))
for bad in (b"{", b"[1,]", b'{"a": 01}', b"\xff", "", b'"\x01"'):
    try:
        print(orjson.loads(bad))
    except orjson.JSONDecodeError as error:
        print(bad, "->", error, error.pos)
for bad in ({1, 2}, {1: 2}, 2**64, "\ud800"):
    try:
        print(orjson.dumps(bad))
    except TypeError as error:
        print(type(bad).__name__, "->", error)

rows = [{"id": i, "name": f"row {i}", "share": i / 7, "even": i % 2 == 0, "tags": [str(i % 3)] * 3}
        for i in range(20000)]
data = orjson.dumps(rows)
print(len(data), orjson.loads(data) == rows == json.loads(data), json.dumps(rows, separators=(",", ":")).encode() == data)
