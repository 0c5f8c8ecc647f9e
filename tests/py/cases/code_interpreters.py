# Another interpreter that -c makes has the working directory first in its path, and the same flags.
import sys, _interpreters
other = _interpreters.create()
_interpreters.run_string(other, "import sys; print(sys.flags.safe_path, repr(sys.path[0]), len(sys.path), flush=True)")
_interpreters.destroy(other)
print(sys.flags.safe_path, repr(sys.path[0]), len(sys.path))
import linecache
print("linecache" in sys.modules, linecache.__spec__.name, len(linecache._interactive_cache) > 0)
