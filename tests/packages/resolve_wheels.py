#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes wheels for the cases of resolve_cases.sh, and one source archive.

usage: resolve_wheels.py DIR
"""
import base64
import hashlib
import io
import os
import sys
import tarfile
import zipfile

OUT = sys.argv[1]


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(data)}\n"


def wheel(name, version, files=None, tag="py3-none-any", needs=(), python=None, special=(), top_level=None, folder=""):
    """special: (path, content, mode) with the mode of Unix, such as that of a link."""
    info = f"{name}-{version}.dist-info"
    files = dict(files if files is not None else {f"{name}/__init__.py": f"VERSION = {version!r}\n"})
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + \
        "".join(f"Requires-Dist: {need}\n" for need in needs) + (f"Requires-Python: {python}\n" if python else "")
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if top_level is not None:
        files[f"{info}/top_level.txt"] = top_level
    files[f"{info}/RECORD"] = "".join(record_line(path, text.encode()) for path, text in files.items()) + f"{info}/RECORD,,\n"
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    with zipfile.ZipFile(os.path.join(OUT, folder, f"{name}-{version}-{tag}.whl"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        for path, text, mode in special:
            entry = zipfile.ZipInfo(path)
            entry.create_system = 3
            entry.external_attr = mode << 16
            archive.writestr(entry, text)


def source(name, version):
    """An archive of sources whose setup.py would leave a file in OUT."""
    with tarfile.open(f"{OUT}/{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in (("PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
                           ("setup.py", f"open({OUT!r} + '/setup-ran', 'w')\n")):
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


wheel("leaf", "1.5")
wheel("tree", "1.0")
wheel("tree", "2.0", needs=["leaf>=1"])
wheel("other", "1.0", needs=["tree<2"])
# Names of modules: from RECORD, from top_level.txt, and the package's own alone.
wheel("many", "1.0", files={"many_a/__init__.py": "", "many_b.py": "", "many_c.cpython-313-x86_64-linux-gnu.so": "",
                            "_private/__init__.py": "", "tests/__init__.py": "", "space/inner/__init__.py": "", "b-d.py": ""})
wheel("listed", "1.0", files={"zeta/__init__.py": "", "alpha.py": "", "unlisted.py": ""}, top_level="zeta\nalpha\n_own\nno-name\n")
wheel("named", "1.0", files={"named/__init__.py": "", "named_extension/__init__.py": ""})
# For another Python, another C library, no wheel at all.
wheel("newglibc", "1.0", tag="cp313-cp313-manylinux_2_99_x86_64")
wheel("oldpython", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
wheel("needspython", "1.0", python=">=3.99")
source("sourceonly", "1.0")
# Of the image; the version is one that no release has.
wheel("numpy", "99.0")
wheel("numpy", "2.2.4", folder="same")
wheel("elder", "1.0")
wheel("elder", "2.0", needs=["numpy>=3"])
wheel("command", "1.0", files={"command/__init__.py": "", "command-1.0.data/scripts/hello": "#!python\nprint(1)\n"})
wheel("outside", "1.0", files={"outside/__init__.py": "", "../../outside.py": "x", "outside-1.0.data/data/../../../up": "x"},
      special=[("outside/link", "/etc/passwd", 0o120777), ("outside/setuid", "#!/bin/sh\n", 0o104755), ("outside/pipe", "", 0o010644)])
wheel("byaddress", "1.0", needs=[f"sourceonly @ file://{OUT}/sourceonly-1.0.tar.gz"])
wheel("bygit", "1.0", needs=[f"sourceonly @ git+file://{OUT}/nothing"])
wheel("large", "1.0", files={"large/__init__.py": "x = 1\n" * 3_000_000}, folder="large")
wheel("pieces", "1.0", files={f"pieces/m{i}.py": "#" * 4_000_000 for i in range(150)}, folder="pieces")
