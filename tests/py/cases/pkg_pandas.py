# pandas: reads CSV, groups, joins, pivots, resamples, and writes CSV, JSON, pickle and Excel that it reads back.
import io

import numpy as np
import pandas as pd

text = """day,shop,item,count,price
2024-01-01,north,tea,3,2.50
2024-01-02,south,tea,1,2.40
2024-01-03,north,milk,7,0.99
2024-01-09,south,milk,2,1.05
2024-01-10,north,tea,,2.60
2024-02-01,south,bread,4,3.10
2024-02-11,north,bread,5,3.00
"""
sales = pd.read_csv(io.StringIO(text), parse_dates=["day"])
print(sales.dtypes, sales.isna().sum(), sep="\n")
sales["count"] = sales["count"].fillna(0).astype("int64")
sales["total"] = sales["count"] * sales["price"]
print(sales.to_string())

print(sales.groupby(["shop", "item"])["total"].agg(["sum", "mean", "max"]).round(3))
print(sales.pivot_table(index="item", columns="shop", values="count", aggfunc="sum", fill_value=0))
print(sales.set_index("day")["total"].resample("W").sum())
print(sales.set_index("day")["total"].rolling("10D").mean().round(4).tolist())

shops = pd.DataFrame({"shop": ["north", "east"], "town": ["Oslo", "Riga"]})
print(sales.merge(shops, on="shop", how="outer", indicator=True)[["shop", "item", "town", "_merge"]])
print(sales.melt(id_vars="item", value_vars=["count", "price"]).groupby("variable")["value"].sum())

# Categories, time zones, string methods.
sales["item"] = sales["item"].astype("category")
print(list(sales["item"].cat.categories), sales["item"].cat.codes.tolist())
stamps = sales["day"].dt.tz_localize("Europe/Oslo").dt.tz_convert("Asia/Tokyo")
print(stamps.iloc[0], stamps.dt.day_name().tolist())
print(sales["shop"].str.upper().str.extract(r"^(..)(.*)$"))

rng = np.random.default_rng(1)
frame = pd.DataFrame(rng.normal(size=(1000, 3)), columns=list("abc"))
print(frame.describe().round(5), frame.corr().round(5), sep="\n")
print(pd.cut(frame["a"], [-5, -1, 0, 1, 5]).value_counts(sort=False))
print(frame.query("a > 1 and b < 0").shape, frame.eval("a + b * c").sum().round(6))

frame.to_pickle("frame.pkl")
sales.to_excel("sales.xlsx", index=False)
print(pd.read_pickle("frame.pkl").equals(frame), pd.read_excel("sales.xlsx")["total"].round(2).tolist())
print(pd.read_json(io.StringIO(sales.to_json(orient="records")), orient="records")["count"].tolist())
try:
    sales["colour"]
except KeyError as error:
    print("KeyError:", error)


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import io
import pandas as pd
csv = """date,city,item,qty,price
2024-01-03,Oslo,apple,3,1.5
2024-01-04,Rome,pear,2,2.25
2024-02-01,Oslo,pear,5,2.0
2024-02-11,Rome,apple,,1.75
2024-02-11,Lima,fig,10,0.5
"""
df = pd.read_csv(io.StringIO(csv), parse_dates=["date"])
df["total"] = df.qty * df.price
print(df, df.dtypes, sep="\n")
print(df.groupby("city").agg(n=("item", "count"), total=("total", "sum"), mean=("price", "mean")))
print(df.pivot_table(index="item", columns=df.date.dt.month, values="total", aggfunc="sum", fill_value=0))
print(df.merge(pd.DataFrame({"city": ["Oslo", "Rome"], "country": ["NO", "IT"]}), how="left").fillna("-").to_csv(index=False))
print(df.set_index("date").resample("M").total.sum(), df.describe().round(3), df.sort_values(["city", "price"]).head(2))
s = pd.Series(range(10), index=pd.date_range("2024-03-01", periods=10, freq="D", tz="Europe/Oslo"))
print(s.rolling(3).mean().tail(3), s["2024-03-04":"2024-03-05"], s.index[0])
print(df.to_json(orient="records", date_format="iso"), df.query("price > 1.6").item.str.upper().tolist())
df.to_pickle("df.pkl"); print(pd.read_pickle("df.pkl").equals(df), pd.__version__)
print(pd.DataFrame({"x": [1, 2, 3]}).sum().to_dict(), pd.cut([1, 5, 9], 3).codes, pd.get_dummies(df.city).sum().to_dict())
df.no_such_column
