# Threads that import at once get the same whole modules; pickles find theirs.
import importlib, pickle, sys, threading

names = ["pandas", "asyncio", "json", "xml.dom.minidom", "email.mime.text", "sqlite3", "unittest", "tarfile"]
start = threading.Barrier(len(names) * 2)
got = {}


def take(number, name):
    start.wait()
    module = importlib.import_module(name)
    got[number] = (name, len(dir(module)), module is sys.modules[name], module.__spec__.name)


threads = [threading.Thread(target=take, args=item) for item in enumerate(names * 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*(got[number] for number in sorted(got)), sep="\n")
for text in (b"cfractions\nFraction\n(S'1/3'\ntR.", b"ccollections\nOrderedDict\n(tR.", b"cdecimal\nDecimal\n(S'1.5'\ntR.",
             b"cfractions\nFraction\n.", b"cos\npath\n.", b"cno_such_module\nX\n."):
    try:
        print(repr(pickle.loads(text)))
    except ImportError as error:
        print(repr(error))
frame = sys.modules["pandas"].DataFrame({"a": [1, 2]})
print(pickle.loads(pickle.dumps(frame)).equals(frame))
