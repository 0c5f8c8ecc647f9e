# SPDX-License-Identifier: Apache-2.0
"""The hermetic test's script, part one of several that run.sh joins into one.

Every run first looks for what an earlier run has left, then leaves everything that it can. A trace is a class with
look(), which returns what it found (nothing: clean), and leave(). Each run also prints a fingerprint of everything that
can be listed: it must be the same in every run, cold or warm.
"""
GLOBALS_AT_START = sorted(globals())

import sys  # noqa: E402

MODULES_AT_START = sorted(sys.modules)

import os  # noqa: E402
import zlib  # noqa: E402

TRACES = []
FINGERPRINTS = []


def trace(cls):
    """Registers a class with look() and leave(), and flags. `later`: only a later run can see the trace; `brutal`: left
    only before os._exit(); `heavy`: not left in every run; `last`: left after all others, because it slows them."""
    for flag in ("later", "brutal", "heavy", "last"):
        setattr(cls, flag, getattr(cls, flag, False))
    TRACES.append(cls)
    return cls


def fingerprint(function):
    """Registers a function whose value, as text, must be the same in all runs."""
    FINGERPRINTS.append(function)
    return function


def attempt(function):
    """The function's result; an exception is a result, too."""
    try:
        return function()
    except Exception as error:  # its text is compared
        return f"{type(error).__name__}: {error}"


def look_all():
    return [f"{cls.__name__}: {found}" for cls in TRACES if (found := attempt(cls.look))]


def leave_all(brutal, heavy):
    for cls in sorted(TRACES, key=lambda cls: cls.last):
        if cls.brutal and not brutal or cls.heavy and not heavy:
            continue
        try:
            cls.leave()
        except Exception as error:  # reported: a trace that cannot be left proves nothing
            os.write(2, f"cannot leave {cls.__name__}: {error!r}\n".encode())


def take_fingerprints():
    words = []
    for function in FINGERPRINTS:
        text = str(attempt(function))
        words.append(f"{function.__name__}:{zlib.crc32(text.encode()):08x}")
    return " ".join(words)


def show_fingerprints():
    for function in FINGERPRINTS:
        print(f"{function.__name__}: {str(attempt(function))[:2000]}")
