# SPDX-License-Identifier: Apache-2.0
"""States of sessions in files: pyhl run --save and --from."""
import contextlib
import os
import re
import subprocess
import tempfile

from check import case, same

PYHL = os.path.abspath("build/pyhl")


@contextlib.contextmanager
def folder():
    """A directory with a script that loads and one that asks."""
    with tempfile.TemporaryDirectory() as path:
        with open(f"{path}/load.py", "w") as file:
            file.write("import sys\nimport pandas as pd\nframe = pd.DataFrame({'x': range(10)})\n"
                       "def total():\n    return int(frame.x.sum())\n"
                       "print('loaded', sys.argv, __name__)\n")
        with open(f"{path}/query.py", "w") as file:
            file.write("import sys\nprint(total(), sys.argv)\nif sys.argv[1:]:\n    total(1)\n")
        yield path


def run(path, session, *words, status=0, said=None):
    """Run the command in a directory; returns its standard output."""
    home = os.path.abspath(session.home)
    done = subprocess.run([PYHL, "run", *words], cwd=path, env={**os.environ, "PYHL_HOME": home}, capture_output=True,
                          text=True, timeout=120)
    same((done.returncode, done.stderr if said is None else bool(re.search(said, done.stderr))),
         (status, "" if said is None else True))
    return done.stdout


@case
def save(session):
    """A script's names are there in the next process, as often as one likes; arguments are each run's own."""
    with folder() as path:
        same(run(path, session, "--save", "loaded", "load.py", "a"), "loaded ['load.py', 'a'] __main__\n")
        for _ in range(2):
            same(run(path, session, "--from", "loaded", "query.py"), "45 ['query.py']\n")
        same(run(path, session, "--from", "loaded", "-c", "import sys; print(total(), sys.argv)", "1"), "45 ['-c', '1']\n")
        same(run(path, session, "--from", "loaded", "--repeat", "2", "-c", "frame.x += 1; print(total())"), "55\n" * 3)
        same(run(path, session, "--from", "loaded", "--repeat", "2", "--renew", "-c", "frame.x += 1; print(total())"), "55\n" * 3)
        same(run(path, session, "--from", "loaded", "--save", "more", "-c", "frame.x += 1"), "")
        same(run(path, session, "--from", "more", "query.py"), "55 ['query.py']\n")
        same(run(path, session, "--save", "loaded", "-c", "total = lambda: 7"), "")
        same(run(path, session, "--from", "loaded", "query.py"), "7 ['query.py']\n")
        same(sorted(os.listdir(path)), ["load.py", "loaded", "more", "query.py"])
        same(os.stat(f"{path}/loaded").st_mode & 0o777, 0o600)


@case
def save_workset(session):
    """A state has a working set of its own, found by a run from it: a cell needs other pages than a plain run."""
    with folder() as path:
        run(path, session, "--save", "loaded", "load.py")
        pages = []
        for words in ([], ["--from", "loaded"]):
            done = subprocess.run([PYHL, "run", "-vv", "--dest", os.path.abspath(session.home), *words, "-c", "print(1)"],
                                  cwd=path, capture_output=True, text=True, timeout=120, check=True)
            pages.append([int(re.search(f"{what} ([0-9]+)", done.stderr)[1]) for what in ("prefaulted", "working set")])
        same([pages[1][i] > 1.5 * pages[0][i] for i in range(2)], [True, True])


@case
def save_traceback(session):
    """An exception names the scripts of both processes, with their lines."""
    with folder() as path:
        run(path, session, "--save", "loaded", "load.py")
        run(path, session, "--from", "loaded", "query.py", "x", status=1,
            said=r'Traceback .*\n  File "query.py", line 4, in <module>\n    total\(1\)\n    ~+\^+\nTypeError: total\(\) takes 0')


@case
def save_fails(session):
    """A run that fails saves nothing, and what was there stays."""
    with folder() as path:
        run(path, session, "--save", "loaded", "load.py")
        for code, status in ("1/0", 1), ("raise SystemExit(3)", 3), ("import os; os._exit(4)", 4), \
                ("import os; os._exit(0)", 125), ("while True: pass", 124):
            run(path, session, "--timeout", "3", "--save", "loaded", "-c", code, status=status, said="loaded is not saved")
            same(sorted(os.listdir(path)), ["load.py", "loaded", "query.py"])
        same(run(path, session, "--from", "loaded", "query.py"), "45 ['query.py']\n")


@case
def save_refused(session):
    """What cannot be saved or taken is said in one line."""
    with folder() as path:
        run(path, session, "--save", "loaded", "-c", "x = 1")
        for words, status, said in (
                (("--save", ".", "-c", "1"), 2, "no regular file"),
                (("--save", "no/where", "-c", "1"), 2, "No such file"),
                (("--save", "", "-c", "1"), 2, "give a file"),
                (("--save", "a", "-m", "json"), 2, "-m json: .*give a SCRIPT"),
                (("--save", "a", "--repeat", "1", "-c", "1"), 2, "--repeat"),
                (("--from", "loaded", "-O", "-c", "1"), 2, "-O: the options"),
                (("--from", "nothing", "-c", "1"), 125, "nothing: No such file"),
                (("--from", "query.py", "-c", "1"), 125, "query.py: the checkpoint is truncated"),
                (("--from", ".", "-c", "1"), 125, "not a regular file")):
            run(path, session, *words, status=status, said=rf"^pyhl run: .*{said}.*\n$")
        few = "ulimit -n 4; exec \"$0\" run --dest \"$1\" --save \"$2\" -c 1"  # the file is made, and no socket
        done = subprocess.run(["bash", "-c", few, PYHL, os.path.abspath(session.home), f"{path}/few"],
                              capture_output=True, text=True)
        same((done.returncode, done.stderr.count("\n"), "Too many open files" in done.stderr), (125, 1, True))
        os.chmod(f"{path}/loaded", 0o666)
        run(path, session, "--from", "loaded", "-c", "1", status=125, said="can be changed by others")
        os.chmod(f"{path}/loaded", 0o600)
        with open(f"{path}/loaded", "r+b") as file:
            file.seek(30)
            file.write(b"x")
        run(path, session, "--from", "loaded", "-c", "1", status=125, said="header is damaged")
        same(sorted(os.listdir(path)), ["load.py", "loaded", "query.py"])
