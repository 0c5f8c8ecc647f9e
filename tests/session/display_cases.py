# SPDX-License-Identifier: Apache-2.0
"""What cells show. A group is a session: its cells are run in their order, and each is followed by a function that looks
at what was seen, a Seen."""
import base64
import datetime
import functools

import check
import machine
from check import same

TABLE, CHART = "application/vnd.pyhl.table+json", "application/vnd.pyhl.chart+json"
PNG = b"\x89PNG\r\n\x1a\n"

ALL = """
class All:
    def __repr__(self): return "plain"
    def _repr_html_(self): return "<b>"
    def _repr_markdown_(self): return "**"
    def _repr_svg_(self): return "<svg/>"
    def _repr_png_(self): return b"\\x89PNG\\r\\n\\x1a\\n", {"width": 3}
    def _repr_jpeg_(self): return b"\\xff\\xd8"
    def _repr_pdf_(self): return b"%PDF"
    def _repr_latex_(self): return "$x$"
    def _repr_json_(self): return {"a": [1, None]}
    def _repr_javascript_(self): return "f()"
"""

cells = []  # of the group that is being defined: code and function


class Seen:
    """A cell's records without its error, and its streams. stderr has the error's traceback at its end."""

    def __init__(self, turn):
        same(turn.kind, "ready")
        self.records = [(kind, content) for kind, content in turn.order if kind not in ("out", "err", "error")]
        self.stdout = turn.out
        self.stderr = turn.err + "".join(error["traceback"] for error in turn.records("error"))

    def of(self, *kinds):
        """The records' contents, which must be of these kinds, in this order; nothing else was printed."""
        assert [kind for kind, _ in self.records] == list(kinds), self.records
        assert self.stderr == "", self.stderr
        return [content for _, content in self.records]

    def one(self, kind):
        return self.of(kind)[0]

    def data(self, kind="result"):
        return self.one(kind)["data"]

    def chart(self, kind="display"):
        """The chart of the one figure, whose picture is one."""
        data = self.data(kind)
        assert base64.b64decode(data["image/png"]).startswith(PNG)
        return data[CHART]


def cell(code):
    """The function that follows checks what the cell has shown."""
    def add(look):
        cells.append((code, look))
        return look
    return add


def group(name):
    """A group begins, whose cells are run by the case of this name."""
    global cells
    cells = []
    check.cases[name] = functools.partial(look_at, cells)


def look_at(cells, session):
    for code, look in cells:
        seen = Seen(session.cell(code))
        try:
            look(seen)
        except (AssertionError, KeyError, IndexError, TypeError, ValueError) as error:
            raise AssertionError(f"{look.__name__}: {type(error).__name__}: {error}") from error


group("display-values")


@cell("""
import sys
print("display" in dir(sys.modules["builtins"]), {"IPython", "matplotlib", "json"} & {*sys.modules})
x = 1
""")
def what_a_session_begins_with(seen):
    same(seen.stdout, "True set()\n")
    seen.of()


@cell("print('first'); 6 * 7")
def number(seen):
    same(seen.one("result"), {"data": {"text/plain": "42"}, "metadata": {}, "main": "text/plain", "execution_count": 2})
    same(seen.stdout, "first\n")


@cell("None")
def nothing(seen):
    seen.of()


@cell("'h\\xe9'")
def text(seen):
    same(seen.data(), {"text/plain": "'hé'"})


@cell(ALL + "All()")
def every_method(seen):
    result = seen.one("result")
    same(result["data"], {
        "text/plain": "plain", "text/html": "<b>", "text/markdown": "**", "image/svg+xml": "<svg/>",
        "image/png": base64.b64encode(PNG).decode(), "image/jpeg": "/9g=", "application/pdf": "JVBERg==",
        "text/latex": "$x$", "application/json": {"a": [1, None]}, "application/javascript": "f()"})
    same(result["metadata"], {"image/png": {"width": 3}})
    same(result["main"], "text/html")


@cell("All")
def a_class_is_no_instance(seen):
    same(seen.data(), {"text/plain": "<class '__main__.All'>"})


@cell("""
display(All(), include=['text/latex', 'text/plain']); display(All(), include=['text/latex'], exclude=['text/latex'])
""")
def include_and_exclude(seen):
    same(seen.data("display"), {"text/plain": "plain", "text/latex": "$x$"})


@cell("""
class Bundle(All):
    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"text/html": "<i>", "application/x-own": {"z": 1}, "text/markdown": None}
        return data, {"text/html": {"isolated": True}}
display(Bundle(), metadata={"text/html": {"more": 1}}, exclude=["image/png", "text/latex"])
""")
def a_bundle_wins(seen):
    shown = seen.one("display")
    same(shown["data"]["text/html"], "<i>")
    same(shown["data"]["application/x-own"], {"z": 1})
    same(shown["data"]["text/markdown"], "**")
    assert "image/png" not in shown["data"] and "text/latex" not in shown["data"], shown
    same(shown["metadata"]["text/html"], {"isolated": True, "more": 1})
    same(shown["main"], "application/x-own")


@cell("""
class Broken:
    def __repr__(self): raise ValueError("no text")
    def _repr_html_(self): raise KeyError("no html")
    def _repr_markdown_(self): return "still here"
    def _repr_latex_(self): return 5
    def _repr_png_(self): return None
    def _repr_json_(self): return {(1, 2): 3}
Broken()
""")
def a_raising_repr(seen):
    same([kind for kind, _ in seen.records], ["result"])
    same(seen.records[0][1]["data"], {"text/markdown": "still here"})
    for words in ("ValueError: no text", "KeyError: 'no html'", "_repr_latex_() returned int",
                  "application/json is left out"):
        assert words in seen.stderr, seen.stderr
    assert "display.py" not in seen.stderr, seen.stderr


@cell("""
class Silent:
    def __repr__(self): raise ValueError("bad repr")
Silent()
""")
def nothing_but_a_raising_repr(seen):
    same(seen.records, [])
    assert seen.stderr.endswith("ValueError: bad repr\n"), seen.stderr


@cell("""
class Odd:
    def _repr_mimebundle_(self, **kwargs): return {5: "five", "text/html": "<b>"}, {"text/html": {(1, 2): 3}, 4: 5}
    def _repr_latex_(self): return "x", "no metadata"
Odd()
""")
def what_is_no_json(seen):
    result = seen.records[0][1]
    same(sorted(result["data"]), ["5", "text/html", "text/latex", "text/plain"])
    same(result["metadata"], {"4": 5})
    assert seen.stderr.startswith("display: metadata of text/html is left out: it is not JSON"), seen.stderr


@cell("import unittest.mock; unittest.mock.MagicMock()")
def an_object_that_has_every_name(seen):
    same([*seen.data()], ["text/plain"])


@cell("""
class Own:
    def _ipython_display_(self): display("my own way")
Own()
""")
def displays_itself(seen):
    same(seen.data("display"), {"text/plain": "'my own way'"})


@cell("[*range(300_000)]")
def a_huge_list(seen):
    text = seen.data()["text/plain"]
    assert text.startswith("[0, 1, 2,") and text.endswith("998, 999, ... (299000 more)]"), text[-100:]


@cell("{}.fromkeys(range(300_000))")
def a_huge_dict(seen):
    assert seen.data()["text/plain"].endswith("999: None, ... (299000 more)}")


@cell("""
class Huge:
    def __repr__(self): return "x" * (3 << 20)
    def _repr_html_(self): return "y" * (30 << 20)
Huge()
""")
def a_huge_repr(seen):
    data = seen.records[0][1]["data"]
    same([*data], ["text/plain"])
    same(data["text/plain"][-27:], "x... (2097152 more characters)"[-27:])
    assert "text/html is left out" in seen.stderr


group("display-calls")

@cell("same_handle = display('one', 2, display_id='me'); same_handle.update('new'); print(same_handle)")
def handle(seen):
    one, two, new = seen.of("display", "display", "display")
    same([shown["data"]["text/plain"] for shown in (one, two, new)], ["'one'", "2", "'new'"])
    same([shown["transient"] for shown in (one, two, new)], [{"display_id": "me"}] * 3)
    same([shown.get("update") for shown in (one, two, new)], [None, None, True])
    same(seen.stdout, "<DisplayHandle display_id=me>\n")


@cell("handle = display(display_id=True); handle.display(1); print(display(1))")
def an_id_of_its_own(seen):
    empty, one, other = seen.of("display", "display", "display")
    same(empty["data"], {})
    assert len(empty["transient"]["display_id"]) == 32
    same(one["transient"], empty["transient"])
    same(other["transient"], {})
    same(seen.stdout, "None\n")


@cell("""
from IPython.display import clear_output, update_display, publish_display_data
clear_output(); display(1, clear=True); update_display(2, display_id="x"); publish_display_data({"text/plain": "3"})
""")
def clear(seen):
    first, second, *shown = seen.of("clear_output", "clear_output", "display", "display", "display")
    same([first, second], [{"wait": False}, {"wait": True}])
    same([one["data"]["text/plain"] for one in shown], ["1", "2", "3"])


@cell("display({'text/latex': 'x', 'image/png': b'abc'}, raw=True)")
def raw(seen):
    same(seen.data("display"), {"text/latex": "x", "image/png": "YWJj"})


@cell("display(1, update=True)")
def update_without_id(seen):
    assert "TypeError: display_id required for update_display" in seen.stderr


@cell("display('no', raw=True)")
def raw_text(seen):
    assert "TypeError: data must be a dict" in seen.stderr


group("display-ipython")

@cell("""
import IPython
display(IPython.display.HTML("first"))
import IPython.core.display
from IPython.display import *
display(HTML("<b>"), Markdown("*m*"), Latex("$l$"), Math("$m$"), JSON({"a": 1}), JSON("[2]"), Javascript("f()"),
        SVG("<?xml?><svg></svg>"), Code("a<b", language="python"), GeoJSON({"g": 1}), Pretty("p"))
print(IPython.get_ipython(), HTML("x"), HTML is IPython.core.display.HTML)
""")
def stand_in(seen):
    same(seen.stdout, "None <IPython.display.HTML object> True\n")
    found = [[value for mime, value in shown["data"].items() if mime == shown["main"]][0]
             for shown in seen.of(*["display"] * 12)]
    same(found, ["first", "<b>", "*m*", "$l$", "$\\displaystyle m$", {"a": 1}, [2], "f()", "<svg></svg>",
                 '<pre><code class="language-python">a&lt;b</code></pre>', {"g": 1}, "p"])


@cell("""
import io, pathlib, PIL.Image
file = io.BytesIO(); PIL.Image.new("RGB", (6, 4)).save(file, "PNG")
with open("/tmp/i.png", "wb") as out: out.write(file.getvalue())
display(Image(file.getvalue(), width=3), Image("/tmp/i.png"), Image(pathlib.Path("/tmp/i.png"), retina=True),
        Image(url="https://a/b.jpg", alt='"x"'), Image(filename="/tmp/i.png", embed=False))
""")
def image(seen):
    given, named, retina, url, linked = seen.of(*["display"] * 5)
    same(given["data"]["image/png"], named["data"]["image/png"])
    same([given["metadata"], named["metadata"], retina["metadata"]],
         [{"image/png": {"width": 3}}, {}, {"image/png": {"width": 3, "height": 2}}])
    same(url["data"]["text/html"], '<img src="https://a/b.jpg" alt="&quot;x&quot;"/>')
    same(linked["data"]["text/html"], '<img src="/tmp/i.png"/>')


@cell("import pickle; pickle.loads(pickle.dumps([display(1, display_id='a'), HTML('b'), display, HTML]))")
def pickled(seen):
    _, result = seen.of("display", "result")
    text = result["data"]["text/plain"]
    assert text.startswith("[<DisplayHandle display_id=a>, <IPython.display.HTML object>, <function display at"), text


@cell("Image('/tmp/missing.png')")
def no_file(seen):
    assert "FileNotFoundError" in seen.stderr and not seen.records


@cell("HTML(5)")
def no_html(seen):
    assert "TypeError: HTML expects text, not 5" in seen.stderr


@cell("""
display(Audio([0, 1, 0, -1], rate=4), Video("https://a/b.mp4"), IFrame("https://a", 3, 4, q=1), FileLink("/tmp/a b"),
        YouTubeVideo("id"))
""")
def media(seen):
    audio, video, frame, link, tube = [shown["data"]["text/html"] for shown in seen.of(*["display"] * 5)]
    wave = base64.b64decode(audio.split("base64,")[1].split('"')[0])
    assert wave.startswith(b"RIFF") and wave.endswith(b"\0\0\xff\x7f\0\0\x01\x80"), wave
    assert 'src="https://a/b.mp4"' in video and 'src="https://a?q=1"' in frame and "'/tmp/a b'" in link
    assert "youtube.com/embed/id" in tube


group("display-packages")

@cell("""
import pandas as pd
frame = pd.DataFrame({"a": [1, 2.5, None], "b": pd.to_datetime(["2024-01-02", "2024-01-03", None]), "c": list("xyz")})
frame
""")
def data_frame(seen):
    data = seen.data()
    assert data["text/plain"].startswith("     a ") and "<table" in data["text/html"]
    same(data[TABLE], {"a": [1, 2.5, None], "c": ["x", "y", "z"],
                       "b": ["2024-01-02T00:00:00.000000", "2024-01-03T00:00:00.000000", None]})
    same(seen.one("result")["main"], "text/html")


@cell("pd.concat([pd.DataFrame({('p', 1): [1], ('p', 2): [object]})] * 2), pd.DataFrame({'n': range(200_000)})[['n']];")
def silent(seen):
    seen.of()


@cell("display(pd.DataFrame({'n': range(200_000)}), pd.DataFrame([[1, 2]], columns=['d', 'd']))")
def large_frame(seen):
    large, double = seen.of("display", "display")
    same(sorted(large["data"]), ["text/html", "text/plain"])
    same(double["data"][TABLE], {"d": [2]})


@cell("ring = []; ring.append(ring); pd.DataFrame({'n': [ring]})")
def a_frame_whose_data_cannot_be_made(seen):
    same(sorted(seen.records[0][1]["data"]), ["text/html", "text/plain"])
    assert seen.stderr.startswith(f"display: {TABLE} of this DataFrame is left out: OverflowError: "), seen.stderr


@cell("import PIL.Image; PIL.Image.new('RGBA', (2, 2))")
def pil(seen):
    assert base64.b64decode(seen.data()["image/png"]).startswith(PNG)


@cell("PIL.Image.new('RGB', (2, 2)).show()")
def pil_show(seen):
    assert base64.b64decode(seen.data("display")["image/png"]).startswith(PNG)


@cell("import sympy; sympy.Symbol('x') ** 2 / 3")
def sympy(seen):
    same(seen.data(), {"text/plain": "x**2/3", "text/latex": "$\\displaystyle \\frac{x^{2}}{3}$"})
    same(seen.one("result")["main"], "text/latex")


@cell("""
class BaseFigure:
    def _ipython_display_(self): print("without nbformat this shows nothing")
    def to_json(self): return '{"data": []}'
BaseFigure.__module__ = "plotly.basedatatypes"
BaseFigure()
""")
def a_class_of_plotlys_name(seen):
    same(seen.data()["application/vnd.plotly.v1+json"], {"data": []})
    same([seen.stdout, seen.one("result")["main"]], ["", "application/vnd.plotly.v1+json"])


group("display-figures")

@cell("""
import matplotlib.pyplot as plt, numpy as np
plt.plot([1, 2, 3], [1, float("nan"), 9], label="q"); plt.plot([1, 2], [0, 1])
plt.xlabel("time (s)"); plt.title("T")
plt.show(); print("after", plt.get_fignums())
""")
def line(seen):
    chart = seen.chart()
    same(chart["type"], "line")
    same([chart[name] for name in ("title", "x_label", "y_label", "x_unit", "y_unit")],
         ["T", "time (s)", None, "s", None])
    same(chart["elements"], [{"label": "q", "points": [[1, 1], [2, None], [3, 9]]},
                             {"label": "", "points": [[1, 0], [2, 1]]}])
    same([chart["x_scale"], chart["y_scale"]], ["linear", "linear"])
    same([chart["y_ticks"], chart["y_tick_labels"]], [[0, 2, 4, 6, 8], ["0", "2", "4", "6", "8"]])
    same(seen.one("display")["main"], "image/png")
    same(seen.stdout, "after []\n")


@cell("figure, axes = plt.subplots(); axes.plot([1]); figure")
def figure_is_shown_once(seen):
    assert seen.chart("result")
    same(seen.data()["text/plain"], "<Figure size 640x480 with 1 Axes>")


@cell("figure, axes = plt.subplots(); display(figure); axes.plot([1]); print(plt.get_fignums())")
def a_figure_that_was_changed_is_shown_again(seen):
    before, after = seen.of("display", "display")
    assert CHART not in before["data"] and CHART in after["data"]
    assert before["data"]["image/png"] != after["data"]["image/png"]


@cell("plt.plot([1]); plt.savefig('/tmp/saved.png'); plt.close(); open('/tmp/saved.png', 'rb').read(8)")
def a_closed_figure_is_not_shown(seen):
    same(seen.data(), {"text/plain": repr(PNG)})


@cell("plt.figure(1); plt.plot([1]); plt.figure(2); plt.plot([2]); 1 / 0")
def figures_of_a_cell_that_raises(seen):
    same([kind for kind, _ in seen.records], ["display", "display"])
    assert "ZeroDivisionError" in seen.stderr


@cell("import matplotlib; matplotlib.use('Agg'); plt.plot([1]); plt.show(); plt.plot([1, 2]); plt.gcf().show(); 5")
def agg_by_name(seen):
    first, second, _ = seen.of("display", "display", "result")
    same([len(shown["data"][CHART]["elements"]) for shown in (first, second)], [1, 1])


@cell("plt.plot([1]); plt.title('$\\\\frac$'); print()")
def a_figure_that_cannot_be_drawn(seen):
    same([[*content["data"]] for _, content in seen.records], [["text/plain", CHART]])
    assert "ValueError:" in seen.stderr and "figures.py" not in seen.stderr, seen.stderr


@cell("import matplotlib.text; plt.plot([1]); plt.gca().get_title = None; print()")
def a_chart_that_cannot_be_made(seen):
    same([sorted(content["data"]) for _, content in seen.records], [["image/png", "text/plain"]])
    same(seen.stderr, f"display: {CHART} of this Figure is left out: TypeError: 'NoneType' object is not callable\n")


@cell("import sys; plt.plot([1]); kept = sys.modules.pop('matplotlib._pylab_helpers'); 5")
def a_matplotlib_that_is_not_whole(seen):
    same([content["data"] for _, content in seen.records], [{"text/plain": "5"}])
    assert seen.stderr.endswith("KeyError: 'matplotlib._pylab_helpers'\n"), seen.stderr


@cell("sys.modules['matplotlib._pylab_helpers'] = kept")
def and_is_again(seen):
    assert seen.chart()


group("display-charts")


@cell("import datetime, matplotlib.pyplot as plt, numpy as np, pandas as pd")
def names_for_all(seen):
    seen.of()


@cell("plt.scatter([1, 2], [3, 4], label='s'); plt.plot([1, 2], [3, 4], label='fit'); plt.ylabel('y [m/s]'); print()")
def scatter(seen):
    chart = seen.chart()
    same([chart["type"], chart["y_unit"]], ["scatter", "m/s"])
    same(chart["elements"], [{"label": "s", "points": [[1, 3], [2, 4]]}, {"label": "fit", "points": [[1, 3], [2, 4]]}])


@cell("plt.plot([1, 2], [3, 4], 'o'); plt.axhline(3); print()")
def markers_alone(seen):
    chart = seen.chart()
    same([chart["type"], len(chart["elements"])], ["scatter", 1])


@cell("""
plt.bar(["Ann", "Bob"], [100, 200], label="sold")
plt.bar(["Ann", "Bob"], [3, 4], bottom=[100, 200]); plt.ylabel("number")
print()
""")
def bar(seen):
    chart = seen.chart()
    same([chart["type"], chart["x_label"], chart["y_label"]], ["bar", None, "number"])
    same(chart["elements"], [{"label": label, "group": group, "value": value} for label, group, value in (
        ("Ann", "sold", 100), ("Bob", "sold", 200), ("Ann", "Group 1", 3), ("Bob", "Group 1", 4))])


@cell("""
at = np.arange(2)
plt.barh(at - .2, [1, 2], .4, label="g"); plt.barh(at + .2, [3, 4], .4, label="h"); plt.yticks(at, ["x", "y"])
plt.xlabel("value"); plt.ylabel("kind")
print()
""")
def barh(seen):
    chart = seen.chart()
    same([chart["type"], chart["x_label"], chart["y_label"]], ["bar", "kind", "value"])
    same([[*one.values()] for one in chart["elements"]], [["x", "g", 1], ["y", "g", 2], ["x", "h", 3], ["y", "h", 4]])


@cell("plt.pie([90, 10], labels=['No', 'Yes'], autopct='%d', startangle=90); plt.title('pie'); print()")
def pie(seen):
    same(seen.chart(), {"type": "pie", "title": "pie", "elements": [
        {"label": "No", "angle": 324, "radius": 1}, {"label": "Yes", "angle": 36, "radius": 1}]})


SCORES = "[[85, 90, 78, 92, 88], [95, 89, 76, 91, 84, 87], [75, 82, 88, 79, 86]]"
BOXES = [["A", 78, 85, 88, 90, 92, []], ["B", 84, 84.75, 88, 90.5, 95, [76]], ["C", 75, 79, 82, 86, 88, []]]


@cell(f"""
plt.boxplot({SCORES}, tick_labels=list('ABC'), patch_artist=True, showmeans=True); plt.xlabel('class')
print()
""")
def box(seen):
    chart = seen.chart()
    same([chart["type"], chart["x_label"]], ["box_and_whisker", "class"])
    same([*chart["elements"][0]], ["label", "min", "first_quartile", "median", "third_quartile", "max", "outliers"])
    same([[*one.values()] for one in chart["elements"]], BOXES)


@cell(f"plt.boxplot({SCORES}, tick_labels=list('ABC'), vert=False, notch=True); plt.ylabel('class'); print()")
def box_that_lies(seen):
    chart = seen.chart()
    same(chart["x_label"], "class")
    same([[*one.values()] for one in chart["elements"]], BOXES)


@cell("""
plt.plot(np.linspace(0, 9, 5), np.exp(np.linspace(0, 9, 5))); plt.yscale('log'); plt.ylabel('y (log scale)')
print()
""")
def log(seen):
    chart = seen.chart()
    same([chart["y_scale"], chart["y_unit"], chart["x_scale"]], ["log", "log scale", "linear"])
    same(chart["y_ticks"], [1, 10, 100, 1000, 10_000])
    assert all(isinstance(label, str) for label in chart["y_tick_labels"])


@cell("""
import datetime
plt.plot([datetime.datetime(2023, 9, 1, 12) + datetime.timedelta(days=i) for i in range(3)], [1, 2, 3]); print()
""")
def dates(seen):
    chart = seen.chart()
    same([chart["x_scale"], chart["y_scale"]], ["datetime", "linear"])
    same(chart["elements"][0]["points"][1], ["2023-09-02T12:00:00", 2])
    assert all(datetime.datetime.fromisoformat(tick) for tick in chart["x_ticks"])


@cell("""
import zoneinfo
noon = datetime.datetime(2023, 9, 1, 12, 0, 0, 250_000, zoneinfo.ZoneInfo("America/New_York"))
plt.plot(np.array(["2023-09-01T00:00:01", "NaT", "1655-01-01"], "M8[us]"), [1, 2, 3]); plt.plot([noon], [1])
print()
""")
def dates_of_other_types(seen):
    times, zoned = [element["points"] for element in seen.chart()["elements"]]
    same(times, [["2023-09-01T00:00:01", 1], [None, 2], ["1655-01-01T00:00:00", 3]])
    same(zoned, [["2023-09-01T16:00:00.250000", 1]])


@cell("plt.plot([1, 2], ['low', 'high']); print()")
def categories(seen):
    chart = seen.chart()
    same([chart["x_scale"], chart["y_scale"]], ["linear", "categorical"])
    same(chart["elements"][0]["points"], [[1, "low"], [2, "high"]])
    same(chart["y_ticks"], ["low", "high"])


@cell("""
figure, (left, right) = plt.subplots(1, 2); figure.suptitle("both")
left.plot([1, 2]); left.set_title("sine"); right.scatter([1], [2]); right.set_xlabel("X")
print()
""")
def subplots(seen):
    chart = seen.chart()
    same([chart["type"], chart["title"]], ["superchart", "both"])
    same([[part["type"], part["title"], part["x_label"]] for part in chart["elements"]],
         [["line", "sine", None], ["scatter", None, "X"]])


@cell("plt.imshow([[1, 2], [3, 4]]); plt.colorbar(); plt.title('image'); print()")
def unknown(seen):
    same(seen.chart(), {"type": "unknown", "title": "image", "elements": []})


@cell("plt.plot(range(60_000)); print()")
def too_many_points(seen):
    same(sorted(seen.data("display")), ["image/png", "text/plain"])


@cell("plt.errorbar([1, 2], [3, 4], yerr=[.1, .2], capsize=3, label='e'); print()")
def errorbar(seen):
    same(seen.chart()["elements"], [{"label": "e", "points": [[1, 3], [2, 4]]}])


@cell("pd.DataFrame({'a': [1, 2], 'b': [3, 4]}, pd.date_range('2024-01-01', periods=2)).plot(); print()")
def pandas_line(seen):
    chart = seen.chart()
    same([chart["type"], chart["x_scale"]], ["line", "datetime"])
    same(chart["elements"][0], {"label": "a", "points": [["2024-01-01T00:00:00", 1], ["2024-01-02T00:00:00", 2]]})


@cell("pd.DataFrame({'a': [1, 2], 'b': [3, 4]}, ['u', 'v']).plot.bar(); print()")
def pandas_bar(seen):
    same([[*one.values()] for one in seen.chart()["elements"]],
         [["u", "a", 1], ["v", "a", 2], ["u", "b", 3], ["v", "b", 4]])


@cell("pd.DataFrame({'v': [1, 2, 3, 4], 'w': 1, 'g': list('xyxy')}).boxplot(by='g'); print()")
def boxes_of_axes_that_share_ticks(seen):
    parts = seen.chart()["elements"]
    same([[(one["label"], one["median"]) for one in part["elements"]] for part in parts],
         [[("x", 2), ("y", 3)], [("x", 1), ("y", 1)]])


@cell("plt.boxplot([[1, 2, 3], [4, 5, 6]]); print()")
def boxes_without_names(seen):
    same([one["label"] for one in seen.chart()["elements"]], ["1", "2"])


@cell("""
import seaborn as sns
table = pd.DataFrame({"g": list("aabb"), "v": [1., 2, 3, 4], "h": list("xyxy")})
sns.barplot(table, x="g", y="v", hue="h"); print()
""")
def seaborn_bar(seen):
    same([[one["label"], one["value"]] for one in seen.chart()["elements"]], [["a", 1], ["b", 3], ["a", 2], ["b", 4]])


@cell("sns.boxplot(table, x='g', y='v'); print()")
def seaborn_box(seen):
    chart = seen.chart()
    same([chart["type"], chart["x_label"], chart["y_label"]], ["box_and_whisker", "g", "v"])
    same([[one["label"], one["median"]] for one in chart["elements"]], [["a", 1.5], ["b", 3.5]])


@check.case
def display_without_records(session):
    with machine.Machine(session.home, records=False) as silent:
        turn = silent.cell(ALL + "display(All()); print('and'); All()")
        check.ends(turn, 0, "plain\nand\nplain\n")
        check.ends(silent.cell("import matplotlib.pyplot as plt; plt.plot([1]);"), 0,
                   "<Figure size 640x480 with 1 Axes>\n")


@check.case
def display_costs_a_cell_nothing(session):
    """After cells that have shown something, too, a cell that shows nothing makes no call of the host but its end."""
    before = session.cell("x = 1")
    session.cell("import matplotlib.pyplot as plt; plt.plot([1]); 5")
    after = session.cell("x = 1")
    same([(turn.calls, turn.order) for turn in (before, after)], [(1, [])] * 2)


@check.case
def display_is_a_sessions_alone(session):
    turn = session.run(machine.SCRIPT, """
import builtins, matplotlib.pyplot as plt
print(hasattr(builtins, "display"), plt.get_backend(), plt.plot([1]) and plt.show())
import IPython
""")
    same((turn.kind, turn.status, turn.out), ("exited", 1, "False Agg None\n"))
    assert turn.err.endswith("ModuleNotFoundError: No module named 'IPython'\n"), turn.err


@check.case
def display_backend_of_the_environment(session):
    cell = "import matplotlib.pyplot as plt; plt.plot([1]); plt.show(); print(plt.get_backend())"
    for name, backend, words in (("svg", "svg", ""), ("nonsense", "Agg", "MPLBACKEND=nonsense: ")):
        turn = session.cell(cell, env=[*machine.ENV, f"MPLBACKEND={name}"])
        same((turn.kind, turn.out, [*turn.records("display")[0]["data"]][:2]),
             ("ready", backend + "\n", ["text/plain", "image/png"]))
        assert turn.err.startswith(words) and bool(turn.err) == bool(words), turn.err
        session.rewind()
