# SPDX-License-Identifier: Apache-2.0
"""What a front end asks about source that is being written: what can stand at the cursor, what stands there, and whether
it is a whole input. Attributes are looked up without running code of the program's where that is possible."""
import ast
import builtins
import codeop
import inspect
import keyword
import os
import pkgutil
import re
import sys
import types
from importlib import util

MOST = 2000  # matches
MOST_TEXT = 500  # characters of an object's repr

NAME = r"[^\W\d]\w*"
DOTTED = rf"{NAME}(?:\s*\.\s*{NAME})*"

# What is bound to an object without running code of the program's.
HARMLESS = (types.GetSetDescriptorType, types.MemberDescriptorType, types.FunctionType, types.BuiltinFunctionType,
            types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType, classmethod,
            staticmethod)
MISSING = object()


def attempt(function, *words):
    try:
        return function(*words)
    except Exception:
        return None


def attribute(value, name):
    """The attribute, or MISSING when only code of the program's could tell (a property, __getattr__)."""
    try:
        found = inspect.getattr_static(value, name)
        if not hasattr(type(found), "__get__"):
            return found
        if not isinstance(found, HARMLESS):
            return MISSING
        return found.__get__(None, value) if isinstance(value, type) else found.__get__(value, type(value))
    except Exception:
        return MISSING


def look_up(dotted, names):
    """The object that a dotted name means, or MISSING."""
    first, *rest = re.split(r"\s*\.\s*", dotted.strip())
    value = names.get(first, getattr(builtins, first, MISSING))
    for name in rest:
        value = MISSING if value is MISSING else attribute(value, name)
    return value


def starting(prefix, words):
    """The words that go on from a prefix; private ones only when that is asked for."""
    hidden = "" if prefix.startswith("_") else "_"
    found = {word for word in words if isinstance(word, str) and word.startswith(prefix)
             and not (hidden and word.startswith(hidden))}
    return sorted(found)


def module_names(package):
    """The modules of a package that is not imported for that, or of the top."""
    if not package:
        return {*sys.builtin_module_names, *sys.stdlib_module_names, *(m.name for m in pkgutil.iter_modules())}
    top, *rest = package.split(".")
    spec = attempt(util.find_spec, top)
    folders = getattr(spec, "submodule_search_locations", None) or ()
    return {m.name for m in pkgutil.iter_modules([os.path.join(folder, *rest) for folder in folders])}


def attribute_names(value):
    return attempt(dir, value) or []


def complete_import(line):
    """(prefix, matches) within an import statement, or None."""
    found = re.fullmatch(r"\s*from\s+([\w.]+)\s+import\s+(?:\(\s*)?(?:[\w*]+(?:\s+as\s+\w+)?\s*,\s*)*(\w*)", line)
    if found:
        module = sys.modules.get(found[1])
        names = attribute_names(module) if module is not None else []
        return found[2], starting(found[2], {*names, *module_names(found[1])})
    found = re.fullmatch(r"\s*(?:from\s+|import\s+(?:[\w.]+(?:\s+as\s+\w+)?\s*,\s*)*)(?:([\w.]*)\.)?(\w*)", line)
    return found and (found[2], starting(found[2], module_names(found[1])))


def complete_key(line, names):
    """Within `name[` or `name['`: the keys of a mapping."""
    found = re.search(rf"({DOTTED})\[\s*(['\"]?)([^'\"\]\[]*)$", line)
    value = look_up(found[1], names) if found else MISSING
    if value is MISSING:
        return None
    keys = getattr(type(value), "_ipython_key_completions_", None)
    if isinstance(value, dict):
        keys = dict.keys
    elif type(value).__module__.startswith("pandas."):
        keys = getattr(type(value), "keys", None)
    words = attempt(keys, value) if callable(keys) else None
    if words is None:
        return None
    words = list(words)
    quote, prefix = found[2], found[3]
    if quote:
        return prefix, sorted(word + quote + "]" for word in words if isinstance(word, str) and word.startswith(prefix))
    texts = (repr(word) for word in words if isinstance(word, (str, int, float, bytes, tuple)))
    return prefix, sorted(text + "]" for text in texts if text.startswith(prefix))


def complete_path(line):
    """Within a string: the names of files."""
    found = re.search(r"(['\"])([^'\"]*)$", line)
    if found is None or line.count(found[1]) % 2 == 0:
        return None
    folder, slash, prefix = found[2].rpartition("/")
    try:
        with os.scandir((folder + slash) or ".") as entries:
            words = [entry.name + "/" * entry.is_dir() for entry in entries]
    except OSError:
        words = []
    return prefix, sorted(word for word in words if word.startswith(prefix) and (prefix or not word.startswith(".")))


def complete_attribute(line, names):
    found = re.search(rf"(?:({DOTTED})|(['\"\])}}]))\s*\.\s*(\w*)$", line)
    if found is None:
        return None
    value = look_up(found[1], names) if found[1] else "" if found[2] in "'\"" else MISSING
    return found[3], [] if value is MISSING else starting(found[3], attribute_names(value))


def called(line, names):
    """The function whose arguments are being written, or MISSING."""
    depth = 0
    for at in range(len(line) - 1, -1, -1):
        depth += (line[at] in ")]}") - (line[at] in "([{")
        if depth < 0:
            name = re.search(rf"({DOTTED})\s*$", line[:at])
            return look_up(name[1], names) if name and line[at] == "(" else MISSING
    return MISSING


def parameters(function):
    signature = attempt(inspect.signature, function)
    found = signature.parameters.values() if signature else ()
    return [f"{p.name}=" for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def complete_name(line, names):
    prefix = re.search(r"\w*$", line)[0]
    function = called(line, names) if prefix or line.rstrip().endswith(("(", ",")) else MISSING
    words = {*names, *dir(builtins), *keyword.kwlist}
    return prefix, ([] if function is MISSING else starting(prefix, parameters(function))) + starting(prefix, words)


def complete(source, cursor, names):
    """The record "complete", with the fields of Jupyter's complete_reply."""
    cursor = min(cursor, len(source))
    line = source[:cursor].rpartition("\n")[2]
    prefix, matches = (complete_import(line) or complete_key(line, names) or complete_path(line) or
                       complete_attribute(line, names) or complete_name(line, names))
    return {"matches": matches[:MOST], "cursor_start": cursor - len(prefix), "cursor_end": cursor, "metadata": {}}


def name_at(source, cursor):
    """The dotted name that the cursor is in or after, else that of the function whose arguments it is in."""
    before = source[:cursor]
    left = re.search(r"[\w.]*$", before)[0]
    right = re.match(r"\w*", source[cursor:])[0]
    name = (left + right).strip(".")
    if re.fullmatch(DOTTED, name):
        return name
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        depth += (before[at] in ")]}") - (before[at] in "([{")
        if depth < 0:
            found = re.search(rf"({DOTTED})\s*$", before[:at])
            return found[1] if found else ""
    return ""


def describe(name, value, more):
    """What is known of an object, a line or a paragraph each."""
    lines = []
    signature = attempt(inspect.signature, value) if callable(value) else None
    if signature is not None:
        lines.append(f"Signature: {name}{signature}")
    lines.append(f"Type:      {type(value).__name__}")
    if not callable(value) and not isinstance(value, types.ModuleType):
        text = attempt(repr, value) or "(its repr raises)"
        lines.append(f"Value:     {text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + '...'}")
    file = attempt(inspect.getfile, value)
    if file is not None and not file.startswith("<"):
        lines.append(f"File:      {file}")
    doc = attempt(inspect.getdoc, value)
    if doc:
        lines.append(f"Docstring:\n{doc}")
    source = attempt(inspect.getsource, value) if more else None
    if source:
        lines.append(f"Source:\n{source}")
    return "\n".join(lines)


def look(source, cursor, names, more):
    """The record "inspect"."""
    name = name_at(source, min(cursor, len(source)))
    value = look_up(name, names) if name else MISSING
    if value is MISSING:
        return {"found": False, "data": {}, "metadata": {}}
    return {"found": True, "data": {"text/plain": describe(name, value, more)}, "metadata": {}}


def indent_of(line):
    """How far the line after this one is indented."""
    code = line.rstrip()
    spaces = code[:len(code) - len(code.lstrip())]
    if code.endswith(":"):
        return spaces + "    "
    return spaces[:-4] if re.match(r"\s*(return|pass|break|continue|raise)\b", code) else spaces


def ends_in_block(source):
    for last in ast.parse(source).body[-1:]:
        return (hasattr(last, "body") or isinstance(last, ast.Match)) and last.end_lineno > last.lineno
    return False


def is_whole(source, futures):
    """The record "is_complete". A block goes on until a line is empty, as at python3's prompt."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | futures
    lines = source.split("\n")
    try:
        whole = compiler(source, "<input>", "exec") is not None
    except (SyntaxError, OverflowError, ValueError):
        return {"status": "invalid"}
    if whole and not (lines[-1].strip() and ends_in_block(source)):
        return {"status": "complete"}
    return {"status": "incomplete", "indent": indent_of(next((line for line in reversed(lines) if line.strip()), ""))}
