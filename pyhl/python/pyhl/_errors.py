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
         "WorkerDied": WorkerDied, "FileNotFoundError": NotFound, "PermissionError": InvalidArgument,
         "NotADirectoryError": InvalidArgument}
