# SPDX-License-Identifier: Apache-2.0
"""Packages without network, for tests of what becomes of them: on PATH as uv is a stand-in, which copies packages from
folders."""
import base64
import contextlib
import hashlib
import os
import tempfile

# Packages lie in the folder of --find-links as NAME-VERSION/. One that is in the target already is not copied. What there
# is in the target at first is written to the file "seen".
STAND_IN = """#!/usr/bin/env python3
import os, pathlib, shutil, sys, time
words = sys.argv[1:]
links = pathlib.Path(words[words.index("--find-links") + 1])
site = pathlib.Path(words[words.index("--target") + 1])
have = {path.name.removesuffix(".dist-info").rpartition("-")[0]: path for path in site.glob("*.dist-info")}
(links / "seen").write_text(" ".join(sorted(path.name for path in have.values())))
for line in pathlib.Path("requirements.txt").read_text().split():
    name, _, version = line.partition("==")
    if name == "slow":
        (links / "slow").touch()
        time.sleep(1234.5)
    found = sorted(links.glob(f"{name}-{version or '*'}"))
    if not found:
        sys.exit(f"error: No solution found when resolving dependencies\\n  cause: Because {name} was not found in the "
                 "package registry and you require it.")
    if name in have:
        if have[name].name == found[-1].name + ".dist-info" or not version:
            continue
        shutil.rmtree(have[name])
    shutil.copytree(found[-1], site, copy_function=os.link, dirs_exist_ok=True)
"""


def package(folder, name, version, files):
    """Make a package; the value of a file may be its size."""
    at = os.path.join(folder, f"{name}-{version}")
    info = f"{name}-{version}.dist-info"
    record = ""
    for path, text in {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}.items():
        os.makedirs(os.path.dirname(os.path.join(at, path)), exist_ok=True)
        with open(os.path.join(at, path), "wb") as file:
            if isinstance(text, int):
                file.truncate(text)
                continue
            file.write(text.encode())
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    with open(os.path.join(at, info, "RECORD"), "w") as file:
        file.write(record + f"{info}/RECORD,,\n")


@contextlib.contextmanager
def packages():
    """Yields the words before a command's, those after it, the folder, and a list of what is wrong at the end."""
    with tempfile.TemporaryDirectory() as folder:
        links, cache = os.path.join(folder, "links"), os.path.join(folder, "cache")
        os.mkdir(links)
        os.mkdir(cache, 0o700)
        with open(os.path.join(folder, "uv"), "w") as file:
            file.write(STAND_IN)
        os.chmod(os.path.join(folder, "uv"), 0o755)
        for version in "1.0", "2.0":
            package(links, "alpha", version, {"alpha/__init__.py": f"version = {version}\n", "alpha/data": "some"})
        package(links, "beta", "1.0", {"beta.py": "import alpha\n"})
        package(links, "click", "99.0", {"click/__init__.py": ""})
        package(links, "leaves", "1.0", {"leaves.pth": "import os; os._exit(0)\n", "leaves.py": ""})
        package(links, "large", "1.0", {"large.py": "", "large.bin": 500 << 20})
        wrong = []
        yield [f"PATH={folder}:/usr/bin:/bin", f"XDG_CACHE_HOME={cache}"], ["--find-links", links], links, wrong
        left = [name for name in os.listdir(os.path.join(cache, "pyhl", "work")) if not name.endswith(".lock")]
        if left:
            wrong.append(f"left in the cache: {left}")


def seen(links):
    with open(os.path.join(links, "seen")) as file:
        return file.read().split()
