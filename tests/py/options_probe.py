# SPDX-License-Identifier: Apache-2.0
# What options of python3 and PYTHON* variables change, as a script sees it.
"""Documented."""
import sys
AT_START = sorted(sys.modules)
import asyncio  # noqa: E402, the modules of the start are looked at first
import builtins
import ctypes
import faulthandler
import locale
import site
import tracemalloc
import warnings


def documented():
    """A docstring."""
    assert sys.argv[1:] != ["assert"], "asserts are there"
    return documented.__doc__


def attempt(function):
    try:
        return function()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


print("flags", [(name, getattr(sys.flags, name)) for name in sys.flags.__match_args__ if name != "hash_randomization"])
print("modules", AT_START)
print("debug", __debug__, builtins.__debug__, attempt(documented), __doc__)
print("options", sys._xoptions, sys.warnoptions, sys.orig_argv[:-1], sys.argv)
print("bytecode", sys.dont_write_bytecode, sys.pycache_prefix)
print("path", sys.path[:2], site.ENABLE_USER_SITE)
for stream in sys.stdin, sys.stdout, sys.stderr:
    print("stream", stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through, type(stream.buffer))
print("encodings", sys.getfilesystemencoding(), locale.getpreferredencoding(), locale.getencoding())
print("digits", sys.get_int_max_str_digits(), attempt(lambda: len(str(10 ** 4500))), attempt(lambda: len(str(10 ** 700))))
print("tracing", tracemalloc.is_tracing(), tracemalloc.get_traceback_limit(), faulthandler.is_enabled())
print("warning", attempt(lambda: warnings.warn("user")), attempt(lambda: warnings.warn("old", DeprecationWarning)),
      attempt(lambda: warnings.warn("import", ImportWarning)), flush=True)
print("bytes", attempt(lambda: b"a" == "a"), attempt(lambda: str(b"a")), flush=True)
print("encoding", attempt(lambda: open("/dev/null").close()), flush=True)
print("loop debug", asyncio.coroutines._is_debug_mode(), flush=True)
print("surrogate", ascii("\udc80"), "\udc80".encode(errors="surrogateescape"), flush=True)
attempt(lambda: warnings.warn("again"))
ctypes.CDLL(None).printf(b"from C\n")
print("error", file=sys.stderr)
undefined_name + (1 +
                  2)
