# yaml: loads and dumps every type with the Python and the libyaml parser, anchors, tags, own types, events and errors.
import io
from collections import OrderedDict

import yaml

document = """
---
numbers: [1, 0x1F, 0o17, 017, 1_000, 1.5e3, .inf, -.inf, 190:20:30]
words: [yes, No, on, ~, null, "null", 'it''s', "tab\\t\\u00e9"]
dates: [2024-02-29, 2024-02-29T13:45:10.5Z, 2024-02-29 13:45:10 +02:00]
base: &base {kind: tea, size: 1}
more:
  <<: *base
  size: 2
literal: |2+
    keep
  this

folded: >-
  one
  line

  two
binary: !!binary aGVsbG8=
set: !!set {x, y}
pairs: !!omap [b: 1, a: 2]
"""
for loader in (yaml.SafeLoader, yaml.CSafeLoader):
    data = yaml.load(document, Loader=loader)
    print({key: sorted(value) if isinstance(value, set) else value for key, value in data.items()})
for dumper in (yaml.SafeDumper, yaml.CSafeDumper):
    print(yaml.dump(data, Dumper=dumper, allow_unicode=True))
    print(yaml.dump({"a": [1, {"b": "x: y"}], "t": "two\nlines\n", "s": "- dash"}, Dumper=dumper, default_flow_style=True))


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


yaml.SafeLoader.add_constructor("!point", lambda loader, node: Point(*loader.construct_sequence(node)))
yaml.SafeDumper.add_representer(Point, lambda dumper, p: dumper.represent_sequence("!point", [p.x, p.y]))
point = yaml.safe_load("!point [1, 2]")
print(point.x, point.y, yaml.safe_dump([point, point]), [type(e).__name__ for e in yaml.parse("- &a [1]\n- *a")])
for bad in ("a: b: c", "[1, 2", "*nothing", "!!python/object/apply:os.system [ls]", "\ta: 1", "a: 'x"):
    try:
        yaml.safe_load(bad)
    except yaml.YAMLError as error:
        print(type(error).__name__, str(error).splitlines()[0])


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import yaml
text = """
a: &x {n: 1, f: 2.5, d: 2024-01-02, s: "q\\u00e9"}
b: [*x, null, true, ~]
c: |
  two
  lines
"""
data = yaml.safe_load(text)
print(data, yaml.safe_dump(data, sort_keys=False, allow_unicode=True), yaml.__with_libyaml__)
print(list(yaml.load_all("1\n---\n[2]\n", Loader=yaml.CSafeLoader)), yaml.dump({"k": {1, 2}}))
yaml.safe_load("a: [1, 2")
