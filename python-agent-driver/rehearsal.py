# SPDX-License-Identifier: Apache-2.0
"""Does in brief what longer scripts do. `pyhl setup` runs it once in a restored VM and records the pages that it writes.
A run that has lasted some milliseconds gets these pages copied ahead. The script itself leaves no trace."""
import collections
import csv
import dataclasses
import datetime
import functools
import hashlib
import importlib
import io
import itertools
import json
import os
import random
import re
import sys
import tempfile
import threading
import traceback

# Modules of little use: this is for the act of importing.
for name in ("colorsys", "sndhdr", "chunk", "no_such_module"):
    try:
        importlib.import_module(name)
    except ImportError:
        traceback.format_exc()


@dataclasses.dataclass
class Item:
    number: int
    text: str = "x"

    def both(self):
        return f"{self.number:5d} {self.text!r}"


items = {i: Item(i, str(i)) for i in range(500)}
text = json.dumps({str(k): [v.number, v.text, 1.5, None, True] for k, v in items.items()})
json.loads(text)
re.findall(r"(\w+)@(\w+)\.com", "a@b.com " * 100)
hashlib.sha256(text.encode()).hexdigest()
sorted((random.random() for _ in range(1000)), reverse=True)
collections.Counter("abc" * 100)
functools.reduce(lambda a, b: a + b, itertools.accumulate(range(100)))
datetime.datetime(2024, 2, 29).strftime("%Y-%m-%d %H:%M")
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "rows.csv")
    with open(path, "w") as file:
        csv.writer(file).writerows([i, i % 7, i * 1.5] for i in range(500))
    with open(path) as file:
        rows = list(csv.reader(file))
thread = threading.Thread(target=lambda: [v.both() for v in items.values()])
thread.start()
thread.join()

print(len(items), file=sys.stdout)
