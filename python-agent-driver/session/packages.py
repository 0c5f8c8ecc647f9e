# SPDX-License-Identifier: Apache-2.0
"""Packages that come into a machine that has booted already (HV_RUN_PRELOAD): their directory becomes a site directory, as
if it had been there when python3 started. preload.c imports their modules, and tells of each by a record."""
import linecache
import os
import site
import sys
import time
import traceback
import warnings
from importlib import machinery, util

import records

DIRECTORY = "/usr/local/lib/python3.13/dist-packages"
TEXT = 10_000  # characters of an error that are told

began = 0  # when the imports began
read = {}  # .pth files that were read, by name, with their times


def new_lists():
    """Names of .pth files that are new or changed, in the order in which site reads them."""
    found = []
    for name in sorted(os.listdir(DIRECTORY)):
        if name.endswith(".pth") and not name.startswith("."):
            when = os.stat(os.path.join(DIRECTORY, name)).st_mtime_ns
            if read.get(name) != when:
                read[name] = when
                found.append(name)
    return found


def first_after():
    """Where the directories of sys.path begin that site adds after this one."""
    every = site.getsitepackages()
    later = every[every.index(DIRECTORY) + 1:] if DIRECTORY in every else every
    return next((i for i, entry in enumerate(sys.path) if entry in later), len(sys.path))


def forget():
    """As importlib.invalidate_caches(), which would import importlib.metadata."""
    for entry, finder in [*sys.path_importer_cache.items()]:
        if finder is None:
            del sys.path_importer_cache[entry]
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
    metadata = sys.modules.get("importlib.metadata")
    if metadata is not None:
        metadata.MetadataPathFinder.invalidate_caches()


def add_directory():
    """Let imports find what is in the directory now. What its .pth files add stands before the site directories that come
    after it."""
    forget()
    if not os.path.isdir(DIRECTORY):
        return
    at = first_after()
    rest = sys.path[at:]
    del sys.path[at:]
    try:
        known = {os.path.normcase(entry) for entry in sys.path}
        if DIRECTORY not in known:
            sys.path.append(DIRECTORY)
            known.add(DIRECTORY)
        for name in new_lists():
            site.addpackage(DIRECTORY, name, known)
    finally:
        sys.path += [entry for entry in rest if entry not in sys.path]


def tell(line, text, raised):
    """Give the record of a line: before its import, or of an import that has raised."""
    told = {"line": line, "module": text.removesuffix("?")}
    if raised is not None:
        told["error"] = f"{type(raised).__name__}: {traceback.TracebackException.from_exception(raised)}"[:TEXT]
    records.send("preload", told)


def tell_open(line, text, number, leads_to):
    """Give the record of a descriptor that a line has left open."""
    records.send("preload", {"line": line, "module": text.removesuffix("?"), "open": number, "path": leads_to})


def sources():
    """Modules of the packages that have no bytecode yet, the small ones first; but for those of tests."""
    found = []
    for folder, folders, names in os.walk(DIRECTORY):
        folders[:] = [name for name in folders if name not in ("__pycache__", "test", "tests")]
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(".py") and not os.path.exists(util.cache_from_source(path)):
                found.append((os.stat(path).st_size, path))
    return [path for _, path in sorted(found)]


def compile_rest():
    """Bytecode of the modules that are not imported here, for scripts that import them: each would compile them. It
    takes no longer than the imports took, or a second."""
    now = time.monotonic()
    until = now + max(now - began, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sources():
            if time.monotonic() > until:
                break
            try:
                machinery.SourceFileLoader(path, path).get_code(path)
            except Exception:
                pass  # it is not for this Python: who imports it is told


def begin():
    global began
    began = time.monotonic()
    add_directory()


def end():
    """The imports are over. Nothing is left open of what was told, and no lines are kept for tracebacks."""
    compile_rest()
    records.flush()
    linecache.clearcache()
    if records.device >= 0:
        os.close(records.device)
        records.device = -1
