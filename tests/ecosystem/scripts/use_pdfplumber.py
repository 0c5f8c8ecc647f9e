# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["pdfplumber"]
# ///
import io

import pdfplumber
from reportlab.lib import colors
from reportlab.pdfgen import canvas
from reportlab.platypus import Table

out = io.BytesIO()
page = canvas.Canvas(out, pagesize=(300, 200), invariant=1)
page.drawString(30, 160, "Report of sales")
table = Table([["town", "sum"], ["Rome", "12"], ["Oslo", "7"]], style=[("GRID", (0, 0), (-1, -1), 1, colors.black)])
table.wrapOn(page, 200, 100)
table.drawOn(page, 30, 60)
page.save()
with pdfplumber.open(io.BytesIO(out.getvalue())) as pdf:
    print(len(pdf.pages), pdf.pages[0].extract_text())
    print(pdf.pages[0].extract_tables())
    print([(word["text"], round(word["x0"])) for word in pdf.pages[0].extract_words()], len(pdf.pages[0].rects))
