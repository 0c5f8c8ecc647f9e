# The import system as scripts look into it: specs, loaders, reload, lazy loading, finders of their own.
import importlib, importlib.util, pkgutil, sys


def show(module):
    spec = module.__spec__
    print(spec.name, spec.origin, spec.submodule_search_locations, spec.cached, spec.parent, spec.has_location,
          type(spec).__name__, module.__loader__ is spec.loader, type(spec.loader).__name__, module.__package__,
          getattr(spec, "_initializing", None), module is sys.modules[module.__name__])


for name in ("pandas", "json", "math", "_json", "zipimport", "numpy.linalg", "xml.dom", "os.path", "no_such_module"):
    spec = importlib.util.find_spec(name)
    print(name, spec and (spec.name, spec.origin, spec.loader.__class__.__name__, spec.submodule_search_locations))
print([name for name in ("pandas", "json", "numpy", "xml", "xml.dom") if name in sys.modules])
import json, math, _json, numpy.linalg, xml.dom.minidom, pandas, dis
for module in (json, math, _json, numpy.linalg, xml.dom.minidom, pandas, dis):
    show(module)
dumps, json.mark = json.dumps, 1
print(importlib.reload(json) is json, json.mark, json.dumps is dumps, json.dumps([1]), json.decoder is sys.modules["json.decoder"])
show(json)
print(sorted(m.name for m in pkgutil.iter_modules(json.__path__)), pkgutil.get_loader("csv").get_filename())
print(len([m for m in pkgutil.iter_modules() if m.name in ("json", "pandas", "csv", "wave")]))


class Spy:
    def __init__(self):
        self.asked = []

    def find_spec(self, name, path=None, target=None):
        self.asked.append((name, path))


spy = Spy()
sys.meta_path.insert(0, spy)
import tarfile, http.client, graphlib
print(*[name for name in spy.asked if name[0] in sys.modules], sep="\n")
sys.meta_path.remove(spy)


class Wrapped:
    """A hook that asks for the spec, as packages that patch others have it."""

    def find_spec(self, name, path=None, target=None):
        if name != "calendar" or self in busy:
            return None
        busy.append(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), print("loaded", module.__name__))
        return spec


busy = []
sys.meta_path.insert(0, Wrapped())
import calendar
print(calendar.isleap(2024), calendar is sys.modules["calendar"])
del sys.meta_path[0]
spec = importlib.util.find_spec("fractions")
spec.loader = importlib.util.LazyLoader(spec.loader)
fractions = importlib.util.module_from_spec(spec)
sys.modules["fractions"] = fractions
spec.loader.exec_module(fractions)
print(type(fractions).__name__, fractions.Fraction(1, 2), type(fractions).__name__)
import _bisect, importlib.machinery
print(importlib.machinery.PathFinder.find_spec("csv").origin, _bisect.__spec__.origin, importlib.invalidate_caches())
heard = []
sys.addaudithook(lambda event, args: heard.append(args[0]) if event == "import" and args[1] is None else None)
import mimetypes, xml.sax.saxutils
print([name for name in heard if name in sys.modules])
