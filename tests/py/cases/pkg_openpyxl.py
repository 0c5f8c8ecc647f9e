import datetime, openpyxl
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
wb = openpyxl.Workbook(); ws = wb.active; ws.title = "Data"
ws.append(["name", "qty", "price", "total", "when"])
for i, (n, q, p) in enumerate([("apple", 3, 1.5), ("péar", 2, 2.25)], 2):
    ws.append([n, q, p, f"=B{i}*C{i}", datetime.date(2024, 1, i)])
ws["A1"].font = Font(bold=True); ws["B2"].fill = PatternFill("solid", fgColor="FFFF00"); ws.merge_cells("A5:B5")
ws.column_dimensions["A"].width = 20; ws["C2"].number_format = "0.00"
c = BarChart(); c.add_data(Reference(ws, min_col=2, min_row=1, max_row=3), titles_from_data=True); ws.add_chart(c, "G2")
wb.create_sheet("Other")["B2"] = True
wb.save("book.xlsx")
back = openpyxl.load_workbook("book.xlsx")
print(back.sheetnames, [[c.value for c in r] for r in back["Data"].iter_rows()], back["Other"]["B2"].value)
print(back["Data"]["A1"].font.b, back["Data"]["B2"].fill.fgColor.rgb, back["Data"].merged_cells.ranges, get_column_letter(28))
import pandas as pd
pd.DataFrame({"a": [1, 2], "b": ["x", None]}).to_excel("p.xlsx", index=False)
print(pd.read_excel("p.xlsx"), pd.read_excel("book.xlsx", sheet_name="Data").columns.tolist())
