# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["duckdb"]
# ///
import duckdb
import pandas as pd

frame = pd.DataFrame({"k": [i % 7 for i in range(1000)], "v": range(1000)})
print(duckdb.sql("select k, sum(v), avg(v) from frame group by k order by k").fetchall())
with duckdb.connect("/tmp/a.duckdb") as db:
    db.execute("create table t (id integer primary key, name varchar)")
    db.executemany("insert into t values (?, ?)", [(1, "one"), (2, "two")])
    print(db.execute("select name from t where id > 1").df())
duckdb.sql("copy (select range as i from range(5)) to '/tmp/i.parquet'")
print(duckdb.sql("select sum(i) from '/tmp/i.parquet'").fetchall())
