# reportlab: draws a PDF by hand and lays one out from paragraphs, lists and tables; pypdf reads both back.
import hashlib
import io

from pypdf import PdfReader
from reportlab.graphics import renderPDF
from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.charts.piecharts import Pie
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.pdfgen import canvas
from reportlab.platypus import ListFlowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

file = io.BytesIO()
page = canvas.Canvas(file, pagesize=landscape(A4), invariant=1)
page.setTitle("By hand")
page.setFont("Times-Bold", 20)
page.drawString(2 * cm, 15 * cm, "Hello PDF")
page.setFillColor(colors.teal)
page.circle(10 * cm, 8 * cm, 3 * cm, fill=1)
page.bookmarkPage("first")
page.addOutlineEntry("First page", "first")
page.linkURL("http://x.test/", (0, 0, 50, 50))
page.showPage()
page.drawRightString(15 * cm, 10 * cm, "second page")
page.save()
# The document has no date in it (invariant), so all of its bytes are the same.
print(hashlib.sha256(file.getvalue()).hexdigest(), file.getvalue()[:8])
read = PdfReader(file)
print(len(read.pages), read.metadata.title, [p.extract_text().strip() for p in read.pages])
print([round(float(v)) for v in read.pages[0].mediabox], [entry.title for entry in read.outline])
print(read.pages[0]["/Annots"][0].get_object()["/A"]["/URI"])

styles = getSampleStyleSheet()
table = Table([["item", "count"]] + [[f"row {n}", n] for n in range(60)], repeatRows=1)
table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("BACKGROUND", (0, 0), (-1, 0), colors.khaki)]))
story = [Paragraph("A report", styles["Title"]), Paragraph("Words " * 200 + "<b>bold</b> &amp; é", styles["BodyText"]),
         Spacer(1, cm), ListFlowable([Paragraph(word, styles["Normal"]) for word in ("one", "two")]), table, PageBreak(), Paragraph("The end", styles["Heading1"])]
file = io.BytesIO()
SimpleDocTemplate(file, pagesize=A4, invariant=1, title="Laid out").build(story)
read = PdfReader(file)
text = [p.extract_text() for p in read.pages]
print(len(text), text[0].split("\n")[0], text[0].count("Words"), "bold & é" in text[0], [t.count("item") for t in text])
print(read.metadata.title, hashlib.sha256(file.getvalue()).hexdigest())
# Charts, whose module looks for FreeType by ctypes.util.find_library().
drawing, bars, pie = Drawing(400, 200), VerticalBarChart(), Pie()
bars.data, bars.categoryAxis.categoryNames = [(1, 4, 2), (3, 2, 5)], ["a", "b", "c"]
pie.x, pie.data, pie.labels = 250, [1, 2, 3], ["one", "two", "three"]
drawing.add(bars)
drawing.add(pie)
file = io.BytesIO()
page = canvas.Canvas(file, invariant=1)
renderPDF.draw(drawing, page, 50, 50)
page.save()
print(sorted(PdfReader(file).pages[0].extract_text().split()), hashlib.sha256(file.getvalue()).hexdigest())
try:
    Paragraph("<b>not closed", styles["Normal"])
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0][:60])
