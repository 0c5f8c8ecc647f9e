from tabulate import tabulate
rows = [["apple", 1.5, 3], ["pear", 22.25, None], ["名前", 0.001, -1]]
for fmt in ("plain", "grid", "github", "html", "latex", "fancy_grid", "tsv"):
    print(tabulate(rows, headers=["item", "price", "n"], tablefmt=fmt, floatfmt=".2f"))
