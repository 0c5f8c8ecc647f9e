# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["polars"]
# ///
import polars as pl

sales = pl.DataFrame({"town": ["Rome", "Oslo", "Rome", "Bonn"], "year": [2023, 2024, 2024, 2024],
                      "sum": [1.5, 2.25, 3.0, 0.5]})
most = sales.lazy().filter(pl.col("sum") > 1).group_by("town").agg(pl.col("sum").sum(), pl.len())
print(most.sort("town").collect())
lands = pl.DataFrame({"town": ["Rome"], "land": ["Italy"]})
print(sales.join(lands, on="town", how="left").sort("town", "year").to_dicts())
sales.write_parquet("/tmp/sales.parquet")
print(pl.scan_parquet("/tmp/sales.parquet").select(pl.col("sum").mean()).collect().item())
query = "select town, max(sum) as most from sales group by town order by town"
print(pl.SQLContext(sales=sales).execute(query).collect().rows())
