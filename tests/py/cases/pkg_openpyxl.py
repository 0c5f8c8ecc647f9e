# openpyxl and xlsxwriter: one writes a workbook with formats, formulas, a chart, rules and names; the other reads it.
import datetime as dt

import openpyxl as reader
import xlsxwriter as writer

with writer.Workbook("made.xlsx") as made:
    sheet = made.add_worksheet("Sales")
    money = made.add_format({"num_format": "#,##0.00", "bold": True, "bg_color": "#FFEE00", "border": 1})
    day = made.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, ["day", "item", "count", "price", "total"])
    for row, (item, count, price) in enumerate([("tea", 3, 2.5), ("milk é", 7, 0.99), ("bread", 4, 3.1)], 1):
        sheet.write_datetime(row, 0, dt.datetime(2024, 1, row), day)
        sheet.write_row(row, 1, [item, count])
        sheet.write_number(row, 3, price, money)
        sheet.write_formula(row, 4, f"=C{row + 1}*D{row + 1}", money, round(count * price, 2))
    sheet.merge_range("A6:B6", "sum", money)
    sheet.write_formula("E6", "=SUM(E2:E4)", money, 26.83)
    sheet.set_column("B:B", 22)
    sheet.freeze_panes(1, 0)
    sheet.autofilter("A1:E4")
    sheet.data_validation("C2:C4", {"validate": "integer", "criteria": ">", "value": 0})
    sheet.conditional_format("C2:C4", {"type": "cell", "criteria": ">", "value": 5, "format": money})
    sheet.write_comment("B2", "a note")
    chart = made.add_chart({"type": "column"})
    chart.add_series({"values": "=Sales!$C$2:$C$4"})
    sheet.insert_chart("G2", chart)
    made.add_worksheet("Hidden").hide()
    made.define_name("Total", "=Sales!$E$6")

for values in (False, True):
    book = reader.load_workbook("made.xlsx", data_only=values)
    print(*book["Sales"].iter_rows(values_only=True), sep="\n")
sheet = book["Sales"]
print(book.sheetnames, book["Hidden"].sheet_state, book.defined_names["Total"].attr_text, sheet.freeze_panes)
print(sheet["D2"].number_format, sheet["D2"].font.b, sheet["D2"].fill.fgColor.rgb, sheet["D2"].border.left.style)
print(sheet.auto_filter.ref, sheet.merged_cells.ranges, sheet.column_dimensions["B"].width > 20, sheet["B2"].comment.text)
print([v.sqref for v in sheet.data_validations.dataValidation], len(sheet._charts), sheet.dimensions)
try:
    reader.load_workbook(__file__)
except Exception as error:
    print(type(error).__name__)


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
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
