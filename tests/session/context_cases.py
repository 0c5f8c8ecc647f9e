# SPDX-License-Identifier: Apache-2.0
"""Contexts: name spaces with a directory, an environment and a count of cells of their own."""
from check import case, ends, gives, raises, same

LIST = [{"id": "default", "cwd": "/"}]


def listed(session):
    return ends(session.context("list"), 0).records("contexts")[0]


@case
def context_names(session):
    ends(session.context("make", "a"), 0)
    ends(session.cell("x = 'a'\ndef f(): return x, __name__", "a"), 0)
    ends(session.cell("x = 'default'"), 0)
    gives(session.cell("f()", "a"), "('a', '__main__')")
    gives(session.cell("x", "default"), "'default'")
    same(session.cell("f").error["name"], "NameError")
    gives(session.cell("import __main__, sys\n__main__.x, sys.modules['__main__'].x", "a"), "('a', 'a')")
    gives(session.cell("import __main__\n__main__.x"), "'default'")
    same(listed(session), LIST + [{"id": "a", "cwd": "/"}])


@case
def context_counts(session):
    ends(session.context("make", "a"), 0)
    ends(session.cell("1;"), 0)
    same(session.cell("1", "a").records("result")[0]["execution_count"], 1)
    same(session.cell("1").records("result")[0]["execution_count"], 2)
    raises(session.cell("1 / 0", "a"), """\
Traceback (most recent call last):
  File "<cell 2 of a>", line 1, in <module>
    1 / 0
    ~~^~~
ZeroDivisionError: division by zero
""")


@case
def context_process(session):
    """Directory and environment are the context's, and stay what its cells make of them."""
    show = "import os; os.getcwd(), os.environ.get('A'), os.getenv('B'), os.environ['HOME']"
    ends(session.context("list"), 0)  # the first run's environment is what all begin with
    ends(session.context("make", "a", cwd="/made/a", env=["A=1", "HOME=/root"]), 0)
    ends(session.context("make", "b", cwd="/tmp", env=["HOME=/b"]), 0)
    gives(session.cell(show, "a"), "('/made/a', '1', None, '/root')")
    gives(session.cell(show, "b"), "('/tmp', None, None, '/b')")
    ends(session.cell("os.makedirs('sub'); os.chdir('sub'); os.environ['B'] = '2'; del os.environ['A']", "a"), 0)
    gives(session.cell(show), "('/', None, None, '/root')")
    gives(session.cell(show, "a"), "('/made/a/sub', None, '2', '/root')")
    gives(session.cell("import ctypes; ctypes.CDLL(None).getenv(b'B') == 0", "b"), "True")
    same(listed(session), LIST + [{"id": "a", "cwd": "/made/a/sub"}, {"id": "b", "cwd": "/tmp"}])
    ends(session.cell("open('helper.py', 'w').write('x = 8');", "a"), 0)
    gives(session.cell("import helper\nhelper.x", "a"), "8")


@case
def context_env_of_cell(session):
    """A cell's own variables are there while it runs; what it makes of others stays."""
    env = ["PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", "A=1", "PATH2=x"]
    ends(session.cell("import os\nos.environ['PATH'] = '/mine'"), 0)
    gives(session.cell("os.environ['A'], os.environ['PATH']", env=env), "('1', '/mine')")
    gives(session.cell("os.environ.get('A'), os.environ['PATH']"), "(None, '/mine')")
    ends(session.cell("os.environ['A'] = '2'", env=env), 0)
    gives(session.cell("os.environ['A']"), "'2'")
    same(session.cell("1 / 0", env=env).status, 1)
    gives(session.cell("'PATH2' in os.environ"), "False")


@case
def context_zone(session):
    ends(session.context("list"), 0)
    ends(session.context("make", "a", env=["TZ=Asia/Tokyo"]), 0)
    gives(session.cell("import time; time.localtime(0).tm_hour", "a"), "9")
    gives(session.cell("import time; time.localtime(0).tm_hour"), "0")
    gives(session.cell("time.localtime(0).tm_hour", "a"), "9")


@case
def context_drop(session):
    ends(session.context("make", "a", cwd="/tmp/a"), 0)
    same(session.cell("import os; os.getcwd()", cwd="/tmp/b").result, "'/tmp/b'")
    ends(session.cell("os.chdir('/')"), 0)
    ends(session.cell("class A:\n    def __del__(self): print('gone')\na = A(); a.a = a", "a"), 0)
    ends(session.context("drop", "a"), 0, "gone\n")
    same(listed(session), LIST)
    gives(session.cell("import os; os.getcwd()"), "'/'")
    ends(session.cell("1", "a"), 125, err="pyhl: there is no context 'a'; there are: default\n")
    ends(session.context("make", "a"), 0)
    same(session.cell("a", "a").error["name"], "NameError")


@case
def context_restart(session):
    ends(session.cell("import os, asyncio\nx = 1\nos.chdir('/tmp'); os.environ['A'] = '1'\nasync def wait():\n"
                      "    try: await asyncio.sleep(9)\n    finally: print('cancelled')\n"
                      "t = asyncio.create_task(wait()); await asyncio.sleep(0)"), 0)
    ends(session.context("restart"), 0, "cancelled\n")
    same(session.cell("x").error["name"], "NameError")
    turn = session.cell("import os; os.getcwd(), os.environ.get('A'), __name__, sorted(globals())")
    gives(turn, "('/', None, '__main__', ['__builtins__', '__doc__', '__loader__', '__name__', '__package__', "
                "'__spec__', 'os'])")
    same(turn.records("result")[0]["execution_count"], 2)
    gives(session.cell("import asyncio; await asyncio.sleep(0, 5)"), "5")
    gives(session.cell("asyncio.run(asyncio.sleep(0, 6))"), "6")
    ends(session.context("restart"), 0)
    ends(session.cell("import asyncio\nasync def stay():\n    while True:\n        try: await asyncio.sleep(9)\n"
                      "        except asyncio.CancelledError: print('no')\n"
                      "t = asyncio.create_task(stay()); await asyncio.sleep(0)"), 0)
    same(session.context("restart").out, "no\n")
    gives(session.cell("import asyncio; await asyncio.sleep(0, 7)"), "7")


@case
def context_refusals(session):
    """What cannot be done is said in one line, and the session goes on."""
    def refused(turn, text):
        ends(turn, 125, err=f"pyhl: {text}\n")
    refused(session.context("drop"), "the context 'default' is always there: restart it")
    refused(session.context("make", "default"), "the context 'default' is there already")
    refused(session.context("drop", "x"), "there is no context 'x'; there are: default")
    refused(session.context("restart", "x"), "there is no context 'x'; there are: default")
    refused(session.context("turn", "x"), "'turn' is nothing to do with a context: make, drop, restart or list")
    gives(session.cell("1"), "1")
    same(listed(session), LIST)


@case
def context_pickles(session):
    """Classes of cells are pickled by the names of their context's __main__."""
    define = "import pickle\nclass P:\n    def __init__(self, x): self.x = x\np = pickle.dumps(P(5))"
    ends(session.cell(define), 0)
    gives(session.cell("pickle.loads(p).x, P.__module__"), "(5, '__main__')")
    ends(session.context("make", "a"), 0)
    ends(session.cell(define.replace("= x", "= -x"), "a"), 0)
    gives(session.cell("pickle.loads(p).x", "a"), "-5")
    gives(session.cell("pickle.loads(p).x, pickle.loads(p).__class__ is P"), "(5, True)")
