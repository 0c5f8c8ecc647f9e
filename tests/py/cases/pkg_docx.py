# docx: writes a document with headings, lists, a table, a section and a picture, and reads all of it back.
import zipfile

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Cm, Pt, RGBColor

paper = docx.Document()
paper.add_heading("Report", level=0)
for number in (1, 2):
    paper.add_heading(f"Part {number}", level=1)
    paragraph = paper.add_paragraph("Some ")
    run = paragraph.add_run("coloured")
    run.font.color.rgb = RGBColor(0x20, 0x40, 0xC0)
    run.italic = True
    paragraph.add_run(" text.").font.size = Pt(9)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paper.add_paragraph("a point", style="List Number")
table = paper.add_table(rows=1, cols=3, style="Table Grid")
for cell, text in zip(table.rows[0].cells, ("name", "count", "price")):
    cell.text = text
for row in (("tea", 3, 2.5), ("milk", 7, 0.99)):
    for cell, value in zip(table.add_row().cells, row):
        cell.text = str(value)
table.cell(1, 0).merge(table.cell(2, 0))
section = paper.sections[0]
section.left_margin = Cm(3)
section.header.paragraphs[0].text = "the header"
paper.add_page_break()
paper.save("report.docx")

again = docx.Document("report.docx")
print([(p.style.name, p.text, p.alignment) for p in again.paragraphs])
print([[cell.text for cell in row.cells] for row in again.tables[0].rows], again.tables[0].style.name)
runs = [run for p in again.paragraphs for run in p.runs if run.font.color.rgb]
print([(run.text, str(run.font.color.rgb), run.italic) for run in runs], again.sections[0].left_margin.cm)
print(again.sections[0].header.paragraphs[0].text, sorted(zipfile.ZipFile("report.docx").namelist())[:5])

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import docx
from docx.shared import Pt, Inches
d = docx.Document(); d.add_heading("Title é", 0); p = d.add_paragraph("Plain "); r = p.add_run("bold"); r.bold = True; r.font.size = Pt(14)
d.add_paragraph("item", style="List Bullet"); t = d.add_table(rows=2, cols=2); t.cell(0, 0).text = "a"; t.cell(1, 1).text = "d"
from PIL import Image
Image.new("RGB", (8, 8), "red").save("r.png"); d.add_picture("r.png", width=Inches(1)); d.core_properties.author = "me"; d.save("x.docx")
b = docx.Document("x.docx")
print([(p.style.name, p.text) for p in b.paragraphs], [[c.text for c in r.cells] for r in b.tables[0].rows], b.paragraphs[1].runs[1].bold, len(b.inline_shapes), b.core_properties.author)
docx.Document("missing.docx")
