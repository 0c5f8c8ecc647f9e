# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["python-pptx"]
# ///
import io

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

deck = Presentation()
slide = deck.slides.add_slide(deck.slide_layouts[5])
slide.shapes.title.text = "Sales"
data = CategoryChartData()
data.categories = ["Rome", "Oslo"]
data.add_series("2024", (12, 7))
slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(2), Inches(6), Inches(4), data)
cells = slide.shapes.add_table(2, 2, Inches(1), Inches(6), Inches(4), Inches(1)).table
cells.cell(0, 0).text = "town"
out = io.BytesIO()
deck.save(out)
for shape in Presentation(io.BytesIO(out.getvalue())).slides[0].shapes:
    print(shape.name, shape.has_chart, shape.has_text_frame and shape.text_frame.text)
    if shape.has_chart:
        print([list(series.values) for series in shape.chart.plots[0].series], list(shape.chart.plots[0].categories))
