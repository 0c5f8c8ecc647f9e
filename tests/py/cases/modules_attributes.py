# A submodule is an attribute of its package as soon as something has imported it, and not before.
def show(package, name):
    print(package.__name__, name, hasattr(package, name))


import xml, importlib, concurrent.futures, email, os, logging, encodings, collections, urllib, PIL
for package, name in ((xml, "etree"), (importlib, "metadata"), (concurrent.futures, "thread"), (email, "message"),
                      (os, "path"), (logging, "handlers"), (encodings, "cp1252"), (collections, "abc"), (urllib, "request"),
                      (PIL, "Image")):
    show(package, name)
import xml.etree.ElementTree as tree, importlib.metadata, email.message, logging.handlers, urllib.request
from PIL import Image
show(xml, "etree")
show(xml.etree, "cElementTree")
print(xml.etree.ElementTree is tree, Image.__name__, email.message.Message, importlib.metadata.version("numpy"))
print(concurrent.futures.ThreadPoolExecutor, concurrent.futures.thread.__name__, "x".encode("cp1252"), encodings)
show(encodings, "idna")
import numpy.linalg
import matplotlib
show(matplotlib, "pyplot")
from matplotlib import pyplot, dates as d
print(pyplot.__name__, d.__name__, matplotlib.pyplot is pyplot, numpy.linalg.norm([3, 4]), numpy.fft.__name__)
try:
    import json.nothing
except ImportError as error:
    print(repr(error))
try:
    from json import nothing
except ImportError as error:
    print(repr(error))
