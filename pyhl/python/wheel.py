#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs the two wheels, with Python's own library alone: `make wheel` and `make wheel-image` call it.

usage: wheel.py pyhl OUT STAGE       the package, with the program and what belongs to it from STAGE (`make install`)
       wheel.py image OUT ARCHIVE    the image's archive, of `make dist`

The tag says that a wheel is of use from glibc 2.17 on, on x86-64. The program is static, which is checked here, and so it
needs no C library at all: any number would be true. 2.17 is the oldest that pip has a name for (manylinux2014) in each
version that comes with a Python 3.9 or newer. The image is data, but only the program can use it.

The same sources, program and zlib give the same bytes: names are in order, and the time of all files is SOURCE_DATE_EPOCH,
or else that of the last commit; 1980 is the first year that a zip file can name.
"""

import base64
import hashlib
import os
import pathlib
import re
import stat
import struct
import subprocess
import sys
import time
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
TAGS = ["py3-none-manylinux2014_x86_64", "py3-none-manylinux_2_17_x86_64"]
FILE_NAME_TAG = "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64"
PT_INTERP = 3


def die(text):
    sys.exit(f"wheel: {text}")


def epoch():
    said = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], text=True,
                                                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    if not said:
        die("the files' time is that of the last commit, and there is none; set SOURCE_DATE_EPOCH=SECONDS")
    if not said.isascii() or not said.isdigit():
        die(f"SOURCE_DATE_EPOCH '{said}' is not a number of seconds since 1970")
    return max(time.gmtime(int(said))[:6], (1980, 1, 1, 0, 0, 0))


def check_static(path):
    """A program without an interpreter in its ELF header is loaded by the kernel alone."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        die(f"{path} is no 64-bit ELF program")
    offset, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    kinds = {struct.unpack_from("<I", data, offset + i * size)[0] for i in range(count)}
    if PT_INTERP in kinds:
        die(f"{path} is not static, and the wheel's tag says that it needs no C library")


def project(folder):
    """The [project] of a pyproject.toml. Its version must be the command's and the package's own."""
    found = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    header = re.search(r'^#define PYHL_VERSION "(.*)"', (TOP / "pyhl/pyhl.h").read_text(), re.M).group(1)
    sources = "".join(path.read_text() for path in sorted(folder.glob("*/*.py")))
    own = re.search(r'^(?:VERSION|__version__) = "(.*)"', sources, re.M).group(1)
    if not found["version"] == own == header:
        die(f"version {found['version']} in {folder}/pyproject.toml, {own} in the package, {header} in pyhl/pyhl.h")
    return found


def metadata(about, folder):
    lines = ["Metadata-Version: 2.1", f"Name: {about['name']}", f"Version: {about['version']}",
             f"Summary: {about['description']}", f"License: {about['license']['text']}",
             f"Requires-Python: {about['requires-python']}"]
    for extra, needs in about.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {need} ; extra == "{extra}"' for need in needs)]
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", (folder / "README.md").read_text()]).encode()


def package(folder, name):
    """The sources of a package, by their names in the wheel."""
    files = [*(folder / name).glob("*.py"), *(folder / name).glob("py.typed")]
    return {f"{name}/{path.name}": (path.read_bytes(), 0o644) for path in files}


def licences(share):
    """The texts of what is linked in, and those that Debian's copyright files name."""
    files = {path.relative_to(share): path for path in [share / "LICENSE", share / "LICENSES.md", *share.glob("copyright/*")]}
    for name in re.findall(r"/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9]",
                           "".join(path.read_text(errors="replace") for path in files.values())):
        path = pathlib.Path(name)
        if path.exists():  # some name a text that Debian does not have
            files[pathlib.Path("common-licenses", path.name)] = path
    return {f"licenses/{name}": (path.read_bytes(), 0o644) for name, path in files.items()}


def pack(out, about, folder, files, info):
    """Writes the wheel: the files, then those that tell of them, RECORD last. info: what goes beside the metadata."""
    stem = f"{about['name'].replace('-', '_')}-{about['version']}"
    wheel = ["Wheel-Version: 1.0", "Generator: pyhl/python/wheel.py", "Root-Is-Purelib: false", *(f"Tag: {tag}" for tag in TAGS)]
    info = {**info, "METADATA": (metadata(about, folder), 0o644), "WHEEL": ("\n".join([*wheel, ""]).encode(), 0o644)}
    files = {name.format(data=f"{stem}.data"): entry for name, entry in files.items()}
    files = {**dict(sorted(files.items())), **{f"{stem}.dist-info/{name}": entry for name, entry in sorted(info.items())}}
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
             for name, (data, _) in files.items()]
    files[record] = ("".join([*lines, f"{record},,\n"]).encode(), 0o644)
    path, when = out / f"{stem}-{FILE_NAME_TAG}.whl", epoch()
    with zipfile.ZipFile(path.with_suffix(".new"), "w") as archive:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, when)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | mode) << 16
            packed = name.endswith(".zst")
            archive.writestr(entry, data, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED, None if packed else 9)
    os.replace(path.with_suffix(".new"), path)
    print(f"{os.path.relpath(path)} {path.stat().st_size / (1 << 20):.1f} MiB")


def pack_command(out, stage):
    check_static(stage / "bin/pyhl")
    files = {**package(HERE, "pyhl"), "{data}/scripts/pyhl": ((stage / "bin/pyhl").read_bytes(), 0o755),
             "{data}/data/share/man/man1/pyhl.1": ((stage / "share/man/man1/pyhl.1").read_bytes(), 0o644)}
    pack(out, project(HERE), HERE, files, licences(stage / "share/doc/pyhl"))


def pack_image(out, archive):
    folder = HERE / "image"
    files = {**package(folder, "pyhl_image"), "pyhl_image/image.tar.zst": (archive.read_bytes(), 0o644)}
    pack(out, project(folder), folder, files, {"licenses/LICENSE": ((TOP / "LICENSE").read_bytes(), 0o644)})


def main():
    kinds = {"pyhl": pack_command, "image": pack_image}
    if len(sys.argv) != 4 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    out, source = pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    if not source.exists():
        die(f"there is no {source}")
    out.mkdir(parents=True, exist_ok=True)
    kinds[sys.argv[1]](out, source)


main()
