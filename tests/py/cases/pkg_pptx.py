import pptx
from pptx.util import Inches, Pt
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
p = pptx.Presentation(); s = p.slides.add_slide(p.slide_layouts[1]); s.shapes.title.text = "Títle"; s.placeholders[1].text = "one\ntwo"
s2 = p.slides.add_slide(p.slide_layouts[6]); box = s2.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1)); box.text_frame.text = "box"; box.text_frame.paragraphs[0].runs[0].font.size = Pt(20)
t = s2.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(2)).table; t.cell(0, 0).text = "c"
cd = CategoryChartData(); cd.categories = ["a", "b"]; cd.add_series("S", (1, 2)); s2.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), cd)
p.save("x.pptx"); b = pptx.Presentation("x.pptx")
print(len(b.slides), [[(sh.shape_type, sh.has_text_frame and sh.text_frame.text) for sh in sl.shapes] for sl in b.slides], b.slides[1].shapes[1].table.cell(0, 0).text)
