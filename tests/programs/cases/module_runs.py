# python -m, and other ways to start an interpreter from one.
import os
import subprocess
import sys


def python(*words, **options):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=100, **options)
    print(words[:2], done.returncode, done.stdout[:600], done.stderr[-300:])


print(os.path.basename(sys.executable), sys.executable == os.path.realpath("/proc/self/exe") or "of an embedded one")
top = "/tmp/modules"
os.mkdir(top)
os.chdir(top)
open("words.json", "w").write('{"b": [1, 2], "a": null}')
open("program.py", "w").write("import sys\nprint(__name__, sys.argv)\nsys.exit(4)\n")
open("test_small.py", "w").write("import unittest\nclass T(unittest.TestCase):\n"
                             "    def test_one(self): self.assertEqual(1, 1)\n")
os.mkdir("package")
open("package/__main__.py", "w").write("from . import name\nprint(name, __package__, __spec__.name)\n")
open("package/__init__.py", "w").write("name = 'of a package'\n")
python("-m", "json.tool", "--sort-keys", "words.json")
python("-m", "program", "a", "b")
python("program.py", "c")
python("-m", "package")
python("-m", "base64", "-e", input="text")
python("-m", "compileall", "-q", "package")
python("-m", "zipfile", "-c", "out.zip", "package/__init__.py")
python("-m", "tarfile", "-c", "out.tar", "package/__main__.py")
python("-m", "tarfile", "-l", "out.tar")
python("-m", "zipapp", "package", "-o", "package.pyz")
python("-m", "calendar", "2024", "2")
python("-m", "no_such_module")
python("-c", "import sys; print(sys.flags.isolated, sys.path[:1], sys.stdin.read())", input="for the child")
python("-I", "-c", "import sys; print(sys.flags.isolated)")
python("-X", "utf8", "-O", "-c", "import sys; assert False; print(sys.flags.optimize, sys.flags.utf8_mode)")
python("-", "x", input="import sys; print(sys.argv)")
python("-c", "raise SystemExit('words')")
python("-c", "1/0")
python("-c", "import os; os.abort()")
python("-c", "import numpy, pandas; print(pandas.DataFrame({'a': numpy.arange(4)}).a.sum())")
python("-c", "import sqlite3, ssl, ctypes, multiprocessing, zoneinfo; print(zoneinfo.ZoneInfo('Europe/Paris'))")
done = subprocess.run([sys.executable, "-m", "unittest", "-v", "test_small"], capture_output=True, text=True)
print(done.returncode, done.stderr.splitlines()[0])
done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_small.py"],
                      capture_output=True, text=True)
print(done.returncode, done.stdout.splitlines()[0])
done = subprocess.run([sys.executable, "-v", "-c", "pass"], capture_output=True, text=True)
print(done.returncode, "import 'site'" in done.stderr)
