# SPDX-License-Identifier: Apache-2.0
"""Directories as scripts, and the script's own directory: what `pyhl run DIR` and --with-dir show is what python3 shows
in the image with the same tree at the same place. And files that a run leaves."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CWD = "/tmp/pyhl-files"
TREE = {
    "app/__main__.py": "import sys, helper, pkg.part\n"
                       "print(sys.path[0], __file__, sys.argv, __name__, __package__, helper.X, pkg.part.Y)\n"
                       "print(helper.__file__, __spec__.name, sys.flags.safe_path)\n"
                       "raise ValueError('at the end')\n",
    "app/helper.py": "X = 5\n",
    "app/pkg/__init__.py": "",
    "app/pkg/part.py": "Y = 6\n",
    "app/script.py": "import helper, sys\n"
                     "print(open('app/data.csv').read(), helper.X, helper.__file__, sys.path[0], __file__, sys.argv)\n"
                     "import os\n"
                     "print(sorted(os.listdir('app')), os.stat('app/data.csv').st_mtime_ns)\n",
    "app/data.csv": "a,b\n1,2\n",
    "notmain/x.py": "",
}
# pyhl's options, and what follows them and python3.
SAME = [
    ([], ["app", "one", "two"]),
    ([], ["./app/"]),
    ([], [CWD + "/app", "x"]),
    ([], ["-P", "app"]),
    (["--with-dir"], ["app/script.py", "one"]),
    (["--with-dir"], [CWD + "/app/script.py"]),
    (["--with-dir"], ["-c", "import app.helper; print(app.helper.__file__)"]),
    (["--with-dir"], ["-m", "app.pkg.part"]),
    (["--with-dir", "--copy-in", "app/data.csv:app/data.csv"], ["app/script.py"]),
    (["--copy-in", "app"], ["-m", "app"]),
]
LEFT = """
import os, pandas
os.makedirs("left/sub")
pandas.DataFrame({"a": [1, 2]}).to_csv("left/sub/frame.csv")
with open("left/b", "wb") as file: file.write(bytes(range(256)) * 1000)
os.symlink("b", "left/l")
raise SystemExit(4)
"""


def place(base):
    shutil.rmtree(base, ignore_errors=True)
    for name, text in TREE.items():
        path = os.path.join(base, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.utime(path, ns=(10**18 + 1, 10**18 + 1))


def run(command, cwd):
    done = subprocess.run(command, capture_output=True, cwd=cwd, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8"})
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def check(root, home):
    pyhl = [os.path.abspath("build/pyhl"), "run", "--dest", home]
    python = ["python3", "-E", os.path.join(HERE, "inroot.py"), root, CWD, "python3", "-B"]
    wrong = []
    for options, words in SAME:
        place(root + CWD)
        place(CWD)
        wanted = run(python + words, "/")
        got = run(pyhl + options + ["-B"] + words, CWD)
        if got != wanted:
            wrong += [f"  {options} {words}: {got}", f"  python3: {wanted}"]
    out, err, status = run(pyhl + ["notmain"], CWD)
    if out or status != 2 or err != "pyhl run: cannot run the directory notmain: it has no __main__.py\n":
        wrong.append(f"  a directory without __main__.py: {out} {err} {status}")
    out, err, status = run(pyhl + ["--copy-out", "left", "-c", LEFT], CWD)
    found = sorted(os.path.join(top, name) for top, _, names in os.walk(CWD + "/left") for name in names)
    if err or status != 4 or found != [f"{CWD}/left/{name}" for name in ("b", "l", "sub/frame.csv")]:
        wrong.append(f"  what a run leaves: {err} {status} {found}")
    elif open(CWD + "/left/l", "rb").read() != bytes(range(256)) * 1000:
        wrong.append("  what a run leaves: other bytes")
    shutil.rmtree(CWD)
    shutil.rmtree(root + CWD)
    return wrong
