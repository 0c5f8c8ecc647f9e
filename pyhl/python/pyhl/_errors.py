# SPDX-License-Identifier: Apache-2.0
"""What can be raised. What code does in a VM is no exception here, but for a function of Pool.submit(): it is in the
Execution."""


class PyhlError(Exception):
    """What the server, or the way to it, could not do."""


class InvalidArgument(PyhlError, ValueError):
    """An argument that the server refuses; the message names it."""


class NotFound(PyhlError, LookupError):
    """There is no such session any more, or no such command, program or directory."""


class Busy(PyhlError):
    """Too many requests are under way, or sessions open: try later."""


class RunCancelled(PyhlError):
    """The run was cancelled before it began."""


class WorkerDied(PyhlError):
    """The process of the VM died. A session in it is gone."""


class ServerError(PyhlError):
    """The server could not be started, has ended, or failed."""


class SystemFailure(ServerError, OSError):
    """What a system refuses, as a write where no space is left, in a session or where the server runs."""


class FileNotFound(NotFound, FileNotFoundError):
    """There is no such file, program or directory."""


class FileExists(InvalidArgument, FileExistsError):
    """There is such a file already."""


class NotADirectory(InvalidArgument, NotADirectoryError):
    """A directory is needed, and the path leads to something else, or through it."""


class IsADirectory(InvalidArgument, IsADirectoryError):
    """A file is needed, and the path leads to a directory."""


class PermissionDenied(InvalidArgument, PermissionError):
    """The system does not allow it."""


class FunctionError(Exception):
    """A function of Pool.submit() raised, in its VM, or was ended by a limit: the exception's class by its name, its words,
    and its traceback."""

    def __init__(self, name: str, value: str, traceback: str = "") -> None:
        super().__init__(name, value, traceback)
        self.name, self.value, self.traceback = name, value, traceback

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


# By the type of `failed`. Those that are not here are ServerError.
TYPES = {"ValueError": InvalidArgument, "LookupError": NotFound, "Busy": Busy, "Cancelled": RunCancelled,
         "WorkerDied": WorkerDied, "OSError": SystemFailure, "FileNotFoundError": FileNotFound, "FileExistsError": FileExists,
         "NotADirectoryError": NotADirectory, "IsADirectoryError": IsADirectory, "PermissionError": PermissionDenied}
