#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for uv, for tests of what becomes of a tree of packages.

Of each name in the requirements it makes a package of one file, from $TOYS/NAME.py; with $TOYS/NAME.size it gets a file
`data` of so many bytes. One that is installed is left as it is, another version is replaced. It notes each call in $TOYS/calls, and takes $TOY_SLEEP
seconds.
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import sys
import time

toys = pathlib.Path(os.environ["TOYS"])
with open(toys / "calls", "a") as f:
    f.write("call\n")
time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
site = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
names = [n for n in pathlib.Path("requirements.txt").read_text().split() if re.fullmatch("[a-z]+", n)]
for name in names:
    info = f"{name}-1.0.dist-info"
    if (site / info).exists():
        continue
    for old in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    files = {f"{name}/__init__.py": (toys / f"{name}.py").read_bytes(), f"{info}/top_level.txt": name.encode() + b"\n",
             f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()}
    record = ""
    for path, data in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    (site / info / "RECORD").write_text(record + f"{info}/RECORD,,\n")
    if (toys / f"{name}.size").exists():
        with open(site / name / "data", "wb") as f:
            f.truncate(int((toys / f"{name}.size").read_text()))
