# SPDX-License-Identifier: Apache-2.0
"""Contexts of a session: each is a module `__main__` of its own, with a working directory, an environment, context
variables, and an event loop. One of them is current: its directory and environment are the process's."""
import asyncio
import builtins
import contextvars
import gc
import os
import signal
import sys
import time
import types

DEFAULT = "default"
PATIENCE = 1  # seconds that cancelled tasks have to end

every = {}
current = None
first_env = []  # NAME=value as the first run of the session brought them


class Refused(Exception):
    """The host asks for something that is not possible, which is no failure of the program's."""


class Context:
    def __init__(self, name, module, cwd, environ):
        self.name = name
        self.first = cwd, environ
        self.begin(module)

    def begin(self, module):
        self.module = module
        self.cwd, self.environ = self.first
        self.variables = contextvars.Context()
        self.loop = None
        self.count = 0
        self.futures = 0

    def event_loop(self):
        """The loop, which is also what asyncio.get_event_loop() answers in this context."""
        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        return self.loop

    def end(self):
        """Cancel what is left in the loop, and let go of all objects."""
        if self.loop is not None and not self.loop.is_closed():
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=PATIENCE))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
        asyncio.set_event_loop(None)
        self.loop = None
        vars(self.module).clear()
        gc.collect()


def main_module():
    module = types.ModuleType("__main__")
    module.__builtins__ = builtins
    return module


def put_environ(environ):
    zone = os.environ.get("TZ")
    for name in [name for name in os.environ if name not in environ]:
        del os.environ[name]
    for name, value in environ.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    if os.environ.get("TZ") != zone:
        time.tzset()


def leave():
    """Keep what the current context has made of the process. A directory that was removed is entered no more."""
    current.environ = dict(os.environ)
    try:
        current.cwd = os.getcwd()
    except OSError:
        pass


def enter(context):
    """Make a context the current one. SIGINT waits, so that it is one or the other."""
    global current
    if context is current:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        if current is not None:
            leave()
        os.makedirs(context.cwd, exist_ok=True)
        os.chdir(context.cwd)
        put_environ(context.environ)
        sys.modules["__main__"] = context.module
        asyncio.set_event_loop(context.loop)
        current = context
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def start(env):
    """The first run of the session: its environment is what all contexts begin with."""
    global first_env
    first_env = env
    every[DEFAULT] = Context(DEFAULT, sys.modules["__main__"], None, dict(os.environ))


def find(name):
    if name not in every:
        raise Refused(f"there is no context '{name}'; there are: {', '.join(every)}")
    return every[name]


def use(name, cwd):
    """Make this context the current one. The default one has the directory of the first run in it."""
    context = find(name)
    if context.first[0] is None:
        context.first = cwd, context.first[1]
        context.cwd = cwd
    enter(context)
    return context


def make(name, cwd, environ):
    if name in every:
        raise Refused(f"the context '{name}' is there already")
    every[name] = Context(name, main_module(), cwd, {**every[DEFAULT].first[1], **environ})


def drop(name, cwd):
    global current
    if name == DEFAULT:
        raise Refused(f"the context '{DEFAULT}' is always there: restart it")
    use(name, cwd).end()
    del every[name]
    current = None


def restart(name, cwd):
    """The context with nothing in it, and with the directory and the environment that it began with."""
    global current
    context = use(name, cwd)
    context.end()
    context.begin(main_module())
    current = None
    enter(context)


def listed():
    if current is not None:
        leave()
    return [{"id": context.name, "cwd": context.cwd or "/"} for context in every.values()]
