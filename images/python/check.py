# SPDX-License-Identifier: Apache-2.0
#
# Run by the image's own python in the finished root: imports what the image promises, and uses what
# lives in shared libraries and data files outside Python. Prints nothing when all is well.

import importlib
import io
import warnings

STDLIB = """asyncio bz2 concurrent.futures ctypes curses dbm.gnu dbm.ndbm decimal email
    hashlib http.client json lzma multiprocessing readline sqlite3 ssl tracemalloc
    unittest uuid venv xml.etree.ElementTree zlib zoneinfo""".split()
PACKAGES = """numpy pandas pydantic yaml jinja2 bs4 tabulate click tenacity tqdm openpyxl pypdf
    markdown_it PIL.Image lxml.etree lxml.html cryptography.fernet dateutil.parser dotenv docx
    xlsxwriter matplotlib matplotlib.pyplot requests scipy.stats scipy.optimize scipy.sparse sklearn.linear_model
    seaborn httpx orjson rich.console psutil sympy networkx statsmodels.api aiohttp regex
    reportlab.pdfgen.canvas pytest""".split()


def check(condition, what):
    if not condition:
        raise SystemExit(f"image: {what}")


def check_imports():
    for name in STDLIB:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            importlib.import_module(name)
    for name in PACKAGES:
        importlib.import_module(name)


def check_numbers():
    import ctypes
    import numpy

    ill = numpy.array([[4.0, 7.0], [2.0, 6.0]])
    check(numpy.allclose(numpy.linalg.inv(ill) @ ill, numpy.eye(2)), "numpy: wrong inverse")
    umath = importlib.import_module("numpy._core._multiarray_umath")
    blas = ctypes.CDLL(umath.__file__)
    check(hasattr(blas, "openblas_get_config"), "numpy does not use openblas")


def check_tables():
    import pandas

    frame = pandas.DataFrame({"x": [1, 2, 3]})
    for engine in "openpyxl", "xlsxwriter":
        book = io.BytesIO()
        frame.to_excel(book, index=False, engine=engine)
        check(pandas.read_excel(book).equals(frame), f"pandas: xlsx differs ({engine})")
    page = io.StringIO("<table><tr><th>x</th></tr><tr><td>1</td></tr></table>")
    check(pandas.read_html(page)[0]["x"][0] == 1, "pandas: HTML table differs")


def check_plots():
    import matplotlib
    from matplotlib import pyplot
    from PIL import features

    check(matplotlib.get_backend().lower() == "agg", "matplotlib: the back end is not Agg")
    pyplot.plot([1, 2])
    pyplot.title(r"$\int_0^1 \frac{x^2}{2}\,\sum_i i$")
    for kind in "png", "pdf", "svg", "jpg":
        pyplot.savefig(io.BytesIO(), format=kind)
    for feature in "freetype2", "jpg", "jpg_2000", "libtiff", "raqm", "webp", "zlib":
        check(feature in features.get_supported(), f"PIL: no {feature}")


def check_data():
    import locale
    import pwd
    import socket
    import ssl
    import zoneinfo

    check(len(ssl.create_default_context().get_ca_certs()) > 100, "no certificates")
    check(len(zoneinfo.available_timezones()) > 400, "no time zones")
    check(locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8", "no C.UTF-8 locale")
    check(pwd.getpwuid(0).pw_dir == "/root", "no user root")
    check(socket.getservbyname("https") == 443, "no services")
    check(socket.gethostbyname("localhost") == "127.0.0.1", "no hosts")


check_imports()
check_numbers()
check_tables()
check_plots()
check_data()
