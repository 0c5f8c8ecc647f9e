# SPDX-License-Identifier: Apache-2.0
"""Run by run.py: the state of the interpreter, a line "NAME = VALUE" each.

Standard input names the modules of the standard library to look into, which are imported first. After the word "list" it
names modules to import, and the names of all modules of the standard library that are loaded then are printed.
"""
import os


def is_open(fd):
    try:
        return os.fstat(fd) is not None
    except OSError:
        return False


OPEN = [fd for fd in range(1024) if is_open(fd)]
# The oracle's root has no /proc.
TASKS = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 1

import _abc  # noqa: E402, nothing is imported before the above
import atexit  # noqa: E402
import collections.abc  # noqa: E402
import contextvars  # noqa: E402
import ctypes  # noqa: E402
import decimal  # noqa: E402
import faulthandler  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import itertools  # noqa: E402
import locale  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
import types  # noqa: E402

PLAIN = (int, float, str, bytes, bool, type(None), itertools.count)
SKIPPED = ("__builtins__", "__loader__", "__spec__", "__doc__", "__dict__", "__weakref__")


def umask():
    old = os.umask(0)
    os.umask(old)
    return old


def state():
    """What no module's namespace shows."""
    yield "descriptors", OPEN
    yield "tasks", TASKS
    yield "threads", [t.name for t in threading.enumerate()]
    yield "umask", umask()
    yield "working directory", os.getcwd()
    yield "environment", dict(os.environ)
    yield "signal handlers", [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())]
    yield "signal mask", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    yield "timers", [signal.getitimer(n) for n in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)]
    yield "wakeup", signal.set_wakeup_fd(-1)
    yield "collector", [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks), gc.get_freeze_count()]
    yield "garbage", len(gc.garbage)
    yield "locale", locale.setlocale(locale.LC_ALL)
    yield "decimal context", str(decimal.getcontext())
    yield "context variables", len(contextvars.copy_context())
    yield "default timeout", socket.getdefaulttimeout()
    yield "limits", [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()]
    yield "tracing", [sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()]
    yield "coroutines", [tuple(sys.get_asyncgen_hooks()), sys.get_coroutine_origin_tracking_depth()]
    yield "tracemalloc", tracemalloc.is_tracing()
    yield "faulthandler", faulthandler.is_enabled()
    yield "time zone", [time.tzname, time.timezone]
    yield "errno", ctypes.get_errno()
    yield "subnormals", [2.0 ** -1030 / 2 ** 40, sys.float_info.epsilon / 3, 1 / 3]
    yield "rounding", [ctypes.CDLL(None).fegetround(), ctypes.CDLL(None).fegetexcept()]
    yield "atexit", atexit._ncallbacks()
    yield "loggers", sorted(logging.root.manager.loggerDict)
    yield "logging", [str(logging.root), logging.root.handlers, logging.root.filters, logging.root.manager.disable]
    yield "importers", [str(i) for i in sys.meta_path if type(i).__module__ != "pyhl"]
    yield "finders", [h.__qualname__ for h in sys.path_hooks]


def items(values, depth):
    if isinstance(values, dict):
        return [f"{described(k, depth)}: {described(v, depth)}" for k, v in list(values.items())]
    return [described(v, depth) for v in list(values)]


def described(value, depth=0):
    """The kind of a value and where it comes from; whole, if it is plain."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, types.FunctionType):
        code = value.__code__
        return f"{kind} {value.__module__}.{value.__qualname__} {code.co_filename}:{code.co_firstlineno}"
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return f"{kind} {value.__module__}.{value.__qualname__}"
    if isinstance(value, types.ModuleType):
        return f"{kind} {value.__name__}"
    if isinstance(value, (staticmethod, classmethod)):
        return f"{kind} {described(value.__func__)}"
    if isinstance(value, property):
        return f"{kind} {described((value.fget, value.fset, value.fdel))}"
    if isinstance(value, PLAIN):
        return f"{kind} {value!r}"
    if isinstance(value, (list, tuple, set, frozenset, dict)) and depth < 3:
        parts = items(value, depth + 1)
        return f"{kind} {parts if isinstance(value, (list, tuple)) else sorted(parts)}"
    return f"{kind} {len(value)}" if isinstance(value, collections.abc.Sized) else kind


def show(name, value):
    print(name, "=", described(value).replace("\n", "\\n"))


def show_module(name, module):
    for key, value in sorted(vars(module).items()):
        if key in SKIPPED:
            continue
        show(f"{name}.{key}", value)
        if isinstance(value, type) and value.__module__ == name:
            for part, content in sorted(vars(value).items()):
                if part == "_abc_impl":
                    content = {ref() for ref in _abc._get_dump(value)[0]}
                if part not in SKIPPED:
                    show(f"{name}.{key}.{part}", content)


def main(names):
    seen = [(name, described(value)) for name, value in state()]
    if names[0] == "list":
        for name in names[1:]:
            importlib.import_module(name)
        print(*sorted(n for n in sys.modules if n.split(".")[0] in sys.stdlib_module_names and n != "__main__"))
        return
    # asyncio.tasks, if _asyncio is imported before it, lacks some names.
    for name in sorted(names, key=lambda name: name.startswith("_")):
        importlib.import_module(name)
    for name, value in seen:
        print(name, "=", value)
    for name in names:
        show_module(name, sys.modules[name])


main(sys.stdin.read().split())
