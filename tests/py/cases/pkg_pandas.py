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
