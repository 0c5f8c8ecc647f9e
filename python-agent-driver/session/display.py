# SPDX-License-Identifier: Apache-2.0
"""What a session shows: values as bundles, display(), and records of both.

A bundle is a dictionary MIME type -> data, made by Jupyter's protocol, with binary data as base64. What a value's
methods raise is printed, and the rest of the bundle still comes. Nothing here imports a package: a class is known by
its module's name.
"""
import base64
import builtins
import itertools
import json
import os
import sys
import traceback

import figures
import ipython
import records

# As a front end prefers them, the best first. A type that is not here, of the value's own, is better than all.
PREFERRED = ("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png", "image/jpeg", "application/pdf",
             "application/javascript", "application/json", "text/plain")
TABLE = "application/vnd.pyhl.table+json"  # a DataFrame's columns
PLOTLY = "application/vnd.plotly.v1+json"
EXTRAS = (TABLE, figures.CHART)  # beside a better form of the same thing

METHODS = (
    ("text/html", "_repr_html_", (str,)),
    ("text/markdown", "_repr_markdown_", (str,)),
    ("image/svg+xml", "_repr_svg_", (str,)),
    ("image/png", "_repr_png_", (bytes, str)),
    ("application/pdf", "_repr_pdf_", (bytes, str)),
    ("image/jpeg", "_repr_jpeg_", (bytes, str)),
    ("text/latex", "_repr_latex_", (str,)),
    ("application/json", "_repr_json_", (dict, list, str, int, float, bool)),
    ("application/javascript", "_repr_javascript_", (str,)),
)

# Values that have none of these methods.
PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset))

SCALARS = frozenset((bool, int, float))
LARGE = 1 << 1000  # the repr of an integer that has too many digits raises

MOST_ITEMS = 1000  # of a container that has more than MANY_ITEMS
MANY_ITEMS = 100_000
MOST_TEXT = 1 << 20  # characters of text/plain
MOST_DATA = 16 << 20  # characters of a bundle
MOST_CELLS = 100_000  # of a table

FOLDER = os.path.dirname(__file__)


def start():
    """A session begins."""
    builtins.display = display
    sys.meta_path.append(_finder)
    figures.start(show_figure)


def begin_cell(context=None):
    """Nothing is to be done, and so nothing is paid for."""


def end_cell(context=None):
    """Figures that are still open are shown, and closed."""
    if "matplotlib.pyplot" in sys.modules:
        try:
            figures.flush()
        except Exception as error:  # what the program has made of matplotlib
            _complain(error)


def send(kind, record):
    """Gives a record to the host. Returns False when nobody takes records."""
    try:
        return records.send(kind, record)
    except OSError as error:
        _say(f"the host does not take a record '{kind}': {error.strerror}")
        return True


def main(data):
    """The type of a bundle that a front end shows."""
    own = [mime for mime in data if mime not in PREFERRED and mime not in EXTRAS]
    return next(itertools.chain(own, (mime for mime in PREFERRED if mime in data)), None)


def result(value, count):
    """Sends the value of a cell's last expression."""
    if type(value) in SCALARS and abs(value) < LARGE:  # as below, in a tenth of the time
        text = repr(value)
        record = f'{{"data": {{"text/plain": "{text}"}}, "metadata": {{}}, "main": "text/plain", "execution_count": {count}}}'
        if not send("result", record.encode()):
            print(text)
        return
    if _displays_itself(value):
        return
    data, metadata = bundle(value)
    record = {"data": data, "metadata": metadata, "main": main(data), "execution_count": count}
    if data and not send("result", record):
        print(data.get("text/plain", value))


def publish_display_data(data, metadata=None, *, transient=None, update=False, **kwargs):
    """Sends a bundle that is complete. (Jupyter's name; more arguments are those of other versions.)"""
    if not isinstance(data, dict):
        raise TypeError(f"data must be a dict, got: {data!r}")
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got: {metadata!r}")
    data, metadata = _checked(data), _checked(metadata or {}, "metadata of ")
    record = {"data": data, "metadata": metadata, "main": main(data), "transient": transient or {}}
    if update:
        record["update"] = True
    if not send("display", record) and "text/plain" in data:
        print(data["text/plain"])


def display(*objs, include=None, exclude=None, metadata=None, transient=None, display_id=None, raw=False, clear=False,
            **kwargs):
    """Shows each object, in all the forms that it has.

    display_id: a name for what is shown, or True for a new one; update_display and the handle that is returned show
    something else in its place. raw: the objects are bundles (MIME type -> data). metadata goes with each bundle.
    include and exclude are MIME types. clear: what the cell has shown before goes.
    """
    transient = dict(transient or {})
    if display_id:
        transient["display_id"] = display_id = os.urandom(16).hex() if display_id is True else display_id
    if kwargs.get("update") and "display_id" not in transient:
        raise TypeError("display_id required for update_display")
    if not objs and display_id:
        objs, raw = ({},), True  # something empty, to be filled later
    if clear:
        clear_output(wait=True)
    for obj in objs:
        if raw:
            publish_display_data(obj, metadata, transient=transient, **kwargs)
        elif not _displays_itself(obj):
            data, about = bundle(obj, include, exclude)
            for mime, more in (metadata or {}).items():
                both = isinstance(more, dict) and isinstance(about.get(mime), dict)
                about[mime] = {**about[mime], **more} if both else more
            if data:
                publish_display_data(data, about, transient=transient, **kwargs)
    return DisplayHandle(display_id) if display_id else None


def update_display(obj, *, display_id, **kwargs):
    """Shows an object in place of what was shown under this display_id."""
    display(obj, display_id=display_id, update=True, **kwargs)


class DisplayHandle:
    """Something shown, which can be replaced."""

    def __init__(self, display_id=None):
        self.display_id = os.urandom(16).hex() if display_id is None else display_id

    def __repr__(self):
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, obj, **kwargs):
        display(obj, display_id=self.display_id, **kwargs)

    def update(self, obj, **kwargs):
        update_display(obj, display_id=self.display_id, **kwargs)


def clear_output(wait=False):
    """What the cell has shown goes: at once, or when something new comes."""
    send("clear_output", {"wait": bool(wait)})


def show_figure(figure):
    """How a figure is shown that pyplot has."""
    display(figure)


def bundle(obj, include=None, exclude=None):
    """Returns (data, metadata) of a value."""
    data, metadata = {}, {}
    if not _is_plain(obj):
        made = _call(obj, "_repr_mimebundle_", "a mimebundle", (dict,), {"include": include, "exclude": exclude})
        if made is not None:
            data.update((mime, value) for mime, value in made[0].items() if value is not None)
            metadata.update(made[1])
    if "text/plain" not in data and _is_wanted("text/plain", include, exclude):
        _put(data, metadata, "text/plain", _text(obj))
    if not _is_plain(obj):
        for mime, method, types in METHODS:
            if mime not in data and _is_wanted(mime, include, exclude):
                _put(data, metadata, mime, _call(obj, method, mime, types))
        for mime, make in MAKERS.get(_class(obj), ()):
            if mime not in data and _is_wanted(mime, include, exclude):
                _put(data, metadata, mime, _made(make, obj, mime))
    data = _checked({mime: value for mime, value in data.items() if _is_wanted(mime, include, exclude)})
    return data, _checked({key: value for key, value in metadata.items() if key in data or "/" not in str(key)},
                          "metadata of ")


PUBLIC = (display, update_display, clear_output, publish_display_data, DisplayHandle)
for _public in PUBLIC:
    _public.__module__ = "IPython.display"  # where the program finds them, and pickle, too
_finder = ipython.Finder({public.__name__: public for public in PUBLIC})


def _is_wanted(mime, include, exclude):
    return (not include or mime in include) and not (exclude and mime in exclude)


def _is_plain(obj):
    """A class has its instances' methods, and they are not about the class. An object with a method that no class has
    answers to each name."""
    if type(obj) in PLAIN or isinstance(obj, type):
        return True
    return _method(obj, "_ipython_canary_method_should_not_exist_") is not None


def _method(obj, name):
    try:
        found = getattr(obj, name, None)
    except Exception:  # it has not got it, then
        return None
    return found if callable(found) else None


def _displays_itself(obj):
    method = None if _is_plain(obj) else _method(obj, "_ipython_display_")
    if method is None or _class(obj) == "plotly":  # whose own way needs IPython and nbformat
        return False
    try:
        method()
    except NotImplementedError:
        return False
    except Exception as error:
        _complain(error)
    return True


def _complain(error):
    """Prints an exception of the value's own code, without the frames of ours."""
    inner = error.__traceback__
    while inner is not None and os.path.dirname(inner.tb_frame.f_code.co_filename) == FOLDER:
        inner = inner.tb_next
    traceback.print_exception(type(error), error, inner)


def _say(text):
    print(f"display: {text}", file=sys.stderr)


def _call(obj, name, what, types, kwargs={}):
    """What a method returns, as (data, metadata), or None."""
    method = _method(obj, name)
    if method is None:
        return None
    try:
        value = method(**kwargs)
    except NotImplementedError:
        return None
    except Exception as error:
        _complain(error)
        return None
    data, metadata = value if isinstance(value, tuple) and len(value) == 2 else (value, {})
    if data is None:
        return None
    if not isinstance(data, types):
        expected = " or ".join(kind.__name__ for kind in types)
        _say(f"{type(obj).__qualname__}.{name}() returned {type(data).__qualname__}, and {what} is {expected}")
        return None
    return data, metadata if isinstance(metadata, dict) else {}


def _made(make, obj, mime):
    try:
        value = make(obj)
    except Exception as error:
        if mime not in EXTRAS:
            _complain(error)
        else:  # which is no fault of the value's
            _say(f"{mime} of this {type(obj).__qualname__} is left out: {type(error).__qualname__}: {error}")
        return None
    return None if value is None else (value, {})


def _put(data, metadata, mime, made):
    if made is not None:
        data[mime] = made[0]
        if made[1]:
            metadata[mime] = made[1]


def _text(obj):
    try:
        text = _repr(obj)
    except Exception as error:
        _complain(error)
        return None
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]}... ({len(text) - MOST_TEXT} more characters)"
    return text, {}


def _repr(obj):
    """repr(), but that a huge container, whose repr nobody can read, is not turned into text as a whole."""
    kind = type(obj)
    if kind not in (list, tuple, set, frozenset, dict, str, bytes, bytearray) or len(obj) <= MANY_ITEMS:
        return repr(obj)
    if kind in (str, bytes, bytearray):
        return repr(obj) if len(obj) <= MOST_TEXT else f"{obj[:MOST_TEXT]!r}... ({len(obj) - MOST_TEXT} more)"
    some = itertools.islice(obj.items() if kind is dict else obj, MOST_ITEMS)
    text = repr(kind(some))
    end = len(text.rstrip(")}]"))
    return f"{text[:end]}, ... ({len(obj) - MOST_ITEMS} more){text[end:]}"


CLASSES = {("pandas.core.frame", "DataFrame"): "table", ("matplotlib.figure", "Figure"): "figure",
           ("plotly.basedatatypes", "BaseFigure"): "plotly"}


def _class(obj):
    """Which of the classes of others it is that have a form of ours, or None."""
    names = ((base.__module__, base.__qualname__) for base in type(obj).__mro__)
    return next((CLASSES[name] for name in names if name in CLASSES), None)


def _plotly(figure):
    return json.loads(figure.to_json())


def _table(frame):
    """The columns of a DataFrame: name -> values, or None when it is too large."""
    if frame.size > MOST_CELLS:
        return None
    rows = json.loads(frame.to_json(orient="split", date_format="iso", date_unit="us", default_handler=str))["data"]
    names = [str(name) for name in frame.columns]
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


MAKERS = {"table": ((TABLE, _table),), "plotly": ((PLOTLY, _plotly),),
          "figure": (("image/png", figures.png), (figures.CHART, figures.chart))}


def _checked(data, what=""):
    """A bundle, or its metadata, that can be sent: bytes as base64, all of it JSON, and not too large."""
    kept, size = {}, 0
    for mime, value in data.items():
        mime = str(mime)
        if isinstance(value, (bytes, bytearray, memoryview)):
            value = base64.b64encode(value).decode()
        try:
            length = len(value if isinstance(value, str) else json.dumps(value, default=repr))
        except (TypeError, ValueError, RecursionError) as error:
            _say(f"{what}{mime} is left out: it is not JSON: {error}")
            continue
        if size + length > MOST_DATA:
            _say(f"{what}{mime} is left out: it has {length} characters, and all of one value has at most {MOST_DATA}")
            continue
        kept[mime] = value
        size += length
    return kept
