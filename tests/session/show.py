# SPDX-License-Identifier: Apache-2.0
"""Cases of what cells show. A group is a session: its cells are run in their order, and each is followed by a function that
looks at what was seen, a Seen."""
import base64
import functools

import check
from check import same

TABLE, CHART = "application/vnd.pyhl.table+json", "application/vnd.pyhl.chart+json"
PNG = b"\x89PNG\r\n\x1a\n"

cells = []  # of the group that is being defined: code and function


class Seen:
    """A cell's records without its error, and its streams. stderr has the error's traceback at its end."""

    def __init__(self, turn):
        same(turn.kind, "ready")
        self.records = [(kind, content) for kind, content in turn.order if kind not in ("out", "err", "error")]
        self.stdout = turn.out
        self.stderr = turn.err + "".join(error["traceback"] for error in turn.records("error"))

    def of(self, *kinds):
        """The records' contents, which must be of these kinds, in this order; nothing else was printed."""
        assert [kind for kind, _ in self.records] == list(kinds), self.records
        assert self.stderr == "", self.stderr
        return [content for _, content in self.records]

    def one(self, kind):
        return self.of(kind)[0]

    def data(self, kind="result"):
        return self.one(kind)["data"]

    def chart(self, kind="display"):
        """The chart of the one figure, whose picture is one."""
        data = self.data(kind)
        assert base64.b64decode(data["image/png"]).startswith(PNG)
        return data[CHART]


def cell(code):
    """The function that follows checks what the cell has shown."""
    def add(look):
        cells.append((code, look))
        return look
    return add


def group(name):
    """A group begins, whose cells are run by the case of this name."""
    global cells
    cells = []
    check.cases[name] = functools.partial(look_at, cells)


def look_at(cells, session):
    for code, look in cells:
        seen = Seen(session.cell(code))
        try:
            look(seen)
        except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:
            raise AssertionError(f"{look.__name__}: {type(error).__name__}: {error}") from error
