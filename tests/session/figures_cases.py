# SPDX-License-Identifier: Apache-2.0
"""What cells show: figures, and the data of charts."""
import datetime

from check import same
from show import CHART, PNG, cell, group


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
