# SPDX-License-Identifier: Apache-2.0
"""What can be raised. What code does in a VM is never an exception here: it is in the Execution."""


class PyhlError(Exception):
    """What the server, or the way to it, could not do."""


class InvalidArgument(PyhlError, ValueError):
    """An argument that the server refuses; the message names it."""


class NotFound(PyhlError, LookupError):
    """There is no such session any more."""


class Busy(PyhlError):
    """Too many requests are under way, or sessions open: try later."""


class RunCancelled(PyhlError):
    """The run was cancelled before it began."""


class WorkerDied(PyhlError):
    """The process of the VM died. A session in it is gone."""


class ServerError(PyhlError):
    """The server could not be started, has ended, or failed."""


# By the type of `failed`. Those that are not here are ServerError.
TYPES = {"ValueError": InvalidArgument, "LookupError": NotFound, "Busy": Busy, "Cancelled": RunCancelled,
         "WorkerDied": WorkerDied}
