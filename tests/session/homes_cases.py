# SPDX-License-Identifier: Apache-2.0
"""States in files beside homes that they are not of, and files that are none."""
import contextlib
import os
import re
import shutil
import struct
import subprocess
import tempfile

from check import case, same

PYHL = os.path.abspath("build/pyhl")
IMAGE = os.path.abspath("build/images/python")
STRANGER = (r"^pyhl run: --from: the state was not saved with this home: \S+: the checkpoint is of the snapshot with key "
            r"([0-9a-f]{32}) and memory ([0-9a-f]{32}), not of that with key ([0-9a-f]{32}) and memory ([0-9a-f]{32})\n$")


def pyhl(*words, cwd=None):
    return subprocess.run([PYHL, *words], cwd=cwd, capture_output=True, text=True, timeout=120)


def run(home, *words, cwd):
    return pyhl("run", "--dest", home, *words, cwd=cwd)


def set_up(home, *options):
    done = pyhl("setup", "--from", IMAGE, "--dest", home, *options)
    same((done.returncode, done.stderr), (0, ""))


@contextlib.contextmanager
def folder():
    """A directory beside the image, of which a home is then a cheap copy."""
    with tempfile.TemporaryDirectory(dir="build") as path:
        yield os.path.abspath(path)


@case
def state_of_another_home(session):
    """Two homes of one image have the same key, and are different machines; so are a home and the one in its place."""
    with folder() as path:
        homes = [f"{path}/one", f"{path}/two"]
        for home in homes:
            set_up(home)
            same(run(home, "--save", os.path.basename(home) + ".state", "-c", "x = 6", cwd=path).stderr, "")
        for i, home in enumerate(homes):
            own = run(home, "--from", os.path.basename(home) + ".state", "-c", "print(x * 7)", cwd=path)
            same((own.returncode, own.stdout, own.stderr), (0, "42\n", ""))
            other = run(home, "--from", os.path.basename(homes[1 - i]) + ".state", "-c", "print(x)", cwd=path)
            same((other.returncode, other.stdout), (125, ""))
            found = re.search(STRANGER, other.stderr)
            assert found, other.stderr
            same((found[1] == found[3], found[2] == found[4]), (True, False))
        set_up(homes[0], "--force")
        done = run(homes[0], "--from", "one.state", "-c", "print(x)", cwd=path)
        same((done.returncode, done.stdout, bool(re.search(STRANGER, done.stderr))), (125, "", True))


@case
def state_made_by_hand(session):
    """A file that is cut short, longer, changed, made by hand or of another version: one line, and nothing runs."""
    home = os.path.abspath(session.home)
    with folder() as path:
        same(run(home, "--save", "state", "-c", "x = [bytearray([i]) * 9000 for i in range(99)]", cwd=path).stderr, "")
        with open(f"{path}/state", "rb") as file:
            good = file.read()
        newer = good[:8] + struct.pack("<I", struct.unpack_from("<I", good, 8)[0] + 1) + good[12:]
        for said, data in (
                ("truncated: 0 bytes, wanted at least [0-9]+", b""),
                ("truncated: 100 bytes, wanted at least [0-9]+", good[:100]),
                (f"has {len(good) - 1} bytes, wanted {len(good)}", good[:-1]),
                (f"has {len(good) // 2} bytes, wanted {len(good)}", good[:len(good) // 2]),
                (f"has {len(good) + 4096} bytes, wanted {len(good)}", good + bytes(4096)),
                ("not a checkpoint: it does not begin with 'pyhlckpt'", os.urandom(len(good))),
                ("not a checkpoint: it does not begin with 'pyhlckpt'", b"x = 1\n" * 4000),
                ("header is damaged: checksum [0-9a-f]{16}, recorded [0-9a-f]{16}", good[:12] + bytes(len(good) - 12)),
                ("version [0-9]+, wanted [0-9]+", newer),
                ("list is damaged: checksum [0-9a-f]{16}, recorded [0-9a-f]{16}", good[:16384] + b"y" + good[16385:])):
            with open(f"{path}/bad", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(data)
            done = run(home, "--from", "bad", "-c", "print(len(x))", cwd=path)
            same((done.returncode, done.stdout), (125, ""))
            assert re.search(rf"^pyhl run: --from: bad: .*{said}\n$", done.stderr), (said, done.stderr)
        same(run(home, "--from", "state", "-c", "print(len(x))", cwd=path).stdout, "99\n")


@case
def state_without_room(session):
    """No room for the file: one line, no half a file, and what had the name stays."""
    home = os.path.abspath(session.home)
    with folder() as path:
        same(run(home, "--save", "state", "-c", "x = 1", cwd=path).stderr, "")
        limited = "ulimit -f 100; exec \"$0\" run --dest \"$1\" --save state -c \"x = bytearray(b'ab' * 1000000)\""
        done = subprocess.run(["bash", "-c", limited, PYHL, home], cwd=path, capture_output=True, text=True, timeout=120)
        same((done.returncode, done.stdout), (125, ""))
        assert re.search(r"^pyhl run: --save state: writing the checkpoint: File too large\n$", done.stderr), done.stderr
        same(os.listdir(path), ["state"])
        same(run(home, "--from", "state", "-c", "print(x)", cwd=path).stdout, "1\n")
        mount = shutil.which("unshare")
        if mount is None:
            return
        small = ("mkdir small && mount -t tmpfs -o size=1m tmpfs small || exit 99; "
                 "\"$0\" run --dest \"$1\" --save small/state -c \"x = bytearray(b'ab' * 1000000)\"; s=$?; ls -A small; exit $s")
        done = subprocess.run([mount, "-rm", "bash", "-c", small, PYHL, home], cwd=path, capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 99 and "unshare" not in done.stderr:
            same((done.returncode, done.stdout), (125, ""))
            assert re.search(r"^pyhl run: --save small/state: writing the checkpoint: No space left on device\n$",
                             done.stderr), done.stderr
