# SPDX-License-Identifier: Apache-2.0
"""A small DataFrame."""
import pandas as pd

d = pd.DataFrame({"k": list("abcab") * 200, "v": range(1000)})
d = d.merge(d.groupby("k").v.sum().rename("s"), on="k")
print(d.describe().round(2).to_string())
