# SPDX-License-Identifier: Apache-2.0
"""Traces in the interpreter: what Python code can change in its own process."""
import atexit  # noqa: E402
import asyncio  # noqa: E402
import builtins  # noqa: E402
import codecs  # noqa: E402
import contextvars  # noqa: E402
import decimal  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import linecache  # noqa: E402
import locale  # noqa: E402
import logging  # noqa: E402
import random  # noqa: E402
import re  # noqa: E402
import sysconfig  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import types  # noqa: E402
import warnings  # noqa: E402


@trace
class builtins_name:
    def look():
        return hasattr(builtins, "hermetic_left")

    def leave():
        builtins.hermetic_left = 1


@trace
class main_global:
    later = True

    def look():
        return [name for name in GLOBALS_AT_START if not name.startswith("__")]

    def leave():
        sys.modules["__main__"].hermetic_left = 1


@trace
class new_module:
    def look():
        return [name for name in sys.modules if name.startswith("hermetic_left")]

    def leave():
        for name in ("hermetic_left", "hermetic_left_too"):
            sys.modules[name] = types.ModuleType(name)


@trace
class replaced_modules:
    def look():
        return not isinstance(sys.modules.get("colorsys", types), types.ModuleType)

    def leave():
        sys.modules["colorsys"] = "replaced"
        sys.modules.pop("csv", None)
        sys.modules.pop("textwrap", None)


@trace
class patched_python_function:
    def look():
        return json.dumps([1]) != "[1]"

    def leave():
        json.dumps = lambda value: "patched"
        json.JSONEncoder.encode = lambda self, value: "patched"


@trace
class patched_code_object:
    def look():
        return os.path.commonprefix(["ab", "ac"]) != "a"

    def leave():
        os.path.commonprefix.__code__ = (lambda m: "patched").__code__


@trace
class patched_defaults:
    def look():
        return os.path.commonpath.__defaults__ or getattr(os.path.commonpath, "left", None)

    def leave():
        os.path.commonpath.__defaults__ = ("left",)
        os.path.commonpath.left = 1


@trace
class patched_builtin:
    def look():
        return not isinstance(builtins.print, types.BuiltinFunctionType) or sum([1, 2]) != 3

    def leave():
        builtins.print = lambda *words, **options: None
        builtins.sum = lambda *a: 0


@trace
class class_attribute:
    def look():
        return hasattr(random.Random, "left") or hasattr(threading.Thread, "left")

    def leave():
        random.Random.left = threading.Thread.left = True


@trace
class sys_path:
    def look():
        return [p for p in sys.path if "hermetic" in p]

    def leave():
        sys.path[:0] = ["/hermetic-left"]
        sys.path_importer_cache["/hermetic-left"] = None


@trace
class import_hooks:
    def look():
        return [h for h in sys.meta_path + sys.path_hooks if getattr(h, "hermetic", False)]

    def leave():
        hook = types.SimpleNamespace(hermetic=True, find_spec=lambda *a: None)
        sys.meta_path.insert(0, hook)
        sys.path_hooks.append(hook)


@trace
class sys_hooks:
    def look():
        return [n for n in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")
                if getattr(sys, n) is not getattr(sys, f"__{n}__")] or sys.gettrace() or sys.getprofile()

    def leave():
        sys.excepthook = sys.displayhook = sys.unraisablehook = sys.breakpointhook = lambda *a: None
        threading.settrace(lambda *a: None)
        sys.setprofile(lambda *a: None)


@trace
class interpreter_limits:
    def look():
        return sys.getrecursionlimit() == 4321 or sys.getswitchinterval() != 0.005

    def leave():
        sys.setrecursionlimit(4321)
        sys.setswitchinterval(0.006)
        sys.set_int_max_str_digits(0)


@trace
class garbage_collector:
    def look():
        return not gc.isenabled() or [c for c in gc.callbacks if getattr(c, "hermetic", 0)]

    def leave():
        def callback(phase, info):
            pass
        callback.hermetic = 1
        gc.callbacks.append(callback)
        gc.set_threshold(7, 7, 7)
        gc.disable()


@trace
class garbage:
    """Cycles with finalisers, which the collector of a later run would find if they were still there."""

    def look():
        return [o for o in gc.get_objects() if type(o).__name__ == "HermeticLeft"]

    def leave():
        class HermeticLeft:
            pass
        one, two = HermeticLeft(), HermeticLeft()
        one.other, two.other = two, one
        garbage.kept = one


@trace
class warning_filters:
    def look():
        return [f for f in warnings.filters if f[0] == "error" and f[4] == 4321]

    def leave():
        warnings.filterwarnings("error", lineno=4321)
        warnings.showwarning = print


@trace
class codec_registry:
    def look():
        try:
            codecs.lookup_error("hermetic_left")
        except LookupError:
            return None
        return "an error handler"

    def leave():
        codecs.register_error("hermetic_left", lambda error: ("", error.end))
        codecs.register(lambda name: codecs.lookup("utf-8") if name == "hermetic" else None)


@trace
class codec_search:
    def look():
        try:
            "x".encode("hermetic")
        except LookupError:
            return None
        return "a codec"

    def leave():
        attempt(lambda: "x".encode("hermetic"))


@trace
class exit_functions:
    later = True

    def look():
        return os.path.exists("/tmp/hermetic-atexit")

    def leave():
        atexit.register(lambda: open("/tmp/hermetic-atexit", "w").close())
        threading._register_atexit(lambda: None)


@trace
class logging_setup:
    def look():
        return (logging.root.handlers or logging.root.level != logging.WARNING or logging.root.manager.disable
                or logging.getLevelName(11) != "Level 11")

    def leave():
        logging.basicConfig(level=1, format="left %(message)s")
        logging.addLevelName(11, "LEFT")
        logging.disable(logging.ERROR)
        logging.getLogger("hermetic.left").addHandler(logging.StreamHandler())


@trace
class decimal_context:
    def look():
        return decimal.getcontext().prec != 28 or decimal.DefaultContext.prec != 28

    def leave():
        decimal.DefaultContext.prec = 7
        decimal.getcontext().prec = 5
        decimal.getcontext().traps[decimal.Inexact] = True


@trace
class random_state:
    def look():
        return random.getstate()[1][0] == 2147483648 and random.getstate()[1][624] == 624 and \
            random.getstate() == random_state.expected()

    def expected():
        return random.Random(4321).getstate()

    def leave():
        random.seed(4321)


@trace
class locale_setting:
    def look():
        return locale.setlocale(locale.LC_NUMERIC) == "POSIX" or locale.localeconv().get("left")

    def leave():
        locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_CTYPE) != "C" else "C.UTF-8")
        locale._override_localeconv["left"] = 1


@trace
class time_zone:
    def look():
        return time.tzname[0] == "XYZ"

    def leave():
        os.environ["TZ"] = "XYZ7"
        time.tzset()
        del os.environ["TZ"]


VARIABLE = contextvars.ContextVar("hermetic")


@trace
class context_variable:
    later = True

    def look():
        return [v.name for v in contextvars.copy_context() if v.name == "hermetic"]

    def leave():
        VARIABLE.set("left")


@trace
class event_loop:
    def look():
        return asyncio.get_event_loop_policy().__class__.__name__ == "Left"

    def leave():
        class Left(asyncio.DefaultEventLoopPolicy):
            pass
        asyncio.set_event_loop_policy(Left())
        asyncio.set_event_loop(asyncio.new_event_loop())


@trace
class caches:
    def look():
        return [k for k in re._cache if "hermetic_left" in str(k)] or "hermetic-left" in linecache.cache

    def leave():
        re.compile("hermetic_left")
        linecache.cache["hermetic-left"] = (1, None, ["left\n"], "hermetic-left")


@trace
class thread_excepthook:
    def look():
        return threading.excepthook is not threading.__excepthook__

    def leave():
        threading.excepthook = lambda *a: None


@trace
class threads:
    """Threads that still run when the run ends: one computes, one sleeps, one holds a lock, one reads."""
    last = True

    def look():
        return [t.name for t in threading.enumerate() if t is not threading.main_thread()]

    def leave():
        lock = threading.Lock()
        lock.acquire()
        ends = os.pipe()

        def compute():
            n = 0
            while True:
                n += 1
        jobs = (compute, lambda: time.sleep(10000), lock.acquire, lambda: os.read(ends[0], 1))
        for job in jobs:
            threading.Thread(target=job, name="hermetic-left", daemon=True).start()


@trace
class thread_names:
    def look():
        return threading.current_thread().name != "MainThread" or threading.stack_size() != 0

    def leave():
        threading.current_thread().name = "left"
        threading.stack_size(1 << 20)


@trace
class streams:
    def look():
        return (sys.stdout is not sys.__stdout__ or sys.stdin is not sys.__stdin__
                or sys.stdout.errors == "ignore" or sys.stderr.line_buffering is False)

    def leave():
        sys.stdout.reconfigure(errors="ignore")
        sys.stderr.reconfigure(line_buffering=False)
        sys.stdin = open("/dev/null")


@trace
class argv_and_flags:
    def look():
        return "left" in sys.argv or hasattr(sys, "ps1") or sys.dont_write_bytecode or "left" in sys.warnoptions

    def leave():
        sys.argv.append("left")
        sys.orig_argv.append("left")
        sys.warnoptions.append("left")
        sys.ps1 = ">"
        sys.dont_write_bytecode = True
        sys._xoptions["left"] = True


@fingerprint
def modules():
    return MODULES_AT_START


@fingerprint
def main_names():
    return GLOBALS_AT_START


@fingerprint
def interpreter():
    return (sys.path, sys.flags, sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits(),
            sys.warnoptions, sys._xoptions, sys.getdlopenflags(), sys.getfilesystemencoding(),
            [str(type(h)) for h in sys.meta_path + sys.path_hooks], sorted(sys.path_importer_cache))


@fingerprint
def collector():
    return gc.get_threshold(), gc.get_debug(), len(gc.callbacks)


@fingerprint
def registries():
    return (atexit._ncallbacks(), len(threading._threading_atexits), len(warnings.filters), len(logging.root.handlers),
            sorted(logging.root.manager.loggerDict), decimal.getcontext(), locale.setlocale(locale.LC_ALL),
            time.tzname, sorted(sysconfig.get_config_vars())[:5])


@fingerprint
def thread_count():
    return threading.active_count(), len(os.listdir("/proc/self/task"))
