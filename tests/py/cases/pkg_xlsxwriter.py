import xlsxwriter, openpyxl
wb = xlsxwriter.Workbook("w.xlsx"); ws = wb.add_worksheet("S")
bold = wb.add_format({"bold": True}); ws.write_row(0, 0, ["a", "b"], bold); ws.write(1, 0, 3.5); ws.write_formula(1, 1, "=A2*2", None, 7)
chart = wb.add_chart({"type": "line"}); chart.add_series({"values": "=S!$A$2:$A$2"}); ws.insert_chart("D2", chart); wb.close()
print([[c.value for c in r] for r in openpyxl.load_workbook("w.xlsx", data_only=True)["S"].iter_rows()])
