# SPDX-License-Identifier: Apache-2.0
"""Values on their way between a tool and the code that calls it: JSON, and what it lacks."""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import math
import re
from typing import Any, Dict

# What JSON lacks is an object with one member of such a name (python-agent-driver/session/host.py).
ESCAPE = re.compile(r"\$+(bytes|float)\Z")


def encode(value: Any) -> bytes:
    """JSON of a value, or TypeError. A dataclass is an object of its fields, a member of an Enum its value."""
    def spell(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            item = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        elif isinstance(item, enum.Enum):
            item = item.value
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
