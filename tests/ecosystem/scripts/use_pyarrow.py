# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["pyarrow"]
# ///
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet as pq

table = pa.table({"n": list(range(10)), "word": ["a", "b"] * 5})
print(table.group_by("word").aggregate([("n", "sum")]).sort_by("word").to_pydict())
pq.write_table(table, "/tmp/t.parquet", compression="zstd")
print(pq.read_table("/tmp/t.parquet", filters=[("n", ">", 6)]).to_pandas())
pyarrow.csv.write_csv(table, "/tmp/t.csv")
print(pyarrow.dataset.dataset("/tmp/t.csv", format="csv").count_rows(), pc.mean(table["n"]))
