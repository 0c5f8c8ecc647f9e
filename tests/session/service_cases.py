# SPDX-License-Identifier: Apache-2.0
"""Service runs: what the host does in a session between two cells, and that its program notices nothing."""
from check import case, ends, gives, same

STATE = """import gc, os, signal, sys, threading
def state():
    umask = os.umask(0)
    os.umask(umask)
    return (sorted(sys.modules), os.getcwd(), umask, list(sys.path), list(sys.argv), gc.isenabled(), gc.get_threshold(),
            signal.pthread_sigmask(signal.SIG_BLOCK, []), sys.getrecursionlimit(), threading.active_count(), dict(os.environ),
            len(os.listdir('/proc/self/fd')), sorted(set(globals()) - {'before'}))
"""
# Each notes what it hears while a service runs.
HOOKS = """import gc, signal, sys, threading, time
seen = set()
def note(what):
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.endswith('/services.py'):
            seen.add(what)
        frame = frame.f_back
sys.addaudithook(lambda event, args: event.startswith(('open', 'os.')) and note('audit'))
gc.callbacks.append(lambda phase, info: note('collector'))
gc.set_threshold(1)
signal.signal(signal.SIGALRM, lambda *args: note('signal'))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
threading.Thread(target=time.sleep, args=(9,), daemon=True).start()  # signals may come to it, too
sys.setprofile(lambda *args: note('profile'))
sys.settrace(lambda *args: note('trace'))
sys.setrecursionlimit(60)
"""
# What files.py uses, but for what the cells need to go on.
SPOIL = """import builtins, os, posix, stat, json, time
for module, names in ((builtins, 'sorted max min bytearray memoryview FileNotFoundError FileExistsError open int sum'),
                      (os, 'open close stat lstat fstat scandir readv write mkdir rename rmdir unlink readlink'),
                      (stat, 'S_ISDIR S_ISREG filemode'), (time, 'gmtime strftime'),
                      (json, 'dumps encoder')):
    for name in names.split():
        setattr(module, name, None)
for name in 'open close stat lstat write'.split():
    setattr(posix, name, None)
"""


def answer(turn, kind="entry"):
    ends(turn, 0)
    same([name for name, _ in turn.order], [kind])
    return turn.order[0][1]


def failed(turn, type, text=""):
    ends(turn, 1)
    same([name for name, _ in turn.order], ["failed"])
    kind, message = turn.order[0][1].decode().split("\0")
    assert kind == type and text in message, turn.order


def all_actions(session):
    answer(session.on_file("make", "/srv/d/e"))
    answer(session.on_file("write", "/srv/d/f", data=b"a\0b"))
    same(answer(session.on_file("read", "/srv/d/f"), "content"), b"a\0b")
    same([e["name"] for e in answer(session.on_file("list", "/srv/d", depth="2"), "entries")], ["e", "f"])
    answer(session.on_file("move", "/srv/d/f", "/srv/d/g"))
    answer(session.on_file("stat", "/srv/d/g"))
    ends(session.on_file("remove", "/srv/d"), 0)
    failed(session.on_file("read", "/srv/d/g"), "FileNotFoundError", "No such file or directory: /srv/d/g")


@case
def services_change_nothing(session):
    """Modules, directory, mask of files, names, the last value, counts, descriptors: all is as if nothing had run."""
    all_actions(session)
    ends(session.cell("import os; os.chdir('/tmp'); os.umask(0o27)"), 0)
    ends(session.cell(STATE), 0)
    ends(session.cell("before = state()"), 0)
    gives(session.cell("6 * 7"), "42")
    all_actions(session)
    gives(session.cell("_"), "42")
    turn = gives(session.cell("[pair for pair in zip(before, state()) if pair[0] != pair[1]]"), "[]")
    same(turn.records("result")[0]["execution_count"], 6)


@case
def services_are_not_heard(session):
    """Audit hooks, tracers, profilers, the collector's callbacks and signal handlers do not hear of them."""
    ends(session.cell(HOOKS), 0)
    for _ in range(3):
        all_actions(session)
    ends(session.cell("sys.settrace(None); sys.setprofile(None); signal.setitimer(signal.ITIMER_REAL, 0)"), 0)
    gives(session.cell("gc.callbacks.clear(); seen"), "set()")


@case
def services_depend_on_nothing(session):
    """What the program has done to functions and builtins counts for nothing."""
    ends(session.cell(SPOIL), 0)
    all_actions(session)


@case
def hooks_go_on(session):
    """Audit hooks hear of other threads while a service runs, and one that is added meanwhile is added."""
    ends(session.cell("""import sys, threading, time
heard, more = 0, 0
def count(event, args):
    global heard
    heard += event == 'mine'
def count_more(event, args):
    global more
    more += event == 'mine'
sys.addaudithook(count)
go = True
def work():
    n = 0
    while go:
        sys.audit('mine')
        n += 1
        if n == 1000:
            sys.addaudithook(count_more)
    return n
class Worker(threading.Thread):
    def run(self):
        self.n = work()
worker = Worker()
"""), 0)
    ends(session.on_file("write", "/tmp/large", data=bytes(1 << 20)), 0)
    ends(session.cell("worker.start()"), 0)
    for _ in range(20):
        answer(session.on_file("read", "/tmp/large"), "content")
        answer(session.on_file("list", "/usr", depth="2"), "entries")
    gives(session.cell("go = False; worker.join(); (worker.n == heard, more == heard - 1000, heard > 1000)"), "(True, True, True)")


@case
def a_service_first(session):
    """It may be the first run of a session; the cells after it begin as usual."""
    failed(session.service("nothing"), "ValueError", "there is no service 'nothing'")
    answer(session.on_file("stat", "."))
    gives(session.cell("1"), "1")
