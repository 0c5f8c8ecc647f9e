import sqlite3
c = sqlite3.connect("t.db"); c.row_factory = sqlite3.Row
c.executescript("create table t(id integer primary key, name text unique, v real); create index i on t(v);")
with c: c.executemany("insert into t(name, v) values (?, ?)", [("a", 1.5), ("é", 2), ("c", None)])
print([tuple(r) for r in c.execute("select *, v*2 from t order by v desc")], c.execute("select count(*), sum(v), group_concat(name) from t").fetchone()[:])
c.create_function("rev", 1, lambda s: s[::-1]); print(c.execute("select rev('abc'), upper('x'), json_extract('{\"a\":[1,2]}', '$.a[1]')").fetchone()[:])
print([tuple(r) for r in c.execute("with recursive f(n) as (select 1 union all select n+1 from f where n < 5) select n, sum(n) over (order by n) from f")])
c.close(); c = sqlite3.connect("t.db"); m = sqlite3.connect(":memory:"); c.backup(m); print(m.execute("select name from t").fetchall(), sqlite3.sqlite_version)
m.execute("insert into t(name) values ('a')")
