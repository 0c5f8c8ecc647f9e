# SPDX-License-Identifier: Apache-2.0
"""Sales by region and month: the sort of script that pyhl is for."""
import io
import os
import platform
import sys

import numpy as np
import pandas as pd

rows = io.StringIO()
rng = np.random.default_rng(7)
rows.write("day,region,units,price\n")
for day in pd.date_range("2024-01-01", periods=180):
    for region in ("north", "south", "west"):
        rows.write(f"{day:%Y-%m-%d},{region},{rng.integers(1, 90)},{rng.uniform(2, 9):.2f}\n")
rows.seek(0)

sales = pd.read_csv(rows, parse_dates=["day"])
sales["revenue"] = sales["units"] * sales["price"]
table = sales.pivot_table(index=sales["day"].dt.strftime("%Y-%m"), columns="region",
                          values="revenue", aggfunc="sum")
print(table.round(2).to_string())
print()
print(f"Python {platform.python_version()}, pandas {pd.__version__}, numpy {np.__version__}; "
      f"arguments {sys.argv[1:]}; files in the root: {len(os.listdir('/'))}")
