# SPDX-License-Identifier: Apache-2.0
"""Where the binary is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Optional

from ._errors import ServerError

VERSION = "0.1.0"


def own_binary() -> Optional[str]:
    """The binary of the wheel that this package is of, or None: in a checkout, or after an installation without one.

    An installer puts a wheel's programs into `bin` of the environment (PREFIX/lib/pythonX.Y/site-packages has the
    package), or after `pip install --target` beside the package. The metadata tell that a wheel was installed there.
    """
    package = Path(__file__).resolve().parent
    if not (package.parent / f"pyhl-{VERSION}.dist-info").is_dir():
        return None
    for prefix in (*package.parents[3:4], package.parent):
        binary = prefix / "bin" / "pyhl"
        if os.access(binary, os.X_OK):
            return str(binary)
    return None


def find_binary() -> str:
    """The path of the pyhl binary."""
    path = os.environ.get("PYHL_BINARY") or own_binary() or shutil.which("pyhl")
    if not path:
        raise ServerError("no pyhl binary: PYHL_BINARY is not set, there is none of a wheel, and no pyhl on PATH")
    return path
