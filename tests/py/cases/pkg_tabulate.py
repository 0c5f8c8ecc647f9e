# tabulate: tables from lists, dicts and objects in each of its formats, with alignment, wrapping and missing values.
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tabulate import SEPARATING_LINE, simple_separated_format, tabulate, tabulate_formats


@dataclass
class Thing:
    name: str
    count: int


things = [["tea", 3, 2.5, "a long text that has to be wrapped"], ["milk", 1234567, -0.001, "none"],
          ["日本", 0, 1e20, "<b>&</b>"], ["1e3", 5, float("nan"), "two\nlines"]]
headers = ["name", "count", "price", "note"]
for form in tabulate_formats:
    print(form)
    print(tabulate(things, headers, tablefmt=form, missingval="?", floatfmt=".3g"))
print(tabulate(things, headers, maxcolwidths=[None, None, None, 12], tablefmt="grid"))
print(tabulate(things, headers, colalign=("right", "left", "center"), disable_numparse=True))
print(tabulate(things, headers, numalign="decimal", intfmt=",", showindex=True, stralign="center"))
print(tabulate({"a": [1, 2], "b": ["x"]}, headers="keys"), tabulate([{"k": 1}, {"k": 2, "l": 3}], headers="keys"), sep="\n")
print(tabulate([Thing("x", 1), Thing("y", 2)], headers="keys", tablefmt="psql"))
print(tabulate(np.arange(6).reshape(2, 3) / 4), tabulate(pd.DataFrame({"c": [1.5, 2]}, index=["r", "s"]), "keys"), sep="\n")
print(tabulate([["a", 1], SEPARATING_LINE, ["sum", 1]], tablefmt="simple"))
print(tabulate(things[:2], tablefmt=simple_separated_format(" ; ")), tabulate([], headers=["none"]))
print(tabulate([[f"r{r}c{c}" for c in range(8)] for r in range(50)], tablefmt="pipe").count("|"))
try:
    tabulate([[1, 2]], headers="firstrow", tablefmt="plain", showindex=[1, 2, 3])
except ValueError as error:
    print("ValueError:", error)

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from tabulate import tabulate
rows = [["apple", 1.5, 3], ["pear", 22.25, None], ["名前", 0.001, -1]]
for fmt in ("plain", "grid", "github", "html", "latex", "fancy_grid", "tsv"):
    print(tabulate(rows, headers=["item", "price", "n"], tablefmt=fmt, floatfmt=".2f"))
