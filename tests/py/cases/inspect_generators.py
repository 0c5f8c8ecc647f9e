"""Nothing of the preloaded packages is in the standard library's functions and tables."""
import inspect
import mimetypes
import pickle

print(inspect.isgenerator.__module__, inspect.getsource(inspect.isgenerator)[:30])
print(pickle.loads(pickle.dumps(inspect.isgenerator)) is inspect.isgenerator)
print(inspect.isgenerator(i for i in ()), inspect.isgenerator(iter(())))
print(mimetypes.inited, len(mimetypes.types_map), mimetypes.guess_type("a.docx"), mimetypes.inited)
print(len(mimetypes.types_map))
