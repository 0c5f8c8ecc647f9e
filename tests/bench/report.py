# SPDX-License-Identifier: Apache-2.0
"""Markdown tables, and the budgets with their verdicts."""


def number(x):
    """Three digits, which is more than a shared machine gives."""
    if isinstance(x, str):
        return x
    if x is None or x != x:
        return "-"
    return f"{x:.3g}" if abs(x) < 1000 else f"{x:,.0f}"


class Table:
    """Printed row by row, so that a long run shows where it is."""

    def __init__(self, title, *columns, note=""):
        print(f"\n### {title}\n" + (f"\n{note}\n" if note else ""))
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)

    def row(self, *cells):
        print(f"| {' | '.join(number(c) for c in cells)} |", flush=True)


class Budgets:
    """What has a limit. A figure is None when this build cannot tell it."""

    def __init__(self):
        self.rows = []

    def most(self, what, figure, limit, unit=""):
        self.add(what, figure, limit, unit, "at most", figure is not None and figure <= limit)

    def least(self, what, figure, limit, unit=""):
        self.add(what, figure, limit, unit, "at least", figure is not None and figure >= limit)

    def add(self, what, figure, limit, unit, word, met):
        verdict = "not counted" if figure is None else "met" if met else "**missed**"
        ratio = figure / limit if figure is not None and limit else None
        unit = unit and " " + unit
        self.rows.append((what, "-" if figure is None else number(figure) + unit, f"{word} {number(limit)}{unit}", ratio,
                          verdict))

    def print(self):
        table = Table("Budgets", "what", "here", "budget", "here / budget", "")
        for row in self.rows:
            table.row(*row)
        missed = sum(row[4] == "**missed**" for row in self.rows)
        print(f"\n{len(self.rows)} budgets: {sum(row[4] == 'met' for row in self.rows)} met, {missed} missed.")
