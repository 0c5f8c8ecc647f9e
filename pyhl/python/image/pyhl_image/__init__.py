# SPDX-License-Identifier: Apache-2.0
"""The Python image of pyhl, as data: pyhl.setup() installs it."""

from pathlib import Path

__version__ = "0.1.0"


def archive() -> str:
    """The path of the archive that `pyhl setup --from` takes."""
    return str(Path(__file__).resolve().parent / "image.tar.zst")
