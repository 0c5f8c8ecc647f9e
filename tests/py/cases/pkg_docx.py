import docx
from docx.shared import Pt, Inches
d = docx.Document(); d.add_heading("Title é", 0); p = d.add_paragraph("Plain "); r = p.add_run("bold"); r.bold = True; r.font.size = Pt(14)
d.add_paragraph("item", style="List Bullet"); t = d.add_table(rows=2, cols=2); t.cell(0, 0).text = "a"; t.cell(1, 1).text = "d"
from PIL import Image
Image.new("RGB", (8, 8), "red").save("r.png"); d.add_picture("r.png", width=Inches(1)); d.core_properties.author = "me"; d.save("x.docx")
b = docx.Document("x.docx")
print([(p.style.name, p.text) for p in b.paragraphs], [[c.text for c in r.cells] for r in b.tables[0].rows], b.paragraphs[1].runs[1].bold, len(b.inline_shapes), b.core_properties.author)
docx.Document("missing.docx")
