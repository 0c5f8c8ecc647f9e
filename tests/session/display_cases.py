# SPDX-License-Identifier: Apache-2.0
"""What cells show: values, display() and its like, packages."""
import base64

import check
import machine
from check import same
from show import PNG, TABLE, cell, group

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
