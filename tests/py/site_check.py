# SPDX-License-Identifier: Apache-2.0
"""An image with a sitecustomize, which python3 imports at its start and the driver before the snapshot.

It is a small copy of the image's root, without its packages. Each script finds in it all that sitecustomize has
done; what it printed is shown at set-up, and in no run.
"""
import os
import shutil
import subprocess

OUT = "build/tests/py/site"
LEFT_OUT = ["./dev/*", "./proc/*", "./tmp/*", "./usr/share", "./usr/lib/python3/dist-packages/*"]

SITECUSTOMIZE = '''"""What a site wants."""
import atexit
import builtins
import colorsys
import json
import sys
import warnings

print("said at the start")
from_site = builtins.from_site = [1]
sys.path.append("/site/more")
atexit.register(lambda: print("at the end", from_site))
warnings.simplefilter("error", FutureWarning)
json.dumps = lambda value, dumps=json.dumps: dumps(value) + " by the site"
'''

PROBE = '''
import sys
print(sorted(sys.modules), sys.path[1:], from_site)
import inspect, json, sitecustomize, textwrap, colorsys
print(sitecustomize.from_site is from_site, sitecustomize.json is json, json.dumps([1]), inspect.getsource(sitecustomize))
from_site.append(2)
import builtins, warnings
try:
    warnings.warn("from now on", FutureWarning)
except FutureWarning as error:
    print("raised:", error)
del sys.modules["sitecustomize"], builtins.from_site
try:
    from_site
except NameError as error:
    print(error)
'''

IMAGE = r"""[image]
name=site
init=/usr/lib/pyhl/driver
check=print(1)
check_output=1\nat the end [1]\n
memory=256M

[packages]
none=1
"""


def small_root(root):
    """A copy of the root with the standard library, a sitecustomize, and the names up to the packages as preload."""
    small = os.path.join(OUT, "root")
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(small)
    pack = ["tar", "-c", "-C", root, *(f"--exclude={pattern}" for pattern in LEFT_OUT), "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-x", "-C", small], stdin=tar.stdout, check=True)
    if tar.returncode:
        raise SystemExit(f"tar ended with status {tar.returncode}")
    with open(os.path.join(small, "usr/lib/python3/dist-packages/sitecustomize.py"), "w") as file:
        file.write(SITECUSTOMIZE)
    with open("python-agent-driver/preload.txt") as file:
        names = [line for line in file if not line.startswith(">>>")]
    with open(os.path.join(small, "usr/lib/pyhl/preload.txt"), "w") as file:
        file.writelines(names[:names.index("---\n")])
    return os.path.abspath(small)


def small_home(small):
    """Sets up a home of that root; returns its path, and what was said."""
    image, home = os.path.join(OUT, "image"), os.path.join(OUT, "home")
    os.mkdir(image)
    shutil.copy("build/kernel/kernel.elf", os.path.join(image, "kernel"))
    with open(os.path.join(image, "image.ini"), "w") as file:
        file.write(IMAGE)
    subprocess.run(["build/images/sites", small], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["build/images/mkcpio", small, os.path.join(image, "initrd.cpio")], check=True)
    done = subprocess.run(["build/pyhl", "setup", "--from", image, "--dest", home], capture_output=True)
    if done.returncode:
        raise SystemExit(f"no home with a sitecustomize: {done.stderr}")
    return os.path.abspath(home), done.stdout + done.stderr


def check(case, root, oracle, native, guest):
    """A list of what is wrong. native(root) and guest(home) make runners; the one that is None is not wanted."""
    case.mode, case.source = "file", PROBE.encode()
    small = small_root(root)
    wrong = []
    out, err, status = oracle(small, case)
    said = b"said at the start\n"
    if status or err or not out.startswith(said) or b"raised: from now on" not in out:
        return [f"  under python3: {out}, {err}, status {status}"]
    expected = out.removeprefix(said)
    if guest:
        home, shown = small_home(small)
        if said.strip() not in shown:
            wrong.append(f"  set-up does not show what sitecustomize prints: {shown}")
    runner = guest(home) if guest else native(small)
    for _ in range(2):
        have = runner(case)
        if have != (expected, b"", 0):
            wrong.append(f"  expected {expected}, got {have}")
    shutil.rmtree(OUT)
    return wrong
