# SPDX-License-Identifier: Apache-2.0
"""The data of a figure's axes as JSON values, in the shape of E2B's charts.

One pair of axes is a line, scatter, bar, pie or box_and_whisker chart, or unknown. Several are a superchart. Dates are
ISO text, categories their names, and what is not finite is null. Bars and boxes that lie are given as if they stood.
"""
import datetime
import math
import re
import sys

MOST_POINTS = 50_000  # of a figure; beyond that a chart would be larger than anybody reads


def extract(figure):
    """The chart of a figure, or None when nothing is drawn in it, or too much."""
    parts = [part for part in (_Axes(axes).chart() for axes in figure.axes if not _is_colorbar(axes)) if part]
    if sum(len(element.get("points", "1")) for part in parts for element in part["elements"]) > MOST_POINTS:
        return None
    title = figure._suptitle.get_text() if figure._suptitle is not None else ""
    if len(parts) <= 1:
        return {**parts[0], "title": parts[0]["title"] or title or None} if parts else None
    return {"type": "superchart", "title": title or None, "elements": parts}


def _is_colorbar(axes):
    return axes.get_label() == "<colorbar>"


def _number(value):
    """A float, or None for what is masked or not finite."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _label(artist):
    """matplotlib gives names with an underscore to what has none."""
    text = str(artist.get_label())
    return "" if text.startswith("_") else text


def _unit(label):
    """What stands in brackets at the end of an axis's label."""
    found = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", label)
    return found.group(1).strip() if found else None


class _Axis:
    """One axis: what its numbers stand for."""

    def __init__(self, axis):
        self.axis = axis
        self.label = axis.get_label_text()
        self.unit = _unit(self.label)
        self.names = self._names()
        self.period = getattr(axis, "freq", None) if type(axis.get_converter()).__name__ == "PeriodConverter" else None
        self.is_date = self.names is None and (self.period is not None or self._is_date())
        if self.is_date:
            self.epoch = datetime.datetime.fromisoformat(sys.modules["matplotlib.dates"].get_epoch())

    def _names(self):
        """position -> category, or None."""
        mapping = getattr(self.axis.get_units(), "_mapping", None)
        return {number: str(name) for name, number in mapping.items()} if mapping is not None else None

    def _is_date(self):
        kinds = {base.__name__ for base in type(self.axis.get_converter()).__mro__}
        return bool(kinds & {"DateConverter", "_SwitchableDateConverter", "DatetimeConverter"})

    @property
    def scale(self):
        if self.names is not None:
            return "categorical"
        return "datetime" if self.is_date else self.axis.get_scale()

    def value(self, number):
        number = _number(number)
        if number is None:
            return None
        if self.names is not None:
            return self.names.get(number, number)
        return self._date(number) if self.is_date else number

    def _date(self, number):
        try:
            if self.period is not None:
                return sys.modules["pandas"].Period(ordinal=int(number), freq=self.period).to_timestamp().isoformat()
            # num2date() takes 25 us for one number.
            return (self.epoch + datetime.timedelta(microseconds=round(number * 86400e6))).isoformat()
        except (ValueError, OverflowError):  # years before 1 or after 9999
            return None

    def ticks(self):
        """Pairs of place and text, of what is in view."""
        low, high = sorted(self.axis.get_view_interval())
        places = [float(place) for place in self.axis.get_majorticklocs()]
        texts = map(str, self.axis.get_major_formatter().format_ticks(places))  # a label of a box is a number
        slack = (high - low) * 1e-9
        return [(place, text) for place, text in zip(places, texts) if low - slack <= place <= high + slack]

    def name_at(self, number):
        """What stands at a place: a category, a date, or the nearest tick's text, when the ticks are texts."""
        known = self.value(round(number) if self.names is not None else number)
        if isinstance(known, str):
            return known
        is_text = type(self.axis.get_major_formatter()).__name__ in ("FixedFormatter", "FuncFormatter")
        ticks = [tick for tick in self.ticks() if tick[1]] if is_text else []
        if ticks:
            places = sorted({place for place, _ in ticks})  # shared axes have a tick for each of theirs
            place, text = min(ticks, key=lambda tick: abs(tick[0] - number))
            if abs(place - number) <= min((b - a for a, b in zip(places, places[1:])), default=1) / 2:
                return text
        return f"{number:g}"


class _Axes:
    def __init__(self, axes):
        self.axes = axes

    def chart(self):
        axes = self.axes
        if not axes.has_data() and not (axes.artists or axes.patches or axes.texts or axes.get_title()):
            return None
        title = next((text for text in map(axes.get_title, ("center", "left", "right")) if text), None)
        found = {"type": "unknown", "title": title, "elements": []}
        if axes.name == "rectilinear":
            self.x, self.y = _Axis(axes.xaxis), _Axis(axes.yaxis)
            for make in (self._pie, self._boxes, self._bars, self._points):
                made = make()
                if made:
                    found.update(made)
                    break
        return found

    def _plane(self, kind, elements, lies=False):
        x, y = (self.y, self.x) if lies else (self.x, self.y)
        return {"type": kind, "elements": elements, "x_label": x.label or None, "y_label": y.label or None,
                "x_unit": x.unit, "y_unit": y.unit}

    def _pie(self):
        wedges = [patch for patch in self.axes.patches if type(patch).__name__ == "Wedge"]
        elements = [{"label": _label(wedge), "angle": round(abs(float(wedge.theta2) - float(wedge.theta1)), 4),
                     "radius": _number(wedge.r)} for wedge in wedges]
        return {"type": "pie", "elements": elements} if elements else None

    def _bars(self):
        groups = [group for group in self.axes.containers if type(group).__name__ == "BarContainer" and len(group)]
        if not groups:
            return None
        lies = all(group.orientation == "horizontal" for group in groups)
        axis = self.y if lies else self.x
        elements = []
        for i, group in enumerate(groups):
            name = _label(group) or f"Group {i}"
            for bar in group.patches:
                at = bar.get_y() + bar.get_height() / 2 if lies else bar.get_x() + bar.get_width() / 2
                value = bar.get_width() if lies else bar.get_height()
                elements.append({"label": axis.name_at(at), "group": name, "value": _number(value)})
        return self._plane("bar", elements, lies)

    def _boxes(self):
        for lies in (False, True):
            boxes = _Boxes(self.axes, lies).found()
            if boxes:
                axis = self.y if lies else self.x
                elements = [{"label": axis.name_at(box.pop("at")), **box} for box in boxes]
                return self._plane("box_and_whisker", elements, lies)
        return None

    def _points(self):
        bars = [group for group in self.axes.containers if type(group).__name__ == "ErrorbarContainer"]
        names = {id(group.lines[0]): _label(group) for group in bars if group.lines[0] is not None}
        caps = {id(cap) for group in bars for cap in group.lines[1]}
        lines = [line for line in self.axes.lines
                 if line.get_transform() == self.axes.transData and id(line) not in caps and len(line.get_xdata())]
        clouds = [cloud for cloud in self.axes.collections
                  if type(cloud).__name__ == "PathCollection" and len(cloud.get_offsets())]
        elements = [self._element(_label(cloud), *zip(*cloud.get_offsets().tolist())) for cloud in clouds]
        elements += [self._element(_label(line) or names.get(id(line), ""), line.get_xdata(orig=False),
                                   line.get_ydata(orig=False)) for line in lines]
        if not elements:
            return None
        is_scatter = clouds or all(line.get_linestyle() == "None" for line in lines)
        found = self._plane("scatter" if is_scatter else "line", elements)
        for name, axis in (("x", self.x), ("y", self.y)):
            ticks = axis.ticks()
            found.update({f"{name}_ticks": [axis.value(place) for place, _ in ticks],
                          f"{name}_tick_labels": [text for _, text in ticks], f"{name}_scale": axis.scale})
        return found

    def _element(self, label, xs, ys):
        if len(xs) > MOST_POINTS:  # extract() leaves such a chart out
            return {"label": label, "points": range(len(xs))}
        return {"label": label, "points": [[self.x.value(x), self.y.value(y)] for x, y in zip(xs, ys)]}


class _Boxes:
    """Finds boxes and whiskers by their shape, because matplotlib keeps no more of them than lines and patches.

    A box is a closed line, or a patch of one, which begins at the first quartile. A whisker is a line of two points
    that begins in the middle of an end of the box. `across` is the axis of the places, and `along` that of the values.
    A notch may be longer than the box.
    """

    def __init__(self, axes, lies):
        self.lies = lies
        self.lines = [self._turned(line.get_xydata().tolist()) for line in axes.lines]
        self.fliers = [points for line, points in zip(axes.lines, self.lines) if line.get_linestyle() == "None"]
        shapes = [points for points in self.lines if len(points) >= 5 and points[0] == points[-1]]
        for patch in axes.patches:
            if type(patch).__name__ == "PathPatch":
                shapes.append(self._turned(patch.get_path().vertices.tolist()))
        self.shapes = shapes

    def _turned(self, points):
        return [(y, x) for x, y in points] if self.lies else [tuple(point) for point in points]

    def found(self):
        return [box for box in map(self._box, self.shapes) if box]

    def _box(self, shape):
        across, along = zip(*shape)
        left, right, low = min(across), max(across), along[0]
        middle, near = (left + right) / 2, (right - left) * 1e-6
        inside = [points for points in self.lines if len(points) == 2 and left - near <= points[0][0] <= right + near]
        whiskers = [(start, end) for (at, start), (to, end) in inside
                    if abs(at - middle) <= near and abs(to - middle) <= near]
        high = max((start for start, _ in whiskers if start in along), default=low)
        least = next((end for start, end in whiskers if start == low and end <= low), None)
        most = next((end for start, end in reversed(whiskers) if start == high and end >= high), None)
        medians = [points[0][1] for points in inside
                   if points[0][1] == points[1][1] and points[0][0] < points[1][0] and low <= points[0][1] <= high]
        if least is None or most is None or not medians:
            return None
        # The caps are such lines, too, and lie between the quartiles when a whisker has no length.
        median = next((value for value in medians if value not in (least, most)), medians[0])
        outliers = [value for points in self.fliers for at, value in points
                    if abs(at - middle) <= near and not least <= value <= most]
        return {"at": middle, "min": _number(least), "first_quartile": _number(low), "median": _number(median),
                "third_quartile": _number(high), "max": _number(most),
                "outliers": [value for value in map(_number, outliers) if value is not None]}
