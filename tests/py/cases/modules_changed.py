# Scripts that change sys.modules or sys.path, or have files with names of the library.
import os, sys
from unittest import mock

print(type(sys.modules["unittest"]), "statistics" in sys.modules)
fake = sys.modules["secrets"] = type(sys)("secrets")
sys.modules["zlib"] = None
fake.token_hex = None
import secrets, random
print(secrets is fake, random.__name__)
try:
    import zlib
except ImportError as error:
    print(repr(error))
del sys.modules["zlib"]
import zlib
print(zlib.crc32(b"x"))
del sys.modules["secrets"]
import numpy.random, secrets
print(secrets is fake, secrets is sys.modules["secrets"])
with mock.patch.dict(sys.modules, {"pandas": fake}):
    import pandas, textwrap
    print(pandas is fake, "textwrap" in sys.modules)
print("pandas" in sys.modules, "textwrap" in sys.modules)
import textwrap as again
print(again is textwrap, again.dedent("  x"))
import json
first = json
del sys.modules["json"]
import json
print(json is first, json.loads("[1]"), json.JSONDecoder is first.JSONDecoder)
with open("csv.py", "w") as file:
    file.write("print('my csv')\nimport decimal\n")
os.makedirs("base64")
os.makedirs("wave")
with open("wave/__init__.py", "w") as file:
    file.write("import base64\nprint('my wave', base64.b64encode(b'x'))\n")
sys.path_importer_cache.clear()
import csv, wave
print(csv.__file__.endswith("/csv.py"), sys.path[0] == os.path.dirname(csv.__file__))
path, sys.path = sys.path, []
for name in ("difflib", "pydantic", "sys", "abc", "itertools", "runpy"):
    try:
        print(__import__(name).__name__)
    except ImportError as error:
        print(repr(error))
sys.path[:] = [path[0], "/nowhere", "/etc/passwd"] + path[1:]
import difflib
print(difflib.__file__)
import email
email.__path__.insert(0, os.getcwd())
kept = dict(sys.modules)
sys.modules.clear()
sys.modules.update(kept)
import fractions, yaml
print(fractions.Fraction(1, 3), yaml.safe_load("[1]"), list(sys.modules)[-1])
finders, sys.meta_path[:] = sys.meta_path[:], sys.meta_path[-3:]
import shlex
print(shlex.split("a 'b c'"))
