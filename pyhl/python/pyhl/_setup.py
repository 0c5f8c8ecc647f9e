# SPDX-License-Identifier: Apache-2.0
"""Installs a home from the image that the distribution pyhl-image brings, by `pyhl setup`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Union

from ._binary import VERSION, find_binary
from ._errors import ServerError

Progress = Optional[Callable[[str], object]]


def _user_home() -> Optional[Path]:
    """Where a user's home is found from every directory, as the command finds it."""
    data = os.environ.get("XDG_DATA_HOME")
    if data:
        return Path(data, "pyhl")
    home = os.environ.get("HOME")
    return Path(home, ".local/share/pyhl") if home else None


def _archive() -> Optional[str]:
    try:
        import pyhl_image  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return None
    return str(pyhl_image.archive())


def _terminal() -> Progress:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    return lambda line: print(line, file=sys.stderr, flush=True)


def setup(image: Union[str, "os.PathLike[str]", None] = None, *, dest: Union[str, "os.PathLike[str]", None] = None,
          force: bool = False, progress: Progress = None, binary: Optional[str] = None) -> str:
    """Installs an image and makes the snapshot that runs begin from: some seconds, once. Returns the home's path.

    image: a directory or an archive, else that of the distribution pyhl-image. dest: the home, else $PYHL_HOME, or
    ~/.local/share/pyhl. A home there that works stays as it is, whatever version made it, unless force is true; one that
    this pyhl cannot use is replaced. progress is called with each line that `pyhl setup` says; without it they go to
    standard error if that is a terminal. Processes that do this at once wait for each other. Raises ServerError.
    """
    source = os.fspath(image) if image is not None else _archive()
    if source is None:
        raise ServerError("there is no image: install the distribution pyhl-image (pip install pyhl-image), or name an "
                          "image: pyhl.setup(IMAGE)")
    place = dest or os.environ.get("PYHL_HOME") or _user_home()
    if place is None:
        raise ServerError("there is no place for a home: set HOME, or name one: pyhl.setup(dest=DIR)")
    command = [binary or find_binary(), "setup", "--from", source, "--dest", os.fspath(place), *["--force"] * force]
    _follow(command, progress or _terminal())
    return os.fspath(place)


def _follow(command: List[str], progress: Progress) -> None:
    failure = ""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise ServerError(f"pyhl setup: {error}") from error
    with process:
        assert process.stdout is not None
        try:
            for raw in process.stdout:
                line = raw.decode("utf-8", "replace").rstrip()
                failure = line if line.startswith("pyhl setup: ") else failure
                if progress:
                    progress(line)
        except BaseException:  # of the callback, or KeyboardInterrupt: nothing is installed then
            process.terminate()
            raise
    if process.returncode != 0:
        raise ServerError(failure or f"pyhl setup ended with status {process.returncode}")


def _made_by(home: Path) -> Optional[str]:
    """The version of pyhl that made a home; None where there is none, "" where it has packages of its own."""
    try:
        text = (home / "pyhl.ini").read_text(errors="replace")
    except OSError:
        return None
    values = dict(line.split(" = ", 1) for line in text.split("[packages]")[0].splitlines() if " = " in line)
    return "" if values.get("layer_size", "0") != "0" else values.get("version", "?")


def prepare(options: Sequence[str], binary: Optional[str] = None) -> None:
    """Before a server starts: installs the image of pyhl-image where no home was named and there is none, or one of
    another version that this pyhl cannot use. One with packages of its own is the user's to make again."""
    named = any(option.split("=", 1)[0] == "--dest" for option in options) or os.environ.get("PYHL_HOME")
    home = _user_home()
    if named or home is None or os.path.lexists(".pyhl") or _made_by(home) in ("", VERSION) or _archive() is None:
        return
    setup(dest=home, binary=binary)
