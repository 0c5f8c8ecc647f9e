#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the wheels of the tests, each with what its name says, all of packages that nobody has published.

usage: wheels.py DIR HEADERS     DIR gets good/ and bad/ (folders for --find-links); HEADERS: the image's folder
                                 usr/include. Extension modules are compiled by $CC, or cc.
"""
import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile

TAG = "py3-none-any"
NATIVE = "cp313-cp313-manylinux_2_17_x86_64"
DATE = (2020, 1, 1, 0, 0, 0)
MODE_LINK, MODE_DEVICE, MODE_FILE = 0o120777, 0o020666, 0o100644


def metadata(name, version, requires, python):
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] * bool(python) + [f"Requires-Dist: {line}" for line in requires]
    return "\n".join(lines) + "\n"


def record_line(path, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def wheel(folder, name, version, files, *, requires=(), python=None, tag=TAG, info=(), modes=()):
    """files: texts or bytes by path; info: more of dist-info; modes: those of some paths."""
    dist = f"{name}-{version}.dist-info"
    every = dict(files)
    every |= {f"{dist}/{path}": text for path, text in dict(info).items()}
    every[f"{dist}/METADATA"] = metadata(name, version, requires, python)
    every[f"{dist}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {str(tag == TAG).lower()}\n" \
                             f"Tag: {tag}\n"
    every = {path: text.encode() if isinstance(text, str) else text for path, text in every.items()}
    record = "".join(record_line(path, data) for path, data in every.items()) + f"{dist}/RECORD,,\n"
    every[f"{dist}/RECORD"] = record.encode()
    with zipfile.ZipFile(f"{folder}/{name}-{version}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as out:
        for path, data in every.items():
            entry = zipfile.ZipInfo(path, DATE)
            entry.external_attr = dict(modes).get(path, MODE_FILE) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, data)


def compiled(source, headers, *flags):
    with tempfile.TemporaryDirectory() as at:
        with open(f"{at}/c.c", "w", encoding="utf-8") as out:
            out.write(source)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", *flags,
                        f"-I{headers}/python3.13", "-idirafter", headers,
                        f"{at}/c.c", "-o", f"{at}/c.so"], check=True)
        with open(f"{at}/c.so", "rb") as made:
            return made.read()


MODULE = """#define PY_SSIZE_T_CLEAN
#include <Python.h>
static PyObject *sum(PyObject *self, PyObject *args) {
    long a, b; (void)self;
    return PyArg_ParseTuple(args, "ll", &a, &b) ? PyLong_FromLong(a + b) : NULL;
}
static PyMethodDef methods[] = {{"sum", sum, METH_VARARGS, "a + b"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "%(name)s", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_%(name)s(void) { %(first)s return PyModule_Create(&def); }
"""


def good(folder, headers):
    for version in "1.0", "1.2":
        wheel(folder, "tpure", version,
              {"tpure/__init__.py": f"__version__ = '{version}'\nfrom tpure.more import where\n",
               "tpure/more.py": "import pathlib\ndef where(): return pathlib.Path(__file__).with_name('data.txt')\n",
               "tpure/data.txt": f"data of {version}\n"},
              info={"entry_points.txt": "[console_scripts]\ntpure = tpure.more:where\n[tpure.plug]\none = tpure:where\n"})
    wheel(folder, "tchain", "1.0", {"tchain.py": "import tpure\ntold = 'chain ' + tpure.__version__\n"},
          requires=["tpure>=1.1", "tleaf; python_version >= '3'", "tnever; sys_platform == 'win32'"])
    wheel(folder, "tleaf", "2.0", {"tleaf.py": "leaf = True\n"})
    wheel(folder, "told", "1.0", {"told.py": "import tpure\n"}, requires=["tpure<1.1"])
    wheel(folder, "tneeds-numpy".replace("-", "_"), "1.0", {"tneeds_numpy.py": "import numpy\nten = int(numpy.arange(5).sum())\n"},
          requires=["numpy>=1.20"])
    for half in "a", "b":
        wheel(folder, f"tspace_{half}", "1.0", {f"tspace/{half}.py": f"half = '{half}'\n"})
    wheel(folder, "tpth", "1.0", {"tpth.pth": "tpth_more\nimport sys; sys.tpth = 'line'\n",
                                  "tpth_more/tpth_inner.py": "inner = 1\n", "tpth.py": "outer = 1\n"})
    wheel(folder, "tdata", "1.0", {"tdata.py": "", "tdata-1.0.data/scripts/tdata": "#!python\nprint('tdata')\n",
                                   "tdata-1.0.data/data/share/tdata.txt": "shared\n",
                                   "tdata-1.0.data/purelib/tdata_pure.py": "pure = 1\n"})
    native = compiled(MODULE % {"name": "_native", "first": ""}, headers)
    wheel(folder, "tnative", "1.0", {"tnative/__init__.py": "from tnative._native import sum\n",
                                     "tnative/_native.cpython-313-x86_64-linux-gnu.so": native}, tag=NATIVE)
    stable = compiled(MODULE % {"name": "tstable", "first": ""}, headers, "-DPy_LIMITED_API=0x03090000")
    wheel(folder, "tstable", "1.0", {"tstable.abi3.so": stable}, tag="cp39-abi3-manylinux_2_17_x86_64")
    wheel(folder, "tabulate", "99.0", {"tabulate.py": "__version__ = '99.0'\n"})
    wheel(folder, "tmany", "1.0", {"tmany/__init__.py": ""} | {f"tmany/d{n % 40}/f{n}.txt": "" for n in range(3000)})
    wheel(folder, "tlate", "1.0", {"tlate.py": "import atexit, random\nnumber = random.random()\n"
                                               "atexit.register(print, 'late')\n"})


def odd(folder, headers):
    """Packages whose import does what it should not."""
    for name, code in {
        "toddraise": "raise ValueError('not today')", "toddexit": "import sys; sys.exit(3)",
        "toddquit": "import os; os._exit(0)", "toddprint": "print('printed at import')",
        "toddhang": "while True: pass", "toddabort": "import os; os.abort()",
        "toddthread": "import threading, time\nthread = threading.Thread(target=time.sleep, args=(1e6,), daemon=True)\n"
                      "thread.start()",
        "toddsignal": "import signal; signal.signal(signal.SIGTERM, lambda *a: None)",
        "toddpatch": "import builtins, json; builtins.patched = 1; json.dumps = lambda value: 'patched'",
        "toddsys": "import sys; sys.modules['json'] = None; sys.path.clear()",
        "toddtake": "class Taker:\n    take = staticmethod(__import__)\ntake = __import__",
        "toddmemory": "held = bytearray(2 << 30)",
    }.items():
        wheel(folder, name, "1.0", {f"{name}.py": code + "\nused = 1\n"})
    crash = compiled(MODULE % {"name": "toddcrash", "first": "*(volatile int *)8 = 1;"}, headers)
    wheel(folder, "toddcrash", "1.0", {"toddcrash.cpython-313-x86_64-linux-gnu.so": crash}, tag=NATIVE)


def large(folder):
    """1.5 GiB of zeroes, in 1.5 MB."""
    name = f"{folder}/tbadlarge-1.0-{TAG}.whl"
    wheel(folder, "tbadlarge", "1.0", {"tbadlarge/__init__.py": ""})
    with zipfile.ZipFile(name, "a", zipfile.ZIP_DEFLATED) as out, out.open("tbadlarge/zeroes", "w", force_zip64=True) as to:
        for _ in range(1536):
            to.write(bytes(1 << 20))


def bad(folder):
    """What cannot be installed, or would do harm."""
    wheel(folder, "tbadlink", "1.0", {"tbadlink.py": "", "tbadlink_at": "/etc/passwd"}, modes={"tbadlink_at": MODE_LINK})
    wheel(folder, "tbaddevice", "1.0", {"tbaddevice.py": "", "tbaddevice_at": ""}, modes={"tbaddevice_at": MODE_DEVICE})
    wheel(folder, "tbaddots", "1.0", {"tbaddots.py": "", "../../../tbaddots_evil": "evil"})
    wheel(folder, "tbadroot", "1.0", {"tbadroot.py": "", "/tmp/tbadroot_evil": "evil"})
    wheel(folder, "tbadpython", "1.0", {"tbadpython.py": ""}, python=">=3.14")
    wheel(folder, "tbadtag", "1.0", {"tbadtag.py": ""}, tag="cp312-cp312-manylinux_2_17_x86_64")
    wheel(folder, "tbadglibc", "1.0", {"tbadglibc.py": ""}, tag="cp313-cp313-manylinux_2_99_x86_64")
    wheel(folder, "tbadneeds", "1.0", {"tbadneeds.py": ""}, requires=["tnowhere"])
    wheel(folder, "tbadpair", "1.0", {"tbadpair.py": ""}, requires=["tpure>=9"])
    large(folder)
    with open(f"{folder}/tbadzip-1.0-{TAG}.whl", "wb") as out:
        out.write(b"no zip at all")
    with tempfile.TemporaryDirectory() as at:
        os.mkdir(f"{at}/tbadsource-1.0")
        for path, text in {"PKG-INFO": metadata("tbadsource", "1.0", (), None),
                           "setup.py": "import os; os.system('touch /tmp/tbadsource_ran')\n"}.items():
            with open(f"{at}/tbadsource-1.0/{path}", "w", encoding="utf-8") as out:
                out.write(text)
        with tarfile.open(f"{folder}/tbadsource-1.0.tar.gz", "w:gz") as out:
            out.add(f"{at}/tbadsource-1.0", "tbadsource-1.0")


def main():
    to, headers = sys.argv[1:]
    for name in "good", "bad":
        os.makedirs(f"{to}/{name}")
    good(f"{to}/good", headers)
    odd(f"{to}/good", headers)
    bad(f"{to}/bad")


main()
