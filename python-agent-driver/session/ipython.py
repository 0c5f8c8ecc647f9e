# SPDX-License-Identifier: Apache-2.0
"""The stand-in for IPython and IPython.display in a session, for code that was written for a notebook.

It has the classes that say of data what it is (HTML, Image, ...), with IPython's arguments. There is no IPython below
it: get_ipython() returns None, as outside of IPython.

A package whose code uses its submodules by their full names is imported where it is used: at the snapshot packages lose
these names, and an import gives them back.
"""
import base64
import html
import io
import json
import os
import pathlib
import struct
import types
import wave
from importlib import import_module, machinery
from urllib import parse


class DisplayObject:
    """Data that knows how it is shown: given as it is, or as the name of a file, or a URL that is read."""

    _is_binary = False
    metadata = None

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        if isinstance(data, pathlib.PurePath):
            data = str(data)
        if isinstance(data, str) and url is None and filename is None:
            if data.startswith(("http://", "https://")):
                data, url = None, data
            elif _is_file(data):
                data, filename = None, data
        self.data, self.url = data, url
        self.filename = None if filename is None else os.fspath(filename)
        if metadata is not None:
            self.metadata = metadata
        elif self.metadata is None:
            self.metadata = {}
        self.reload()
        self._check_data()

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__qualname__} object>"

    def reload(self):
        """Reads the file or the URL again."""
        if self.filename is not None:
            path = pathlib.Path(self.filename)
            self.data = path.read_bytes() if self._is_binary else path.read_text("utf-8")
        elif self.url is not None:
            import urllib.request
            with urllib.request.urlopen(self.url) as answer:
                data = answer.read()
                self.data = data if self._is_binary else data.decode(answer.headers.get_content_charset() or "utf-8")

    def _check_data(self):
        pass

    def _with_metadata(self):
        return (self.data, dict(self.metadata)) if self.metadata else self.data


def _is_file(text):
    try:
        return len(text) < 4096 and os.path.isfile(text)
    except ValueError:  # a NUL in it
        return False


class TextDisplayObject(DisplayObject):
    def _check_data(self):
        if self.data is not None and not isinstance(self.data, str):
            raise TypeError(f"{type(self).__name__} expects text, not {self.data!r}")


class Pretty(TextDisplayObject):
    def __repr__(self):
        return self.data


class HTML(TextDisplayObject):
    def _repr_html_(self):
        return self._with_metadata()

    def __html__(self):
        return self.data


class Markdown(TextDisplayObject):
    def _repr_markdown_(self):
        return self._with_metadata()


class Latex(TextDisplayObject):
    def _repr_latex_(self):
        return self._with_metadata()


class Math(TextDisplayObject):
    def _repr_latex_(self):
        text = "$\\displaystyle %s$" % self.data.strip("$")
        return (text, dict(self.metadata)) if self.metadata else text


class SVG(DisplayObject):
    _is_binary = True

    def _check_data(self):
        if isinstance(self.data, bytes):
            self.data = self.data.decode()
        if self.data is not None:
            start, end = self.data.find("<svg"), self.data.rfind("</svg>")
            if start >= 0 and end >= 0:  # without what stands before the element
                self.data = self.data[start:end + len("</svg>")]

    def _repr_svg_(self):
        return self._with_metadata()


class JSON(DisplayObject):
    def __init__(self, data=None, url=None, filename=None, expanded=False, metadata=None, root="root", **kwargs):
        super().__init__(data, url, filename, {"expanded": expanded, "root": root, **(metadata or {}), **kwargs})

    def _check_data(self):
        if isinstance(self.data, str):
            self.data = json.loads(self.data)
        if self.data is not None and not isinstance(self.data, (dict, list)):
            raise TypeError(f"{type(self).__name__} expects JSONable dict or list, not {self.data!r}")

    def _repr_json_(self):
        return self._with_metadata()


class GeoJSON(JSON):
    def _repr_mimebundle_(self, include=None, exclude=None):
        mime = "application/geo+json"
        return {mime: self.data, "text/plain": repr(self)}, {mime: dict(self.metadata)}


class Javascript(TextDisplayObject):
    def __init__(self, data=None, url=None, filename=None, lib=None, css=None):
        self.lib = [lib] if isinstance(lib, str) else list(lib or ())
        self.css = [css] if isinstance(css, str) else list(css or ())
        super().__init__(data, url, filename)

    def _repr_javascript_(self):
        sheets = "".join("document.head.appendChild(Object.assign(document.createElement('link'), "
                         f"{{rel: 'stylesheet', href: {json.dumps(name)}}}));\n" for name in self.css)
        text = self.data
        for name in reversed(self.lib):
            text = ("document.head.appendChild(Object.assign(document.createElement('script'), "
                    f"{{src: {json.dumps(name)}, onload: () => {{\n{text}\n}}}}));\n")
        return sheets + text


class Code(TextDisplayObject):
    def __init__(self, data=None, url=None, filename=None, language=None):
        self.language = language
        super().__init__(data, url, filename)

    def __repr__(self):
        return self.data

    def _repr_html_(self):
        kind = f' class="language-{html.escape(self.language)}"' if self.language else ""
        return f"<pre><code{kind}>{html.escape(self.data)}</code></pre>"


class _Media(DisplayObject):
    """Data in a page: in it as base64, or by its address."""

    _is_binary = True

    def _address(self, mimetype):
        if not self.embed:
            return self.url if self.url is not None else self.filename
        data = self.data if isinstance(self.data, str) else base64.b64encode(self.data).decode()
        return f"data:{mimetype};base64,{data}"

    def reload(self):
        if self.embed:
            super().reload()


def _kind(name):
    ending = pathlib.PurePath(parse.urlsplit(name).path).suffix[1:].lower()
    return {"jpg": "jpeg"}.get(ending, ending)


def _kind_of_bytes(data):
    for start, kind in ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif")):
        if data.startswith(start):
            return kind
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


class Image(_Media):
    def __init__(self, data=None, url=None, filename=None, format=None, embed=None, width=None, height=None,
                 retina=False, unconfined=False, metadata=None, alt=None):
        if isinstance(data, (str, pathlib.PurePath)) and url is None and filename is None:
            url, filename = (data, None) if str(data).startswith(("http://", "https://")) else (None, data)
            data = None
        if data is None and url is None and filename is None:
            raise ValueError("No image data found. Expecting filename, url, or data.")
        kind = _kind_of_bytes(data) if isinstance(data, bytes) else _kind(str(url if url is not None else filename))
        self.format = (format or kind or "png").lower().replace("jpg", "jpeg")
        self.embed = embed if embed is not None else url is None
        if self.embed and self.format not in ("png", "jpeg", "gif", "webp"):
            raise ValueError(f"Cannot embed the '{self.format}' image format")
        self.width, self.height, self.retina, self.unconfined, self.alt = width, height, retina, unconfined, alt
        super().__init__(data, url, filename, metadata)
        if retina and self.embed:
            self.width, self.height = (half // 2 for half in _size(self.data, self.format))

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.embed:
            return {"text/html": self._html()}, {}
        about = {"width": self.width, "height": self.height, "alt": self.alt,
                 "unconfined": self.unconfined or None, **self.metadata}
        about = {name: value for name, value in about.items() if value is not None}
        mime = f"image/{self.format}"
        return {mime: self.data}, {mime: about} if about else {}

    def _html(self):
        names = {"src": self._address(f"image/{self.format}"), "width": self.width, "height": self.height,
                 "alt": self.alt, "class": "unconfined" if self.unconfined else None}
        return f"<img{_attributes(names)}/>"


def _type_of(name):
    import mimetypes
    return mimetypes.guess_type(name)[0] if name else None


def _attributes(names):
    return "".join(f' {name}="{html.escape(str(value))}"' for name, value in names.items() if value is not None)


def _size(data, kind):
    """Width and height of a PNG or a JPEG."""
    if kind == "png":
        return struct.unpack(">II", data[16:24])
    at = 2
    while kind == "jpeg" and at + 9 <= len(data):
        mark, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")
        at += 2 + length
    raise ValueError(f"no size found in this {kind}: retina needs a PNG or a JPEG")


class Audio(_Media):
    def __init__(self, data=None, filename=None, url=None, embed=None, rate=None, autoplay=False, normalize=True, *,
                 element_id=None):
        if data is None and filename is None and url is None:
            raise ValueError("No audio data found. Expecting filename, url, or data.")
        self.embed = embed if embed is not None else url is None
        self.autoplay, self.element_id, self.mimetype = autoplay, element_id, None
        if data is not None and not isinstance(data, (bytes, str, pathlib.PurePath)):
            if rate is None:
                raise ValueError("rate must be specified when data is a numpy array or list of audio samples.")
            data = _wav(data, rate, normalize)
        super().__init__(data, url, filename)
        self.mimetype = _type_of(self.filename or self.url) or "audio/wav"

    def _repr_html_(self):
        names = {"id": self.element_id, "controls": "controls", "autoplay": "autoplay" if self.autoplay else None}
        source = {"src": self._address(self.mimetype), "type": self.mimetype}
        return f"<audio{_attributes(names)}><source{_attributes(source)}/></audio>"


def _wav(samples, rate, normalize):
    """Samples, or a list of them for each channel, as a file of 16 bits."""
    channels = [list(map(float, one)) for one in (samples if hasattr(samples[0], "__len__") else [samples])]
    most = max((abs(value) for one in channels for value in one), default=0)
    if not normalize and most > 1:
        raise ValueError("Audio data must be between -1 and 1 when normalize=False.")
    factor = 32767 / (most or 1) if normalize else 32767
    frames = [int(value * factor) for frame in zip(*channels) for value in frame]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(frames)}h", *frames))
    return file.getvalue()


class Video(_Media):
    def __init__(self, data=None, url=None, filename=None, embed=False, mimetype=None, width=None, height=None,
                 html_attributes="controls"):
        if isinstance(data, (str, pathlib.PurePath)) and url is None and filename is None:
            url, filename = (data, None) if str(data).startswith(("http://", "https://")) else (None, data)
            data = None
        if data is not None and not embed:
            raise ValueError("To embed videos, you must pass embed=True")
        self.embed, self.width, self.height, self.html_attributes = embed, width, height, html_attributes
        super().__init__(data, url, filename)
        self.mimetype = mimetype or _type_of(self.filename or self.url) or "video/mp4"

    def _repr_html_(self):
        names = {"src": self._address(self.mimetype), "width": self.width, "height": self.height}
        return f"<video {self.html_attributes}{_attributes(names)}></video>"


class IFrame:
    def __init__(self, src, width, height, extras=None, **kwargs):
        self.src, self.width, self.height, self.extras, self.params = src, width, height, extras, kwargs

    def _repr_html_(self):
        query = "?" + parse.urlencode(self.params) if self.params else ""
        names = {"width": self.width, "height": self.height, "src": f"{self.src}{query}", "frameborder": 0}
        return f"<iframe{_attributes(names)} allowfullscreen {' '.join(self.extras or ())}></iframe>"


class YouTubeVideo(IFrame):
    def __init__(self, id, width=400, height=300, allow_autoplay=False, **kwargs):
        super().__init__(f"https://www.youtube.com/embed/{id}", width, height,
                         ['allow="autoplay"'] if allow_autoplay else None, **kwargs)


class FileLink:
    def __init__(self, path, url_prefix="", result_html_prefix="", result_html_suffix="<br>"):
        self.path, self.url_prefix = os.fspath(path), url_prefix
        self.result_html_prefix, self.result_html_suffix = result_html_prefix, result_html_suffix

    def __repr__(self):
        return os.path.abspath(self.path)

    def _repr_html_(self):
        target, text = html.escape(self.url_prefix + self.path), html.escape(self.path)
        return f"{self.result_html_prefix}<a href='{target}' target='_blank'>{text}</a>{self.result_html_suffix}"


CLASSES = (DisplayObject, TextDisplayObject, Pretty, HTML, Markdown, Latex, Math, SVG, JSON, GeoJSON, Javascript, Code,
           Image, Audio, Video, IFrame, YouTubeVideo, FileLink)
for _class in CLASSES:
    _class.__module__ = "IPython.display"  # so that it can be pickled

VERSION = (9, 0, 0, "")  # what packages ask for that look whether they run in IPython


def get_ipython():
    """There is no IPython."""
    return None


class Finder:
    """The last in sys.meta_path: it finds the stand-in where there is no IPython."""

    def __init__(self, functions):
        names = {**{one.__name__: one for one in CLASSES}, **functions}
        self.names = {"IPython": {"version_info": VERSION, "__version__": "9.0.0", "get_ipython": get_ipython,
                                  "__path__": []},
                      "IPython.display": names, "IPython.core": {"__path__": []}, "IPython.core.display": names}

    def find_spec(self, name, path=None, target=None):
        return machinery.ModuleSpec(name, self, origin="pyhl") if name in self.names else None

    def create_module(self, spec):
        return types.ModuleType(spec.name, "pyhl's stand-in: a session has no IPython, but displays as it does.")

    def exec_module(self, module):
        vars(module).update(self.names[module.__name__])
        if module.__name__ == "IPython":
            import_module("IPython.display")  # an attribute of it, as in IPython
