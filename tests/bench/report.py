# SPDX-License-Identifier: Apache-2.0
"""Markdown tables, and the budgets with their verdicts."""


def number(x):
    """A number with three digits: a shared machine does not give more."""
    if isinstance(x, str):
        return x
    if x is None or x != x:
        return "-"
    return f"{x:.3g}" if abs(x) < 1000 else f"{x:,.0f}"


class Table:
    """A table that is printed row by row, so that a long run shows where it is."""

    def __init__(self, title, *columns, note=""):
        print(f"\n### {title}\n" + (f"\n{note}\n" if note else ""))
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)

    def row(self, *cells):
        print(f"| {' | '.join(number(c) for c in cells)} |", flush=True)


class Budgets:
    """Figures that have a limit. The verdict is on `figure`, a median; `best` is the least seen, to compare."""

    def __init__(self):
        self.rows = []

    def most(self, what, figure, limit, unit="", best=None):
        self.add(what, figure, best, limit, unit, "at most", figure <= limit)

    def least(self, what, figure, limit, unit="", best=None):
        self.add(what, figure, best, limit, unit, "at least", figure >= limit)

    def add(self, what, figure, best, limit, unit, word, met):
        unit = unit and " " + unit
        self.rows.append((what, f"**{number(figure)}**{unit}", "" if best is None else number(best),
                          f"{word} {number(limit)}{unit}", figure / limit if limit else "",
                          "met" if met else "**missed**"))

    def print(self):
        table = Table("Budgets", "what", "here", "at best", "budget", "here / budget", "")
        for row in self.rows:
            table.row(*row)
        met = sum(row[-1] == "met" for row in self.rows)
        print(f"\n{len(self.rows)} budgets: {met} met, {len(self.rows) - met} missed.")
