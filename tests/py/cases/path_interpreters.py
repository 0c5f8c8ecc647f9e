# Another interpreter of the script's has the script's directory first in its path, and the same flags.
import sys, tempfile, _interpreters
other = _interpreters.create()
_interpreters.run_string(other, "import sys; print(sys.flags.safe_path, repr(sys.path[0]), len(sys.path), flush=True)")
_interpreters.destroy(other)
print(sys.flags.safe_path, repr(sys.path[0]), len(sys.path))
with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/linecache.py", "w") as file:
        file.write("print('the one beside the script')\n")
    sys.path.insert(0, folder)
    import linecache
