# SPDX-License-Identifier: Apache-2.0
"""The turns of a session. For each of its runs session.c calls begin(). For a cell that returns code, which session.c
evaluates: so no frame of ours is on the stack. Then it calls end() with the last value or the exception."""
import __future__
import ast
import asyncio
import builtins
import functools
import linecache
import operator
import os
import signal
import sys
import time
import traceback

import complete
import contexts
import display
import host
import packages
import records
import stdin

# enum hv_run_mode of vmm/abi.h
CELL, COMPLETE, INSPECT, IS_COMPLETE, CONTEXT = range(5, 10)
PRELOAD = 12

REFUSED = 125  # DRV_FAILED of driver.h
RESULT = "<result>"
SOURCES = 1000  # so many cells keep their text,
SOURCE_BYTES = 16 << 20  # as long as all of it has no more characters; the last one always does
PATIENCE = 2  # seconds
FOLDER = os.path.dirname(__file__) + os.sep
FUTURES = functools.reduce(operator.or_, (getattr(__future__, name).compiler_flag
                                          for name in __future__.all_feature_names))

# Of a text, a file's name, flags and a name: the code, and whether it keeps a result under that name. session.c sets it:
# what compile() makes of a tree of ast takes twice as long.
compile_cell = None

sources = {}  # size by file name of cells, the oldest first
sources_size = 0
shows = False  # the cell's last value is a result
borrowed = []  # (name, value, value before) of variables that only this cell has


def keep_source(name, text):
    """Keep a cell's text for tracebacks and inspect."""
    global sources_size
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    sources_size += len(text) - sources.pop(name, 0)
    sources[name] = len(text)
    while len(sources) > 1 and (len(sources) > SOURCES or sources_size > SOURCE_BYTES):
        old = next(iter(sources))
        sources_size -= sources.pop(old)
        linecache.cache.pop(old, None)


def file_name(context, argv):
    """The name of a cell, or of the script that it is."""
    if argv[0] not in ("-", "-c"):
        return argv[0]
    if context.name != contexts.DEFAULT:
        return f"<cell {context.count} of {context.name}>"
    return f"<cell {context.count}>"


def prepare(context, source, argv):
    """Compile a cell. Its result is kept under a name that no program can write. A script has arguments and no result."""
    global shows
    empty = not source.strip()
    context.count += not empty  # as in IPython
    name = file_name(context, argv)
    if not empty:
        keep_source(name, source.decode())
    if b"\0" in source:
        raise SyntaxError("source code string cannot contain null bytes")
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | context.futures
    if argv[0] == "-":
        code, shows = compile_cell(source, name, flags, RESULT)
    else:
        sys.argv[:] = argv
        code = compile(source, name, "exec", flags, dont_inherit=True)
    context.futures |= code.co_flags & FUTURES
    return code


def borrow(env):
    """Set the variables of this cell. What every run of the session brings is the context's to change."""
    first = contexts.every[contexts.DEFAULT].first[1]
    for item in env:
        name, equals, value = item.partition("=")
        if equals and first.get(name) != value:
            borrowed.append((name, value, os.environ.get(name)))
            os.environ[name] = value


def give_back():
    while borrowed:
        name, value, before = borrowed.pop()
        if os.environ.get(name) != value:
            continue
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def begin_cell(context, source, argv, env):
    if context.loop is not None:
        asyncio.set_event_loop(context.loop)  # asyncio.run() forgets it
    if env and env != contexts.first_env:
        borrow(env)
    stdin.begin_cell()
    code = prepare(context, source, argv)
    display.begin_cell(context)
    host.install(vars(context.module))
    return vars(context.module), context.variables, code


def manage(name, words, env, cwd):
    pairs = (item.partition("=")[::2] for item in env)
    if words[0] == "make":
        contexts.make(name, cwd, dict(pairs))
    elif words[0] == "drop":
        contexts.drop(name, cwd)
    elif words[0] == "restart":
        contexts.restart(name, cwd)
    elif words[0] == "list":
        answer("contexts", contexts.listed())
    else:
        raise contexts.Refused(f"'{words[0]}' is nothing to do with a context: make, drop, restart or list")


def take_packages(source):
    """Packages that came in can be imported by the next cell."""
    if source.strip():
        raise contexts.Refused("modules are imported before the first cell of a session; the next cell can import them")
    packages.add_directory()


def answer(kind, payload):
    if not records.send(kind, payload):
        raise contexts.Refused("nobody takes records, which the answer would be")


def ask(mode, context, text, argv, cursor):
    names = vars(context.module)
    if mode == COMPLETE:
        answer("complete", complete.complete(text, cursor, names))
    elif mode == INSPECT:
        answer("inspect", complete.look(text, cursor, names, argv[1:2] == ["1"]))
    else:
        answer("is_complete", complete.is_whole(text, context.futures))


def act(mode, name, source, argv, env, cwd, cursor):
    if not contexts.every:
        start(env)
    if mode == CONTEXT:
        return manage(name, argv, env, cwd)
    if mode == PRELOAD:
        return take_packages(source)
    if mode == CELL:
        return begin_cell(contexts.use(name, cwd), source, argv, env)
    if mode in (COMPLETE, INSPECT, IS_COMPLETE):
        return ask(mode, contexts.use(name, cwd), source.decode(), argv, cursor)
    raise contexts.Refused("this machine has a session: a script needs one that is restored or rewound")


def begin(*turn):
    """Returns the status of a run that is over, or a cell's name space, context variables and code."""
    global shows
    shows = False
    try:
        cell = act(*turn)
        return flush(0) if cell is None else cell
    except contexts.Refused as refused:
        records.flush()
        print("pyhl:", refused, file=sys.stderr, flush=True)
        return REFUSED


def wait(coroutine):
    """Run a cell that awaits in its context's loop. SIGINT raises KeyboardInterrupt where the program is: in a task that
    runs, or where the cell waits."""
    loop = contexts.current.event_loop()
    task = loop.create_task(coroutine, context=contexts.current.variables)
    interrupted = False

    def interrupt(signum, frame):
        nonlocal interrupted
        if asyncio.current_task(loop) is not None:
            raise KeyboardInterrupt
        interrupted = True
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # it waits in a system call that is made again after a signal

    own = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if own:
        signal.signal(signal.SIGINT, interrupt)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError as error:
        if not interrupted:
            raise
        raise KeyboardInterrupt().with_traceback(error.__traceback__) from None
    finally:
        task.cancel()
        if own and signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def show(value):
    """sys.displayhook of a session."""
    if value is None:
        return
    builtins._ = None
    display.result(value, contexts.current.count)
    builtins._ = value


def without_ours(trace):
    """A traceback from the cell's first frame on, without frames of this directory."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    starts = [i for i, at in enumerate(frames) if at.tb_frame.f_code.co_filename in sources]
    kept = None
    for at in reversed(frames[starts[0] if starts else 0:]):
        if not at.tb_frame.f_code.co_filename.startswith(FOLDER):
            at.tb_next = kept
            kept = at
    return kept


def trim(raised, seen):
    """Take our frames out of the tracebacks of an exception, and of those that it came of."""
    if raised is None or id(raised) in seen:
        return
    seen.add(id(raised))
    raised.__traceback__ = without_ours(raised.__traceback__)
    for other in (raised.__cause__, raised.__context__, *getattr(raised, "exceptions", ())):
        if isinstance(other, BaseException):
            trim(other, seen)


def exit_status(code):
    if code is None or isinstance(code, int):
        return (code or 0) & 0xff
    print(code, file=sys.stderr)
    return 1


def tell_of_script(raised):
    """A script has ended with this exception, which python3 has printed."""
    parts = traceback.TracebackException.from_exception(raised)
    records.send("error", {"name": type(raised).__name__, "value": str(parts), "traceback": "".join(parts.format())})


def tell(raised):
    """Tell of the exception that has ended a cell. Returns the cell's status. Whoever goes on to interrupt still hears of
    it, unless the program's code that takes part in it does not come to an end."""
    if isinstance(raised, SystemExit):
        status = exit_status(raised.code)
        records.send("exit", {"status": status})
        return status
    until = time.monotonic() + PATIENCE

    def interrupt(signum, frame):
        if time.monotonic() > until:
            raise KeyboardInterrupt

    own = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if own:
        signal.signal(signal.SIGINT, interrupt)
    try:
        report(raised)
    finally:
        if own:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return 1


def report(raised):
    trim(raised, set())
    if isinstance(raised, SyntaxError) and raised.text is None and raised.filename in sources:
        raised.text = linecache.getline(raised.filename, raised.lineno or 0)
    sys.last_exc = sys.last_value = raised
    sys.last_type, sys.last_traceback = type(raised), raised.__traceback__
    parts = traceback.TracebackException.from_exception(raised)
    text = "".join(parts.format())
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(raised), raised, raised.__traceback__)
    error = {"name": type(raised).__name__, "value": str(parts), "traceback": text}
    if not records.send("error", error) and sys.excepthook is sys.__excepthook__:
        print(text, end="", file=sys.stderr)


def flush(status):
    """Write what the streams have buffered. As at the end of python3 the status is 120 when that fails."""
    for stream in getattr(sys, "stdout", None), getattr(sys, "stderr", None):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception as error:
            if stream is not sys.stderr and sys.stderr is not None:
                print("Exception ignored on flushing sys.stdout:\n" +
                      "".join(traceback.format_exception_only(error)), end="", file=sys.stderr)
            status = 120
    return status


def end(value, raised):
    """The cell is over: show its value, or tell of its exception. Returns its status."""
    global shows
    status = 0
    if shows and contexts.current is not None:
        value = vars(contexts.current.module).pop(RESULT, value)
    if shows and raised is None:
        try:
            sys.displayhook(value)
        except Exception as error:
            raised = error
    shows = False
    if contexts.current is not None:
        display.end_cell(contexts.current)
    if raised is not None:
        status = tell(raised)
    give_back()
    return flush(status)


def make_task(coro, *, name=None, context=None):
    """As asyncio.create_task(). A cell that does not await has no running loop: then the task is its context's, and goes
    on in the next cell that awaits."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = contexts.current.event_loop()
    return loop.create_task(coro, name=name, context=context)


make_task.__name__ = make_task.__qualname__ = "create_task"
make_task.__module__ = "asyncio.tasks"


def start(env):
    sys.path.insert(0, "")
    sys.displayhook = show
    stdin.start()
    display.start()
    asyncio.create_task = asyncio.tasks.create_task = make_task
    contexts.start(env)
