# SPDX-License-Identifier: Apache-2.0
"""Service runs: what the host does in a session between two cells, unseen by its program (service.c).

A handler is given the words after its name, bytes each, and the data, a memoryview that is valid until it returns. It
answers by records.put() and records.hand_over(), and fails by raising. Whatever the program has done to modules and
builtins counts for nothing here: a module of a handler keeps the functions that it needs, and has builtins of its own, from
before the snapshot. Handlers of signals are called when the service is over.
"""
import agent_start
import files
import records

__builtins__ = dict(__builtins__)

# service.c sets it: from now on garbage is collected again. A service that waits for long must not keep the threads of the
# program from that.
may_collect = None


def go_on(words, data):
    may_collect()
    agent_start.handle(words, data)


HANDLERS = {
    b"agent": go_on,
    b"file": files.handle,
}

TYPES = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError, IsADirectoryError, ValueError)


def said(error):
    """The type and the message of a failure."""
    kind = next((known.__name__ for known in TYPES if isinstance(error, known)), "OSError")
    if isinstance(error, MemoryError):
        return kind, "the session is out of memory"
    if not isinstance(error, OSError) or error.strerror is None:
        return kind, str(error) or type(error).__name__
    names = [files.spell(name) for name in (error.filename, error.filename2) if isinstance(name, bytes)]
    return kind, ": ".join([error.strerror, " to ".join(names)]) if names else error.strerror


def serve(words, data):
    """Returns the run's status: 0, or 1 after the record "failed"."""
    try:
        if not words:
            raise MemoryError  # there was none for this run
        if words[0] not in HANDLERS:
            raise ValueError(f"there is no service '{files.spell(words[0])}'")
        HANDLERS[words[0]](words[1:], data)
        return 0
    except BaseException as error:
        kind, message = said(error)
        records.put("failed", kind.encode() + b"\0" + message.encode("utf-8", "replace"))
        return 1
