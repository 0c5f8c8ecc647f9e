# SPDX-License-Identifier: Apache-2.0
"""Records: what a session gives to the host beside stdout and stderr.

The modules of this directory are imported before the snapshot by their plain names (`import records`). Then they are taken
out of sys.modules, so they import each other, and all else, at their tops and not in functions. At the snapshot a package
loses the attributes that its submodules are: `from importlib import util`, and not `import importlib.util`.
"""
import errno
import json
import sys
from fcntl import F_DUPFD_CLOEXEC, fcntl
from os import O_CLOEXEC, O_WRONLY, close, open as open_file, write

# From here on the program can change neither these functions nor the builtins of this module.
__builtins__ = dict(__builtins__)

DEVICE = "/dev/pyhl-record"
DEVICE_FD = 1000
device = -1


def plain(value):
    """A copy of what JSON cannot say, in words that it has: NaN and infinities become None, as JSON.stringify writes them."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=repr).encode


def encode(value):
    """UTF-8 JSON. What is of no JSON type is given as its repr, and half of a surrogate pair as '?'."""
    try:
        text = to_json(value)
    except ValueError:
        text = to_json(plain(value))
    return text.encode("utf-8", "replace")


def flush():
    """Hand over what sys.stdout and sys.stderr have buffered. A stream that is closed, or no stream, has nothing; one that
    fails keeps what it has, and fails again at the end of the cell, where that is told."""
    for stream in getattr(sys, "stdout", None), getattr(sys, "stderr", None):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def open_device():
    """The device, at a number out of the way of the program's. False when there is none."""
    global device
    try:
        low = open_file(DEVICE, O_WRONLY | O_CLOEXEC)
    except FileNotFoundError:
        return False
    device = fcntl(low, F_DUPFD_CLOEXEC, DEVICE_FD)
    close(low)
    return True


def send(kind, payload):
    """Give one record to the host: bytes as they are, anything else as JSON. What was printed before comes before it.
    Returns False when nobody takes records. OSError: the record is too large for the host."""
    flush()
    return put(kind, payload if isinstance(payload, bytes) else encode(payload))


def put(kind, payload):
    """Give a record of bytes, and run no code of the program's."""
    return hand_over(b"%b\0%b" % (kind.encode(), payload))


def hand_over(data):
    """Give a record as the device takes it: its kind, a NUL, and its bytes."""
    for _ in range(2):
        try:
            write(device, data)
            return True
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            if error.errno != errno.EBADF:
                raise
        if not open_device():  # the first record, or the program has closed it
            return False
    return False
