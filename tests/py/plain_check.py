# SPDX-License-Identifier: Apache-2.0
"""What a script sees of the interpreter that it would not see under python3: exactly what is listed here.

plain.py prints the state natively and under the driver. What differs between two runs of python3 is left out. And a
list of modules that leaves a descriptor open is refused before the snapshot.
"""
import os
import re
import subprocess
import sys

CACHE = "a cache: what is looked up in it comes out the same"
CLASSES = "a package registers its classes when it is imported, and needs them registered when a script uses it"
LAZY = "made when it is first asked for"
PICKLE = "how packages' objects are pickled"

ALLOWED = {
    "sys.path_importer_cache": CACHE,
    "sys.meta_path": "the finder of the modules that are held aside",
    "_warnings.filters": "packages' entries for their own warnings, by category or text",
    "warnings.filters": "the same",
    "atexit": "packages' handlers, which find nothing to do",
    "loggers": "packages make their loggers when they are imported",
    "logging._handlerList": "their null handlers",
    "logging._at_fork_reinit_lock_weakset": "the locks of those",
    "collections.abc.Mapping._abc_impl": CLASSES,
    "collections.abc.MutableMapping._abc_impl": CLASSES,
    "collections.abc.MutableSequence._abc_impl": CLASSES,
    "collections.abc.Sequence._abc_impl": CLASSES,
    "numbers.Complex._abc_impl": CLASSES,
    "numbers.Integral._abc_impl": CLASSES,
    "numbers.Number._abc_impl": CLASSES,
    "numbers.Real._abc_impl": CLASSES,
    "_ctypes._pointer_type_cache": CACHE,
    "ctypes._c_functype_cache": CACHE,
    "ctypes._pointer_type_cache": CACHE,
    "copy.dispatch_table": PICKLE,
    "copyreg.dispatch_table": PICKLE,
    "pickle.dispatch_table": PICKLE,
    "multiprocessing.reduction.ForkingPickler._copyreg_dispatch_table": PICKLE,
    "multiprocessing.reduction.ForkingPickler._extra_reducers": PICKLE,
    "threading._threading_atexits": "packages' handlers, which find nothing to do",
    "typing._overload_registry": "overloads of packages' functions, by module",
    "multiprocessing.context._concrete_contexts": "ways to start processes that joblib adds",
    "multiprocessing.process.ORIGINAL_DIR": "the working directory of the import; scripts' paths are absolute",
    "_strptime._regex_cache": CACHE,
    "encodings._cache": CACHE,
    "platform._sys_version_cache": CACHE,
    "re.RegexFlag._value2member_map_": CACHE,
    "ssl.Options._value2member_map_": CACHE,
    "ssl.VerifyFlags._value2member_map_": CACHE,
    "typing.AsyncContextManager": LAZY,
    "typing.ContextManager": LAZY,
    "typing.Pattern": LAZY,
    "typing._caches": CACHE,
    "typing._cleanups": "what empties caches, one each",
}
# Patterns whose alternatives stand in the order of a set of strings: as the hash seed has it.
SET_ORDER = ("tokenize.", "_strptime._TimeRE_cache")


def lines(result):
    out, err, status = result
    if status or err:
        raise SystemExit(f"plain.py: status {status}: {err.decode()}")
    return dict(line.split(" = ", 1) for line in out.decode().splitlines() if not line.startswith(SET_ORDER))


def preloaded():
    """The modules of the standard library that are preloaded, and one that a line of the list loads."""
    with open("python-agent-driver/preload.txt") as file:
        names = [line.strip() for line in file]
    return [name for name in names if name.split(".")[0] in sys.stdlib_module_names] + ["_strptime"]


def check(case, oracle, runner):
    """A list of what is wrong."""
    case.stdin = " ".join(["list", *preloaded()]).encode()
    out, err, status = runner(case)
    if status or err:
        raise SystemExit(f"plain.py: status {status}: {err.decode()}")
    case.stdin = out
    want, again, got = lines(oracle(case)), lines(oracle(case)), lines(runner(case))
    noise = {name for name in want if want[name] != again.get(name)}
    differing = {name for name in want.keys() | got.keys() if want.get(name) != got.get(name)} - noise
    wrong = [f"  {name}: expected {want.get(name)!r:.300}, got {got.get(name)!r:.300}"
             for name in sorted(differing - ALLOWED.keys())]
    return wrong + [f"  {name}: no longer differs" for name in sorted(ALLOWED.keys() - differing)]


def check_refusal(root, enter):
    """`enter` is the command that executes what follows it in the root."""
    with open(os.path.join(root, "tmp/preload.txt"), "w") as file:
        file.write(">>> import os, io; io.kept = os.open('/etc/passwd', os.O_RDONLY)\n")
    done = subprocess.run(enter + ["/usr/lib/pyhl/driver", "/dev/null", "/tmp/preload.txt"], capture_output=True)
    pattern = rb"pyhl: /tmp/preload.txt leaves descriptor \d+ open \(.*\), which every script would see: .*\n"
    if done.returncode != 125 or not re.fullmatch(pattern, done.stderr):
        return [f"  a descriptor that is left open: status {done.returncode}, {done.stderr}"]
    return []
